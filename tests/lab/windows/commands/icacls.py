# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""icacls.exe: grants and inheritance, kept in ``host.acls`` for tests to look at; the lab's drives do not enforce them.

https://learn.microsoft.com/windows-server/administration/windows-commands/icacls. ``/save`` writes two lines for each file: its path from
the name of the folder on, and its rights, of which the lab shows only whether they are inherited (*assumed*: UTF-16 without a mark).
"""

from __future__ import annotations

import re

from lab.core.filesystem import WinError
from lab.windows.process import Process

from ._base import SYSTEM32, message, unsupported

NO_MAPPING = 1332
GRANT = re.compile(r"(?P<who>.+):(?P<rights>(?:\((?:OI|CI|IO|NP|I)\))*(?:[NFMRXWD]|RX|\([A-Z,]+\)))", re.I)


def _known(proc: Process, who: str) -> bool:
    if re.fullmatch(r"\*S-1(-\d+)+", who):
        return True
    domain = who.upper().partition("\\")[0]
    if domain in ("NT AUTHORITY", "BUILTIN", "NT SERVICE", "SYSTEM", "ADMINISTRATORS", "EVERYONE"):
        return True
    network = proc.host.network
    machines = {network.machine_account(name).lower() for name in network.machines}
    return who.lower() in {account.lower() for account in network.accounts} | machines


def icacls(proc: Process) -> int:
    words = proc.argv[1:]
    if not words:
        return unsupported(proc, "without a file")
    if len(words) > 2 and words[1].lower() == "/save":
        return _save(proc, words[0], words[2], words[3:])
    path, quiet, granting, replace = proc.full(words[0]).rstrip("\\"), False, False, False
    inherit: str | None = None
    grants: list[tuple[str, str, bool]] = []
    for word in words[1:]:
        lower = word.lower()
        if lower in ("/q", "/c", "/t"):
            quiet, granting = quiet or lower == "/q", False
        elif match := re.fullmatch(r"/inheritance:([red])", lower):
            inherit, granting = match[1], False
        elif lower in ("/grant", "/grant:r"):
            granting, replace = True, lower.endswith(":r")
        elif granting and (grant := GRANT.fullmatch(word)):
            grants.append((grant["who"], grant["rights"], replace))
        elif granting:
            proc.error(f'Invalid parameter "{word}"')
            return 87
        else:
            return unsupported(proc, word)
    for who, _rights, _replace in grants:
        if not _known(proc, who):
            proc.error(f"{who}: {message(NO_MAPPING)}")
            _summary(proc, 0, 1)
            return NO_MAPPING
    try:
        if not proc.host.fs.exists(path + "\\" if path.endswith(":") else path, proc.logon):
            raise WinError(2, path)
    except WinError as error:
        proc.error(f"{path}: {error.text}")
        _summary(proc, 0, 1)
        return error.code
    entry = proc.host.acls.setdefault(path.lower(), {})
    if inherit is not None:
        entry["inherits"] = inherit == "e"
    for who, rights, replaces in grants:
        old = [] if replaces else entry.get(who.lower(), [])
        entry[who.lower()] = [*old, rights]
    proc.host.ledger.record("file", proc.host.name, action="rights", path=path, switches=words[1:])
    if not quiet:
        proc.print(f"processed file: {path}")
    _summary(proc, 1, 0)
    return 0


def _save(proc: Process, folder: str, file: str, switches: list[str]) -> int:
    if {one.lower() for one in switches} - {"/t", "/c", "/q"}:
        return unsupported(proc, " ".join(switches))
    path, fs = proc.full(folder).rstrip("\\"), proc.host.fs
    try:
        if not fs.exists(path, proc.logon):
            raise WinError(2, path)
        below = [f"{path}\\{name}" for name, _real in fs.walk(path, proc.logon)] if "/t" in switches else []
        lines = []
        for one in [path, *below]:
            inherits = proc.host.acls.get(one.lower(), {}).get("inherits", True)
            lines += [one[path.rindex("\\") + 1 :], "D:AI(A;ID;FA;;;SY)" if inherits else "D:PAI(A;;FA;;;SY)"]
        fs.write(proc.full(file), "".join(f"{line}\r\n" for line in lines).encode("utf-16-le"), proc.logon)
    except WinError as error:
        proc.error(f"{path}: {error.text}")
        _summary(proc, 0, 1)
        return error.code
    _summary(proc, len(lines) // 2, 0)
    return 0


def _summary(proc: Process, good: int, bad: int) -> None:
    proc.print(f"Successfully processed {good} files; Failed processing {bad} files")


COMMANDS = {f"{SYSTEM32}\\icacls.exe": icacls}
