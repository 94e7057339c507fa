# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""BACKUP DATABASE, drained and proven: message 3014 on the wire, the row in msdb, and RESTORE VERIFYONLY."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import Message, SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.server_info import (
    DatabaseInfo,
    ServerInfo,
    database_info,
    may,
    operations,
    server_info,
    used_bytes,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, MssqlTimeout

from . import devices
from .options import BackupOptions, statement, verify_statement

BACKUP_DONE, PROGRESS, VERIFY_DONE = 3014, 3211, 3262
# Errors without a number are the driver's: the connection is gone, as it is after these (the last three are of Windows sockets).
SESSION_GONE = (596, 6005, 10053, 10054, 10060)


@dataclass
class Prepared:
    """A backup that is checked and worded, and has not run."""

    options: BackupOptions
    server: ServerInfo
    database: DatabaseInfo
    statement: str
    estimated_bytes: int
    free_bytes: int | None
    create: list[str] = field(default_factory=list)
    existing: list[str] = field(default_factory=list)


def prepare(connection: SqlConnection, options: BackupOptions) -> Prepared:
    """Check everything that can be checked without writing.

    Raises:
        MssqlError: The options, the database, the permission, or a device will not do.
    """
    problems = options.problems()
    if problems:
        raise MssqlError("; ".join(problems))
    server = server_info(connection)
    database = database_info(connection, options.database)
    options = options.of(database.name)
    if database.state != "ONLINE":
        raise MssqlError(
            f"Wanted: the database {database.name} online. Found: {database.state} on SQL Server {server.name}. Bring it online first"
        )
    if not may(connection, database.name, "BACKUP DATABASE"):
        raise MssqlError(
            f"Wanted: the permission BACKUP DATABASE in {database.name} on SQL Server {server.name}. "
            f"Found: the login {connection.options.who} does not have it. Give it the database role db_backupoperator"
        )
    if options.compression == "on" and not server.compresses_backups:
        raise MssqlError(f"compression: on is wanted, but {server.edition} cannot create compressed backups. Use auto or off", 1844)
    prepared = Prepared(
        options,
        server,
        database,
        statement(options, server.compresses_backups),
        used_bytes(connection, database),
        devices.free_bytes(connection, options.paths),
    )
    for path in options.paths:
        _look_at(connection, path, prepared)
    if prepared.existing and options.overwrite == "never":
        raise MssqlError(
            f"Wanted: a new backup file. Found: {', '.join(prepared.existing)} exists already on the host of SQL Server {server.name}. "
            "Name another file, or set overwrite: replace (destroys what is in it) or append"
        )
    _last_id(connection)  # a login that cannot read msdb could not prove the backup
    return prepared


def outlook(prepared: Prepared) -> dict[str, Any]:
    """What is known before the backup has run, as the module returns it."""
    options = prepared.options
    facts: dict[str, Any] = {
        "server": prepared.server.name,
        "server_version": prepared.server.version,
        "database": prepared.database.name,
        "paths": options.devices,
        "sql": [prepared.statement, *([verify_statement(options, 1)] if options.verify else [])],
        "created_folders": prepared.create,
        "estimated_bytes": prepared.estimated_bytes,
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
    """Take the backup and prove it. Gives what the module returns.

    Args:
        reconnect: Opens another connection, to see what a cancelled backup or a killed session has left.
        on_progress: Called with what is done and the percentage, as the server reports it.

    Raises:
        MssqlError: It failed, or could not be proven; MssqlTimeout where the deadline cancelled it.
    """
    options = prepared.options
    started = time.monotonic()
    for folder in prepared.create:
        devices.create_folder(connection, folder)
    before = _last_id(connection)

    def report(message: Message) -> None:
        number = message.text.partition(" ")[0]
        if message.number == PROGRESS and number.isdecimal():  # the number comes first in every language
            on_progress(f"Backing up {options.database}", float(number))

    try:
        messages = connection.execute_drained(prepared.statement, report, options.timeout)
    except MssqlTimeout as error:
        messages = error.messages
        if not _said(messages, BACKUP_DONE):
            left = _left(reconnect, prepared, before)
            raise MssqlTimeout(
                f"Wanted: the backup of {options.database} within {options.timeout:g} s. Found: it was cancelled then. {left}"
            ) from error
    except MssqlError as error:
        if error.number is None or error.number in SESSION_GONE:
            raise _session_gone(prepared, connection, error.message, _left(reconnect, prepared, before)) from error
        raise devices.explained(error, options.devices, connection) from error
    if not _said(messages, BACKUP_DONE):
        # Microsoft's driver may tell of a lost connection in a message alone (10054, with 18.6), without an error.
        gone = next((message.text for message in messages if message.number in SESSION_GONE), None)
        if gone:
            raise _session_gone(prepared, connection, gone, _left(reconnect, prepared, before))
        raise MssqlError(
            f"Wanted: message {BACKUP_DONE}, SQL Server's word that {options.database} is backed up. "
            f"Found: only {sorted({message.number for message in messages})}. {_left(reconnect, prepared, before)}"
        )
    row = _recorded(connection, options, before)
    statements = [prepared.statement]
    if options.verify:
        statements.append(verify_statement(options, row["position"]))
        on_progress(f"Verifying the backup of {options.database}", None)
        _verify(connection, options, statements[-1], None if options.timeout is None else options.timeout - (time.monotonic() - started))
    return {**_facts(row), "paths": options.devices, "verified": options.verify, "sql": statements}


def _verify(connection: SqlConnection, options: BackupOptions, sql: str, left: float | None) -> None:
    """Read the backup again, within what is left of the time."""
    places = ", ".join(options.devices)
    try:
        messages = connection.execute_drained(sql, None, None if left is None else max(1.0, left))
    except MssqlTimeout as error:
        raise MssqlTimeout(
            f"Wanted: the backup of {options.database} taken and verified within {options.timeout:g} s. Found: it is taken and recorded in msdb, "
            f"but its verification was cancelled then. {places} is there and not verified"
        ) from error
    except MssqlError as error:
        raise MssqlError(
            f"Wanted: a backup of {options.database} that can be read again. Found: {error.message}. Treat {places} as no backup",
            error.number,
        ) from error
    if not _said(messages, VERIFY_DONE):
        raise MssqlError(f"RESTORE VERIFYONLY ended without message {VERIFY_DONE}. Treat {places} as no backup")


def _session_gone(prepared: Prepared, connection: SqlConnection, why: str, left: str) -> MssqlError:
    return MssqlError(
        f"Wanted: a backup of {prepared.options.database}. Found: SQL Server {connection.options.where} ended the session while it ran "
        f"({why}). {left}"
    )


def _said(messages: Sequence[Message], number: int) -> bool:
    return any(message.number == number for message in messages)


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
    """The number of the newest backup that msdb knows. Numbers only grow, whatever clocks do."""
    try:
        return int(connection.scalar("SELECT MAX(backup_set_id) AS newest FROM msdb.dbo.backupset") or 0)
    except MssqlError as error:
        if error.number not in devices.NO_PERMISSION:
            raise
        raise MssqlError(
            f"Wanted: msdb.dbo.backupset of SQL Server {connection.options.where}, to prove the backup. Found: the login "
            f"{connection.options.who} cannot read it. Give it a user in msdb with the role db_datareader",
            error.number,
        ) from error


def _new_rows(connection: SqlConnection, options: BackupOptions, before: int) -> list[dict[str, Any]]:
    """Backups newer than ``before`` on the first of our devices. VM and VSS snapshots leave rows too (is_snapshot)."""
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
    """The row of msdb that proves the backup: only successful backups get one."""
    where = f"SQL Server {connection.options.where}"
    rows = _new_rows(connection, options, before)
    if not rows:
        raise MssqlError(
            f"Wanted: the new backup in msdb.dbo.backupset of {where}. Found: no row for {options.devices[0]}. Treat it as no backup"
        )
    row = rows[0]
    families = connection.query("SELECT physical_device_name FROM msdb.dbo.backupmediafamily WHERE media_set_id = ?", row["media_set_id"])
    found = {family["physical_device_name"].lower() for family in families}
    if not {device.lower() for device in options.devices} <= found:
        raise MssqlError(
            f"Wanted: stripes {', '.join(options.devices)} of one media set in msdb of {where}. Found: {', '.join(sorted(found))}"
        )
    if row["is_damaged"]:
        raise MssqlError(
            f"SQL Server read damaged pages while it backed {options.database} up (msdb.dbo.backupset.is_damaged). Run DBCC CHECKDB"
        )
    return row


def _left(reconnect: Callable[[], SqlConnection], prepared: Prepared, before: int) -> str:
    """What a backup that did not end has left, seen over a connection of its own: the old one may be gone."""
    options = prepared.options
    try:
        with reconnect() as connection:
            running = [one for one in operations(connection, options.database) if one.startswith("BACKUP")]
            recorded = _new_rows(connection, options, before)
            states = {path: devices.state(connection, path) for path in options.paths}
    except MssqlError as error:
        return f"What it left could not be looked at ({error}). Treat {', '.join(options.devices)} as no backup"
    if running:
        return f"It still runs: {', '.join(running)}. Wait until it has ended before trying again"
    if recorded:
        return f"It had ended nevertheless, and msdb has it; it was not verified. Treat {', '.join(options.devices)} as no backup"
    remain = [path for path, state in states.items() if state != devices.ABSENT]
    if remain:
        return f"No backup runs any more and msdb has none, but a file is there: {', '.join(remain)}. Treat it as no backup"
    return "Nothing is left of it: no backup runs any more, msdb has none" + (", and there is no file" if states else "")
