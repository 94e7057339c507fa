# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files, volumes, and what the server's service account finds on disks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...core.filesystem import WinError
from .. import errors
from ..database import PAGE, Database, DatabaseFile
from .registry import Rows, need_state, table_function, view

if TYPE_CHECKING:
    from ..session import Session

_FILE = (
    "file_id int, file_guid uniqueidentifier, type tinyint, type_desc nvarchar(60), data_space_id int, name sysname, physical_name nvarchar(260),"
    " state tinyint, state_desc nvarchar(60), size int, max_size int, growth int, is_media_read_only bit, is_read_only bit, is_sparse bit,"
    " is_percent_growth bit, create_lsn numeric(25,0)"
)


def _row(session: Session, database: Database, file: DatabaseFile) -> tuple[object, ...]:
    offline = database.state != "ONLINE"
    size = session.server.file_size(database, file)
    return (
        file.file_id,
        file.guid,
        file.type,
        "LOG" if file.type else "ROWS",
        0 if file.type else 1,
        file.logical,
        file.path,
        6 if offline else 0,
        database.state if offline else "ONLINE",
        size // PAGE,
        268435456 if file.type else -1,
        8192,
        0,
        database.read_only,
        database.snapshot_of is not None,
        0,
        None,
    )


@view("sys.database_files", _FILE)
def database_files(session: Session, database: Database) -> Rows:
    special = [_special(number, path) for number, path in enumerate(database.special_files, 65537)]
    return [*(_row(session, database, file) for file in database.files), *special]


def _special(number: int, path: str) -> tuple[object, ...]:
    """A FILESTREAM file: type 2, whose path is a folder, and whose size is 0 in the catalog.

    https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-database-files-transact-sql
    """
    return (number, None, 2, "FILESTREAM", 2, path.rpartition("\\")[2], path, 0, "ONLINE", 0, -1, 0, 0, 0, 0, 0, None)


@view("sys.master_files", f"database_id int, {_FILE}")
def master_files(session: Session, _database: Database) -> Rows:
    login = session.client.login
    if not (login.may("VIEW ANY DEFINITION") or login.may("CREATE ANY DATABASE")):
        return []
    return [
        (one.database_id, *_row(session, one, file))
        for one in sorted(session.server.databases.values(), key=lambda database: database.database_id)
        for file in one.files
    ]


@view("sys.filegroups", "name sysname, data_space_id int, type char(2), type_desc nvarchar(60), is_default bit, is_read_only bit")
def filegroups(_session: Session, _database: Database) -> Rows:
    return [("PRIMARY", 1, "FG", "ROWS_FILEGROUP", 1, 0)]


def _volume(session: Session, database: Database, file: DatabaseFile) -> tuple[object, ...]:
    server = session.server
    volume, _parts = server.machine.fs.locate(file.path, server.logon)
    mount = f"{file.path[0].upper()}:\\" if file.path[1:2] == ":" else "\\".join(file.path.split("\\")[:4]) + "\\"
    return (
        database.database_id,
        file.file_id,
        mount,
        f"\\\\?\\Volume{{{server.name.lower()}-{mount[0].lower()}}}\\",
        "",
        "NTFS",
        volume.capacity,
        volume.free(),
        1,
        0,
        1,
        0,
        0,
    )


def _every_volume(session: Session) -> Rows:
    need_state(session)
    for database in session.server.databases.values():
        for file in database.files:
            row = _volume(session, database, file)
            yield (database.database_id, file.file_id, *row)


@table_function(
    "dm_os_volume_stats",
    "database_id int, file_id int, volume_mount_point nvarchar(256), volume_id nvarchar(256), logical_volume_name nvarchar(256),"
    " file_system_type nvarchar(256), total_bytes bigint, available_bytes bigint, supports_compression bit, supports_alternate_streams bit,"
    " supports_sparse_files bit, is_read_only bit, is_compressed bit",
    every=_every_volume,
)
def volume_stats(session: Session, database_id: object, file_id: object) -> Rows:
    need_state(session)
    return [
        _volume(session, database, file)
        for database in session.server.databases.values()
        for file in database.files
        if (database.database_id, file.file_id) == (database_id, file_id)
    ]


@table_function("dm_os_file_exists", "file_exists int, file_is_a_directory int, parent_directory_exists int", since=14)
def file_exists(session: Session, path: object) -> Rows:
    need_state(session)
    return [look(session, str(path))]


def look(session: Session, path: str) -> tuple[int, int, int]:
    """What xp_fileexist and sys.dm_os_file_exists say: a file, a folder, its parent is a folder. What cannot be reached does not exist."""
    fs, logon = session.server.machine.fs, session.server.logon
    parent = re.sub(r"[\\/][^\\/]*$", "", path.rstrip("\\/")) or path
    found = [0, 0, 0]
    for place, (test, where) in enumerate(
        ((fs.is_file, path), (fs.is_dir, path), (fs.is_dir, parent + "\\" if parent.endswith(":") else parent))
    ):
        try:
            found[place] = int(test(where, logon))
        except WinError:
            continue  # no such drive or share, or no access: the server says 0
    return found[0], found[1], found[2]


@table_function(
    "dm_os_enumerate_filesystem",
    "full_filesystem_path nvarchar(260), parent_directory nvarchar(260), file_or_directory_name nvarchar(255), level int, is_directory bit,"
    " size_in_bytes bigint",
    since=14,
)
def enumerate_filesystem(session: Session, folder: object, pattern: object) -> Rows:
    if str(pattern) not in ("*", "*.*"):
        raise errors.gap("sys.dm_os_enumerate_filesystem with a pattern")
    need_state(session)
    server, root = session.server, str(folder).rstrip("\\")
    try:
        return [
            (f"{root}\\{name}", root, name.rpartition("\\")[2], name.count("\\"), 0, real.stat().st_size)
            for name, real in server.machine.fs.walk(root, server.logon)
        ]
    except WinError as error:
        raise errors.SqlError(11555, f"The path '{folder}' cannot be read: operating system error {errors.os_error(error)}.", 16) from error


@table_function("string_split", "value nvarchar(4000)", since=13)
def string_split(_session: Session, text: object, separator: object) -> Rows:
    return [] if text is None else [(part,) for part in str(text).split(str(separator))]
