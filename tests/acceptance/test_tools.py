# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""robocopy: exit bits and summary, as a comparison of two folders depends on them. curl.exe: that it is there, and its exit codes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from acceptance.target import Target
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files, robocopy
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost

CURL = "C:\\Windows\\System32\\curl.exe"
QUIET = ["--silent", "--show-error", "--fail", "--output", "nul"]


@dataclass(frozen=True)
class Tree:
    """A folder with spaces in its name, and one beside it for its copy."""

    host: WindowsHost
    source: str
    target: str

    def run(self, argv: list[str]) -> tuple[int, list[robocopy.Summary], str]:
        result = self.host.run(argv, timeout=120)
        return result.exit_code, robocopy.summaries(result.stdout), result.stdout


CONTENT = {"one.txt": "1", "two words\\Grüße.txt": "22", "two words\\deep\\three.txt": "333"}
BYTES = sum(len(text) + 2 for text in CONTENT.values())  # each with its line end


@pytest.fixture
def tree(host: WindowsHost, folder: str) -> Tree:
    made = Tree(host, f"{folder}\\the source", f"{folder}\\the target")
    for path in (made.source, made.target):
        files.remove_folder(host, path)
    for name, text in CONTENT.items():
        path = f"{made.source}\\{name}"
        files.make_folder(host, path.rpartition("\\")[0])
        files.write_text(host, path, text)
    return made


def test_a_copy_is_1_and_the_same_again_0(tree: Tree) -> None:
    code, summaries, output = tree.run(robocopy.mirror(tree.source, tree.target))
    assert code == robocopy.COPIED, output
    assert robocopy.is_success(code)
    assert [(one.files.total, one.files.copied, one.bytes.total, one.bytes.copied) for one in summaries] == [(3, 3, BYTES, BYTES)]
    assert files.read_text(tree.host, f"{tree.target}\\two words\\Grüße.txt") == "22\n"
    code, summaries, output = tree.run(robocopy.mirror(tree.source, tree.target))
    assert code == 0, output
    assert [(one.files.copied, one.files.skipped, one.bytes.copied) for one in summaries] == [(0, 3, 0)]


def test_trailing_backslashes_do_no_harm(tree: Tree) -> None:
    code, _summaries, output = tree.run(robocopy.mirror(f"{tree.source}\\", f"{tree.target}\\"))
    assert code == robocopy.COPIED, output


def test_a_trailing_backslash_before_a_quote_is_a_mistake(tree: Tree) -> None:
    """What the collection avoids: the backslash escapes the quote, and the two paths become one."""
    line = f'C:\\Windows\\System32\\robocopy.exe "{tree.source}\\" "{tree.target}" /l'
    assert tree.host.run_cmd(line).exit_code == robocopy.FATAL


def test_a_comparison_sees_what_is_the_same(tree: Tree) -> None:
    tree.run(robocopy.mirror(tree.source, tree.target))
    code, summaries, output = tree.run(robocopy.compare(tree.source, tree.target))
    assert code == 0, output
    assert [one.is_same for one in summaries] == [True], output


@pytest.mark.parametrize("difference", ["missing", "extra", "changed", "extra folder"])
def test_a_comparison_sees_a_difference_and_changes_nothing(tree: Tree, difference: str) -> None:
    tree.run(robocopy.mirror(tree.source, tree.target))
    if difference == "missing":
        files.remove(tree.host, f"{tree.target}\\one.txt")
    elif difference == "extra":
        files.write_text(tree.host, f"{tree.target}\\extra.txt", "x")
    elif difference == "changed":
        files.write_text(tree.host, f"{tree.target}\\one.txt", "longer than before")
    else:
        files.make_folder(tree.host, f"{tree.target}\\extra")
    before = files.names(tree.host, tree.target)
    code, summaries, output = tree.run(robocopy.compare(tree.source, tree.target))
    assert code == (robocopy.EXTRA if difference.startswith("extra") else robocopy.COPIED), output
    assert [one.is_same for one in summaries] == [False], output
    assert files.names(tree.host, tree.target) == before


def test_a_folder_where_a_file_should_be_is_mismatched(tree: Tree) -> None:
    tree.run(robocopy.mirror(tree.source, tree.target))
    files.remove(tree.host, f"{tree.target}\\one.txt")
    files.make_folder(tree.host, f"{tree.target}\\one.txt")
    code, summaries, output = tree.run(robocopy.compare(tree.source, tree.target))
    assert code != 0, output
    assert [one.is_same for one in summaries] == [False], output


def test_a_missing_source_is_16(tree: Tree) -> None:
    code, summaries, output = tree.run(robocopy.mirror(f"{tree.source} missing", tree.target))
    assert code == robocopy.FATAL
    assert not robocopy.is_success(code)
    assert summaries == []
    assert robocopy.errors(output)


@pytest.fixture
def curl(host: WindowsHost) -> str:
    """Windows Server 2019 and later."""
    if not files.exists(host, CURL):
        pytest.skip(f"the host has no {CURL}: there the collection downloads with PowerShell")
    return CURL


def test_curl_fails_with_22_on_404(target: Target, host: WindowsHost, curl: str) -> None:
    assert host.run([curl, *QUIET, target.http_404]).exit_code == 22


def test_curl_fails_with_7_where_nobody_listens(host: WindowsHost, curl: str) -> None:
    assert host.run([curl, *QUIET, "http://127.0.0.1:1/"]).exit_code == 7


def test_curl_fails_with_6_on_an_unknown_name(host: WindowsHost, curl: str) -> None:
    assert host.run([curl, *QUIET, "http://octopus-acceptance.invalid/"]).exit_code == 6
