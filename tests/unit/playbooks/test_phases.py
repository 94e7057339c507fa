# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the playbooks say of themselves is what they do: the phases and their order, the tags, and the deadlines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

TOP = Path(__file__).resolve().parents[3]
TASKS = TOP / "roles" / "upgrade" / "tasks"
PHASES = ["preflight", "stage", "quiesce", "backup", "apply", "verify", "publish"]


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_header_lists_the_phases_in_order() -> None:
    header = (TOP / "playbooks" / "upgrade_inplace.yml").read_text(encoding="utf-8").split("\n- name:")[0]
    assert re.findall(r"^#   (\w+)  ", header, re.MULTILINE) == PHASES


def test_each_phase_has_a_file_and_a_tag_and_comes_in_that_order() -> None:
    preflight = load(TASKS / "main.yml")[0]
    [attempt] = load(TASKS / "attempt.yml")
    imported = [task for task in attempt["block"] if "ansible.builtin.import_tasks" in task]
    assert [preflight["tags"], *(task["tags"] for task in imported)] == PHASES
    for task in imported:
        assert task["ansible.builtin.import_tasks"] == f"{task['tags']}.yml"
        assert (TASKS / f"{task['tags']}.yml").is_file()


def test_a_task_timeout_of_the_user_ends_no_step() -> None:
    """Each module keeps its own deadline. Ansible's would end a healthy step, and an upgrade would roll back."""
    plays = load(TOP / "playbooks" / "each_instance.yml")
    assert [play["timeout"] for play in plays if play.get("strategy")] == [0]


def test_every_step_is_named_once() -> None:
    """A step is known by its name alone: two tasks of one name would replay each other's results, but for two ways to do the same."""
    found: dict[str, list[str]] = {}
    for path in sorted((TOP / "roles").glob("*/tasks/*.yml")):
        for step in re.findall(r"^ +step: [\"']?([^\"'\n]+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            found.setdefault(step, []).append(f"{path.parent.parent.name}/{path.name}")
    twice = {step: places for step, places in found.items() if len(places) > 1}
    assert twice == {
        "clone.stop": ["clone/remove_all.yml", "clone/replace.yml"],  # of two operations, neither of which resumes the other
        "prune": ["backup/attempt.yml", "upgrade/attempt.yml"],  # likewise
        "rollback.database": ["rollback/steps.yml", "rollback/steps.yml"],  # from the snapshot, or from the backup
    }


def test_undraining_is_left_out_where_every_node_was_drained_before() -> None:
    """A module that is given no node at all refuses, and a refusal here would leave the instance in maintenance mode."""
    for path in sorted((TOP / "roles").glob("*/tasks/*.yml")):
        for task in _tasks(load(path)):
            node = task.get("octopus.upgrade.octopus_node") or {}
            if node.get("state") == "undrained":
                assert "| length > 0" in str(task.get("when")), f"{path.name}: {task['name']}"


def test_who_removes_the_api_keys_of_a_clone_keeps_ours() -> None:
    """Otherwise nobody could read the clone, and no refresh could succeed."""
    found = []
    for path in sorted((TOP / "roles").glob("*/tasks/*.yml")):
        for task in _tasks(load(path)):
            for module in ("octopus_quarantine", "octopus_quarantine_verify"):
                asked = task.get(f"octopus.upgrade.{module}") or {}
                if "api_keys" in asked:
                    found.append(path.name)
                    if module == "octopus_quarantine":  # the verification knows them by the record
                        assert "clone_kept_keys" in str(asked.get("keep_api_keys")), f"{path.name}: {task['name']}"
    assert found == ["make.yml", "verify_quarantine.yml", "before.yml"]


def _tasks(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All tasks of a file, those in blocks too."""
    inner = [task.get(part) or [] for task in tasks for part in ("block", "rescue", "always")]
    return tasks + [one for part in inner for one in _tasks(part)]
