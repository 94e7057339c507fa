# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""RESTORE DATABASE, run to its end and verified: message 3014, the row in msdb, and the database online."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup import media as backup_media
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup.backup import SESSION_GONE
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup.media import said
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, MssqlTimeout
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.progress import percents

from . import exclusive, history
from . import target as restore_target
from .session import RestoreSession
from .target import ONLINE, find_database

RESTORE_DONE = 3014
IN_USE = 3101
ATTEMPTS = 5


def restore(session: RestoreSession) -> None:
    """Restore the database and verify the outcome. Where others may be using the existing one, they are disconnected first.

    A restore that failed because somebody reconnected in between has changed nothing, and is tried again.

    Raises:
        MssqlError: The restore failed or could not be verified; MssqlTimeout after the deadline.
    """
    before = history.last_restore(session.connection)
    shared = session.prepared.target.overwrites_online
    for attempt in range(ATTEMPTS, 0, -1):
        if shared:
            exclusive.take(session.connection, session.database, session.sql.append, session.prepared.by_offline)
        try:
            _run_statement(session)
            break
        except MssqlError as error:
            if error.number != IN_USE or not shared or attempt == 1:
                raise
    _verify_outcome(session, before)


def _run_statement(session: RestoreSession) -> None:
    """
    Raises:
        MssqlError: The statement was refused, was cancelled, or its session was lost.
    """
    name = session.database
    statement = session.prepared.statement
    session.sql.append(statement)
    try:
        told = percents(session.on_progress, f"Restoring {name}", session.prepared.chosen.size)
        messages = session.connection.execute_drained(statement, told, session.remaining())
    except MssqlTimeout as error:
        messages = error.messages
        if not said(messages, RESTORE_DONE):
            raise MssqlTimeout(
                f"Expected to restore {name} within {session.options.timeout:g} s, but it took longer and was cancelled, on {session.server}"
            ) from error
    except MssqlError as error:
        raise _failed(session, error) from error
    if said(messages, RESTORE_DONE):
        return
    # Microsoft's driver may report a lost connection in a message alone (10054, with 18.6), without an error.
    gone = next((message.text for message in messages if message.number in SESSION_GONE), None)
    if gone:
        raise _session_gone(session, gone)
    raise MssqlError(
        f"Expected message {RESTORE_DONE}, with which SQL Server confirms the restore of {name}, but found only "
        f"{sorted({message.number for message in messages})}"
    )


def _failed(session: RestoreSession, error: MssqlError) -> MssqlError:
    if error.number is None or error.number in SESSION_GONE:
        return _session_gone(session, error.message)
    cause = backup_media.readable(error, session.options.devices, session.connection)
    if cause is not error:
        return cause
    return MssqlError(f"Expected to restore {session.database} on {session.server}, but it failed: {error.message}", error.number)


def _session_gone(session: RestoreSession, why: str) -> MssqlError:
    return MssqlError(f"Expected to restore {session.database}, but {session.server} ended the session during the restore ({why})")


def _verify_outcome(session: RestoreSession, before: int) -> None:
    """
    Raises:
        MssqlError: msdb has no restore of this backup set since ``before``, or the database is not online.
    """
    name, uuid = session.database, session.prepared.chosen.backup_set_uuid
    recorded = history.restored_sets(session.connection, name, before)
    if uuid not in recorded:
        raise MssqlError(
            f"Expected the restore of {uuid} as {name} in msdb.dbo.restorehistory, but found {', '.join(map(str, recorded)) or 'no row'}"
        )
    now = find_database(session.connection, name)
    if now is None or now.state != ONLINE:
        raise MssqlError(f"Expected {name} to be ONLINE after its restore, but {describe(name, now)}")


def describe(name: str, now: restore_target.DatabaseState | None) -> str:
    """The state of a database, for a message."""
    return f"it is {now.state}" if now else f"there is no database {name}"
