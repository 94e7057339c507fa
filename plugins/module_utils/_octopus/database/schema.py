# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an instance's database says of itself: versions, schema scripts, heartbeats of nodes. Only reads.

Tables and columns came and went with the versions, so each is looked up before it is used. ``OctopusServerNodeStatus`` holds the
heartbeats since about 2019.3 (https://github.com/OctopusDeploy/Issues/issues/5348), ``OctopusServerNode`` before. No public source names
its columns, so whether a heartbeat can be read at all is a fact of its own (:func:`heartbeats_readable`). A ``Version`` in
``OctopusServerInstallationHistory`` can be NULL (https://github.com/OctopusDeploy/Issues/issues/5679).
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import is_at

HISTORY, NODE, STATUS, SCRIPTS = (
    "OctopusServerInstallationHistory",
    "OctopusServerNode",
    "OctopusServerNodeStatus",
    "SchemaVersions",
)
# A datetimeoffset as text, whatever its precision: Python 3.10 reads three or six digits after the point, SQL Server gives seven.
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d+))?\s*(Z|[+-]\d\d:\d\d)?")


@dataclass(frozen=True)
class Installed:
    """One row of the history: a version, the node it was started on, and when (ISO 8601)."""

    version: str | None
    node: str | None
    installed: str | None


@dataclass(frozen=True)
class NodeRow:
    """A node, the time of its last heartbeat (ISO 8601) and its age in seconds; None where they are unknown."""

    name: str
    last_seen: str | None
    last_seen_age_seconds: float | None


@dataclass(frozen=True)
class Schema:
    """What was read. ``version`` is the newest of the history, ``schema_scripts`` the number of scripts that have run."""

    version: str | None
    history: tuple[Installed, ...]
    schema_scripts: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "history": [asdict(row) for row in self.history],
            "schema_scripts": self.schema_scripts,
        }

    def is_at(self, version: str) -> bool:
        """Whether the newest version of the history is that one."""
        return is_at(self.version, version)


def read(connection: SqlConnection) -> Schema:
    """Read the versions in the database that the connection is in.

    Raises:
        OctopusError: It is not a database of Octopus Server.
        MssqlError: SQL Server refused.
    """
    columns = columns_of(connection, HISTORY, SCRIPTS)
    if not columns[HISTORY] or not columns[SCRIPTS]:
        database = connection.scalar("SELECT DB_NAME() AS name")
        missing = " and ".join(table for table in (HISTORY, SCRIPTS) if not columns[table])
        raise OctopusError(
            f"Expected {database} on SQL Server {connection.options.where} to be a database of Octopus Server, but it has no table {missing}. "
            "Check the name of the database."
        )
    history = _history(connection)
    return Schema(_newest(history), history, _count(connection, SCRIPTS))


def node_columns(connection: SqlConnection) -> dict[str, set[str]]:
    """Return the columns of the tables that hold nodes and heartbeats."""
    return columns_of(connection, NODE, STATUS)


def heartbeats(connection: SqlConnection, columns: dict[str, set[str]] | None = None) -> tuple[NodeRow, ...]:
    """Read the nodes and their heartbeats; none where the database has no table of nodes."""
    return _node_rows(connection, columns or node_columns(connection))


def heartbeats_readable(connection: SqlConnection, columns: dict[str, set[str]] | None = None) -> bool:
    """Whether a heartbeat would be found: nodes without one are stopped only where the database has a column for it, or no node at all."""
    columns = columns or node_columns(connection)
    if columns[STATUS]:
        # A node table that still has the column of old would be silent, not stopped.
        return "lastseen" in columns[STATUS] and bool(columns[STATUS] & {"id", "octopusservernodeid"})
    return "lastseen" in columns[NODE] or not columns[NODE] or not _count(connection, NODE)


def columns_of(connection: SqlConnection, *tables: str) -> dict[str, set[str]]:
    """Return the columns of each table, in lower case; none for a table that does not exist."""
    rows = connection.query(
        "SELECT TABLE_NAME AS table_name, COLUMN_NAME AS column_name FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = 'dbo'"
    )
    found: dict[str, set[str]] = {table: set() for table in tables}
    spelt = {table.lower(): table for table in tables}
    for row in rows:
        table = spelt.get(row["table_name"].lower())
        if table:
            found[table].add(row["column_name"].lower())
    return found


def _select(table: str, *columns: str, moments: tuple[str, ...] = ()) -> str:
    """Return a SELECT of columns, the ``moments`` among them as text: drivers know datetimeoffset only in part."""
    named = [quote_identifier(column) for column in columns]
    named += [f"CAST({quote_identifier(column)} AS nvarchar(40)) AS {quote_identifier(column)}" for column in moments]
    return f"SELECT {', '.join(named)} FROM dbo.{quote_identifier(table)}"  # noqa: S608 - every name is quoted


def _count(connection: SqlConnection, table: str) -> int:
    return int(connection.scalar(f"SELECT COUNT(*) AS number FROM dbo.{quote_identifier(table)}") or 0)  # noqa: S608 - the name is quoted


def _history(connection: SqlConnection) -> tuple[Installed, ...]:
    rows = connection.query(_select(HISTORY, "Version", "Node", moments=("Installed",)))
    moments = [(moment_of(row["Installed"]), row) for row in rows]
    moments.sort(key=lambda pair: (pair[0] is not None, pair[0] or datetime.min.replace(tzinfo=timezone.utc)))
    return tuple(Installed(row["Version"], row["Node"], when.isoformat() if when else None) for when, row in moments)


def _newest(history: tuple[Installed, ...]) -> str | None:
    return next((row.version for row in reversed(history) if row.version), None)


def _node_rows(connection: SqlConnection, columns: dict[str, set[str]]) -> tuple[NodeRow, ...]:
    if not {"id", "name"} <= columns[NODE]:
        return ()
    own = ("LastSeen",) if "lastseen" in columns[NODE] else ()
    seen: dict[str, Any] = {}
    names: dict[str, str] = {}
    for row in connection.query(_select(NODE, "Id", "Name", moments=own)):
        names[row["Id"]] = row["Name"] or row["Id"]
        seen[row["Id"]] = moment_of(row.get("LastSeen"))
    if "lastseen" in columns[STATUS] and columns[STATUS] & {"id", "octopusservernodeid"}:
        key = "OctopusServerNodeId" if "octopusservernodeid" in columns[STATUS] else "Id"
        for row in connection.query(_select(STATUS, key, moments=("LastSeen",))):
            seen[row[key]] = moment_of(row["LastSeen"]) or seen.get(row[key])
    # SQL Server's clock, not that of the control node: the nodes are expected to agree with it.
    now = server_now(connection)
    return tuple(_node_row(name, seen.get(node), now) for node, name in sorted(names.items(), key=lambda pair: pair[1]))


def _node_row(name: str, seen: datetime | None, now: datetime) -> NodeRow:
    if seen is None:
        return NodeRow(name, None, None)
    return NodeRow(name, seen.isoformat(), round((now - seen).total_seconds(), 3))


def server_now(connection: SqlConnection) -> datetime:
    """Return SQL Server's own time, cut to microseconds."""
    text = connection.scalar("SELECT CAST(SYSDATETIMEOFFSET() AS nvarchar(40)) AS now")
    now = moment_of(text)
    if now is None:
        raise OctopusError(f"Expected the time of SQL Server {connection.options.where}, but found {text!r}.")
    return now


def moment_of(text: Any) -> datetime | None:
    """Parse a datetimeoffset that is given as text, in UTC where it has no offset; None where it is not one."""
    found = _MOMENT.fullmatch(str(text).strip()) if text else None
    if not found:
        return None
    day, time, fraction, offset = found.groups()
    offset = "+00:00" if offset in (None, "Z") else offset
    return datetime.fromisoformat(f"{day}T{time}.{(fraction or '').ljust(6, '0')[:6]}{offset}")
