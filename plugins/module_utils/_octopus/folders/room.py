# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The room beside the copies in a restore point: for the database backup, and for the folders that a rollback retains."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.check import SPACE_FOR_FOLDERS, Check, size, unknown
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin

from . import mirrors
from .copies import FolderCopy, Means


def free_bytes(means: Means, host: WindowsHost, path: str) -> int | None:
    """Return the free bytes on the drive or share of a path, as a job sees it; None where it does not say.

    Raises:
        HostError: The host failed.
    """
    job = means.job(host, "folders-room", path)
    line = batch_builtin("dir", "/-c", "/ad", disks.root_of(path))
    ended = mirrors.run_all(means, {"room": job}, {"room": [line]}, "measuring")["room"]
    # Exit code 1 means that there is no folder, but the last line is printed nevertheless.
    return None if ended.codes[0] > 1 else disks.free_in(ended.output)


def check(where: str, copies: Iterable[FolderCopy], backup_bytes: int | None, free: int | None) -> Check:
    """Return whether there is room for the database backup, and for the present folders once more.

    Args:
        where: The drive or share of the copies.
        copies: The copies, which are complete.
        backup_bytes: How large the database backup will be; None where that is not known.
        free: How much is free; None where that is not known.
    """
    sizes = [copy.bytes for copy in copies]
    retained = None if None in sizes else sum(one or 0 for one in sizes)
    known = None not in (free, retained, backup_bytes)
    # Too little for what is known is too little, whatever the rest.
    fits = None if free is None else False if free < (backup_bytes or 0) + (retained or 0) else True if known else None
    wanted = "as much as they hold" if retained is None else size(retained)
    backup = "of unknown size" if backup_bytes is None else size(backup_bytes)
    missing = "the share does not say how much is free" if free is None else "how large the backup will be is not known"
    return Check(
        SPACE_FOR_FOLDERS,
        fits,
        f"room for the database backup ({backup}) and for the server folders that a rollback would retain ({wanted}) beside their copies",
        unknown(missing) if free is None or backup_bytes is None else f"{size(free)} free",
        where,
        "Free some space there, set another octopus_backup_root, or waive this check by name in octopus_waivers.",
    )
