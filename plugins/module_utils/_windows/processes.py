# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running processes, through tasklist and taskkill; who started whom, through PowerShell, since only WMI says it."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue

from .connection import SYSTEM32, WindowsHost
from .errors import HostError

GONE = 128
POWERSHELL = f"{SYSTEM32}WindowsPowerShell\\v1.0\\powershell.exe"
# Which command lines hold what is looked for is decided there: a command line may hold a secret.
_TABLE = (
    "Get-CimInstance -ClassName Win32_Process | Where-Object ProcessId -ne $PID | ForEach-Object {{ '{{0}},{{1}},{{2}},{{3}}' -f "
    "$_.ProcessId, $_.ParentProcessId, $_.CreationDate.Ticks, ($_.CommandLine -like '*{text}*') }}"
)
_ROW = re.compile(r"(\d+),(\d+),(\d*),(True|False)")


@dataclass(frozen=True)
class ProcessInfo:
    """A process: the name of its program's file and its id."""

    image: str
    pid: int


def find(host: WindowsHost, image: str | None = None, pid: int | None = None) -> list[ProcessInfo]:
    """The processes of that program's file name, or of that id, or all."""
    argv = ["tasklist", "/fo", "csv", "/nh"]
    if image is not None:
        argv += ["/fi", f"imagename eq {image}"]
    if pid is not None:
        argv += ["/fi", f"pid eq {pid}"]
    result = host.run(argv, check=True, idempotent=True)
    # Where nothing fits, a translated sentence stands there instead of the table.
    rows = [row for row in csv.reader(result.stdout.splitlines()) if len(row) >= 5 and row[1].isdigit()]
    return [ProcessInfo(row[0], int(row[1])) for row in rows]


def is_running(host: WindowsHost, pid: int) -> bool:
    """Whether there is a process with that id."""
    return bool(find(host, pid=pid))


def kill(host: WindowsHost, pid: int) -> bool:
    """End a process by force. False where there was none.

    Raises:
        HostError: It cannot be ended.
    """
    result = host.run(["taskkill", "/f", "/pid", str(pid)])
    if result.exit_code == GONE:
        return False
    if result.exit_code:
        said = " ".join((result.stderr or result.stdout).split())
        raise HostError(f"{host.where}: the process {pid} cannot be ended: {said}", host.name, result.exit_code)
    return True


def kill_all(host: WindowsHost, pids: Iterable[int]) -> None:
    """End processes by force; those that are gone are fine. Whether they end is seen by looking again."""
    host.run(["taskkill", "/f", *(word for pid in pids for word in ("/pid", str(pid)))], idempotent=True)


@dataclass(frozen=True)
class _Process:
    pid: int
    parent: int
    started: int
    marked: bool


class Family:
    """The processes whose command line holds a text, and all that descends from them.

    A process is told by its parent's number and its own start, since numbers are used again. So one whose parent has ended is told as well,
    if the family was looked at while that one lived.

    Args:
        text: Letters, digits and what file names have, but no quote and nothing that ``-like`` takes for more than itself.
    """

    def __init__(self, host: WindowsHost, text: str) -> None:
        if not re.fullmatch(r"[\w .\\:-]+", text):
            raise InvalidValue(f"{text!r} cannot be looked for in command lines")
        self._host = host
        self._script = _TABLE.format(text=text)
        self._known: dict[int, int] = {}  # number: start

    def look(self) -> list[int]:
        """The numbers of those that run now, parents first.

        Raises:
            HostError: They cannot be told.
        """
        argv = [POWERSHELL, "-NoProfile", "-NonInteractive", "-Command", self._script]
        result = self._host.run(argv, check=True, idempotent=True, timeout=120)
        rows = [match for match in map(_ROW.fullmatch, result.stdout.splitlines()) if match]
        if not rows:
            raise HostError(f"{self._host.where}: PowerShell lists no processes.", self._host.name)
        table = {int(row[1]): _Process(int(row[1]), int(row[2]), int(row[3] or 0), row[4] == "True") for row in rows}
        found: dict[int, None] = {}
        grows = True
        while grows:
            new = [one for one in table.values() if one.pid not in found and self._belongs(one, table)]
            self._known |= {one.pid: one.started for one in new}
            found |= dict.fromkeys(one.pid for one in new)
            grows = bool(new)
        return list(found)

    def _belongs(self, one: _Process, table: dict[int, _Process]) -> bool:
        if one.marked or self._known.get(one.pid) == one.started:
            return True
        if one.parent not in self._known:
            return False
        parent = table.get(one.parent)
        still_that = parent is None or parent.started == self._known[one.parent]
        return still_that and one.started >= self._known[one.parent]
