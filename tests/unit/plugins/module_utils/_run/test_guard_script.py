# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When the guard's task runs, and what its command file does for which node."""

from __future__ import annotations

import re

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._run.guard import HEARTBEAT, LEAST_MINUTES
from ansible_collections.octopus.upgrade.plugins.module_utils._run.guard_script import LAST_LOOK, SHARES, Guard, command_file, trigger
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import Holder
from ansible_collections.octopus.upgrade.plugins.module_utils._run.steps import guarded

ME = Holder("me@ctrl", "machine", "boot", "pid:[1]", 7, "1")
FOLDER = "C:\\ProgramData\\octopus.upgrade\\runs\\prod"


@pytest.mark.parametrize("minutes", range(LEAST_MINUTES, 200))
def test_it_acts_within_the_set_time_and_never_between_two_heartbeats(minutes: int) -> None:
    found = re.search(r"<Interval>PT(\d+)S</Interval>", trigger(minutes))
    assert found
    interval = int(found[1])
    latest, soonest = SHARES * interval + LAST_LOOK, (SHARES - 1) * interval + LAST_LOOK
    assert latest <= minutes * 60
    assert soonest >= minutes * 40, "two thirds"
    assert min(interval, LAST_LOOK) >= 2 * HEARTBEAT, "a lost heartbeat is followed by another one in the same share"
    assert interval >= 60, "the shortest that the task scheduler takes"


def test_daylight_saving_time_changes_nothing() -> None:
    assert "<StartBoundary>2000-01-01T00:00:00Z</StartBoundary>" in trigger(30)


def test_only_the_coordinator_reads_a_journal_and_only_it_takes_a_free_lock() -> None:
    here, there = (command_file(Guard(FOLDER, "prod", "R1", 30, "OctopusDeploy", journalled=own), ME) for own in (True, False))
    assert "R1.jsonl" in here and "mkdir" in here
    assert "R1.jsonl" not in there and "mkdir" not in there


def test_nothing_is_started_before_the_lock_is_taken_and_the_run_is_marked() -> None:
    lines = command_file(Guard(FOLDER, "prod", "R1", 30, "OctopusDeploy", "auto", "Watchdog"), ME).splitlines()
    places = [
        next(number for number, line in enumerate(lines) if part in line)
        for part in ('armed" acting 2>nul', "holder-*", "R1.guarded", '"config" "OctopusDeploy"', '"start" "OctopusDeploy"')
    ]
    assert places == sorted(places)
    reads = [number for number, line in enumerate(lines) if "apply[.]" in line]
    assert reads[-1] > places[1], "the journal is read once more when the run can write nothing any more"


def test_a_name_that_would_run_something_is_refused() -> None:
    with pytest.raises(InvalidValue):
        command_file(Guard(FOLDER, "prod", "R1", 30, 'x" & calc "'), ME)


def test_the_nodes_that_are_guarded_are_those_of_the_newest_step_that_says() -> None:
    def done(step: str, **result: object) -> dict[str, object]:
        return {"event": "done", "step": step, "result": result}

    events = [done("a"), done("quiesce.guard", guarded=["octo-a", "octo-b"]), {"event": "step", "step": "x"}, done("quiesce.stop")]
    assert guarded([]) == []
    assert guarded(events) == ["octo-a", "octo-b"]
    assert guarded([*events, done("backup.unguard", guarded=[])]) == []
