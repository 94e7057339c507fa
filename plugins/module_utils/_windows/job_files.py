# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""What a job's folder holds: the command file, the task's definition, and what is read back of both.

``C:\ProgramData\octopus.upgrade\jobs\ID``: ``command.cmd``, ``task.xml``, ``started``, ``output.txt``, and at the end ``exit.code``, which
is written under another name first, so that it is there whole or not at all.
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
# A command of a job: an argument vector, or a line that quoting.py made, for a command file.
Command = Union[Sequence[str], str]  # noqa: UP007 - pylint takes "|" for an operation here

_SYSTEM = {"system", "nt authority\\system", "localsystem", "s-1-5-18"}
_NO_PASSWORD = {"nt authority\\network service", "network service", "nt authority\\local service", "local service"}


@dataclass(frozen=True)
class RunAs:
    """The account that a job runs as. Without a password only SYSTEM, a service account of Windows, or a gMSA (``DOMAIN\\name$``)."""

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
    """How a job stands.

    ``status``: absent (nothing there), created (never ran), running, finished, lost (ended without an exit code: the host was restarted, or
    somebody ended it). ``exit_codes`` are those of its commands, ``output_tail`` the last lines of what they printed.
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
    """The command file: runs all commands one after the other, whatever they end with, and writes their exit codes.

    Raises:
        ValueError: A command cannot be said safely, or there is none.
    """
    if not commands:
        raise InvalidValue("a job without a command")

    def path(name: str) -> str:
        return batch_word(f"{folder}\\{name}")

    lines = [
        "@echo off",
        # A second start finds the work done.
        f"if exist {path('exit.code')} exit /b 0",
        # Programs then print UTF-8, and this file is read as such.
        "chcp 65001 >nul",
        f"(echo started)>{path('started')}",
    ]
    for number, command in enumerate(commands):
        text = command if isinstance(command, str) else batch_line(command)
        # Some built-in commands leave the error level of what ran before them; ver resets it.
        lines.append("ver >nul")
        lines.append(f"{text} {'>' if number == 0 else '>>'}{path('output.txt')} 2>&1 <nul")
        lines.append(f"set octopus_code{number}=%ERRORLEVEL%")
    codes = " ".join(f"%octopus_code{number}%" for number in range(len(commands)))
    lines += [f"(echo {codes})>{path('exit.tmp')}", f"move /y {path('exit.tmp')} {path('exit.code')} >nul"]
    return "\r\n".join(lines) + "\r\n"


def task_xml(folder: str, run_as: RunAs, description: str) -> str:
    r"""The task's definition: no trigger, no time limit, never twice at once, with normal priority.

    The scheduler's own default is below normal, for the disk too. It is plain ASCII and names no encoding: schtasks takes a file in
    whatever encoding, but refuses one whose declaration says another ("unable to switch encoding").
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
  <Triggers />
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
    """The cmd line that makes the job's folder, closed to all but administrators and the job's account, and writes the command file.

    ProgramData lets every user make folders and files in it. Whoever could write to a job's command file would run as SYSTEM. 100 says
    that there is such a folder already.
    """
    steps = [protect_line(root), f"(if exist {word(folder + chr(92))} (exit /b 100) else mkdir {word(folder)})"]
    if not run_as.is_system:
        steps.append(f"{ICACLS} {word(folder)} /grant {word(run_as.account + ':(OI)(CI)M')} /q >nul")
    steps.append(write_line(f"{folder}\\command.cmd"))
    return " && ".join(steps)


def protect_line(root: str) -> str:
    """The cmd line that makes the collection's folder, which only SYSTEM and administrators have rights on."""
    rights = f'"*{SYSTEM_SID}:(OI)(CI)F" "*{ADMINISTRATORS_SID}:(OI)(CI)F"'
    return f"(mkdir {word(root)} 2>nul & {ICACLS} {word(root)} /inheritance:r /grant:r {rights} /q >nul)"


def write_line(path: str) -> str:
    """The cmd line that writes standard input to a file."""
    return f'{SYSTEM32}findstr.exe "^" >{word(path)}'


def poll_line(task: str, folder: str, read: str) -> str:
    """The cmd line that says everything about a job at once: exit codes, whether it started, output, the task's last result.

    Args:
        read: The line that prints output.
    """
    query = f"{SYSTEM32}schtasks.exe /query /tn {word(task)} /fo csv /nh /v"
    parts = (f"type {word(folder + chr(92) + 'exit.code')} 2>nul", f"type {word(folder + chr(92) + 'started')} 2>nul", f"{read} 2>nul")
    return f" & echo {MARK}& ".join((*parts, f"{query} 2>nul"))


@dataclass(frozen=True)
class Polled:
    """What a poll found."""

    status: str
    exit_codes: tuple[int, ...]
    output: str


def read_poll(text: str) -> Polled | None:
    """What the poll line printed; None where a part is missing."""
    # The output in the middle could hold anything, even the mark.
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
    """How a job without an exit code stands.

    Args:
        result: The last result of its task; None where there is no task.
        started: Whether its commands have begun.
    """
    if result in (RUNNING, QUEUED):
        return "running"
    if result is None:
        return "lost" if started else "absent"
    return "created" if result == NEVER_RUN and not started else "lost"
