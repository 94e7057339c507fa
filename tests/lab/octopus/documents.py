# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows as documents: the columns and the JSON of a row in one dict, and back."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from . import moments, schema
from .database import Connection, column_names, has_table, rows

Document = dict[str, Any]

# Columns that hold a list of ids or names, as "|a|b|" (seen in public database dumps).
LISTS = {"Roles", "EnvironmentIds", "MemberUserIds", "ProjectIds", "RelatedDocumentIds", "WorkerPoolIds"}
BITS = {column.name for table in schema.TABLES.values() for column in table.columns if column.type == "bit"}


def _from_column(name: str, value: Any) -> Any:
    if name in LISTS:
        return [part for part in str(value or "").split("|") if part]
    if name in BITS and value is not None:
        return bool(value)
    return value


def _to_column(value: Any) -> Any:
    if isinstance(value, (list, tuple, set)):
        return f"|{'|'.join(str(one) for one in value)}|" if value else ""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return moments.text(value)
    return value


def document(row: dict[str, Any]) -> Document:
    """A row's document. Where a property is both a column and in the JSON, the column wins (*assumed*)."""
    own = {name: _from_column(name, value) for name, value in row.items() if name != "JSON"}
    inner = json.loads(row["JSON"]) if row.get("JSON") else {}
    return {**(inner if isinstance(inner, dict) else {}), **own}


def select(connection: Connection, table: str, where: str = "", params: Any = ()) -> list[Document]:
    """Documents of a table, oldest first; none where this schema lacks the table."""
    if not has_table(connection, table):
        return []
    return [document(row) for row in rows(connection, f'SELECT * FROM "{table}" {where} ORDER BY rowid', params)]


def _values(connection: Connection, table: str, doc: Document, columns: list[str] | None = None) -> dict[str, Any]:
    columns = column_names(connection, table) if columns is None else columns
    if not columns:
        raise LookupError(f"this schema has no table {table}")
    values = {name: _to_column(doc[name]) for name in columns if name in doc and name != "JSON"}
    if "JSON" in columns:
        inner = {name: value for name, value in doc.items() if name not in columns}
        values["JSON"] = json.dumps(inner, default=lambda value: moments.text(value) if isinstance(value, datetime) else str(value))
    return values


def insert(connection: Connection, table: str, doc: Document, columns: list[str] | None = None) -> None:
    """A new row. ``columns``: the table's, where the caller knows them (they are looked up otherwise)."""
    values = _values(connection, table, doc, columns)
    names = ", ".join(f'"{name}"' for name in values)
    connection.execute(f'INSERT INTO "{table}" ({names}) VALUES ({", ".join("?" * len(values))})', tuple(values.values()))


def update(connection: Connection, table: str, doc: Document) -> None:
    values = _values(connection, table, doc)
    pairs = ", ".join(f'"{name}" = ?' for name in values if name != "Id")
    params = [value for name, value in values.items() if name != "Id"]
    connection.execute(f'UPDATE "{table}" SET {pairs} WHERE "Id" = ?', (*params, doc["Id"]))


def upsert(connection: Connection, table: str, doc: Document) -> None:
    """Insert it, or change the row with its id."""
    if rows(connection, f'SELECT "Id" FROM "{table}" WHERE "Id" = ?', (doc["Id"],)):
        update(connection, table, doc)
    else:
        insert(connection, table, doc)


def next_id(connection: Connection, table: str) -> str:
    """The next id of a table's documents, from ``KeyAllocation``, which survives deletions."""
    prefix = schema.TABLES[table].prefix or table
    found = rows(connection, 'SELECT "Allocated" FROM "KeyAllocation" WHERE "Id" = ?', (table,))
    if found:
        number = int(found[0]["Allocated"]) + 1
        connection.execute('UPDATE "KeyAllocation" SET "Allocated" = ? WHERE "Id" = ?', (number, table))
    else:
        number = 1 + int(rows(connection, f'SELECT count(*) AS n FROM "{table}"')[0]["n"])
        connection.execute('INSERT INTO "KeyAllocation" ("Id", "Allocated") VALUES (?, ?)', (table, number))
    return f"{prefix}-{number}"
