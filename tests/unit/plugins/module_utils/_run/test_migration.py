# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What follows the failure of a cut-over at each step, how it ended, and what other programs and people read of it."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._run import migration_outcome, migration_report
from ansible_collections.octopus.upgrade.plugins.module_utils._run.migration_outcome import EXIT_STATUS, decide, is_open, status_of

STEPS = [
    f"migrate.{step}"
    for step in (
        *("maintenance", "stop", "down", "outbound", "address", "lift", "start", "health", "compare", "switch", "stop_again", "lift_rest"),
        *("start_again", "verify", "publish", "published", "start_type", "watchdog"),
    )
]
PUBLISH = STEPS.index("migrate.publish")


@pytest.mark.parametrize("count", range(len(STEPS) + 1))
def test_the_new_side_is_given_back_until_it_is_published(count: int) -> None:
    found = decide(STEPS[:count], side="new", lock_lost=False)
    assert found.published is (count > PUBLISH)
    assert found.action == ("none" if found.published else "return")
    assert found.if_done == ("failed_after_publish" if found.published else "failed_returned")
    assert found.lifted is (count == 0 or count > STEPS.index("migrate.lift")), "where no step is known, it may be lifted"
    assert found.switched is (count > STEPS.index("migrate.switch"))


@pytest.mark.parametrize("count", range(1, len(STEPS) + 1))
def test_a_way_back_that_has_begun_goes_to_its_end(count: int) -> None:
    found = decide([*STEPS[:count], "return.stop"], side="new", lock_lost=False)
    assert (found.action, found.published) == ("return", False)


@pytest.mark.parametrize(("down", "published", "lost", "lost_there"), list(product([True, False], repeat=4)))
def test_the_old_side_starts_only_where_the_new_one_is_down(down: bool, published: bool, lost: bool, lost_there: bool) -> None:
    found = decide(
        ["quiesce.watchdog", "quiesce.stop"], side="old", lock_lost=lost, new_down=down, new_published=published, new_lock_lost=lost_there
    )
    assert found.action == ("return" if down and not (published or lost or lost_there) else "none")
    expected = (
        "failed_lock_lost"
        if lost or lost_there
        else "failed_after_publish"
        if published
        else "failed_returned"
        if down
        else "failed_stopped"
    )
    assert found.if_done == expected
    assert found.if_failed in (found.if_done, "failed_stopped")


def test_the_status() -> None:
    assert status_of(None, error=True, action="cut_over") == "not_started"
    assert status_of(None, error=False, action="unchanged") == "unchanged"
    assert status_of(None, error=False, action="cut_over") == "planned"
    for status in EXIT_STATUS:
        assert status_of(status, error=True, action="refuse") == status
    assert [status for status in EXIT_STATUS if is_open(status)] == ["failed_after_publish", "failed_stopped"]


def told(path: Path, **given: Any) -> dict[str, Any]:
    params: dict[str, Any] = {"old": "prod", "new": "prod-new", "path": str(path), "status": None, "action": "cut_over", "begun": False}
    params |= {"error": "", "second_error": "", "left": [], "unhealthy": [], "lines": []}
    return migration_report.end(params | given, check_mode=False)


@pytest.mark.parametrize("status", EXIT_STATUS)
def test_each_end_is_told(status: str, tmp_path: Path) -> None:
    error = "it broke" if status.startswith(("failed", "not")) else ""
    found = told(tmp_path / "result.json", status=status, error=error)
    assert json.loads((tmp_path / "result.json").read_text()) == found["result"]
    assert found["exit_status"] == EXIT_STATUS[status] and found["summary"][0] == f"prod -> prod-new: {status}"
    assert bool(found["message"]) is bool(error)
    assert not error or "prod" in found["message"].splitlines()[1] or status == "failed_lock_lost"


def test_what_ended_well_but_has_failed_is_no_success(tmp_path: Path) -> None:
    found = told(
        tmp_path / "result.json", status="returned", error="the quarantine", second_error="more", left=["mail"], unhealthy=["web-01"]
    )
    assert found["exit_status"] == 23
    assert "more" in found["message"] and "mail" in found["summary"][1] and "web-01" in found["summary"][2]


def test_a_result_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "could not be written" in told(tmp_path / "file" / "result.json", status="migrated")["message"]


def test_returning_is_seen_on_both_sides() -> None:
    assert migration_outcome.is_returning(["restore_service.start"]) and migration_outcome.is_returning(["return.stop"])
    assert not migration_outcome.is_returning(["quiesce.stop", "migrate.publish"])
