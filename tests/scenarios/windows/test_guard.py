# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guard of a run on a host of the lab: what it does when nobody feeds it, and that a run that is alive is let be."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._run import guard
from ansible_collections.octopus.upgrade.plugins.module_utils._run.errors import LockLost
from ansible_collections.octopus.upgrade.plugins.module_utils._run.guard import Guard
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import Holder
from ansible_collections.octopus.upgrade.plugins.module_utils._run.host_journal import HostJournal, remember
from ansible_collections.octopus.upgrade.plugins.module_utils._run.instance_runs import InstanceRuns
from ansible_collections.octopus.upgrade.plugins.module_utils._run.lock import RunLock
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from lab.core.ledger import Event
from lab.windows import services
from lab.windows.process import Process
from lab.windows.tasks import Task
from scenarios.windows.setting import ROOT, SYSTEM, WAIT, World

FOLDER = f"{ROOT}\\runs\\prod"
PARAMS = {"instance": "prod", "root": f"{ROOT}\\runs"}
SERVICE = "OctopusDeploy: prod"
WATCHDOG = "Octopus Watchdog Server"
ME = Holder("me@ctrl", "machine", "boot", "pid:[1]", 7, "1")
OTHER = Holder("other@ctrl2", "machine2", "boot2", "pid:[1]", 8, "1")


def serve(proc: Process) -> int:
    proc.service_running()
    while not proc.stop_requested.wait(0.01):
        proc.check()
    return 0


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A minute of its host takes a fifth of a second."""
    world = make_world(scale=300.0)
    host = world.hosts["octo-a"]
    host.programs["serve.exe"] = serve
    host.add_program("C:\\serve.exe", "serve.exe")
    host.services.create(SERVICE, SERVICE, "C:\\serve.exe", start_type=services.DISABLED)
    host.tasks.create(Task(WATCHDOG, "C:\\serve.exe", enabled=False))
    return world


@pytest.fixture
def client(world: World) -> Iterator[WindowsHost]:
    with world.client() as host:
        yield host


class Run:
    """A run that holds the lock, and its guard."""

    def __init__(self, client: WindowsHost, folder: Path, **more: Any) -> None:
        self.client, self.copy = client, folder / "R1.jsonl"
        RunLock(client, FOLDER, "prod", ME).take("R1", "upgrade", None)
        self.journal = HostJournal(client, f"{FOLDER}\\R1.jsonl", ME)
        remember(self.copy, self.journal, "begun", operation="upgrade")
        self.guard = Guard(FOLDER, "prod", "R1", 3, SERVICE, "delayed-auto", WATCHDOG, **more)

    def step(self, name: str) -> None:
        remember(self.copy, self.journal, "step", step=name)

    def arm(self) -> bool:
        return guard.arm(self.client, self.guard, ME, check_mode=False)


@pytest.fixture
def run(client: WindowsHost, tmp_path: Path) -> Run:
    run = Run(client, tmp_path)
    assert run.arm()
    return run


def told(world: World) -> list[int]:
    return [event["id"] for event in world.ledger.events("event.log")]


def wait_told(world: World, number: int) -> Event:
    event = world.ledger.wait_for(lambda event: event.kind == "event.log", WAIT)
    assert event is not None and event["id"] == number
    return event


def wait_disarmed(world: World) -> None:
    tasks = world.hosts["octo-a"].tasks
    with tasks.changed:
        assert tasks.changed.wait_for(lambda: [task.name for task in tasks.all()] == [f"\\{WATCHDOG}"], WAIT)


def state(world: World) -> tuple[int, int, bool]:
    host = world.hosts["octo-a"]
    service = host.services.query(SERVICE)
    return service.state, service.start_type, service.delayed


def ticks(world: World, count: int) -> None:
    """Wait until the guard's task has run so often from now on."""
    mark = world.ledger.mark()

    def often_enough(_event: Event) -> bool:
        return len(world.ledger.events("task.run", "octo-a", mark, name="\\octopus.upgrade guard\\prod")) >= count

    world.ledger.wait_for(often_enough, WAIT, mark)


def test_a_run_that_has_changed_nothing_and_is_gone(world: World, run: Run) -> None:
    run.step("quiesce.watchdog")
    run.step("quiesce.stop")
    event = wait_told(world, guard.RESTORED_EVENT)
    wait_disarmed(world)
    assert "run R1" in event["text"] and SERVICE in event["text"]
    host = world.hosts["octo-a"]
    host.services.wait(SERVICE, services.RUNNING, WAIT)
    assert state(world) == (services.RUNNING, services.AUTO, True)
    assert host.tasks.get(WATCHDOG).enabled
    with pytest.raises(LockLost):
        run.step("backup.read")
    names = sorted(host.fs.listdir(FOLDER, SYSTEM))
    assert names == ["R1.guarded", "R1.jsonl", "guard"], "the lock is free"
    unfinished = InstanceRuns(run.client, PARAMS, OTHER).take("R2", "upgrade", None, False)["unfinished"]
    assert (unfinished["guarded"], unfinished["roll_back_first"], unfinished["record"]["verdict"]) == (True, True, "unfinished")
    assert "the guard on the coordinator started the service" in unfinished["record"]["error"]


def test_a_run_that_has_begun_to_change_something_and_is_gone(world: World, run: Run) -> None:
    run.step("quiesce.watchdog")
    run.step("apply.2026.2.9853.install")
    event = wait_told(world, guard.CHANGED_EVENT)
    wait_disarmed(world)
    assert "nothing was touched" in event["text"]
    assert state(world) == (services.STOPPED, services.DISABLED, False)
    assert not world.hosts["octo-a"].tasks.get(WATCHDOG).enabled
    run.step("apply.2026.2.9853.schema")  # it still holds the lock
    assert InstanceRuns(run.client, PARAMS, ME).info([])["unfinished"]["guarded"] is False


def test_a_run_that_has_not_begun_an_outage_is_let_be(world: World, run: Run) -> None:
    wait_disarmed(world)
    assert told(world) == []
    run.step("quiesce.watchdog")


def test_a_long_step_of_a_living_run_is_let_be(world: World, run: Run) -> None:
    run.step("quiesce.watchdog")
    with guard.fed(run.client.options, FOLDER, ME, seconds=0.02):
        ticks(world, 6)
    assert told(world) == []
    run.step("quiesce.stop")
    wait_told(world, guard.RESTORED_EVENT)


def test_a_process_that_has_lost_the_lock_keeps_no_guard_quiet(world: World, run: Run) -> None:
    run.step("quiesce.watchdog")
    with guard.fed(run.client.options, FOLDER, OTHER, seconds=0.02):
        wait_told(world, guard.RESTORED_EVENT)


def test_a_lock_that_somebody_takes_over_feeds_the_guard(world: World, run: Run, client: WindowsHost) -> None:
    run.step("quiesce.watchdog")
    mark = world.ledger.mark()
    RunLock(client, FOLDER, "prod", OTHER).take("R1", "upgrade", "R1")
    assert world.ledger.events("file", "octo-a", mark, action="write", path=f"{FOLDER}\\guard\\fed")
    wait_told(world, guard.RESTORED_EVENT)


def test_armed_and_disarmed_twice(world: World, run: Run) -> None:
    assert not run.arm()
    tasks = world.hosts["octo-a"].tasks
    assert guard.disarm(run.client, FOLDER, "prod", ME, check_mode=True)
    assert tasks.get(guard.TASK_FOLDER + "prod").interval == 60
    assert guard.disarm(run.client, FOLDER, "prod", ME, check_mode=False)
    assert not guard.disarm(run.client, FOLDER, "prod", ME, check_mode=False)
    wait_disarmed(world)
    assert sorted(world.hosts["octo-a"].fs.listdir(FOLDER, SYSTEM)) == ["R1.jsonl", "lock"]


def test_another_runs_guard_is_let_be(world: World, run: Run) -> None:
    with pytest.raises(LockLost):
        guard.disarm(run.client, FOLDER, "prod", OTHER, check_mode=False)
    with pytest.raises(LockLost):
        guard.arm(run.client, run.guard, OTHER, check_mode=False)


def test_check_mode_arms_nothing(world: World, client: WindowsHost, tmp_path: Path) -> None:
    run = Run(client, tmp_path)
    assert guard.arm(client, run.guard, ME, check_mode=True)
    wait_disarmed(world)


def test_the_webhook_is_called(world: World, client: WindowsHost, tmp_path: Path) -> None:
    got: list[dict[str, Any]] = []
    called = threading.Event()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            called.set()

        def log_message(self, *_arguments: Any) -> None:
            """Nothing on the screen."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        run = Run(client, tmp_path, webhook=f"http://127.0.0.1:{server.server_port}/hook?a=1&b=%20")
        run.arm()
        run.step("quiesce.watchdog")
        run.step("apply.2026.2.9853.install")
        assert called.wait(WAIT)
        wait_disarmed(world)
    finally:
        server.shutdown()
        server.server_close()
    assert [(one["instance"], one["run_id"], one["event"]) for one in got] == [("prod", "R1", "changed")]
    assert got[0]["text"] == run.guard.changed_text
