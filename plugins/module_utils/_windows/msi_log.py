# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the verbose log of an installation that runs says: which of its actions is carried out, of how many, and how much of its files is done.

An installation goes through its actions twice (https://learn.microsoft.com/windows/win32/msi/installation-mechanism). First each one adds to a
script (``Doing action: InstallFiles``), which takes no time. Then the script is carried out, within InstallExecute or InstallFinalize
(``Running Script: …``): that is where the time goes, and where the action that ``Doing action`` has named last says nothing. The script says itself which
action it is at, and how much there is to do (``Executing op: ActionStart(Name=InstallFiles,…)``,
``Executing op: ProgressTotal(Total=481124011,Type=0,ByteEquivalent=1)`` in bytes or, with ``Type=1``, in operations). Such logs:
https://github.com/microsoft/WSL/issues/10906, https://github.com/PowerShell/Win32-OpenSSH/issues/1923 and
https://github.com/klinix5/InstallerFileTakeOver/issues/2. How much the actions after it will have to do, no log says, so that there is no percentage of
the whole.

These are lines of the engine, which are English on any Windows; ``Action start 21:04:05: InstallFiles.`` is translated, and not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .connection import SYSTEM32, WindowsHost
from .quoting import builtin, word

_LITERALS = (
    "]: Doing action: ",
    "]: Running Script: ",
    "]: Executing op: ActionStart(",
    "]: Executing op: ProgressTotal(",
    "]: Executing op: FileCopy",
    "]: Executing op: FileRemove(",
)
_DOING = re.compile(r"\]: Doing action: (\S+)\s*$")
_SCRIPT = "]: Running Script: "
_STARTED = re.compile(r"\]: Executing op: ActionStart\(Name=([^,)]+)[,)]")
_TOTAL = re.compile(r"\]: Executing op: ProgressTotal\(Total=(\d+),Type=([01]),")
_COPY = re.compile(r"\]: Executing op: FileCopy\w*\(.*\bFileSize=(\d+)[,)]")  # FileCopySDDL too
_REMOVE = "]: Executing op: FileRemove("
_BYTES, _OPERATIONS = "0", "1"
_FIRST, _EXECUTE, _LAST = "InstallInitialize", "InstallExecute", "InstallFinalize"
_REPLACE = "RemoveExistingProducts"


@dataclass(frozen=True)
class Doing:
    """What an installation is doing.

    Attributes:
        action: The action, as the package's sequence names it.
        number: Which of the actions of the script it is; None while no script is carried out, or one whose beginning was not seen.
        of: How many there are.
        percent: How much of its files is copied or removed; None where that is not what it does.
    """

    action: str
    number: int | None = None
    of: int | None = None
    percent: float | None = None


def look(host: WindowsHost, log: str, known: Sequence[str]) -> list[str]:
    """Return the telling lines of a log, of which only those after the known ones come from the host.

    The log is UTF-16 and may have many megabytes: type converts it, findstr selects, more leaves out. With several literals findstr finds all of
    them only without regard to case (https://stackoverflow.com/a/8844873).

    Args:
        host: The host.
        log: The path of the log there.
        known: What the last look has returned; empty for the first one.

    Raises:
        HostError: The host cannot be asked.
    """
    literals = " ".join(f"/c:{word(text)}" for text in _LITERALS)
    skip = max(0, len(known) - 1)
    line = f"{builtin('type', log)} 2>nul | {SYSTEM32}findstr.exe /i /l {literals} | {SYSTEM32}more.com +{skip}"
    result = host.run_cmd(line, idempotent=True, timeout=30)
    return joined(known, [text for text in result.stdout.splitlines() if text.strip()])


def joined(known: Sequence[str], lines: list[str]) -> list[str]:
    """Return all lines, where ``lines`` begins with the last known one, which may have been cut off; none where the log was begun anew."""
    if not known:
        return lines
    if not lines or not lines[0].startswith(known[-1].rstrip()):
        return []
    return [*known[:-1], *lines]


def read(lines: Iterable[str]) -> Doing | None:
    """Return what an installation is doing; None where its log does not tell, or not yet.

    Args:
        lines: The telling lines of its log, or all of them. The last one may be cut off.
    """
    reader = _Reader()
    for line in lines:
        reader.take(line)
    return reader.doing()


class _Reader:
    """Where a log is."""

    def __init__(self) -> None:
        self._action = ""
        self._planned: list[str] | None = None  # the actions of the script; None where its beginning was not seen
        self._outer: list[str] | None = None  # those of the installation, while the version that it replaces is removed
        self._running = False
        self._total = 0
        self._kind = ""
        self._done = self._begun = 0

    def take(self, line: str) -> None:
        if found := _DOING.search(line):
            self._do(found[1])
        elif _SCRIPT in line:
            self._running = True
        elif found := _STARTED.search(line):
            self._start(found[1])
        elif found := _TOTAL.search(line):
            self._total, self._kind, self._done, self._begun = int(found[1]), found[2], 0, 0
        elif self._kind == _BYTES and (found := _COPY.search(line)):
            self._begin(int(found[1]))
        elif self._kind == _OPERATIONS and _REMOVE in line:
            self._begin(1)

    def _do(self, action: str) -> None:
        if self._running and self._planned and self._planned[-1] == _LAST:
            self._planned, self._outer = self._outer, None  # the removal of the replaced version is over, an installation of its own
        if action == _FIRST:
            before = self._planned or []
            self._outer = before[: before.index(_REPLACE) + 1] if _REPLACE in before else None
            self._planned = []
        elif self._planned is not None:
            self._planned.append(action)
        self._running = False
        self._start(action)

    def _start(self, action: str) -> None:
        self._action, self._total, self._kind, self._done, self._begun = action, 0, "", 0, 0

    def _begin(self, size: int) -> None:
        self._done, self._begun = self._done + self._begun, size  # what has begun is not done

    def doing(self) -> Doing | None:
        if not self._action:
            return None
        script = [name for name in self._planned or [] if name not in (_EXECUTE, _LAST)]
        if not self._running:
            return Doing(self._action)
        percent = min(99.0, 100 * self._done / self._total) if self._total and (self._done or self._begun) else None
        if self._action not in script:
            return Doing(self._action, percent=percent)
        return Doing(self._action, script.index(self._action) + 1, len(script), percent)
