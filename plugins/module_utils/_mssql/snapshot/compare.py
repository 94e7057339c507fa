# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verification of a revert: tables, columns and row counts of the database equal those of its snapshot."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier

from .source import source_of


def compare(connection: SqlConnection, database: str, snapshot: str) -> int:
    """Compare tables, their columns and their row counts with those of the snapshot.

    Returns:
        The number of tables.

    Raises:
        MssqlError: They differ, or the database is not online.
    """
    found = source_of(connection, database)
    if found is None or found.state != "ONLINE":
        raise MssqlError(f"after it, the database is {found.state if found else 'missing'}")
    mine, theirs = _tables(connection, database), _tables(connection, snapshot)
    different = [
        table
        for table in sorted(mine.keys() | theirs.keys())
        if mine.get(table) != theirs.get(table) and _differs(connection, (database, snapshot), table, mine.get(table), theirs.get(table))
    ]
    if different:
        names = ", ".join(".".join(table) for table in different[:5]) + (", ..." if len(different) > 5 else "")
        raise MssqlError(f"{len(different)} of its tables differ from the snapshot: {names}")
    return len(mine)


def _tables(connection: SqlConnection, database: str) -> dict[tuple[str, str], tuple[int, int]]:
    """Columns and rows by table. The server keeps the row count, which is approximate."""
    name = quote_identifier(database)
    columns = connection.query(f"SELECT object_id, COUNT(*) AS number FROM {name}.sys.columns GROUP BY object_id")  # noqa: S608 - the name is quoted
    count = {row["object_id"]: int(row["number"]) for row in columns}
    rows = connection.query(
        f"SELECT s.name AS schema_name, t.name AS table_name, t.object_id, SUM(p.rows) AS number FROM {name}.sys.tables AS t "  # noqa: S608 - as above
        f"INNER JOIN {name}.sys.schemas AS s ON s.schema_id = t.schema_id INNER JOIN {name}.sys.partitions AS p ON p.object_id = t.object_id "
        "WHERE p.index_id IN (0, 1) GROUP BY s.name, t.name, t.object_id"
    )
    return {(row["schema_name"], row["table_name"]): (count.get(row["object_id"], 0), int(row["number"] or 0)) for row in rows}


def _differs(
    connection: SqlConnection,
    databases: tuple[str, str],
    table: tuple[str, str],
    mine: tuple[int, int] | None,
    theirs: tuple[int, int] | None,
) -> bool:
    """Whether they really differ: where only the approximate row counts do, the rows are counted."""
    if mine is None or theirs is None or mine[0] != theirs[0]:
        return True
    counts = [
        connection.scalar(f"SELECT COUNT_BIG(*) AS number FROM {'.'.join(quote_identifier(part) for part in (database, *table))}")  # noqa: S608 - quoted
        for database in databases
    ]
    return bool(counts[0] != counts[1])
