# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""The content of a job's folder: the command file, the definition of the task, and how their results are read.

``C:\ProgramData\octopus.upgrade\jobs\ID`` holds ``command.cmd``, ``task.xml``, ``started``, ``output.txt``, and at the end ``exit.code``,
which is written under another name first, so that it is either complete or missing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Union
from xml.sax.saxutils import escape

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue

from .connection import CMD, SYSTEM32
from .quoting import batch_line, batch_word, word
from .scheduled_tasks import NEVER_RUN, QUEUED, RUNNING, last_result

SYSTEM_SID = "S-1-5-18"
ICACLS = f"{SYSTEM32}icacls.exe"
ADMINISTRATORS_SID = "S-1-5-32-544"
MARK = "--octopus.upgrade--"
# A command of a job: an argument vector, or a line for a command file, made by quoting.py.
Command = Union[Sequence[str], str]  # noqa: UP007 - pylint mistakes "|" for an operation here

_SYSTEM = {"system", "nt authority\\system", "localsystem", "s-1-5-18"}
_NO_PASSWORD = {"nt authority\\network service", "network service", "nt authority\\local service", "local service"}


@dataclass(frozen=True)
class RunAs:
    """The account of a job. Only SYSTEM, a service account of Windows and a gMSA (``DOMAIN\\name$``) need no password."""

    account: str = "SYSTEM"
    password: str | None = field(default=None, repr=False)

    @property
    def is_system(self) -> bool:
        return self.account.lower() in _SYSTEM

    @property
    def needs_password(self) -> bool:
        return not (self.is_system or self.account.lower() in _NO_PASSWORD or self.account.endswith("$"))

    @property
    def task_account(self) -> str:
        """The account as the task scheduler takes it."""
        return "SYSTEM" if self.is_system else self.account


@dataclass(frozen=True)
class JobState:
    """The state of a job.

    Attributes:
        status: absent, created (never ran), running, finished, or lost (ended without an exit code, because the host was restarted or
            somebody ended it).
        exit_codes: Those of its commands.
        output_tail: The last lines of their output.
    """

    status: str
    exit_codes: tuple[int, ...] = ()
    output_tail: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int | None:
        """The first exit code other than 0, else 0; None while there is none."""
        if not self.exit_codes:
            return None
        return next((code for code in self.exit_codes if code), 0)


def command_file(folder: str, commands: Sequence[Command]) -> str:
    """Return the command file, which runs all commands one after the other, whatever their exit codes, and records these.

    Raises:
        InvalidValue: A command cannot be passed safely, or there is none.
    """
    if not commands:
        raise InvalidValue("a job needs at least one command")

    def path(name: str) -> str:
        return batch_word(f"{folder}\\{name}")

    lines = [
        "@echo off",
        # A second start finds the work done.
        f"if exist {path('exit.code')} exit /b 0",
        # Programs then print UTF-8, and cmd.exe reads this file as UTF-8.
        "chcp 65001 >nul",
        f"(echo started)>{path('started')}",
    ]
    for number, command in enumerate(commands):
        text = command if isinstance(command, str) else batch_line(command)
        # Some built-in commands keep the error level of the previous command; ver resets it.
        lines.append("ver >nul")
        lines.append(f"{text} {'>' if number == 0 else '>>'}{path('output.txt')} 2>&1 <nul")
        lines.append(f"set octopus_code{number}=%ERRORLEVEL%")
    codes = " ".join(f"%octopus_code{number}%" for number in range(len(commands)))
    lines += [f"(echo {codes})>{path('exit.tmp')}", f"move /y {path('exit.tmp')} {path('exit.code')} >nul"]
    return "\r\n".join(lines) + "\r\n"


def task_xml(folder: str, run_as: RunAs, description: str, triggers: str = "<Triggers />") -> str:
    r"""Return the definition of the task: by default no trigger, no time limit, never twice at once, normal priority.

    The default priority of the scheduler is below normal, for the disk too. The text is plain ASCII and declares no encoding: schtasks
    accepts a file in any encoding, but refuses one whose declaration differs ("unable to switch encoding").
    """
    if run_as.is_system:
        principal = f"<UserId>{SYSTEM_SID}</UserId><RunLevel>HighestAvailable</RunLevel>"
    else:
        principal = f"<UserId>{escape(run_as.account)}</UserId><LogonType>Password</LogonType><RunLevel>HighestAvailable</RunLevel>"
    arguments = f'/d /s /c "{word(folder + chr(92) + "command.cmd")}"'
    text = f"""<?xml version="1.0"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Author>octopus.upgrade</Author>
    <Description>{escape(description)}</Description>
  </RegistrationInfo>
  {triggers}
  <Principals>
    <Principal id="Author">{principal}</Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <AllowHardTerminate>true</AllowHardTerminate>
    <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>
    <AllowStartOnDemand>true</AllowStartOnDemand>
    <Enabled>true</Enabled>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>4</Priority>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{CMD}</Command>
      <Arguments>{escape(arguments)}</Arguments>
    </Exec>
  </Actions>
</Task>
"""
    return text.replace("\n", "\r\n").encode("ascii", "xmlcharrefreplace").decode("ascii")


def prepare_line(root: str, folder: str, run_as: RunAs) -> str:
    """Return the cmd line that creates the job's folder, with rights for administrators and the job's account, and the command file.

    ProgramData lets every user create folders and files, and whoever could write to the command file would run commands as SYSTEM. Exit
    code 100 means that the folder exists already.
    """
    steps = [protect_line(root), f"(if exist {word(folder + chr(92))} (exit /b 100) else mkdir {word(folder)})"]
    if not run_as.is_system:
        steps.append(f"{ICACLS} {word(folder)} /grant {word(run_as.account + ':(OI)(CI)M')} /q >nul")
    steps.append(write_line(f"{folder}\\command.cmd"))
    return " && ".join(steps)


def protect_line(root: str) -> str:
    """Return the cmd line that creates the collection's folder, with rights for SYSTEM and administrators only."""
    rights = f'"*{SYSTEM_SID}:(OI)(CI)F" "*{ADMINISTRATORS_SID}:(OI)(CI)F"'
    return f"(mkdir {word(root)} 2>nul & {ICACLS} {word(root)} /inheritance:r /grant:r {rights} /q >nul)"


def write_line(path: str) -> str:
    """Return the cmd line that writes standard input to a file."""
    return f'{SYSTEM32}findstr.exe "^" >{word(path)}'


def poll_line(task: str, folder: str, read: str) -> str:
    """Return the cmd line that prints everything about a job: exit codes, whether it started, output, the last result of the task.

    Args:
        task: Name of the task.
        folder: Folder of the job.
        read: The line that prints the output.
    """
    query = f"{SYSTEM32}schtasks.exe /query /tn {word(task)} /fo csv /nh /v"
    parts = (f"type {word(folder + chr(92) + 'exit.code')} 2>nul", f"type {word(folder + chr(92) + 'started')} 2>nul", f"{read} 2>nul")
    return f" & echo {MARK}& ".join((*parts, f"{query} 2>nul"))


@dataclass(frozen=True)
class Polled:
    """The result of a poll."""

    status: str
    exit_codes: tuple[int, ...]
    output: str


def read_poll(text: str) -> Polled | None:
    """Parse the output of the poll line; None where a part is missing."""
    # The output in the middle may contain anything, even the mark.
    first = text.split(MARK, 2)
    if len(first) != 3 or MARK not in first[2]:
        return None
    codes, started, rest = first
    output, _mark, query = rest.rpartition(MARK)
    output = output[output.index("\n") + 1 :] if "\n" in output else ""
    found = re.findall(r"-?\d+", codes)
    if found:
        return Polled("finished", tuple(int(code) for code in found), output)
    return Polled(status_of(last_result(query), "started" in started), (), output)


def status_of(result: int | None, started: bool) -> str:
    """Return the status of a job without an exit code.

    Args:
        result: The last result of its task; None where it has no task.
        started: Whether its commands have begun.
    """
    if result in (RUNNING, QUEUED):
        return "running"
    if result is None:
        return "lost" if started else "absent"
    return "created" if result == NEVER_RUN and not started else "lost"
