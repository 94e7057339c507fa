# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the files of a restored database go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.filesystem import WinError
from ..tds.engine_api import SqlError
from . import errors
from .database import DatabaseFile
from .files import owner_of, same_path

if TYPE_CHECKING:
    from .restore import RestoreOrder
    from .session import Session

_PLANNING = "Problems were identified while planning for the RESTORE statement. Previous messages provide details."


def plan_files(session: Session, order: RestoreOrder) -> list[DatabaseFile]:
    """The files: where MOVE says, or else where they were.

    Raises:
        SqlError: 3234 no such logical file; 1834, 5133, 5170, 3257 with 3156, 3119 and 3013: a file cannot go there.
    """
    moves = {logical.lower(): path for logical, path in order.options.moves}
    known = {str(row[0]).lower() for row in order.header["files"]}
    for logical, _path in order.options.moves:
        if logical.lower() not in known:
            text = (
                f"Logical file '{logical}' is not part of database '{order.name}'. Use RESTORE FILELISTONLY to list the logical file names."
            )
            raise errors.failed(order.what, 3234, text, 16, 2)
    files = []
    for logical, path, kind, size, file_id, _guid, _backup_size in order.header["files"]:
        target = moves.get(str(logical).lower(), path)
        problem = _problem(session, order, target, size)
        if problem is not None:
            raise _planning(order, logical, target, problem)
        files.append(DatabaseFile(file_id, kind, logical, target))
    return files


def _problem(session: Session, order: RestoreOrder, path: str, size: int) -> SqlError | None:
    server = session.server
    owner = owner_of(server, path)
    if owner is not None and owner is not order.database:
        return SqlError(1834, f"The file '{path}' cannot be overwritten.  It is being used by database '{owner.name}'.", 16)
    try:
        real = server.machine.fs.real(path, server.logon)
        if not real.parent.is_dir():
            raise WinError(3, path)
        there = real.stat().st_size if real.exists() else 0
        server.machine.fs.room(path, max(0, size - there), server.logon)
    except WinError as error:
        if error.code == 112:
            text = (
                f"There is insufficient free space on disk volume '{path[:3]}' to create the database. The database requires {size} additional free "
                f"bytes, while only {server.machine.fs.free(path, server.logon)} bytes are available."
            )
            return SqlError(3257, text, 16)
        return SqlError(
            5133, f'Directory lookup for the file "{path}" failed with the operating system error {errors.os_error(error)}.', 16
        )
    mine = order.database is not None and any(same_path(file.path, path) for file in order.database.files)
    if real.exists() and not mine and "REPLACE" not in order.options:
        # A file of no database: which number the real server gives is *assumed*.
        return SqlError(
            5170,
            f"Cannot create file '{path}' because it already exists. Change the file path or the file name, and retry the operation.",
            16,
        )
    return None


def _planning(order: RestoreOrder, logical: str, path: str, problem: SqlError) -> SqlError:
    problem.more = [
        SqlError(3156, f"File '{logical}' cannot be restored to '{path}'. Use WITH MOVE to identify a valid location for the file.", 16, 4),
        SqlError(3119, _PLANNING, 16),
        errors.terminating(order.what),
    ]
    return problem
