# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database dropped: never one that is used, is part of something else, or is the only one there is."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore.target import (
    OFFLINE,
    ONLINE,
    DatabaseState,
    look,
    may_on_server,
)

from .connection import server_info
from .errors import MssqlError
from .restore import options as word

USED = 3702  # currently in use


def prepare(connection: SqlConnection, name: str, replaced_by: str | None) -> list[str]:
    """The statements that drop the database; none where it is gone already.

    Args:
        replaced_by: The database that has taken its place, and has to be online.

    Raises:
        MssqlError: It must not be dropped; the message says why.
    """
    where = f"SQL Server {connection.options.where}"
    if name.lower() in word.SYSTEM:
        raise MssqlError(f"Wanted: a database to drop. Found: {name}, which is one of {where} itself")
    there = look(connection, name)
    if there is None:
        return []
    _refuse_part_of_something(connection, there)
    if there.state == OFFLINE:
        # https://learn.microsoft.com/sql/t-sql/statements/drop-database-transact-sql: the disk files are not deleted then.
        raise MssqlError(
            f"Wanted: {there.name} dropped with its files. Found: it is offline on {where}, and its files would be left on the disk. "
            f"Bring it online first: {word.online(there.name)}"
        )
    if replaced_by is not None:
        other = look(connection, replaced_by)
        if other is None or other.state != ONLINE or other.database_id == there.database_id:
            found = (
                "none of that name" if other is None else "that very database" if other.database_id == there.database_id else other.state
            )
            raise MssqlError(
                f"Wanted: {replaced_by} online on {where}, before {there.name} is dropped. Found: {found}. {there.name} may be the only copy, "
                "and was left"
            )
    if not (may_on_server(connection, "ALTER ANY DATABASE") or server_info.may(connection, there.name, "CONTROL")):
        raise MssqlError(
            f"Wanted: to drop {there.name} on {where}. Found: the login {connection.options.who} may not. Give it the server role dbcreator, "
            "or make it the owner"
        )
    if server_info.sessions(connection, there.name):
        raise _used(connection, there.name)
    return [word.drop(there.name)]


def run(connection: SqlConnection, name: str, statements: Sequence[str]) -> None:
    """Drop it, and prove that it is gone. Nobody is thrown out for it: who is in it has come since it was looked at, and means it.

    Raises:
        MssqlError: It is still there.
    """
    for sql in statements:
        try:
            connection.execute_drained(sql)
        except MssqlError as error:
            if error.number != USED:
                raise
            raise _used(connection, name) from error
    if statements and look(connection, name) is not None:
        raise MssqlError(f"Wanted: {name} dropped. Found: SQL Server {connection.options.where} said so, and still has it")


def _used(connection: SqlConnection, name: str) -> MssqlError:
    users = server_info.sessions(connection, name)
    listed = "; ".join(f"session {one['session_id']}, {one['login']} from {one['host']} ({one['program']})" for one in users)
    return MssqlError(
        f"Wanted: nobody in {name} on SQL Server {connection.options.where}, to drop it. "
        f"Found: {listed or 'sessions that the login may not see, or that have just gone'}. End what uses it, and try again",
        USED,
    )


def _refuse_part_of_something(connection: SqlConnection, there: DatabaseState) -> None:
    where = f"SQL Server {connection.options.where}"
    row = connection.query(
        "SELECT DB_NAME(source_database_id) AS source, source_database_id FROM sys.databases WHERE database_id = ?", there.database_id
    )[0]
    if row["source_database_id"] is not None:
        raise MssqlError(
            f"Wanted: a database to drop. Found: {there.name} on {where} is a snapshot of {row['source']}; use mssql_snapshot and state: absent"
        )
    kept = connection.query("SELECT name FROM sys.databases WHERE source_database_id = ? ORDER BY name", there.database_id)
    if kept:
        raise MssqlError(
            f"Wanted: {there.name} dropped. Found: it has the snapshots {', '.join(row['name'] for row in kept)} on {where}. "
            "Drop them first, with mssql_snapshot"
        )
    if there.in_availability_group or there.mirrored:
        raise MssqlError(
            f"Wanted: {there.name} dropped. Found: it is in an availability group or mirrored on {where}. Remove it from there first"
        )
