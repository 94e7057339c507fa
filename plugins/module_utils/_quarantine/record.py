# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was done to a clone, recorded in its database, in a schema of its own, so that no table of Octopus gets another column or row.

``[octopus_upgrade].[Clone]`` has one row: which instance it is a clone of, since when, with which options, and whether the quarantine was
lifted. ``[octopus_upgrade].[Quarantine]`` has one row for each change, with the values before and after, so that lifting restores exactly that.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

SCHEMA = "octopus_upgrade"
CLONE, CHANGES = f"[{SCHEMA}].[Clone]", f"[{SCHEMA}].[Quarantine]"
FORMAT = 2
_ID = "clone"
# ruff: noqa: S608 - the names in the statements are those above, and every value is a parameter
# Values that are no secret and may be shown; another one is not.
_SHOWN = ("true", "false", "0", "1", "null")
_LONGEST = 40
# Why a change was made: it was so in the copy; a schema upgrade of the clone brought it; or it was switched on in the clone itself.
COPY, UPGRADE, OWN = "copy", "upgrade", "own"
_TABLES = {
    CLONE: "[Id] nvarchar(50) NOT NULL PRIMARY KEY, [JSON] nvarchar(max) NOT NULL",
    CHANGES: (
        "[Number] int IDENTITY(1,1) NOT NULL PRIMARY KEY, [Item] nvarchar(50) NOT NULL, [TableName] nvarchar(128) NOT NULL, "
        "[RowId] nvarchar(450) NOT NULL, [ColumnName] nvarchar(400) NOT NULL, [Before] nvarchar(max) NOT NULL, [After] nvarchar(max) NOT NULL, "
        "[Reason] nvarchar(20) NOT NULL, [At] datetimeoffset NOT NULL, [Lifted] nvarchar(40) NOT NULL"
    ),
}


@dataclass(frozen=True)
class Change:
    """One change.

    Attributes:
        item: Name of the item.
        table: Name of the table.
        row: Id of the row.
        column: The column, or ``JSON.`` and the property in it; ``JSON`` alone where the row was inserted; None where it was deleted.
        before: Its JSON before, or of the whole row that was deleted. None where there was nothing.
        after: Its JSON afterwards. None where there is nothing, or where it cannot be found again.
        reason: :data:`COPY`, :data:`UPGRADE` or :data:`OWN`.
        number: Its place among the changes; 0 before it is recorded.
        lifted: When it was lifted, by the clock of SQL Server; empty where it was not.
    """

    item: str
    table: str
    row: str
    column: str | None
    before: str | None
    after: str | None = None
    reason: str = COPY
    number: int = 0
    lifted: str = ""


def read(connection: SqlConnection) -> dict[str, Any] | None:
    """Return the record of a quarantine; None where there is none.

    Raises:
        OctopusError: This version of the collection cannot read it.
    """
    if not _exists(connection, CLONE):
        return None
    text = connection.scalar(f"SELECT [JSON] FROM {CLONE} WHERE [Id] = ?", _ID)
    if text is None:
        return None
    try:
        found = json.loads(text)
        known = isinstance(found, dict) and found["format"] == FORMAT
    except (ValueError, KeyError):
        known = False
    if not known:
        raise OctopusError(
            f"Expected the record of this clone in {CLONE} on SQL Server {connection.options.where} in format {FORMAT}, but it is in another one, "
            "of another version of the collection. Use that version, or restore the clone again."
        )
    return found


def holds(found: dict[str, Any] | None) -> bool:
    """Whether there is a quarantine by that record: one that was not lifted."""
    return found is not None and not found.get("lifted")


def prepare(connection: SqlConnection) -> None:
    """Create schema and tables where they are missing, within the transaction."""
    if not connection.query("SELECT name FROM sys.schemas WHERE name = ?", SCHEMA):
        connection.execute_drained(f"CREATE SCHEMA [{SCHEMA}] AUTHORIZATION [dbo]")
    for table, columns in _TABLES.items():
        if not _exists(connection, table):
            connection.execute_drained(f"CREATE TABLE {table} ({columns})")


def add(connection: SqlConnection, change: Change) -> None:
    connection.query(
        f"INSERT INTO {CHANGES} ([Item], [TableName], [RowId], [ColumnName], [Before], [After], [Reason], [At], [Lifted]) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, SYSDATETIMEOFFSET(), '')",
        change.item,
        change.table,
        change.row,
        # Never NULL: a driver has to guess the type of a parameter without a value.
        change.column or "",
        change.before or "",
        change.after or "",
        change.reason,
    )


def mark(connection: SqlConnection, numbers: tuple[int, ...]) -> None:
    """Record that changes are lifted, within the transaction that lifts them."""
    for number in numbers:
        connection.query(f"UPDATE {CHANGES} SET [Lifted] = CAST(SYSDATETIMEOFFSET() AS nvarchar(40)) WHERE [Number] = ?", number)


def save(connection: SqlConnection, record: dict[str, Any]) -> None:
    text = json.dumps(record)
    if connection.scalar(f"SELECT COUNT(*) AS n FROM {CLONE} WHERE [Id] = ?", _ID):
        connection.query(f"UPDATE {CLONE} SET [JSON] = ? WHERE [Id] = ?", text, _ID)
    else:
        connection.query(f"INSERT INTO {CLONE} ([Id], [JSON]) VALUES (?, ?)", _ID, text)


def unmark(connection: SqlConnection) -> None:
    """Record that no change is lifted, within the transaction that silences everything again."""
    connection.query(f"UPDATE {CHANGES} SET [Lifted] = ''")


def changes(connection: SqlConnection) -> list[dict[str, Any]]:
    """Every change, the oldest first. Values are only returned of switches and states: others may be secrets."""
    if not _exists(connection, CHANGES):
        return []
    rows = connection.query(
        f"SELECT [Item], [TableName], [RowId], [ColumnName], LEFT([Before], {_LONGEST}) AS before_text, DATALENGTH([Before]) AS size, "
        f"[Reason], [Lifted], CAST([At] AS nvarchar(40)) AS at_text FROM {CHANGES} ORDER BY [Number]"
    )
    return [
        {
            "item": row["Item"],
            "table": row["TableName"],
            "row": row["RowId"],
            "column": row["ColumnName"] or None,
            "before": _shown(row),
            "reason": row["Reason"],
            "at": row["at_text"],
            "lifted": row["Lifted"] or None,
        }
        for row in rows
    ]


def recorded(connection: SqlConnection) -> list[Change]:
    """Every change with its values, which may be secrets, the oldest first."""
    if not _exists(connection, CHANGES):
        return []
    rows = connection.query(
        f"SELECT [Number], [Item], [TableName], [RowId], [ColumnName], [Before], [After], [Reason], [Lifted] FROM {CHANGES} ORDER BY [Number]"
    )
    return [
        Change(
            row["Item"],
            row["TableName"],
            row["RowId"],
            row["ColumnName"] or None,
            row["Before"] or None,
            row["After"] or None,
            row["Reason"],
            row["Number"],
            row["Lifted"],
        )
        for row in rows
    ]


def rows_of(connection: SqlConnection, item: str) -> set[str]:
    """The ids of the rows that were changed for an item."""
    if not _exists(connection, CHANGES):
        return set()
    return {row["RowId"] for row in connection.query(f"SELECT DISTINCT [RowId] FROM {CHANGES} WHERE [Item] = ?", item)}


def _shown(row: dict[str, Any]) -> Any:
    text = row["before_text"]
    if not text or not row["ColumnName"]:
        return None
    if text in _SHOWN or str(row["ColumnName"]).lower() == "state" or str(row["ColumnName"]).endswith("Behavior"):
        return json.loads(text)
    return None


def _exists(connection: SqlConnection, table: str) -> bool:
    return connection.scalar("SELECT OBJECT_ID(?) AS id", table) is not None
