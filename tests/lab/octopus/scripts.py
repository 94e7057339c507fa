# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The schema scripts: numbered, in the order of the versions that brought them, each with what it does beyond the schema itself.

The journal is DbUp's table ``SchemaVersions``. Numbers and names are *assumed*, but for those that issues name: Script0180
BuiltInFeedMigration (2019.1, #5262), Script0266 (#6983) and Script0541 (2025.2.5584, #9624).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..tds.engine_api import SqlError
from . import defects, permissions, schema, versions
from .database import Connection, column_names, has_table, rows
from .documents import insert, select, upsert
from .folders import ROW, Files, resolve
from .moves import move_packages

PREFIX = "Octopus.Core.UpgradeScripts."
SPACE = "Spaces-1"


@dataclass
class Context:
    """What a running upgrade has at hand."""

    connection: Connection
    files: Files
    binary: str
    before: str  # the version of the schema that was found
    ptm: bool = False
    notes: list[dict[str, Any]] = field(default_factory=list)  # what it did outside the database


Effect = Callable[[Context, Callable[[], None]], None]


@dataclass(frozen=True)
class Script:
    """One script: the version that brought it; ``effect`` gets the context and a function that changes the tables."""

    number: int
    name: str
    version: str
    tables: tuple[str, ...] = ()  # whose rows it touches, for the time that it takes
    effect: Effect | None = None

    @property
    def journal(self) -> str:
        """Its name in ``SchemaVersions``."""
        return f"{PREFIX}Script{self.number:04d}{self.name}"


def _spaces(context: Context, change: Callable[[], None]) -> None:
    """2019.1: everything becomes part of the space "Default", whose managers are the administrators."""
    change()
    connection = context.connection
    upsert(
        connection,
        "Space",
        {
            "Id": SPACE,
            "Name": "Default",
            "Slug": "default",
            "IsDefault": True,
            "TaskQueueStopped": False,
            "SpaceManagersTeams": ["teams-spacemanagers-Spaces-1"],
            "SpaceManagersTeamMembers": [],
        },
    )
    for table in schema.TABLES.values():
        if "SpaceId" not in column_names(connection, table.name):
            continue
        where = " WHERE \"Name\" NOT IN ('SystemIntegrityCheck', 'Retention')" if table.name == "ServerTask" else ""
        where = " WHERE \"Id\" <> 'teams-administrators'" if table.name == "Team" else where
        connection.execute(f'UPDATE "{table.name}" SET "SpaceId" = ?{where}', (SPACE,))
    for role_id, (name, system, space) in permissions.ROLES.items():
        upsert(
            connection,
            "UserRole",
            {
                "Id": role_id,
                "Name": name,
                "GrantedSystemPermissions": list(system),
                "GrantedSpacePermissions": list(space),
                "CanBeDeleted": False,
            },
        )
    number = 0
    administrators: list[str] = []
    for team in select(connection, "Team"):
        for role in team.get("UserRoleIds", []):
            number += 1
            in_system = role == "userroles-systemadministrator"
            if in_system:
                administrators = team["MemberUserIds"]
            insert(
                connection,
                "ScopedUserRole",
                {
                    "Id": f"scopeduserroles-{number}",
                    "TeamId": team["Id"],
                    "UserRoleId": role,
                    "SpaceId": None if in_system else SPACE,
                },
            )
    upsert(
        connection,
        "Team",
        {
            "Id": "teams-spacemanagers-Spaces-1",
            "Name": "Space Managers",
            "MemberUserIds": administrators,
            "UserRoleIds": [],
            "SpaceId": SPACE,
        },
    )
    insert(
        connection,
        "ScopedUserRole",
        {
            "Id": f"scopeduserroles-{number + 1}",
            "TeamId": "teams-spacemanagers-Spaces-1",
            "UserRoleId": "userroles-spacemanager",
            "SpaceId": SPACE,
        },
    )


def _feed(context: Context, change: Callable[[], None]) -> None:
    """Moves the package files, where the database says they are: on a clone whose path still is production's, production's files."""
    change()
    values = next((row for row in select(context.connection, "Configuration", 'WHERE "Id" = ?', (ROW,))), {})
    root = resolve(values, "PackagesDirectory", context.files.home)
    raw = str(values.get("PackagesDirectory") or root)
    moved = move_packages(context.files, raw, root, SPACE, context.binary)
    context.notes.append({"what": "packages moved", "source": root, "target": f"{root}\\{SPACE}\\feeds-builtin", "entries": moved})


def _node_status(context: Context, change: Callable[[], None]) -> None:
    """2019.3: heartbeats move to a table of their own (OctopusClients 8e78c9e8 of February 2019; #5348)."""
    nodes = rows(context.connection, 'SELECT "Id", "LastSeen" FROM "OctopusServerNode"')
    change()
    for node in nodes:
        insert(context.connection, "OctopusServerNodeStatus", {**node, "OctopusServerNodeId": node["Id"]})


def _target_type(context: Context, change: Callable[[], None]) -> None:
    change()
    context.connection.execute('UPDATE "Machine" SET "DeploymentTargetType" = ?', ("TentaclePassive",))


def _ptm(context: Context, change: Callable[[], None]) -> None:
    """#9141: the counting of targets for that licence model expects a column that 2021.1.8018 brought, and runs before it is there."""
    if context.ptm and not versions.at_least(context.before, "2021.1.8018"):
        raise SqlError(207, "Invalid column name 'DeploymentTargetType'.")
    change()


def _add_data_version(context: Context, change: Callable[[], None]) -> None:
    """#10126: builds that lack what this script does; their first start then misses the columns (defects.py)."""
    if not any(versions.between(context.binary, first, str(end)) for first, end in defects.LEFT_OUT):
        change()


def _data_version(context: Context, change: Callable[[], None]) -> None:
    change()
    if "DataVersion" in column_names(context.connection, "Project"):
        context.connection.execute('UPDATE "Project" SET "DataVersion" = coalesce("DataVersion", 0) + 1')


SPECIAL: dict[str, list[tuple[str, tuple[str, ...], Effect | None]]] = {
    "2019.1": [
        ("AddSpaces", ("Event", "ServerTask", "Deployment", "Release"), _spaces),
        ("BuiltInFeedMigration", ("NuGetPackage",), _feed),
    ],
    "2019.3": [("OctopusServerNodeStatus", (), _node_status)],
    "2020.3": [("DropNodeRank", (), None)],
    "2021.1.8018": [("DeploymentTargetType", ("Machine",), _target_type)],
    "2021.3.12912": [("ReviseUpgradeHistory", (), None)],
    "2022.1.2735": [("ReviewUpgradeHistory", (), None)],
    "2023.4": [("CountTargetsOfLicense", ("Machine",), _ptm)],
    "2024.3.600": [("AddDataVersion", ("Project", "Deployment", "ServerTask"), _add_data_version)],
    "2025.2.5584": [("RewriteVariableSets", ("VariableSet",), None)],
    "2025.4.10666": [("BackfillDataVersion", ("Project", "Deployment"), _data_version)],
}
LINES = (
    *(f"3.{n}" for n in range(18)),
    "4.0",
    "4.1",
    *(f"2018.{n}" for n in range(1, 13)),
    *(f"2019.{n}" for n in range(1, 14)),
    *(f"2020.{n}" for n in range(1, 7)),
    *(f"2021.{n}" for n in range(1, 4)),
    *(f"2022.{n}" for n in range(1, 5)),
    *(f"2023.{n}" for n in range(1, 5)),
    *(f"2024.{n}" for n in range(1, 5)),
    *(f"2025.{n}" for n in range(1, 5)),
    *(f"2026.{n}" for n in range(1, 5)),
)
FIXED = {"BuiltInFeedMigration": 180, "RewriteVariableSets": 541}


def _build() -> tuple[Script, ...]:
    """A script for each minor line (every line changes something) and the special ones, numbered upwards."""
    points = sorted({*LINES, *SPECIAL}, key=versions.parse)
    specs: list[tuple[str, str, tuple[str, ...], Effect | None]] = []
    for version in points:
        specials = SPECIAL.get(version, [])
        specs += [(name, version, tables, effect) for name, tables, effect in specials]
        if version in LINES:
            specs.append((f"Upgrade{version.replace('.', '_')}", version, ("Event", "ServerTask"), None))
    marks = {0: 1, len(specs): 640, **{at: FIXED[spec[0]] for at, spec in enumerate(specs) if spec[0] in FIXED}}
    known = sorted(marks)
    out = []
    for at, (name, version, tables, effect) in enumerate(specs):
        low = max(mark for mark in known if mark <= at)
        high = min(mark for mark in known if mark > at)
        number = marks[low] + (at - low) * (marks[high] - marks[low]) // (high - low)
        out.append(Script(number, name, version, tables, effect))
    return tuple(out)


SCRIPTS = _build()
BY_JOURNAL = {script.journal: script for script in SCRIPTS}


def carried(binary: str) -> list[Script]:
    """The scripts that a version carries."""
    return [script for script in SCRIPTS if versions.at_least(binary, script.version)]


def journal(connection: Connection) -> list[str]:
    """Names of the scripts that have run; none where there is no journal."""
    if not has_table(connection, "SchemaVersions"):
        return []
    return [row["ScriptName"] for row in rows(connection, 'SELECT "ScriptName" FROM "SchemaVersions" ORDER BY "Id"')]


def pending(connection: Connection, binary: str) -> list[Script]:
    """What a version would run on this database."""
    done = set(journal(connection))
    return [script for script in carried(binary) if script.journal not in done]


def unknown(connection: Connection, binary: str) -> list[str]:
    """Scripts that have run and that this version does not carry: the schema is newer than the binary."""
    mine = {script.journal for script in carried(binary)}
    return [name for name in journal(connection) if name not in mine]


def schema_version(connection: Connection) -> str | None:
    """The version of the newest script that has run; None: an empty database."""
    known = [BY_JOURNAL[name].version for name in journal(connection) if name in BY_JOURNAL]
    return max(known, key=versions.parse) if known else None
