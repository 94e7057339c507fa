# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the files of a restored database go, and whether there is enough space for them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup import devices
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup.media import BackupSet
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup.options import MAX_PATH
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.server_info import PAGE, server_info
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError

from .options import BackupSource, RestoredFile, RestoreOptions

LOG = "L"
MANY = 1000  # names tried for one file
_NO_NAME = re.compile(r'[<>:"/\\|?*\x00-\x1f]')


@dataclass(frozen=True)
class ExistingFile:
    """A file of an existing database. ``is_log``: of the log; otherwise of data of any kind."""

    file_id: int
    is_log: bool
    path: str
    size: int
    logical_name: str = ""


def existing(connection: SqlConnection, database: str) -> list[ExistingFile]:
    """The files of a database in any state."""
    rows = connection.query(
        "SELECT file_id, type, physical_name, name, CAST(size AS bigint) AS pages FROM sys.master_files WHERE database_id = DB_ID(?) "
        "ORDER BY file_id",
        database,
    )
    return [
        ExistingFile(int(row["file_id"]), int(row["type"]) == 1, row["physical_name"], int(row["pages"] or 0) * PAGE, row["name"])
        for row in rows
    ]


def plan(
    connection: SqlConnection,
    options: RestoreOptions,
    chosen: BackupSet | BackupSource,
    rows: Sequence[dict[str, Any]],
    *,
    beside: Sequence[ExistingFile],
    overwritten: Sequence[ExistingFile] | None,
) -> list[RestoredFile]:
    """Decide where each file goes.

    Args:
        connection: The connection to ask.
        options: What to restore.
        chosen: The backup set, whose database gives the files their names.
        rows: The rows of RESTORE FILELISTONLY.
        beside: The files of the database beside whose files those of the same logical name, else of the same number, go by default.
        overwritten: The files of the database that is overwritten, which are used again; None for a new database.

    Raises:
        MssqlError: A folder does not exist, or whether a file would be overwritten cannot be determined.
    """
    named = {False: options.data_directory, True: options.log_directory}
    # A backup that is still to be made is made here.
    here = isinstance(chosen, BackupSource) or _is_here(connection, chosen)
    folders = _Folders(connection, beside, original=here and options.database.lower() == chosen.database.lower())
    taken = {row["physical_name"].lower() for row in connection.query("SELECT physical_name FROM sys.master_files")}
    places = _Places(connection, taken, overwritten is not None)
    found = []
    for row in rows:
        is_log = row["Type"] == LOG
        again = next((one for one in overwritten or [] if (one.file_id, one.is_log) == (int(row["FileId"]), is_log)), None)
        if again is not None and (named[is_log] is None or _same(devices.folder_of(again.path), named[is_log] or "")):
            path = again.path
        else:
            path = places.new(named[is_log] or folders.of(row), file_name(row["PhysicalName"], chosen.database, options.database))
        found.append(RestoredFile(row["LogicalName"], row["Type"], path, int(row["Size"])))
    return found


def file_name(path: str, source: str, target: str) -> str:
    """The file's own name, with the new database's name in place of the old one's.

    Args:
        path: The path on the server that was backed up, Windows or Linux.
        source: The database that was backed up.
        target: The database to restore.
    """
    name = re.split(r"[\\/]", path.rstrip("\\/"))[-1]
    if source and source.lower() != target.lower():
        name = re.sub(re.escape(source), lambda _found: target, name, flags=re.IGNORECASE)
    return _NO_NAME.sub("_", name) or "data"


def join(folder: str, name: str) -> str:
    """The path of a file in a folder, in the form of Windows or Linux as the folder has it."""
    separator = "/" if "/" in folder and "\\" not in folder else "\\"
    return folder.rstrip("\\/") + separator + name


@dataclass(frozen=True)
class Space:
    """What restored files need.

    Attributes:
        needed: The bytes that each volume must have free, besides the files that are overwritten.
        free: The bytes that each of these volumes has.
        unknown: The paths of files on volumes of unknown size.
    """

    needed: dict[str, int]
    free: dict[str, int]
    unknown: list[str]


def space(connection: SqlConnection, files: Sequence[RestoredFile], overwritten: Sequence[ExistingFile] | None) -> Space:
    """Add up what the files need on each volume.

    Args:
        connection: The connection to ask.
        files: Where the files go.
        overwritten: The files that are overwritten; None for a new database.
    """
    sizes = {one.path.lower(): one.size for one in overwritten or []}
    volumes = _volumes(connection)
    found = Space({}, {}, [])
    for file in files:
        volume = next((one for one in volumes if _within(file.path, one[0])), None)
        if volume is None:
            known = devices.free_bytes(connection, [file.path])
            volume = (file.path[:2].upper() + "\\", known) if known is not None else None
        if volume is None:
            found.unknown.append(file.path)
            continue
        found.free[volume[0]] = volume[1]
        found.needed[volume[0]] = found.needed.get(volume[0], 0) + max(0, file.size - sizes.get(file.path.lower(), 0))
    return found


def check_space(connection: SqlConnection, files: Sequence[RestoredFile], overwritten: Sequence[ExistingFile] | None) -> dict[str, int]:
    """As :func:`space`, the bytes needed. Volumes of unknown size are omitted.

    Raises:
        MssqlError: A volume has too little.
    """
    found = space(connection, files, overwritten)
    for name, bytes_needed in found.needed.items():
        if bytes_needed > found.free[name]:
            raise MssqlError(
                f"Expected {bytes_needed} bytes free on {name} of the SQL Server host, for {', '.join(one.path for one in files)}, but found "
                f"{found.free[name]}. Free some space there, or name other folders with data_directory and log_directory"
            )
    return found.needed


class _Folders:
    """Finds the folder of a file that nobody has named one for.

    Args:
        connection: The connection to ask.
        beside: The files of the existing database.
        original: Whether the backup's own paths are of this database on this server.
    """

    def __init__(self, connection: SqlConnection, beside: Sequence[ExistingFile], original: bool) -> None:
        self._connection = connection
        self._beside = beside
        self._original = original
        self._defaults: dict[bool, str] = {}

    def of(self, row: Mapping[str, Any]) -> str:
        """The folder of the file's counterpart, else that in which it was when it was backed up, else that of the server for new files."""
        is_log = row["Type"] == LOG
        alike = [one for one in self._beside if one.is_log is is_log]
        name, number = row["LogicalName"].lower(), int(row["FileId"])
        counterpart = next((one for one in alike if one.logical_name.lower() == name), None) or next(
            (one for one in alike if one.file_id == number), None
        )
        if counterpart is not None:
            return devices.folder_of(counterpart.path)
        if self._original:
            seen = devices.look(self._connection, row["PhysicalName"])
            if seen is not None and seen.in_folder:
                return devices.folder_of(row["PhysicalName"])
        if is_log not in self._defaults:
            self._defaults[is_log] = _default(self._connection, "Log" if is_log else "Data")
        return self._defaults[is_log]


class _Places:
    """Finds unused names for new files: of no other database, and of no existing file."""

    def __init__(self, connection: SqlConnection, taken: set[str], must_know: bool) -> None:
        self._connection = connection
        self._taken = taken
        self._must_know = must_know  # with REPLACE, RESTORE overwrites any file that exists

    def new(self, folder: str, name: str) -> str:
        stem, dot, ending = name.rpartition(".")
        if not dot:
            stem, ending = name, ""
        for number in range(1, MANY):
            tail = ("" if number == 1 else f"_{number}") + dot + ending
            path = join(folder, stem[: max(1, MAX_PATH - len(join(folder, tail)))] + tail)
            if path.lower() not in self._taken and not self._exists(path):
                self._taken.add(path.lower())
                return path
        raise MssqlError(f"Expected an unused name for {name} in {folder} on the SQL Server host, but {MANY - 1} names are taken")

    def _exists(self, path: str) -> bool:
        where = f"SQL Server {self._connection.options.where}"
        found = devices.look(self._connection, path)
        if found is None:
            if self._must_know:
                raise MssqlError(
                    f"Cannot tell whether the file {path} exists, which RESTORE WITH REPLACE would overwrite: {where} does not show it to the "
                    f"login {self._connection.options.who}. Give it VIEW SERVER STATE, or omit data_directory and log_directory"
                )
            return False  # without REPLACE the server itself refuses
        if not found.in_folder:
            raise MssqlError(
                f"Expected the folder {devices.folder_of(path)} on the host of {where}, for the files of the restored database, but it does not "
                "exist or the service account may not see it. Create it, or name another one with data_directory and log_directory"
            )
        return found.exists


def _is_here(connection: SqlConnection, chosen: BackupSet) -> bool:
    """Whether the backup was taken by this server, or by one of its name that it has replaced."""
    return chosen.server.lower() == server_info(connection).name.lower()


def _folder(files: Sequence[ExistingFile], is_log: bool) -> str | None:
    return next((devices.folder_of(one.path) for one in files if one.is_log is is_log), None)


def _default(connection: SqlConnection, kind: str) -> str:
    """The instance's default folder for new data or log files; before 2012, which has no such property, the folder of master."""
    path = connection.scalar(f"SELECT CAST(SERVERPROPERTY('InstanceDefault{kind}Path') AS nvarchar(4000)) AS path")
    return path or _folder(existing(connection, "master"), kind == "Log") or ""


def _volumes(connection: SqlConnection) -> list[tuple[str, int]]:
    """The mount points that hold database files, with their free bytes, longest first; empty where the login may not ask."""
    try:
        rows = connection.query(
            "SELECT DISTINCT v.volume_mount_point AS name, v.available_bytes AS free FROM sys.master_files AS f "
            "CROSS APPLY sys.dm_os_volume_stats(f.database_id, f.file_id) AS v"
        )
    except MssqlError as error:
        if error.number in (*devices.NO_STATE, *devices.NO_PERMISSION):
            return []
        raise
    return sorted(((row["name"], int(row["free"])) for row in rows), key=lambda one: -len(one[0]))


def _within(path: str, mount: str) -> bool:
    base = mount.rstrip("\\/")
    return path[: len(base)].lower() == base.lower() and path[len(base) : len(base) + 1] == ("/" if "/" in mount else "\\")


def _same(one: str, other: str) -> bool:
    return one.rstrip("\\/").lower() == other.rstrip("\\/").lower()
