# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A new user follows *Getting started* to the first plan; with ``make guides``, then the other guides, command by command.

Only what ``NOT_HERE`` lists is not typed. The tests run in this order, in one home directory and one lab. ``build/walk.txt`` has what was typed and
shown.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.estate import SINGLE, CloneSpec, Lab
from scenarios.docs.blocks import ROOT, page
from scenarios.docs.commands import NOT_HERE, STORY
from scenarios.docs.newcomer import Newcomer, elsewhere, grant, stand_ins

pytestmark = pytest.mark.timeout(3000)
EVERYTHING = os.environ.get("OCTOPUS_GUIDES") == "all"
CLONE = CloneSpec("prod-clone", SINGLE.name, ("octo-clone",))
SPECS = (SINGLE, CLONE) if EVERYTHING else (SINGLE,)
COMMANDS = 15  # fewer than this, in a first hour


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    """Somebody with an empty home, to whom the administrators have given what only they can: SQL login, share, API key, certificate."""
    folder = tmp_path_factory.mktemp("newcomer")
    (folder / "home").mkdir()
    with Lab(folder / "lab", *SPECS, scale=40) as lab:
        instance = lab.instances[SINGLE.name]
        script, *_others = [block for block in page("guide_requirements") if block.language == "sql"]
        assert len(grant(instance, script.text, instance.secrets.sql_password)) == 1
        person = Newcomer(folder / "home", stand_ins(lab, instance, lab.clones.get(CLONE.name)))
        person.bring_authority(lab.ca_path)
        person.variables = elsewhere(lab)
        yield person
    person.write_transcript(ROOT / "build" / "walk.txt")


def test_the_first_plan(newcomer: Newcomer) -> None:
    blocks = page("guide_start")
    first = next(place for place, block in enumerate(blocks) if block.caption)
    for place, block in enumerate(blocks):
        # The command that opens the editor stands before what is typed there, so all files are saved from the first one on.
        if place == first:
            for file in blocks[first:]:
                if file.caption:
                    newcomer.save(file)
            newcomer.bring_variables()
        for command in block.commands():
            if command not in NOT_HERE:
                newcomer.types(command)
    typed = [command for command, _output in newcomer.transcript]
    assert typed[-1] == "ansible-playbook octopus.upgrade.plan"
    assert len(typed) + 1 < COMMANDS, f"with the one that installs packages: {typed}"
    plan = newcomer.transcript[-1][1]
    assert f"prod: {SINGLE.version} -> {SINGLE.target}" in plan, plan[-5000:]
    assert "Nothing stops it" in plan
    assert "To go on:" in plan


def test_the_secrets_stay_secret(newcomer: Newcomer) -> None:
    shown = "".join(output for _command, output in newcomer.transcript)
    sealed = (newcomer.home / "octopus/inventory/group_vars/all/vault.yml").read_text(encoding="utf-8")
    assert sealed.startswith("$ANSIBLE_VAULT;")
    for secret in newcomer.secrets():
        assert secret not in shown
        assert secret not in sealed
    assert stat.S_IMODE((newcomer.home / ".octopus-vault").stat().st_mode) == 0o600


@pytest.mark.skipif(not EVERYTHING, reason="takes ten minutes: make guides")
@pytest.mark.parametrize("guide", STORY)
def test_the_commands_of_a_guide(newcomer: Newcomer, guide: str) -> None:
    for block in page(guide):
        if block.caption:
            newcomer.save(block)
        for command in block.commands():
            if command not in NOT_HERE:
                newcomer.types(command)


def test_the_walk_does_not_depend_on_this_machine(newcomer: Newcomer) -> None:
    """Nothing of a developer's is in the new user's environment: no virtual environment but their own, no variable of Ansible's."""
    own = str(newcomer.home / "octopus-upgrade")
    assert newcomer.types("env | grep -E '^(VIRTUAL_ENV|ANSIBLE_.*|PYTHONPATH)='").split() == [f"VIRTUAL_ENV={own}"]
    assert newcomer.types("command -v ansible-playbook").strip() == str(Path(own) / "bin/ansible-playbook")
