# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scheduled tasks through schtasks.exe: read from XML and from a column by its place, never from translated words.

https://learn.microsoft.com/windows-server/administration/windows-commands/schtasks,
https://learn.microsoft.com/windows/win32/taskschd/task-scheduler-schema and, for the numbers,
https://learn.microsoft.com/windows/win32/taskschd/task-scheduler-error-and-success-constants
"""

from __future__ import annotations

import csv
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from .connection import CommandResult, WindowsHost
from .errors import HostError

RUNNING, NEVER_RUN, QUEUED = 0x41301, 0x41303, 0x41325
# The place of "Last Result" among the columns of /query /fo csv /v.
LAST_RESULT = 6

_NAMESPACE = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
_DURATION = re.compile(r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?\Z")


@dataclass(frozen=True)
class ScheduledTask:
    """A task's definition. ``interval_minutes`` is that of its first repeating trigger."""

    name: str
    enabled: bool
    command: str
    arguments: str
    interval_minutes: float | None
    xml: str


def names(host: WindowsHost) -> list[str]:
    r"""The full names (``\folder\name``) of all tasks."""
    result = host.run(["schtasks", "/query", "/fo", "csv", "/nh"], check=True, idempotent=True)
    rows = csv.reader(result.stdout.splitlines())
    # A task with several triggers has several rows.
    return list(dict.fromkeys(row[0] for row in rows if row and row[0].startswith("\\")))


def get(host: WindowsHost, name: str) -> ScheduledTask | None:
    """A task's definition; None where there is none (or it is kept from this account)."""
    result = host.run(["schtasks", "/query", "/tn", name, "/xml"], idempotent=True)
    return None if result.exit_code else parse(name, result.stdout, host)


def parse(name: str, xml: str, host: WindowsHost) -> ScheduledTask:
    """A task from what ``/query /xml`` prints.

    Raises:
        HostError: It is no task XML.
    """
    # It says UTF-16 of itself, and came as UTF-8.
    text = re.sub(r"^\s*<\?xml[^>]*\?>\s*", "", xml.lstrip("\ufeff"))
    try:
        root = ET.fromstring(text)  # noqa: S314 - from the host's own task scheduler, without a DTD
    except ET.ParseError as error:
        raise HostError(f"{host.where}: the definition of the task {name} cannot be read: {error}", host.name) from error
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
    """The minutes of an XML duration such as ``PT5M``; None where it is none."""
    match = _DURATION.match(duration.strip())
    if not match:
        return None
    days, hours, mins, seconds = (int(match[part] or 0) for part in ("days", "hours", "minutes", "seconds"))
    return days * 1440 + hours * 60 + mins + seconds / 60


def last_result(text: str) -> int | None:
    """The "Last Result" in what ``/query /fo csv /nh /v`` prints: a state's number or the exit code, signed. None without a row."""
    for row in csv.reader(text.splitlines()):
        if len(row) > LAST_RESULT and re.fullmatch(r"-?\d+", row[LAST_RESULT]):
            return int(row[LAST_RESULT])
    return None


def is_running(host: WindowsHost, name: str) -> bool:
    """Whether the task runs now; a task that is gone does not."""
    result = host.run(["schtasks", "/query", "/tn", name, "/fo", "csv", "/nh", "/v"], idempotent=True)
    return not result.exit_code and last_result(result.stdout) == RUNNING


def set_enabled(host: WindowsHost, name: str, enabled: bool) -> None:
    """Let the task's triggers work, or not. A run that is under way goes on."""
    result = host.run(["schtasks", "/change", "/tn", name, "/enable" if enabled else "/disable"], idempotent=True)
    _good(host, result, f"change the task {name}")


def run(host: WindowsHost, name: str) -> None:
    """Start the task now."""
    _good(host, host.run(["schtasks", "/run", "/tn", name]), f"run the task {name}")


def end(host: WindowsHost, name: str) -> None:
    """End what the task started."""
    _good(host, host.run(["schtasks", "/end", "/tn", name], idempotent=True), f"end the task {name}")


def delete(host: WindowsHost, name: str) -> None:
    """Delete the task."""
    _good(host, host.run(["schtasks", "/delete", "/tn", name, "/f"]), f"delete the task {name}")


def _good(host: WindowsHost, result: CommandResult, wanted: str) -> None:
    if result.exit_code:
        said = " ".join((result.stderr or result.stdout).split())
        raise HostError(f"{host.where}: could not {wanted}: {said or result.exit_code}", host.name, result.exit_code)
