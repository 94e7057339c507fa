# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Words of a command line, as cmd sees them."""

from __future__ import annotations


def signed(code: int) -> int:
    """An exit code as %ERRORLEVEL% shows it."""
    return code - 2**32 if code >= 2**31 else code


def compare(left: str, operator: str, right: str, ignore_case: bool) -> bool:
    """``if``: ``==``, or ``equ`` and the like, which compare numbers where both are."""
    if ignore_case:
        left, right = left.lower(), right.lower()
    if operator == "==":
        return left == right
    try:
        order = int(left, 0) - int(right, 0)
    except ValueError:  # not two numbers: compared as text
        order = (left > right) - (left < right)
    return {"equ": order == 0, "neq": order != 0, "lss": order < 0, "leq": order <= 0, "gtr": order > 0, "geq": order >= 0}[operator]


def builtin_name(text: str) -> tuple[str, str]:
    """The name that a built-in would have, in lower case, and what follows: ``dir/b`` and ``echo.`` are two words each."""
    end = 0
    while end < len(text) and text[end].isalpha():
        end += 1
    if end < len(text) and text[end] not in ' \t,;=./\\:([+]"':
        return "", text
    if text[:end].lower() == "echo" or text[end : end + 1] != "." or text[:end].lower() in ("cd", "chdir"):
        return text[:end].lower(), text[end:]
    return "", text


def first_word(text: str) -> tuple[str, str]:
    """A program's name as it was written, with its quotes, and what follows."""
    quoted = False
    for place, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif not quoted and char in " \t,;=":
            return text[:place], text[place:]
    return text, ""


def split_words(text: str) -> list[str]:
    """A batch file's arguments, with their quotes."""
    out: list[str] = []
    rest = text.lstrip(" \t,;=")
    while rest:
        word, rest = first_word(rest)
        out.append(word)
        rest = rest.lstrip(" \t,;=")
    return out
