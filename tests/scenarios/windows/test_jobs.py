# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs on a host of the lab: they run on without anyone, and are found again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError, HostTimeout
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job, RunAs, job_id
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import builtin
from lab.windows.process import Process
from scenarios.windows.setting import JOB_ACCOUNT, JOB_PASSWORD, ROOT, SYSTEM, WAIT, World

TOOL = "C:\\Program Files\\Tool 100%\\tool.exe"


@pytest.fixture
def tool(world: World) -> Iterator[Callable[[Callable[[Process], int]], None]]:
    """Says what the program :data:`TOOL` does."""
    host = world.hosts["octo-a"]
    host.add_program(TOOL, "tool")

    def does(handler: Callable[[Process], int]) -> None:
        host.programs["tool"] = handler

    yield does


def test_a_job_gives_exit_code_and_output(client: WindowsHost, tool: Callable[..., None]) -> None:
    def work(process: Process) -> int:
        process.print(f"got {process.argv[1:]} as {process.logon.account}")
        process.error("Grüße")
        return -1073741819

    tool(work)
    job = Job(client, ROOT, "work-1")
    seen: list[str] = []
    job.start([[TOOL, "a b", "50%", "c&d"]])
    state = job.wait(WAIT, seen.extend)
    assert state.status == "finished"
    assert state.exit_codes == (-1073741819,)
    assert seen == ["got ['a b', '50%', 'c&d'] as SYSTEM", "Grüße"]
    assert job.output() == "got ['a b', '50%', 'c&d'] as SYSTEM\nGrüße\n"
    job.remove()
    assert job.poll().status == "absent"
    assert files.names(client, f"{ROOT}\\jobs") == []


def test_every_command_has_its_exit_code(client: WindowsHost, tool: Callable[..., None]) -> None:
    tool(lambda process: int(process.argv[1]))
    job = Job(client, ROOT, "several")
    job.start([[TOOL, "3"], builtin("mkdir", "C:\\New"), builtin("mkdir", "C:\\New"), [TOOL, "0"]])
    state = job.wait(WAIT)
    assert state.exit_codes == (3, 0, 1, 0)
    assert state.exit_code == 3


def test_a_second_start_attaches(client: WindowsHost, world: World, tool: Callable[..., None]) -> None:
    tool(lambda process: 5)
    for attached in (False, True):
        job = Job(client, ROOT, "twice")
        job.start([[TOOL]])
        assert job.attached is attached
        assert job.wait(WAIT).exit_code == 5
    assert len(world.ledger.events("task.run")) == 1


def test_a_running_job_survives_its_connection(world: World, tool: Callable[..., None]) -> None:
    def work(process: Process) -> int:
        process.print("begun")
        process.sleep(100)
        process.print("done")
        return 0

    tool(work)
    with world.client() as first:
        Job(first, ROOT, "long").start([[TOOL]])
    with world.client() as second:
        job = Job(second, ROOT, "long")
        seen: list[str] = []
        assert job.start([[TOOL]]).status == "running"
        assert job.attached
        assert job.wait(WAIT, seen.extend).exit_code == 0
    assert seen == ["begun", "done"]


def test_a_deadline_leaves_the_job_running(client: WindowsHost, world: World, tool: Callable[..., None]) -> None:
    tool(lambda process: 0 if process.sleep(10000) is None else 1)
    job = Job(client, ROOT, "too-long")
    job.start([[TOOL]])
    with pytest.raises(HostTimeout, match=r"too-long.*continues on the host"):
        job.wait(0.5)
    assert job.poll().status == "running"
    job.cancel()
    assert [one.name for one in world.hosts["octo-a"].processes() if one.name == "tool.exe"] == []
    with pytest.raises(HostError, match="without an exit code"):
        job.wait(WAIT)


def test_a_lost_job_is_told_and_can_be_started_again(client: WindowsHost, world: World, tool: Callable[..., None]) -> None:
    runs: list[int] = []

    def work(process: Process) -> int:
        runs.append(process.pid)
        process.print("half-way")
        process.sleep(10000 if len(runs) == 1 else 0)
        return 0

    tool(work)
    world.network.faults.arm("job.vanish", after=5.0)
    job = Job(client, ROOT, "vanishes")
    job.start([[TOOL]])
    with pytest.raises(HostError, match=r"ended without an exit code.*half-way"):
        job.wait(WAIT)
    again = Job(client, ROOT, "vanishes")
    with pytest.raises(HostError, match="ended without an exit code"):
        again.start([[TOOL]])
    again.start([[TOOL]], restart_lost=True)
    assert again.wait(WAIT).exit_code == 0
    assert len(runs) == 2


def test_a_job_as_an_account_reaches_a_share(client: WindowsHost, world: World) -> None:
    share = world.network.add_share("nas", "backups", world.network.root / "nas", {JOB_ACCOUNT})
    files.write_text(client, "C:\\local.txt", "content\n")
    line = builtin("copy", "/y", "C:\\local.txt", f"{share.unc}\\there.txt")
    assert client.run_cmd(line).exit_code == 1  # a network log-on has no second hop
    job = Job(client, ROOT, "as-account")
    job.start([line], RunAs(JOB_ACCOUNT, JOB_PASSWORD))
    assert job.wait(WAIT).exit_code == 0
    assert (world.network.root / "nas" / "there.txt").read_bytes() == b"content\r\n"
    assert not [event for event in world.ledger.events() if JOB_PASSWORD in str(event.fields)]


def test_a_wrong_password_is_refused_without_being_shown(client: WindowsHost) -> None:
    job = Job(client, ROOT, "wrong-password")
    with pytest.raises(HostError, match=r"as LAB\\octo-backup.*incorrect") as caught:
        job.start([["hostname"]], RunAs(JOB_ACCOUNT, "not-the-password"))
    assert "not-the-password" not in str(caught.value)
    with pytest.raises(HostError, match="job_password"):
        job.start([["hostname"]], RunAs(JOB_ACCOUNT))


def test_a_start_that_was_interrupted_is_finished(client: WindowsHost, world: World, tool: Callable[..., None]) -> None:
    tool(lambda process: 0)
    world.hosts["octo-a"].fs.mkdir(f"{ROOT}\\jobs\\half", SYSTEM)
    job = Job(client, ROOT, "half")
    job.start([[TOOL]])
    assert not job.attached
    assert job.wait(WAIT).exit_code == 0


def test_a_busy_output_is_paged(client: WindowsHost, world: World, tool: Callable[..., None]) -> None:
    def work(process: Process) -> int:
        for number in range(200):
            process.print(f"line\t{number}" if number == 150 else f"line {number}")
            process.sleep(0.5)
        return 0

    tool(work)
    job = Job(client, ROOT, "busy")
    seen: list[str] = []
    job.start([[TOOL]])
    assert job.wait(WAIT, seen.extend).exit_code == 0
    # more makes blanks of a tab.
    assert [" ".join(line.split()) for line in seen] == [f"line {number}" for number in range(200)]


def test_ids() -> None:
    assert job_id("install 2026.2", "a") == job_id("install 2026.2", "a")
    assert job_id("install 2026.2", "a") != job_id("install 2026.2", "b")
    assert job_id("install 2026.2", "a").startswith("install-2026.2-")


@pytest.mark.parametrize("executed", [True, False])
def test_whichever_request_is_lost_nothing_is_left(world: World, executed: bool) -> None:
    """A job that the next run has no reason to ask for, because what it is about has another name then."""
    host = world.hosts["octo-a"]
    for nth in range(100):
        world.network.faults.arm("winrm.drop", skip=nth, executed=executed)
        with world.client() as client:
            job = Job(client, ROOT, job_id("look", str(nth)))
            with suppress(HostError), job.removed_on_error():
                job.start(["ver"])
                job.wait(WAIT)
                job.output()
                job.remove()
        met = world.ledger.events("fault", name="winrm.drop", action="met")
        world.network.faults.disarm()
        assert [task.name for task in host.tasks.all()] == []
        folder = f"{ROOT}\\jobs"
        assert not host.fs.is_dir(folder, SYSTEM) or host.fs.listdir(folder, SYSTEM) == []
        if len(met) == nth:
            break
    assert nth > 5
