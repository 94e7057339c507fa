# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""BACKUP DATABASE, run to its end and verified: message 3014, the row in msdb, and RESTORE VERIFYONLY."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import Message, SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.server_info import (
    DatabaseInfo,
    ServerInfo,
    database_info,
    delayed_durability,
    may,
    operations,
    server_info,
    used_bytes,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, MssqlTimeout
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.progress import percents
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier

from . import devices
from .media import VERIFY_DONE, said
from .options import BackupOptions, statement, verify_statement

BACKUP_DONE = 3014
# Errors without a number come from the driver: the connection is lost, as it is after these (the last three are of Windows sockets).
SESSION_GONE = (596, 6005, 10053, 10054, 10060)


@dataclass
class Prepared:
    """A backup that is ready to run.

    Attributes:
        create: Folders that are missing and will be created.
        existing: Backup files that exist already.
        flush: Whether committed transactions may not be on disk yet (delayed durability), which a backup would not have.
    """

    options: BackupOptions
    server: ServerInfo
    database: DatabaseInfo
    statement: str
    estimated_bytes: int
    free_bytes: int | None
    create: list[str] = field(default_factory=list)
    existing: list[str] = field(default_factory=list)
    flush: bool = False


def prepare(connection: SqlConnection, options: BackupOptions) -> Prepared:
    """Check everything that can be checked without a change.

    Raises:
        MssqlError: The backup cannot be taken; the message says why.
    """
    problems = options.problems()
    if problems:
        raise MssqlError("; ".join(problems))
    server = server_info(connection)
    database = database_info(connection, options.database)
    options = options.of(database.name)
    if database.state != "ONLINE":
        raise MssqlError(
            f"Expected the database {database.name} to be ONLINE, but it is {database.state} on SQL Server {server.name}. Bring it online first"
        )
    if not may(connection, database.name, "BACKUP DATABASE"):
        raise MssqlError(
            f"Expected the permission BACKUP DATABASE in {database.name} on SQL Server {server.name}, but the login {connection.options.who} does "
            "not have it. Give it the database role db_backupoperator"
        )
    if options.verify and not may(connection, "master", "CREATE DATABASE"):
        raise MssqlError(
            f"Expected the permission CREATE DATABASE on SQL Server {server.name}, without which it lets nobody read and verify a backup (RESTORE "
            f"VERIFYONLY), but the login {connection.options.who} does not have it. Give it the server role dbcreator, or set verify: false"
        )
    if options.compression == "on" and not server.compresses_backups:
        raise MssqlError(
            f"Expected an edition that can create compressed backups (compression: on), but found {server.edition}. Use auto or off", 1844
        )
    prepared = Prepared(
        options,
        server,
        database,
        statement(options, server.compresses_backups),
        used_bytes(connection, database),
        devices.free_bytes(connection, options.paths),
        flush=delayed_durability(connection, server, database.name) != "DISABLED",
    )
    for path in options.paths:
        _look_at(connection, path, prepared)
    if prepared.existing and options.overwrite == "never":
        raise MssqlError(
            f"Expected a new backup file, but {', '.join(prepared.existing)} exists already on the host of SQL Server {server.name}. "
            "Name another file, or set overwrite: replace (destroys its content) or append"
        )
    _last_id(connection)  # a login that cannot read msdb could not verify the backup
    return prepared


def outlook(prepared: Prepared) -> dict[str, Any]:
    """What is known before the backup, for the module's result."""
    options = prepared.options
    facts: dict[str, Any] = {
        "server": prepared.server.name,
        "server_version": prepared.server.version,
        "database": prepared.database.name,
        "paths": options.devices,
        "sql": [prepared.statement, *([verify_statement(options, 1)] if options.verify else [])],
        "created_folders": prepared.create,
        "estimated_bytes": prepared.estimated_bytes,
        "encrypted": prepared.database.encrypted,
    }
    return facts if prepared.free_bytes is None else {**facts, "free_bytes": prepared.free_bytes}


def _look_at(connection: SqlConnection, path: str, prepared: Prepared) -> None:
    try:
        if devices.probe(connection, path) == devices.PRESENT:
            prepared.existing.append(path)
    except MssqlError as error:
        if error.os_error != devices.PATH_NOT_FOUND or not prepared.options.create_folder:
            raise devices.explained(error, [path], connection) from error
        folder = devices.folder_of(path)
        if folder not in prepared.create:
            prepared.create.append(folder)


def run(
    connection: SqlConnection,
    prepared: Prepared,
    reconnect: Callable[[], SqlConnection],
    on_progress: Callable[[str, float | None], None],
) -> dict[str, Any]:
    """Take the backup and verify it.

    Args:
        connection: The connection to work on.
        prepared: What to do.
        reconnect: Opens another connection, to see what a cancelled backup or a killed session has left.
        on_progress: Called with a message and the percentage, as the server reports it.

    Returns:
        The part of the module's result that is known only now.

    Raises:
        MssqlError: The backup failed or could not be verified; MssqlTimeout after the deadline.
    """
    options = prepared.options
    started = time.monotonic()
    for folder in prepared.create:
        devices.create_folder(connection, folder)
    before = _last_id(connection)
    if prepared.flush:  # https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sys-sp-flush-log-transact-sql
        connection.execute_drained(f"EXEC {quote_identifier(options.database)}.sys.sp_flush_log")
    try:
        told = percents(on_progress, f"Backing up {options.database}", prepared.estimated_bytes)
        messages = connection.execute_drained(prepared.statement, told, options.timeout)
    except MssqlTimeout as error:
        messages = error.messages
        if not said(messages, BACKUP_DONE):
            left = _left(reconnect, prepared, before)
            raise MssqlTimeout(
                f"Expected to back up {options.database} within {options.timeout:g} s, but it took longer and was cancelled. {left}"
            ) from error
    except MssqlError as error:
        if error.number is None or error.number in SESSION_GONE:
            raise _session_gone(prepared, connection, error.message, _left(reconnect, prepared, before)) from error
        raise devices.explained(error, options.devices, connection) from error
    if not said(messages, BACKUP_DONE):
        # Microsoft's driver may report a lost connection in a message alone (10054, with 18.6), without an error.
        gone = next((message.text for message in messages if message.number in SESSION_GONE), None)
        if gone:
            raise _session_gone(prepared, connection, gone, _left(reconnect, prepared, before))
        raise MssqlError(
            f"Expected message {BACKUP_DONE}, with which SQL Server confirms the backup of {options.database}, but found only "
            f"{sorted({message.number for message in messages})}. {_left(reconnect, prepared, before)}"
        )
    row = _recorded(connection, options, before)
    statements = [prepared.statement]
    if options.verify:
        statements.append(verify_statement(options, row["position"]))
        on_progress(f"Verifying the backup of {options.database}", None)
        told = percents(
            on_progress, f"Verifying the backup of {options.database}", int(row["compressed_backup_size"] or row["backup_size"])
        )
        remaining = None if options.timeout is None else options.timeout - (time.monotonic() - started)
        _verify(connection, options, statements[-1], told, remaining)
    return {**_facts(row), "paths": options.devices, "verified": options.verify, "sql": statements}


def _verify(connection: SqlConnection, options: BackupOptions, sql: str, on_message: Callable[[Message], None], left: float | None) -> None:
    """Read the backup again, within the remaining time."""
    places = ", ".join(options.devices)
    try:
        messages = connection.execute_drained(sql, on_message, None if left is None else max(1.0, left))
    except MssqlTimeout as error:
        raise MssqlTimeout(
            f"Expected to back up and verify {options.database} within {options.timeout:g} s, but the verification took longer and was cancelled. "
            f"The backup is taken and recorded in msdb; {places} exists and is not verified"
        ) from error
    except MssqlError as error:
        raise MssqlError(
            f"Expected a readable backup of {options.database}, but its verification failed: {error.message}. Do not use {places} as a backup",
            error.number,
        ) from error
    if not said(messages, VERIFY_DONE):
        raise MssqlError(f"Expected message {VERIFY_DONE} from RESTORE VERIFYONLY, but it ended without. Do not use {places} as a backup")


def _session_gone(prepared: Prepared, connection: SqlConnection, why: str, left: str) -> MssqlError:
    return MssqlError(
        f"Expected to back up {prepared.options.database}, but SQL Server {connection.options.where} ended the session during the backup "
        f"({why}). {left}"
    )


def _facts(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "size": int(row["backup_size"]),
        "compressed_size": int(row["compressed_backup_size"] or row["backup_size"]),
        "first_lsn": str(row["first_lsn"]),
        "last_lsn": str(row["last_lsn"]),
        "checkpoint_lsn": str(row["checkpoint_lsn"]),
        "backup_set_uuid": str(row["backup_set_uuid"]).upper(),
        "media_set_id": int(row["media_set_id"]),
        "position": int(row["position"]),
        "copy_only": bool(row["is_copy_only"]),
        "checksum": bool(row["has_backup_checksums"]),
        "started_at": row["backup_start_date"].isoformat(),
        "finished_at": row["backup_finish_date"].isoformat(),
        "duration": (row["backup_finish_date"] - row["backup_start_date"]).total_seconds(),
    }


def _last_id(connection: SqlConnection) -> int:
    """The number of the newest backup in msdb. Numbers only grow, whatever clocks do."""
    try:
        return int(connection.scalar("SELECT MAX(backup_set_id) AS newest FROM msdb.dbo.backupset") or 0)
    except MssqlError as error:
        if error.number not in devices.NO_PERMISSION:
            raise
        raise MssqlError(
            f"Expected to verify the backup with msdb.dbo.backupset of SQL Server {connection.options.where}, but the login "
            f"{connection.options.who} cannot read it. Give it a user in msdb with the role db_datareader",
            error.number,
        ) from error


def _new_rows(connection: SqlConnection, options: BackupOptions, before: int) -> list[dict[str, Any]]:
    """Backups newer than ``before`` on the first of our devices. VM and VSS snapshots have rows too (is_snapshot)."""
    return connection.query(
        "SELECT s.backup_set_uuid, s.media_set_id, s.position, s.backup_size, s.compressed_backup_size, s.first_lsn, s.last_lsn, "
        "s.checkpoint_lsn, s.backup_start_date, s.backup_finish_date, s.is_copy_only, s.has_backup_checksums, s.is_damaged "
        "FROM msdb.dbo.backupset AS s INNER JOIN msdb.dbo.backupmediafamily AS f ON f.media_set_id = s.media_set_id "
        "WHERE s.backup_set_id > ? AND s.database_name = ? AND s.type = 'D' AND s.is_snapshot = 0 AND f.physical_device_name = ? "
        "ORDER BY s.backup_set_id DESC",
        before,
        options.database,
        options.devices[0],
    )


def _recorded(connection: SqlConnection, options: BackupOptions, before: int) -> dict[str, Any]:
    """The backup's row in msdb: only successful backups have one."""
    where = f"SQL Server {connection.options.where}"
    rows = _new_rows(connection, options, before)
    if not rows:
        raise MssqlError(
            f"Expected the new backup in msdb.dbo.backupset of {where}, but found no row for {options.devices[0]}. Do not use it as a backup"
        )
    row = rows[0]
    families = connection.query("SELECT physical_device_name FROM msdb.dbo.backupmediafamily WHERE media_set_id = ?", row["media_set_id"])
    found = {family["physical_device_name"].lower() for family in families}
    if not {device.lower() for device in options.devices} <= found:
        raise MssqlError(
            f"Expected the stripes {', '.join(options.devices)} of one media set in msdb of {where}, but found {', '.join(sorted(found))}"
        )
    if row["is_damaged"]:
        raise MssqlError(
            f"Expected a backup without damage, but SQL Server read damaged pages while it backed up {options.database} "
            "(msdb.dbo.backupset.is_damaged). Run DBCC CHECKDB"
        )
    return row


def _left(reconnect: Callable[[], SqlConnection], prepared: Prepared, before: int) -> str:
    """What an interrupted backup has left, as seen on another connection: the first may be lost."""
    options = prepared.options
    try:
        with reconnect() as connection:
            running = [one for one in operations(connection, options.database) if one.startswith("BACKUP")]
            recorded = _new_rows(connection, options, before)
            states = {path: devices.state(connection, path) for path in options.paths}
    except MssqlError as error:
        return f"Could not determine what it left ({error}). Do not use {', '.join(options.devices)} as a backup"
    if running:
        return f"It is still running: {', '.join(running)}. Wait until it has ended before you try again"
    if recorded:
        return f"It had ended nevertheless, and msdb has it; it was not verified. Do not use {', '.join(options.devices)} as a backup"
    remain = [path for path, state in states.items() if state != devices.ABSENT]
    if remain:
        return f"No backup is running any more and msdb has none, but a file exists: {', '.join(remain)}. Do not use it as a backup"
    return "Nothing is left of it: no backup is running any more, msdb has none" + (", and there is no file" if states else "")
