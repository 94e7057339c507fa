# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What follows a failed restore: the databases are made available again, and the error says where everything is."""

from __future__ import annotations

import time

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, MssqlTimeout

from . import exclusive, statements
from .session import RestoreSession
from .target import RESTORING, find_database

WAIT_FOR_ROLLBACK, PAUSE = 60.0, 0.2  # seconds


def release(session: RestoreSession, *databases: str, online: bool = True) -> str:
    """Admit everybody again, on another connection: the first may be lost, and its RESTORE not rolled back yet.

    Args:
        session: The restore that failed.
        *databases: The databases to release.
        online: Also bring them online.

    Returns:
        What the error message must add; empty where all is well.
    """
    try:
        with session.reconnect() as fresh:
            ends = time.monotonic() + WAIT_FOR_ROLLBACK
            while exclusive.is_busy(fresh, session.session_id) and time.monotonic() < ends:
                time.sleep(PAUSE)
            for database in databases:
                exclusive.release(fresh, database, session.sql.append, online=online)
    except MssqlError as error:
        return (
            f"Could not make {', '.join(databases)} available again ({error.message}). If need be, run ALTER DATABASE ... SET ONLINE and "
            "SET MULTI_USER"
        )
    return ""


def whereabouts(session: RestoreSession) -> str:
    """What exists now, as seen on another connection, and what to do."""
    options, target, name = session.options, session.prepared.target, session.database
    if options.for_test:
        return ""  # it is dropped anyway
    try:
        with session.reconnect() as fresh:
            now = find_database(fresh, name)
            renamed = find_database(fresh, options.keep_as) if options.keep_as else None
    except MssqlError as error:
        return f"Could not determine what exists now ({error.message})"
    if now is None:
        seen = f"There is no database {name}"
    elif now.state == RESTORING:
        again = "run this again" if options.keep_as else "run this again with replace: true"
        seen = f"{now.name} is RESTORING and cannot be used: {again}, or drop it"
    elif target.overwrite and target.existing is not None and not options.keep_as:
        seen = f"{now.name} is {now.state}"
    else:
        seen = f"{now.name} exists and is {now.state}"
    if session.prepared.left:
        paths = ", ".join(one.path for one in session.prepared.left)
        seen += f". The files of the database that was there, {paths}, are left on the disk"
    if renamed is not None:
        back = statements.rename(renamed.name, name)
        seen += f". The original database is kept as {renamed.name}, {renamed.state}. To return to it by hand, drop {name} if it exists, and run {back}"
    return seen


def extended(error: MssqlError, *more: str) -> MssqlError:
    """The same error with more sentences; empty ones are omitted."""
    text = ". ".join([error.message.rstrip("."), *(one for one in more if one)])
    return MssqlTimeout(text, error.messages) if isinstance(error, MssqlTimeout) else MssqlError(text, error.number, error.sqlstate)
