# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database: its rows in one SQLite file, and what sys.databases says of it."""

from __future__ import annotations

import math
import sqlite3
import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

PAGE = 8192
SYSTEM = ("master", "tempdb", "model", "msdb")
SYSTEM_IDS = {name: number for number, name in enumerate(SYSTEM, 1)}
MEGABYTE = 1024**2
COLLATION = "SQL_Latin1_General_CP1_CI_AS"
NEXT_LSN = 1000


def new_guid() -> str:
    """As SQL Server writes one."""
    return str(uuid.uuid4()).upper()


@dataclass
class DatabaseFile:
    """A data or log file: its logical name, and its path as the server's machine sees it."""

    file_id: int
    kind: str  # D data, L log
    logical: str
    path: str
    guid: str = field(default_factory=new_guid)

    @property
    def type(self) -> int:
        return 1 if self.kind == "L" else 0


@dataclass
class DatabaseUser:
    """A database principal that belongs to a login (None: the login is gone, the user is orphaned)."""

    name: str
    login: str | None
    roles: set[str] = field(default_factory=set)
    sid: bytes = b""


@dataclass(eq=False)
class Database:
    """One database of a server.

    Attributes:
        store: The SQLite file with the rows. It is not one of the files that the machine sees: those are of the sizes that the
            server claims, and hold nothing.
        catalog: Columns of its row in sys.databases that only say what else is done with it, such as ``is_published``.
        preallocated: Sizes that files were given, by their ids: more than what is used in them.
        column_collations: Collations of columns, (table, column), that are not the database's.
        special_files: Paths of its FILESTREAM files.
        weight: Bytes of data that the lab pretends to be there beside the rows: they take time and space in every backup.
    """

    name: str
    database_id: int
    store: Path
    files: list[DatabaseFile]
    created: datetime
    owner: str = "sa"
    state: str = "ONLINE"  # RESTORING, RECOVERING, RECOVERY_PENDING, SUSPECT, EMERGENCY, OFFLINE: states.py
    user_access: str = "MULTI_USER"
    recovery: str = "FULL"
    level: int = 140
    collation: str = COLLATION
    read_only: bool = False
    weight: int = 0
    users: dict[str, DatabaseUser] = field(default_factory=dict)
    guid: str = field(default_factory=new_guid)  # of this copy (backupset.database_guid)
    family_guid: str = field(default_factory=new_guid)  # of the database it descends from: what 3154 compares
    fork_guid: str = field(default_factory=new_guid)
    broker_guid: str = field(default_factory=new_guid)
    broker: bool = True
    trustworthy: bool = False
    full_lsn: int | None = None  # checkpoint of the last full backup that was not copy-only: the base of differentials
    full_guid: str | None = None
    log_lsn: int | None = None  # where the next log backup begins; None: no chain yet
    lsn: int = NEXT_LSN
    changed_at_backup: int = -1
    damaged: set[int] = field(default_factory=set)  # numbers of damaged SQLite pages, as DBCC CHECKDB finds them
    unsound: set[int] = field(default_factory=set)  # pages with a value that its type does not allow, and a right checksum (damage.py)
    group: str | None = None  # availability group
    group_role: str = "PRIMARY"
    mirrored: bool = False
    catalog: dict[str, object] = field(default_factory=dict)
    preallocated: dict[int, int] = field(default_factory=dict)
    column_collations: dict[tuple[str, str], str] = field(default_factory=dict)
    special_files: list[str] = field(default_factory=list)
    encrypted_by: str | None = None  # certificate of TDE
    snapshot_of: str | None = None
    transition: int | None = None  # the session that is changing its state, for which it is locked
    busy: str | None = None  # a backup or restore under way (3023)
    options: dict[str, str] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def is_system(self) -> bool:
        return self.name.lower() in SYSTEM_IDS

    @property
    def log_file(self) -> DatabaseFile:
        return next(file for file in self.files if file.kind == "L")

    @property
    def data_files(self) -> list[DatabaseFile]:
        return [file for file in self.files if file.kind == "D"]

    def connect(self) -> sqlite3.Connection:
        """A plain connection to the rows, for the server's own work."""
        connection = sqlite3.connect(self.store, timeout=30, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        return connection

    def used_bytes(self) -> int:
        """Data in use: the rows and the weight, in whole pages."""
        rows = self.store.stat().st_size if self.store.exists() else 0
        wal = self.store.with_name(self.store.name + "-wal")
        rows += wal.stat().st_size if wal.exists() else 0
        return math.ceil((rows + self.weight) / PAGE) * PAGE

    def allocated_bytes(self, file: DatabaseFile) -> int:
        """A file's size: what it was given, else grown in steps of 64 MB from 8 MB, the defaults since 2016; the log has 8 MB."""
        given = self.preallocated.get(file.file_id, 0)
        if file.kind == "L":
            return max(given, 8 * MEGABYTE)
        over = max(0, self.used_bytes() - 8 * MEGABYTE)
        return max(given, (8 + 64 * math.ceil(over / (64 * MEGABYTE))) * MEGABYTE)

    def next_lsn(self, step: int = 37) -> int:
        """The log grows; gives the new end, in the form numeric(25,0)."""
        with self.lock:
            self.lsn += step
            return self.lsn * 10**15 + 400001

    def user_of(self, login: str) -> DatabaseUser | None:
        """The database user of a login."""
        return next((user for user in self.users.values() if user.login and user.login.lower() == login.lower()), None)

    def add_user(self, login: str, roles: set[str] | None = None, name: str | None = None, sid: bytes = b"") -> DatabaseUser:
        """CREATE USER ... FOR LOGIN, with its database roles: db_owner, db_backupoperator, db_datareader, db_datawriter, ..."""
        user = DatabaseUser(name or login, login, {role.lower() for role in roles or set()}, sid)
        self.users[user.name.lower()] = user
        return user
