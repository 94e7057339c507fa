# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folder copies by robocopy: its arguments, exit codes and summary.

https://learn.microsoft.com/windows-server/administration/windows-commands/robocopy and, for the exit code,
https://learn.microsoft.com/troubleshoot/windows-server/backup-and-storage/return-codes-used-robocopy-utility
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue

COPIED, EXTRA, MISMATCHED, FAILED, FATAL = 1, 2, 4, 8, 16

# A row of the summary: a translated word, then total, copied, skipped, mismatched, failed, extra. /BYTES makes all of them plain numbers.
_ROW = re.compile(r"^\s*\S[^:]*:((?:\s+\d+){6})\s*$")
_ERROR = re.compile(r"\b(\d+) \(0x[0-9A-F]{8}\)")
# ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION: https://learn.microsoft.com/windows/win32/debug/system-error-codes--0-499-
_IN_USE = re.compile(r"\b(32 \(0x00000020\)|33 \(0x00000021\))")


@dataclass(frozen=True)
class Row:
    """One row of the summary."""

    total: int
    copied: int
    skipped: int
    mismatched: int
    failed: int
    extra: int


@dataclass(frozen=True)
class Summary:
    """The folders, files and bytes that a run found and copied."""

    folders: Row
    files: Row
    bytes: Row

    @property
    def is_same(self) -> bool:
        """Whether source and target hold the same files, after a run that only lists."""
        return all(row.copied == row.mismatched == row.failed == row.extra == 0 for row in (self.files, self.bytes)) and (
            self.folders.failed == self.folders.extra == self.folders.copied == 0
        )


def mirror(source: str, target: str, threads: int = 8, newer_than_days: int | None = None, coarse_times: bool = False) -> list[str]:
    """Return the arguments that mirror the source to the target; what exists only in the target is deleted.

    Data, attributes and times are copied. Rights are not: the target inherits those of its folder.

    Args:
        threads: Files copied at once, 1 to 128.
        newer_than_days: Leave out the files that were last written more days ago.
        coarse_times: Whether times are the same within two seconds, as a file system needs that keeps them no finer.

    Raises:
        InvalidValue: robocopy does not accept this number of threads.
    """
    if not 1 <= threads <= 128:
        raise InvalidValue(f"expected 1 to 128 threads, as robocopy accepts, but found {threads}")
    return [*_both(source, target, newer_than_days, coarse_times), f"/mt:{threads}", "/r:3", "/w:2"]


def compare(source: str, target: str, newer_than_days: int | None = None, coarse_times: bool = False) -> list[str]:
    """Return the arguments that only list what a mirror would do."""
    return [*_both(source, target, newer_than_days, coarse_times), "/l", "/r:0", "/w:0"]


def list_files(path: str, missing: str, file: str) -> list[str]:
    """Return the arguments that write a list of all files below a folder, with size, time and path, to a file in UTF-16.

    Args:
        path: The folder.
        missing: A folder that does not exist, so that every file is listed as one to copy.
        file: The file to write.
    """
    how = ["/e", "/l", "/xj", "/r:0", "/w:0", "/bytes", "/ts", "/fp", "/nc", "/ndl", "/np", "/njh", "/njs"]
    return ["robocopy", *_paths(path, missing), *how, f"/unilog:{file}"]


def _both(source: str, target: str, newer_than_days: int | None, coarse_times: bool) -> list[str]:
    # Numbers below 1900 are days (robocopy /?).
    young = [f"/maxage:{newer_than_days}"] if newer_than_days else []
    within = ["/fft"] if coarse_times else []
    # Junctions (/xj) could lead anywhere, even into the source itself.
    return [
        "robocopy",
        *_paths(source, target),
        "/mir",
        "/copy:dat",
        "/dcopy:t",
        "/xj",
        *young,
        *within,
        "/np",
        "/nfl",
        "/ndl",
        "/njh",
        "/bytes",
    ]


def _paths(*paths: str) -> list[str]:
    # A backslash before the closing quote would escape it.
    return [path.rstrip("\\") if len(path.rstrip("\\")) > 2 else path.rstrip("\\") + "\\." for path in paths]


def summaries(text: str) -> list[Summary]:
    """Parse the summaries of one or several runs by the order of their rows: folders, files, bytes."""
    found = []
    rows: list[Row] = []
    for line in text.splitlines():
        match = _ROW.match(line)
        if not match:
            continue
        rows.append(Row(*(int(number) for number in match[1].split())))
        if len(rows) == 3:
            found.append(Summary(*rows))
            rows = []
    return found


def is_success(code: int) -> bool:
    """Whether everything was copied: below 8, the bits say what was done and not what failed."""
    return 0 <= code < FAILED


def meaning(code: int) -> str:
    """Return an exit code with its meaning."""
    if code & FATAL:
        return f"{code}: it could not begin (a path is missing or not readable)"
    if code & FAILED:
        return f"{code}: some files could not be copied"
    words = [text for bit, text in ((COPIED, "files copied"), (EXTRA, "extra files found"), (MISMATCHED, "mismatched files")) if code & bit]
    return f"{code}: {', '.join(words) or 'nothing to do'}"


def errors(text: str, count: int = 5) -> list[str]:
    """Return the lines with a Windows error, such as ``ERROR 5 (0x00000005) Copying File ...``, each with its explanation."""
    lines = [line.strip() for line in text.splitlines()]
    found = []
    for number, line in enumerate(lines):
        if _ERROR.search(line):
            following = lines[number + 1] if number + 1 < len(lines) else ""
            found.append(f"{line} {following}".strip())
    return list(dict.fromkeys(found))[-count:]


def in_use(text: str) -> bool:
    """Whether a run found a file that another program has open."""
    return bool(_IN_USE.search(text))
