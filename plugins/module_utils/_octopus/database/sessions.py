# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sessions on an instance's database: who they are, and waiting until there are none."""

from __future__ import annotations

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import TaskFailed
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import server_info, undo
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0


def describe(session: dict[str, Any]) -> str:
    """Return a session of SQL Server as a person reads it."""
    return f"{session['login']} from {session['host'] or 'an unknown host'} with {session['program'] or 'an unknown program'}"


def look(connection: SqlConnection, database: str) -> dict[str, Any]:
    """Look once, as :func:`wait_until_none` does, without minding what is found."""
    return {
        "sessions": server_info.sessions(connection, database),
        "sessions_visible": server_info.may_see_sessions(connection),
        "undone": [one.facts() for one in undo.undone(connection, database)],
        "seconds": 0.0,
    }


def wait_until_none(
    connection: SqlConnection,
    database: str,
    deadline: Deadline,
    undo_deadline: undo.NewDeadline = undo.new_deadline,
    *,
    leave: bool = False,
) -> dict[str, Any]:
    """Wait until nobody else is connected to the database, and SQL Server undoes nothing in it any more.

    Args:
        connection: To another database of its server: this one may be in any state, or missing.
        database: The database.
        deadline: For how long to wait for clients. A transaction of a client that has gone is waited for as long as its undoing progresses.
        undo_deadline: For how long to wait without such progress.
        leave: Return who is still connected at the deadline, with a warning, instead of failing.

    Returns:
        ``sessions``, empty unless they are left; ``sessions_visible``; ``undone``, what SQL Server was undoing; ``seconds``. Where the login may not see the
        sessions of others, it returns at once.

    Raises:
        TaskFailed: Somebody was still connected at the deadline. Its result has the same fields.
        MssqlError: SQL Server refused, or has made no progress with undoing.
    """
    visible = server_info.may_see_sessions(connection)
    undone = undo.undone(connection, database) if visible else []
    first = [one.facts() for one in undone]
    while True:
        sessions = server_info.sessions(connection, database)
        being_undone = {one.session_id for one in undone}
        clients = [one for one in sessions if one["session_id"] not in being_undone]
        result = {"sessions": clients, "sessions_visible": visible, "undone": first, "seconds": round(deadline.elapsed, 3)}
        if not visible or not (clients or undone):
            return result
        if not clients:
            undo.wait(connection, database, Progress(), deadline=undo_deadline)
        elif not deadline.pause():
            said = (
                f"Expected nobody to be connected to {database} on SQL Server {connection.options.where} within {deadline.seconds:g} s, but found "
                f"{'; '.join(describe(one) for one in clients)}."
            )
            if leave:
                return result | {"warnings": [f"{said} A restore will disconnect them."]}
            raise TaskFailed(f"{said} Stop these nodes or programs, and run this again.", result)
        undone = undo.undone(connection, database)
        first = first or [one.facts() for one in undone]
