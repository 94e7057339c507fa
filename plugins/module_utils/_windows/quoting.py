# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Argument vectors turned into Windows command lines, for each of the parsers that read them.

* A program gets one string and splits it itself, usually by the rules of Microsoft's C runtime
  (https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments): :func:`argv_line`.
* ``cmd.exe`` parses the line first, by rules of its own (https://learn.microsoft.com/windows-server/administration/windows-commands/cmd):
  :func:`cmd_line` and :func:`builtin` for a line after ``/d /s /c``, :func:`batch_line` for a line of a command file.
* ``msiexec`` reads ``NAME="value"``: :func:`msi_property`.
* ``echo`` prints what cmd.exe leaves of its line: :func:`json_line` is JSON that it leaves unchanged.

A value that cannot be passed safely raises InvalidValue; nothing is dropped or changed silently.
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

# Characters that XML does not allow, or would change: https://www.w3.org/TR/xml/#charsets
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_CMD_ACTS_ON = re.compile(r'["%]')
_QUOTE = re.compile('"')
_JSON_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
# The question mark is missing too: echo prints its help for "/?" at any position.
_JSON_ACTS = re.compile(r"[^A-Za-z0-9 _.,:;=+@#$~*'\[\]{}/-]")
_SWITCH = re.compile(r"/[A-Za-z0-9?-]+(:[A-Za-z0-9-]+)?\Z")
_PROPERTY = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z")


def argv_line(argv: Sequence[str]) -> str:
    """Return the arguments in the form that a program's C runtime splits again, for CreateProcess without a shell.

    Raises:
        InvalidValue: An argument contains a control character (the XML of WS-Management would change or refuse it), or the line is too long.
    """
    for argument in argv:
        _refuse(argument, _CONTROL, "a control character")
    line = subprocess.list2cmdline(argv)
    return _fits(line, PROCESS_LIMIT)


def _quoted(argument: str) -> str:
    """Quote an argument, and double its trailing backslashes, which would otherwise escape the closing quote."""
    trailing = len(argument) - len(argument.rstrip("\\"))
    return '"' + argument + "\\" * trailing + '"'


def cmd_line(argv: Sequence[str]) -> str:
    r"""Return a program and its arguments for ``cmd.exe /d /s /c "LINE"``: every word in quotes, where ``& | < > ^ ( )`` are not special.

    Raises:
        InvalidValue: A word contains ``"`` (it would end the quotes, and the rest could run), ``%`` (expanded even within quotes) or a
            line break, or the line is longer than cmd.exe accepts.
    """
    for argument in argv:
        _refuse(argument, _CMD_ACTS_ON, 'a double quote or "%", which cmd.exe would act on,')
        _refuse(argument, _CONTROL, "a control character")
    return _fits(" ".join(_quoted(argument) for argument in argv), CMD_LIMIT)


def builtin(name: str, *arguments: str) -> str:
    r"""Return a command built into cmd.exe: its name and its switches (``/y``) unchanged, every other argument in quotes.

    Raises:
        InvalidValue: As :func:`cmd_line`, or it is not the name of such a command.
    """
    if not re.fullmatch(r"[a-z]+", name):
        raise InvalidValue(f"expected the name of a command built into cmd.exe but found {name!r}")
    return _fits(" ".join([name, *(argument if _SWITCH.match(argument) else word(argument) for argument in arguments)]), CMD_LIMIT)


def word(argument: str) -> str:
    r"""Return one word for cmd.exe itself, such as a file name after ``>`` or ``if exist``, in quotes, where a backslash escapes nothing.

    Raises:
        InvalidValue: As :func:`cmd_line`.
    """
    _refuse(argument, _CMD_ACTS_ON, 'a double quote or "%", which cmd.exe would act on,')
    _refuse(argument, _CONTROL, "a control character")
    return f'"{argument}"'


def json_line(value: Any) -> str:
    r"""Return a value as one line of JSON for ``echo``, in which every character that cmd.exe could act on is written as ``\uXXXX``.

    Only the quotes around the texts are left, an even number of them. So data needs no standard input: a program that waits for it holds
    its output file open, and would continue to do so if the connection were lost before the data arrives.

    Raises:
        ValueError: JSON cannot represent the value.
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
    """Return a program and its arguments for a line of a command file: as :func:`cmd_line`, with ``%`` doubled.

    Raises:
        InvalidValue: A word contains a double quote or a control character, or the line is too long.
    """
    for argument in argv:
        _refuse(argument, _QUOTE, "a double quote, which cmd.exe would act on,")
        _refuse(argument, _CONTROL, "a control character")
    return _fits(" ".join(_quoted(argument).replace("%", "%%") for argument in argv), CMD_LIMIT)


def batch_word(argument: str) -> str:
    """Return one word for cmd.exe itself in a command file: as :func:`word`, with ``%`` doubled.

    Raises:
        InvalidValue: It contains a double quote or a control character.
    """
    _refuse(argument, _QUOTE, "a double quote, which cmd.exe would act on,")
    _refuse(argument, _CONTROL, "a control character")
    return f'"{argument}"'.replace("%", "%%")


def batch_builtin(name: str, *arguments: str) -> str:
    """Return a command built into cmd.exe, for a line of a command file: as :func:`builtin`, with ``%`` doubled.

    Raises:
        InvalidValue: As :func:`batch_word`.
    """
    return _fits(" ".join([name, *(argument if _SWITCH.match(argument) else batch_word(argument) for argument in arguments)]), CMD_LIMIT)


def batch_text(line: str) -> str:
    """Return a line made by :func:`builtin` or :func:`msi_property` for a command file."""
    return line.replace("%", "%%")


def msi_property(name: str, value: str) -> str:
    r"""Return ``NAME="value"`` as msiexec reads it, with the quotes after the ``=``
    (https://learn.microsoft.com/windows/win32/msi/command-line-options).

    A trailing ``\`` of the value is removed, because msiexec would take ``\"`` for a quote (as measured on Wine 8.0).

    Raises:
        InvalidValue: The name is not a property name, or the value contains a double quote or a control character.
    """
    if not _PROPERTY.match(name):
        raise InvalidValue(f"expected the name of an MSI property but found {name!r}")
    _refuse(value, _QUOTE, "a double quote, which msiexec cannot be given,", f"the value of {name}")
    _refuse(value, _CONTROL, "a control character", f"the value of {name}")
    return f'{name}="{value.rstrip(chr(92))}"'


def _refuse(argument: str, pattern: re.Pattern[str], what: str, name: str = "an argument") -> None:
    if pattern.search(argument):
        # The argument itself is not shown, because it may be a secret.
        raise InvalidValue(f"{name} of {len(argument)} characters contains {what} and cannot be passed to a Windows command safely")


def _fits(line: str, limit: int) -> str:
    if len(line) > limit:
        raise InvalidValue(f"a command line of {len(line)} characters is longer than Windows accepts here ({limit})")
    return line
