# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""icacls.exe: grants and inheritance, kept in ``host.acls`` for tests to look at; the lab's drives do not enforce them.

https://learn.microsoft.com/windows-server/administration/windows-commands/icacls. ``/save`` writes two lines for each file and
folder: its path from the name of the folder on, and its list in SDDL (*assumed*: UTF-16 without a mark). ``/restore`` is given the folder above:
https://techcommunity.microsoft.com/blog/askds/how-to-back-up-and-restore-ntfs-and-share-permissions/395838. It saves no owner, says ``icacls /?``.
"""

from __future__ import annotations

import re
from pathlib import Path

from lab.core import security
from lab.core.filesystem import WinError
from lab.windows.process import Process

from ._base import SYSTEM32, message, unsupported

NO_MAPPING = 1332
WELL_KNOWN = {"*S-1-5-19": "NT AUTHORITY\\LOCAL SERVICE", "*S-1-5-20": "NT AUTHORITY\\NETWORK SERVICE"}
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
    whole = {"/save": _save, "/restore": _restore, "/setowner": _set_owner}.get(words[1].lower() if len(words) > 2 else "")
    if whole:
        return whole(proc, words[0], words[2], words[3:])
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
        lines = []
        for one, real in _all(proc, path, "/t" in switches):
            inherits = proc.host.acls.get(one.lower(), {}).get("inherits", True)
            lines += [one[path.rindex("\\") + 1 :], security.dacl(real) if inherits else "D:PAI(A;;FA;;;SY)"]
        fs.write(proc.full(file), "".join(f"{line}\r\n" for line in lines).encode("utf-16-le"), proc.logon)
    except WinError as error:
        return _failed(proc, path, error)
    _summary(proc, len(lines) // 2, 0)
    return 0


def _restore(proc: Process, folder: str, file: str, switches: list[str]) -> int:
    """Apply the lists of a file to what is below a folder. What is not there is an error, after which ``/c`` goes on (*assumed*: code 2)."""
    if {one.lower() for one in switches} - {"/c", "/q"}:
        return unsupported(proc, " ".join(switches))
    path, fs, good, bad = proc.full(folder).rstrip("\\"), proc.host.fs, 0, 0
    try:
        lines = fs.read(proc.full(file), proc.logon).decode("utf-16-le").splitlines()
    except WinError as error:
        return _failed(proc, file, error)
    for name, sddl in zip(lines[::2], lines[1::2], strict=True):
        real = fs.real(f"{path}\\{name}", proc.logon)
        if real.exists():
            security.set_dacl(real, sddl)
            good += 1
            continue
        proc.error(f"{path}\\{name}: {message(2)}")
        bad += 1
        if "/c" not in switches:
            break
    _summary(proc, good, bad)
    return 2 if bad else 0


def _set_owner(proc: Process, name: str, account: str, switches: list[str]) -> int:
    """Which privileges it takes is documented with SetNamedSecurityInfo: a job as SYSTEM or as an administrator has them."""
    if {one.lower() for one in switches} - {"/t", "/c", "/q"}:
        return unsupported(proc, " ".join(switches))
    if not _known(proc, account):
        proc.error(f"{account}: {message(NO_MAPPING)}")
        _summary(proc, 0, 1)
        return NO_MAPPING
    path = proc.full(name).rstrip("\\")
    try:
        found = _all(proc, path, "/t" in switches)
    except WinError as error:
        return _failed(proc, path, error)
    for _one, real in found:
        security.set_owner(real, WELL_KNOWN.get(account.upper(), account))
    _summary(proc, len(found), 0)
    return 0


def _all(proc: Process, path: str, below: bool) -> list[tuple[str, Path]]:
    """
    Raises:
        WinError: It does not exist.
    """
    fs = proc.host.fs
    if not fs.exists(path, proc.logon):
        raise WinError(2, path)
    real = fs.real(path, proc.logon)
    inside = sorted(one for one in real.rglob("*") if not one.is_symlink()) if below else []
    return [(path, real), *((f"{path}\\{one.relative_to(real)}".replace("/", "\\"), one) for one in inside)]


def _failed(proc: Process, path: str, error: WinError) -> int:
    proc.error(f"{path}: {error.text}")
    _summary(proc, 0, 1)
    return error.code


def _summary(proc: Process, good: int, bad: int) -> None:
    proc.print(f"Successfully processed {good} files; Failed processing {bad} files")


COMMANDS = {f"{SYSTEM32}\\icacls.exe": icacls}
