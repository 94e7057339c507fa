# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What no list knows stops a clone: twelve dangers that were made up a moment ago are found, and nothing in the lab's own data is."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from ansible_collections.octopus.upgrade.tests.unit.unlisted_dangers import Danger, invented
from lab.octopus.relational import TABLES, make_relational
from scenarios.mssql.clone import SQL_2014, SQL_2017, WAIVED, Clone
from scenarios.mssql.test_octopus_quarantine import names, one_driver


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> Iterator[int]:
    """A number that differs each time; with it printed, a failure can be had again."""
    number = random.SystemRandom().randrange(2**32)
    print(f"the invented dangers are those of the number {number}")
    yield number


def plant(clone: Clone, danger: Danger) -> None:
    """Run its statements in the clone's database."""
    for sql, params in danger.statements:
        clone.write(sql, *params)


@pytest.mark.parametrize(
    ("version", "sql"),
    [("3.17.14", SQL_2014), ("2018.4.1", SQL_2014), ("2019.13.7", SQL_2017), ("2022.2.8552", SQL_2017), ("2025.3.14357", SQL_2014)],
)
@one_driver
def test_twelve_dangers_that_no_list_knows(make_clone: Callable[..., Clone], seed: int, version: str, sql: str) -> None:
    clone = make_clone(version, sql)
    applied = clone.apply()
    assert applied.get("failed") is None, applied["msg"]
    dangers = invented(random.Random(seed))
    assert len(dangers) == 12
    for danger in dangers:
        plant(clone, danger)
    result = clone.verify()
    assert result["failed"] is True
    found = {check["name"] for check in result["checks"] if not check["ok"]}
    assert [danger.what for danger in dangers if not any(danger.names(name) for name in found)] == []
    told = str(result)
    assert [danger.what for danger in dangers if any(value in told for value in danger.values)] == []
    # Each can be accepted by its name, and nothing else is.
    unlisted = sorted(name for name in found if name.startswith("unlisted:"))
    assert names(clone.verify(waivers=[WAIVED, *unlisted])) == found - {*unlisted, "unlisted"}
    assert unlisted[0] in names(clone.verify(waivers=[WAIVED, *unlisted[1:]]))


@one_driver
def test_a_danger_that_no_list_knows_stops_the_quarantine(make_clone: Callable[..., Clone]) -> None:
    clone = make_clone()
    clone.write('CREATE TABLE "ChatRelay" ("Id" nvarchar(50) NOT NULL PRIMARY KEY, "Endpoint" nvarchar(400), "IsOn" bit NOT NULL)')
    clone.write('INSERT INTO "ChatRelay" VALUES (?, ?, 1)', "ChatRelays-1", "https://chat.lab.example/hook")
    before = clone.everything()
    result = clone.apply()
    assert result["failed"] is True
    assert "unlisted:ChatRelay.Endpoint: an address outside in 1 row" in result["msg"] and "unlisted:ChatRelay.IsOn" in result["msg"]
    assert "chat.lab.example" not in str(result)
    assert clone.everything() == before
    assert clone.apply(waivers=[WAIVED, "unlisted:ChatRelay"])["changed"] is True
    assert names(clone.verify()) == {"unlisted", "unlisted:ChatRelay.Endpoint", "unlisted:ChatRelay.IsOn"}


@one_driver
def test_a_server_that_is_newer_than_the_list(make_clone: Callable[..., Clone]) -> None:
    clone = make_clone()
    clone.add(
        "OctopusServerInstallationHistory", Id="history-new", Node="OCTO-A", Version="2031.2.5", Installed=clone.world.network.clock.now()
    )
    assert "unlisted:server-2031.2: version 2031.2.5" in clone.apply()["msg"]
    assert clone.apply(waivers=[WAIVED, "unlisted:server-2031.2"])["changed"] is True
    assert names(clone.verify(waivers=[WAIVED, "unlisted:server-2031.1"])) == {"unlisted", "unlisted:server-2031.2"}


# What the collection then says of a table that it would have to change.
RELATIONAL = {
    "MachinePolicy": "MachinePolicy (neither a known column nor JSON",
    "Lifecycle": "Expected a column ReleaseRetentionPolicy or JSON in the row Lifecycles-1 of the table Lifecycle",
    "Runbook": "Runbook (neither a known column nor JSON",
    "Project": "git: a Git repository can be written to by: Project (neither a known column nor JSON",
}


@one_driver
def test_a_table_without_json_is_refused_and_not_taken_for_silent(make_clone: Callable[..., Clone]) -> None:
    """What is in columns of the same names is silenced; what is in places that nobody knows is never passed over."""
    clone = make_clone()
    connection = clone.world.sql.open(clone.database, login="backup")
    try:
        make_relational(connection, tuple(name for name in TABLES if name not in RELATIONAL))
    finally:
        connection.close()
    applied = clone.apply()
    assert applied.get("failed") is None, applied["msg"]
    for table, said in RELATIONAL.items():
        other = make_clone()
        connection = other.world.sql.open(other.database, login="backup")
        try:
            make_relational(connection, (table,))
        finally:
            connection.close()
        before = other.everything()
        result = other.apply()
        assert result.get("failed") is True and said in result["msg"], (table, result.get("msg"))
        assert other.everything() == before


@one_driver
def test_a_property_that_has_moved_out_of_the_json(make_clone: Callable[..., Clone]) -> None:
    clone = make_clone()
    assert clone.apply()["changed"] is True
    clone.write('UPDATE "MachinePolicy" SET "JSON" = json_remove("JSON", \'$.MachineCleanupPolicy\') WHERE "Id" = ?', "MachinePolicies-9")
    assert "MachinePolicies-9 (no DeleteMachinesBehavior)" in clone.verify()["msg"]
    clone.write('UPDATE "Lifecycle" SET "JSON" = json_remove("JSON", \'$.ReleaseRetentionPolicy.Strategy\')')
    assert names(clone.verify()) == {"machine_policies", "retention"}
