# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Script0180BuiltInFeedMigration: the package files move on disk, in the course of a schema upgrade (octopus.com/docs, upgrading).

It is no part of the database transaction: what has moved stays moved when the upgrade fails or the database is restored.
"""

from __future__ import annotations

import os

from ..core.filesystem import WinError
from . import versions
from .folders import Files


class MoveError(Exception):
    """The package files could not be moved."""


def move_packages(files: Files, configured: str, root: str, space: str, binary: str) -> int:
    """Move everything in the package folder to ``<root>\\<space>\\feeds-builtin``, through another folder.

    Args:
        configured: The path as it was set; forward slashes in it are what #5700 and #5716 stumbled over.
        binary: The build that does it. Fixes have dates only, so their builds are *assumed*.

    Returns:
        How many entries moved.

    Raises:
        MoveError: Unreachable, no right; and by build: no parent (a share's or drive's root: #5262), a hidden DFSR folder (#5678).
    """
    if "/" in configured and versions.between(binary, "2019.3", "2019.8"):
        raise MoveError(f"The package folder '{configured}' could not be moved: the path's format is not supported.")
    try:
        source = files.fs.real(root, files.logon)
        _volume, parts = files.fs.locate(root, files.logon)
        if not source.is_dir():
            files.make(f"{root}\\{space}\\feeds-builtin")
            return 0
        if not parts and versions.between(binary, "2019.1", "2019.3"):
            raise MoveError(
                f"NullReferenceException: The package folder '{root}' has no parent folder, so its content cannot be moved through a temporary one."
            )
        names = sorted(os.listdir(source))
        if any(name.lower() == "dfsrprivate" for name in names) and versions.between(binary, "2019.1", "2019.8"):
            raise MoveError(f"The process cannot access '{root}\\DfsrPrivate' because it is being used by another process.")
        temporary = (source.parent if parts else source) / f"{source.name}-octopus-migration"
        temporary.mkdir()
        stay = (space.lower(), "dfsrprivate", temporary.name.lower())
        moving = [name for name in names if name.lower() not in stay]
        for name in moving:
            os.rename(source / name, temporary / name)
        target = source / space / "feeds-builtin"
        target.mkdir(parents=True, exist_ok=True)
        for name in moving:
            os.rename(temporary / name, target / name)
        temporary.rmdir()
        return len(moving)
    except (WinError, OSError) as error:
        raise MoveError(f"The package folder '{root}' could not be moved: {error}") from error
