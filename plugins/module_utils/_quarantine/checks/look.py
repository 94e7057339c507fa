# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the checks ask of a clone's database, and what they return."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import schema
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import documents, record
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.request import Request

NAMED = 5  # rows that a check names


@dataclass(frozen=True)
class Check:
    """The outcome of one check: how many rows or properties are not as they should be, and which."""

    name: str
    ok: bool
    found: int
    detail: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Look:
    """Reads from the database. It begins with the tables and columns that exist."""

    def __init__(self, connection: SqlConnection, request: Request) -> None:
        self.connection = connection
        self.request = request
        self.version = schema.read(connection).version
        self.record = record.read(connection)
        self.columns: dict[str, dict[str, str]] = {}
        self.names: dict[str, str] = {}
        for row in connection.query(
            "SELECT t.name AS table_name, c.name AS column_name FROM sys.tables AS t INNER JOIN sys.columns AS c ON c.object_id = t.object_id "
            "WHERE t.schema_id = SCHEMA_ID('dbo')"
        ):
            self.names[row["table_name"].lower()] = row["table_name"]
            self.columns.setdefault(row["table_name"].lower(), {})[row["column_name"].lower()] = row["column_name"]

    def has(self, table: str, column: str = "id") -> bool:
        """Whether the table has the column."""
        return column.lower() in self.columns.get(table.lower(), {})

    def ids(self, table: str, condition: str = "", *params: Any) -> list[str]:
        """The ids of rows. Every name in the condition is quoted, every value is a parameter."""
        key = "Id" if self.has(table) else "OctopusServerNodeId"
        sql = f"SELECT CAST({quote_identifier(key)} AS nvarchar(450)) AS id FROM dbo.{quote_identifier(self.names[table.lower()])}"  # noqa: S608 - quoted
        rows = self.connection.query(f"{sql} WHERE {condition}" if condition else sql, *params)
        return [str(row["id"]) for row in rows]

    def any_row(self, table: str) -> bool:
        """Whether a table has a row, whatever its columns are."""
        return bool(self.connection.query(f"SELECT TOP (1) 1 AS n FROM dbo.{quote_identifier(self.names[table.lower()])}"))  # noqa: S608 - quoted

    def values(self, table: str, column: str) -> dict[str, Any]:
        """The values of a column, by the ids of the rows."""
        key = "Id" if self.has(table) else "OctopusServerNodeId"
        rows = self.connection.query(
            f"SELECT CAST({quote_identifier(key)} AS nvarchar(450)) AS id, {quote_identifier(column)} AS value "  # noqa: S608 - quoted
            f"FROM dbo.{quote_identifier(self.names[table.lower()])}"
        )
        return {str(row["id"]): row["value"] for row in rows}

    def documents(self, table: str) -> Iterator[tuple[str, Any]]:
        """Each row's id and JSON, of both columns that can hold it.

        Raises:
            OctopusError: One cannot be read.
        """
        for column in ("JSON", "JSONBlob"):
            if not self.has(table) or not self.has(table, column):
                continue
            for key, stored in self.values(table, column).items():
                if stored in (None, "", b""):
                    continue
                try:
                    text = stored if isinstance(stored, str) else documents.unpack(bytes(stored))[0]
                    yield key, documents.read(text)
                except ValueError as error:
                    raise OctopusError(
                        f"Expected to read the JSON of {key} in the table {table}, to verify that it is silenced, but it cannot be read ({error})."
                    ) from error

    def properties(self, table: str, *names: str) -> Iterator[tuple[str, str, Any]]:
        """Every property with one of these names, at whatever depth of a document: row, path, value."""
        wanted = {name.lower() for name in names}
        for key, value in self.documents(table):
            for path, inner in documents.objects(value):
                for name in inner:
                    if name.lower() in wanted:
                        yield key, documents.join(path, name), inner[name]

    def unread(self, table: str, *columns: str) -> list[str]:
        """The name of a table that has rows, but neither one of these columns nor JSON in any row: a newer version may have no JSON.

        A check that looks for properties in it would find nothing, and take that for nothing to find.
        """
        if not self.has(table) or any(self.has(table, column) for column in columns):
            return []
        held = [quote_identifier(self.columns[table.lower()][one]) for one in ("json", "jsonblob") if self.has(table, one)]
        rows = self.ids(table)
        empty = self.ids(table, " AND ".join(f"{column} IS NULL" for column in held)) if held and rows else rows
        return (
            [f"{self.names[table.lower()]} (neither a known column nor JSON, so its form is not known)"] if rows and empty == rows else []
        )

    def without(self, table: str, *names: str) -> list[str]:
        """The rows that lack one of these properties in their JSON: what they say of it is in a place that is not known, or nowhere."""
        if not self.has(table):
            return []
        found = {name: {key for key, _path, _value in self.properties(table, name)} for name in names}
        return [f"{key} (no {name})" for key in self.ids(table) for name in names if key not in found[name]]

    def enabled_by_default(self, row: str, name: str) -> list[str]:
        """The row of Configuration, unless it switches off something that is on by default."""
        said = [value for key, path, value in self.properties("Configuration", name) if key.lower() == row and "." not in path]
        return [] if said and not any(is_true(value) for value in said) else [row]


def check(name: str, wrong: list[str], bad: str, good: str) -> Check:
    """The outcome of a check.

    Args:
        name: Its name.
        wrong: What is not as it should be.
        bad: What is wrong with those.
        good: What is true where there are none.
    """
    wrong = list(dict.fromkeys(wrong))
    if not wrong:
        return Check(name, True, 0, good)
    more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
    return Check(name, False, len(wrong), f"{bad}: {', '.join(wrong[:NAMED])}{more}")


def is_true(value: Any) -> bool:
    """Whether a value of a column or of JSON means true; old rows have truth as text here and there."""
    return value is True or value == 1 or str(value).strip().lower() == "true"
