# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Database snapshots: CREATE DATABASE ... AS SNAPSHOT OF, and going back to one.

https://learn.microsoft.com/sql/relational-databases/databases/database-snapshots-sql-server
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

from ..core.filesystem import WinError
from ..tds.engine_api import Output, SqlError
from . import errors
from .database import Database, DatabaseFile
from .files import allocate, delete_files
from .progress import Progress

if TYPE_CHECKING:
    from .session import Session

# What changed since is not known here, so that every revert takes as long: *assumed*.
REVERT_SECONDS = 1.0


def snapshots_of(session: Session, database: Database) -> list[Database]:
    return [one for one in session.server.databases.values() if one.snapshot_of and one.snapshot_of.lower() == database.name.lower()]


def create(session: Session, name: str, source: Database, files: list[tuple[str, str]], out: Output) -> None:
    """
    Args:
        files: Logical names of the source's data files, and the snapshot's sparse files.

    Raises:
        SqlError: 1844 by edition; 1801; 5127 a file is missing; 5170 and 5123, a sparse file cannot be made.
    """
    server = session.server
    if not server.product.has_snapshots:
        raise SqlError(1844, f"Database Snapshot is not supported on {server.product.edition}.", 16)
    if source.is_system or source.snapshot_of:
        raise SqlError(1823, "A database snapshot cannot be created because it failed to start.", 16)
    if server.database(name) is not None:
        raise SqlError(1801, f"Database '{name}' already exists. Choose a different database name.", 16, 3)
    given = {logical.lower(): path for logical, path in files}
    chosen = []
    for file in source.data_files:
        if file.logical.lower() not in given:
            raise SqlError(5127, 'All files must be specified for database snapshot creation. Missing the file "' + file.logical + '".', 16)
        chosen.append(DatabaseFile(file.file_id, "D", file.logical, given[file.logical.lower()]))
        if _exists(session, chosen[-1].path):
            raise errors.file_exists(chosen[-1].path)
    with server.lock:
        snapshot = Database(
            name,
            server.next_database_id(),
            server.new_store(),
            chosen,
            server.local_now(),
            source.owner,
            recovery=source.recovery,
            level=source.level,
            collation=source.collation,
            read_only=True,
            snapshot_of=source.name,
            users=dict(source.users),
            damaged=set(source.damaged),
            unsound=set(source.unsound),
        )
        _copy(source, snapshot)
        try:
            allocate(server, snapshot, sparse=True)
        except SqlError:
            server.discard_store(snapshot)
            for file in chosen:
                if _exists(session, file.path):
                    delete_files(server, replace(snapshot, files=[file]))
            raise
        server.databases[name.lower()] = snapshot
    out.done()


def _exists(session: Session, path: str) -> bool:
    try:
        return session.server.machine.fs.exists(path, session.server.logon)
    except WinError:
        return False  # not a place that can be looked at: making the file will tell


def _copy(source: Database, target: Database) -> None:
    reader, writer = source.connect(), sqlite3.connect(target.store)
    try:
        reader.backup(writer)
    finally:
        writer.close()
        reader.close()


def revert(session: Session, name: str, snapshot_name: str, out: Output) -> None:
    """RESTORE DATABASE x FROM DATABASE_SNAPSHOT = 's'.

    It announces no 3014 (*assumed*: the documentation shows none).

    Raises:
        SqlError: 3137 not a snapshot of it, or another one exists; 3101, 3102 it is in use.
    """
    from .restore import exclusive, may  # restore knows this module

    what = "RESTORE DATABASE"
    server = session.server
    database, snapshot = server.database(name), server.database(snapshot_name)
    may(session, name, database, what)
    others = snapshots_of(session, database) if database is not None else []
    if database is None or snapshot is None or others != [snapshot]:
        text = (
            "Database cannot be reverted. Either the primary or the snapshot names are improperly specified, all other snapshots have not been "
            "dropped, or there are missing files."
        )
        raise errors.failed(what, 3137, text, 16, 4)
    with server.lock:  # nobody comes in between
        exclusive(session, database, what)
        if server.machine.faults.hit("sql.kill_revert", server.machine.name, database=database.name) is not None:
            session.client.killed.set()
            session.client.disconnect()
            raise ConnectionError("the session of the revert was killed")
        database.state = snapshot.state = "RESTORING"  # "both marked In restore"
    try:
        Progress(session, out, REVERT_SECONDS).run(100)
    finally:
        # One that breaks off is finished when the database is started again; the lab does so at once.
        with server.lock:
            old = database.store
            database.store = server.new_store()
            _copy(snapshot, database)
            for suffix in ("", "-wal", "-shm"):
                old.with_name(old.name + suffix).unlink(missing_ok=True)
            database.damaged, database.unsound = set(snapshot.damaged), set(snapshot.unsound)
            database.log_lsn = database.full_lsn = None  # reverting breaks the log chain
            database.state = snapshot.state = "ONLINE"
    server.machine.ledger.record(
        "sql.restore", server.machine.name, action="done", database=database.name, files=[], source=snapshot.name, spid=session.spid
    )
    out.done()


def drop(session: Session, snapshot: Database) -> None:
    """The sparse files go with it."""
    session.server.databases.pop(snapshot.name.lower(), None)
    delete_files(session.server, snapshot)
    session.server.discard_store(snapshot)
