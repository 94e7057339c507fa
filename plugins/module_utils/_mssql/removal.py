# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database dropped: never one that is used, is part of something else, or is the only one there is."""

from __future__ import annotations

import typing as t

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql import exclusive, server_info
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql import restore_options as word
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore_target import ONLINE, look


def prepare(connection: SqlConnection, name: str, replaced_by: str | None) -> list[str]:
    """The statements that drop the database; none where it is gone already.

    :param replaced_by: the database that has taken its place, and has to be online.
    :raises MssqlError: it must not be dropped; the message says why.
    """
    where = f"SQL Server {connection.options.where}"
    if name.lower() in word.SYSTEM:
        raise MssqlError(f"Wanted: a database to drop. Found: {name}, which is one of {where} itself")
    there = look(connection, name)
    if there is None:
        return []
    _refuse_part_of_something(connection, there.name)
    if there.in_availability_group or there.mirrored:
        raise MssqlError(
            f"Wanted: {there.name} dropped. Found: it is in an availability group or mirrored on {where}. Remove it from there first"
        )
    if replaced_by is not None:
        other = look(connection, replaced_by)
        if other is None or other.state != ONLINE or other.name.lower() == there.name.lower():
            found = "none of that name" if other is None else "itself" if other.name.lower() == there.name.lower() else other.state
            raise MssqlError(
                f"Wanted: {replaced_by} online on {where}, before {there.name} is dropped. Found: {found}. {there.name} may be the only copy, "
                "and was left"
            )
    users = server_info.sessions(connection, there.name)
    if users:
        listed = "; ".join(f"session {one['session_id']}, {one['login']} from {one['host']} ({one['program']})" for one in users)
        raise MssqlError(f"Wanted: nobody in {there.name} on {where}, to drop it. Found: {listed}. End what uses it, and try again")
    alone = [word.single_user(there.name)] if there.state == ONLINE else []
    return [*alone, word.drop(there.name)]


def run(connection: SqlConnection, name: str, statements: t.Sequence[str]) -> None:
    """Drop it, and prove that it is gone.

    :raises MssqlError: it is still there.
    """
    if not statements:
        return
    exclusive.insist(connection, "; ".join(statements), name)
    if look(connection, name) is not None:
        raise MssqlError(f"Wanted: {name} dropped. Found: SQL Server {connection.options.where} said so, and still has it")


def _refuse_part_of_something(connection: SqlConnection, name: str) -> None:
    row = connection.query(
        "SELECT DB_NAME(source_database_id) AS source, (SELECT COUNT(*) FROM sys.databases AS s WHERE s.source_database_id = d.database_id) "
        "AS snapshots FROM sys.databases AS d WHERE d.name = ?",
        name,
    )[0]
    if row["source"] is not None:
        raise MssqlError(
            f"Wanted: a database to drop. Found: {name} is a snapshot of {row['source']}; use mssql_snapshot and state: absent"
        )
    if row["snapshots"]:
        raise MssqlError(f"Wanted: {name} dropped. Found: it has {row['snapshots']} snapshots. Drop them first, with mssql_snapshot")
