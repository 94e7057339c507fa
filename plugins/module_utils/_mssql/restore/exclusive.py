# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Taking a database for a restore, and admitting everybody again afterwards."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.exclusive import run_exclusively

from . import statements
from .target import OFFLINE, ONLINE, find_database

Ran = Callable[[str], None]


def take(connection: SqlConnection, database: str, ran: Ran, by_offline: bool) -> None:
    """Disconnect everybody from the database.

    Args:
        connection: The connection to work on.
        database: The database.
        ran: Called with each statement.
        by_offline: Take it offline, so that nobody can connect; bringing it online again needs ALTER ANY DATABASE. Otherwise set it to
            SINGLE_USER, whose only connection somebody else may get first.

    Raises:
        MssqlError: As ``run_exclusively``.
    """
    sql = statements.offline(database) if by_offline else statements.single_user(database)
    ran(sql)
    run_exclusively(connection, database, sql)


def release(connection: SqlConnection, database: str, ran: Ran, *, online: bool = True) -> None:
    """Admit everybody again, however the database was taken. Does nothing where it was not taken, or where it is RESTORING.

    Args:
        connection: The connection to work on.
        database: The database.
        ran: Called with each statement.
        online: Also bring it online.

    Raises:
        MssqlError: As ``run_exclusively``.
    """
    now = find_database(connection, database)
    steps = []
    if now is not None and now.state == OFFLINE and online:
        steps.append(statements.online(database))
    if now is not None and now.user_access != "MULTI_USER" and (now.state == ONLINE or steps):
        steps.append(statements.multi_user(database))
    for sql in steps:
        ran(sql)
        run_exclusively(connection, database, sql)


def is_busy(connection: SqlConnection, session_id: int) -> bool:
    """Whether a session is still working: the statement of one whose connection is lost is rolled back first."""
    return bool(connection.query("SELECT command FROM sys.dm_exec_requests WHERE session_id = ?", session_id))
