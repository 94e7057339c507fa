# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the creation or the removal of a test instance is told, to people and to other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._run import test_instance_report as report

MADE = {"version": "2025.3.14357", "database": "Octopus prod-test", "projects": ["Web Shop", "Infra"]}


def params(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        **{"instance": "prod-test", "test_of": "prod", "path": str(tmp_path / "out" / "prod-test.test.json")},
        **{"status": None, "unchanged": False, "begun": False, "error": "", "lock_lost": False, "made": MADE, "contents": {}},
        **{"git_projects": ["Infra"], "not_carried": ["packages", "triggers"], "packages": {}},
    }
    return {**given, **changes}


def test_what_did_not_arrive_is_told_to_people_and_programs(tmp_path: Path) -> None:
    told = report.end(params(tmp_path, status="created"), False)
    assert told["summary"] == [
        "prod-test: created at 2025.3.14357 with Web Shop, Infra",
        "version-controlled, and so in the repository of the original: Infra",
        "not carried over: packages; triggers",
    ]
    assert (told["message"], told["exit_status"]) == ("", 0)
    written = json.loads((tmp_path / "out" / "prod-test.test.json").read_text())
    assert (written["not_carried"], written["projects"], written["status"]) == (["packages", "triggers"], MADE["projects"], "created")


def test_packages_that_were_copied_are_not_missing(tmp_path: Path) -> None:
    found = {"packages": 3, "copied": 2, "existing": 1, "bytes": 9, "missing": ["Web 1.0"], "different": [], "unknown": []}
    told = report.end(params(tmp_path, status="created", packages=found), True)
    assert "packages: 2 copied, 1 there before" in told["summary"]
    assert told["result"]["not_carried"] == ["triggers", "packages of runbooks only", "packages which are missing on the source: Web 1.0"]
    assert told["result"]["packages"] == {"copied": 2, "existing": 1, "bytes": 9}


@pytest.mark.parametrize(
    ("changes", "status", "exit_status"),
    [
        ({}, "planned", 0),
        ({"unchanged": True}, "unchanged", 0),
        ({"error": "x"}, "not_started", 20),
        ({"error": "x", "unchanged": True}, "not_started", 20),
        ({"error": "x", "status": "failed"}, "failed", 24),
        ({"error": "x", "status": "failed_removal"}, "failed_removal", 24),
        ({"status": "removed"}, "removed", 0),
    ],
)
def test_how_it_ended(tmp_path: Path, changes: dict[str, Any], status: str, exit_status: int) -> None:
    told = report.end(params(tmp_path, **changes), False)
    assert (told["status"], told["exit_status"], bool(told["message"])) == (status, exit_status, "error" in changes)


def test_a_failure_says_how_the_source_is_and_what_to_do(tmp_path: Path) -> None:
    message = report.end(params(tmp_path, error="Import: refused", status="failed"), True)["message"]
    assert message.startswith("Import: refused\nThe test instance prod-test is not complete")
    assert "Its source prod is as it was" in message and "remove_test_instance.yml" in message
    lost = report.end(params(tmp_path, error="x", status="failed", lock_lost=True, begun=True), True)["message"]
    assert "has broken the lock" in lost and "not complete" not in lost
    assert not (tmp_path / "out").exists(), "nothing is written in check mode"
