# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file of a plan, and the comparison with an approved one."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import plan_approval, plan_file
from ansible_collections.octopus.upgrade.tests.unit.plugins.module_utils._octopus.ready_facts import INSTALLED, READY, TARGET, made
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

# -- the file


def test_the_file_is_written_whole_once_and_only_for_its_instance(tmp_path: Path) -> None:
    path = tmp_path / "plans" / "prod.json"
    assert plan_file.write(str(path), made()) is True
    assert plan_file.read(str(path)) == json.loads(json.dumps(made()))
    assert plan_file.write(str(path), {**made(), "made": "2026-12-01T00:00:00+00:00"}) is False, "the same plan again is no change"
    assert plan_file.read(str(path))["made"] == made()["made"]
    with pytest.raises(InvalidValue, match="holds that of prod"):
        plan_file.write(str(path), {**made(), "instance": "other"})
    assert [one.name for one in path.parent.iterdir()] == ["prod.json"], "no half-written file is left"
    assert path.stat().st_mode & 0o777 & ~0o644 == 0


def test_what_is_no_plan_is_neither_overwritten_nor_used(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    for text, words in (
        ("my notes", "no JSON"),
        ("[]", "format 1"),
        ('{"format": 2}', "found 2"),
        ('{"format": 1}', "checks is missing"),
        (json.dumps({**made(), "checks": [{}]}), "checks is missing in it or damaged"),
    ):
        path.write_text(text)
        with pytest.raises(InvalidValue, match=words):
            plan_file.write(str(path), made())
        assert path.read_text() == text
    with pytest.raises(InvalidValue, match="Cannot read the plan"):
        plan_file.read(str(tmp_path / "missing.json"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InvalidValue, match="Cannot write the plan"):
        plan_file.write(str(tmp_path / "plan.json"), made())


def test_check_mode_writes_no_file(tmp_path: Path) -> None:
    given = {name: READY[name] for name in ("instance", "nodes", "server", "hosts", "database")}
    dest = tmp_path / "plan.json"
    for check_mode, there in ((True, False), (False, True)):
        result = run_module("octopus_plan", check_mode, **given, version=TARGET, path_rows_off=["dataversion"], dest=str(dest))
        assert (result.get("failed", False), result["changed"], dest.exists()) == (False, there, there)


# -- the plan that was approved


def test_the_same_world_is_what_was_approved() -> None:
    assert list(plan_approval.differences(made(), made())) == []


@pytest.mark.parametrize(
    ("problems", "says"),
    [
        ({"instance": "other"}, "the instance (then prod; now other)"),
        ({"server/installation_id": "new"}, "installation id (then 79af4d4a"),
        ({"nodes": ["octo-a"]}, "the nodes (then octo-a, octo-b; now octo-a)"),
        (
            {"packages/2026.2.9853/octo-a": {"sha256": "cd" * 32}},
            f"the package of {TARGET} on octo-a had the SHA-256 {'ab' * 32}, and has {'cd' * 32}",
        ),
        ({"server/license/is_compliant": False}, "license_compliant (prod) was ok, and is blocker"),
        ({"hosts/octo-b/readiness/reboot_pending": ["x"]}, "no_reboot_pending (octo-b) was ok, and is warning"),
        ({"database/sessions_visible": None}, "may_see_sessions (sql01) was ok, and is unknown"),
    ],
)
def test_each_difference_is_told(problems: dict[str, Any], says: str) -> None:
    found = list(plan_approval.differences(made(), made(problems)))
    assert any(says in one for one in found), found


def test_another_path_and_another_version_are_told() -> None:
    found = list(plan_approval.differences(made(), made(ladder=[TARGET])))
    assert found[0] == f"the upgrade path (then {INSTALLED} -> 2025.3.14357 -> {TARGET}; now {INSTALLED} -> {TARGET})"


def test_what_comes_and_goes_by_itself_and_what_was_not_looked_up_are_no_difference() -> None:
    unlooked = {"rehearsal": {"outlook": None, "looked": False}}
    for before, after in (
        ({}, {"server/readiness/tasks_queued": [{"task": "ServerTasks-9", "due": None}]}),
        (unlooked, {}),
        (unlooked, {"rehearsal": {"outlook": None}}),
        ({"server/license/is_compliant": None}, {}),
    ):
        waivers = ("license_compliant",)
        assert list(plan_approval.differences(made(before, waivers=waivers), made(after, waivers=waivers))) == []


def test_a_waiver_that_was_not_approved_is_a_difference() -> None:
    problem = {"server/license/is_compliant": False}
    found = list(plan_approval.differences(made(), made(problem, waivers=("license_compliant",))))
    assert found == ["license_compliant (prod) was ok, and is waived"]
    approved = made(problem, waivers=("license_compliant",))
    assert list(plan_approval.differences(approved, approved)) == []


def test_a_plan_with_blockers_is_nothing_to_approve() -> None:
    blocked = made({"server/license/is_compliant": False})
    assert next(plan_approval.differences(blocked, blocked)) == "that the approved plan itself has findings that stop it"


def test_the_module_refuses_what_was_not_approved_and_takes_a_waiver(tmp_path: Path) -> None:
    given = {name: copy.deepcopy(READY[name]) for name in ("instance", "nodes", "server", "hosts", "database", "packages", "backup")}
    given |= {"version": TARGET, "path_rows_off": ["dataversion"]}
    path = str(tmp_path / "plan.json")
    assert not run_module("octopus_plan", **given, dest=path).get("failed")
    same = run_module("octopus_plan", **given, approved=path)
    assert not same.get("failed") and same["checks"][0]["name"] == "plan_approved" and same["checks"][0]["ok"]
    given["nodes"] = ["octo-a"]
    refused = run_module("octopus_plan", **given, approved=path)
    assert refused["failed"] and "plan_approved (prod): expected what was approved" in refused["msg"] and "octo-a, octo-b" in refused["msg"]
    # A node less is a blocker of its own: the server still has it.
    accepted = run_module("octopus_plan", **given, approved=path, waivers=["plan_approved", "node_in_inventory"])
    assert not accepted.get("failed"), accepted["msg"]
