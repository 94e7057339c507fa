# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rollback asks or refuses is asked before the outage. A question that is added to the rollback alone fails here.

The tables map each step of a rollback, and each refusal of the restore, to what asks the same before: a check of the plan, or a task that
runs before users notice anything.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import plan
from ansible_collections.octopus.upgrade.tests.unit.plugins.module_utils._octopus.rollback_facts import STANDALONE
from ansible_collections.octopus.upgrade.tests.unit.plugins.module_utils._octopus.test_plan import STAGED, change, facts, failing
from ansible_collections.octopus.upgrade.tests.unit.plugins.module_utils._octopus.test_rollback_checks import SITUATIONS

TOP = Path(__file__).resolve().parents[5]
ROLLBACK = TOP / "roles" / "rollback" / "tasks"
BEFORE = ["preflight/tasks/here.yml", "preflight/tasks/read.yml", "preflight/tasks/plan.yml", "upgrade/tasks/stage.yml"]
TARGET = "2026.2.9853"

_READ = "Read the nodes and the REST API, and find the instance"
_STAGED = "Stage package, secrets and configurations in the restore point"
STEPS: dict[str, set[str]] = {
    "Verify the restore point": {"may_restore", _STAGED},
    "Look for a snapshot that was made with the restore point, which needs no room": {"rollback_possible"},
    "Check that the database can be taken out of its availability group": {"rollback_possible"},
    "Check that SQL Server can restore the database, and has room for it": {"may_restore", "rollback_possible", "space_for_rollback"},
    "Check that the login keeps its access to the database": {"may_restore"},  # it is the one that backs up
    "Switch the service watchdog off": {"instance_found"},
    "Stop the nodes": {"instance_found", "service_running"},
    "Cancel and remove the jobs of earlier attempts": {"nothing_else_running"},
    "Wait until no session is left on the database": {"may_see_sessions", "heartbeats_readable"},
    "Take the database out of its availability group": {"rollback_possible"},
    "Look for the snapshot that was made with the restore point": {"rollback_possible"},
    "Revert the database to the snapshot": {"may_restore", "rollback_possible"},
    "Drop the snapshot of a database that cannot be reverted any more": {"may_restore"},
    "Restore the database from the backup, and retain the failed one under another name": {
        "may_restore",
        "rollback_possible",
        "rollback_complete",
        "space_for_rollback",
    },
    "Restore the server folders, and retain what is replaced": {
        "folders_known",
        "space_for_folders",
        "Copy the server folders for the first time",
    },
    # The login that restores it owns it; where there is no record of a quarantine, it is only read.
    "Apply and verify the quarantine again where the database is a clone's": {"may_restore", "Read the database"},
    "Remove the newer programs, and install those of the restore point": {
        "installed_package_verified",
        "installed_package_cached",
        "space_on_node",
        "Stage the package of each version, and the installed one",
    },
    "Restore the configuration of the nodes where it differs": {_STAGED},
    "Start the coordinator, and wait until it is healthy": {"node_answers", "service_running"},
    "Start the other nodes, and wait until they are healthy": {"node_answers", "service_running"},
    "Read the nodes and the REST API": {_READ},
    "Read the version of the database": {"Read the database"},
    "Check that every node, the API and the database are at the old version": {"versions_agree"},
    "Count, read, and compare with what there was": {_READ},
    "Open the portals again": {"instance_found"},
    "Undrain the nodes that were not drained before": {_READ},
    "Set maintenance mode as it was before": {_READ},
    "Switch the service watchdog on again where it was on": {"instance_found"},
}
# Each function of mssql_restore that refuses, with how often it does. None: it refuses parameters, a damaged backup, or a second attempt.
REFUSALS: dict[str, tuple[int, set[str] | None]] = {
    "target.decide": (1, None),
    "target.check_permissions": (4, {"may_restore"}),
    "target._refuse_replicas": (2, {"rollback_possible"}),
    "target._refuse_snapshots": (1, {"rollback_possible"}),
    "target._rename": (1, None),
    "target._first": (1, {"database_writable"}),
    "files.check_space": (1, {"space_for_rollback"}),
    "files._volumes": (1, {"space_for_rollback"}),
    "files.new": (1, {"space_for_rollback"}),
    "files._exists": (2, {"may_restore"}),
    "prepare.select": (3, None),
    "prepare.prepare": (1, None),
    "prepare.future_owner": (2, {"may_restore"}),
    "history.last_restore": (2, {"may_restore"}),
    "history.refuse_content": (2, None),
}
# What is read of the database and refuses nothing: names, what the plan tells, and what the restore point returns with the database.
TOLD = {
    *("rights/login", "rights/owner", "rights/see_sessions"),
    *("surroundings/encrypted", "surroundings/recovery_model", "surroundings/collation", "surroundings/containment"),
    *("surroundings/delayed_durability", "surroundings/group", "room/needed"),
}


def tasks(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in found:
        yield from tasks(task["block"]) if "block" in task else [task]


def load(path: Path) -> list[dict[str, Any]]:
    return list(tasks(yaml.safe_load(path.read_text(encoding="utf-8"))))


def can_fail(task: dict[str, Any]) -> bool:
    """Whether the task asks or changes something, and its failure ends the rollback. Working out a plan from what was read asks nothing."""
    if task.get("failed_when") is False or task.get("ignore_errors"):
        return False
    acts = [key for key in task if key.startswith("octopus.upgrade.") or key in ("ansible.builtin.assert", "ansible.builtin.fail")]
    return bool(acts) and acts != ["octopus.upgrade.octopus_rollback_plan"]


def test_each_step_of_a_rollback_is_asked_before_the_outage() -> None:
    imported = [task["ansible.builtin.import_tasks"] for task in load(ROLLBACK / "automatic.yml")]
    assert imported == ["verify.yml", "written.yml", "steps.yml"]
    assert [task["name"] for name in imported for task in load(ROLLBACK / name) if can_fail(task)] == list(STEPS)


def test_what_asks_before_the_outage_exists() -> None:
    before = {task["name"] for name in BEFORE for task in load(TOP / "roles" / name)}
    asked = set().union(*STEPS.values(), *(checks or set() for _count, checks in REFUSALS.values()))
    assert all(STEPS.values())
    assert asked - before - set(plan.NAMES) == set()


def test_each_refusal_of_the_restore_is_asked_before_the_outage() -> None:
    found = {}
    for module in ("target", "files", "prepare", "history"):
        source = (TOP / "plugins" / "module_utils" / "_mssql" / "restore" / f"{module}.py").read_text(encoding="utf-8")
        for function in ast.walk(ast.parse(source)):
            if isinstance(function, ast.FunctionDef) and (count := sum(isinstance(one, ast.Raise) for one in ast.walk(function))):
                found[f"{module}.{function.name}"] = count
    assert found == {name: count for name, (count, _checks) in REFUSALS.items()}


def test_what_is_read_of_the_database_for_a_rollback_refuses_something_or_is_told() -> None:
    read = {f"{part}/{key}" for part in ("rights", "surroundings", "room") for key in STANDALONE[part]}
    refusing = {path for path, *_rest in SITUATIONS} | {"rights/overwrite"}  # with octopus_rollback_keeps: false
    assert read - refusing == TOLD


OUTSIDE = [
    ("a portal with a certificate for another name", "hosts/octo-a/instances/0/answers", {"ok": False}, "node_answers"),
    ("a node that nobody asked", "hosts/octo-b/instances/0/answers", None, "node_answers"),
    ("an account of the jobs that SQL Server does not know", "database/account", {"db_owner": False}, "job_account_on_database"),
    ("sessions that the login does not see", "database/sessions_visible", False, "may_see_sessions"),
    ("a node without room for the packages", "hosts/octo-a/free_bytes", {"C:": 1}, "space_on_node"),
    ("a node that does not say how much is free", "hosts/octo-a/free_bytes", {}, "space_on_node"),
    ("a full backup share", "backup/free_bytes", 1, "space_for_backup"),
    ("a database of unknown size", "backup/estimated_bytes", None, "space_for_backup"),
    ("an MSI that nothing states the hash of", "packages/2020.5.7/octo-a", {**STAGED, "stated_by": None}, "installed_package_verified"),
    (
        "a cached MSI that somebody has removed",
        "packages/2020.5.7/octo-b/cached_package",
        {"path": "C:\\1.msi", "exists": False, "source": None},
        "installed_package_cached",
    ),
    ("a program that Windows Installer does not know", "packages/2020.5.7/octo-a/cached_package", None, "installed_package_cached"),
    ("folders that nothing names", "server/folders", {}, "folders_known"),
    ("another run at work", "hosts/octo-b/running_jobs", ["msi-1"], "nothing_else_running"),
    ("clocks that nobody could read", "database/clock_offset_seconds", None, "clocks_agree"),
]


@pytest.mark.parametrize(("path", "value", "name"), [row[1:] for row in OUTSIDE], ids=[row[0] for row in OUTSIDE])
def test_what_else_a_rollback_would_meet_is_refused_by_its_name_and_may_be_waived(path: str, value: Any, name: str) -> None:
    situation = facts(**change(path, value))
    assert failing(plan.checks(situation, TARGET, [TARGET])) == [name]
    assert failing(plan.checks(situation, TARGET, [TARGET], [name])) == []
