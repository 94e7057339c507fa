# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases dropped, with both ODBC drivers: gone with their files, and never one that is used, is part of something, or is the only copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql import removal
from lab.sql.database import Database
from scenarios.mssql.conftest import World

OLD = "Octopus failed 20261125T132400Z"
DROP = f"DROP DATABASE [{OLD}]"
# Where nothing depends on what a driver makes of it.
one_driver = pytest.mark.parametrize("driver", ["microsoft"], indirect=True)


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return kept(make_world())


def kept(world: World) -> World:
    """As after a restore that has kept what was there."""
    world.sql.create_database(OLD)
    return world


def database(world: World, name: str = OLD) -> Database:
    found = world.sql.database(name)
    assert found is not None, f"no database {name}"
    return found


def drop(world: World, check_mode: bool = False, **params: Any) -> dict[str, Any]:
    return world.module("mssql_database", check_mode, **({"name": OLD, "state": "absent", "replaced_by": "Octopus"} | params))


def good(result: dict[str, Any]) -> dict[str, Any]:
    assert not result.get("failed"), result
    return result


def refused(world: World, *words: str, name: str = OLD, **params: Any) -> None:
    """In check mode and without, before anything is sent that changes something."""
    mark = world.ledger.mark()
    for check_mode in (True, False):
        result = drop(world, check_mode, name=name, **params)
        assert result.get("failed"), result
        for some in words:
            assert some in result["msg"]
    ran = {event["sql"].split()[0] for event in world.ledger.events("sql", since=mark)}
    assert not ran & {"ALTER", "DROP", "KILL", "USE"}
    database(world, name)


def test_dropped_once_with_its_files_and_nothing_else(world: World) -> None:
    files = [file.path for file in database(world).files]
    assert all(world.is_file(path) for path in files)
    others = {one.name for one in world.sql.databases.values()} - {OLD}
    dropped = good(drop(world))
    assert (dropped["changed"], dropped["database"], dropped["sql"]) == (True, OLD, [DROP])
    assert {one.name for one in world.sql.databases.values()} == others
    assert not any(world.is_file(path) for path in files)
    assert DROP in [event["sql"] for event in world.ledger.events("sql")]

    mark = world.ledger.mark()
    for check_mode in (True, False):
        again = good(drop(world, check_mode))
        assert (again["changed"], again["sql"]) == (False, [])
    assert not [event for event in world.ledger.events("sql", since=mark) if not event["sql"].startswith(("SELECT", "SET"))]


def test_check_mode_changes_nothing(world: World) -> None:
    mark = world.ledger.mark()
    result = good(drop(world, check_mode=True))
    assert (result["changed"], result["sql"]) == (True, [DROP])
    assert not world.ledger.events("file", since=mark)
    assert DROP not in [event["sql"] for event in world.ledger.events("sql", since=mark)]
    assert database(world).user_access == "MULTI_USER"


def test_somebody_is_connected(world: World) -> None:
    reader = world.sql.open(OLD, login="backup", program="reports", host="pc7")
    refused(world, f"Expected nobody to be using {OLD}", "backup from pc7 (reports)", "Stop what uses it")
    assert len(world.sql.sessions_in(database(world))) == 1, "nobody is disconnected"
    reader.close()
    assert good(drop(world))["changed"]


def test_somebody_who_comes_in_between_is_not_disconnected(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the statement: SQL Server itself refuses it."""
    found: list[Any] = []
    run = removal.run

    def come_first(*args: Any) -> None:
        found.append(world.sql.open(OLD, login="backup", program="reports", host="pc7"))
        run(*args)

    monkeypatch.setattr(removal, "run", come_first)
    result = drop(world)
    assert "backup from pc7 (reports)" in result["msg"]
    assert len(world.sql.sessions_in(database(world))) == len(found) == 1
    assert database(world).user_access == "MULTI_USER"


@one_driver
@pytest.mark.parametrize(
    ("params", "state", "said"),
    [
        ({"replaced_by": "Octopuss"}, "ONLINE", "there is none of that name"),
        ({"replaced_by": OLD.upper()}, "ONLINE", "it is that very database"),
        ({}, "RESTORING", "it is RESTORING"),
        ({}, "OFFLINE", "it is OFFLINE"),
        ({}, "SUSPECT", "it is SUSPECT"),
    ],
)
def test_what_has_taken_its_place_is_not_there(world: World, params: dict[str, Any], state: str, said: str) -> None:
    database(world, "Octopus").state = state
    refused(world, said, "may be the only copy and was not dropped", **params)
    database(world, "Octopus").state = "ONLINE"
    assert good(drop(world))["changed"]


@one_driver
@pytest.mark.parametrize("state", ["RESTORING", "SUSPECT", "RECOVERY_PENDING"])
def test_one_that_nobody_can_use_is_dropped_too(world: World, state: str) -> None:
    database(world).state = state
    assert good(drop(world))["changed"]
    assert world.sql.database(OLD) is None


@one_driver
def test_one_that_is_offline_would_leave_its_files(world: World) -> None:
    database(world).state = "OFFLINE"
    refused(world, "it is offline", "its files would be left", f"ALTER DATABASE [{OLD}] SET ONLINE")


@one_driver
def test_without_another_that_replaces_it(world: World) -> None:
    world.sql.drop_database(database(world, "Octopus"))
    assert good(drop(world, replaced_by=None))["changed"]


def test_snapshots(world: World) -> None:
    good(world.module("mssql_snapshot", database=OLD, name="before"))
    refused(world, "it has before on SQL Server", "mssql_snapshot")
    refused(world, f"before on SQL Server {world.machine.address},1433 is a snapshot of {OLD}", "Use mssql_snapshot", name="before")
    good(world.module("mssql_snapshot", database=OLD, name="before", state="absent"))
    assert good(drop(world))["changed"]


@one_driver
@pytest.mark.parametrize("name", ["master", "MASTER", "model", "msdb", "tempdb"])
def test_a_system_database(world: World, name: str) -> None:
    refused(world, f"{name} is a system database of SQL Server", name=name)


@one_driver
def test_in_an_availability_group_or_mirrored(world: World) -> None:
    database(world).group = "ag"
    refused(world, "in an availability group or mirrored", "Remove it from there first")
    database(world).group = None
    database(world).mirrored = True
    refused(world, "in an availability group or mirrored")
    database(world).mirrored = False
    assert good(drop(world))["changed"]


@one_driver
def test_rights(world: World) -> None:
    world.sql.add_login("weak", "Weak!1")
    login: dict[str, Any] = {"login_user": "weak", "login_password": "Weak!1"}
    refused(world, "the login weak does not have it", "dbcreator", **login)
    world.sql.logins["weak"].roles.add("dbcreator")
    reader = world.sql.open(OLD, login="backup", program="reports", host="pc7")
    unseen = drop(world, **login)  # it may not see who is connected, and SQL Server knows
    assert "sessions that the login may not see" in unseen["msg"]
    assert len(world.sql.sessions_in(database(world))) == 1
    reader.close()
    assert good(drop(world, **login))["changed"]


@pytest.mark.parametrize("name", ["it's ]x[", "Größe 日本", "a.b;-- :*?"])
def test_odd_names(world: World, name: str) -> None:
    world.sql.create_database(name)
    assert good(drop(world, name=name))["changed"]
    assert world.sql.database(name) is None
    database(world)
