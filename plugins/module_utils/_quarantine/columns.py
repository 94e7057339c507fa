# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the columns of a table take, and whole rows that are inserted again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier

from .rows import BINARY, Table

_NUMBERS = ("bit", "tinyint", "smallint", "int", "bigint")
_TEXTS = ("char", "varchar", "nchar", "nvarchar", "text", "ntext")
_GENERATED = ("timestamp", "rowversion")


@dataclass(frozen=True)
class Column:
    """One column. ``length``: of a text, in characters; None or -1 for any. ``generated``: SQL Server itself gives the value."""

    name: str
    kind: str
    nullable: bool = True
    default: bool = False
    length: int | None = None
    generated: bool = False


@dataclass(frozen=True)
class Shape:
    """A table, and its columns by their names in lower case."""

    table: Table
    columns: Mapping[str, Column]

    def has(self, name: str) -> bool:
        return name.lower() in self.columns

    def spelt(self, name: str) -> str:
        """The name as the table has it."""
        return self.columns[name.lower()].name if self.has(name) else name

    def writes(self, name: str) -> bool:
        """Whether the column exists, and takes a value that it is given."""
        return self.has(name) and not self.columns[name.lower()].generated

    @property
    def needed(self) -> list[str]:
        """The columns without which there is no new row."""
        return [one.name for one in self.columns.values() if not (one.nullable or one.default or one.generated)]

    def misfit(self, name: str, value: Any) -> str | None:
        """Why a column does not take a value; None where it does, as far as its type says that."""
        column = self.columns[name.lower()]
        if value is None:
            return None if column.nullable else "it takes no NULL in this version"
        if isinstance(value, (dict, list)):
            return "it was a part of the JSON, and is a column in this version"
        if column.kind in _NUMBERS and not isinstance(value, (bool, int)):
            return f"it is a number ({column.kind}) in this version"
        if column.kind in _TEXTS and not isinstance(value, str):
            return f"it is a text ({column.kind}) in this version"
        if isinstance(value, str) and column.kind in _TEXTS and 0 <= (column.length or -1) < len(value):
            return f"it takes {column.length} characters in this version"
        return None


def shapes(connection: SqlConnection, tables: Mapping[str, Table]) -> dict[str, Shape]:
    """The tables of dbo with their columns, by their names in lower case."""
    found: dict[str, dict[str, Column]] = {}
    for row in connection.query(
        "SELECT i.TABLE_NAME AS table_name, i.COLUMN_NAME AS column_name, i.DATA_TYPE AS data_type, i.IS_NULLABLE AS nullable, "
        "i.CHARACTER_MAXIMUM_LENGTH AS length, CASE WHEN i.COLUMN_DEFAULT IS NULL THEN 0 ELSE 1 END AS has_default, "
        "CASE WHEN c.is_identity = 1 OR c.is_computed = 1 THEN 1 ELSE 0 END AS generated "
        "FROM INFORMATION_SCHEMA.COLUMNS AS i INNER JOIN sys.tables AS t ON t.name = i.TABLE_NAME AND t.schema_id = SCHEMA_ID('dbo') "
        "INNER JOIN sys.columns AS c ON c.object_id = t.object_id AND c.name = i.COLUMN_NAME WHERE i.TABLE_SCHEMA = 'dbo'"
    ):
        kind = str(row["data_type"]).lower()
        found.setdefault(row["table_name"].lower(), {})[row["column_name"].lower()] = Column(
            row["column_name"],
            kind,
            str(row["nullable"]).upper() == "YES",
            bool(row["has_default"]),
            row["length"],
            bool(row["generated"]) or kind in _GENERATED,
        )
    return {name: Shape(table, found.get(name, {})) for name, table in tables.items()}


def insert(connection: SqlConnection, shape: Shape, values: Mapping[str, Any]) -> None:
    """Insert a row as it was recorded before it was deleted. SQL Server converts what was recorded as text."""
    names: list[str] = []
    places: list[str] = []
    params: list[Any] = []
    for name, value in values.items():
        column = shape.columns[name.lower()]
        names.append(quote_identifier(column.name))
        if value is None:  # a driver has to guess the type of a parameter without a value
            places.append("NULL")
            continue
        places.append("?")
        params.append(bytes.fromhex(str(value)[2:]) if column.kind in BINARY else value)
    connection.query(
        f"INSERT INTO {shape.table.quoted} ({', '.join(names)}) VALUES ({', '.join(places)})",  # noqa: S608 - every name is quoted
        *params,
    )
