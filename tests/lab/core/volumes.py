# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What files of the lab lie on and who reaches them: system errors, logons, drives, shares, links."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

MESSAGES = {
    2: "The system cannot find the file specified.",
    3: "The system cannot find the path specified.",
    5: "Access is denied.",
    15: "The system cannot find the drive specified.",
    32: "The process cannot access the file because it is being used by another process.",
    53: "The network path was not found.",
    67: "The network name cannot be found.",
    80: "The file exists.",
    112: "There is not enough space on the disk.",
    123: "The filename, directory name, or volume label syntax is incorrect.",
    145: "The directory is not empty.",
    183: "Cannot create a file when that file already exists.",
    1326: "The user name or password is incorrect.",
}


class WinError(Exception):
    """A Windows system error: ``code`` and its English message."""

    def __init__(self, code: int, path: str = "") -> None:
        super().__init__(f"{MESSAGES.get(code, f'error {code}')} ({path})" if path else MESSAGES.get(code, f"error {code}"))
        self.code = code
        self.path = path

    @property
    def text(self) -> str:
        return MESSAGES.get(self.code, f"error {self.code}")


@dataclass(frozen=True)
class Logon:
    """Who a process runs as, and whether that logon has credentials for a second hop (windows-facts 1, double hop)."""

    account: str  # "LAB\\octo-admin", "SYSTEM", "NT SERVICE\\MSSQLSERVER"
    kind: str  # network (WinRM), service, batch (scheduled task), interactive
    delegates: bool

    @classmethod
    def network(cls, account: str) -> Logon:
        return cls(account, "network", False)

    @classmethod
    def service(cls, account: str) -> Logon:
        return cls(account, "service", True)

    @classmethod
    def batch(cls, account: str) -> Logon:
        return cls(account, "batch", True)


@dataclass
class Volume:
    """A drive or a share's disk: a folder, its capacity in bytes.

    Attributes:
        reserved: Bytes that count as used beyond what lies in the folder.
        time_step: Nanoseconds that file times are whole multiples of: 100 on NTFS, two seconds on FAT and on servers that keep times like it
            (https://learn.microsoft.com/windows/win32/sysinfo/file-times).
    """

    root: Path
    capacity: int = 64 * 1024**3
    reserved: int = 0
    time_step: int = 100

    def used(self) -> int:
        total = self.reserved
        for folder, _folders, files in os.walk(self.root):
            for name in files:
                try:
                    total += os.lstat(os.path.join(folder, name)).st_size
                except FileNotFoundError:
                    continue  # gone between listing and asking: it takes no room
        return total

    def free(self) -> int:
        return max(0, self.capacity - self.used())


@dataclass(frozen=True)
class Link:
    """A reparse point that stands for another file or folder: ``kind`` as dir shows it, ``target`` as it was given."""

    kind: str  # JUNCTION, SYMLINKD or SYMLINK
    target: str


@dataclass
class Share:
    """A folder of a machine under a UNC name; ``allow`` are the accounts that may read and write it."""

    machine: str
    name: str
    volume: Volume
    allow: set[str] = field(default_factory=set)
    reachable: bool = True

    @property
    def unc(self) -> str:
        return f"\\\\{self.machine}\\{self.name}"

    def allows(self, account: str) -> bool:
        return account.lower() in {one.lower() for one in self.allow}


@contextmanager
def vanishing(code: int, path: str) -> Iterator[None]:
    """What somebody else deletes or renames between a look and the deed is not there, as CreateFile says it."""
    try:
        yield
    except FileNotFoundError as error:
        raise WinError(code, path) from error
