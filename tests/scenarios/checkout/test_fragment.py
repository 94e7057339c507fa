# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check that a change brings a changelog fragment, in a repository of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[3] / "tools" / "fragment.py"


class Repository:
    """A repository with one commit on ``main``, and a branch for a change."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "--quiet", "--initial-branch", "main")
        self.write("plugins/modules/one.py", "1")
        self.write("changelogs/fragments/.keep", "")
        self.commit()
        self.git("switch", "--quiet", "--create", "change")

    def git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")
        subprocess.run(["git", *identity, *arguments], cwd=self.root, check=True, capture_output=True)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "a change")

    def check(self) -> tuple[int, str]:
        environment = {name: value for name, value in os.environ.items() if name != "GITHUB_BASE_REF"}
        command = [sys.executable, str(TOOL), "--root", str(self.root)]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return ended.returncode, ended.stdout + ended.stderr


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.mark.parametrize("committed", [False, True])
def test_a_change_of_what_users_get_calls_for_a_fragment(repository: Repository, committed: bool) -> None:
    repository.write("plugins/modules/one.py", "2")
    repository.write("roles/new/tasks/main.yml", "---")
    if committed:
        repository.commit()
    code, output = repository.check()
    assert code == 1
    assert "plugins/modules/one.py" in output
    assert "roles/new/tasks/main.yml" in output
    repository.write("changelogs/fragments/one.yml", "---\nminor_changes: [one - two.]\n")
    if committed:
        repository.commit()
    assert repository.check()[0] == 0


def test_a_removed_file_counts_and_a_removed_fragment_does_not(repository: Repository) -> None:
    repository.git("switch", "--quiet", "main")
    repository.write("changelogs/fragments/old.yml", "---\n")
    repository.commit()
    repository.git("switch", "--quiet", "--create", "another")
    repository.git("rm", "--quiet", "changelogs/fragments/old.yml", "plugins/modules/one.py")
    assert repository.check()[0] == 1


def test_other_files_need_none(repository: Repository) -> None:
    repository.write("tests/unit/test_one.py", "")
    repository.write("README.md", "")
    assert repository.check()[0] == 0


def test_without_a_main_branch_it_passes_and_says_so(repository: Repository) -> None:
    repository.git("branch", "--delete", "--force", "main")
    repository.write("plugins/modules/one.py", "2")
    code, output = repository.check()
    assert (code, output.startswith("No main branch")) == (0, True), output
