# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one upgrade costs the control node, so that it does not grow back: tasks, and processes that are started.

Each task costs the time of a worker and of ansible-playbook, and most of them lie within the outage. A module that ran as a process of its own
would cost ten times as much, almost all of it Python's start.
"""

from __future__ import annotations

import json

import pytest
from lab.estate import SINGLE, Lab
from scenarios.operator import Operator

MOST_TASKS = 92
# Python calls this when it starts, in ansible-playbook and in nothing else that a test runs: it writes down each process that is started.
HOOK = """
import os, sys
def write(line):
    with open(os.environ["STARTED_PROCESSES"], "a") as stream:
        stream.write(line + "\\n")
def hook(event, arguments):
    if event in ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.system"):
        write(f"{event} {arguments[:2]}")
write(f"python {sys.argv[:1]}")
sys.addaudithook(hook)
"""


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[str]]:
    """The names of the tasks of one upgrade with one version, and the processes that it started."""
    folder = tmp_path_factory.mktemp("cost")
    (folder / "sitecustomize.py").write_text(HOOK)
    started = folder / "started.txt"
    started.touch()
    with Lab(folder / "lab", SINGLE, scale=40) as lab:
        operator = Operator(lab, folder / "operator", more={"PYTHONPATH": str(folder), "STARTED_PROCESSES": str(started)})
        run = operator.play("upgrade_inplace")
    assert run.code == 0, run.output[-4000:]
    return [line for line in run.output.splitlines() if line.startswith("TASK [")], started.read_text().splitlines()


def test_an_upgrade_has_few_tasks(upgraded: tuple[list[str], list[str]]) -> None:
    tasks, _started = upgraded
    assert 50 < len(tasks) <= MOST_TASKS, json.dumps(tasks, indent=1)


def test_no_module_and_no_ansible_vault_is_a_process(upgraded: tuple[list[str], list[str]]) -> None:
    _tasks, started = upgraded
    pythons = [line for line in started if line.startswith("python ")]
    assert len(pythons) == 1, "ansible-playbook itself, and no module: " + "\n".join(started)
    assert [line for line in started if "ansible-vault" in line or "ansible.cli.vault" in line] == []
