# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""%NAME% in a line, on the prompt's terms (cmd /c) and on a batch file's."""

from __future__ import annotations

from collections.abc import Mapping


class UnsupportedExpansion(Exception):
    """A form that the lab does not know."""


def expand(text: str, variables: Mapping[str, str], arguments: list[str] | None) -> str:
    """The line after expansion.

    Args:
        arguments: ``%0``, ``%1``, ... of a batch file; None for a one-liner. In a batch file ``%%`` is ``%`` and an unknown name
            is empty; in a one-liner an unknown name stays as it is
            (https://learn.microsoft.com/windows-server/administration/windows-commands/cmd, https://stackoverflow.com/a/4095133).
    """
    out: list[str] = []
    place = 0
    batch = arguments is not None
    while place < len(text):
        char = text[place]
        if char != "%":
            out.append(char)
            place += 1
            continue
        rest = text[place + 1 :]
        if batch and rest.startswith("%"):
            out.append("%")
            place += 2
            continue
        if arguments is not None and rest[:1] == "*":
            out.append(" ".join(arguments[1:]))
            place += 2
            continue
        if arguments is not None and rest[:1].isdigit():
            number = int(rest[0])
            out.append(arguments[number] if number < len(arguments) else "")
            place += 2
            continue
        if arguments is not None and rest[:1] == "~":
            flags = rest[1:].split("0")[0]
            if set(flags) - set("dpnxf") or not rest[1 + len(flags) :].startswith("0"):
                raise UnsupportedExpansion(f"%{rest[:6]}")
            out.append(_part(arguments[0].strip('"'), flags))
            place += 3 + len(flags)
            continue
        end = rest.find("%")
        if end < 0:
            out.append("" if batch else "%")
            place += 1
            continue
        name = rest[:end]
        if name in variables:
            out.append(variables[name])
            place += end + 2
        elif ":" in name and name.partition(":")[0] in variables:
            raise UnsupportedExpansion(f"%{name}%")
        elif batch:
            place += end + 2
        else:
            out.append("%")
            place += 1
    return "".join(out)


def _part(path: str, flags: str) -> str:
    drive, _slash, below = path.partition("\\")
    folder, _slash, name = below.rpartition("\\")
    stem, dot, extension = name.rpartition(".")
    if not dot:
        stem, extension = name, ""
    if "f" in flags or not flags:
        return path
    out = drive if "d" in flags else ""
    if "p" in flags:
        out += f"\\{folder}\\" if folder else "\\"
    if "n" in flags:
        out += stem
    if "x" in flags and extension:
        out += f".{extension}"
    return out
