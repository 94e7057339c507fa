# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first commands of a newcomer: from a checkout, and from an installed collection, with no environment variable set."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = Path(sys.executable).parent
PLAYBOOKS = sorted(ROOT.glob("playbooks/*.yml"))
INVENTORY = """
octopus:
  children:
    octopus_prod:
      hosts: {octo-a: {}}
      vars: {octopus_instance: prod}
"""


def run(folder: Path, program: str, *arguments: object) -> str:
    """The output of a program of ansible-core, run in a folder and with a home of its own."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    command = [str(PROGRAMS / program), *map(str, arguments)]
    ended = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder outside the checkout, with an inventory."""
    (tmp_path / "inventory.yml").write_text(INVENTORY, encoding="utf-8")
    return tmp_path


def listed(output: str) -> set[str]:
    """The names of the tasks that ``--list-tasks`` printed, without their tags."""
    return {line.split("\t", 1)[0].strip() for line in output.splitlines() if line.startswith("      ")}


def test_every_playbook_of_a_checkout_is_found_complete(elsewhere: Path) -> None:
    output = run(elsewhere, "ansible-playbook", *PLAYBOOKS, "-i", "inventory.yml", "--list-tasks")
    for playbook in PLAYBOOKS:
        assert f"playbook: {playbook}" in output
    assert any(name.startswith("octopus.upgrade.") for name in listed(output)), "the roles are found by their full names"


def test_the_built_collection_installs_and_runs_by_name(elsewhere: Path) -> None:
    run(elsewhere, "ansible-galaxy", "collection", "build", ROOT, "--output-path", elsewhere)
    [artifact] = elsewhere.glob("octopus-upgrade-*.tar.gz")
    with tarfile.open(artifact) as archive:
        members = archive.getmembers()
    assert not [member.name for member in members if member.issym() or member.name.startswith("playbooks/collections")]
    run(elsewhere, "ansible-galaxy", "collection", "install", artifact, "--offline")
    assert_runs_by_name(elsewhere)


def test_the_repository_installs_by_its_address_and_runs_by_name(elsewhere: Path) -> None:
    run(elsewhere, "ansible-galaxy", "collection", "install", f"git+file://{ROOT}")
    assert_runs_by_name(elsewhere)


def assert_runs_by_name(folder: Path) -> None:
    """Every playbook of the collection that is installed in the folder's home loads by its full name."""
    installed = folder / "home/.ansible/collections/ansible_collections/octopus/upgrade"
    assert not (installed / "playbooks/collections").exists()
    names = [f"octopus.upgrade.{playbook.stem}" for playbook in PLAYBOOKS]
    output = run(folder, "ansible-playbook", *names, "-i", "inventory.yml", "--list-tasks")
    for playbook in PLAYBOOKS:
        assert f"playbook: {installed / 'playbooks' / playbook.name}" in output
