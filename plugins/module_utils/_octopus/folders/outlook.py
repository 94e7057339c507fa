# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan says of the copies of the server folders: how much, to where, and how long that took the last time. Pure functions.

Every restore point has a full copy, made in two passes: the first while the server runs, the second, within the outage, of what has changed since.
Copies that share unchanged files with an older restore point were decided against:

* robocopy cannot create hard links (https://learn.microsoft.com/windows-server/administration/windows-commands/robocopy), and ``mklink /h`` takes a
  process for each file. A hard link to a remote file needs the server's file system to support it, which many a NAS does not.
* Rights and times belong to the file, not to the link, so that a change to one restore point would change all of them, and one damaged
  file would be damaged in all of them. Nothing valuable has one copy.
* On one ReFS volume Windows copies by reference by itself, since KB5034848 (https://learn.microsoft.com/windows/win32/fileio/block-cloning), and servers
  with data deduplication store equal blocks once. Neither needs anything from a copying program.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.check import size

# The steps of a run that copy the folders, and when that is.
_PASSES = {"stage.folders": "while the server ran", "backup.folders": "within the outage"}


def lines(dest: str, folders: Mapping[str, Mapping[str, Any]], last_run: Mapping[str, Any]) -> list[str]:
    """Return what is copied, as a person reads it.

    Args:
        dest: The folder of the copies.
        folders: What check mode returned of each folder.
        last_run: The record of the last run of the instance; empty where there is none.
    """
    counted = {name: one for name, one in folders.items() if one["copied_bytes"] is not None}
    unknown = [name for name in folders if name not in counted]
    told = f"folders: {sum(one['copied_files'] for one in counted.values())} files, {size(sum(one['copied_bytes'] for one in counted.values()))}"
    if unknown:
        told = f"{told if counted else 'folders:'}{' and' if counted else ''} those of {', '.join(unknown)}, which only a job could count,"
    took = [
        f"{step['seconds']:.0f} s {_PASSES[step['name']]}"
        for step in last_run.get("steps") or []
        if step.get("name") in _PASSES and step.get("seconds") is not None
    ]
    return [f"{told} to copy to {dest}" + (f"; the last run took {', '.join(took)}" if took else "")]
