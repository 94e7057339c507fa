# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""icacls.exe: the switches that give rights on a folder. The lab keeps no rights on local files; it remembers who set which.

https://learn.microsoft.com/windows-server/administration/windows-commands/icacls
"""

from __future__ import annotations

import re

from lab.core.filesystem import WinError
from lab.windows.process import Process

from ._base import SYSTEM32, message, unsupported

RIGHT = re.compile(r"(?P<who>[^:]+):(\([A-Z,]+\))*(F|M|RX|R|W|\([A-Z,]+\))", re.I)
BUILT_IN = {"*s-1-5-18", "*s-1-5-32-544", "*s-1-5-32-545", "system", "administrators", "nt authority\\network service"}


def icacls(proc: Process) -> int:
    arguments = proc.argv[1:]
    if not arguments or arguments[0].startswith("/"):
        return unsupported(proc, "without a file name first")
    path, switches = arguments[0], arguments[1:]
    granted: list[str] = []
    granting = False
    for word in switches:
        lower = word.lower()
        if lower in ("/grant", "/grant:r"):
            granting = True
        elif lower in ("/q", "/t", "/c", "/inheritance:r", "/inheritance:e", "/inheritance:d"):
            granting = False
        elif granting and RIGHT.fullmatch(word):
            granted.append(word)
        else:
            return unsupported(proc, word)
    try:
        if not proc.host.fs.exists(proc.full(path), proc.logon):
            raise WinError(2, path)
    except WinError as error:
        proc.error(f"{path}: {message(error.code)}")
        proc.print("Successfully processed 0 files; Failed processing 1 files")
        return error.code
    for right in granted:
        who = right.partition(":")[0].lower()
        if who not in BUILT_IN and not any(who == known.lower() for known in proc.host.network.accounts):
            proc.error(f"{right.partition(':')[0]}: No mapping between account names and security IDs was done.")
            return 1332
    proc.host.ledger.record("file", proc.host.name, action="rights", path=proc.full(path), switches=switches)
    if "/q" not in {word.lower() for word in switches}:
        proc.print(f"processed file: {path}")
    proc.print("Successfully processed 1 files; Failed processing 0 files")
    return 0


COMMANDS = {f"{SYSTEM32}\\icacls.exe": icacls}
