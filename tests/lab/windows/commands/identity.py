# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""hostname.exe, whoami.exe, fsutil.exe."""

from __future__ import annotations

from lab.core.filesystem import WinError
from lab.windows.process import Process

from ._base import SYSTEM32, message, unsupported

NEW_FSUTIL = 18362  # from this build on numbers have separators and a rounded form (*assumed* to be the first)


def hostname(proc: Process) -> int:
    if len(proc.argv) > 1:
        return unsupported(proc, " ".join(proc.argv[1:]))
    proc.print(proc.host.name)
    return 0


def whoami(proc: Process) -> int:
    """Domain and name in lower case; SYSTEM is ``nt authority\\system``."""
    if len(proc.argv) > 1:
        return unsupported(proc, " ".join(proc.argv[1:]))
    account = proc.logon.account
    proc.print("nt authority\\system" if account.upper() in ("SYSTEM", "LOCALSYSTEM") else account.lower())
    return 0


def fsutil(proc: Process) -> int:
    """``fsutil volume diskfree C:`` (https://learn.microsoft.com/windows-server/administration/windows-commands/fsutil-volume)."""
    words = [word.lower() for word in proc.argv[1:3]]
    if words != ["volume", "diskfree"] or len(proc.argv) != 4:
        return unsupported(proc, " ".join(proc.argv[1:]))
    path = proc.argv[3]
    try:
        volume, _parts = proc.host.fs.locate(path.rstrip("\\") + "\\" if path[1:2] == ":" else path, proc.logon)
    except WinError as error:
        code = 3 if error.code == 15 else error.code
        proc.print(f"Error:  {message(code)}")
        return 1
    free, total = volume.free(), volume.capacity
    build = int(proc.host.os_build.split(".")[2])
    for name, number in (("free bytes", free), ("bytes", total), ("avail free bytes", free)):
        if build >= NEW_FSUTIL:
            label = {"avail free bytes": "Total quota free bytes"}.get(name, f"Total {name}")
            proc.print(f"{label:<32}: {number:>15,} ({number / 1024**3:6.1f} GB)")
        else:
            proc.print(f"{f'Total # of {name}':<29}: {number}")
    return 0


COMMANDS = {f"{SYSTEM32}\\hostname.exe": hostname, f"{SYSTEM32}\\whoami.exe": whoami, f"{SYSTEM32}\\fsutil.exe": fsutil}
