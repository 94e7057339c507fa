# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The restore of a database, step by step.

Nothing is changed before the backup is read and found valid. What can change at any moment is asked of the server again: which databases
exist, and from which backup set they come. So an interrupted restore is repeated by running it again.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup import media as backup_media
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.exclusive import run_exclusively
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.progress import percents

from . import exclusive, execute, failure, finish, statements
from .prepare import Prepared, outlook, prepare
from .session import OnProgress, Reconnect, RestoreSession
from .target import OFFLINE, ONLINE, find_database

__all__ = ["Prepared", "outlook", "prepare", "run"]


def run(connection: SqlConnection, prepared: Prepared, reconnect: Reconnect, on_progress: OnProgress) -> dict[str, Any]:
    """Restore the database and verify the outcome.

    Args:
        connection: The connection to work on.
        prepared: What to do.
        reconnect: Opens another connection, to inspect and repair what a cancelled restore or a lost session has left.
        on_progress: Called with a message and the percentage, as the server reports it.

    Returns:
        The module's result.

    Raises:
        MssqlError: The restore failed or could not be verified; MssqlTimeout after the deadline. The message says what exists now.
    """
    session = RestoreSession(connection, prepared, reconnect, on_progress)
    options, database = session.options, session.database
    if options.verify:
        _verify_backup(session)
    if prepared.target.rename:
        _rename_existing(session)
    elif prepared.target.remove:
        _remove_existing(session)
    elif prepared.target.renamed is not None:
        exclusive.release(connection, prepared.target.renamed.name, session.sql.append)
    _restore(session)
    repaired, orphaned = finish.repair_users(session) if options.repair_users else ([], [])
    if options.compatibility_level is not None:
        finish.set_compatibility_level(session, options.compatibility_level)
    checked = _check(session) if options.checkdb else None
    finish.set_owner(session)
    now = find_database(connection, database)
    if now is None or now.state != ONLINE:
        raise MssqlError(f"Expected {database} to be ONLINE, but {execute.describe(database, now)}. {failure.whereabouts(session)}")
    return {
        **outlook(prepared),
        "verified": options.verify,
        "owner": now.owner,
        "users_repaired": repaired,
        "users_orphaned": orphaned,
        "compatibility_level": now.compatibility_level,
        "checkdb": checked,
        "sql": session.sql,
        "seconds": session.elapsed(),
    }


def _verify_backup(session: RestoreSession) -> None:
    options, chosen = session.options, session.prepared.chosen
    session.sql.append(session.prepared.verify_statement)
    backup_media.verify(
        session.connection,
        options.paths,
        chosen.position,
        options.timeout,
        urls=options.urls,
        credential=options.credential,
        checksum=chosen.has_checksums,
        moves=[file.move for file in session.prepared.files],
        on_message=percents(session.on_progress, f"Verifying the backup of {chosen.database}", chosen.compressed_size),
    )


def _rename_existing(session: RestoreSession) -> None:
    """Rename the existing database. Its sessions end, also those that reconnect in between.

    Raises:
        MssqlError: It still has its name.
    """
    connection, database, keep_as = session.connection, session.database, session.options.keep_as or ""
    steps = [statements.single_user(database), statements.rename(database, keep_as)]
    session.on_progress(f"Renaming {database} to {keep_as}", None)
    session.sql += steps
    try:
        run_exclusively(connection, database, "; ".join(steps))
    except MssqlError as error:
        raise failure.extended(error, failure.release(session, database, keep_as)) from error
    except BaseException:
        failure.release(session, database, keep_as)
        raise
    exclusive.release(connection, keep_as, session.sql.append)
    if find_database(connection, keep_as) is None or find_database(connection, database) is not None:
        raise MssqlError(f"Expected {database} to be renamed to {keep_as}, but SQL Server did not do so. Nothing else was changed")


def _remove_existing(session: RestoreSession) -> None:
    """Remove the existing database, which cannot be opened, and leave its files on the disk.

    Raises:
        MssqlError: It could not be taken offline, without which its files would be deleted, or it still exists.
    """
    connection, database = session.connection, session.database
    existing = find_database(connection, database)
    if existing is not None and existing.state != OFFLINE:
        session.sql.append(statements.offline(database))
        try:
            run_exclusively(connection, database, statements.offline(database))
        except MssqlError as error:
            raise failure.extended(
                error,
                f"{database} is {existing.state}, and was to be taken offline first, so that its files stay on the disk. If nobody needs "
                f"them, run {statements.drop(database)} by hand, and then this again: a missing database is restored as a new one",
            ) from error
        existing = find_database(connection, database)
    if existing is None:
        return
    if existing.state != OFFLINE:
        raise MssqlError(f"Expected {database} to be OFFLINE before it is removed, so that its files stay, but it is {existing.state}")
    session.sql.append(statements.drop(database))
    run_exclusively(connection, database, statements.drop(database))
    if find_database(connection, database) is not None:
        raise MssqlError(f"Expected {database} to be removed, but SQL Server did not do so. Its files are as they were")


def _restore(session: RestoreSession) -> None:
    """Restore with exclusive use of the database, and make it available again whatever happens.

    Raises:
        MssqlError: The restore failed or could not be verified; the message says what exists now.
    """
    online = not session.prepared.target.overwrites_unusable
    try:
        execute.restore(session)
    except MssqlError as error:
        raise failure.extended(error, failure.release(session, session.database, online=online), failure.whereabouts(session)) from error
    except BaseException:
        failure.release(session, session.database, online=online)
        raise
    if not session.options.for_test:
        exclusive.release(session.connection, session.database, session.sql.append)


def _check(session: RestoreSession) -> dict[str, Any]:
    try:
        return finish.check(session.connection, session.database, session.remaining(), session.on_progress, session.sql.append)
    except MssqlError as error:
        raise failure.extended(error, failure.whereabouts(session)) from error
