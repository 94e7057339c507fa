# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command lines: how a program's start-up code splits them, how CreateProcess finds the program."""

from __future__ import annotations

from collections.abc import Iterator


def split(line: str) -> list[str]:
    """The argument vector that a program's C run-time makes of its command line.

    Rules: https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments (run-time of 2008 and later: a
    doubled quote within quotes is one literal quote, and the quotes go on).
    """
    program, rest = program_token(line)
    return [program, *_arguments(rest)]


def program_token(line: str) -> tuple[str, str]:
    """The first argument and what follows it. There quotes toggle and backslashes are ordinary, since it is a path."""
    quoted = False
    out: list[str] = []
    for place, char in enumerate(line):
        if char == '"':
            quoted = not quoted
        elif char in " \t" and not quoted:
            return "".join(out), line[place:]
        else:
            out.append(char)
    return "".join(out), ""


def _arguments(text: str) -> Iterator[str]:
    place, end = 0, len(text)
    while True:
        while place < end and text[place] in " \t":
            place += 1
        if place >= end:
            return
        out: list[str] = []
        quoted = False
        while place < end and (quoted or text[place] not in " \t"):
            slashes = place
            while slashes < end and text[slashes] == "\\":
                slashes += 1
            count = slashes - place
            if slashes < end and text[slashes] == '"':
                out.append("\\" * (count // 2))
                place = slashes + 1
                if count % 2:
                    out.append('"')
                elif quoted and place < end and text[place] == '"':
                    out.append('"')
                    place += 1
                else:
                    quoted = not quoted
            elif count:
                out.append("\\" * count)
                place = slashes
            else:
                out.append(text[place])
                place += 1
        yield "".join(out)


def candidates(line: str) -> list[str]:
    """The programs that CreateProcess tries, in order, when it is given a command line only.

    An unquoted path with spaces is tried at every space
    (https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-createprocessw).
    """
    text = line.lstrip(" \t")
    if text.startswith('"'):
        return [text[1:].partition('"')[0]]
    words = text.split(" ")
    return [" ".join(words[: count + 1]) for count in range(len(words)) if words[count] or not count]
