# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Statements that need a database for themselves: whoever is connected is disconnected, also where clients reconnect at once."""

from __future__ import annotations

import itertools
import time
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError

from . import undo
from .connection import SqlConnection
from .server_info import ending, listed, sessions

# The database is in use: exclusive access could not be obtained, somebody has the only connection of SINGLE_USER, or connected in between. 5069
# follows each of them.
IN_USE = (924, 3101, 3702, 5030, 5061, 5064, 5069, 5070)
_ENDED = 6106  # KILL: the session has ended by itself
PATIENCE, PAUSE = 30.0, 0.5  # seconds


def run_exclusively(connection: SqlConnection, database: str, *steps: str | tuple[str, float | None]) -> None:
    """Run statements that need the database for themselves, and end the sessions of others that are in their way.

    What SQL Server is undoing in the database holds it too: that is waited for, since a statement would wait for it without end.

    Args:
        connection: The connection to run them on.
        database: The database that they need.
        steps: The statements, each alone or with its deadline in seconds. All are repeated after one of them met another session.

    Raises:
        MssqlTimeout: A statement did not end by its deadline.
        MssqlError: The server refused for another reason, the database was still in use after half a minute, or a transaction is being undone
            in it without any progress.
    """
    statements = [(step, None) if isinstance(step, str) else step for step in steps]
    undo.wait(connection, database, Progress())
    ends = time.monotonic() + PATIENCE
    others: list[dict[str, Any]] = []
    kept = ""
    for attempt in itertools.count():
        try:
            for number, (statement, deadline) in enumerate(statements):
                # The first to be found may have much to undo, which is waited for before the statement; those that come back at once do not.
                connection.execute_drained(ending(others, statement) if attempt > 1 and number == 0 else statement, None, deadline)
            return
        except MssqlError as error:
            if error.number not in IN_USE:
                raise
            others = sessions(connection, database)
            if attempt == 0:
                kept = _end(connection, others)
            if time.monotonic() >= ends:
                found = listed(others) if others else "sessions that the login may not see"
                raise MssqlError(
                    f"Expected exclusive use of {database} on SQL Server {connection.options.where} for {'; '.join(sql for sql, _ in statements)}, "
                    f"but it is in use by {found}{kept} ({error.message}). Stop the clients of {database} first",
                    error.number,
                ) from error
        if undo.undone(connection, database):  # what a session that was just ended had open
            undo.wait(connection, database, Progress())
            ends = time.monotonic() + PATIENCE
        if not others:
            time.sleep(PAUSE)


def _end(connection: SqlConnection, others: list[dict[str, Any]]) -> str:
    """End sessions. A login that may not do so can still succeed: a statement WITH ROLLBACK IMMEDIATE needs no such permission.

    Returns:
        For the message of a failure: why a session could not be ended.
    """
    refused = ""
    for one in others:
        try:
            connection.execute_drained(f"KILL {one['session_id']:d}")
        except MssqlError as error:
            if error.number != _ENDED:
                refused = f", and session {one['session_id']} cannot be ended: {error.message}"
    return refused
