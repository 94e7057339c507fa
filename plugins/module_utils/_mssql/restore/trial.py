# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A test restore: a backup is restored under another name, checked, and dropped again. Only this shows that it can be restored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.exclusive import run_exclusively
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError

from . import prepare as preparation
from . import restore, statements
from .options import RestoreOptions
from .prepare import Prepared
from .session import OnProgress, Reconnect
from .target import ONLINE, find_database

PREFIX = "restore_test_"
# Parts of a restore's result that are meaningless for a database that is dropped again.
OMITTED = (
    *("kept_as", "kept_files", "kept_bytes", "found", "replaced", "keeps_access"),
    *("owner", "users_repaired", "users_orphaned", "compatibility_level"),
)


def scratch_name(backup_set_uuid: str) -> str:
    """The name for the test restore of a backup set. It is always the same, so that the next test drops what a killed one has left."""
    return PREFIX + backup_set_uuid.replace("-", "").lower()


def trial_restore(connection: SqlConnection, options: RestoreOptions, reconnect: Reconnect, on_progress: OnProgress) -> dict[str, Any]:
    """Restore a backup under another name, run DBCC CHECKDB, and drop it, also after a failure.

    Args:
        connection: The connection to work on.
        options: The backup, and where the files go.
        reconnect: Opens another connection.
        on_progress: Called with a message and the percentage.

    Returns:
        The module's result.

    Raises:
        MssqlError: The backup cannot be restored or is damaged, or the database could not be dropped.
    """
    return run(connection, prepare(connection, options), reconnect, on_progress)


def prepare(connection: SqlConnection, options: RestoreOptions) -> Prepared:
    """As :func:`.prepare.prepare`. The files go beside those of the database, if it exists."""
    options = replace(options, for_test=True)
    _server, chosen = preparation.select(connection, options)
    scratch = replace(
        options,
        database=scratch_name(chosen.backup_set_uuid),
        backup_set_uuid=None,
        position=chosen.position,
        replace=True,  # a killed test may have left it
        keep_as=None,
        owner=None,
        repair_users=False,
        compatibility_level=None,
        checkdb=True,
    )
    beside = find_database(connection, options.database)
    return preparation.prepare(connection, scratch, beside.name if beside else None)


def outlook(prepared: Prepared) -> dict[str, Any]:
    """What is known before the test, for the module's result."""
    return _result(preparation.outlook(prepared))


def run(connection: SqlConnection, prepared: Prepared, reconnect: Reconnect, on_progress: OnProgress) -> dict[str, Any]:
    """Restore, check, and drop.

    Args:
        connection: The connection to work on.
        prepared: What to do.
        reconnect: Opens another connection.
        on_progress: Called with a message and the percentage.

    Returns:
        The module's result.

    Raises:
        MssqlError: As :func:`trial_restore`.
    """
    name = prepared.options.database
    try:
        result = restore.run(connection, prepared, reconnect, on_progress)
    except BaseException as error:
        left = _drop(reconnect, name)
        if left and isinstance(error, MssqlError):
            raise MssqlError(f"{error.message}. {left}", error.number) from error
        raise
    left = _drop(reconnect, name)
    if left:
        raise MssqlError(left)
    return _result(result)


def _result(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name not in OMITTED}


def _drop(reconnect: Reconnect, name: str) -> str:
    """Drop the database and verify that it is gone, on another connection; gives what went wrong, or an empty text."""
    try:
        with reconnect() as fresh:
            existing = find_database(fresh, name)
            if existing is None:
                return ""
            steps = [statements.single_user(name)] if existing.state == ONLINE else []
            run_exclusively(fresh, name, "; ".join([*steps, statements.drop(name)]))
            if find_database(fresh, name) is None:
                return ""
            why = "SQL Server did not do so"
    except MssqlError as error:
        why = error.message
    return f"Could not drop the database {name} of the test restore ({why}). Drop it by hand: {statements.drop(name)}"
