# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Database snapshots: CREATE DATABASE ... AS SNAPSHOT OF, and going back to one.

https://learn.microsoft.com/sql/relational-databases/databases/database-snapshots-sql-server
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from ..tds.engine_api import Output, SqlError
from . import errors
from .database import Database, DatabaseFile
from .files import allocate, delete_files

if TYPE_CHECKING:
    from .session import Session


def snapshots_of(session: Session, database: Database) -> list[Database]:
    return [one for one in session.server.databases.values() if one.snapshot_of and one.snapshot_of.lower() == database.name.lower()]


def create(session: Session, name: str, source: Database, files: list[tuple[str, str]], out: Output) -> None:
    """:param files: logical names of the source's data files, and the snapshot's sparse files.

    :raises SqlError: 1844 by edition; 1801; 5127 a file is missing.
    """
    server = session.server
    if server.product.major < 13 and not server.product.is_enterprise:  # every edition since 2016 SP1
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
        )
        _copy(source, snapshot)
        allocate(server, snapshot)
        server.databases[name.lower()] = snapshot
    out.done()


def _copy(source: Database, target: Database) -> None:
    reader, writer = source.connect(), sqlite3.connect(target.store)
    try:
        reader.backup(writer)
    finally:
        writer.close()
        reader.close()


def revert(session: Session, name: str, snapshot_name: str, out: Output) -> None:
    """RESTORE DATABASE x FROM DATABASE_SNAPSHOT = 's'.

    :raises SqlError: 3137 not a snapshot of it, or another one exists; 3101, 3102 it is in use.
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
    exclusive(session, database, what)
    with server.lock:
        old = database.store
        database.store = server.new_store()
        _copy(snapshot, database)
        for suffix in ("", "-wal", "-shm"):
            old.with_name(old.name + suffix).unlink(missing_ok=True)
        database.damaged = set(snapshot.damaged)
        database.log_lsn = database.full_lsn = None  # reverting breaks the log chain
    server.machine.ledger.record(
        "sql.restore", server.machine.name, action="done", database=database.name, files=[], source=snapshot.name, spid=session.spid
    )
    out.done()


def drop(session: Session, snapshot: Database) -> None:
    """The sparse files go with it."""
    session.server.databases.pop(snapshot.name.lower(), None)
    delete_files(session.server, snapshot)
    session.server.discard_store(snapshot)
