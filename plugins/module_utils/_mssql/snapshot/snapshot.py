# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database snapshot, present or absent.

https://learn.microsoft.com/sql/relational-databases/databases/database-snapshots-sql-server
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.server_info import listed, sessions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier

from . import create
from .files import SnapshotOptions
from .source import Prepared, current, find_named, require_snapshot, survey

PRESENT, ABSENT = "present", "absent"


def prepare(connection: SqlConnection, options: SnapshotOptions, state: str) -> Prepared:
    """Check everything that can be checked without a change, and build the statement.

    Raises:
        MssqlError: It cannot be done; the message says why and what to do.
    """
    return create.prepare(connection, options) if state == PRESENT else _prepare_drop(connection, options)


def run(connection: SqlConnection, prepared: Prepared, state: str, reconnect: Callable[[], SqlConnection]) -> dict[str, Any]:
    """Do what was prepared, and verify it.

    Args:
        connection: The connection to work on.
        prepared: What to do.
        state: "present" or "absent".
        reconnect: Opens another connection, to see what a cancelled statement has left.

    Returns:
        The part of the result that differs from ``prepared.outlook()``.

    Raises:
        MssqlError: It failed or could not be verified.
    """
    if prepared.source is None or not prepared.changes:
        return {}
    if state == PRESENT:
        create.create(connection, prepared, reconnect)
    else:
        _drop(connection, prepared)
    return current(connection, prepared.source, prepared.options.name)


def _prepare_drop(connection: SqlConnection, options: SnapshotOptions) -> Prepared:
    prepared = survey(connection, options, may_be_missing=True)
    where = connection.options.where
    row = find_named(connection, options.snapshot)
    if row is None:
        return prepared
    require_snapshot(row, options, where)
    name = quote_identifier(row["name"])
    if not connection.scalar(
        "SELECT CASE WHEN HAS_PERMS_BY_NAME(NULL, NULL, 'ALTER ANY DATABASE') = 1 OR HAS_PERMS_BY_NAME(?, 'DATABASE', 'CONTROL') = 1 "
        "THEN 1 ELSE 0 END AS may_drop",
        name,
    ):
        raise MssqlError(
            f"Expected the permission to drop {row['name']} on SQL Server {where}, but the login {connection.options.who} does not have it. "
            "Give it the server role dbcreator, or make it the owner"
        )
    readers = sessions(connection, row["name"])
    if readers:
        raise MssqlError(
            f"Expected nobody to be reading {row['name']} on SQL Server {where}, to drop it, but found {listed(readers)}. Close these sessions first",
            3702,
        )
    prepared.statements.append(f"DROP DATABASE {name}")
    return prepared


def _drop(connection: SqlConnection, prepared: Prepared) -> None:
    connection.execute_drained(prepared.statements[0], None, prepared.options.timeout)
    if find_named(connection, prepared.options.snapshot):
        raise MssqlError(
            f"Expected {prepared.options.name} to be dropped, but SQL Server {connection.options.where} still has it. Drop it by hand"
        )
