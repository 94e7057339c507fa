# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Argument vectors to Windows command lines, for each of the parsers that reads them.

* A program gets one string and splits it itself, most by the rules of Microsoft's C runtime
  (https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments): :func:`argv_line`.
* ``cmd.exe`` reads the line first, with rules of its own (https://learn.microsoft.com/windows-server/administration/windows-commands/cmd):
  :func:`cmd_line` and :func:`builtin` for a line after ``/d /s /c``, :func:`batch_line` for a line of a command file.
* ``msiexec`` reads ``NAME="value"``: :func:`msi_property`.
* ``echo`` prints what cmd.exe has left of its line: :func:`json_line` is JSON of which it leaves everything.

What cannot be said safely raises ValueError; nothing is dropped or changed silently.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue

# https://learn.microsoft.com/troubleshoot/windows-client/shell-experience/command-line-string-limitation
CMD_LIMIT = 8191
# CreateProcess: https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-createprocessw
PROCESS_LIMIT = 32766

# What XML cannot hold, or would change: https://www.w3.org/TR/xml/#charsets
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_CMD_ACTS_ON = re.compile(r'["%]')
_QUOTE = re.compile('"')
_JSON_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
# Not even the question mark: echo answers "/?", wherever it stands, with its help.
_JSON_ACTS = re.compile(r"[^A-Za-z0-9 _.,:;=+@#$~*'\[\]{}/-]")
_SWITCH = re.compile(r"/[A-Za-z0-9?-]+(:[A-Za-z0-9-]+)?\Z")
_PROPERTY = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z")


def argv_line(argv: Sequence[str]) -> str:
    """The arguments as the C runtime of a program splits them again, for CreateProcess without a shell.

    Raises:
        ValueError: An argument holds a control character (WS-Management's XML would change or refuse it), or the line is too long.
    """
    for argument in argv:
        _refuse(argument, _CONTROL, "a control character")
    line = subprocess.list2cmdline(argv)
    return _fits(line, PROCESS_LIMIT)


def _quoted(argument: str) -> str:
    """In quotes, with the backslashes before the closing one doubled: they would escape it."""
    trailing = len(argument) - len(argument.rstrip("\\"))
    return '"' + argument + "\\" * trailing + '"'


def cmd_line(argv: Sequence[str]) -> str:
    r"""A program and its arguments for ``cmd.exe /d /s /c "LINE"``: every word in quotes, where ``& | < > ^ ( )`` mean nothing.

    Raises:
        ValueError: A word holds ``"`` (it would end the quotes, and what follows could run), ``%`` (expanded even within quotes)
            or a line break, or the line is longer than cmd takes.
    """
    for argument in argv:
        _refuse(argument, _CMD_ACTS_ON, 'a double quote or "%", which cmd.exe would act on,')
        _refuse(argument, _CONTROL, "a control character")
    return _fits(" ".join(_quoted(argument) for argument in argv), CMD_LIMIT)


def builtin(name: str, *arguments: str) -> str:
    r"""A command that cmd.exe has built in: its name and its switches (``/y``) as they are, every other argument in quotes.

    Raises:
        ValueError: As :func:`cmd_line`, or the word is no plain word.
    """
    if not re.fullmatch(r"[a-z]+", name):
        raise InvalidValue(f"{name!r} is not the name of a command built into cmd.exe")
    return _fits(" ".join([name, *(argument if _SWITCH.match(argument) else word(argument) for argument in arguments)]), CMD_LIMIT)


def word(argument: str) -> str:
    r"""One word for cmd.exe itself, a file name of a redirection or of ``if exist``: in quotes, in which a backslash escapes nothing.

    Raises:
        ValueError: As :func:`cmd_line`.
    """
    _refuse(argument, _CMD_ACTS_ON, 'a double quote or "%", which cmd.exe would act on,')
    _refuse(argument, _CONTROL, "a control character")
    return f'"{argument}"'


def json_line(value: Any) -> str:
    r"""A value as JSON on one line for ``echo``: in its texts every character that cmd.exe could act on is written ``\uXXXX``.

    What is left for cmd.exe are the quotes around the texts, an even number of them. This way data needs no standard input: a program
    that waits for one holds its output file open, and goes on doing so when the connection is lost before the data came.

    Raises:
        ValueError: JSON cannot say it.
    """
    return _JSON_TEXT.sub(lambda match: _plain_text(json.loads(match[0])), json.dumps(value, allow_nan=False))


def _plain_text(text: str) -> str:
    def escaped(match: re.Match[str]) -> str:
        if match[0] == "\\":
            return "\\\\"
        code = match[0].encode("utf-16-be", "surrogatepass")
        return "".join(f"\\u{code[place : place + 2].hex()}" for place in range(0, len(code), 2))

    return f'"{_JSON_ACTS.sub(escaped, text)}"'


def batch_line(argv: Sequence[str]) -> str:
    """A program and its arguments for a line of a command file: as :func:`cmd_line`, with ``%`` doubled, which a file reads as one.

    Raises:
        ValueError: A word holds a double quote or a control character, or the line is too long.
    """
    for argument in argv:
        _refuse(argument, _QUOTE, "a double quote, which cmd.exe would act on,")
        _refuse(argument, _CONTROL, "a control character")
    return _fits(" ".join(_quoted(argument).replace("%", "%%") for argument in argv), CMD_LIMIT)


def batch_word(argument: str) -> str:
    """One word for cmd.exe itself in a command file: as :func:`word`, with ``%`` doubled.

    Raises:
        ValueError: It holds a double quote or a control character.
    """
    _refuse(argument, _QUOTE, "a double quote, which cmd.exe would act on,")
    _refuse(argument, _CONTROL, "a control character")
    return f'"{argument}"'.replace("%", "%%")


def batch_builtin(name: str, *arguments: str) -> str:
    """A command built into cmd.exe, for a line of a command file: as :func:`builtin`, with ``%`` doubled.

    Raises:
        ValueError: As :func:`batch_word`.
    """
    return _fits(" ".join([name, *(argument if _SWITCH.match(argument) else batch_word(argument) for argument in arguments)]), CMD_LIMIT)


def batch_text(line: str) -> str:
    """A line made by :func:`builtin` or :func:`msi_property` for a command file."""
    return line.replace("%", "%%")


def msi_property(name: str, value: str) -> str:
    r"""``NAME="value"`` as msiexec reads it: the quotes stand after the ``=``
    (https://learn.microsoft.com/windows/win32/msi/command-line-options).

    A value ending in ``\`` is written without it: msiexec would take ``\"`` for a quote (as measured on Wine 8.0).

    Raises:
        ValueError: The name is no property name, or the value holds a double quote or a control character.
    """
    if not _PROPERTY.match(name):
        raise InvalidValue(f"{name!r} is not the name of an MSI property")
    _refuse(value, _QUOTE, "a double quote, which msiexec cannot be given,", f"the value of {name}")
    _refuse(value, _CONTROL, "a control character", f"the value of {name}")
    return f'{name}="{value.rstrip(chr(92))}"'


def _refuse(argument: str, pattern: re.Pattern[str], what: str, name: str = "an argument") -> None:
    if pattern.search(argument):
        # The argument itself is not shown: it may be a secret.
        raise InvalidValue(f"{name} of {len(argument)} characters holds {what} and cannot be passed to a Windows command safely")


def _fits(line: str, limit: int) -> str:
    if len(line) > limit:
        raise InvalidValue(f"a command line of {len(line)} characters is longer than Windows takes here ({limit})")
    return line
