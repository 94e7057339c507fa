# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What follows the failure of a clone's refresh, how it ended, and what other programs and people read of it."""

from __future__ import annotations

import json
import stat
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._run import clone_outcome, clone_report, ending
from ansible_collections.octopus.upgrade.plugins.module_utils._run.clone_outcome import EXIT_STATUS, decide, is_open, status_of

STEPS = [
    f"clone.{step}"
    for step in ("stage", "database", "quarantine", "folders", "stop", "programs", "instance", "certificate", "harmless", "start", "verify")
]
BEFORE_STOP = STEPS[:4]


@pytest.mark.parametrize("count", range(1, len(STEPS) + 1))
@pytest.mark.parametrize("old_exists", [True, False])
@pytest.mark.parametrize("old_running", [True, False])
@pytest.mark.parametrize("joined", [True, False])
def test_each_step(count: int, old_exists: bool, old_running: bool, joined: bool) -> None:
    steps = STEPS[:count]
    found = decide(steps, lock_lost=False, old_exists=old_exists, old_running=old_running, joined=joined)
    stopped = len(steps) > len(BEFORE_STOP)
    assert found.stopped is stopped
    assert found.restore_old is (stopped and old_exists), "an old clone that was stopped is restored"
    assert found.stop_new is (stopped and joined and not old_exists), "a new one without an old one is left, stopped"
    assert found.remove_new is (old_exists or not joined), "what was joined is removed only with an old one in its place"
    works = old_exists and (old_running or stopped)
    assert found.if_done == ("failed_old_clone_up" if works else "failed_clone_down")
    assert found.if_failed == "failed_clone_down"


def test_where_no_step_is_known_the_old_clone_counts_as_stopped() -> None:
    found = decide([], lock_lost=False, old_exists=True, old_running=True, joined=False)
    assert found.stopped and found.restore_old


def test_nothing_follows_a_lost_lock() -> None:
    for count, old, running, joined in product(range(len(STEPS) + 1), *[(True, False)] * 3):
        found = decide(STEPS[:count], lock_lost=True, old_exists=old, old_running=running, joined=joined)
        assert not (found.restore_old or found.stop_new or found.remove_new)
        assert (found.lock_lost, found.if_done, found.if_failed) == (True, "failed_clone_down", "failed_clone_down")


def test_the_status() -> None:
    assert status_of(None, error=True, unchanged=False) == "not_started"
    assert status_of(None, error=True, unchanged=True) == "not_started"
    assert status_of(None, error=False, unchanged=True) == "unchanged"
    assert status_of(None, error=False, unchanged=False) == "planned"
    for status in EXIT_STATUS:
        assert status_of(status, error=True, unchanged=True) == status


def test_a_run_stays_open_where_only_its_journal_knows_the_old_clone() -> None:
    assert [status for status in EXIT_STATUS if is_open(status, True)] == ["failed_clone_down"]
    assert [status for status in EXIT_STATUS if is_open(status, False)] == []


# -- the report


def params(folder: Path, **more: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "instance": "prod-clone",
        "clone_of": "prod",
        "path": str(folder / "runs" / "prod-clone.clone.json"),
        "status": None,
        "unchanged": False,
        "begun": False,
        "error": "",
        "second_error": "",
        "not_removed": "",
        "lock_lost": False,
        "old": {"exists": True, "database": "old", "restore_point": "old-point"},
        "new": {"database": "new", "restore_point": "new-point", "version": "2025.3.14357"},
        "quarantine": {"restore_point": "new-point"},
        "outbound": {},
        "inherited": [],
        "accounts": [],
        "by_program": {},
        "left_over": [{"database": "older"}],
        "journal": {"path": "C:\\j.jsonl", "copy": str(folder / "run.jsonl")},
    }
    return {**known, **more}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    events: list[tuple[str, dict[str, Any]]] = []

    def write(params: dict[str, Any], event: str, data: dict[str, Any], check_mode: bool) -> tuple[dict[str, Any], str]:
        events.append((event, data))
        return {"record": {}, "path": "runs/now.json"}, ""

    monkeypatch.setattr(ending, "write_end", write)
    return events


def test_a_refreshed_clone(tmp_path: Path, written: list[Any]) -> None:
    found = clone_report.end(params(tmp_path, status="refreshed", begun=True, not_removed="Drop the database: no"), False)
    assert (found["status"], found["exit_status"], found["message"], found["changed"]) == ("refreshed", 0, "", False)
    assert found["summary"] == [
        "prod-clone: refreshed (new-point)",
        "not removed, which the next refresh tries again: Drop the database: no",
    ]
    assert found["result"] == {
        "instance": "prod-clone",
        "clone_of": "prod",
        "status": "refreshed",
        "exit_status": 0,
        "error": "",
        "restore_point": "new-point",
        "version": "2025.3.14357",
        "database": "new",
        "not_removed": "Drop the database: no",
        "quarantine": {"restore_point": "new-point"},
        "outbound": {},
        "inherited_environment": [],
        "accounts": [],
        "by_program": {},
        "run_record": "runs/now.json",
    }
    path = Path(found["path"])
    assert json.loads(path.read_text()) == found["result"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    [(event, data)] = written
    assert event == "finished"
    assert (data["verdict"], data["clone"]["database"], data["facts"]) == ("refreshed", "new", {"left_over": [{"database": "older"}]})


def test_what_the_clone_inherits_and_what_it_may_reach_is_told(tmp_path: Path, written: list[Any]) -> None:
    rule = {"octo-clone": {"rule": "octopus.upgrade-outbound-prod-clone-0"}}
    found = clone_report.end(
        params(tmp_path, status="unchanged", begun=True, outbound=rule, inherited=["HTTPS_PROXY", "OCTOPUS__A"]), False
    )
    assert found["summary"][1].startswith("inherited from the environment of its hosts: HTTPS_PROXY, OCTOPUS__A. Check ")
    assert (found["result"]["outbound"], found["result"]["inherited_environment"]) == (rule, ["HTTPS_PROXY", "OCTOPUS__A"])


@pytest.mark.parametrize(
    ("more", "lines"),
    [
        ({"accounts": ["AWS", "Azure"]}, ["accounts that have their credentials: AWS, Azure"]),
        ({"accounts": list("abcdefg")}, ["accounts that have their credentials: a, b, c, d, e and 2 more"]),
        ({"by_program": {"certificate": {"source": "A1", "own": "B2"}, "switches": []}}, []),
        ({"by_program": {"certificate": {"source": "A1", "own": "A1"}}}, ["it has the certificate of prod, so Tentacles of prod trust it"]),
    ],
)
def test_what_a_clone_still_has_of_its_source(tmp_path: Path, written: list[Any], more: dict[str, Any], lines: list[str]) -> None:
    found = clone_report.end(params(tmp_path, status="refreshed", begun=True, **more), False)
    assert found["summary"] == ["prod-clone: refreshed (new-point)", *lines]
    assert {name: found["result"][name] for name in more} == more
    assert written[0][1]["by_program"] == found["result"]["by_program"]


def test_an_unchanged_clone_keeps_its_database(tmp_path: Path, written: list[Any]) -> None:
    found = clone_report.end(params(tmp_path, status="unchanged", begun=True), False)
    assert found["result"]["database"] == "old" and written[0][1]["clone"]["database"] == "old"


@pytest.mark.parametrize(("old_exists", "event"), [(True, "stopped"), (False, "finished")])
def test_a_clone_that_is_down(tmp_path: Path, written: list[Any], old_exists: bool, event: str) -> None:
    found = clone_report.end(
        params(tmp_path, status="failed_clone_down", begun=True, error="Start: no", second_error="Stop: no", old={"exists": old_exists}),
        False,
    )
    assert found["exit_status"] == 24 and written[0][0] == event
    lines = found["message"].splitlines()
    assert lines[0] == "Start: no"
    assert ("The clone prod-clone is out of service." if old_exists else "There is no working clone prod-clone.") in lines[1]
    assert "Run the same playbook again" in lines[1] and "Do not start the clone's service by hand" in lines[1]
    assert lines[2:] == ["Restoring the old clone failed too: Stop: no", f"Result: {found['path']}"]


def test_the_old_clone_works(tmp_path: Path, written: list[Any]) -> None:
    found = clone_report.end(params(tmp_path, status="failed_old_clone_up", begun=True, error="Start: no", not_removed="Drop: no"), False)
    assert found["exit_status"] == 21 and written[0][0] == "finished"
    assert "The old clone prod-clone is in service as before (old-point). What was new is removed." in found["message"]
    assert "Could not be cleaned up: Drop: no" in found["message"]


def test_nothing_was_begun(tmp_path: Path, written: list[Any]) -> None:
    found = clone_report.end(params(tmp_path, error="Look: no", new={}, old={}, quarantine={}), False)
    assert (found["status"], found["exit_status"], written) == ("not_started", 20, [])
    assert "The run has changed nothing. The clone prod-clone is as it was." in found["message"]
    assert json.loads(Path(found["path"]).read_text())["error"] == "Look: no"


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    found = clone_report.end(params(tmp_path), True)
    assert (found["status"], found["exit_status"], found["run_record"]) == ("planned", 0, "")
    assert not Path(found["path"]).exists()


def test_a_lost_lock(tmp_path: Path, written: list[Any]) -> None:
    found = clone_report.end(params(tmp_path, status="failed_clone_down", begun=True, lock_lost=True, error="no"), False)
    assert written == []
    assert "Another control node has broken the lock of the clone prod-clone" in found["message"]


def test_a_result_that_cannot_be_written_hides_nothing(tmp_path: Path, written: list[Any]) -> None:
    (tmp_path / "runs").write_text("no folder")
    found = clone_report.end(params(tmp_path, status="failed_clone_down", begun=True, error="Start: no"), False)
    assert found["message"].splitlines()[0] == "Start: no"
    assert "The result could not be written to" in found["message"]
    found = clone_report.end(params(tmp_path, status="refreshed", begun=True), False)
    assert "The result could not be written to" in found["message"]


def test_a_record_that_cannot_be_finished_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "write_end", lambda *_arguments: ({"unrecorded": True}, "the disk is full"))
    found = clone_report.end(params(tmp_path, status="failed_old_clone_up", begun=True, error="Start: no"), False)
    assert found["unrecorded"] and found["message"].splitlines()[-1] == "The run record could not be finished: the disk is full"
    found = clone_report.end(params(tmp_path, status="refreshed", begun=True), False)
    assert found["unrecorded"] and found["message"] == "" and found["run_record"] == ""


def test_each_status_has_an_exit_status() -> None:
    assert set(EXIT_STATUS.values()) == {0, 20, 21, 24}
    assert {status for status, code in EXIT_STATUS.items() if code == 0} == {"refreshed", "unchanged", "removed", "planned"}
    assert clone_outcome.DOWN in EXIT_STATUS and clone_outcome.OLD_UP in EXIT_STATUS
