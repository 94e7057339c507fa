# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restored copy of an instance's database on a SQL Server, and the quarantine run against it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lab.core.filesystem import Logon
from lab.octopus import folders, licence, moments, versions
from lab.octopus.documents import insert, select
from lab.octopus.documents import update as save
from lab.octopus.folders import Files
from lab.octopus.seed import seed

if TYPE_CHECKING:
    from scenarios.mssql.conftest import World

NAME = "Octopus [clone]"
SOURCE = {"host": "sql-prod.lab.example", "database": "Octopus", "server_name": "SQL-PROD"}
HOME = "D:\\Octopus"
WAIVED = "unlisted:Configuration/nobody-knows"
SECRET = "c2VjcmV0LW9mLWdpdA=="
LONG = "ö" * 5000 + "\U0001f419"
SQL_2014, SQL_2017 = "12.0.6449.1", "14.0.3456.2"
POLICY = {
    "Name": "Ours",
    "MachineCleanupPolicy": {"DeleteMachinesBehavior": "DeleteUnavailableMachines", "DeleteMachinesElapsedTimeSpan": "00:10:00"},
    "MachineUpdatePolicy": {"CalamariUpdateBehavior": "UpdateAlways", "TentacleUpdateBehavior": "Update"},
}
GIT = {
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

_SINCE = {"audit-stream": "2022.4", "telemetry": "2021.1"}


@dataclass
class Clone:
    """A copy of an instance's database on a SQL Server, and the module run against it."""

    world: World
    version: str
    database: str = NAME

    def module(self, kind: str, check_mode: bool = False, **params: Any) -> dict[str, Any]:
        known = {"database": self.database} | ({} if kind == "_info" else {"waivers": [WAIVED]})
        result = self.world.module(f"octopus_quarantine{kind}", check_mode, **(known | params))
        assert SECRET not in json.dumps(result)
        return result

    def apply(self, check_mode: bool = False, **params: Any) -> dict[str, Any]:
        return self.module("", check_mode, **({"name": "rehearsal", "source": SOURCE, "stale_after": 60} | params))

    def verify(self, **params: Any) -> dict[str, Any]:
        return self.module("_verify", **params)

    def info(self, **params: Any) -> dict[str, Any]:
        return self.module("_info", **params)

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


def new_clone(world: World, version: str, database: str = NAME, age: float = 3600) -> Clone:
    """Make the copy of an instance's database, whose last heartbeat is ``age`` seconds old."""
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
    insert(connection, "MachinePolicy", {"Id": "MachinePolicies-9", **POLICY})
    for key, value in _SETTINGS.items():
        if not versions.at_least(version, _SINCE.get(key, "3.0")):
            continue
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
    git = {"PersistenceSettings": GIT} if versions.at_least(version, "2021.1") else {}
    clone.change("Project", "Projects-1", ReleaseNotesTemplate=LONG, **git)
    clone.change("Feed", "feeds-builtin", DeleteUnreleasedPackagesAfterDays=30)
    clone.change("Lifecycle", "Lifecycles-1", ReleaseRetentionPolicy={"Unit": "Days", "QuantityToKeep": 3, "ShouldKeepForever": False})
    clone.change("Machine", "Machines-1", IsDisabled=False)
    return clone
