# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Built-in commands other than those on files.

Which of them leave the error level alone: https://stackoverflow.com/a/34987886 (a table of measured values).
"""

from __future__ import annotations

import re

from lab.core.filesystem import WinError

from . import file_builtins, listing
from .patterns import parse_switches
from .shell import Builtin, ExitBatch, ExitShell, Shell

# On success these do not reset the error level to 0.
KEEPS_LEVEL = {"echo", "rem", "goto", "start", "title", "endlocal", "cd", "chdir", "set", "path", "prompt", "cls", "exit"}
# Their failure does not show in the error level either, unless "||" looks at it.
HIDES_FAILURE = {"rd", "rmdir"}


def _echo(shell: Shell, rest: str) -> int | None:
    text = rest[1:] if rest[:1] in tuple(" \t,;=./\\:([+]") else rest
    word = rest.strip().lower()
    if word in ("on", "off") and rest[:1] in " \t":
        shell.echo = word == "on"
    elif not rest.strip() and rest[:1] in ("", " ", "\t"):
        shell.print(f"ECHO is {'on' if shell.echo else 'off'}.")
    else:
        shell.print(text)
    return None


def _set(shell: Shell, rest: str) -> int | None:
    text = rest.strip()
    if text.lower().startswith("/a"):
        return shell.unsupported(f"set {text[:2]}")
    if text.lower().startswith("/p"):
        return _ask(shell, text[2:].strip())
    text = (text[1:].rpartition('"')[0] or text[1:]) if text.startswith('"') else rest.lstrip()
    name, equals, value = text.partition("=")
    env = shell.proc.env
    if equals:
        if value:
            env[name] = value
        else:
            env.pop(name, None)
        return None
    found = [one for one in env if one.lower().startswith(name.strip().lower())]
    for one in found:
        shell.print(f"{one}={env[one]}")
    if name.strip() and not found:
        shell.error(f"Environment variable {name.strip()} not defined")
        return 1
    return None


def _ask(shell: Shell, text: str) -> int:
    """``set /p NAME=prompt`` takes a line of standard input (learn.microsoft.com/windows-server/administration/windows-commands/set_1)."""
    name, equals, prompt = text.strip('"').partition("=")
    if not equals:
        return shell.unsupported(f"set /p {text}")
    if prompt or not shell.stdin.closed:
        return shell.unsupported("set /p with a prompt, or from anything but a file")
    line = shell.proc.console.decode(shell.stdin.take()).partition("\n")[0].rstrip("\r")
    if not line:
        return 1  # an empty line leaves the variable as it is
    shell.proc.env[name] = line
    return 0


def _cd(shell: Shell, rest: str) -> int | None:
    paths, switches = parse_switches(rest)
    if set(switches) - {"/d"}:
        return shell.unsupported(f"cd{rest}")
    target = rest.replace("/d", "").replace("/D", "").strip().strip('"') if paths else ""
    if not target:
        shell.print(shell.proc.cwd)
        return None
    try:
        full = shell.proc.full(target)
        if full.startswith("\\\\"):
            shell.error(f"'{target}'\r\nCMD does not support UNC paths as current directories.")
            return 1
        if not shell.proc.host.fs.is_dir(full, shell.proc.logon):
            return shell.fail(3)
        if full[:2].lower() == shell.proc.cwd[:2].lower() or "/d" in switches:
            parts: list[str] = []
            for part in full[2:].split("\\"):
                if part == "..":
                    parts = parts[:-1]
                elif part not in ("", "."):
                    parts.append(part)
            shell.proc.cwd = full[:2].upper() + "\\" + "\\".join(parts)
    except WinError as error:
        return shell.fail(error.code)
    return None


def _exit(shell: Shell, rest: str) -> int:
    words = rest.split()
    within = bool(words) and words[0].lower() == "/b"
    number = words[1] if within and len(words) > 1 else "" if within or not words else words[0]
    if number:
        match = re.match(r"-?\d+", number)
        shell.errorlevel = int(match[0]) if match else 0
    if within and shell.batch:
        raise ExitBatch
    raise ExitShell


def _goto(shell: Shell, rest: str) -> int:
    shell.goto(rest)
    return 0


def _call(shell: Shell, rest: str) -> int:
    text = rest.strip()
    if text.startswith(":"):
        return shell.unsupported("call :label")
    return shell.external(text, call=True)


def _start(shell: Shell, rest: str) -> int | None:
    """``start "title" [/wait] [/b] program arguments``: without a title, a quoted program is taken for the title, as in cmd."""
    text = rest.strip()
    if text.startswith('"'):
        text = text[1:].partition('"')[2].strip()
    wait = False
    while text.startswith("/"):
        switch, _space, text = text.partition(" ")
        text = text.strip()
        if switch.lower() in ("/wait", "/w"):
            wait = True
        elif switch.lower() not in ("/b", "/min"):
            return shell.unsupported(f"start {switch}")
    if not text:
        return shell.unsupported("start without a program (opens a window)")
    return shell.external(text, wait=wait, call=True)


def _ver(shell: Shell, _rest: str) -> int:
    shell.print()
    # The number after the build is the update level; any will do (*assumed*).
    shell.print(f"Microsoft Windows [Version {shell.proc.host.os_build}.1]")
    return 0


def _nothing(_shell: Shell, _rest: str) -> None:
    """rem, title, setlocal, endlocal: nothing that the lab could show."""


def _setlocal(shell: Shell, rest: str) -> int | None:
    if rest.strip():
        return shell.unsupported(f"setlocal{rest}")
    return None


def _for(shell: Shell, rest: str) -> int:
    shell.errorlevel = shell.unsupported(f"for{rest}")
    raise ExitShell


def _unknown(shell: Shell, rest: str) -> int:
    return shell.unsupported(f"this built-in ({rest.strip()})")


BUILTINS: dict[str, Builtin] = {
    "echo": _echo,
    "set": _set,
    "cd": _cd,
    "chdir": _cd,
    "exit": _exit,
    "goto": _goto,
    "call": _call,
    "start": _start,
    "ver": _ver,
    "rem": _nothing,
    "title": _nothing,
    "setlocal": _setlocal,
    "endlocal": _nothing,
    "for": _for,
    "type": file_builtins.type_,
    "del": file_builtins.delete,
    "erase": file_builtins.delete,
    "md": file_builtins.make,
    "mkdir": file_builtins.make,
    "rd": file_builtins.remove,
    "rmdir": file_builtins.remove,
    "move": file_builtins.move,
    "mklink": file_builtins.mklink,
    "ren": file_builtins.rename,
    "rename": file_builtins.rename,
    "copy": file_builtins.copy,
    "dir": listing.dir_,
    **dict.fromkeys(("assoc", "break", "color", "date", "ftype", "path", "pause", "popd", "prompt", "pushd", "shift"), _unknown),
    **dict.fromkeys(("cls", "time", "verify", "vol"), _unknown),
}
