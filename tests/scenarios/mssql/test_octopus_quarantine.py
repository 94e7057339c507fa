# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restored copy of each schema put under quarantine over real ODBC: what is silenced, what is left, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from lab.core.filesystem import Logon
from lab.octopus import folders, licence, moments, versions
from lab.octopus.documents import insert, select
from lab.octopus.documents import update as save
from lab.octopus.folders import Files
from lab.octopus.seed import seed
from scenarios.mssql.conftest import World

NAME = "Octopus [clone]"
SOURCE = {"host": "sql-prod.lab.example", "database": "Octopus", "server_name": "SQL-PROD"}
HOME = "D:\\Octopus"
SECRET = "c2VjcmV0LW9mLWdpdA=="
LONG = "ö" * 5000 + "\U0001f419"
SQL_2014, SQL_2017 = "12.0.6449.1", "14.0.3456.2"
one_driver = pytest.mark.parametrize("driver", ["microsoft"], indirect=True)
_POLICY = {
    "Name": "Ours",
    "MachineCleanupPolicy": {"DeleteMachinesBehavior": "DeleteUnavailableMachines", "DeleteMachinesElapsedTimeSpan": "00:10:00"},
    "MachineUpdatePolicy": {"CalamariUpdateBehavior": "UpdateAlways", "TentacleUpdateBehavior": "Update"},
}
_GIT = {
    "Type": "VersionControlled",
    "Url": "https://bot:token@git.lab.example/web.git",
    "Credentials": {"Type": "UsernamePassword", "Username": "bot", "Password": SECRET},
    "ProtectedDefaultBranch": False,
}
_SETTINGS = {
    "telemetry": {"Enabled": True, "ShowAsNewUntil": None},
    "letsencrypt": {"Enabled": True, "DnsName": "octopus.lab.example"},
    "audit-stream": {"Active": True, "Splunk": {"EndpointUrl": "https://splunk.lab.example:8088", "Token": SECRET}},
    "nobody-knows": {"IsEnabled": True, "Text": LONG, "Ratio": 0.10, "Big": 12345678901234567890},
}


@dataclass
class Clone:
    """A copy of an instance's database on a SQL Server, and the module run against it."""

    world: World
    version: str
    database: str = NAME

    def module(self, check_mode: bool = False, **params: Any) -> dict[str, Any]:
        result = self.world.module("octopus_quarantine", check_mode, **({"database": self.database, "stale_after": 60} | params))
        assert SECRET not in json.dumps(result)
        return result

    def apply(self, check_mode: bool = False, **params: Any) -> dict[str, Any]:
        return self.module(check_mode, **({"state": "applied", "name": "rehearsal", "source": SOURCE} | params))

    def verify(self, **params: Any) -> dict[str, Any]:
        return self.module(state="verified", **params)

    def rows(self, table: str) -> dict[str, dict[str, Any]]:
        connection = self.world.sql.open(self.database, login="backup")
        try:
            return {row["Id"]: row for row in select(connection, table)}
        finally:
            connection.close()

    def write(self, sql: str, *params: Any) -> None:
        connection = self.world.sql.open(self.database, login="backup")
        try:
            connection.execute(sql, params)
        finally:
            connection.close()

    def add(self, table: str, **document: Any) -> None:
        connection = self.world.sql.open(self.database, login="backup")
        try:
            insert(connection, table, document)
        finally:
            connection.close()

    def change(self, table: str, key: str, **values: Any) -> None:
        connection = self.world.sql.open(self.database, login="backup")
        try:
            row = select(connection, table, 'WHERE "Id" = ?', (key,))[0]
            save(connection, table, {**row, **values})
        finally:
            connection.close()

    def everything(self) -> str:
        """Each row of each table, those of the quarantine too."""
        connection = self.world.sql.open(self.database, login="backup")
        try:
            names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()]
            return "\n".join(f"{name}: {connection.execute(f'SELECT * FROM [{name}]').fetchall()}" for name in names)
        finally:
            connection.close()

    @property
    def spaces(self) -> bool:
        return versions.has(self.version, "spaces")


@pytest.fixture
def make_clone(make_world: Callable[..., World]) -> Callable[..., Clone]:
    def make(version: str = "2025.3.14357", sql: str = SQL_2017, database: str = NAME, age: float = 3600) -> Clone:
        """``age``: seconds since the last heartbeat."""
        world = make_world(version=sql)
        world.sql.create_database(database)
        clone = Clone(world, version, database)
        connection = world.sql.open(database, login="backup")
        values: dict[str, str | None] = {name: f"{HOME}\\{name}" for name in folders.names(version)}
        seed(
            connection,
            Files(world.machine.fs, Logon.service("SYSTEM"), HOME),
            version=version,
            nodes=["OCTO-A", "OCTO-B"],
            now=world.network.clock.now(),
            master_key="bGFiLW1hc3Rlci1rZXkhIQ==",
            number=3,
            roots={name: str(path) for name, path in values.items()},
            folder_values=values,
            license_xml=licence.text(),
            server_uri="https://octopus.lab.example",
            size=0.2,
        )
        insert(connection, "MachinePolicy", {"Id": "MachinePolicies-9", **_POLICY})
        for key, value in _SETTINGS.items():
            connection.execute(
                'INSERT OR REPLACE INTO "Configuration" ("Id", "JSON") VALUES (?, ?)', (key, json.dumps(value, ensure_ascii=False))
            )
        now = world.network.clock.now()
        for task, state, due in (("a", "Executing", -60), ("b", "Queued", -60), ("c", "Cancelling", -60), ("d", "Paused", 86400)):
            insert(
                connection,
                "ServerTask",
                {
                    "Id": f"ServerTasks-{task}",
                    "Name": "Deploy",
                    "State": state,
                    "QueueTime": now + timedelta(seconds=due),
                    "ServerNodeId": None,
                },
            )
        seen = moments.text(now - timedelta(seconds=age))
        for table in ("OctopusServerNode", "OctopusServerNodeStatus"):
            with suppress(Exception):  # the column moves with the version
                connection.execute(f'UPDATE "{table}" SET "LastSeen" = ?', (seen,))
        connection.close()
        clone.change("Project", "Projects-1", PersistenceSettings=_GIT)
        clone.change("Feed", "feeds-builtin", DeleteUnreleasedPackagesAfterDays=30)
        clone.change("Lifecycle", "Lifecycles-1", ReleaseRetentionPolicy={"Unit": "Days", "QuantityToKeep": 3, "ShouldKeepForever": False})
        clone.change("Machine", "Machines-1", IsDisabled=False)
        return clone

    return make


@pytest.mark.parametrize(
    ("version", "sql"),
    [("2018.4.1", SQL_2014), ("2018.10.7", SQL_2014), ("2019.13.7", SQL_2017), ("2022.2.8552", "15.0.4430.1"), ("2025.3.14357", SQL_2014)],
)
def test_silenced_and_proven(make_clone: Callable[..., Clone], version: str, sql: str) -> None:
    clone = make_clone(version, sql)
    had = {
        table: clone.rows(table)
        for table in ("Machine", "Worker", "ProjectTrigger", "Subscription", "Project", "ServerTask", "Configuration")
    }
    clone.write('DELETE FROM "Configuration" WHERE "Id" = ?', "upgradeconfiguration")
    before = clone.everything()
    assert clone.verify()["failed"] is True
    assert clone.module(state="queried")["quarantined"] is False
    told = clone.apply(check_mode=True)
    assert not told.get("failed"), told
    assert told["changed"] is True
    assert clone.everything() == before

    result = clone.apply(server_uri="https://clone.lab.example", restore_point="point-1")
    assert not result.get("failed"), result
    assert result["changed"] is True
    assert result["items"].keys() == told["items"].keys()
    assert result["items"] == told["items"]
    assert all(check["ok"] for check in result["checks"]) and len(result["checks"]) > 15
    for table in ("Machine", "Worker", "ProjectTrigger", "Subscription"):
        after = clone.rows(table)
        assert after.keys() == had[table].keys()
        assert all(row["IsDisabled"] for row in after.values()), table
        loud = sum(not row["IsDisabled"] for row in had[table].values())
        item = {"Machine": "targets", "Worker": "workers", "ProjectTrigger": "triggers", "Subscription": "subscriptions"}[table]
        assert result["items"][item] == {"changed": loud, "were_so_already": len(after) - loud}
    tasks = clone.rows("ServerTask")
    for key, row in tasks.items():
        ended = had["ServerTask"][key]["State"] in ("Success", "Failed")
        assert row["State"] == (had["ServerTask"][key]["State"] if ended else "Canceled")
        assert moments.moment(row["CompletedTime"])
    assert result["items"]["tasks"]["changed"] == 5
    assert clone.rows("OctopusServerNode") == {} == (clone.rows("OctopusServerNodeStatus"))
    projects = clone.rows("Project")
    assert not any(row["AutoCreateRelease"] for row in projects.values())
    assert projects["Projects-1"]["PersistenceSettings"] == {
        **_GIT,
        "Url": "https://git.lab.example/web.git",
        "Credentials": {"Type": "Anonymous"},
        "ProtectedDefaultBranch": True,
    }
    if clone.spaces:
        assert all(space["TaskQueueStopped"] for space in clone.rows("Space").values())
        assert [row["IsDisabled"] for row in projects.values()] == [row["IsDisabled"] for row in had["Project"].values()]
    else:
        assert all(row["IsDisabled"] for row in projects.values())
    settings = clone.rows("Configuration")
    assert settings["smtp"] == had["Configuration"]["smtp"] | {"SmtpHost": ""}
    assert settings["server"]["ServerUri"] == "https://clone.lab.example"
    assert settings["telemetry"]["Enabled"] is settings["letsencrypt"]["Enabled"] is settings["audit-stream"]["Active"] is False
    assert settings["audit-stream"]["Splunk"] == {"EndpointUrl": "", "Token": SECRET}
    assert settings["upgradeconfiguration"] == {"Id": "upgradeconfiguration", "AllowChecking": False, "IncludeStatistics": False}
    assert settings["nobody-knows"] == had["Configuration"]["nobody-knows"]
    policy = clone.rows("MachinePolicy")["MachinePolicies-9"]
    assert policy["MachineCleanupPolicy"] == {"DeleteMachinesBehavior": "DoNotDelete", "DeleteMachinesElapsedTimeSpan": "00:10:00"}
    assert policy["MachineUpdatePolicy"] == {"CalamariUpdateBehavior": "UpdateOnDeployment", "TentacleUpdateBehavior": "NeverUpdate"}
    lifecycle = clone.rows("Lifecycle")["Lifecycles-1"]
    assert lifecycle["ReleaseRetentionPolicy"]["QuantityToKeep"] == 0 == lifecycle["TentacleRetentionPolicy"]["QuantityToKeep"]
    assert clone.rows("Feed")["feeds-builtin"]["DeleteUnreleasedPackagesAfterDays"] is None
    old, new = had["Configuration"]["upgradeavailability"]["InstallationId"], settings["upgradeavailability"]["InstallationId"]
    assert (result["record"]["previous_installation_id"], result["record"]["installation_id"]) == (old, new)
    assert old != new
    assert set(clone.rows("ExtensionConfiguration")) == set()
    assert len(clone.rows("ApiKey")) == 3  # not asked for
    assert any("licence" in note for note in result["notes"])

    assert clone.verify(source=SOURCE, server_uri="https://clone.lab.example").get("failed") is None
    now = clone.everything()
    again = clone.apply(server_uri="https://clone.lab.example", restore_point="point-1")
    assert (again["changed"], clone.everything()) == (False, now)
    assert again["record"] == result["record"]
    assert all(counts["changed"] == 0 for counts in again["items"].values())
