# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exclusive use of a database: everybody else is disconnected, and admitted again afterwards."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import undo
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.server_info import ending, sessions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError

from . import statements
from .target import OFFLINE, ONLINE, find_database

# Somebody has the only connection of SINGLE_USER, or connected in between; 5069 follows each of them.
IN_USE = (924, 3702, 5030, 5061, 5064, 5069, 5070)
PATIENCE, PAUSE = 30.0, 0.5  # seconds

Ran = Callable[[str], None]


def run_exclusively(connection: SqlConnection, sql: str, database: str) -> None:
    """Run a statement that needs the database for itself. Clients reconnect at once, so whoever is connected is disconnected repeatedly.

    What SQL Server is undoing in the database holds it too: that is waited for, since the statement itself would wait for it without end.

    Args:
        connection: The connection to run it on.
        sql: The statement.
        database: The database that it needs.

    Raises:
        MssqlError: The server refused for another reason, the database was still in use after half a minute, or a transaction is being undone
            in it without any progress.
    """
    undo.wait(connection, database, Progress())
    ends = time.monotonic() + PATIENCE
    others: list[dict[str, Any]] = []
    for attempt in itertools.count():
        try:
            # The first to be found may have much to undo, which is waited for before the statement; those that come back at once do not.
            connection.execute_drained(ending(others, sql) if attempt > 1 else sql)
            return
        except MssqlError as error:
            if error.number not in IN_USE:
                raise
            others = sessions(connection, database)
            if time.monotonic() >= ends:
                listed = "; ".join(f"session {one['session_id']}, {one['login']} from {one['host']} ({one['program']})" for one in others)
                raise MssqlError(
                    f"Expected exclusive use of {database} on SQL Server {connection.options.where} for {sql}, but it is in use by "
                    f"{listed or 'sessions that the login may not see'} ({error.message}). Stop the clients of {database} first",
                    error.number,
                ) from error
        if attempt == 0:
            for one in others:
                # Where the session has ended by itself, or the login may not end it, only the next attempt helps.
                with contextlib.suppress(MssqlError):
                    connection.execute_drained(f"KILL {one['session_id']:d}")
        if undo.undone(connection, database):  # what a session that was just ended had open
            undo.wait(connection, database, Progress())
            ends = time.monotonic() + PATIENCE
        if not others:
            time.sleep(PAUSE)


def take(connection: SqlConnection, database: str, ran: Ran, by_offline: bool) -> None:
    """Disconnect everybody from the database.

    Args:
        connection: The connection to work on.
        database: The database.
        ran: Called with each statement.
        by_offline: Take it offline, so that nobody can connect; bringing it online again needs ALTER ANY DATABASE. Otherwise set it to
            SINGLE_USER, whose only connection somebody else may get first.

    Raises:
        MssqlError: As :func:`run_exclusively`.
    """
    sql = statements.offline(database) if by_offline else statements.single_user(database)
    ran(sql)
    run_exclusively(connection, sql, database)


def release(connection: SqlConnection, database: str, ran: Ran, *, online: bool = True) -> None:
    """Admit everybody again, however the database was taken. Does nothing where it was not taken, or where it is RESTORING.

    Args:
        connection: The connection to work on.
        database: The database.
        ran: Called with each statement.
        online: Also bring it online.

    Raises:
        MssqlError: As :func:`run_exclusively`.
    """
    now = find_database(connection, database)
    steps = []
    if now is not None and now.state == OFFLINE and online:
        steps.append(statements.online(database))
    if now is not None and now.user_access != "MULTI_USER" and (now.state == ONLINE or steps):
        steps.append(statements.multi_user(database))
    for sql in steps:
        ran(sql)
        run_exclusively(connection, sql, database)


def is_busy(connection: SqlConnection, session_id: int) -> bool:
    """Whether a session is still working: the statement of one whose connection is lost is rolled back first."""
    return bool(connection.query("SELECT command FROM sys.dm_exec_requests WHERE session_id = ?", session_id))
