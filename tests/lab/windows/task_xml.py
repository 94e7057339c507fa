# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Task definitions as XML (https://learn.microsoft.com/windows/win32/taskschd/task-scheduler-schema)."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from .tasks import Task

NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"
# What the lab understands; anything else would be ignored silently, so it is refused.
KNOWN = {
    "Task": {"RegistrationInfo", "Triggers", "Principals", "Settings", "Actions"},
    "RegistrationInfo": {"Author", "Description", "Date", "URI", "Source", "Version", "SecurityDescriptor", "Documentation"},
    "Triggers": {"TimeTrigger", "BootTrigger", "CalendarTrigger", "RegistrationTrigger"},
    "TimeTrigger": {"Repetition", "StartBoundary", "EndBoundary", "Enabled"},
    "CalendarTrigger": {"Repetition", "StartBoundary", "Enabled", "ScheduleByDay"},
    "BootTrigger": {"Enabled", "Delay"},
    "Repetition": {"Interval", "Duration", "StopAtDurationEnd"},
    "Principals": {"Principal"},
    "Principal": {"UserId", "LogonType", "RunLevel", "GroupId"},
    "Settings": {
        "Enabled",
        "MultipleInstancesPolicy",
        "DisallowStartIfOnBatteries",
        "StopIfGoingOnBatteries",
        "AllowHardTerminate",
        "StartWhenAvailable",
        "RunOnlyIfNetworkAvailable",
        "IdleSettings",
        "AllowStartOnDemand",
        "Hidden",
        "RunOnlyIfIdle",
        "WakeToRun",
        "ExecutionTimeLimit",
        "Priority",
        "DeleteExpiredTaskAfter",
        "UseUnifiedSchedulingEngine",
        "DisallowStartOnRemoteAppSession",
        "RestartOnFailure",
    },
    "Actions": {"Exec"},
    "Exec": {"Command", "Arguments", "WorkingDirectory"},
}


class BadTask(Exception):
    """Not a task definition, or one that the lab does not understand."""


def seconds(duration: str) -> float:
    """An xs:duration such as ``PT5M``.

    Raises:
        BadTask: It is none.
    """
    match = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", duration)
    if not match or not any(match.groups()):
        raise BadTask(f"(Duration) incorrectly formatted: {duration}")
    days, hours, minutes, rest = (int(group or 0) for group in match.groups())
    return float(days * 86400 + hours * 3600 + minutes * 60 + rest)


def parse(name: str, text: str) -> Task:
    """
    Raises:
        BadTask: Malformed, or with an element that the lab does not understand.
    """
    try:
        # Windows takes the text in whatever encoding it is, and asks nothing of the declaration.
        root = ET.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))
    except ET.ParseError as error:
        raise BadTask(f"(1,1):: {error}") from error
    if root.tag != f"{{{NAMESPACE}}}Task":
        raise BadTask(f"(2,2):Task: unexpected node {root.tag}")
    _refuse_unknown(root)
    actions = root.findall(_path("Actions/Exec"))
    if len(actions) != 1:
        raise BadTask(f"lab: unsupported task with {len(actions)} Exec actions")
    command = _text(root, "Actions/Exec/Command")
    if not command:
        raise BadTask("(Command) missing")
    task = Task(name, command, _text(root, "Actions/Exec/Arguments"), xml=text)
    task.folder = _text(root, "Actions/Exec/WorkingDirectory")
    task.account = _text(root, "Principals/Principal/UserId")
    task.author = _text(root, "RegistrationInfo/Author")
    task.enabled = _text(root, "Settings/Enabled", "true").lower() == "true"
    task.parallel = _text(root, "Settings/MultipleInstancesPolicy", "IgnoreNew") == "Parallel"
    # The schema's default is three days (PT72H); PT0S means without limit.
    task.time_limit = seconds(_text(root, "Settings/ExecutionTimeLimit", "PT72H")) or None
    for trigger in ("TimeTrigger", "CalendarTrigger"):
        interval = _text(root, f"Triggers/{trigger}/Repetition/Interval")
        if interval and _text(root, f"Triggers/{trigger}/Enabled", "true").lower() == "true":
            task.interval = seconds(interval)
    boot = root.find(_path("Triggers/BootTrigger"))
    task.at_boot = boot is not None
    return task


def render(task: Task) -> str:
    """The definition as ``schtasks /query /xml`` shows it."""
    if task.xml:
        root = ET.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", task.xml))
    else:
        root = ET.Element(_path("Task"), version="1.2")
        ET.SubElement(ET.SubElement(root, _path("RegistrationInfo")), _path("Author")).text = task.author
        triggers = ET.SubElement(root, _path("Triggers"))
        if task.interval is not None:
            repetition = ET.SubElement(ET.SubElement(triggers, _path("TimeTrigger")), _path("Repetition"))
            ET.SubElement(repetition, _path("Interval")).text = f"PT{int(task.interval // 60)}M"
        if task.at_boot:
            ET.SubElement(triggers, _path("BootTrigger"))
        execute = ET.SubElement(ET.SubElement(root, _path("Actions")), _path("Exec"))
        ET.SubElement(execute, _path("Command")).text = task.command
        if task.arguments:
            ET.SubElement(execute, _path("Arguments")).text = task.arguments
    _set(root, "Principals/Principal/UserId", "S-1-5-18" if task.account == "SYSTEM" else task.account)
    _set(root, "Settings/Enabled", "true" if task.enabled else "false")
    ET.register_namespace("", NAMESPACE)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-16"?>\n' + ET.tostring(root, encoding="unicode")


def _path(path: str) -> str:
    return "/".join(f"{{{NAMESPACE}}}{part}" for part in path.split("/"))


def _text(root: ET.Element, path: str, default: str = "") -> str:
    found = root.find(_path(path))
    return (found.text or "").strip() if found is not None else default


def _set(root: ET.Element, path: str, text: str) -> None:
    node = root
    for part in path.split("/"):
        below = node.find(_path(part))
        if below is None:
            # The schema fixes an order: what is added stands before the actions.
            below = ET.Element(_path(part))
            last = len(node) - 1 if node is root and len(node) else len(node)
            node.insert(last, below)
        node = below
    node.text = text


def _refuse_unknown(element: ET.Element) -> None:
    name = element.tag.rpartition("}")[2]
    known = KNOWN.get(name)
    if known is None:
        return
    for child in element:
        below = child.tag.rpartition("}")[2]
        if below not in known:
            raise BadTask(f"unexpected node {name}/{below} (or the lab does not know it)")
        _refuse_unknown(child)
