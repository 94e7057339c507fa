# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database and its snapshots as the catalogs show them, and what prevents reverting to one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.server_info import PAGE, ServerInfo, server_info
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError

from .files import DataFile, SnapshotOptions


@dataclass(frozen=True)
class Source:
    """The database, as sys.databases shows it."""

    id: int
    name: str
    state: str
    access: str
    recovery_model: str
    in_availability_group: bool
    is_mirrored: bool
    is_snapshot: bool


@dataclass
class Prepared:
    """What exists and what is to be done; nothing has been done.

    Attributes:
        source: The database; None where it does not exist.
        obstacles: What prevents reverting.
        facts: What else is known, for the module's result.
    """

    options: SnapshotOptions
    server: ServerInfo
    source: Source | None
    snapshots: list[dict[str, Any]]
    obstacles: list[str]
    statements: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def existing_source(self) -> Source:
        """The database, where :func:`survey` has made sure that it exists."""
        if self.source is None:
            raise LookupError(self.options.database)
        return self.source

    @property
    def changes(self) -> bool:
        return bool(self.statements)

    def outlook(self) -> dict[str, Any]:
        """What is known before anything is done, for the module's result."""
        return {**self.seen(), "sql": self.statements, **self.facts}

    def seen(self) -> dict[str, Any]:
        """The part of the result that needs no change."""
        return {
            "server": self.server.name,
            "server_version": self.server.version,
            "database": self.source.name if self.source else self.options.database,
            "snapshots": self.snapshots,
            "obstacles": self.obstacles,
        }


def survey(connection: SqlConnection, options: SnapshotOptions, *, may_be_missing: bool = False) -> Prepared:
    """Look up the database and its snapshots.

    Args:
        connection: The connection to ask.
        options: Which database and snapshot.
        may_be_missing: Whether the database need not exist.

    Raises:
        MssqlError: The options are unusable, or the database does not exist.
    """
    problems = options.problems()
    if problems:
        raise MssqlError("; ".join(problems))
    server = server_info(connection)
    source = source_of(connection, options.database)
    if source is None and not may_be_missing:
        raise MssqlError(
            f"Expected the database {options.database}, but SQL Server {connection.options.where} has none of that name that the login may see",
            911,
        )
    return Prepared(options, server, source, **current(connection, source, options.name))


def current(connection: SqlConnection, source: Source | None, name: str | None) -> dict[str, Any]:
    """The snapshots of the database and the obstacles to reverting, as they are now.

    Args:
        connection: The connection to ask.
        source: The database; None where it does not exist.
        name: The snapshot to revert to; None for any.
    """
    if source is None:
        return {"snapshots": [], "obstacles": []}
    found = snapshots_of(connection, source)
    return {"snapshots": found, "obstacles": obstacles(connection, source, found, name)}


def source_of(connection: SqlConnection, name: str) -> Source | None:
    """The database of that name; None where there is none that the login may see."""
    rows = connection.query(
        "SELECT d.database_id, d.name, d.state_desc, d.user_access_desc, d.recovery_model_desc, d.source_database_id, "
        "CAST(d.replica_id AS nvarchar(36)) AS replica_id, CAST(m.mirroring_guid AS nvarchar(36)) AS mirroring_guid "
        "FROM sys.databases AS d LEFT JOIN sys.database_mirroring AS m ON m.database_id = d.database_id WHERE d.name = ?",
        name,
    )
    if not rows:
        return None
    row = rows[0]
    return Source(
        int(row["database_id"]),
        row["name"],
        row["state_desc"],
        row["user_access_desc"],
        row["recovery_model_desc"],
        row["replica_id"] is not None,
        row["mirroring_guid"] is not None,
        row["source_database_id"] is not None,
    )


def snapshots_of(connection: SqlConnection, source: Source) -> list[dict[str, Any]]:
    """The snapshots of a database, oldest first. Only sys.master_files has the paths of their files."""
    rows = connection.query(
        "SELECT database_id, name, state_desc, create_date FROM sys.databases WHERE source_database_id = ? ORDER BY create_date, database_id",
        source.id,
    )
    files = connection.query(
        "SELECT f.database_id, f.physical_name FROM sys.master_files AS f INNER JOIN sys.databases AS d ON d.database_id = f.database_id "
        "WHERE d.source_database_id = ? AND f.type = 0 ORDER BY f.database_id, f.file_id",
        source.id,
    )
    return [
        {
            "name": row["name"],
            "created": row["create_date"].isoformat(),
            "state": row["state_desc"],
            "paths": [file["physical_name"] for file in files if file["database_id"] == row["database_id"]],
        }
        for row in rows
    ]


def files_of(connection: SqlConnection, source: Source) -> list[DataFile]:
    """All files of a database: data, log, and those that no snapshot contains."""
    rows = connection.query(
        "SELECT file_id, type, name, physical_name, state_desc, is_read_only, CAST(size AS bigint) AS pages FROM sys.master_files "
        "WHERE database_id = ? ORDER BY file_id",
        source.id,
    )
    return [
        DataFile(
            int(row["file_id"]),
            int(row["type"]),
            row["name"],
            row["physical_name"],
            row["state_desc"],
            bool(row["is_read_only"]),
            int(row["pages"]) * PAGE,
        )
        for row in rows
    ]


def obstacles(connection: SqlConnection, source: Source, found: list[dict[str, Any]], name: str | None) -> list[str]:
    """What prevents reverting: the conditions in Microsoft's documentation, as far as SQL can tell.

    Args:
        connection: The connection to ask.
        source: The database.
        found: Its snapshots.
        name: The snapshot to revert to; None for any.
    """
    others = [one["name"] for one in found if name is None or one["name"].lower() != name.lower()]
    out = []
    if len(others) > (1 if name is None else 0):
        has = "this one has" if name is None else "this one also has"
        out.append(f"a database can be reverted only while it has one snapshot, but {has} {', '.join(others)}; drop it first")
    if source.in_availability_group:
        out.append(
            "the database is in an availability group; remove it first (ALTER AVAILABILITY GROUP ... REMOVE DATABASE), and add it again"
        )
    if source.is_mirrored:
        out.append("the database is mirrored; end that first (ALTER DATABASE ... SET PARTNER OFF)")
    if source.state != "ONLINE":
        out.append(f"the database is {source.state}, and only one that is ONLINE can be reverted")
    files = files_of(connection, source)
    offline = [one.name for one in files if one.type == 0 and one.state != "ONLINE" and source.state == "ONLINE"]
    for text, names in (
        ("files of FILESTREAM or memory-optimized tables, which no snapshot contains", [one.name for one in files if one.type == 2]),
        ("files of read-only filegroups", [one.name for one in files if one.type == 0 and one.read_only]),
        ("files that are not online", offline),
    ):
        if names:
            out.append(f"the database has {text}: {', '.join(names)}")
    for one in found:
        if name is not None and one["name"].lower() == name.lower() and one["state"] != "ONLINE":
            out.append(f"the snapshot is {one['state']} (it ran out of space or was damaged) and can only be dropped")
    return out


def find_named(connection: SqlConnection, name: str) -> dict[str, Any] | None:
    """The database or snapshot of that name, and the name of the database that it is a snapshot of."""
    rows = connection.query(
        "SELECT d.name, d.state_desc, d.source_database_id, DB_NAME(d.source_database_id) AS source_name FROM sys.databases AS d WHERE d.name = ?",
        name,
    )
    return rows[0] if rows else None


def require_snapshot(row: dict[str, Any], options: SnapshotOptions, where: str) -> None:
    """Make sure that the name belongs to a snapshot of the database.

    Args:
        row: What :func:`find_named` found.
        options: Which database and snapshot.
        where: The server, for the message.

    Raises:
        MssqlError: It is the name of a database, or of another database's snapshot.
    """
    expected = f"Expected {options.name} to be a snapshot of {options.database}, but"
    if row["source_database_id"] is None:
        raise MssqlError(
            f"{expected} {row['name']} on SQL Server {where} is a database and no snapshot. It was not touched; use another name"
        )
    if (row["source_name"] or "").lower() != options.database.lower():
        raise MssqlError(
            f"{expected} {row['name']} on SQL Server {where} is a snapshot of {row['source_name']}. It was not touched; use another name"
        )
