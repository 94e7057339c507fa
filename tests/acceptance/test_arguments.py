# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arguments arrive as they were meant: without a shell, and through the constant cmd prefix for programs whose path has a space."""

from __future__ import annotations

import pytest
from acceptance.target import decode_argv
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import registry
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost

# What shells and parsers stumble over. Without a shell, none of it means anything.
NASTY = [
    "plain",
    "",
    "two words",
    "  spaces around  ",
    "\ttab\t",
    "%PATH%",
    "%%",
    "100%",
    "^caret^",
    "a & whoami",
    "a && whoami",
    "a | whoami",
    "a > C:\\evil.txt",
    "a < nul",
    "(parentheses)",
    "!exclamation!",
    "`backtick`",
    "$(subshell)",
    "semi;colon,comma=equals",
    "'single'",
    '"',
    'in "the" middle',
    '"whole"',
    'x" & echo pwned',
    "C:\\folder\\",
    "C:\\Program Files\\",
    "\\\\server\\share\\",
    "back\\\\slashes",
    '\\"',
    'C:\\a b\\"',
    "{curly}[square]",
    "*?",
    "~#@",
    "Grüße €",
    "漢字 𝄞",
]
# The prefix refuses quotes and percent signs, which cmd.exe acts on even within quotes: the unit tests show that.
FIT_FOR_CMD = [one for one in NASTY if not set(one) & set('"%')]
# As a name of a key or a value: without what such a name cannot hold, or reg.exe might read otherwise (patterns, spaces at the ends).
NAMES = [one for one in NASTY if one and one == one.strip() and not set(one) & set("\\*?")]


@pytest.mark.parametrize("nasty", NASTY)
def test_an_argument_arrives_at_a_native_program(host: WindowsHost, key: str, nasty: str) -> None:
    """reg.exe stores what it got, and what is behind it is still understood: nothing needs to be installed for this."""
    registry.set_value(host, key, "value", nasty)
    assert registry.get(host, key, "value") == nasty


@pytest.mark.parametrize("nasty", NAMES)
def test_several_nasty_arguments_keep_their_borders(host: WindowsHost, key: str, nasty: str) -> None:
    registry.set_value(host, f"{key}\\{nasty}", nasty, nasty)
    assert registry.values(host, f"{key}\\{nasty}") == {nasty: nasty}


def test_all_of_them_at_once(host: WindowsHost, argv_program: list[str]) -> None:
    result = host.run([*argv_program, *NASTY], check=True)
    assert decode_argv(result.stdout) == NASTY


@pytest.mark.parametrize("nasty", FIT_FOR_CMD)
def test_an_argument_arrives_through_the_cmd_prefix(host: WindowsHost, key: str, spaced: str, nasty: str) -> None:
    host.run([f"{spaced}\\reg.exe", "add", key, "/v", "value", "/t", "REG_SZ", "/d", nasty, "/f", "/reg:64"], check=True)
    assert registry.get(host, key, "value") == nasty


def test_all_of_them_at_once_through_the_cmd_prefix(host: WindowsHost, argv_program: list[str], spaced: str) -> None:
    program = argv_program[0].rpartition("System32\\")[2] if "System32\\" in argv_program[0] else "argv.exe"
    result = host.run([f"{spaced}\\{program}", *argv_program[1:], *FIT_FOR_CMD], check=True)
    assert decode_argv(result.stdout) == FIT_FOR_CMD


def test_the_exit_code_comes_through_the_cmd_prefix(host: WindowsHost, key: str, spaced: str) -> None:
    assert host.run([f"{spaced}\\reg.exe", "query", key, "/v", "missing"]).exit_code == 1
    assert host.run([f"{spaced}\\reg.exe", "query", key]).exit_code == 0


@pytest.mark.parametrize("nasty", [one for one in FIT_FOR_CMD if one and one == one.strip() and not set(one) & set('\\/:*?"<>|\t')])
def test_a_built_in_gets_its_argument(host: WindowsHost, folder: str, nasty: str) -> None:
    """Those that may be a file's name."""
    path = f"{folder}\\{nasty}.txt"
    host.run_builtin("mkdir", path, check=True)
    listed = host.run_builtin("dir", "/b", folder, check=True).stdout.splitlines()
    host.run_builtin("rmdir", path, check=True)
    assert f"{nasty}.txt" in listed
