# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dropping a database: never one that is in use, is part of something else, or is the only copy."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore.target import (
    OFFLINE,
    ONLINE,
    DatabaseState,
    find_database,
    may_on_server,
)

from .connection import server_info
from .errors import MssqlError
from .restore import statements
from .restore.options import SYSTEM

IN_USE = 3702


def prepare(connection: SqlConnection, name: str, replaced_by: str | None) -> list[str]:
    """Check that the database may be dropped.

    Args:
        connection: The connection to ask.
        name: The database.
        replaced_by: The database that has taken its place, which must be online.

    Returns:
        The statements that drop it; none where it does not exist.

    Raises:
        MssqlError: It must not be dropped; the message says why.
    """
    where = f"SQL Server {connection.options.where}"
    if name.lower() in SYSTEM:
        raise MssqlError(f"Expected a user database to drop, but {name} is a system database of {where}")
    existing = find_database(connection, name)
    if existing is None:
        return []
    _refuse_part_of_something(connection, existing)
    if existing.state == OFFLINE:
        # https://learn.microsoft.com/sql/t-sql/statements/drop-database-transact-sql: the disk files are not deleted then.
        raise MssqlError(
            f"Expected {existing.name} to be online, to drop it with its files, but it is offline on {where}, and its files would be left on the "
            f"disk. Bring it online first: {statements.online(existing.name)}"
        )
    if replaced_by is not None:
        _require_replacement(connection, existing, replaced_by)
    if not (may_on_server(connection, "ALTER ANY DATABASE") or server_info.may(connection, existing.name, "CONTROL")):
        raise MssqlError(
            f"Expected the permission to drop {existing.name} on {where}, but the login {connection.options.who} does not have it. Give it the "
            "server role dbcreator, or make it the owner"
        )
    if server_info.sessions(connection, existing.name):
        raise _in_use(connection, existing.name)
    return [statements.drop(existing.name)]


def run(connection: SqlConnection, name: str, sql: Sequence[str]) -> None:
    """Drop the database, and verify that it is gone. Nobody is disconnected for it: whoever is in it has come since the check, on purpose.

    Args:
        connection: The connection to work on.
        name: The database.
        sql: What :func:`prepare` returned.

    Raises:
        MssqlError: It still exists.
    """
    for statement in sql:
        try:
            connection.execute_drained(statement)
        except MssqlError as error:
            if error.number != IN_USE:
                raise
            raise _in_use(connection, name) from error
    if sql and find_database(connection, name) is not None:
        raise MssqlError(f"Expected {name} to be dropped, but SQL Server {connection.options.where} reported success and still has it")


def _require_replacement(connection: SqlConnection, existing: DatabaseState, replaced_by: str) -> None:
    other = find_database(connection, replaced_by)
    if other is None:
        found = "there is none of that name"
    elif other.database_id == existing.database_id:
        found = "it is that very database"
    elif other.state != ONLINE:
        found = f"it is {other.state}"
    else:
        return
    raise MssqlError(
        f"Expected {replaced_by} to be online on SQL Server {connection.options.where} before {existing.name} is dropped, but {found}. "
        f"{existing.name} may be the only copy and was not dropped"
    )


def _in_use(connection: SqlConnection, name: str) -> MssqlError:
    users = server_info.sessions(connection, name)
    return MssqlError(
        f"Expected nobody to be using {name} on SQL Server {connection.options.where}, to drop it, but found "
        f"{server_info.listed(users) or 'sessions that the login may not see, or that have just ended'}. Stop what uses it, and try again",
        IN_USE,
    )


def _refuse_part_of_something(connection: SqlConnection, existing: DatabaseState) -> None:
    where = f"SQL Server {connection.options.where}"
    row = connection.query(
        "SELECT DB_NAME(source_database_id) AS source, source_database_id FROM sys.databases WHERE database_id = ?", existing.database_id
    )[0]
    if row["source_database_id"] is not None:
        raise MssqlError(
            f"Expected a database to drop, but {existing.name} on {where} is a snapshot of {row['source']}. Use mssql_snapshot with state: absent"
        )
    snapshots = connection.query("SELECT name FROM sys.databases WHERE source_database_id = ? ORDER BY name", existing.database_id)
    if snapshots:
        raise MssqlError(
            f"Expected {existing.name} without snapshots, to drop it, but it has {', '.join(row['name'] for row in snapshots)} on {where}. "
            "Drop them first, with mssql_snapshot"
        )
    if existing.in_availability_group or existing.mirrored:
        raise MssqlError(
            f"Expected a standalone database {existing.name}, to drop it, but it is in an availability group or mirrored on {where}. "
            "Remove it from there first"
        )
