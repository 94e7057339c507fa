# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What robocopy does with two folder trees: compare, copy, purge; and what it counts.

Junctions and symbolic links are followed, or left out with ``/xj``, ``/xjd`` (folders) and ``/xjf`` (files):
https://learn.microsoft.com/windows-server/administration/windows-commands/robocopy, measured in https://superuser.com/a/1642107.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lab.core.filesystem import WinError

from .process import Process

CHUNK = 1024 * 1024
FILE_SECONDS = 0.01  # lab seconds a file costs beyond its bytes (*assumed*); /MT divides it

# The two seconds of /FFT, counted in 100 ns.
FAT_TIMES = 20_000_000


@dataclass
class Count:
    """One row of the summary."""

    total: int = 0
    copied: int = 0
    skipped: int = 0
    mismatch: int = 0
    failed: int = 0
    extras: int = 0

    def row(self) -> list[int]:
        return [self.total, self.copied, self.skipped, self.mismatch, self.failed, self.extras]


@dataclass
class Job:
    """What is to be done; ``say`` gets the lines of the list."""

    source: str
    target: str
    names: list[str] = field(default_factory=lambda: ["*"])
    subfolders: bool = False
    empty: bool = False
    purge: bool = False
    list_only: bool = False
    again: bool = False  # /IS: same files too
    fat_times: bool = False  # /FFT: times are the same within two seconds
    no_linked_folders: bool = False  # /XJD, /XJ
    no_linked_files: bool = False  # /XJF, /XJ
    older_stay: bool = False  # /XO
    max_age: int | None = None  # /MAXAGE:n, in days: older files are listed as "Too Old" and skipped
    skip_files: list[str] = field(default_factory=list)
    skip_folders: list[str] = field(default_factory=list)
    retries: int = 1_000_000
    wait: float = 30.0
    threads: int = 1
    file_line: Callable[[str, os.stat_result, str], None] = lambda _kind, _stat, _path: None
    folder_line: Callable[[str, int, str], None] = lambda _kind, _count, _path: None
    error: Callable[[str], None] = lambda _line: None
    folders: Count = field(default_factory=Count)
    files: Count = field(default_factory=Count)
    bytes: Count = field(default_factory=Count)
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """1 copied, 2 extras, 4 mismatches, 8 failures: https://learn.microsoft.com/windows-server/administration/windows-commands/robocopy."""
        code = 1 if self.files.copied or self.folders.copied else 0
        code |= 2 if self.files.extras or self.folders.extras else 0
        code |= 4 if self.files.mismatch or self.folders.mismatch else 0
        return code | (8 if self.files.failed or self.folders.failed else 0)


class Copier:
    def __init__(self, proc: Process, job: Job) -> None:
        self.proc, self.job, self.fs, self.logon = proc, job, proc.host.fs, proc.logon

    def run(self) -> None:
        """
        Raises:
            WinError: The source or the target folder cannot be reached at all.
        """
        started = self.proc.host.clock.seconds()
        if not self.fs.is_dir(self.job.source, self.logon):
            raise WinError(2, self.job.source)
        exists = self.fs.is_dir(self.job.target, self.logon)
        self._folder(self.job.source.rstrip("\\"), self.job.target.rstrip("\\"), exists)
        self.job.seconds = self.proc.host.clock.seconds() - started

    def _folder(self, source: str, target: str, exists: bool) -> None:
        job = self.job
        self.proc.check()
        job.folders.total += 1
        entries = sorted(os.scandir(self.fs.real(source + "\\", self.logon)), key=lambda entry: entry.name.lower())
        entries = [entry for entry in entries if not self._left_out(entry)]
        files = [entry for entry in entries if entry.is_file() and self._wanted(entry.name, f"{source}\\{entry.name}")]
        below = [entry.name for entry in entries if entry.is_dir() and not self._skipped_folder(entry.name, f"{source}\\{entry.name}")]
        job.folder_line("" if exists else "New Dir", len(files), f"{source}\\")
        if exists:
            job.folders.skipped += 1
        elif not self._make(target):
            return
        into = self.fs.real(target + "\\", self.logon)
        there = {entry.name.lower(): entry for entry in os.scandir(into)} if exists else {}
        for file in files:
            found = there.get(file.name.lower())
            self._file(file, f"{source}\\{file.name}", f"{target}\\{file.name}", into / (found or file).name, found)
        if job.subfolders:
            for name in below:
                found = there.get(name.lower())
                if found is not None and found.is_file():
                    job.folders.total += 1
                    job.folders.mismatch += 1
                    job.file_line("*Mismatch", found.stat(), f"{source}\\{name}")
                    continue
                if not job.empty and not any((self.fs.real(f"{source}\\{name}", self.logon)).rglob("*")):
                    continue
                self._folder(f"{source}\\{name}", f"{target}\\{name}", found is not None)
        self._extras(target, there, {one.name.lower() for one in files}, {entry.name.lower() for entry in entries})

    def _left_out(self, entry: os.DirEntry[str]) -> bool:
        return entry.is_symlink() and (self.job.no_linked_folders if entry.is_dir() else self.job.no_linked_files)

    def _make(self, target: str) -> bool:
        if self.job.list_only:
            self.job.folders.copied += 1
            return True
        try:
            self.fs.room(target, 0, self.logon)
            self.fs.mkdir(target, self.logon)
        except WinError as error:
            self.job.folders.failed += 1
            self.job.error(f"ERROR {error.code} (0x{error.code:08X}) Creating Destination Directory {target}\\\r\n{error.text}")
            return False
        self.job.folders.copied += 1
        return True

    def _wanted(self, name: str, path: str) -> bool:
        if not any(_like(name, pattern) for pattern in self.job.names):
            return False
        return not any(_like(name, one) or path.lower() == one.lower().rstrip("\\") for one in self.job.skip_files)

    def _skipped_folder(self, name: str, path: str) -> bool:
        return any(_like(name, one) or path.lower() == one.lower().rstrip("\\") for one in self.job.skip_folders)

    def _file(self, file: os.DirEntry[str], source: str, target: str, into: Path, there: os.DirEntry[str] | None) -> None:
        job, stat = self.job, file.stat()
        job.files.total += 1
        job.bytes.total += stat.st_size
        kind = "New File"
        if there is not None and there.is_dir():
            job.files.mismatch += 1
            job.bytes.mismatch += stat.st_size
            job.file_line("*Mismatch", stat, source)
            return
        if job.max_age is not None and stat.st_mtime < self.proc.host.clock.now().timestamp() - job.max_age * 86400:
            job.files.skipped += 1
            job.bytes.skipped += stat.st_size
            return
        if there is not None:
            other = there.stat()
            delta = stat.st_mtime_ns // 100 - other.st_mtime_ns // 100  # NTFS counts in 100 ns
            if job.fat_times and abs(delta) <= FAT_TIMES:
                delta = 0
            if delta == 0 and stat.st_size == other.st_size and not job.again:
                kind = ""
            elif delta == 0:
                kind = "Same" if stat.st_size == other.st_size else "Changed"
            else:
                kind = "Newer" if delta > 0 else "Older"
        if not kind or (kind == "Older" and job.older_stay):
            job.files.skipped += 1
            job.bytes.skipped += stat.st_size
            return
        job.file_line(kind, stat, source)
        if job.list_only or self._copy(Path(file.path), source, target, into):
            job.files.copied += 1
            job.bytes.copied += stat.st_size
        else:
            job.files.failed += 1
            job.bytes.failed += stat.st_size

    def _copy(self, real: Path, source: str, target: str, into: Path) -> bool:
        for attempt in range(self.job.retries + 1):
            try:
                self._copy_once(real, target, into)
            except WinError as error:
                self.job.error(f"ERROR {error.code} (0x{error.code:08X}) Copying File {source}\r\n{error.text}")
                if attempt < self.job.retries:
                    self.job.error(f"Waiting {int(self.job.wait)} seconds... Retrying...")
                    self.proc.sleep(self.job.wait)
                continue
            self.proc.host.ledger.record("file", self.proc.host.name, action="copy", path=target, source=source)
            return True
        self.job.error("ERROR: RETRY LIMIT EXCEEDED.\r\n")
        return False

    def _copy_once(self, real: Path, target: str, into: Path) -> None:
        stat = real.stat()
        self.proc.sleep(FILE_SECONDS / self.job.threads)
        self.fs.room(target, stat.st_size, self.logon)
        with real.open("rb") as stream, self.fs.writer(target, into, self.logon) as write:
            while chunk := stream.read(CHUNK):
                self.proc.sleep(self.proc.host.copy_seconds(len(chunk)))
                write(chunk)
                self.proc.written += len(chunk)
        # /COPY:DAT, the default: data, attributes and times.
        self.fs.set_times(target, into, (stat.st_atime_ns, stat.st_mtime_ns), self.logon)

    def _extras(self, target: str, there: dict[str, os.DirEntry[str]], files: set[str], entries: set[str]) -> None:
        job = self.job
        for name, entry in sorted(there.items(), key=lambda item: item[0]):
            if entry.is_file():
                if name in files or name in entries or not self._wanted(entry.name, f"{target}\\{entry.name}"):
                    continue
                job.files.extras += 1
                job.bytes.extras += entry.stat().st_size
                job.file_line("*EXTRA File", entry.stat(), f"{target}\\{entry.name}")
                self._purge(f"{target}\\{entry.name}", self.fs.remove)
            elif name not in entries and job.subfolders and not self._skipped_folder(entry.name, f"{target}\\{entry.name}"):
                job.folders.extras += 1
                for file in Path(entry.path).rglob("*"):
                    if file.is_file():
                        job.files.extras += 1
                        job.bytes.extras += file.stat().st_size
                    else:
                        job.folders.extras += 1
                job.folder_line("*EXTRA Dir", -1, f"{target}\\{entry.name}\\")
                self._purge_linked(Path(entry.path))
                self._purge(f"{target}\\{entry.name}", self.fs.rmtree)

    def _purge_linked(self, folder: Path) -> None:
        """Empty what the links in an extra folder point to. Nobody has documented what /PURGE does with them, so the worse is *assumed*."""
        if self.job.purge and not self.job.list_only:
            for link in [one for one in (folder, *folder.rglob("*")) if one.is_symlink()]:
                for file in [one for one in link.resolve().rglob("*") if one.is_file()]:
                    file.unlink()

    def _purge(self, path: str, remove: Callable[..., None]) -> None:
        if not self.job.purge or self.job.list_only:
            return
        try:
            remove(path, self.logon)
        except WinError as error:
            self.job.files.failed += 1
            self.job.error(f"ERROR {error.code} (0x{error.code:08X}) Deleting Extra File {path}\r\n{error.text}")
            return
        self.proc.host.ledger.record("file", self.proc.host.name, action="delete", path=path)


def _like(name: str, pattern: str) -> bool:
    return pattern in ("*.*", "*") or fnmatch.fnmatchcase(name.lower(), pattern.lower().replace("[", "[[]"))
