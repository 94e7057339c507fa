# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One upgrade in an estate in which only what is documented exists, while a deployment waits for a person, and what it costs.

Each task costs the control node the time of a worker and of ansible-playbook, and most of them lie within the outage. A module that ran as a
process of its own would cost ten times as much, almost all of it Python's start. The limits keep that from growing back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.estate import SINGLE, Lab
from lab.octopus import interruptions
from scenarios.operator import Operator

MOST_TASKS = 92
CANARY = {"project": "Billing", "environment": "Development"}
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
SMOKE = """
- name: Ask for what must never be broken
  ansible.builtin.assert:
    that: octopus_instance == 'single' and preflight_api_url is match('https://')
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cost")


@pytest.fixture(scope="module")
def lab(folder: Path) -> Iterator[Lab]:
    with Lab(folder / "lab", SINGLE, scale=40, only_documented=True) as lab:
        yield lab


@pytest.fixture(scope="module")
def waiting(lab: Lab) -> dict[str, Any]:
    """A deployment that waits for a person's answer."""
    with lab.instances["single"].handle.store() as store:
        return interruptions.ask(store, lab.clock.now())


@pytest.fixture(scope="module")
def upgraded(lab: Lab, waiting: dict[str, Any], folder: Path) -> tuple[list[str], list[str]]:
    """The names of the tasks of one upgrade with one version, and the processes that it started."""
    (folder / "sitecustomize.py").write_text(HOOK)
    started = folder / "started.txt"
    started.touch()
    operator = Operator(lab, folder / "operator", more={"PYTHONPATH": str(folder), "STARTED_PROCESSES": str(started)})
    (folder / "operator" / "smoke.yml").write_text(SMOKE)
    run = operator.play("upgrade_inplace", octopus_interventions="leave", octopus_smoke_tests="smoke.yml", octopus_canary=CANARY)
    assert run.code == 0, run.output[-4000:]
    return [line for line in run.output.splitlines() if line.startswith("TASK [")], started.read_text().splitlines()


def test_who_is_asked_by_a_deployment_is_named_before_anything_is_changed(lab: Lab, waiting: dict[str, Any], tmp_path: Path) -> None:
    with lab.instances["single"].handle.store() as store:
        team = store.documents("Team")[0]["Name"]
    mark = lab.ledger.mark()
    refused = Operator(lab, tmp_path / "operator").play("upgrade_inplace", callbacks="octopus.upgrade.exit_status")
    assert refused.code == 20, "refused before any change"
    told = " ".join(refused.output.split())
    assert f"nobody_asked (single): expected no task that waits for a person's answer, but found {waiting['Id']}" in told
    assert f"for team {team}" in told and "octopus_interventions" in told
    assert not [event for event in lab.ledger.events("octopus", since=mark) if event.get("what") in ("drain", "stopped")]


def test_the_users_own_tests_run_before_anybody_is_let_in(upgraded: tuple[list[str], list[str]]) -> None:
    tasks = [line.rpartition(" : ")[2].rstrip("* ").rstrip("]") for line in upgraded[0]]
    order = [tasks.index(name) for name in ("Count, read, and compare with the baseline", "Ask for what must never be broken")]
    assert order == sorted(order)
    assert order[-1] < tasks.index("Undrain the nodes that were not drained before")


def test_a_canary_is_looked_at_before_and_deployed_once_users_are_in(lab: Lab, upgraded: tuple[list[str], list[str]]) -> None:
    """Not before: a task begins on no drained node, and those that users have queued would begin with it."""
    tasks = [line.rpartition(" : ")[2].rstrip("* ").rstrip("]") for line in upgraded[0]]
    first, last = [place for place, name in enumerate(tasks) if name == "Deploy a canary release, and remove it"]
    assert first < tasks.index("Record the baseline, with its contents") < tasks.index("Set maintenance mode as it was before") < last
    writes = [event for event in lab.ledger.events("rest") if event["method"] in ("POST", "DELETE") and "/Spaces-1/" in event["path"]]
    names = [(event["method"], event["path"].split("/")[3], event["status"]) for event in writes[:4]]
    assert names == [("POST", "releases", 201), ("POST", "deployments", 201), ("DELETE", "deployments", 200), ("DELETE", "releases", 200)]
    deployed = [event.seq for event in lab.ledger.events("octopus") if event.get("name") == "Deploy" and event.get("state") == "Success"]
    assert any(writes[1].seq < seq < writes[2].seq for seq in deployed)


@pytest.mark.usefixtures("upgraded")
def test_it_can_be_verified_at_any_time_against_the_restore_point(lab: Lab, folder: Path) -> None:
    """A subscription that got enabled is named, and waived here: then all the rest of the verification follows."""
    instance = lab.instances["single"]
    with instance.handle.store(SINGLE.target) as store:
        [enabled] = store.where("Subscription", Name="Muted")
        store.save("Subscription", {**enabled, "IsDisabled": False})
    mark = lab.ledger.mark()
    more: dict[str, Any] = {"octopus_ci_api_key": instance.secrets.api_key, "octopus_smoke_tests": "smoke.yml"} | {"octopus_canary": CANARY}
    run = Operator(lab, folder / "operator").play("verify", octopus_waivers=["disabled_kept"], **more)
    assert run.code == 0, run.output[-4000:]
    told = " ".join(run.output.split())
    assert "disabled_kept (Spaces-1): subscription Muted: disabled before, enabled now" in told
    assert "compared with the restore point" in told and "System Integrity Check: Success" in told
    assert "Ask for what must never be broken" in told
    writes = [event for event in lab.ledger.events("rest", since=mark) if event["method"] != "GET" and event["user"]]
    assert [(event["method"], event["path"].rpartition("/")[2][:25]) for event in writes] == [
        ("POST", "tasks"),
        ("POST", "raw"),
        ("DELETE", "packages-octopus.upgrade.p"[:25]),
        ("POST", "releases"),
        ("POST", "deployments"),
        ("DELETE", writes[-2]["path"].rpartition("/")[2]),
        ("DELETE", writes[-1]["path"].rpartition("/")[2]),
    ]
    assert "Canary: " in told and "-octopus-upgrade-canary." in told


@pytest.mark.usefixtures("upgraded")
def test_nothing_assumed_is_needed_and_who_is_asked_goes_on_being_asked(lab: Lab, waiting: dict[str, Any]) -> None:
    with lab.instances["single"].handle.store(SINGLE.target) as store:
        after = store.document("ServerTask", waiting["Id"])
        assert store.history()[-1]["Version"] == SINGLE.target
    assert after is not None
    assert (after["State"], bool(after["HasPendingInterruptions"])) == ("Executing", True)


def test_an_upgrade_has_few_tasks(upgraded: tuple[list[str], list[str]]) -> None:
    tasks = [line for line in upgraded[0] if "canary release" not in line]  # which was asked for here
    assert 50 < len(tasks) <= MOST_TASKS, json.dumps(tasks, indent=1)


def test_no_module_and_no_ansible_vault_is_a_process(upgraded: tuple[list[str], list[str]]) -> None:
    _tasks, started = upgraded
    pythons = [line for line in started if line.startswith("python ")]
    assert len(pythons) == 1, "ansible-playbook itself, and no module: " + "\n".join(started)
    assert [line for line in started if "ansible-vault" in line or "ansible.cli.vault" in line] == []
