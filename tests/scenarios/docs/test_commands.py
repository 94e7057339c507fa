# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every command of README and guides is typed by somebody, or is in the list of those that are not; and what each names exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from scenarios.docs.blocks import README, ROOT, Block, blocks, every_block, page
from scenarios.docs.commands import NOT_HERE, STORY

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PLAYBOOKS = {path.stem for path in (ROOT / "playbooks").glob("*.yml")} - {"each_instance"}
WALK = ("guide_start", *STORY)
# Languages that no program here reads; those of "console", "yaml", "sql" and "ini" are looked at below.
UNREAD = {"powershell": "for Windows", "text": "what a program shows"}
VALUED = ("-i", "--limit", "-e", "--vault-password-file", "--forks", "--tags")


def variables() -> set[str]:
    """Every variable that the roles of variables document."""
    found: set[str] = set()
    for role in ("instance", "tentacles"):
        spec = yaml.safe_load((ROOT / f"roles/{role}/meta/argument_specs.yml").read_text(encoding="utf-8"))
        found |= set(spec["argument_specs"]["main"]["options"])
    return found


def commands() -> Iterator[tuple[Block, str]]:
    for block in every_block():
        for command in block.commands():
            yield block, command


def playbook_commands() -> list[str]:
    return sorted({command for _block, command in commands() if command.startswith("ansible-playbook ")})


def test_every_command_is_typed_by_somebody_or_listed() -> None:
    typed = {command for name in WALK for block in page(name) for command in block.commands()}
    unknown = [
        f"{block.page}: {command}"
        for block, command in commands()
        if command not in typed and command not in NOT_HERE and not command.startswith("make ")
    ]
    assert unknown == [], "type it in a guide of STORY, or say in NOT_HERE why not"


def test_what_is_listed_as_not_typed_is_there() -> None:
    assert sorted(set(NOT_HERE) - {command for _block, command in commands()}) == []


def test_targets_of_make_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    named = {shlex.split(command)[1] for _block, command in commands() if command.startswith("make ")}
    assert sorted(named - targets) == []


@pytest.mark.parametrize("command", playbook_commands())
def test_playbook_groups_and_variables_are_known(command: str) -> None:
    words = iter(shlex.split(command)[1:])
    options: dict[str, list[str]] = {}
    plain = []
    for word in words:
        if word in VALUED:
            options.setdefault(word, []).append(next(words))
        elif word.startswith("-"):
            assert word in ("--check", "--diff", "--ask-vault-pass"), f"an option that no test knows: {word}"
        else:
            plain.append(word)
    assert len(plain) == 1 and plain[0].rpartition(".")[2] in PLAYBOOKS
    for limit in options.get("--limit", []):
        assert set(re.split(r"[,:!]+", limit)) <= groups()
    for extra in options.get("-e", []):
        assert extra.partition("=")[0] in variables()


def groups() -> set[str]:
    """The groups of the inventory that the guides write."""
    found: set[str] = set()

    def walk(tree: dict[str, Any]) -> None:
        for name, group in tree.items():
            found.add(name)
            walk((group or {}).get("children") or {})

    for block in every_block():
        if re.fullmatch(r"inventory/[a-z]+\.yml", block.caption):
            walk(yaml.safe_load(block.text))
    return found


@pytest.mark.parametrize("block", [block for block in every_block() if block.language == "yaml"], ids=lambda block: block.page)
def test_yaml_is_yaml_and_its_variables_are_known(block: Block) -> None:
    yaml.safe_load(block.text)
    known = variables() | groups() | {"octopus_test"}
    assert sorted(set(re.findall(r"^ *(octopus_[a-z_]+):", block.text, re.MULTILINE)) - known) == []


def test_every_language_is_one_that_somebody_looks_at() -> None:
    assert {block.language for block in every_block()} <= {"console", "yaml", "ini", "sql"} | set(UNREAD)


def test_what_pip_installs_is_what_is_required() -> None:
    required = [line for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    lines = {command for _block, command in commands() if command.startswith("pip install ") and "kerberos" not in command}
    assert [sorted(shlex.split(line)[2:]) for line in lines] == [sorted(required)]


def test_readme_is_short_and_its_links_lead_somewhere() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    links = re.findall(r"\]\((?!https?:|#)([^)]+)\)", text)
    assert [link for link in links if not (README.parent / link).exists()] == []
    assert {Path(link).stem for link in links} >= {"guide_start", "guide_verified"}


def test_the_start_of_readme_is_that_of_the_guide() -> None:
    first = next(block for block in blocks(README) if block.language == "console")
    typed = [command for block in page("guide_start") for command in block.commands() if command not in NOT_HERE]
    assert first.commands() == typed[: len(first.commands())]


def test_every_guide_is_in_the_table_of_contents() -> None:
    sections = yaml.safe_load((ROOT / "docs/docsite/extra-docs.yml").read_text(encoding="utf-8"))["sections"]
    listed = [name for section in sections for name in section["toctree"]]
    assert sorted(listed) == sorted(path.stem for path in (ROOT / "docs/docsite/rst").glob("*.rst"))
