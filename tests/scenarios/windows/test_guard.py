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
from ansible_collections.octopus.upgrade.plugins.module_utils._core import stopping
from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._run import guard
from ansible_collections.octopus.upgrade.plugins.module_utils._run.errors import LockLost
from ansible_collections.octopus.upgrade.plugins.module_utils._run.guard_script import (
    CHANGED_EVENT,
    FAILED_EVENT,
    RESTORED_EVENT,
    TASK_FOLDER,
    Guard,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import Holder
from ansible_collections.octopus.upgrade.plugins.module_utils._run.host_journal import HostJournal, remember
from ansible_collections.octopus.upgrade.plugins.module_utils._run.instance_runs import InstanceRuns
from ansible_collections.octopus.upgrade.plugins.module_utils._run.lock import RunLock
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import scheduled_tasks
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import services as host_services
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from lab.core.faults import Faults
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
        self.guard = Guard(FOLDER, "prod", "R1", 4, SERVICE, "delayed-auto", WATCHDOG, **more)

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
    event = wait_told(world, RESTORED_EVENT)
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
    event = wait_told(world, CHANGED_EVENT)
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
    with guard.fed([run.client.options], FOLDER, "R1", ME, seconds=0.02):
        ticks(world, 6)
    assert told(world) == []
    run.step("quiesce.stop")
    wait_told(world, RESTORED_EVENT)


def test_a_process_that_has_lost_the_lock_keeps_no_guard_quiet(world: World, run: Run) -> None:
    run.step("quiesce.watchdog")
    with guard.fed([run.client.options], FOLDER, "R1", OTHER, seconds=0.02):
        wait_told(world, RESTORED_EVENT)


def test_a_lock_that_somebody_takes_over_feeds_the_guard(world: World, run: Run, client: WindowsHost) -> None:
    run.step("quiesce.watchdog")
    mark = world.ledger.mark()
    RunLock(client, FOLDER, "prod", OTHER).take("R1", "upgrade", "R1")
    assert world.ledger.events("file", "octo-a", mark, action="write", path=f"{FOLDER}\\guard\\fed")
    wait_told(world, RESTORED_EVENT)


def test_armed_and_disarmed_twice(world: World, run: Run) -> None:
    assert not run.arm()
    tasks = world.hosts["octo-a"].tasks
    assert guard.disarm(run.client, FOLDER, "prod", ME, check_mode=True)
    assert tasks.get(TASK_FOLDER + "prod").interval == 60
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
    assert got[0]["text"] == run.guard.messages["changed"][1]


# -- restarts of the host


def test_a_restart_starts_no_service_and_the_guard_goes_on(world: World, run: Run) -> None:
    run.step("quiesce.watchdog")
    world.hosts["octo-a"].restart()
    assert state(world)[:2] == (services.STOPPED, services.DISABLED)
    wait_told(world, RESTORED_EVENT)
    wait_disarmed(world)
    assert state(world) == (services.RUNNING, services.AUTO, True)


def test_a_restart_once_something_was_changed(world: World, run: Run) -> None:
    run.step("quiesce.watchdog")
    run.step("apply.2026.2.9853.install")
    world.hosts["octo-a"].restart()
    wait_told(world, CHANGED_EVENT)
    wait_disarmed(world)
    assert state(world) == (services.STOPPED, services.DISABLED, False)


def test_a_restart_while_the_guard_acts(world: World, run: Run) -> None:
    """It has taken the lock and set the start type: it goes on after the restart."""
    host = world.hosts["octo-a"]
    run.step("quiesce.watchdog")
    faults(world).arm("service.fail_start", "octo-a", None, service=SERVICE)
    mark = world.ledger.mark()
    world.ledger.wait_for(lambda event: event.kind == "service.state" and event["state"] == "START_PENDING", WAIT, mark)
    host.restart()
    faults(world).disarm()
    wait_told(world, RESTORED_EVENT)
    wait_disarmed(world)
    assert state(world) == (services.RUNNING, services.AUTO, True)


# -- the service


def test_a_service_that_starts_at_the_third_attempt(world: World, run: Run) -> None:
    run.step("quiesce.watchdog")
    faults(world).arm("service.fail_start", "octo-a", 2, service=SERVICE)
    wait_told(world, RESTORED_EVENT)
    assert state(world)[0] == services.RUNNING


def test_a_service_that_does_not_start(world: World, run: Run) -> None:
    run.step("quiesce.watchdog")
    faults(world).arm("service.fail_start", "octo-a", None, service=SERVICE)
    event = wait_told(world, FAILED_EVENT)
    wait_disarmed(world)
    assert "was not running after it was started 5 times" in event["text"]
    assert told(world) == [FAILED_EVENT]


# -- beside a living run


def test_ticks_that_follow_each_other_closely(world: World, run: Run) -> None:
    """As where the host's clock jumps: a living run beats in the minute that no clock can shorten."""
    run.step("quiesce.watchdog")
    tasks, name = world.hosts["octo-a"].tasks, TASK_FOLDER + "prod"
    tasks.enable(name, False)  # no tick but those here
    with tasks.changed:
        tasks.get(name).enabled = True
    for _tick in range(3):
        process = tasks.run(name)
        assert process is not None
        if _tick == 2:  # by now it waits for its last look
            world.hosts["octo-a"].fs.write(f"{FOLDER}\\guard\\fed", b"fed", SYSTEM)  # as a heartbeat does
        assert process.wait(WAIT) == 0
    assert told(world) == []
    assert not world.hosts["octo-a"].fs.exists(f"{FOLDER}\\R1.guarded", SYSTEM)


def test_a_host_that_cannot_be_reached_for_a_while(world: World, run: Run) -> None:
    """Heartbeats fail for less than the set time. The next one that arrives keeps the guard quiet."""
    run.step("quiesce.watchdog")
    with guard.fed([run.client.options], FOLDER, "R1", ME, seconds=0.02):
        ticks(world, 1)
        broken = faults(world).arm("winrm.refuse", "octo-a")
        ticks(world, 1)
        faults(world).disarm(broken)
        ticks(world, 4)
    assert told(world) == []


def test_the_run_wakes_up_in_the_step_in_which_it_fell_asleep(world: World, run: Run) -> None:
    """Nothing beats: the hosts themselves refuse to stop the service for it, to disable it, and to switch the watchdog off."""
    run.step("quiesce.watchdog")
    run.step("quiesce.stop")
    with pytest.raises(LockLost), guard.fed([run.client.options], FOLDER, "R1", ME):
        wait_told(world, RESTORED_EVENT)
        wait_disarmed(world)
        for act in (
            lambda: host_services.stop(run.client, SERVICE),
            lambda: host_services.set_start_type(run.client, SERVICE, "disabled"),
            lambda: scheduled_tasks.set_enabled(run.client, WATCHDOG, False),
        ):
            with pytest.raises(LockLost):
                act()
        raise LockLost("the step ends", "octo-a", 101)
    assert state(world) == (services.RUNNING, services.AUTO, True)
    assert world.hosts["octo-a"].tasks.get(WATCHDOG).enabled


def test_a_heartbeat_ends_the_step_that_goes_on(world: World, run: Run) -> None:
    """Whatever the step would send next, to any system, is not sent."""
    run.step("quiesce.watchdog")
    RunLock(run.client, FOLDER, "prod", OTHER).take("R1", "upgrade", "R1")
    with guard.fed([run.client.options], FOLDER, "R1", ME, seconds=0.02):
        deadline = Deadline(WAIT, first=0.01)
        with pytest.raises(LockLost):
            while deadline.pause():
                stopping.check()
    stopping.check()


def test_another_run_takes_over_while_the_guard_acts(world: World, run: Run, client: WindowsHost) -> None:
    """The guard lets go: it starts nothing any more, and does not take the lock away again."""
    run.step("quiesce.watchdog")
    faults(world).arm("service.fail_start", "octo-a", None, service=SERVICE)
    mark = world.ledger.mark()
    world.ledger.wait_for(lambda event: event.kind == "service.state" and event["state"] == "START_PENDING", WAIT, mark)
    RunLock(client, FOLDER, "prod", OTHER).take("R1", "upgrade", None, ["R1"])
    mark = world.ledger.mark()
    with guard.fed([client.options], FOLDER, "R1", OTHER, seconds=0.02):
        ticks(world, 2)
        guard_ended(world)
        quiet = world.ledger.mark()
        ticks(world, 2)
        assert world.ledger.events("service.state", "octo-a", quiet) == []
    assert told(world) == []
    assert world.hosts["octo-a"].fs.exists(f"{FOLDER}\\lock\\holder-{OTHER.token}", SYSTEM)


# -- a node that is not the coordinator


@pytest.fixture
def other(client: WindowsHost, tmp_path: Path) -> Run:
    """It has no journal."""
    run = Run.__new__(Run)
    run.client = client
    RunLock(client, FOLDER, "prod", ME).take("R1", "upgrade", None)
    RunLock(client, f"{ROOT}\\programs", "the programs", ME, "prod").take("R1", "upgrade", None)
    run.guard = Guard(FOLDER, "prod", "R1", 4, SERVICE, "delayed-auto", WATCHDOG, journalled=False)
    assert run.arm()
    return run


def test_the_guard_of_another_node(world: World, other: Run) -> None:
    wait_told(world, RESTORED_EVENT)
    wait_disarmed(world)
    assert state(world) == (services.RUNNING, services.AUTO, True)
    with pytest.raises(LockLost):
        guard.disarm(other.client, FOLDER, "prod", ME, check_mode=False)
    fs = world.hosts["octo-a"].fs
    assert not fs.exists(f"{FOLDER}\\lock", SYSTEM) and not fs.exists(f"{ROOT}\\programs\\lock", SYSTEM)


def test_the_guard_of_another_node_is_disarmed_at_its_last_look(world: World, other: Run) -> None:
    """The task is gone, but its command file still runs: it must not act."""
    tasks, name = world.hosts["octo-a"].tasks, TASK_FOLDER + "prod"
    tasks.enable(name, False)
    with tasks.changed:
        tasks.get(name).enabled = True
    processes = [tasks.run(name)]
    for _tick in range(2):
        assert processes[-1] is not None and processes[-1].wait(WAIT) == 0
        processes.append(tasks.run(name))
    assert guard.disarm(other.client, FOLDER, "prod", ME, check_mode=False)
    assert processes[-1] is not None and processes[-1].wait(WAIT) is not None
    assert state(world) == (services.STOPPED, services.DISABLED, False)
    assert world.hosts["octo-a"].fs.exists(f"{FOLDER}\\lock\\holder-{ME.token}", SYSTEM)


def test_the_guard_of_another_node_outlives_no_run(world: World, other: Run) -> None:
    """The run has ended, in whatever way, and could not disarm it."""
    RunLock(other.client, FOLDER, "prod", ME).release()
    wait_disarmed(world)
    assert told(world) == []
    assert state(world) == (services.STOPPED, services.DISABLED, False)


def guard_ended(world: World) -> None:
    """Wait until no command file of the guard runs."""
    tasks = world.hosts["octo-a"].tasks
    with tasks.changed:
        assert tasks.changed.wait_for(lambda: not tasks.is_running(TASK_FOLDER + "prod"), WAIT)


def faults(world: World) -> Faults:
    return world.hosts["octo-a"].faults
