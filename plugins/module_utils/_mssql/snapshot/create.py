# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Creation of a database snapshot: its requirements, and the verification that it exists."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup import devices
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.server_info import ServerInfo
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, MssqlTimeout
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_string

from .files import SnapshotOptions, create_statement, sparse_paths
from .source import Prepared, Source, files_of, find_named, require_snapshot, survey

FILE_ERRORS = (1802, 5123, 5133, 5170)
NOT_ON_THIS_EDITION = 1844
# The documentation prohibits master, model and tempdb; msdb could not be reverted while SQL Server Agent works with it.
SYSTEM = ("master", "model", "msdb", "tempdb")


def prepare(connection: SqlConnection, options: SnapshotOptions) -> Prepared:
    """Build the statement that creates the snapshot, and estimate the space it needs. Nothing is to be done where it exists already.

    Raises:
        MssqlError: It cannot be created, or its name belongs to something else or to a snapshot that is no longer usable.
    """
    prepared = survey(connection, options)
    source, server, where = prepared.existing_source, prepared.server, connection.options.where
    row = find_named(connection, options.snapshot)
    if row:
        require_snapshot(row, options, where)
        if row["state_desc"] != "ONLINE":
            raise MssqlError(
                f"Expected the snapshot {row['name']} of {source.name} to be ONLINE, but it is {row['state_desc']} on SQL Server {where}: it ran "
                "out of space or was damaged, and is no longer usable. Drop it (state: absent) and create another one"
            )
        return prepared
    _check_edition(server)
    if source.name.lower() in SYSTEM or source.is_snapshot:
        raise MssqlError(
            f"Expected {source.name} to be a user database, but it is a {'snapshot' if source.is_snapshot else 'system database'}, "
            "of which no snapshot can be created"
        )
    if source.state != "ONLINE":
        raise MssqlError(
            f"Expected the database {source.name} to be ONLINE, but it is {source.state} on SQL Server {where}. Bring it online first"
        )
    _check_permission(connection)
    _plan(connection, prepared, source)
    return prepared


def _plan(connection: SqlConnection, prepared: Prepared, source: Source) -> None:
    options = prepared.options
    files = files_of(connection, source)
    streams = [one.name for one in files if one.type == 2]
    if streams:
        raise MssqlError(
            f"Expected a snapshot of the whole of {source.name}, but it has files of FILESTREAM or memory-optimized tables, which a snapshot "
            f"does not contain ({', '.join(streams)}). Take a backup instead (mssql_backup)"
        )
    data = [one for one in files if one.type == 0 and one.state == "ONLINE"]
    if not data:
        raise MssqlError(
            f"Expected the data files of {source.name} in sys.master_files of SQL Server {connection.options.where}, but the login "
            f"{connection.options.who} is not shown any. Give it the server role dbcreator"
        )
    paths = sparse_paths(data, options.snapshot, options.directory)
    _check_directory(connection, options)
    prepared.statements.append(create_statement(options.snapshot, source.name, list(zip(data, paths, strict=True))))
    prepared.facts["maximum_bytes"] = sum(one.size for one in data)
    free = devices.free_bytes(connection, paths)
    if free is not None:
        prepared.facts["free_bytes"] = free


def _check_edition(server: ServerInfo) -> None:
    """
    Raises:
        MssqlError: This edition has no database snapshots.
    """
    if not server.has_database_snapshots:
        raise MssqlError(
            f"Expected a SQL Server with database snapshots, but {server.name} is {server.version}, {server.edition}, which has none. Every "
            "edition has them since SQL Server 2016 SP1 (13.0.4001), before that only Enterprise. Take a backup instead (mssql_backup)"
        )


def _check_permission(connection: SqlConnection) -> None:
    if not connection.scalar(
        "SELECT CASE WHEN HAS_PERMS_BY_NAME(NULL, NULL, 'CREATE ANY DATABASE') = 1 OR HAS_PERMS_BY_NAME('master', 'DATABASE', 'CREATE DATABASE') = 1 "
        "THEN 1 ELSE 0 END AS may_create"
    ):
        raise MssqlError(
            f"Expected the permission CREATE DATABASE on SQL Server {connection.options.where}, but the login {connection.options.who} does not "
            "have it. Give it the server role dbcreator",
            262,
        )


def _check_directory(connection: SqlConnection, options: SnapshotOptions) -> None:
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
    # Three columns: the file exists, it is a folder, its parent is one. A login without the right gets zeros from some versions.
    values = [list(row.values()) for row in rows]
    if values and not values[0][1] and values[0][2]:
        raise MssqlError(
            f"Expected the folder {options.directory} for the files of the snapshot, but SQL Server {connection.options.where} does not find it on "
            "its host. Create it there, or name another directory"
        )


def create(connection: SqlConnection, prepared: Prepared, reconnect: Callable[[], SqlConnection]) -> None:
    """Create the snapshot.

    Args:
        connection: The connection to work on.
        prepared: What to do.
        reconnect: Opens another connection, to see whether a statement that was cancelled had succeeded nevertheless.

    Raises:
        MssqlError: The snapshot does not exist or is not online; MssqlTimeout after the deadline.
    """
    options = prepared.options
    try:
        connection.execute_drained(prepared.statements[0], None, options.timeout)
    except MssqlTimeout as error:
        with reconnect() as another:
            if not _exists(another, options):
                raise MssqlTimeout(
                    f"Expected to create the snapshot {options.snapshot} of {options.database} within {options.timeout:g} s, but it took longer "
                    "and was cancelled. Nothing is left of it"
                ) from error
    except MssqlError as error:
        raise _explained(error, connection, prepared) from error
    if not _exists(connection, options):
        raise MssqlError(
            f"Expected the snapshot {options.snapshot} of {options.database} to be ONLINE in sys.databases of SQL Server "
            f"{connection.options.where}, but it is missing or not online"
        )


def _exists(connection: SqlConnection, options: SnapshotOptions) -> bool:
    row = find_named(connection, options.snapshot)
    return bool(row and row["state_desc"] == "ONLINE" and (row["source_name"] or "").lower() == options.database.lower())


def _explained(error: MssqlError, connection: SqlConnection, prepared: Prepared) -> MssqlError:
    if error.number == NOT_ON_THIS_EDITION:
        return MssqlError(f"Expected to create a database snapshot, but it failed: {error.message}. Take a backup instead (mssql_backup)")
    if error.number not in FILE_ERRORS:
        return error
    account = devices.service_account(connection) or "the SQL Server service account"
    return MssqlError(
        f"Expected to create the files of the snapshot {prepared.options.snapshot} on the host of SQL Server {connection.options.where}, but it "
        f"failed: {error.message}. {account} creates them there, on a disk with NTFS; name another directory, or remove what is in the way",
        error.number,
        error.sqlstate,
    )
