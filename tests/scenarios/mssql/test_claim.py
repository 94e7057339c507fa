# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The claim of a run on a database: one of two gets it, it outlives its session and a restore of the database, and leaves nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql import claim as claims
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.claim import Claim, ClaimUnreadable
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection, connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from scenarios.mssql.conftest import PASSWORD, World

NAME = "octopus.upgrade Octopus"
one_driver = pytest.mark.parametrize("driver", ["microsoft"], indirect=True)


def of(who: str, run_id: str = "R1") -> Claim:
    return Claim(run_id, "prod", f"octo-{who}", f"{who}@ctrl", "upgrade", f"token-{who}")


def log_in(world: World, login: str = "backup") -> SqlConnection:
    login_of = world.login | {"login_user": login}
    options = SqlOptions(
        login_of["login_host"], user=login, password=PASSWORD, driver=world.driver, ca_path=login_of["ca_path"], login_timeout=10
    )
    return connect(options)


@pytest.fixture
def least(make_world: Callable[..., World]) -> World:
    """A server with logins that have what the guide says, and no more."""
    world = make_world()
    for login in ("anna", "bert"):
        world.sql.add_login(login, PASSWORD, roles={"dbcreator"})
    return world


def never(found: Claim) -> None:
    raise MssqlError(f"held by {found.owner}")


def whatever(_found: Claim) -> None:
    return


def test_it_is_taken_read_and_released_with_what_a_rollback_needs_anyway(least: World) -> None:
    with log_in(least, "anna") as connection:
        assert claims.read(connection, "Octopus") is None and not claims.release(connection, "Octopus", "token-anna")
        assert claims.take(connection, "Octopus", of("anna"), never) == (True, None)
        assert claims.take(connection, "Octopus", of("anna"), never) == (False, None)
    with log_in(least, "anna") as connection:  # another session, as the next task has
        found = claims.read(connection, "Octopus")
        assert (
            found is not None and (found.run_id, found.coordinator, found.epoch) == ("R1", "octo-anna", 1) and found.since.startswith("20")
        )
        with pytest.raises(MssqlError, match="held by anna@ctrl"):
            claims.take(connection, "Octopus", of("bert"), never)
        assert not claims.release(connection, "Octopus", "token-bert")
        assert claims.release(connection, "Octopus", "token-anna")
    assert least.sql.database(NAME) is None


@one_driver
def test_who_takes_it_over_is_of_a_later_epoch(least: World) -> None:
    with log_in(least, "anna") as connection:
        claims.take(connection, "Octopus", of("anna"), never)
        changed, over = claims.take(connection, "Octopus", of("bert"), whatever)
        assert changed and over is not None and over.owner == "anna@ctrl"
        found = claims.read(connection, "Octopus")
        assert found is not None and (found.holder, found.epoch) == ("token-bert", 2)
        assert not claims.release(connection, "Octopus", "token-anna"), "what was taken over is no longer the first one's"


@one_driver
def test_another_login_is_told_that_there_is_one(least: World) -> None:
    with log_in(least, "anna") as first, log_in(least, "bert") as second:
        claims.take(first, "Octopus", of("anna"), never)
        with pytest.raises(ClaimUnreadable, match="another login has claimed it"):
            claims.take(second, "Octopus", of("bert"), never)
        assert not claims.release(second, "Octopus", "token-anna")
        assert claims.take(second, "Octopus", of("bert"), never, break_unreadable=True) == (True, None)
        with pytest.raises(ClaimUnreadable):
            claims.read(first, "Octopus")


@one_driver
def test_what_an_interrupted_process_has_left_belongs_to_nobody(least: World) -> None:
    with log_in(least, "anna") as connection:
        connection.execute_drained(f"CREATE DATABASE [{NAME}]")
        assert claims.read(connection, "Octopus") is None
        assert claims.take(connection, "Octopus", of("anna"), never) == (True, None)


@one_driver
def test_of_two_at_once_one_gets_it(least: World) -> None:
    outcomes: dict[str, Any] = {}
    barrier = threading.Barrier(2)

    def take(who: str) -> None:
        with log_in(least, "anna") as connection:
            barrier.wait(30)
            try:
                outcomes[who] = claims.take(connection, "Octopus", of(who), never)[0]
            except MssqlError as error:
                outcomes[who] = str(error)

    for _time in range(5):
        threads = [threading.Thread(target=take, args=(who,)) for who in ("one", "two")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        [winner] = [who for who, outcome in outcomes.items() if outcome is True]
        assert f"held by {winner}@ctrl" in [str(outcome) for outcome in outcomes.values()][1 if winner == next(iter(outcomes)) else 0]
        with log_in(least, "anna") as connection:
            assert claims.release(connection, "Octopus", f"token-{winner}")
        outcomes.clear()


def test_a_long_name_is_shortened_and_stays_its_own() -> None:
    one, two = (claims.name_for("x" * 120 + end) for end in "ab")
    assert len(one) == len(two) == claims.LONGEST and one != two


@one_driver
def test_without_the_right_to_create_databases_there_is_none(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.sql.add_login("anna", PASSWORD)
    with log_in(world, "anna") as connection, pytest.raises(MssqlError) as caught:
        claims.take(connection, "Octopus", of("anna"), never)
    assert caught.value.number == claims.NO_RIGHT
