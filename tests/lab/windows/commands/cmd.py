# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""cmd.exe and chcp.com.

How ``/c`` and ``/s`` treat quotes: ``cmd /?`` and https://learn.microsoft.com/windows-server/administration/windows-commands/cmd.
"""

from __future__ import annotations

import contextlib
import re

from lab.windows.cmd.shell import NOT_RECOGNIZED, ExitBatch, ExitShell, Shell
from lab.windows.process import Process
from lab.windows.streams import CODECS

from ._base import SYSTEM32, unsupported

SPECIAL = set("&<>()@^|")


def _line(text: str, strip: bool, shell: Shell) -> str:
    if not text.startswith('"'):
        return text
    inner = text[1:].partition('"')[0]
    keep = not strip and text.count('"') == 2 and not SPECIAL & set(text) and " " in inner and shell.find(inner) is not None
    if keep:
        return text
    head, _quote, tail = text[1:].rpartition('"')
    return head + tail if _quote else text[1:]


def cmd(proc: Process) -> int:
    """``cmd [/d] [/s] [/q] /c LINE``. Interactive use is not in the lab."""
    rest = proc.command_line
    rest = rest[rest.find('"', 1) + 1 :] if rest.startswith('"') else rest[len(rest.split(" ")[0].split("/")[0]) :]
    shell = Shell(proc)
    strip = False
    while True:
        rest = rest.lstrip()
        switch = re.match(r"/([a-zA-Z?])(:\S+)?", rest)
        if not switch:
            return unsupported(proc, "without /c")
        rest = rest[switch.end() :]
        letter = switch[1].lower()
        if letter == "c":
            break
        if letter == "s":
            strip = True
        elif letter == "q":
            shell.echo = False
        elif letter not in "d":
            return unsupported(proc, f"/{letter}")
    line = _line(rest.strip(" \t"), strip, shell)
    with contextlib.suppress(ExitShell, ExitBatch):
        shell.run_line(line)
    # "cmd /c nonsense" ends with 1, while %ERRORLEVEL% is 9009 (known of Windows).
    return 1 if shell.errorlevel == NOT_RECOGNIZED else shell.errorlevel


def chcp(proc: Process) -> int:
    """``chcp [N]``: shows or sets the console's code page."""
    if len(proc.argv) > 2:
        proc.error("Parameter format not correct -")
        return 1
    if len(proc.argv) == 2:
        wanted = proc.argv[1]
        if not wanted.isdigit() or int(wanted) not in CODECS:
            proc.error("Invalid code page")
            return 1
        proc.console.codepage = int(wanted)
    proc.print(f"Active code page: {proc.codepage}")
    return 0


COMMANDS = {f"{SYSTEM32}\\cmd.exe": cmd, f"{SYSTEM32}\\chcp.com": chcp}
