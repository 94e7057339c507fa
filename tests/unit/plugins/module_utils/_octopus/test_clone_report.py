# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the refresh or removal of a clone is reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import clone_report
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.clone_report import Ending
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

NEW = {"restore_point": "R2", "version": "2020.5.7", "database": "Octopus test 2"}
OLD = {"restore_point": "R1", "version": "2020.5.7", "database": "Octopus test 1", "exists": True}


def ending(**changes: Any) -> Ending:
    return Ending(**{"instance": "test", "clone_of": "prod", "new": NEW, "old": OLD, **changes})


@pytest.mark.parametrize(
    ("changes", "status", "code", "database"),
    [
        ({"status": "refreshed"}, "refreshed", 0, "Octopus test 2"),
        ({"status": "removed", "new": {}}, "removed", 0, ""),
        ({"status": "unchanged"}, "unchanged", 0, "Octopus test 1"),
        ({"unchanged": True}, "unchanged", 0, "Octopus test 1"),
        ({}, "planned", 0, "Octopus test 2"),
        ({"error": "Look: no"}, "not_started", 20, "Octopus test 2"),
        ({"error": "Look: no", "new": {}, "old": {}}, "not_started", 20, ""),
        ({"error": "Start: no", "status": "failed_old_clone_up"}, "failed_old_clone_up", 21, "Octopus test 2"),
        ({"error": "Start: no", "status": "failed_clone_down"}, "failed_clone_down", 22, "Octopus test 2"),
    ],
)
def test_the_status_and_what_follows_from_it(changes: dict[str, Any], status: str, code: int, database: str) -> None:
    report = clone_report.report(ending(**changes))
    assert (report["status"], report["exit_status"], report["database"]) == (status, code, database)
    assert bool(clone_report.failure(ending(**changes), "r.json")) is ("error" in changes)


def test_the_lines_for_people() -> None:
    assert clone_report.lines(ending(status="refreshed")) == ["test: refreshed (R2)"]
    assert clone_report.lines(ending(status="removed", new={}, not_removed="Drop: no")) == [
        "test: removed",
        "not removed, which the next refresh tries again: Drop: no",
    ]


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "Nothing of the clone test was begun; it is as it was."),
        ({"status": "failed_old_clone_up"}, "The old clone test is in service as before (R1); what was new is removed."),
        ({"status": "failed_clone_down"}, "The clone test is out of service. Run the same playbook again"),
        ({"status": "failed_clone_down", "old": {}}, "There is no clone test that works. Run the same playbook again"),
        ({"status": "failed_clone_down", "lock_lost": True}, "Another control node has broken the lock of the clone test"),
    ],
)
def test_a_failure_names_the_error_the_state_and_the_result(changes: dict[str, Any], state: str) -> None:
    lines = clone_report.failure(ending(error="Start: no", **changes), "/runs/test.json").split("\n")
    assert (lines[0], lines[-1]) == ("Start: no", "Result: /runs/test.json")
    assert lines[1].startswith(state)
    whole = clone_report.failure(ending(error="Start: no", second_error="Stop: no", not_removed="Drop: no", **changes), "")
    assert whole.split("\n")[2:] == ["Restoring the old clone failed too: Stop: no", "What could not be cleaned up: Drop: no"]


def test_the_module_writes_the_result(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "test.clone.json"
    asked = {"instance": "test", "clone_of": "prod", "status": "refreshed", "new": NEW, "old": OLD, "path": str(path)}
    assert run_module("octopus_clone_report", check_mode=True, **asked)["report"]["status"] == "refreshed"
    assert not path.exists()
    result = run_module("octopus_clone_report", **asked)
    assert (result["changed"], result["failure"], result["lines"]) == (False, "", ["test: refreshed (R2)"])
    assert json.loads(path.read_text()) == result["report"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_result_that_cannot_be_written_does_not_hide_the_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    asked = {"instance": "test", "error": "Start: no", "path": str(tmp_path / "file" / "r.json")}
    message = run_module("octopus_clone_report", **asked)["msg"]
    assert message.startswith("Start: no\n")
    assert "Expected to write the result to" in message
