# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of Octopus's tables: their columns, what a row has in columns and in JSON, and how it is changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from . import documents

JSON, BLOB = "json", "jsonblob"
BINARY = ("binary", "varbinary", "timestamp", "rowversion", "image")
# Types that drivers support only in part, or not at all.
_AS_TEXT = ("datetimeoffset", "datetime2", "date", "time", "uniqueidentifier", "sql_variant", "xml")
# Their plain text has no seconds, and the words of the login's language. Style 126 is ISO 8601.
_OLD_TIMES = ("datetime", "smalldatetime")


@dataclass(frozen=True)
class Table:
    """A table of dbo and its columns: by their names in lower case, as they are written, with their types."""

    name: str
    columns: dict[str, tuple[str, str]]

    def has(self, column: str) -> bool:
        return column.lower() in self.columns

    @property
    def quoted(self) -> str:
        return f"dbo.{quote_identifier(self.name)}"

    def column(self, name: str) -> str:
        return quote_identifier(self.columns[name.lower()][0])

    @property
    def key(self) -> str:
        """The column that identifies a row.

        Raises:
            OctopusError: The table has no such column.
        """
        for name in ("Id", "OctopusServerNodeId"):
            if self.has(name):
                return name
        raise OctopusError(
            f"Expected the table {self.name} to have a column Id, but it has no column Id. Nothing was changed: this version of Octopus Server "
            "stores it in a form unknown to this module."
        )


def tables(connection: SqlConnection) -> dict[str, Table]:
    """Every table of dbo by its name in lower case."""
    rows = connection.query(
        "SELECT c.TABLE_NAME AS table_name, c.COLUMN_NAME AS column_name, c.DATA_TYPE AS data_type FROM INFORMATION_SCHEMA.COLUMNS AS c "
        "INNER JOIN INFORMATION_SCHEMA.TABLES AS t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME "
        "WHERE c.TABLE_SCHEMA = 'dbo' AND t.TABLE_TYPE = 'BASE TABLE'"
    )
    found: dict[str, Table] = {}
    for row in rows:
        table = found.setdefault(row["table_name"].lower(), Table(row["table_name"], {}))
        table.columns[row["column_name"].lower()] = (row["column_name"], str(row["data_type"]).lower())
    return found


@dataclass
class Document:
    """The content of one of a row's two JSON columns. ``encoding`` is that of a compressed one; ``edited`` says whether it is to be written."""

    column: str
    value: dict[str, Any]
    encoding: str | None = None
    edited: bool = False

    @property
    def stored(self) -> Any:
        """What goes into the column."""
        text = documents.write(self.value)
        return documents.pack(text, self.encoding) if self.encoding else text


@dataclass
class Row:
    """One row: its key as text, the columns that were read, by their names in lower case, and its documents."""

    table: Table
    key: str
    columns: dict[str, Any]
    documents: list[Document]
    changed: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str) -> Any:
        """The value of a column or, where there is no such column, of that property of the JSON."""
        if self.table.has(name):
            return self.columns[name.lower()]
        return next((documents.get(one.value, name) for one in self.documents if documents.has(one.value, name)), None)


def select(connection: SqlConnection, table: Table, names: Iterable[str] = (), where: str = "", *params: Any) -> Iterator[Row]:
    """Read rows, with those of the named columns that exist, and their JSON.

    Args:
        connection: To the database.
        table: The table.
        names: The columns.
        where: A condition, in which every name is quoted and every value is a parameter.
        params: Its values.

    Raises:
        OctopusError: A row's JSON cannot be read, so that its effect is unknown.
    """
    wanted = {name.lower() for name in (*names, JSON, BLOB) if table.has(name)}
    listed = [f"CAST({table.column(table.key)} AS nvarchar(450)) AS row_key", *(_read(table, name) for name in sorted(wanted))]
    sql = f"SELECT {', '.join(listed)} FROM {table.quoted}"  # noqa: S608 - every name is quoted
    for found in connection.query(f"{sql} WHERE {where}" if where else sql, *params):
        values = {name.lower(): value for name, value in found.items()}
        key = str(values.pop("row_key"))
        yield Row(table, key, values, list(_documents(connection, table, key, values)))


def whole(connection: SqlConnection, table: Table, row: Row) -> dict[str, Any]:
    """A row with all its columns, as it is recorded before it is deleted."""
    listed = ", ".join(_read(table, name, binary=True) for name in table.columns)
    sql = f"SELECT {listed} FROM {table.quoted} WHERE {table.column(table.key)} = ?"  # noqa: S608 - every name is quoted
    return {name: _plain(value) for name, value in connection.query(sql, row.key)[0].items()}


def update(connection: SqlConnection, row: Row, stamp: str | None = None) -> None:
    """Write the changes of a row.

    Args:
        connection: To the database.
        row: The row.
        stamp: A column with a time, which is set to now where it is empty.
    """
    sets: list[str] = []
    params: list[Any] = []
    for name, value in row.changed.items():
        if value is None:
            sets.append(f"{row.table.column(name)} = NULL")
        else:
            sets.append(f"{row.table.column(name)} = ?")
            params.append(value)
    for document in row.documents:
        if document.edited:
            sets.append(f"{row.table.column(document.column)} = ?")
            params.append(document.stored)
    if stamp and row.table.has(stamp):
        sets.append(f"{row.table.column(stamp)} = COALESCE({row.table.column(stamp)}, SYSDATETIMEOFFSET())")
    table = row.table
    connection.query(
        f"UPDATE {table.quoted} SET {', '.join(sets)} WHERE {table.column(table.key)} = ?",  # noqa: S608 - every name is quoted
        *params,
        row.key,
    )


def insert(connection: SqlConnection, table: Table, key: str, text: str) -> None:
    """Insert a row with only its key and its JSON. SQL Server refuses it where this version has more in a row, and then nothing is changed."""
    columns = f"{table.column(table.key)}, {table.column(JSON)}"
    connection.query(f"INSERT INTO {table.quoted} ({columns}) VALUES (?, ?)", key, text)  # noqa: S608 - every name is quoted


def delete(connection: SqlConnection, row: Row) -> None:
    table = row.table
    connection.query(f"DELETE FROM {table.quoted} WHERE {table.column(table.key)} = ?", row.key)  # noqa: S608 - every name is quoted


def _read(table: Table, name: str, binary: bool = False) -> str:
    """A column in a SELECT, in a form that every driver can read."""
    spelt, kind = table.columns[name.lower()]
    column = quote_identifier(spelt)
    if kind in _AS_TEXT:
        return f"CAST({column} AS nvarchar(4000)) AS {column}"
    if kind in _OLD_TIMES:
        return f"CONVERT(nvarchar(40), {column}, 126) AS {column}"
    if binary and kind in BINARY:
        return f"CAST({column} AS varbinary(max)) AS {column}"
    return column


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return f"0x{bytes(value).hex()}"
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def _documents(connection: SqlConnection, table: Table, key: str, values: dict[str, Any]) -> Iterator[Document]:
    for column in (JSON, BLOB):
        found = values.pop(column, None)
        if found in (None, "", b""):
            continue
        encoding = None
        try:
            if column == BLOB:
                found, encoding = documents.unpack(bytes(found))
            value = documents.read(found)
        except ValueError as error:
            raise OctopusError(
                f"Expected to read the JSON of every row of {table.name}, but that of {key} cannot be read ({error}). Nothing was changed, since "
                f"the effect of that row is unknown. Look at it in the database on SQL Server {connection.options.where}."
            ) from error
        if isinstance(value, dict):
            yield Document(column, value, encoding)
