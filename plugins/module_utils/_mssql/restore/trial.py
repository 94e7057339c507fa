# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup restored under another name, checked, and dropped again: the only proof that it can be restored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError

from . import exclusive, restore
from . import options as word
from .options import TESTED, RestoreOptions
from .restore import OnProgress, Prepared, Reconnect
from .target import ONLINE, look

PREFIX = "restore_test_"


def scratch_name(backup_set_uuid: str) -> str:
    """The name under which a backup set is restored for a test: always the same, so that what a killed test has left is found and dropped."""
    return PREFIX + backup_set_uuid.replace("-", "").lower()


def trial_restore(connection: SqlConnection, options: RestoreOptions, reconnect: Reconnect, on_progress: OnProgress) -> dict[str, Any]:
    """Restore the backup that ``options`` mean under another name, run DBCC CHECKDB, and drop it, also where something failed.

    Raises:
        MssqlError: It cannot be restored, is damaged (with what was found), or could not be dropped.
    """
    return run(connection, prepare(connection, options), reconnect, on_progress)


def prepare(connection: SqlConnection, options: RestoreOptions) -> Prepared:
    """As :func:`restore.prepare`. The files go beside those of the database, if it is there."""
    _server, chosen = restore.select(connection, options)
    scratch = replace(
        options,
        database=scratch_name(chosen.backup_set_uuid),
        backup_set_uuid=None,
        position=chosen.position,
        state=TESTED,
        replace=True,  # what a killed test has left
        keep_as=None,
        owner=None,
        repair_users=False,
        compatibility_level=None,
        checkdb=True,
        restricted=True,
    )
    beside = look(connection, options.database)
    return restore.prepare(connection, scratch, beside.name if beside else None)


def run(connection: SqlConnection, prepared: Prepared, reconnect: Reconnect, on_progress: OnProgress) -> dict[str, Any]:
    """Restore, check, and drop. Gives what the module returns.

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
    return result


def _drop(reconnect: Reconnect, name: str) -> str:
    """Drop the database and prove that it is gone, over a connection of its own; gives what is wrong, or nothing."""
    try:
        with reconnect() as fresh:
            there = look(fresh, name)
            if there is None:
                return ""
            steps = [word.single_user(name)] if there.state == ONLINE else []
            exclusive.insist(fresh, "; ".join([*steps, word.drop(name)]), name)
            if look(fresh, name) is None:
                return ""
            why = "SQL Server did not"
    except MssqlError as error:
        why = error.message
    return f"The database {name}, which only tested the backup, could not be dropped ({why}). Drop it: {word.drop(name)}"
