# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database snapshot taken: what it needs, and the proof that it is there."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup import devices
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.server_info import ServerInfo
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, MssqlTimeout
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_string

from .files import SnapshotOptions, create_statement, sparse_paths
from .source import Prepared, Source, files_of, named, only_a_snapshot

FILE_ERRORS = (1802, 5123, 5133, 5170)
NOT_ON_THIS_EDITION = 1844
# The documentation prohibits master, model and tempdb; msdb could not be reverted while SQL Server Agent works with it.
SYSTEM = ("master", "model", "msdb", "tempdb")


def prepare(connection: SqlConnection, prepared: Prepared, source: Source) -> None:
    """Word the statement that takes the snapshot, and foresee its room; nothing where it is there already.

    Raises:
        MssqlError: It cannot be taken, or what has its name is something else or of no use any more.
    """
    options, server, where = prepared.options, prepared.server, connection.options.where
    row = named(connection, options.snapshot)
    if row:
        only_a_snapshot(row, options, where)
        if row["state_desc"] != "ONLINE":
            raise MssqlError(
                f"Wanted: the snapshot {row['name']} of {source.name} online. Found: {row['state_desc']} on SQL Server {where}: it has run out of "
                "room, or was damaged, and is of no use any more. Drop it (state: absent) and take another"
            )
        return
    _supported(server)
    if source.name.lower() in SYSTEM or source.is_snapshot:
        raise MssqlError(
            f"Wanted: a snapshot of {source.name}. Found: it is a {'snapshot' if source.is_snapshot else 'system database'} itself"
        )
    if source.state != "ONLINE":
        raise MssqlError(f"Wanted: the database {source.name} online. Found: {source.state} on SQL Server {where}. Bring it online first")
    _may_create(connection)
    files = files_of(connection, source)
    streams = [one.name for one in files if one.type == 2]
    if streams:
        raise MssqlError(
            f"Wanted: a snapshot of the whole of {source.name}. Found: files of FILESTREAM or memory-optimized tables, which a snapshot does not hold "
            f"({', '.join(streams)}). Take a backup instead (mssql_backup)"
        )
    data = [one for one in files if one.type == 0 and one.state == "ONLINE"]
    if not data:
        raise MssqlError(
            f"Wanted: the data files of {source.name}. Found: the login {connection.options.who} is not shown any in sys.master_files of SQL Server "
            f"{where}. Give it the server role dbcreator"
        )
    paths = sparse_paths(data, options.snapshot, options.directory)
    _directory_exists(connection, options)
    prepared.statements.append(create_statement(options.snapshot, source.name, list(zip(data, paths, strict=True))))
    prepared.facts["maximum_bytes"] = sum(one.size for one in data)
    free = devices.free_bytes(connection, paths)
    if free is not None:
        prepared.facts["free_bytes"] = free


def _supported(server: ServerInfo) -> None:
    """
    Raises:
        MssqlError: This edition has no database snapshots.
    """
    if not server.has_database_snapshots:
        raise MssqlError(
            f"Wanted: a database snapshot. Found: SQL Server {server.name} is {server.version}, {server.edition}, which has none. Every edition has "
            "them since SQL Server 2016 SP1 (13.0.4001), before that Enterprise alone; take a backup instead (mssql_backup)"
        )


def _may_create(connection: SqlConnection) -> None:
    if not connection.scalar(
        "SELECT CASE WHEN HAS_PERMS_BY_NAME(NULL, NULL, 'CREATE ANY DATABASE') = 1 OR HAS_PERMS_BY_NAME('master', 'DATABASE', 'CREATE DATABASE') = 1 "
        "THEN 1 ELSE 0 END AS may_create"
    ):
        raise MssqlError(
            f"Wanted: the permission CREATE DATABASE on SQL Server {connection.options.where}. Found: the login {connection.options.who} does not "
            "have it. Give it the server role dbcreator",
            262,
        )


def _directory_exists(connection: SqlConnection, options: SnapshotOptions) -> None:
    """
    Raises:
        MssqlError: The service account sees no such folder.
    """
    if options.directory is None:
        return
    try:
        rows = connection.query(f"EXEC master.dbo.xp_fileexist {quote_string(options.directory)}")
    except MssqlError as error:
        if error.number in (*devices.NO_PERMISSION, devices.NO_SUCH_PROCEDURE):
            return  # it is undocumented; CREATE DATABASE will tell
        raise
    # Three columns: the file exists, it is a folder, its parent is one. A login that may not look gets zeros from some versions.
    values = [list(row.values()) for row in rows]
    if values and not values[0][1] and values[0][2]:
        raise MssqlError(
            f"Wanted: the folder {options.directory} for the snapshot's files. Found: SQL Server {connection.options.where} sees none on its host. "
            "Create it there, or name another directory"
        )


def create(connection: SqlConnection, prepared: Prepared, reconnect: Callable[[], SqlConnection]) -> None:
    """Take the snapshot.

    Args:
        reconnect: Opens another connection, to see whether a statement that was cancelled had done it all the same.

    Raises:
        MssqlError: It is not there, or not online; MssqlTimeout where the deadline has passed.
    """
    options = prepared.options
    try:
        connection.execute_drained(prepared.statements[0], None, options.timeout)
    except MssqlTimeout as error:
        with reconnect() as another:
            if not _is_there(another, options):
                raise MssqlTimeout(
                    f"Wanted: the snapshot {options.snapshot} of {options.database} within {options.timeout:g} s. Found: it was cancelled then. "
                    "Nothing is left of it"
                ) from error
    except MssqlError as error:
        raise _explained(error, connection, prepared) from error
    if not _is_there(connection, options):
        raise MssqlError(
            f"Wanted: the snapshot {options.snapshot} of {options.database} in sys.databases of SQL Server {connection.options.where}. Found: it is not "
            "there, or not online"
        )


def _is_there(connection: SqlConnection, options: SnapshotOptions) -> bool:
    row = named(connection, options.snapshot)
    return bool(row and row["state_desc"] == "ONLINE" and (row["source_name"] or "").lower() == options.database.lower())


def _explained(error: MssqlError, connection: SqlConnection, prepared: Prepared) -> MssqlError:
    if error.number == NOT_ON_THIS_EDITION:
        return MssqlError(f"Wanted: a database snapshot. Found: {error.message}. Take a backup instead (mssql_backup)")
    if error.number not in FILE_ERRORS:
        return error
    account = devices.service_account(connection) or "the SQL Server service account"
    return MssqlError(
        f"Wanted: the files of the snapshot {prepared.options.snapshot} on the host of SQL Server {connection.options.where}. Found: {error.message}. "
        f"They are made there by {account}, on a disk with NTFS; name another directory, or remove what is in the way",
        error.number,
        error.sqlstate,
    )
