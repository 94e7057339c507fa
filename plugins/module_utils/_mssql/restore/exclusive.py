# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database for one session alone: taken from everybody else, and given back."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.server_info import sessions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError

from . import options as word
from .target import OFFLINE, ONLINE, look

# Somebody has the one connection of SINGLE_USER, or connected in between; 5069 is what follows each of them.
IN_USE = (924, 3702, 5030, 5061, 5064, 5069, 5070)
PATIENCE, PAUSE = 30.0, 0.5  # seconds

Ran = Callable[[str], None]


def insist(connection: SqlConnection, sql: str, database: str) -> None:
    """Run a statement that needs the database for itself. Clients come back at once: who has it meanwhile is thrown out, again and again.

    Raises:
        MssqlError: For half a minute somebody was always faster.
    """
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute_drained(sql)
            return
        except MssqlError as error:
            if error.number not in IN_USE:
                raise
            others = sessions(connection, database)
            if time.monotonic() >= ends:
                listed = "; ".join(f"session {one['session_id']}, {one['login']} from {one['host']} ({one['program']})" for one in others)
                raise MssqlError(
                    f"Wanted: {sql} on SQL Server {connection.options.where}. Found: {error.message}, by "
                    f"{listed or 'sessions that the login may not see'}. Stop the clients of {database} first",
                    error.number,
                ) from error
        for one in others:
            with contextlib.suppress(MssqlError):  # it has gone by itself, or the login may not: then only patience helps
                connection.execute_drained(f"KILL {one['session_id']:d}")
        time.sleep(PAUSE)


def take(connection: SqlConnection, database: str, ran: Ran, by_offline: bool) -> None:
    """Throw everybody out.

    Args:
        by_offline: Nobody can come in then; but to bring it online again takes ALTER ANY DATABASE. Else SINGLE_USER, whose one
            connection somebody else may get before us.
    """
    sql = word.offline(database) if by_offline else word.single_user(database)
    ran(sql)
    insist(connection, sql, database)


def give_back(connection: SqlConnection, database: str, ran: Ran, *, online: bool = True) -> None:
    """Let everybody in again, whatever was taken; nothing happens where nothing was, or where it is RESTORING.

    Args:
        online: Also bring it online.

    Raises:
        MssqlError: It cannot be done.
    """
    now = look(connection, database)
    steps = []
    if now is not None and now.state == OFFLINE and online:
        steps.append(word.online(database))
    if now is not None and now.user_access != "MULTI_USER" and (now.state == ONLINE or steps):
        steps.append(word.multi_user(database))
    for sql in steps:
        ran(sql)
        insist(connection, sql, database)


def in_the_way(connection: SqlConnection, session_id: int) -> bool:
    """Whether a session still runs something: one whose connection is lost is rolled back first."""
    return bool(connection.query("SELECT command FROM sys.dm_exec_requests WHERE session_id = ?", session_id))
