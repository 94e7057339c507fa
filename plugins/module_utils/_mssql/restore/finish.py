# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What follows a restore: users, compatibility level, integrity check and owner."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup.media import said
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import Message, SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.server_info import NO_USER
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, MssqlTimeout
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier

from . import statements
from .session import OnProgress, RestoreSession, since
from .target import find_database

CHECK_DONE = 8989


def repair_users(session: RestoreSession) -> tuple[list[str], list[str]] | tuple[None, None]:
    """Map users whose login has another identity on this server to the login of the same name.

    SUSER_SNAME and SUSER_SID also know logins that the views do not show to everybody.

    Returns:
        The users that were mapped, and those that remain orphaned. Neither can be told, and both are None, where the restored database has no
        user for our own login: it is restored, and to fail would only have it restored again by the next attempt.

    Raises:
        MssqlError: The session was lost.
    """
    connection = session.connection
    try:
        connection.execute_drained(f"USE {quote_identifier(session.database)}")
    except MssqlError as error:
        if error.number != NO_USER:
            raise
        return None, None
    repaired: list[str] = []
    orphaned: list[str] = []
    try:
        rows = connection.query(
            "SELECT name, CASE WHEN SUSER_SID(name) IS NULL THEN 0 ELSE 1 END AS has_login FROM sys.database_principals "
            "WHERE type = 'S' AND authentication_type = 1 AND principal_id > 4 AND SUSER_SNAME(sid) IS NULL ORDER BY name"
        )
        for row in rows:
            sql = statements.map_user(row["name"])
            try:
                if row["has_login"]:
                    connection.execute_drained(sql)
                    session.sql.append(sql)
                    repaired.append(row["name"])
                    continue
            except MssqlError as error:
                if error.number is None:
                    raise
            orphaned.append(row["name"])  # there is no login of that name, or another user is mapped to it
    finally:
        connection.execute_drained("USE [master]")
    return repaired, orphaned


def set_compatibility_level(session: RestoreSession, level: int) -> None:
    """
    Raises:
        MssqlError: The server refused.
    """
    _change(session, statements.set_compatibility_level(session.database, level), "its compatibility level")


def set_owner(session: RestoreSession) -> None:
    """Set the owner: RESTORE makes the login that runs it the owner of a new database.

    Raises:
        MssqlError: The server refused.
    """
    owner = session.prepared.owner
    now = find_database(session.connection, session.database)
    if owner is None or (now is not None and (now.owner or "").lower() == owner.lower()):
        return
    _change(session, statements.set_owner(session.database, owner), f"its owner {owner}")


def _change(session: RestoreSession, sql: str, what: str) -> None:
    session.sql.append(sql)
    try:
        session.connection.execute_drained(sql)
    except MssqlError as error:
        raise MssqlError(
            f"Expected to set {what} after the restore of {session.database}, which is restored and online, but it failed: {error.message}",
            error.number,
        ) from error


def check(
    connection: SqlConnection, database: str, deadline: float | None, on_progress: OnProgress, ran: Callable[[str], None]
) -> dict[str, Any]:
    """Run DBCC CHECKDB.

    Args:
        connection: The connection to run it on.
        database: The database, just restored.
        deadline: Seconds; None for no limit.
        on_progress: Called with a message.
        ran: Called with the statement.

    Returns:
        The part ``checkdb`` of a module's result.

    Raises:
        MssqlError: It found damage, or did not confirm that there is none; MssqlTimeout after the deadline.
    """
    sql = statements.check(database)
    ran(sql)
    on_progress(f"Checking {database}", None)
    started = time.monotonic()
    try:
        messages: Sequence[Message] = connection.execute_drained(sql, None, deadline)
    except MssqlTimeout as error:
        messages = error.messages
        if not said(messages, CHECK_DONE):
            raise MssqlTimeout(
                f"Expected to restore and check {database} in time, but DBCC CHECKDB was cancelled after {deadline:g} s. It is restored"
            ) from error
    except MssqlError as error:
        raise MssqlError(
            f"Expected {database} to be free of damage, but DBCC CHECKDB reports: {error.message}. It is restored; do not use it",
            error.number,
        ) from error
    last = next((message.text for message in messages if message.number == CHECK_DONE), None)
    if last is None:
        raise MssqlError(
            f"Expected message {CHECK_DONE}, with which DBCC CHECKDB reports on {database}, but found only "
            f"{sorted({message.number for message in messages})}"
        )
    return {"clean": True, "message": last, "seconds": since(started)}
