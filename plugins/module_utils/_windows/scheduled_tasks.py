# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scheduled tasks by schtasks.exe, read from XML and from a column by its index, never from translated words.

https://learn.microsoft.com/windows-server/administration/windows-commands/schtasks,
https://learn.microsoft.com/windows/win32/taskschd/task-scheduler-schema and, for the numbers,
https://learn.microsoft.com/windows/win32/taskschd/task-scheduler-error-and-success-constants
"""

from __future__ import annotations

import csv
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from . import fence
from .connection import CommandResult, WindowsHost
from .errors import HostError

RUNNING, NEVER_RUN, QUEUED = 0x41301, 0x41303, 0x41325
# The index of "Last Result" among the columns of /query /fo csv /v.
LAST_RESULT = 6

_NAMESPACE = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
_DURATION = re.compile(r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?\Z")


@dataclass(frozen=True)
class ScheduledTask:
    """The definition of a task. ``interval_minutes`` is that of its first repeating trigger."""

    name: str
    enabled: bool
    command: str
    arguments: str
    interval_minutes: float | None
    xml: str


def names(host: WindowsHost) -> list[str]:
    r"""Return the full names (``\folder\name``) of all tasks."""
    result = host.run(["schtasks", "/query", "/fo", "csv", "/nh"], check=True, idempotent=True)
    rows = csv.reader(result.stdout.splitlines())
    # A task with several triggers has several rows.
    return list(dict.fromkeys(row[0] for row in rows if row and row[0].startswith("\\")))


def get(host: WindowsHost, name: str) -> ScheduledTask | None:
    """Return the definition of a task; None where it does not exist or this account must not see it."""
    result = host.run(["schtasks", "/query", "/tn", name, "/xml"], idempotent=True)
    return None if result.exit_code else parse(name, result.stdout, host)


def parse(name: str, xml: str, host: WindowsHost) -> ScheduledTask:
    """Parse the output of ``/query /xml``.

    Raises:
        HostError: It is not the XML of a task.
    """
    # It declares UTF-16 but arrives as UTF-8.
    text = re.sub(r"^\s*<\?xml[^>]*\?>\s*", "", xml.lstrip("\ufeff"))
    try:
        root = ET.fromstring(text)  # noqa: S314 - from the host's own task scheduler, without a DTD
    except ET.ParseError as error:
        raise HostError(f"{host.where}: cannot read the definition of the task {name}: {error}", host.name) from error
    interval = root.findtext(f".//{_NAMESPACE}Triggers//{_NAMESPACE}Repetition/{_NAMESPACE}Interval")
    enabled = root.findtext(f"./{_NAMESPACE}Settings/{_NAMESPACE}Enabled")
    return ScheduledTask(
        name,
        enabled is None or enabled.strip().lower() == "true",
        (root.findtext(f".//{_NAMESPACE}Exec/{_NAMESPACE}Command") or "").strip(),
        (root.findtext(f".//{_NAMESPACE}Exec/{_NAMESPACE}Arguments") or "").strip(),
        minutes(interval) if interval else None,
        text,
    )


def minutes(duration: str) -> float | None:
    """Return the minutes of an XML duration such as ``PT5M``; None where it is not one."""
    match = _DURATION.match(duration.strip())
    if not match:
        return None
    days, hours, mins, seconds = (int(match[part] or 0) for part in ("days", "hours", "minutes", "seconds"))
    return days * 1440 + hours * 60 + mins + seconds / 60


def last_result(text: str) -> int | None:
    """Parse the "Last Result" in the output of ``/query /fo csv /nh /v``, a state or the signed exit code; None without a row."""
    for row in csv.reader(text.splitlines()):
        if len(row) > LAST_RESULT and re.fullmatch(r"-?\d+", row[LAST_RESULT]):
            return int(row[LAST_RESULT])
    return None


def is_running(host: WindowsHost, name: str) -> bool:
    """Whether the task exists and is running."""
    result = host.run(["schtasks", "/query", "/tn", name, "/fo", "csv", "/nh", "/v"], idempotent=True)
    return not result.exit_code and last_result(result.stdout) == RUNNING


def set_enabled(host: WindowsHost, name: str, enabled: bool) -> None:
    """Enable or disable the triggers of a task. A run in progress continues."""
    result = fence.run(host, "schtasks", "/change", "/tn", name, "/enable" if enabled else "/disable")
    _check(host, result, f"change the task {name}")


def run(host: WindowsHost, name: str) -> None:
    """Start a task now."""
    _check(host, host.run(["schtasks", "/run", "/tn", name]), f"run the task {name}")


def end(host: WindowsHost, name: str) -> None:
    """End a running task."""
    _check(host, host.run(["schtasks", "/end", "/tn", name], idempotent=True), f"end the task {name}")


def delete(host: WindowsHost, name: str) -> None:
    """Delete a task."""
    _check(host, host.run(["schtasks", "/delete", "/tn", name, "/f"]), f"delete the task {name}")


def _check(host: WindowsHost, result: CommandResult, action: str) -> None:
    if result.exit_code:
        said = " ".join((result.stderr or result.stdout).split())
        raise HostError(f"{host.where}: cannot {action}: {said or result.exit_code}", host.name, result.exit_code)
