# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carrying out a RESTORE: time passes, the rows are put back page by page, msdb remembers it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..tds.engine_api import Output
from . import errors, headers, history, msdb
from .database import COLLATION, PAGE, Database, DatabaseUser, new_guid
from .devices import read_media
from .editions import OLDEST_LEVEL
from .files import allocate, delete_files
from .media import MediaError, set_pages
from .progress import Progress
from .restore import RestoreOrder
from .values import naive_text

if TYPE_CHECKING:
    from .session import Session

LEAST_SECONDS = 0.3
HALF = 50.0  # percent at which a fault strikes


def replace(session: Session, order: RestoreOrder, out: Output) -> None:
    """A full backup becomes a database, new or in place of what was there."""
    server, header = session.server, order.header
    started = server.local_now()
    _record(session, order, "start")
    try:
        with server.lock:
            database = order.database or _new(session, order)
            if order.database is not None:
                delete_files(server, database)
                server.discard_store(database)
            database.state = "RESTORING"
            database.options["incomplete"] = "1"
            database.store, database.files, database.weight = server.new_store(), order.files, int(header["weight"])
            server.databases[database.name.lower()] = database
            allocate(server, database)
        _spend(session, order, out)
        database.damaged = _fill(session, order, database.store)
        allocate(server, database)
        _settle(session, order, database)
    except BaseException as error:
        _record(session, order, "aborted", error=getattr(error, "number", None) or type(error).__name__)
        raise
    _history(session, order)
    _record(session, order, "done")
    _announce(session, order, database, out, started)


def apply(session: Session, order: RestoreOrder, out: Output) -> None:
    """A differential or log backup goes onto a database that waits for it. The lab's hold all rows, so that they replace them."""
    server, database = session.server, order.database
    if database is None:
        raise ValueError("a differential or log backup is applied to a database")
    started = server.local_now()
    _record(session, order, "start")
    try:
        _spend(session, order, out)
        store = server.new_store()
        damaged = _fill(session, order, store)
        server.discard_store(database)
        database.store, database.damaged, database.unsound = store, damaged, set(order.header["unsound"])
        database.options["restored_lsn"] = order.header["last_lsn"]
        database.state = "RESTORING" if "NORECOVERY" in order.options else "ONLINE"
    except BaseException as error:
        _record(session, order, "aborted", error=getattr(error, "number", None) or type(error).__name__)
        raise
    _history(session, order)
    _record(session, order, "done")
    _announce(session, order, database, out, started)


def _record(session: Session, order: RestoreOrder, action: str, **fields: Any) -> None:
    machine = session.server.machine
    machine.ledger.record(
        "sql.restore",
        machine.name,
        action=action,
        database=order.name,
        files=[device.name for device in order.devices],
        source=order.header["database"],
        position=order.position,
        spid=session.spid,
        login=session.client.login.name,
        **fields,
    )


def _new(session: Session, order: RestoreOrder) -> Database:
    server = session.server
    return Database(
        order.name,
        server.next_database_id(),
        server.new_store(),
        order.files,
        server.local_now(),
        session.client.login.name,
        collation=order.header.get("collation") or COLLATION,
    )


def _spend(session: Session, order: RestoreOrder, out: Output) -> None:
    server = session.server
    progress = Progress(session, out, LEAST_SECONDS + order.header["backup_size"] / server.backup_rate, order.options.stats)
    progress.run(HALF)
    if server.machine.faults.hit("sql.kill_restore", server.machine.name, database=order.name) is not None:
        session.client.killed.set()
        session.client.disconnect()
        raise ConnectionError("the restore's session was killed")
    progress.run(100)


def _fill(session: Session, order: RestoreOrder, store: Path) -> set[int]:
    """Write the pages; gives the numbers of those that are damaged.

    Raises:
        SqlError: 3183 a block's checksum is wrong; 3203 the file ends early.
    """
    header, what = order.header, order.what
    damaged = set()
    verify = "NO_CHECKSUM" not in order.options and "CONTINUE_AFTER_ERROR" not in order.options
    try:
        with store.open("wb") as stream:
            for page in set_pages(order.families, order.position, key=headers.key_of(session, header["thumbprint"]), verify=verify):
                stream.write(page.data)
                if verify and header["checksums"] and not page.sound:
                    text = f'RESTORE detected an error on page (1:{page.number}) in database "{order.name}" as read from the backup set.'
                    raise errors.failed(what, 3183, text)
                if not page.sound:
                    damaged.add(page.number)
    except MediaError as error:
        if error.kind == "damage":
            text = f'RESTORE detected an error on page (0:0) in database "{order.name}" as read from the backup set.'
            raise errors.failed(what, 3183, text) from error
        raise headers.unreadable(error, order.devices, order.families, what) from error
    return damaged


def _settle(session: Session, order: RestoreOrder, database: Database) -> None:
    """What a database is like after it was restored."""
    server, header, options = session.server, order.header, order.options
    if order.database is None:
        database.owner = session.client.login.name
    database.guid, database.family_guid, database.fork_guid = new_guid(), header["family_guid"], new_guid()
    database.unsound = set(header["unsound"])
    database.recovery = header["recovery"]
    database.collation = header["collation"]
    database.level = max(header["level"], OLDEST_LEVEL.get(server.product.major, 0))
    database.user_access = "RESTRICTED_USER" if "RESTRICTED_USER" in options else header["user_access"]
    database.read_only = header["read_only"]
    database.trustworthy = False
    database.broker = "ENABLE_BROKER" in options or "NEW_BROKER" in options
    if "NEW_BROKER" in options:
        database.broker_guid = new_guid()
    database.users = {user.name.lower(): user for user in (_user(session, *row) for row in header["users"])}
    database.full_lsn = database.full_guid = database.log_lsn = None
    database.lsn = max(database.lsn, int(header["last_lsn"]) // 10**15)
    database.encrypted_by = (
        next((one.name for one in server.certificates.values() if one.thumbprint == header["tde"]), None) if header["tde"] else None
    )
    database.options = {"restored_lsn": header["last_lsn"], "base_lsn": header["checkpoint_lsn"]}
    database.state = "RESTORING" if "NORECOVERY" in options else "ONLINE"


def _user(session: Session, name: str, _login: str | None, roles: list[str], sid: str) -> DatabaseUser:
    """A user finds its login by the SID; without one it is orphaned."""
    raw = bytes.fromhex(sid)
    login = next((one.name for one in session.server.logins.values() if one.sid == raw), None)
    return DatabaseUser(name, login, set(roles), raw)


def _history(session: Session, order: RestoreOrder) -> None:
    server, options, header = session.server, order.options, order.header
    set_id = history.known(server, header["set_guid"])
    if set_id is None:  # another server's backup: public scripts find the source of a restored database here
        size = sum(path.stat().st_size for path in {family.path for family in order.families})
        devices = sorted(order.devices, key=lambda device: int(read_media(server, device, order.what).header["family"]))
        set_id = history.remember(server, header, order.families[0].header, devices, written=min(size, header["backup_size"]))
    msdb.add(
        server.databases["msdb"],
        "restorehistory",
        {
            "restore_date": naive_text(server.local_now()),
            "destination_database_name": order.name,
            "user_name": session.client.login.name,
            "backup_set_id": set_id,
            "restore_type": order.header["type"],
            "replace": int("REPLACE" in options),
            "recovery": int("NORECOVERY" not in options),
            "restart": 0,
            "stop_at": None,
            "device_count": len(order.devices),
            "stop_at_mark_name": None,
            "stop_before": None,
        },
    )


def _announce(session: Session, order: RestoreOrder, database: Database, out: Output, started: Any) -> None:
    server, header = session.server, order.header
    if order.options.stats is not None:
        Progress(session, out, 0, order.options.stats).last()
    pages = 0
    for file in database.files:
        count = header["backup_size"] // PAGE if file.kind == "D" else 2
        pages += count
        out.info(4035, f"Processed {count} pages for database '{database.name}', file '{file.logical}' on file {order.position}.")
    if header["database_version"] < server.product.database_version:
        text = f"Converting database '{database.name}' from version {header['database_version']} to the current version {server.product.database_version}."
        out.info(928, text)
    seconds = max((server.local_now() - started).total_seconds(), 0.001)
    out.info(
        3014, f"{order.what} successfully processed {pages} pages in {seconds:.3f} seconds ({pages * PAGE / 1024**2 / seconds:.3f} MB/sec)."
    )
    out.done()
