# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Taking a backup: time passes, the file is written, msdb remembers it; or nothing is left."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.filesystem import WinError
from ..tds.engine_api import Output
from . import errors, history
from .backup import Order
from .database import PAGE, Database, new_guid
from .media import page_size, read_family, write_set
from .progress import Progress
from .values import moment, naive_text

if TYPE_CHECKING:
    from .session import Session

FIRST_WRITE = 30.0  # percent at which data first meets the disk
HALF = 50.0
LEAST_SECONDS = 0.3
OVERHEAD = 2 * PAGE  # headers
RATIO = 4  # how well pretended data compresses: *assumed*


def take(session: Session, order: Order, out: Output) -> None:
    """
    Raises:
        SqlError: It failed.
        Attention, ConnectionError: The client gave up. In each case no file and no record remain.
    """
    server, database = session.server, order.database
    record = _Ledger(session, order)
    record("start")
    before = {path: path.stat().st_size if path.exists() else None for path in order.paths}
    for path in order.paths:
        if before[path] is None:
            path.touch()
        server.machine.fs.lock(path)
        server.in_use.add(path)
    started = server.local_now()
    try:
        _spend(session, order, out)
        header, written = _write(session, order, started)
    except BaseException as error:
        for path in order.paths:
            _undo(path, before[path], order)
        record("aborted", error=_reason(error))
        raise
    finally:
        for path in order.paths:
            server.machine.fs.unlock(path)
            server.in_use.discard(path)
    history.remember(server, header, read_family(order.paths[0]).header, order.every_device, written=written, mirrors=len(order.mirrors))
    _advance(database, order, header)
    record("done", position=header["position"], size=header["backup_size"], compressed_size=written)
    _announce(session, order, out, header, started)


class _Ledger:
    """The ledger's entries of one backup."""

    def __init__(self, session: Session, order: Order) -> None:
        self._server = session.server
        self._fields: dict[str, Any] = {
            "database": order.database.name,
            "files": [device.name for device in order.every_device],
            "type": order.type,
            "spid": session.spid,
            "login": session.client.login.name,
            "copy_only": order.copy_only,
        }

    def __call__(self, action: str, **fields: Any) -> None:
        self._server.machine.ledger.record("sql.backup", self._server.machine.name, action=action, **self._fields, **fields)


def _reason(error: BaseException) -> str:
    number = getattr(error, "number", None)
    return f"{number}" if number is not None else type(error).__name__


def _undo(path: Path, before: int | None, order: Order) -> None:
    """What a backup that failed leaves: a file that it made goes; one that it appended to is as before; one that it began to overwrite
    is lost (*assumed*: its old sets were given up with the new header)."""
    if before is None:
        path.unlink()
    elif order.new_media:
        path.write_bytes(b"")
    else:
        with path.open("r+b") as stream:
            stream.truncate(before)


def _size(order: Order) -> int:
    """The data of a backup in bytes."""
    return order.database.used_bytes() + OVERHEAD


def _on_disk(order: Order) -> int:
    return _size(order) // (RATIO if order.compress else 1) * (1 + len(order.mirrors))


def _spend(session: Session, order: Order, out: Output) -> None:
    """Let the time pass that the data takes, and meet what can go wrong meanwhile."""
    server, database = session.server, order.database
    progress = Progress(session, out, LEAST_SECONDS + _size(order) / server.backup_rate, order.options.stats)
    progress.run(FIRST_WRITE)
    _room(session, order)
    progress.run(HALF)
    if server.machine.faults.hit("sql.kill_backup", server.machine.name, database=database.name) is not None:
        session.client.killed.set()
        session.client.disconnect()
        raise ConnectionError("the backup's session was killed")
    if order.checksum and database.damaged and "CONTINUE_AFTER_ERROR" not in order.options:
        page = min(database.damaged)
        text = f"BACKUP '{database.name}' detected an error on page (1:{page}) in file '{database.data_files[0].path}'."
        raise errors.failed(order.what, 3043, text)
    progress.run(100)


def _room(session: Session, order: Order) -> None:
    """
    Raises:
        SqlError: 3202, the disk is full.
    """
    server = session.server
    share = _on_disk(order) // len(order.every_device)
    for device in order.every_device:
        if device.kind == "URL":
            continue
        try:
            server.machine.fs.room(device.name, share, server.logon)
        except WinError as error:
            raise errors.failed(order.what, 3202, f'Write on "{device.name}" failed: {errors.os_error(error)}') from error


def _write(session: Session, order: Order, started: datetime) -> tuple[dict[str, Any], int]:
    """Copy the committed rows as they are at this moment, the backup's end, into the media; gives the set's header and its bytes there."""
    server, database = session.server, order.database
    copy = server.new_store()
    try:
        source, target = database.connect(), sqlite3.connect(copy)
        try:
            source.backup(target)
        finally:
            target.close()
            source.close()
        header = _header(session, order, started, copy)
        media = _media(session, order)
        count = len(order.devices)
        written = 0
        for first in range(0, len(order.paths), count):
            written += write_set(
                order.paths[first : first + count],
                {**media, "mirror": first // count},
                header,
                copy,
                database.damaged,
                key=order.certificate.key if order.certificate else None,
                weight=database.weight // (RATIO if order.compress else 1),
                new=order.new_media,
            )
        _room_left(session, order)
        return header, written // (1 + len(order.mirrors))
    finally:
        copy.unlink(missing_ok=True)


def _room_left(session: Session, order: Order) -> None:
    """Whether what was written has really fitted: the disk may have filled meanwhile."""
    server = session.server
    for device in order.every_device:
        if device.kind == "DISK":
            try:
                server.machine.fs.room(device.name, 0, server.logon)
            except WinError as error:
                raise errors.failed(order.what, 3202, f'Write on "{device.name}" failed: {errors.os_error(error)}') from error


def _media(session: Session, order: Order) -> dict[str, Any]:
    if order.media is not None:
        return dict(order.media.header)
    options, server = order.options, session.server
    return {
        "media_guid": new_guid(),
        "name": options.text("MEDIANAME"),
        "description": options.text("MEDIADESCRIPTION"),
        "date": naive_text(server.local_now()),
        "software": "Microsoft SQL Server",
        "compressed": order.compress,
        "encrypted": order.certificate is not None,
        "block_size": options.number("BLOCKSIZE") or 512,
        "mirrors": len(order.mirrors),
        "family_guids": [new_guid() for _device in order.every_device],
    }


def _header(session: Session, order: Order, started: datetime, copy: Path) -> dict[str, Any]:
    """The header of the set: what RESTORE HEADERONLY and FILELISTONLY say, and what RESTORE needs."""
    server, database, options = session.server, order.database, order.options
    checkpoint = database.next_lsn()
    last = database.next_lsn(3)
    version = server.product.version
    return {
        "set_guid": new_guid(),
        "name": options.text("NAME"),
        "description": options.text("DESCRIPTION"),
        "type": order.type,
        "expires": naive_text(order.expires) if order.expires else None,
        "position": len(order.media.parts) + 1 if order.media else 1,
        "devices": [device.name for device in order.devices],
        "user": session.client.login.name,
        "server": server.name,
        "machine": server.machine.name.upper(),
        "database": database.name,
        "database_version": server.product.database_version,
        "created": naive_text(database.created),
        "backup_size": _size(order),
        "first_lsn": str(database.log_lsn if order.type == "L" else checkpoint),
        "last_lsn": str(last),
        "checkpoint_lsn": str(checkpoint),
        "base_lsn": str(database.full_lsn) if database.full_lsn is not None else "0",
        "base_guid": database.full_guid if order.type == "I" else None,
        "start": naive_text(started),
        "finish": naive_text(server.local_now()),
        "level": database.level,
        "version": list(version),
        "guid": database.guid,
        "family_guid": database.family_guid,
        "fork": database.fork_guid,
        "collation": database.collation,
        "recovery": database.recovery,
        "checksums": order.checksum,
        "compressed": order.compress,
        "damaged": bool(database.damaged) and order.checksum,
        "unsound": sorted(database.unsound),
        "copy_only": order.copy_only,
        "read_only": database.read_only,
        "single_user": database.user_access == "SINGLE_USER",
        "user_access": database.user_access,
        "page_size": page_size(copy),
        "algorithm": options.algorithm or None,
        "thumbprint": order.certificate.thumbprint if order.certificate else None,
        "tde": _tde(session, database),
        "weight": database.weight,
        "begins_chain": order.type == "L" and database.lsn < 1100,
        "compression_algorithm": "MS_XPRESS" if order.compress else None,
        "users": [[user.name, user.login, sorted(user.roles), user.sid.hex()] for user in database.users.values()],
        "files": [
            [
                file.logical,
                file.path,
                file.kind,
                server.file_size(database, file),
                file.file_id,
                file.guid,
                _size(order) if file.kind == "D" else 0,
            ]
            for file in database.files
        ],
    }


def _tde(session: Session, database: Database) -> str | None:
    certificate = session.server.certificates.get(database.encrypted_by.lower()) if database.encrypted_by else None
    return certificate.thumbprint if certificate else None


def _advance(database: Database, order: Order, header: dict[str, Any]) -> None:
    """What this backup means for the next: base of differentials, start of the log chain. A copy-only one means nothing."""
    if order.type == "L":
        if not order.copy_only:
            database.log_lsn = int(header["last_lsn"])
    elif order.type == "D" and not order.copy_only:
        database.full_lsn, database.full_guid = int(header["checkpoint_lsn"]), header["set_guid"]
        if database.log_lsn is None:
            database.log_lsn = int(header["first_lsn"])


def _announce(session: Session, order: Order, out: Output, header: dict[str, Any], started: datetime) -> None:
    """The messages that end a good backup: 4035 for each file, 3014 as the proof."""
    database = order.database
    data = header["backup_size"] // PAGE
    if order.options.stats is not None:
        Progress(session, out, 0, order.options.stats).last()
    pages = 0
    for file in database.files:
        if order.type == "L" and file.kind == "D":
            continue
        count = data if file.kind == "D" or order.type == "L" else 2
        pages += count
        out.info(4035, f"Processed {count} pages for database '{database.name}', file '{file.logical}' on file {header['position']}.")
    seconds = max((moment(header["finish"]) - started).total_seconds(), 0.001)
    rate = pages * PAGE / 1024**2 / seconds
    words = "DATABASE WITH DIFFERENTIAL" if order.type == "I" else order.what.split(" ")[1]
    out.info(3014, f"BACKUP {words} successfully processed {pages} pages in {seconds:.3f} seconds ({rate:.3f} MB/sec).")
    out.done()
