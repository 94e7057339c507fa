# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""schtasks.exe: create, run, end, query, change, delete.

Switches: https://learn.microsoft.com/windows-server/administration/windows-commands/schtasks. Messages as on an English Windows.
"""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime, timedelta

from lab.core.filesystem import WinError
from lab.windows.process import Process
from lab.windows.task_xml import BadTask, parse, render
from lab.windows.tasks import TASK_DISABLED, Task

from ._base import SYSTEM32, unsupported

# Switch: whether a value follows.
SWITCHES = {
    "create": {"tn": 1, "xml": 1, "tr": 1, "ru": 1, "rp": 1, "sc": 1, "mo": 1, "st": 1, "rl": 1, "f": 0, "np": 0},
    "run": {"tn": 1, "i": 0},
    "end": {"tn": 1},
    "query": {"tn": 1, "xml": 2, "fo": 1, "nh": 0, "v": 0},
    "change": {"tn": 1, "enable": 0, "disable": 0},
    "delete": {"tn": 1, "f": 0},
}
BUILT_IN = {"system", "nt authority\\system", "s-1-5-18", "localsystem"}
SERVICES = {"nt authority\\network service", "network service", "nt authority\\local service", "local service"}
NEVER = "11/30/1999 12:00:00 AM"  # what schtasks shows as the last run of a task that has never run
COLUMNS = (
    "HostName",
    "TaskName",
    "Next Run Time",
    "Status",
    "Logon Mode",
    "Last Run Time",
    "Last Result",
    "Author",
    "Task To Run",
    "Start In",
    "Comment",
    "Scheduled Task State",
    "Idle Time",
    "Power Management",
    "Run As User",
    "Delete Task If Not Rescheduled",
    "Stop Task If Runs X Hours and X Mins",
    "Schedule",
    "Schedule Type",
    "Start Time",
    "Start Date",
    "End Date",
    "Days",
    "Months",
    "Repeat: Every",
    "Repeat: Until: Time",
    "Repeat: Until: Duration",
    "Repeat: Stop If Still Running",
)


class _Wrong(Exception):
    """A complaint that ends the command with 1."""


def schtasks(proc: Process) -> int:
    arguments = proc.argv[1:]
    verb = arguments[0][1:].lower() if arguments and arguments[0][:1] in "/-" else ""
    if verb not in SWITCHES:
        return unsupported(proc, " ".join(arguments[:1]) or "without a verb")
    options: dict[str, str] = {}
    place = 1
    while place < len(arguments):
        name = arguments[place][1:].lower()
        kind = SWITCHES[verb].get(name) if arguments[place][:1] in ("/", "-") else None
        if kind is None:
            return unsupported(proc, f"/{verb} {arguments[place]}")
        place += 1
        # kind 2: an optional value, as in "/xml one"
        if kind == 1 or (kind == 2 and place < len(arguments) and arguments[place][:1] != "/"):
            if place >= len(arguments):
                proc.error(f"ERROR: Invalid syntax. Value expected for '/{name}'.")
                proc.error(f'Type "SCHTASKS /{verb.upper()} /?" for usage.')
                return 1
            options[name] = arguments[place]
            place += 1
        else:
            options[name] = ""
    if "tn" not in options and verb != "query":
        proc.error("ERROR: Invalid syntax. /TN option is missing.")
        return 1
    try:
        return VERBS[verb](proc, options)
    except _Wrong as error:
        proc.error(f"ERROR: {error}")
        return 1
    except WinError as error:
        if error.code == 2:
            proc.error("ERROR: The system cannot find the file specified.")
        else:
            proc.error(f"ERROR: {error.text}")
        return 1


def _create(proc: Process, options: dict[str, str]) -> int:
    if "xml" in options:
        try:
            text = _decode(proc.host.fs.read(proc.full(options["xml"]), proc.logon))
            task = parse(options["tn"], text)
        except BadTask as error:
            raise _Wrong(f"The task XML is malformed.\r\n{error}") from error
    elif "tr" in options:
        if len(options["tr"]) > 261:
            raise _Wrong("Invalid syntax. Value for '/tr' option can not be more than 261 character(s).")
        task = _from_switches(proc, options)
    else:
        raise _Wrong("Invalid syntax. Mandatory option '/tr' is missing.")
    account = options.get("ru") or task.account
    task.account = _checked_account(proc, account, options)
    task.author = task.author or proc.logon.account
    task.xml = render(task) if not task.xml else task.xml
    # A service or network account other than an administrator could not; the lab's WinRM users are administrators.
    try:
        proc.host.tasks.create(task, replace="f" in options)
    except WinError as error:
        if error.code == 183:
            # Without /f it asks whether to replace it; the input is empty, so it does not.
            proc.print(f'WARNING: The task name "{options["tn"]}" already exists. Do you want to replace it (Y/N)? ')
            return 1
        raise
    proc.print(f'SUCCESS: The scheduled task "{options["tn"]}" has successfully been created.')
    return 0


def _decode(data: bytes) -> str:
    """The file's text. A declaration that names the other width is refused, as MSXML does ("unable to switch encoding")."""
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = data.decode("utf-16" if wide else "utf-8-sig")
    declared = re.match(r"\s*<\?xml[^>]*encoding=[\"']([^\"']+)", text)
    if declared and declared[1].upper().startswith("UTF-16") != wide:
        raise BadTask(f"(1,{declared.end() + 3})::ERROR: unable to switch the encoding")
    return text


def _from_switches(proc: Process, options: dict[str, str]) -> Task:
    schedule = options.get("sc", "").lower()
    every = int(options.get("mo", "1"))
    interval = {"once": None, "onstart": None, "minute": every * 60.0, "hourly": every * 3600.0, "daily": every * 86400.0}
    if schedule not in interval:
        raise _Wrong(f"lab: unsupported schtasks /sc {schedule!r}")
    if schedule == "once" and "st" not in options:
        raise _Wrong("Invalid syntax. Mandatory option '/st' is missing.")
    text = options["tr"]
    command, arguments = (text[1:].partition('"')[::2]) if text.startswith('"') else text.partition(" ")[::2]
    if command.startswith("'"):
        raise _Wrong(f"lab: unsupported schtasks /tr {text} on {proc.host.name}")
    return Task(options["tn"], command, arguments.strip(), "", interval=interval[schedule], at_boot=schedule == "onstart")


def _checked_account(proc: Process, account: str, options: dict[str, str]) -> str:
    network = proc.host.network
    if not account:
        account = proc.logon.account
    if account.lower() in BUILT_IN:
        return "SYSTEM"
    if account.lower() in SERVICES:
        return "NT AUTHORITY\\" + account.upper().removeprefix("NT AUTHORITY\\")
    if account.endswith("$"):
        # A group managed service account: the domain keeps its password, none is given.
        if not any(known.lower() == account.lower() for known in network.accounts):
            raise _Wrong("No mapping between account names and security IDs was done.")
        return account
    password = options.get("rp")
    if password == "*" or password is None:
        # *Assumed*: the prompt can be answered through standard input (the real one reads the console when there is one).
        proc.stdout.write(proc.console.encode(f"Please enter the run as password for {account}: "))
        password = proc.stdin.read_line()
        proc.print()
    if not network.password_is(account, password):
        raise _Wrong("The user name or password is incorrect.")
    return account


def _run(proc: Process, options: dict[str, str]) -> int:
    name = options["tn"]
    try:
        started = proc.host.tasks.run(name, by=proc.logon.account)
    except WinError as error:
        if error.code == TASK_DISABLED:
            raise _Wrong("The task is disabled.") from error
        proc.host.tasks.get(name)  # 2: no such task
        # The service accepts the request; that the program is missing shows in the last result only.
        started = None
    if started is None and proc.host.tasks.is_running(name):
        proc.print(f'INFO: scheduled task "{name}" is currently running.')
    proc.print(f'SUCCESS: Attempted to run the scheduled task "{name}".')
    return 0


def _end(proc: Process, options: dict[str, str]) -> int:
    name = options["tn"]
    if not proc.host.tasks.is_running(name):
        # Ending what does not run is a success too, with the same line (known of Windows Server 2016 and later, *assumed* of others).
        proc.print(f'SUCCESS: The scheduled task "{name}" has been terminated successfully.')
        return 0
    proc.host.tasks.end(name)
    proc.print(f'SUCCESS: The scheduled task "{name}" has been terminated successfully.')
    return 0


def _query(proc: Process, options: dict[str, str]) -> int:
    tasks = [proc.host.tasks.get(options["tn"])] if "tn" in options else proc.host.tasks.all()
    if "xml" in options:
        for task in tasks:
            proc.print(render(task))
        return 0
    form = options.get("fo", "table").lower()
    if form not in ("csv", "list", "table"):
        raise _Wrong(f"Invalid syntax. Value '{form}' is not allowed for '/fo' option.")
    if form == "table" and "v" in options:
        return unsupported(proc, "/query /fo table /v")
    wide = "v" in options
    names = COLUMNS if wide else COLUMNS[1:4]
    rows = [_row(proc, task) for task in tasks]
    rows = rows if wide else [row[1:4] for row in rows]
    if form == "csv":
        out = io.StringIO()
        writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
        if "nh" not in options:
            writer.writerow(names)
        writer.writerows(rows)
        proc.print(out.getvalue(), end="")
    elif form == "list":
        for row in rows:
            proc.print()
            for name, value in zip(names, row, strict=True):
                proc.print(f"{name + ':':<38}{value}" if wide else f"{name + ':':<15}{value}")
    else:
        proc.print()
        if "nh" not in options:
            proc.print("TaskName                                 Next Run Time          Status         ")
            proc.print("======================================== ====================== ===============")
        for name, following, status in rows:
            proc.print(f"{name.rpartition(chr(92))[2]:<40} {following:<22} {status:<15}")
    return 0


def _shown(when: datetime) -> str:
    return f"{when.month}/{when.day}/{when.year} {when:%I:%M:%S %p}".replace(" 0", " ")


def _row(proc: Process, task: Task) -> list[str]:
    clock = proc.host.clock
    runs = proc.host.tasks.is_running(task.name)
    status = "Running" if runs else "Ready" if task.enabled else "Disabled"
    following = "N/A"
    if task.next_run is not None:
        following = _shown(clock.epoch + timedelta(seconds=task.next_run))
    last = _shown(task.last_run) if task.last_run else NEVER
    signed = task.last_result - 2**32 if task.last_result >= 2**31 else task.last_result  # shown as a signed number
    repeat = f"{int(task.interval // 3600)} Hour(s), {int(task.interval % 3600 // 60)} Minute(s)" if task.interval else "N/A"
    return [
        proc.host.name.upper(),
        task.name,
        following,
        status,
        "Interactive/Background",
        last,
        str(signed),
        task.author or "N/A",
        f"{task.command} {task.arguments}".strip(),
        task.folder or "N/A",
        "N/A",
        "Enabled" if task.enabled else "Disabled",
        "Disabled",
        "",
        task.account,
        "Disabled",
        "72:00:00",
        "Scheduling data is not available in this format.",
        "At system start up" if task.at_boot else "One Time Only, Minute " if task.interval else "On demand only",
        "N/A",
        "N/A",
        "N/A",
        "N/A",
        "N/A",
        repeat,
        "None" if task.interval else "N/A",
        "Disabled" if task.interval else "N/A",
        "Disabled" if task.interval else "N/A",
    ]


def _change(proc: Process, options: dict[str, str]) -> int:
    if ("enable" in options) == ("disable" in options):
        return unsupported(proc, f"/change {options}")
    proc.host.tasks.enable(options["tn"], "enable" in options)
    proc.print(f'SUCCESS: The parameters of scheduled task "{options["tn"]}" have been changed.')
    return 0


def _delete(proc: Process, options: dict[str, str]) -> int:
    proc.host.tasks.get(options["tn"])
    if "f" not in options:
        proc.print(f'WARNING: Are you sure you want to remove the task "{options["tn"]}" (Y/N)? ')
        return 1
    proc.host.tasks.delete(options["tn"])
    proc.print(f'SUCCESS: The scheduled task "{options["tn"]}" was successfully deleted.')
    return 0


VERBS = {"create": _create, "run": _run, "end": _end, "query": _query, "change": _change, "delete": _delete}
COMMANDS = {f"{SYSTEM32}\\schtasks.exe": schtasks}
