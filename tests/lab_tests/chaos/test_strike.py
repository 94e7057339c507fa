# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fault that is armed strikes what it names, is seen to, and is taken back."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from lab.estate import SINGLE, Lab
from lab.windows.process import Process
from lab.windows.tasks import ENDED_BY_SHUTDOWN, Task
from patience import patient
from scenarios.chaos.effects import JOB_ENDS, Break
from scenarios.chaos.strike import Strike

WAIT = patient(30.0)


@pytest.fixture
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("strike") / "lab", SINGLE, scale=40) as lab:
        yield lab


def _until_met(strike: Strike) -> None:
    deadline = time.monotonic() + WAIT
    while strike.met_at is None:
        assert time.monotonic() < deadline, "it was never met"
        strike.go_on()
        time.sleep(0.01)


def _waits(process: Process) -> int:
    process.sleep(100000.0)
    return 0


def test_a_job_is_ended_with_all_that_it_started_and_others_are_not(lab: Lab) -> None:
    host = lab.instances[SINGLE.name].hosts[0]
    host.programs["waits"] = _waits
    host.add_program("C:\\waits.exe", "waits")
    for name in ("install-1-aaaa", "schema-bbbb"):
        host.tasks.create(Task(f"\\octopus.upgrade\\{name}", "C:\\Windows\\System32\\cmd.exe", "/c C:\\waits.exe"))
    strike = Strike(lab, Break(JOB_ENDS, host.name, params={"task": "\\octopus.upgrade\\install-1"}))
    strike.go_on()
    other = host.tasks.run("\\octopus.upgrade\\schema-bbbb")
    ended = host.tasks.run("\\octopus.upgrade\\install-1-aaaa")
    assert ended is not None and other is not None
    _until_met(strike)
    assert ended.wait(WAIT) == ENDED_BY_SHUTDOWN
    assert [process for process in host.processes() if process.job is ended.job] == []
    assert other.wait(0) is None
    strike.end()


def test_what_stays_away_for_a_while_comes_back(lab: Lab) -> None:
    host = lab.instances[SINGLE.name].hosts[0]
    strike = Strike(lab, Break("winrm.refuse", host.name, times=None, hold=0.2))
    strike.go_on()
    assert host.faults.hit("winrm.refuse", host.name) is not None
    _until_met(strike)
    deadline = time.monotonic() + WAIT
    while not strike.over:
        assert time.monotonic() < deadline
        strike.go_on()
        time.sleep(0.01)
    assert host.faults.hit("winrm.refuse", host.name) is None


def test_what_was_not_met_is_not_said_to_be(lab: Lab) -> None:
    strike = Strike(lab, Break("sql.kill_backup", "sql01"))
    strike.go_on()
    strike.end()
    assert strike.met_at is None and lab.faults.armed("sql.kill_backup") == []
