# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines of cmd.exe about an instance's folder of runs: create it, feed the guard in it, and stop where another process holds its lock."""

from __future__ import annotations

import hashlib

from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_files import protect_line
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import DEFAULT_ROOT
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import builtin, word

from .holder import Holder

NOT_OURS = 101  # the exit code where the lock is another process's
GUARDED = ".guarded"  # RUN.guarded: the guard has taken the lock from that run, and restored service
PROGRAMS = "programs"  # the folder beside that of the runs with the lock of a host's programs


def folder_line(folder: str) -> str:
    """Return the cmd line that creates an instance's folder where it is missing, for SYSTEM and administrators only.

    Below the collection's own folder, access to that folder is restricted; elsewhere access to the instance's folder is.
    """
    protect = protect_line(DEFAULT_ROOT if is_own_folder(folder) else folder)
    return f"(if not exist {word(folder + chr(92))} ({protect} & {builtin('mkdir', folder)}))"


def is_own_folder(folder: str) -> bool:
    """Whether a folder is below the collection's own."""
    return folder.lower().startswith(DEFAULT_ROOT.lower() + "\\")


def guard_folder(folder: str) -> str:
    """Return the folder of the guard in an instance's folder of runs."""
    return f"{folder}\\guard"


def feed_line(folder: str) -> str:
    """Return the cmd line that tells the guard, where there is one, that the run is alive. It leaves no error."""
    own = guard_folder(folder)
    return f"(if exist {word(own + chr(92))} (echo fed)>{word(own + chr(92) + 'fed')}) 2>nul"


def fence_line(folder: str, run_id: str, holder: Holder) -> str:
    """Return the cmd line that ends with :data:`NOT_OURS` where another process holds the lock, or the guard has taken it from this run.

    On any node, also on one whose lock this process does not hold because nobody does.

    Args:
        folder: The instance's folder of runs.
        run_id: The run.
        holder: The process.
    """
    lock = f"{folder}\\lock\\"
    held, guarded = word(lock + marker_of(holder)), word(f"{folder}\\{run_id}{GUARDED}")
    return f"(if not exist {held} if exist {word(lock)} exit /b {NOT_OURS})& (if not exist {held} if exist {guarded} exit /b {NOT_OURS})"


def still_ours_line(folder: str, holder: Holder, released: bool = False) -> str:
    """Return the cmd line that ends with :data:`NOT_OURS` where this process does not hold the lock of that folder.

    A free lock is not acceptable either: a process that has broken it may have released it already.

    Args:
        folder: The instance's folder of runs.
        holder: The process.
        released: Whether this process may have released the lock already, so that a free lock is acceptable.
    """
    lock = f"{folder}\\lock\\"
    return f"({f'if exist {word(lock)} ' if released else ''}if not exist {word(lock + marker_of(holder))} exit /b {NOT_OURS})"


def marker_of(holder: Holder, part: str = "") -> str:
    """The name of the file that says who holds a lock: a process, or one part of it."""
    return f"holder-{holder.token}" + (f"-{hashlib.sha256(part.lower().encode()).hexdigest()[:8]}" if part else "")
