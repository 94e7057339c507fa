# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Data and log files as the machine sees them: of the right size, in use while the database is, and empty."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.filesystem import WinError
from ..tds.engine_api import SqlError
from . import errors
from .database import Database, DatabaseFile

if TYPE_CHECKING:
    from .server import SqlServer


def same_path(one: str, other: str) -> bool:
    return one.replace("/", "\\").lower() == other.replace("/", "\\").lower()


def owner_of(server: SqlServer, path: str) -> Database | None:
    """The database that a file belongs to."""
    for database in server.databases.values():
        if any(same_path(file.path, path) for file in database.files):
            return database
    return None


def allocate(server: SqlServer, database: Database, sparse: bool = False) -> None:
    """Make the files, or bring them to their present size.

    Args:
        sparse: The files of a snapshot, which take no room at first.

    Raises:
        SqlError: 5123 and 1802, a file cannot be made.
    """
    for file in database.files:
        size = 0 if sparse else database.allocated_bytes(file)
        try:
            real = server.machine.fs.real(file.path, server.logon)
            grow = size - (real.stat().st_size if real.exists() else 0)
            if not real.exists():
                server.machine.fs.write(file.path, b"", server.logon)
                server.machine.fs.lock(real)
                server.in_use.add(real)
            if grow > 0:
                server.machine.fs.room(file.path, grow, server.logon)
        except WinError as error:
            if error.code == 112 and real.exists() and not real.stat().st_size:
                _let_go(server, real)
                real.unlink()
            raise _cannot_create(file, error) from error
        os.truncate(real, size)  # sparse: it takes no room on the computer that runs the lab


def _cannot_create(file: DatabaseFile, error: WinError) -> SqlError:
    text = f"CREATE FILE encountered operating system error {errors.os_error(error)} while attempting to open or create the physical file '{file.path}'."
    return SqlError(
        5123,
        text,
        16,
        1,
        more=[SqlError(1802, "CREATE DATABASE failed. Some file names listed could not be created. Check related errors.", 16, 4)],
    )


def delete_files(server: SqlServer, database: Database, keep: bool = False) -> None:
    """Let go of a database's files, and delete them unless they are kept."""
    for file in database.files:
        real = server.machine.fs.real(file.path, server.logon)
        _let_go(server, real)
        if real.exists() and not keep:
            real.unlink()


def release(server: SqlServer, database: Database) -> None:
    """Close the files: the database goes offline."""
    delete_files(server, database, keep=True)


def hold(server: SqlServer, database: Database) -> None:
    """Open the files again.

    Raises:
        WinError: One is missing.
    """
    for file in database.files:
        real = server.machine.fs.real(file.path, server.logon)
        if not real.exists():
            raise WinError(2, file.path)
    for file in database.files:
        real = server.machine.fs.real(file.path, server.logon)
        server.machine.fs.lock(real)
        server.in_use.add(real)


def _let_go(server: SqlServer, real: Path) -> None:
    server.machine.fs.unlock(real)
    server.in_use.discard(real)


def size_of(server: SqlServer, database: Database, file: DatabaseFile) -> int:
    """A file's size: what is used, in steps of growth; it never shrinks by itself."""
    real = server.machine.fs.real(file.path, server.logon)
    there = real.stat().st_size if real.exists() else 0
    wanted = database.allocated_bytes(file)
    if there and wanted > there and real in server.in_use:
        os.truncate(real, wanted)
    return max(there, wanted)
