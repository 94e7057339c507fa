# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running processes, by tasklist and taskkill; their parents by PowerShell, because only WMI knows them."""

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
# The host itself compares the command lines, because they may contain secrets.
_TABLE = (
    "Get-CimInstance -ClassName Win32_Process | Where-Object ProcessId -ne $PID | ForEach-Object {{ '{{0}},{{1}},{{2}},{{3}}' -f "
    "$_.ProcessId, $_.ParentProcessId, $_.CreationDate.Ticks, ($_.CommandLine -like '*{text}*') }}"
)
_WRITTEN = (
    "Get-CimInstance -ClassName Win32_Process | Where-Object ProcessId -ne $PID | ForEach-Object { '{0},{1},{2},{3}' -f "
    "$_.ProcessId, $_.ParentProcessId, $_.WriteTransferCount, [regex]::Match($_.CommandLine, "
    r"'\\jobs\\([A-Za-z0-9._-]+)\\command\.cmd').Groups[1].Value }"
)
_WRITTEN_ROW = re.compile(r"(\d+),(\d+),(\d*),([A-Za-z0-9._-]*)")
_ROW = re.compile(r"(\d+),(\d+),(\d*),(True|False)")


@dataclass(frozen=True)
class ProcessInfo:
    """A process: the file name of its program, and its id."""

    image: str
    pid: int


def find(host: WindowsHost, image: str | None = None, pid: int | None = None) -> list[ProcessInfo]:
    """Return the processes with a file name of the program, with an id, or all."""
    argv = ["tasklist", "/fo", "csv", "/nh"]
    if image is not None:
        argv += ["/fi", f"imagename eq {image}"]
    if pid is not None:
        argv += ["/fi", f"pid eq {pid}"]
    result = host.run(argv, check=True, idempotent=True)
    # Where there are none, a translated sentence replaces the table.
    rows = [row for row in csv.reader(result.stdout.splitlines()) if len(row) >= 5 and row[1].isdigit()]
    return [ProcessInfo(row[0], int(row[1])) for row in rows]


def is_running(host: WindowsHost, pid: int) -> bool:
    """Whether a process with an id exists."""
    return bool(find(host, pid=pid))


def kill(host: WindowsHost, pid: int) -> bool:
    """Kill a process. False where it does not exist.

    Raises:
        HostError: It cannot be killed.
    """
    result = host.run(["taskkill", "/f", "/pid", str(pid)])
    if result.exit_code == GONE:
        return False
    if result.exit_code:
        said = " ".join((result.stderr or result.stdout).split())
        raise HostError(f"{host.where}: cannot kill the process {pid}: {said}", host.name, result.exit_code)
    return True


def kill_all(host: WindowsHost, pids: Iterable[int]) -> None:
    """Kill processes that still exist. The caller has to look again to see whether they have ended."""
    host.run(["taskkill", "/f", *(word for pid in pids for word in ("/pid", str(pid)))], idempotent=True)


def written_by_jobs(host: WindowsHost) -> dict[str, int]:
    """Return how many bytes the programs of each running job have written so far, by the id of the job.

    ``WriteTransferCount`` of a process: https://learn.microsoft.com/windows/win32/cimwin32prov/win32-process. It counts what the process
    itself transfers, so a copy that the storage makes by itself is not in it.

    Raises:
        HostError: The host cannot be asked.
    """
    argv = [POWERSHELL, "-NoProfile", "-NonInteractive", "-Command", _WRITTEN]
    result = host.run(argv, check=True, idempotent=True, timeout=120)
    rows = [match for match in map(_WRITTEN_ROW.fullmatch, result.stdout.splitlines()) if match]
    parents = {int(row[1]): int(row[2]) for row in rows}
    jobs = {int(row[1]): row[4] for row in rows if row[4]}
    written: dict[str, int] = {}
    for row in rows:
        pid = int(row[1])
        above = [pid]  # parents first would do as well, but ids are in no order
        while above[-1] in parents and parents[above[-1]] not in above and above[-1] not in jobs:
            above.append(parents[above[-1]])
        if above[-1] in jobs and above[-1] != pid:
            written[jobs[above[-1]]] = written.get(jobs[above[-1]], 0) + int(row[3] or 0)
    return written


@dataclass(frozen=True)
class _Process:
    pid: int
    parent: int
    started: int
    marked: bool


class Family:
    """The processes whose command line contains a text, and all their descendants.

    A process is identified by its parent's id and its own start, because ids are reused. So a process whose parent has ended is found too,
    if the family was looked at while the parent was running.

    Args:
        host: The host.
        text: Letters, digits and other characters of file names, without quotes and wildcards of ``-like``.
    """

    def __init__(self, host: WindowsHost, text: str) -> None:
        if not re.fullmatch(r"[\w .\\:-]+", text):
            raise InvalidValue(f"expected a text without quotes and wildcards to find in command lines but found {text!r}")
        self._host = host
        self._script = _TABLE.format(text=text)
        self._known: dict[int, int] = {}  # id: start

    def look(self) -> list[int]:
        """Return the ids of those that are running, parents first.

        Raises:
            HostError: They cannot be listed.
        """
        argv = [POWERSHELL, "-NoProfile", "-NonInteractive", "-Command", self._script]
        result = self._host.run(argv, check=True, idempotent=True, timeout=120)
        rows = [match for match in map(_ROW.fullmatch, result.stdout.splitlines()) if match]
        if not rows:
            raise HostError(f"{self._host.where}: expected PowerShell to list the processes, but it lists none.", self._host.name)
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
