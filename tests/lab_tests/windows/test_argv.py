# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Argument vectors: what list2cmdline writes, the run-time reads back."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.windows.argv import candidates, split

NASTY = st.text(alphabet=st.sampled_from('ab \t"\\%&|<>^()!=ü'), max_size=12)
PROGRAM = "C:\\Program Files\\a.exe"


@given(st.lists(NASTY, max_size=6))
def test_every_vector_survives_list2cmdline(arguments: list[str]) -> None:
    assert split(subprocess.list2cmdline([PROGRAM, *arguments])) == [PROGRAM, *arguments]


@given(st.lists(st.text(min_size=0, max_size=8).filter(lambda text: "\0" not in text), max_size=4))
def test_any_text_survives_list2cmdline(arguments: list[str]) -> None:
    assert split(subprocess.list2cmdline(["x", *arguments])) == ["x", *arguments]


# The examples of https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"a b c" d e', ["a b c", "d", "e"]),
        ('"ab\\"c" "\\\\" d', ['ab"c', "\\", "d"]),
        ('a\\\\\\b d"e f"g h', ["a\\\\\\b", "de fg", "h"]),
        ('a\\\\\\"b c d', ['a\\"b', "c", "d"]),
        ('a\\\\\\\\"b c" d e', ["a\\\\b c", "d", "e"]),
        ('a"b"" c d', ['ab" c d']),
    ],
)
def test_documented_examples(text: str, expected: list[str]) -> None:
    assert split(f"prog {text}") == ["prog", *expected]


def test_a_backslash_before_the_closing_quote_swallows_it() -> None:
    assert split('robocopy "C:\\a b\\" D:\\') == ["robocopy", 'C:\\a b" D:\\']


def test_the_first_word_keeps_its_backslashes() -> None:
    assert split('"C:\\a\\" x') == ["C:\\a\\", "x"]


def test_an_unquoted_path_is_tried_at_every_space() -> None:
    assert candidates("C:\\Program Files\\x.exe run") == ["C:\\Program", "C:\\Program Files\\x.exe", "C:\\Program Files\\x.exe run"]
