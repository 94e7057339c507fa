# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Windows paths on a directory tree: drives of a machine, shares of the network, who may reach what.

A path is case-insensitive, ``/`` counts as ``\\``, and every failure is a Windows error number, as CreateFile gives it
(https://learn.microsoft.com/windows/win32/debug/system-error-codes).
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from . import security
from .in_use import FilesInUse
from .volumes import MESSAGES, Link, Logon, Share, Volume, WinError, vanishing

if TYPE_CHECKING:
    from .network import Network

__all__ = ["MESSAGES", "FileSystem", "Link", "Logon", "Share", "Volume", "WinError"]


BAD_NAME = re.compile(r'[<>:"|?*\x00-\x1f]')


class FileSystem(FilesInUse):
    """The files that processes of one machine see."""

    def __init__(self, machine: str, network: Network) -> None:
        super().__init__()
        self.machine = machine
        self.network = network
        self.drives: dict[str, Volume] = {}
        self.links: dict[Path, Link] = {}  # by where the link is; a real symbolic link stands for each

    def add_drive(self, letter: str, root: Path, capacity: int = 64 * 1024**3) -> Volume:
        root.mkdir(parents=True, exist_ok=True)
        volume = self.drives[letter.upper()] = Volume(root, capacity)
        return volume

    # -- names

    def locate(self, path: str, logon: Logon) -> tuple[Volume, list[str]]:
        """The volume that an absolute path is on, and the parts below its root.

        Raises:
            WinError: 123 bad name or relative path, 15 no such drive, 53/67 no such share, 5 or 1326 no access.
        """
        text = path.replace("/", "\\")
        if text.startswith("\\\\?\\"):
            text = text[4:]
        if text.startswith("\\\\"):
            server, dummy, rest = text[2:].partition("\\")
            name, dummy, below = rest.partition("\\")
            share = self.network.share(server, name, path)
            where = self.network.address_of(server)
            if where and self.network.refuses(self.machine, where):
                raise WinError(53, path)  # that a refused connection looks like a server that is not there is *assumed*
            account = logon.account
            if not logon.delegates:
                # A network logon has no credentials for a second hop: it arrives as ANONYMOUS LOGON.
                raise WinError(5, path)
            if account.upper() in ("SYSTEM", "NT AUTHORITY\\SYSTEM", "NT AUTHORITY\\NETWORK SERVICE") or account.upper().startswith(
                "NT SERVICE\\"
            ):
                account = self.network.machine_account(self.machine)
            if not share.allows(account):
                raise WinError(5, path)
            volume = share.volume
        else:
            match = re.match(r"([A-Za-z]):(?:\\|$)(.*)$", text, re.S)
            if not match:
                raise WinError(123, path)
            if match[1].upper() not in self.drives:
                raise WinError(15, path)
            volume, below = self.drives[match[1].upper()], match[2]
        parts: list[str] = []
        for part in below.split("\\"):
            if part in ("", "."):
                continue
            if part == "..":
                parts = parts[:-1]
                continue
            if BAD_NAME.search(part):
                raise WinError(123, path)
            parts.append(part.rstrip(". ") or part)
        return volume, parts

    def real(self, path: str, logon: Logon) -> Path:
        """The real path, in the letter case of what exists; it need not exist."""
        volume, parts = self.locate(path, logon)
        return self._as_it_is(volume.root, parts)

    def _as_it_is(self, root: Path, parts: list[str]) -> Path:
        exact = root.joinpath(*parts)
        if not parts or exact.exists():  # one question for the whole path, which is nearly always written as it is
            return exact
        folder, lower = self._as_it_is(root, parts[:-1]), parts[-1].lower()
        exact = folder / parts[-1]
        if folder.is_dir():
            with suppress(FileNotFoundError):  # somebody else has just deleted the folder
                return next((folder / name for name in os.listdir(folder) if name.lower() == lower), exact)
        return exact

    # -- questions

    def exists(self, path: str, logon: Logon) -> bool:
        return self.real(path, logon).exists()

    def is_dir(self, path: str, logon: Logon) -> bool:
        return self.real(path, logon).is_dir()

    def is_file(self, path: str, logon: Logon) -> bool:
        return self.real(path, logon).is_file()

    def free(self, path: str, logon: Logon) -> int:
        volume, _parts = self.locate(path, logon)
        return volume.free()

    def listdir(self, path: str, logon: Logon) -> list[str]:
        real = self.real(path, logon)
        if not real.is_dir():
            raise WinError(3, path)
        with vanishing(3, path):
            return sorted((entry.name for entry in real.iterdir()), key=str.lower)

    def walk(self, path: str, logon: Logon) -> Iterator[tuple[str, Path]]:
        """Every file below, as (path relative to ``path`` with backslashes, real path)."""
        real = self.real(path, logon)
        if not real.is_dir():
            raise WinError(3, path)
        for entry in sorted(real.rglob("*")):
            if entry.is_file():
                yield str(entry.relative_to(real)).replace("/", "\\"), entry

    # -- contents

    def read(self, path: str, logon: Logon) -> bytes:
        real = self.real(path, logon)
        if not real.parent.is_dir():
            raise WinError(3, path)
        if not real.exists():
            raise WinError(2, path)
        if real.is_dir():
            raise WinError(5, path)
        with vanishing(2, path):
            return real.read_bytes()

    def write(self, path: str, data: bytes, logon: Logon, append: bool = False) -> None:
        real = self.real(path, logon)
        if not real.parent.is_dir():
            raise WinError(3, path)
        if real.is_dir():
            raise WinError(5, path)
        self._refuse_locked(real, path)
        self.room(path, len(data), logon)
        is_new = not real.exists()
        with vanishing(3, path), real.open("ab" if append else "wb") as stream:
            stream.write(data)
        if is_new:
            with vanishing(3, path):
                security.created(real, logon.account)

    @contextmanager
    def writer(self, path: str, real: Path, logon: Logon) -> Iterator[Callable[[bytes], None]]:
        """Write a new file in pieces, for each of which there has to be room.

        Args:
            path: The file.
            real: Where that is, in an existing folder.
        """
        self._refuse_locked(real, path)
        self.room(path, 0, logon)
        is_new = not real.exists()
        with vanishing(3, path):
            stream = real.open("wb", buffering=0)
            if is_new:
                security.created(real, logon.account)
        with stream:

            def write(data: bytes) -> None:
                self.room(path, len(data), logon)
                stream.write(data)

            yield write

    def link(self, path: str, kind: str, target: str, logon: Logon) -> None:
        """Make a link. What it points to need not exist (https://learn.microsoft.com/windows-server/administration/windows-commands/mklink).

        Raises:
            WinError: 183, there is something at ``path``.
        """
        real = self.real(path, logon)
        if real.exists() or real.is_symlink():
            raise WinError(183, path)
        with vanishing(3, path):
            real.symlink_to(self.real(target, logon), target_is_directory=kind != "SYMLINK")
        self.links[real] = Link(kind, target)

    def set_times(self, path: str, real: Path, times: tuple[int, int], logon: Logon) -> None:
        """Set the times of the last access and of the last write, in nanoseconds, rounded up as for FAT (*assumed*) to what the volume keeps."""
        step = self.locate(path, logon)[0].time_step
        os.utime(real, ns=(times[0], -(-times[1] // step) * step if step > 100 else times[1]))

    def room(self, path: str, size: int, logon: Logon) -> None:
        """
        Raises:
            WinError: 112, ``size`` bytes more do not fit, or the disk is full by a fault.
        """
        volume, _parts = self.locate(path, logon)
        full = self.network.disk_full(self.machine, path)
        if full or (size > 0 and volume.capacity < 64 * 1024**3 and volume.free() < size):
            raise WinError(112, path)

    def mkdir(self, path: str, logon: Logon) -> None:
        """As cmd's mkdir with extensions: parents too; 183 if it exists."""
        real = self.real(path, logon)
        if real.exists():
            raise WinError(183, path)
        try:
            real.mkdir(parents=True)
            security.created(real, logon.account)
        except FileExistsError as error:  # of two who make it at once, one does
            raise WinError(183, path) from error

    def remove(self, path: str, logon: Logon) -> None:
        real = self.real(path, logon)
        if not real.exists():
            raise WinError(2, path)
        if real.is_dir():
            raise WinError(5, path)
        self._refuse_locked(real, path)
        with vanishing(2, path):
            real.unlink()

    def rmtree(self, path: str, logon: Logon) -> None:
        """
        Raises:
            WinError: 2 missing, 32 a file in it is in use (then nothing is removed).
        """
        real = self.real(path, logon)
        if real.is_symlink():
            real.unlink()
            return
        if not real.exists():
            raise WinError(2, path)
        with vanishing(2, path):
            entries = sorted(real.rglob("*"), key=lambda entry: len(entry.parts), reverse=True)
            for entry in entries:
                self._refuse_locked(entry, path)
            for entry in entries:
                # Of a link only itself is removed: https://wiert.me/2016/02/02/ for rd, and what it points to stays.
                if entry.is_dir() and not entry.is_symlink():
                    entry.rmdir()
                else:
                    entry.unlink()
            real.rmdir()

    def move(self, source: str, target: str, logon: Logon, replace: bool = True) -> None:
        real, to = self.real(source, logon), self.real(target, logon)
        if not real.exists() and not real.is_symlink():
            raise WinError(2, source)
        if not to.parent.is_dir():
            raise WinError(3, target)
        if to.exists() and not replace:
            raise WinError(183, target)
        if to.is_dir():
            raise WinError(5, target)
        self._refuse_locked(real, source)
        self._refuse_locked(to, target)
        self._refuse_locked_below(real, source)
        try:
            os.replace(real, to)
            # A link is moved itself, not what it points to: https://learn.microsoft.com/windows/win32/fileio/symbolic-link-effects-on-file-systems-functions
            for link in [one for one in self.links if one == real or real in one.parents]:
                self.links[to / link.relative_to(real)] = self.links.pop(link)
        except FileNotFoundError as error:  # of two who move it at once, one does
            raise WinError(2, source) from error
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.EISDIR, errno.ENOTDIR):
                raise
            raise WinError(5 if replace else 183, target) from error  # somebody has made it in this moment
