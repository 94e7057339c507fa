# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listings of every file of a copy, with size and time, and the comparison of two of them. No I/O.

Two listings that robocopy makes of the same copy are the same text, so their hashes are compared on the host. Only where these differ, the
listings themselves are read, because a time zone or the order in which a share returns names also changes the text. They are read in pieces
and summed up, so that memory does not grow with the number of files; a second reading, of a compressed copy on the control node's disk, then
collects the few lines that differ.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
import zlib
from collections.abc import Callable, Collection
from datetime import date
from typing import IO

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import robocopy
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import SYSTEM32
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_line

from .mirrors import exit_with

# Takes a piece of a listing, in UTF-8; reads a listing in such pieces.
Take = Callable[[bytes], object]
Read = Callable[[Take], object]
Entry = tuple[int, int]

SUFFIX = ".files.txt"
_LINE = re.compile(rb"\s*(\d+) (\d{4}/\d\d/\d\d) (\d\d:\d\d:\d\d)\t(.+)$")
_BUCKETS = 4096
_COLLECTED = 8
_PIECE = 1024 * 1024
_MASK = 2**64 - 1
# Every time zone is a multiple of a quarter of an hour away from UTC.
_ZONE = 900


def list_line(path: str, missing: str, file: str) -> str:
    """Return the line of a command file that lists all files of a folder and prints the SHA-256 of the list, unless a file could not be read.

    Args:
        path: The folder.
        missing: A folder that does not exist.
        file: The file on the host that receives the list. Its hash cannot be computed where it is empty.
    """
    listed = batch_line([f"{SYSTEM32}robocopy.exe", *robocopy.list_files(path, missing, file)[1:]])
    hashed = batch_line([f"{SYSTEM32}certutil.exe", "-hashfile", file, "SHA256"])
    return f"({listed} & if errorlevel {robocopy.FAILED} ({exit_with(1)}) else {hashed})"


def differences(then: Read, then_path: str, now: Read, now_path: str) -> list[str]:
    """Compare two listings of a copy.

    Args:
        then: Reads the listing that was made with the copy.
        then_path: The path that the copy had then.
        now: Reads the listing of today.
        now_path: The path that the copy has now.

    Returns:
        Some of the files that differ, each with what was expected and found; empty where all are the same.

    Raises:
        OctopusError: A listing cannot be read.
    """
    with contextlib.ExitStack() as spools:
        first, second = (spools.enter_context(contextlib.closing(_Spool(read))) for read in (then, now))
        before, after = _Sums(then_path), _Sums(now_path)
        for sums, spool in ((before, first), (after, second)):
            spool.read(sums.take)
            sums.end()
        if before.exact == after.exact or (_is_shift(before, after) and before.zoneless == after.zoneless):
            return []
        exact = _different(before.exact, after.exact)
        zoneless = _different(before.zoneless, after.zoneless)
        # In another time zone every time differs, and these say which ones differ by anything else.
        buckets, ignores_zone = (zoneless, True) if zoneless and len(zoneless) < len(exact) else (exact, False)
        collected = []
        for path, spool in ((then_path, first), (now_path, second)):
            lines = _Collected(path, buckets[:_COLLECTED])
            spool.read(lines.take)
            lines.end()
            collected.append(lines.entries)
        return _named(collected[0], collected[1], ignores_zone)


class _Spool:
    """Reads a listing from its host once, and afterwards from a compressed copy: millions of lines over WinRM cost much more than to unpack them.

    The copy is a file without a name in the control node's folder for temporary files. Where that is full, the host is read again.
    """

    def __init__(self, read: Read) -> None:
        self._from_host = read
        self._copy: IO[bytes] | None = None

    def read(self, take: Take) -> None:
        """
        Raises:
            OctopusError: The listing cannot be read.
        """
        if self._copy is not None:
            self._unpack(self._copy, take)
            return
        packer = zlib.compressobj(1)
        with contextlib.suppress(OSError):
            self._copy = tempfile.TemporaryFile()  # noqa: SIM115 - it is read later, and close() closes it

        def both(data: bytes) -> None:
            take(data)
            self._write(packer.compress(data))

        self._from_host(both)
        self._write(packer.flush(), last=True)

    def close(self) -> None:
        """Forget the copy."""
        if self._copy is not None:
            self._copy.close()
            self._copy = None

    def _write(self, data: bytes, last: bool = False) -> None:
        if self._copy is not None:
            try:
                self._copy.write(data)
                if last:
                    self._copy.flush()
            except OSError:
                self.close()

    @staticmethod
    def _unpack(copy: IO[bytes], take: Take) -> None:
        unpacker = zlib.decompressobj()
        copy.seek(0)
        while piece := copy.read(_PIECE):
            while piece:
                take(unpacker.decompress(piece, _PIECE))
                piece = unpacker.unconsumed_tail
        take(unpacker.flush())


def _is_shift(before: _Sums, after: _Sums) -> bool:
    """Whether all times may have moved by the same time zone."""
    moved = after.times - before.times
    return before.files == after.files > 0 and moved % before.files == 0 and moved // before.files % _ZONE == 0


def _different(one: list[int], other: list[int]) -> list[int]:
    return [number for number in range(_BUCKETS) if one[number] != other[number]]


def _named(before: dict[bytes, Entry], after: dict[bytes, Entry], ignores_zone: bool) -> list[str]:
    found = []
    for path in sorted({**before, **after}):
        expected, there = before.get(path), after.get(path)
        if expected == there or (ignores_zone and expected and there and _zoneless(expected) == _zoneless(there)):
            continue
        name = path.decode("utf-8", "replace")
        if expected is None:
            found.append(f"{name} was added")
        elif there is None:
            found.append(f"{name} is missing")
        elif expected[0] != there[0]:
            found.append(f"{name} has {there[0]} bytes instead of {expected[0]}")
        else:
            found.append(f"{name} was written at another time")
    return found


def _zoneless(entry: Entry) -> Entry:
    return entry[0], entry[1] % _ZONE


class _Lines:
    """Splits what is read into the files of a listing; paths are relative to the copy.

    There may be millions of lines. Days and times of day are few, so each is parsed once.
    """

    def __init__(self, path: str) -> None:
        self._prefix = f"{path}\\".encode()
        self._rest = b""
        self._days: dict[bytes, int] = {}
        self._clocks: dict[bytes, int] = {}

    def take(self, data: bytes) -> None:
        """Take the next piece.

        Raises:
            OctopusError: It holds a line that describes no file.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._lines(lines)

    def end(self) -> None:
        """Take the last line."""
        self._lines([self._rest])

    def _lines(self, lines: list[bytes]) -> None:
        days, clocks = self._days, self._clocks
        for line in lines:
            head, _tab, path = line.rpartition(b"\t")
            try:
                text, day, clock = head.split()
                size, time = int(text), days[day] + clocks[clock]
            except (ValueError, KeyError):
                self._first(line)
            else:
                self._file(self._relative(path), size, time)

    def _first(self, line: bytes) -> None:
        """Take a line that has a day or a time of day for the first time, or that is blank."""
        match = _LINE.match(line.rstrip(b"\r"))
        if match is None:
            if line.strip(b" \t\r\xef\xbb\xbf"):
                raise OctopusError(f"cannot read the line {line.decode('utf-8', 'replace').strip()[:200]!r} of a listing")
            return
        size, day, clock, path = match.groups()
        hours, minutes, seconds = (int(part) for part in clock.split(b":"))
        self._days[day] = date(*(int(part) for part in day.split(b"/"))).toordinal() * 86400
        self._clocks[clock] = (hours * 60 + minutes) * 60 + seconds
        self._file(self._relative(path), int(size), self._days[day] + self._clocks[clock])

    def _relative(self, path: bytes) -> bytes:
        if path.endswith(b"\r"):
            path = path[:-1]
        if path.startswith(self._prefix) or path.lower().startswith(self._prefix.lower()):
            return path[len(self._prefix) :]
        return path

    def _file(self, path: bytes, size: int, time: int) -> None:
        raise NotImplementedError


class _Sums(_Lines):
    """Sums over the hashes of all files, in buckets by path. They do not depend on the order."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.files = self.times = 0
        self.exact = [0] * _BUCKETS
        self.zoneless = [0] * _BUCKETS

    def _file(self, path: bytes, size: int, time: int) -> None:
        self.files += 1
        self.times += time
        bucket = zlib.crc32(path) % _BUCKETS
        # Python's own hash, of 64 bits and with a secret key of this process, is enough for two readings by the same process.
        self.exact[bucket] = self.exact[bucket] + hash((path, size, time)) & _MASK
        self.zoneless[bucket] = self.zoneless[bucket] + hash((path, size, time % _ZONE)) & _MASK


class _Collected(_Lines):
    """The files of some buckets."""

    def __init__(self, path: str, buckets: Collection[int]) -> None:
        super().__init__(path)
        self._buckets = frozenset(buckets)
        self.entries: dict[bytes, Entry] = {}

    def _lines(self, lines: list[bytes]) -> None:
        # Nearly all are in other buckets. They were parsed when they were summed up, so the path alone is looked at.
        buckets, relative = self._buckets, self._relative
        super()._lines([line for line in lines if zlib.crc32(relative(line.rpartition(b"\t")[2])) % _BUCKETS in buckets])

    def _file(self, path: bytes, size: int, time: int) -> None:
        self.entries[path] = (size, time)
