# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_jobs on hosts of the lab: what a run that broke off has left there, running, ended, and half-made."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import job_sweep, msi
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job, RunAs, job_id
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module
from lab.octopus import media
from lab.octopus.build import register_programs
from lab.windows.host import WindowsHost as LabHost
from lab.windows.process import Process
from lab.windows.tasks import Task
from patience import patient
from scenarios.windows.setting import ROOT, SYSTEM, WAIT, World

TOOL, CHILD = "C:\\Tools\\tool.exe", "C:\\Tools\\child.exe"


class Work:
    """A program on a host that prints a line and runs until it is let go, or killed."""

    def __init__(self, host: LabHost, path: str, code: int = 0) -> None:
        self.host, self.path, self.code = host, path, code
        self.go, self.mark = threading.Event(), host.ledger.mark()
        host.add_program(path, path)
        host.programs[path] = self

    def __call__(self, process: Process) -> int:
        process.print("working")
        while not self.go.wait(0.01):
            process.check()
        return self.code

    def wait_begun(self) -> None:
        self.host.ledger.wait_for(lambda event: event.kind == "process.start" and event["path"] == self.path, WAIT, self.mark)

    @property
    def runs(self) -> bool:
        return any(process.path == self.path for process in self.host.processes())


@pytest.fixture
def work(world: World) -> Iterator[Work]:
    made = Work(world.hosts["octo-a"], TOOL)
    yield made
    made.go.set()


@pytest.fixture
def jobs(world: World) -> Callable[..., dict[str, Any]]:
    """Runs the module on all hosts of the world."""

    def run(check_mode: bool = False, diff: bool = False, **options: Any) -> dict[str, Any]:
        connections = [world.params(name) for name in world.hosts]
        return run_module("octopus_jobs", check_mode, diff, **{"connections": connections, "state": "absent", "timeout": 30, **options})

    return run


@pytest.fixture
def listed(world: World) -> Callable[[], dict[str, Any]]:
    """Lists the jobs of all hosts of the world."""
    return lambda: run_module("octopus_jobs_info", connections=[world.params(name) for name in world.hosts])


def start(world: World, identity: str, *commands: Any, name: str = "octo-a") -> Job:
    """A job of a controller that is gone right after."""
    with world.client(name) as client:
        job = Job(client, ROOT, identity)
        job.start(commands or [[TOOL]])
    return job


def of(result: dict[str, Any], name: str = "octo-a") -> dict[str, dict[str, Any]]:
    """The jobs of a node by id."""
    assert "nodes" in result, result
    return {job["id"]: job for job in result["nodes"][name]["jobs"]}


def left(world: World, name: str = "octo-a") -> tuple[list[str], list[str]]:
    """Tasks and folders that are there."""
    host = world.hosts[name]
    folder = f"{ROOT}\\jobs"
    names = host.fs.listdir(folder, SYSTEM) if host.fs.is_dir(folder, SYSTEM) else []
    return [task.name for task in host.tasks.all() if task.name.startswith("\\octopus.upgrade\\")], names


def log_of(world: World, job: dict[str, Any], name: str = "octo-a") -> str:
    return world.hosts[name].fs.read(job["log_path"], SYSTEM).decode()


def test_nothing_there(jobs: Callable[..., Any], listed: Callable[[], Any], world: World) -> None:
    for run, expected in ((listed, 1), (jobs, 2)):
        mark = world.ledger.mark()
        result = run()
        assert (result["changed"], result.get("remaining", 0), result["nodes"]["octo-a"]["jobs"]) == (False, 0, []), result
        commands = [event for event in world.ledger.events("process.start", since=mark) if event["path"].endswith("\\cmd.exe")]
        assert len(commands) == expected, "one command tells of all jobs, another one deletes what they may have left beside themselves"


def test_a_job_that_runs_on_after_its_controller_died_is_waited_for(
    jobs: Callable[..., Any], listed: Callable[[], Any], world: World, work: Work
) -> None:
    start(world, "folders-logs-1")
    work.wait_begun()
    found = listed()
    assert of(found)["folders-logs-1"] == {"id": "folders-logs-1", "kind": "folders", "status": "running", "exit_code": None}
    assert found["changed"] is False
    mark = world.ledger.mark()

    def let_go() -> None:
        # Once it has been looked at.
        world.ledger.wait_for(lambda event: event.kind == "process.end" and event["path"].endswith("cmd.exe"), WAIT, mark)
        work.go.set()

    threading.Thread(target=let_go, daemon=True).start()
    result = jobs()
    job = of(result)["folders-logs-1"]
    assert (result["changed"], result["remaining"]) == (True, 0)
    assert (job["status"], job["exit_code"], job["action"], job["log_path"]) == ("finished", 0, "waited", None)
    assert left(world) == ([], [])
    assert not jobs()["changed"]


def test_check_mode_lists(jobs: Callable[..., Any], world: World, work: Work) -> None:
    start(world, "fetch-1")
    work.wait_begun()
    result = jobs(check_mode=True, diff=True, cancel=["fetch"])
    assert (result["changed"], result["remaining"], of(result)["fetch-1"]["action"]) == (True, 1, "none")
    assert result["diff"] == {"before": "octo-a: fetch-1: running\n", "after": ""}
    assert work.runs
    assert left(world) == (["\\octopus.upgrade\\fetch-1"], ["fetch-1"])


def test_what_may_be_ended_is_ended_with_all_that_it_started(jobs: Callable[..., Any], world: World, work: Work) -> None:
    child = Work(world.hosts["octo-a"], CHILD)

    def tool(process: Process) -> int:
        process.print("before")
        return process.wait_for(process.host.spawn(None, CHILD, process.logon, parent=process, stdout=process.stdout.sink))

    world.hosts["octo-a"].programs[TOOL] = tool
    start(world, "schema-1", [TOOL], [TOOL])
    child.wait_begun()
    # Another job whose purpose only begins alike.
    start(world, "schematic-1", ["hostname"])
    result = jobs(cancel=["schema"])
    job = of(result)["schema-1"]
    assert (result["changed"], job["status"], job["exit_code"], job["action"]) == (True, "lost", None, "cancelled")
    assert log_of(world, job) == "before\r\nworking\r\n"
    assert of(result)["schematic-1"]["action"] in ("waited", "removed")
    assert not child.runs
    assert len(world.ledger.events("process.start")) == len(world.ledger.events("process.end")), "nothing runs that began"
    assert left(world) == ([], [])


def test_an_orphan_of_an_ended_task_is_found_and_waited_for(
    jobs: Callable[..., Any], listed: Callable[[], Any], world: World, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has ended the task alone: the program runs on, and nobody can tell any more whose it is."""
    start(world, "schema-1")
    work.wait_begun()
    world.hosts["octo-a"].tasks.end("\\octopus.upgrade\\schema-1")
    monkeypatch.setattr(job_sweep, "ENDING", 0.0)
    assert of(listed())["schema-1"]["status"] == "running"
    result = jobs(cancel=["schema"])
    assert result["failed"]
    assert "octo-a (" in result["msg"]
    assert f"holds {ROOT}\\jobs\\schema-1\\output.txt" in result["msg"]
    assert result["remaining"] == 1
    assert left(world) == (["\\octopus.upgrade\\schema-1"], ["schema-1"])
    work.go.set()
    again = jobs()
    assert of(again)["schema-1"]["status"] == "lost"
    assert log_of(world, of(again)["schema-1"]) == "working\r\n"
    assert left(world) == ([], [])


def test_a_job_that_takes_too_long_is_left_and_the_others_are_settled(jobs: Callable[..., Any], world: World, work: Work) -> None:
    start(world, "folders-logs-1")
    start(world, "work-2", ["hostname"])
    work.wait_begun()
    result = jobs(timeout=0)
    assert result["failed"]
    for part in ("octo-a (", "folders-logs-1", "to end within 0 s", "(in the host's time format)", "with folders in cancel", "since "):
        assert part in result["msg"]
    assert "unknown time" not in result["msg"]
    assert (of(result)["folders-logs-1"]["status"], of(result)["folders-logs-1"]["action"]) == ("running", "none")
    assert work.runs
    tasks, folders = left(world)
    assert "\\octopus.upgrade\\folders-logs-1" in tasks
    assert "folders-logs-1" in folders
    # The other may have run too, when it was looked at.
    assert result["remaining"] == len(tasks) == len(folders) <= 2


def test_an_installation_is_never_ended(jobs: Callable[..., Any], world: World, work: Work) -> None:
    start(world, "install-2026.2.9853-1")
    work.wait_begun()
    mark = world.ledger.mark()
    for kind in ("install", "Install-2026.2.9853", "uninstall", "msiexec"):
        assert "is never cancelled" in jobs(cancel=[kind])["msg"]
    assert world.ledger.events("winrm.request", since=mark) == []
    result = jobs(timeout=0, cancel=["schema"])
    assert "It must not be cancelled" in result["msg"]
    assert work.runs
    work.go.set()
    assert of(jobs())["install-2026.2.9853-1"]["exit_code"] == 0


def test_an_installation_is_waited_for_to_its_end(make_world: Callable[..., World]) -> None:
    world = make_world(scale=10.0)
    host, package = world.hosts["octo-a"], f"{ROOT}\\packages\\Octopus.2021.1.8045-x64.msi"
    register_programs(host)
    host.fs.mkdir(f"{ROOT}\\packages", SYSTEM)
    host.fs.mkdir(f"{ROOT}\\logs", SYSTEM)
    host.fs.write(package, media.build_msi("2021.1.8045"), SYSTEM)
    mark = world.ledger.mark()
    identity = job_id("install-2021.1.8045", package, "")
    start(world, identity, msi.install_line(package, f"{ROOT}\\logs\\install.log", {}))
    world.ledger.wait_for(lambda event: event.kind == "process.start" and event["path"].endswith("msiexec.exe"), WAIT, mark)
    assert world.ledger.events("msi", since=mark) == []
    result = run_module("octopus_jobs", connections=[world.params()], state="absent", cancel=["schema", "folders"])
    job = of(result)[identity]
    assert (job["kind"], job["exit_code"], job["action"], job["log_path"]) == ("install", 0, "waited", None)
    assert [event["exit_code"] for event in world.ledger.events("msi", since=mark)] == [0]
    assert left(world) == ([], [])


def test_output_is_kept_where_it_ended_badly(jobs: Callable[..., Any], world: World, work: Work) -> None:
    work.code = -1073741819
    work.go.set()
    start(world, "bad-1")
    start(world, "good-1", "echo well")
    with world.client() as client:
        for identity in ("bad-1", "good-1"):
            Job(client, ROOT, identity).wait(WAIT)
    result = jobs()
    bad, good = of(result)["bad-1"], of(result)["good-1"]
    assert (bad["status"], bad["exit_code"], bad["action"]) == ("finished", -1073741819, "removed")
    assert bad["log_path"].startswith(f"{ROOT}\\logs\\bad-1-20")
    assert log_of(world, bad) == "working\r\n"
    assert (good["exit_code"], good["action"], good["log_path"]) == (0, "removed", None)
    assert left(world) == ([], [])


def _folder(world: World, identity: str, *files: str) -> None:
    fs = world.hosts["octo-a"].fs
    fs.mkdir(f"{ROOT}\\jobs\\{identity}", SYSTEM)
    for name in files:
        fs.write(f"{ROOT}\\jobs\\{identity}\\{name}", b"x\r\n", SYSTEM)


def _task(world: World, identity: str) -> None:
    world.hosts["octo-a"].tasks.create(Task(f"\\octopus.upgrade\\{identity}", "C:\\Windows\\System32\\hostname.exe"))


def test_leftovers_of_each_half_made_kind(
    jobs: Callable[..., Any], listed: Callable[[], Any], world: World, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_sweep, "START_GRACE", 0.2)
    work.go.set()
    _folder(world, "empty-1")
    _folder(world, "no-task-1", "command.cmd", "task.xml")
    _folder(world, "begun-1", "command.cmd", "started", "output.txt")
    _folder(world, "ended-1", "command.cmd", "started", "output.txt")
    world.hosts["octo-a"].fs.write(f"{ROOT}\\jobs\\ended-1\\exit.code", b"0 3 \r\n", SYSTEM)
    _folder(world, "deep-1", "command.cmd")
    _folder(world, "deep-1\\below", "exit.code", "started")
    _task(world, "task-only-1")
    _folder(world, "never-run-1", "command.cmd", "task.xml")
    _task(world, "never-run-1")
    _task(world, "task-has-run-1")
    world.hosts["octo-a"].tasks.run("\\octopus.upgrade\\task-has-run-1")
    # No job's: names that none can have, files, and tasks elsewhere.
    world.hosts["octo-a"].tasks.create(Task("\\octopus.upgrade.other\\x-1", "C:\\x.exe"))
    world.hosts["octo-a"].fs.write(f"{ROOT}\\jobs\\note.txt", b"mine", SYSTEM)
    _folder(world, "mine, not a job")
    before = left(world)
    found = {job: (one["status"], one["exit_code"]) for job, one in of(listed()).items() if job != "task-has-run-1"}
    assert found == {
        "empty-1": ("absent", None),
        "no-task-1": ("absent", None),
        "begun-1": ("lost", None),
        "ended-1": ("finished", 3),
        "deep-1": ("absent", None),
        "task-only-1": ("created", None),
        "never-run-1": ("created", None),
    }
    assert left(world) == before
    result = jobs()
    assert (result["changed"], result["remaining"]) == (True, 0)
    assert {one["action"] for job, one in of(result).items() if job != "task-has-run-1"} == {"removed"}
    kept = {job for job, one in of(result).items() if one["log_path"]}
    assert kept == {"begun-1", "ended-1"}
    assert left(world) == ([], ["mine, not a job", "note.txt"])
    assert any(task.name == "\\octopus.upgrade.other\\x-1" for task in world.hosts["octo-a"].tasks.all())
    assert not jobs()["changed"]


def test_a_task_that_never_ran_may_be_about_to(jobs: Callable[..., Any], world: World, work: Work) -> None:
    """Its controller died between making the task and seeing it run: it is watched, and waited for when it does run."""
    with world.client() as client:
        Job(client, ROOT, "folders-1")._prepare("@echo off\r\n", RunAs())
    host = world.hosts["octo-a"]
    host.tasks.create(Task("\\octopus.upgrade\\folders-1", TOOL))
    mark = world.ledger.mark()

    def begin() -> None:
        world.ledger.wait_for(lambda event: event.kind == "process.end" and event["path"].endswith("cmd.exe"), WAIT, mark)
        host.tasks.run("\\octopus.upgrade\\folders-1")
        work.wait_begun()
        seen = world.ledger.mark()
        world.ledger.wait_for(lambda event: event.kind == "process.end" and event["path"].endswith("cmd.exe"), WAIT, seen)
        work.go.set()

    threading.Thread(target=begin, daemon=True).start()
    assert of(jobs())["folders-1"]["action"] == "waited"
    assert work.go.is_set()
    assert left(world) == ([], [])


def test_all_nodes_at_once_and_each_for_itself(make_world: Callable[..., World]) -> None:
    world = make_world("octo-a", "octo-b")
    works = {name: Work(host, TOOL) for name, host in world.hosts.items()}
    for name in world.hosts:
        start(world, "schema-1", name=name)
        works[name].wait_begun()
    works["octo-a"].go.set()
    connections = [world.params("octo-a"), world.params("octo-b"), {**world.params("octo-b"), "name": "gone", "port": 1}]
    result = run_module("octopus_jobs", connections=connections, state="absent", timeout=0)
    assert "octo-b (" in result["msg"]
    assert "gone (" in result["msg"]
    assert (result["nodes"]["gone"]["jobs"], result["nodes"]["gone"]["remaining"]) == ([], None)
    assert result["nodes"]["octo-b"]["remaining"] == 1
    assert left(world, "octo-b") == (["\\octopus.upgrade\\schema-1"], ["schema-1"])
    done = run_module("octopus_jobs", connections=connections[:2], state="absent", timeout=patient(30), cancel=["schema"])
    assert (done["changed"], done["remaining"]) == (True, 0)
    for name in world.hosts:
        assert left(world, name) == ([], [])
        assert not works[name].runs


def test_a_connection_that_breaks_while_it_waits(jobs: Callable[..., Any], world: World, work: Work) -> None:
    start(world, "folders-1")
    work.wait_begun()
    # Let the first look pass; the next is cut off twice, so that running it once more does not help.
    world.network.faults.arm("winrm.drop", after=6, times=2)
    mark = world.ledger.mark()

    def let_go() -> None:
        world.ledger.wait_for(lambda event: event.kind == "fault" and event["action"] == "met", WAIT, mark)
        work.go.set()

    threading.Thread(target=let_go, daemon=True).start()
    assert of(jobs())["folders-1"]["action"] == "waited"
    assert left(world) == ([], [])


def test_a_job_of_an_earlier_client_is_no_longer_anybodys(client: WindowsHost, jobs: Callable[..., Any], work: Work) -> None:
    """Whoever comes back to its job finds that there is none, and begins it anew."""
    work.go.set()
    job = Job(client, ROOT, "again-1")
    job.start([[TOOL]])
    job.wait(WAIT)
    jobs()
    assert job.poll().status == "absent"
    assert job.start([[TOOL]]).status == "running"
    assert not job.attached
    assert job.wait(WAIT).exit_code == 0
