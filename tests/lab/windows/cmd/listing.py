# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dir``, in its US English form.

How links look: https://wiert.me/2016/02/02/ and https://superuser.com/questions/1526777. ``/s`` does not go through them (*assumed*). The
owner (``/q``) has 23 columns, in which a longer one is cut off, with no blank before the name: https://github.com/Mae72DE/don-t-use-DIR-Q.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path
from stat import S_ISDIR

from lab.core import security
from lab.core.filesystem import Link, WinError

from .patterns import matches, parse_switches
from .shell import Shell

KNOWN = {"/b", "/q", "/-c", "/s", "/a", "/a-d", "/al", "/ad", "/a:d", "/a:-d", "/on", "/o:n"}
SERIAL = "1A2B-3C4D"  # any will do (*assumed*)


def dir_(shell: Shell, rest: str) -> int:
    """Names only (``/b``), or with times and sizes, ending in the free bytes. 1 if there is nothing to show."""
    paths, switches = parse_switches(rest)
    wrong = [one for one in switches if one not in KNOWN]
    if wrong:
        return shell.unsupported(f"dir {' '.join(wrong)}")
    try:
        return _Dir(shell, set(switches)).show(shell.proc.full(paths[0] if paths else "."))
    except WinError as error:
        if error.code in (2, 3):
            shell.error("File Not Found")
            return 1
        return shell.fail(error.code)


class _Dir:
    def __init__(self, shell: Shell, switches: set[str]) -> None:
        self.shell, self.bare, self.deep = shell, "/b" in switches, "/s" in switches
        self.plain, self.owners = "/-c" in switches, "/q" in switches
        self.links = "/al" in switches
        self.only = "files" if switches & {"/a-d", "/a:-d"} else "folders" if switches & {"/ad", "/a:d"} else ""
        self.fs, self.logon = shell.proc.host.fs, shell.proc.logon
        self.files = self.bytes = self.shown_folders = 0

    def show(self, path: str) -> int:
        last = path.rpartition("\\")[2]
        whole = "*" not in last and "?" not in last and self.fs.is_dir(path, self.logon)
        folder = path.rstrip("\\") if whole else path.rpartition("\\")[0]
        folder = folder + "\\" if folder.endswith(":") else folder
        wanted = "*" if whole else last
        if not self.fs.is_dir(folder, self.logon):
            raise WinError(3, folder)
        if not self.bare:
            drive = folder[:1].upper() if folder[1:2] == ":" else ""
            self.shell.print(f" Volume in drive {drive} has no label." if drive else f" Volume in {folder} has no label.")
            self.shell.print(f" Volume Serial Number is {SERIAL}")
        self._folder(folder, wanted)
        if not self.files and not self.shown_folders:
            self.shell.error("File Not Found")
            return 1
        if not self.bare:
            free = self.fs.free(folder, self.logon)
            if self.deep:
                self.shell.print()
                self.shell.print("     Total Files Listed:")
                self.shell.print(f"{self.files:16} File(s) {self._size(self.bytes):>14} bytes")
            self.shell.print(f"{self.shown_folders:16} Dir(s) {self._size(free):>15} bytes free")
        return 0

    def _folder(self, folder: str, wanted: str) -> None:
        base = folder.rstrip("\\")
        entries = [self.fs.real(one, self.logon) for one in matches(self.shell.proc, f"{base}\\{wanted}")] if wanted != "*" else []
        if wanted == "*":
            entries = [self.fs.real(f"{base}\\{name}", self.logon) for name in self.fs.listdir(folder, self.logon)]
        # Windows tells names, sizes and times at once; what was deleted a moment ago is not there, and no error.
        found = [(one, stat) for one in entries if (stat := _stat(one)) is not None]
        chosen = [(one, stat) for one, stat in found if not self.only or S_ISDIR(stat.st_mode) == (self.only == "folders")]
        if self.links:
            chosen = [(one, stat) for one, stat in chosen if one.is_symlink()]
        if chosen or (wanted == "*" and not self.bare and not self.links):
            self._list(base, folder, chosen, wanted == "*" and not self.links)
        if self.deep:
            for name in self.fs.listdir(folder, self.logon):
                real = self.fs.real(f"{base}\\{name}", self.logon)
                if real.is_dir() and not real.is_symlink():
                    self._folder(f"{base}\\{name}", wanted)

    def _list(self, base: str, folder: str, entries: list[tuple[Path, os.stat_result]], dots: bool) -> None:
        count = size = 0
        if not self.bare:
            self.shell.print()
            self.shell.print(f" Directory of {folder}")
            self.shell.print()
            if dots and base[2:] and self.only != "files":
                here = self.fs.real(folder, self.logon)
                for name, real in ((".", here), ("..", here.parent)):
                    self._line(_stat(here), name, real)
                self.shown_folders += 2
        for one, stat in entries:
            if self.bare:
                self.shell.print(f"{base}\\{one.name}" if self.deep else one.name)
            else:
                self._line(stat, one.name, one, self.fs.links.get(one) if one.is_symlink() else None)
            if S_ISDIR(stat.st_mode):
                self.shown_folders += 1
            else:
                count += 1
                size += stat.st_size
        self.files += count
        self.bytes += size
        if not self.bare:
            self.shell.print(f"{count:16} File(s) {self._size(size):>14} bytes")

    def _line(self, stat: os.stat_result | None, name: str, real: Path, link: Link | None = None) -> None:
        if stat is None:
            return
        name = f"{security.owner(real)[:23]:<23}{name}" if self.owners else name
        when = datetime.fromtimestamp(stat.st_mtime, timezone.utc).strftime("%m/%d/%Y  %I:%M %p")
        if link:
            self.shell.print(f"{when}    {f'<{link.kind}>':<14} {name} [{link.target}]")
            return
        folder = S_ISDIR(stat.st_mode)
        self.shell.print(f"{when}    <DIR>          {name}" if folder else f"{when} {self._size(stat.st_size):>17} {name}")

    def _size(self, number: int) -> str:
        return str(number) if self.plain else f"{number:,}"


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return path.lstat() if path.is_symlink() else None
