# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scheduled tasks: the numbers in the column "Last Result", the XML, switching on and off. Jobs are built on them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest
from acceptance.target import Target, wait_until
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import scheduled_tasks
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError

RUNNING, NEVER_RUN, ENDED = 267009, 267011, 267014
SERVER = "C:\\Program Files\\Octopus Deploy\\Octopus\\Octopus.Server.exe"
Create = Callable[..., str]


@pytest.fixture
def create(host: WindowsHost) -> Iterator[Create]:
    """``create(command line)`` makes a task of SYSTEM's and gives its name; more arguments go to schtasks."""
    made: list[str] = []

    def make(line: str, *more: str) -> str:
        name = f"\\octopus.acceptance-{uuid.uuid4().hex[:8]}"
        schedule = more or ("/sc", "once", "/st", "23:59")
        host.run(["schtasks", "/create", "/tn", name, "/tr", line, "/ru", "SYSTEM", "/f", *schedule], check=True)
        made.append(name)
        return name

    yield make
    for name in made:
        scheduled_tasks.delete(host, name)
        assert scheduled_tasks.get(host, name) is None


def _last_result(host: WindowsHost, name: str) -> int | None:
    return scheduled_tasks.last_result(host.run(["schtasks", "/query", "/tn", name, "/fo", "csv", "/nh", "/v"], check=True).stdout)


def test_a_task_that_never_ran_is_267011(host: WindowsHost, create: Create) -> None:
    assert _last_result(host, create("C:\\Windows\\System32\\hostname.exe")) == NEVER_RUN == scheduled_tasks.NEVER_RUN


def test_the_last_result_is_the_exit_code(host: WindowsHost, create: Create) -> None:
    name = create('C:\\Windows\\System32\\cmd.exe /d /c "exit /b 3010"')
    scheduled_tasks.run(host, name)
    wait_until(lambda: _last_result(host, name) not in (RUNNING, NEVER_RUN, scheduled_tasks.QUEUED), "the task has run")
    assert _last_result(host, name) == 3010


def test_a_task_that_runs_is_267009_and_an_ended_one_267014(host: WindowsHost, create: Create, target: Target) -> None:
    name = create(" ".join(target.pause(900)))
    scheduled_tasks.run(host, name)
    wait_until(lambda: _last_result(host, name) == RUNNING == scheduled_tasks.RUNNING, "the task runs")
    scheduled_tasks.end(host, name)
    wait_until(lambda: _last_result(host, name) != RUNNING, "the task has ended")
    assert _last_result(host, name) == ENDED


def test_a_task_like_the_watchdog(host: WindowsHost, create: Create) -> None:
    """Its interval and program are read from XML; off and on again."""
    name = create(
        '"C:\\Program Files\\Octopus Deploy\\Octopus\\Octopus.Server.exe" checkservices --instances *', "/sc", "minute", "/mo", "5"
    )
    scheduled_tasks.set_enabled(host, name, False)
    task = scheduled_tasks.get(host, name)
    assert task is not None
    assert (task.enabled, task.interval_minutes) == (False, 5)
    assert task.command.strip('"') == SERVER
    assert task.arguments == "checkservices --instances *"
    assert name in scheduled_tasks.names(host)
    scheduled_tasks.set_enabled(host, name, True)
    task = scheduled_tasks.get(host, name)
    assert task is not None
    assert task.enabled


def test_a_missing_task(host: WindowsHost) -> None:
    assert scheduled_tasks.get(host, "\\octopus.acceptance-missing") is None
    for function in (scheduled_tasks.run, scheduled_tasks.end, scheduled_tasks.delete):
        with pytest.raises(HostError):
            function(host, "\\octopus.acceptance-missing")
