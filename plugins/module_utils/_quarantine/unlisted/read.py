# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every table of a database, column by column and row by row, as they are scanned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import record

from .scan import Scan

# Types that hold no text and no switch, such as row versions, and those that a driver reads as they are.
_NOTHING = ("timestamp", "rowversion")
_PLAIN = ("bit", "tinyint", "smallint", "int", "bigint", "float", "real", "char", "nchar", "varchar", "nvarchar", "text", "ntext")
_BINARY = ("binary", "varbinary", "image")
# Types that become text, and are read as such.
_AS_TEXT = (
    *("date", "time", "datetime", "datetime2", "smalldatetime", "datetimeoffset", "decimal", "numeric", "money", "smallmoney"),
    *("uniqueidentifier", "xml", "sql_variant"),
)


@dataclass
class Source:
    """A table: its schema, its name, and its columns with their types in lower case."""

    schema: str
    name: str
    columns: list[tuple[str, str]] = field(default_factory=list)

    @property
    def shown(self) -> str:
        return self.name if self.schema.lower() == "dbo" else f"{self.schema}.{self.name}"


def tables(connection: SqlConnection) -> list[Source]:
    """Every table of every schema, without our own.

    Raises:
        MssqlError: SQL Server refused.
    """
    found: dict[tuple[str, str], Source] = {}
    for row in connection.query(
        "SELECT c.TABLE_SCHEMA AS schema_name, c.TABLE_NAME AS table_name, c.COLUMN_NAME AS column_name, c.DATA_TYPE AS data_type "
        "FROM INFORMATION_SCHEMA.COLUMNS AS c INNER JOIN INFORMATION_SCHEMA.TABLES AS t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA "
        "AND t.TABLE_NAME = c.TABLE_NAME WHERE t.TABLE_TYPE = 'BASE TABLE'"
    ):
        key = (row["schema_name"], row["table_name"])
        if key[0].lower() != record.SCHEMA:
            found.setdefault(key, Source(*key)).columns.append((row["column_name"], str(row["data_type"]).lower()))
    return list(found.values())


def read(connection: SqlConnection, scan: Scan) -> None:
    """Show a scan every row of every table that it does not skip, in batches.

    Raises:
        MssqlError: SQL Server refused.
    """
    for table in tables(connection):
        if scan.skips(table.shown):
            continue
        columns = list(_readable(table, scan))
        if columns:
            where = f"{quote_identifier(table.schema)}.{quote_identifier(table.name)}"
            for row in connection.stream(f"SELECT {', '.join(columns)} FROM {where}"):  # noqa: S608 - every name is quoted
                scan.row(table.shown, row)


def _readable(table: Source, scan: Scan) -> Iterator[str]:
    """The columns as they are selected; one of a type that is not known is a finding of its own."""
    for name, kind in table.columns:
        column = quote_identifier(name)
        if kind in _PLAIN:
            yield column
        elif kind in _BINARY:
            yield f"CAST({column} AS varbinary(max)) AS {column}"
        elif kind in _AS_TEXT:
            yield f"CAST({column} AS nvarchar(max)) AS {column}"
        elif kind not in _NOTHING:
            scan.unreadable(table.shown, name)
