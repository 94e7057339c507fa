# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever an argument holds, the program gets exactly that and nothing else runs; or it is refused."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import (
    argv_line,
    batch_builtin,
    batch_line,
    batch_word,
    builtin,
    cmd_line,
    msi_property,
    word,
)
from hypothesis import example, given
from hypothesis import strategies as st

NASTY = st.text("ab \\\"%&|<>^()!;,=*?'\t\u00fc\u6f22", max_size=20)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
arguments = st.lists(NASTY | ANY, min_size=1, max_size=6)


def split(line: str) -> list[str]:
    """The rules of Microsoft's C runtime, written from the other side:
    https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments"""
    found, current, quoted, begun, at = [], "", False, False, 0
    while at < len(line):
        char = line[at]
        if char == "\\":
            count = len(line[at:]) - len(line[at:].lstrip("\\"))
            at += count
            begun = True
            if line[at : at + 1] == '"':
                current += "\\" * (count // 2)
                if count % 2:
                    current += '"'
                    at += 1
            else:
                current += "\\" * count
            continue
        if char == '"':
            begun = True
            if quoted and line[at + 1 : at + 2] == '"':
                current += '"'
                at += 1
            else:
                quoted = not quoted
        elif char in " \t" and not quoted:
            if begun:
                found.append(current)
            current, begun = "", False
        else:
            current += char
            begun = True
        at += 1
    return [*found, current] if begun else found


def outside_quotes(line: str) -> str:
    """What cmd.exe itself acts on: a quote toggles, and no backslash escapes one."""
    return "".join(part for number, part in enumerate(line.split('"')) if number % 2 == 0)


def read_percent(line: str) -> str:
    """A command file reads "%%" as one, and a single "%" as the start of a variable."""
    assert "%" not in line.replace("%%", ""), "a variable would be expanded"
    return line.replace("%%", "%")


@given(arguments)
@example(["", "a b", 'say "x"', "ends in \\", '\\"', "\\\\", "%PATH%", "a & b"])
def test_a_program_gets_its_arguments(argv: list[str]) -> None:
    try:
        line = argv_line(argv)
    except ValueError:
        assert any((ord(char) < 32 and char != "\t") or char in "\x7f\ufffe\uffff" for argument in argv for char in argument)
        return
    assert split(line) == argv


@given(arguments)
@example(["C:\\Program Files\\x.exe", "C:\\folder\\", "a & b", "(c)", "^", ""])
@example(['x" & echo pwned'])
def test_through_cmd_nothing_else_runs(argv: list[str]) -> None:
    try:
        line = cmd_line(argv)
    except ValueError:
        assert any(set(argument) & set('"%') or not argument.isprintable() for argument in argv)
        return
    assert "%" not in line
    assert outside_quotes(line).strip(" ") == ""
    assert split(line) == argv


@given(arguments)
@example(["C:\\Program Files\\100%\\x.exe", "%PATH%"])
def test_through_a_command_file_nothing_else_runs(argv: list[str]) -> None:
    try:
        line = batch_line(argv)
    except ValueError:
        assert any('"' in argument or not argument.isprintable() for argument in argv)
        return
    assert outside_quotes(line).strip(" ") == ""
    assert split(read_percent(line)) == argv


@given(NASTY | ANY)
@example("C:\\")
def test_words_for_cmd_itself(text: str) -> None:
    for make, read in ((word, lambda line: line), (batch_word, read_percent)):
        try:
            line = make(text)
        except ValueError:
            assert set(text) & set('"%') or not text.isprintable()
            continue
        assert read(line) == f'"{text}"'
        assert outside_quotes(line) == ""


@given(NASTY | ANY)
@example("C:\\ends\\")
def test_an_msi_property_has_its_quotes_after_the_sign(value: str) -> None:
    try:
        text = msi_property("INSTALLLOCATION", value)
    except ValueError:
        assert '"' in value or not value.isprintable()
        return
    assert text == f'INSTALLLOCATION="{value.rstrip(chr(92))}"'


def test_built_in_commands_keep_their_switches() -> None:
    assert builtin("dir", "/-c", "/a-d", "C:\\a b") == 'dir /-c /a-d "C:\\a b"'
    assert batch_builtin("copy", "/y", "C:\\100%", "D:\\") == 'copy /y "C:\\100%%" "D:\\"'
    with pytest.raises(ValueError, match=r"expected the name of a command built into cmd\.exe"):
        builtin("del & calc")


def test_no_refusal_shows_the_argument() -> None:
    with pytest.raises(ValueError, match="of 9 characters") as caught:
        cmd_line(['secret"%1'])
    assert "secret" not in str(caught.value)


def test_too_long_lines_are_refused() -> None:
    with pytest.raises(ValueError, match="longer than Windows"):
        cmd_line(["x" * 8192])
    assert len(argv_line(["x" * 32000])) == 32000
    with pytest.raises(ValueError, match="longer than Windows"):
        argv_line(["x" * 33000])
