# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the workflows name is there: files, targets of the Makefile. Only GitHub can run them; this is what can be seen without it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PINNED = re.compile(r"^ *- uses: \S+@[0-9a-f]{40}  # v\d+(\.\d+)*$")


def steps(workflow: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each step with its job."""
    for job in yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values():
        for step in job["steps"]:
            yield job, step


def commands(workflow: Path) -> Iterator[str]:
    """What the steps run, with the values of their job's matrix in the place of ``$WHAT``."""
    for job, step in steps(workflow):
        for what in job.get("strategy", {}).get("matrix", {}).get("what", [""]):
            yield str(step.get("run", "")).replace('"$WHAT"', what).replace("$WHAT", what)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_and_jobs_end(workflow: Path) -> None:
    used = [line for line in workflow.read_text(encoding="utf-8").splitlines() if re.match(r" *-? *uses:", line)]
    assert [line for line in used if not PINNED.match(line)] == []
    assert all("timeout-minutes" in job for job, _step in steps(workflow))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_named_files_are_there(workflow: Path) -> None:
    named = {name for command in commands(workflow) for name in re.findall(r"(?<![\w/.\\])((?:tests|tools)/[\w./-]+)", command)}
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_named_targets_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    named = {name for workflow in WORKFLOWS for command in commands(workflow) for name in re.findall(r"\bmake ([a-z-]+)", command)}
    assert {"test", "coverage", "chaos", "clone-rounds", "demo", "demo-rollback", "demo-clone", "bench"} <= named
    assert sorted(named - targets) == []


def test_named_recipes_are_there() -> None:
    named = set(re.findall(r"\b((?:tests|tools)/[\w./-]+)", MAKEFILE))
    assert sorted(name for name in named if not (ROOT / name).exists()) == []
