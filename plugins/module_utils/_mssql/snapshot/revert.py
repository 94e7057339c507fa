# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reverting a database to its snapshot: it is compared with the snapshot, and made available again whatever happens.

https://learn.microsoft.com/sql/relational-databases/databases/revert-a-database-to-a-database-snapshot
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.exclusive import run_exclusively
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.server_info import listed, sessions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, MssqlTimeout
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier, quote_string

from .compare import compare
from .files import SnapshotOptions
from .source import Prepared, Source, current, find_named, require_snapshot, source_of, survey


def prepare(connection: SqlConnection, options: SnapshotOptions) -> Prepared:
    """Check everything that can be checked without a change, and build the statements.

    Raises:
        MssqlError: There is no such snapshot, something prevents reverting to it, or the login lacks a permission.
    """
    prepared = survey(connection, options)
    source, where = prepared.existing_source, connection.options.where
    row = find_named(connection, options.snapshot)
    if row is None:
        known = ", ".join(one["name"] for one in prepared.snapshots) or "none"
        raise MssqlError(
            f"Expected the snapshot {options.snapshot} of {source.name}, but SQL Server {where} has no such snapshot; those of {source.name}: {known}"
        )
    require_snapshot(row, options, where)
    if prepared.obstacles:
        raise MssqlError(f"Expected to revert {source.name} to its snapshot {row['name']}, but {'; '.join(prepared.obstacles)}")
    readers = sessions(connection, row["name"])
    if readers:
        raise MssqlError(
            f"Expected nobody to be reading the snapshot {row['name']} on SQL Server {where}, but found {listed(readers)}. Close these sessions first"
        )
    _check_permissions(connection, source, row["name"])
    name = quote_identifier(source.name)
    # SINGLE_USER may come from an earlier run that ended here: nobody leaves a database in use like that.
    access = "MULTI_USER" if source.access == "SINGLE_USER" else source.access
    prepared.statements += [
        f"ALTER DATABASE {name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE",
        f"USE [master]; RESTORE DATABASE {name} FROM DATABASE_SNAPSHOT = {quote_string(row['name'])}; USE {name}",
        f"ALTER DATABASE {name} SET {access}",
    ]
    prepared.facts["recovery_model"] = source.recovery_model
    return prepared


def warnings(prepared: Prepared) -> list[str]:
    """What the user must do after the revert."""
    if prepared.existing_source.recovery_model == "SIMPLE":
        return []
    return [f"The revert breaks the chain of log backups: take a full backup of {prepared.options.database} next"]


def revert(connection: SqlConnection, prepared: Prepared, reconnect: Callable[[], SqlConnection]) -> dict[str, Any]:
    """Revert, compare, and make the database available again whatever happens.

    Args:
        connection: The connection to work on.
        prepared: What to do.
        reconnect: Opens another connection, to make the database available again when the first is lost.

    Returns:
        The part of the result that differs from ``prepared.outlook()``.

    Raises:
        MssqlError: The server refused, the database differs from the snapshot, or could not be made available again.
    """
    options, source = prepared.options, prepared.existing_source
    failed: MssqlError | None = None
    tables = 0
    try:
        _restore(connection, prepared, source)
        tables = compare(connection, source.name, options.snapshot)
    except MssqlError as error:
        failed = error
    finally:
        left = _release(connection, prepared, source, reconnect)
    if failed is not None:
        raise MssqlError(
            f"Expected to revert {source.name} to its snapshot {options.snapshot}, but it failed: {failed.message}. {left or _available(source)}",
            failed.number,
            failed.sqlstate,
        ) from failed
    if left:
        raise MssqlError(f"{source.name} is reverted to its snapshot {options.snapshot} and compared with it, but {left}")
    return {"tables": tables, **current(connection, source, options.name)}


def _check_permissions(connection: SqlConnection, source: Source, snapshot: str) -> None:
    """
    Raises:
        MssqlError: The login may not restore the database, or cannot compare it with the snapshot.
    """
    where, who = connection.options.where, connection.options.who
    may = connection.query(
        "SELECT IS_SRVROLEMEMBER('sysadmin') AS is_sysadmin, IS_SRVROLEMEMBER('dbcreator') AS is_dbcreator, HAS_DBACCESS(d.name) AS may_enter, "
        "HAS_DBACCESS(?) AS may_enter_snapshot, CASE WHEN d.owner_sid = SUSER_SID() THEN 1 ELSE 0 END AS is_owner "
        "FROM sys.databases AS d WHERE d.database_id = ?",
        snapshot,
        source.id,
    )[0]
    if not (may["is_sysadmin"] or may["is_dbcreator"] or may["is_owner"]):
        raise MssqlError(
            f"Expected the permission to restore {source.name} on SQL Server {where}, but the login {who} does not have it; being in its role "
            "db_owner is not enough. Give the login the server role dbcreator, or make it the database's owner",
            3110,
        )
    closed = [
        name
        for name, enters in ((source.name, may["may_enter"] or source.access == "SINGLE_USER"), (snapshot, may["may_enter_snapshot"]))
        if not enters
    ]
    if closed:
        raise MssqlError(
            f"Expected to compare {source.name} with its snapshot {snapshot} on SQL Server {where}, but the login {who} has no user in "
            f"{' and '.join(closed)}. A snapshot has the users of the time of its creation. Use a member of sysadmin, or the owner"
        )


def _restore(connection: SqlConnection, prepared: Prepared, source: Source) -> None:
    """Take the only connection of SINGLE_USER ourselves, and leave it only for the restore: a program that reconnects by itself must not get it.

    The restore has no deadline: a database that is reverted in part is useless, and the server would continue anyway.

    Raises:
        MssqlError: The server refused, or somebody was always faster.
    """
    single, restore = prepared.statements[:2]
    timeout = prepared.options.timeout
    try:
        run_exclusively(connection, source.name, f"USE {quote_identifier(source.name)}", (single, timeout), restore)
    except MssqlTimeout as error:
        raise MssqlTimeout(f"exclusive use of the database could not be obtained within {timeout:g} s; nothing was reverted") from error


def _release(connection: SqlConnection, prepared: Prepared, source: Source, reconnect: Callable[[], SqlConnection]) -> str:
    """Admit everybody again. Gives what went wrong, or an empty text."""
    try:
        try:
            return _admit(connection, prepared, source)
        except MssqlError:  # most often a session that is lost
            with reconnect() as another:
                return _admit(another, prepared, source)
    except MssqlError as error:
        return f"{source.name} could not be made available again ({error.message}); run this by hand: {prepared.statements[2]}"


def _admit(connection: SqlConnection, prepared: Prepared, source: Source) -> str:
    """
    Raises:
        MssqlError: The server refused.
    """
    found = source_of(connection, source.name)
    if found is None or found.state != "ONLINE":
        return (
            f"{source.name} is {found.state if found else 'missing'} on SQL Server {connection.options.where}. SQL Server continues an interrupted "
            "revert when it starts the database again; if it does not, restore the newest backup"
        )
    run_exclusively(connection, source.name, prepared.statements[2])
    return ""


def _available(source: Source) -> str:
    return f"{source.name} is online and available again" + (" to everybody" if source.access != "RESTRICTED_USER" else "")
