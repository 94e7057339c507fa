# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs: they outlive the connection, are found again, run as whom they should, and reach what a WinRM logon does not."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from acceptance.target import Target, decode_argv, wait_until
from acceptance.test_arguments import NASTY
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files, processes, scheduled_tasks
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CMD, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError, HostTimeout
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_survey import FoundJob, survey
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job, RunAs
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import builtin

DEADLINE = 120.0
WHOAMI = ["C:\\Windows\\System32\\whoami.exe"]


@pytest.fixture
def job(target: Target, host: WindowsHost, folder: str) -> Iterator[Job]:
    """A job that is gone afterwards."""
    made = Job(host, f"{folder}\\work root", f"acceptance-{uuid.uuid4().hex[:8]}")
    yield made
    if scheduled_tasks.get(host, made.task) is not None:
        made.cancel()
    made.remove()


def _again(job: Job, host: WindowsHost) -> Job:
    """The same job, as another run of the collection sees it."""
    return Job(host, job.root, job.identity)


def test_a_job_tells_exit_codes_and_output(job: Job) -> None:
    job.start([WHOAMI, "echo Grüße", "echo 漢字 1>&2", f"{CMD} /d /c exit 3010", "echo end"])
    state = job.wait(DEADLINE)
    assert (state.status, state.exit_codes, state.exit_code) == ("finished", (0, 0, 0, 3010, 0), 3010)
    assert [line.strip() for line in job.output().splitlines()][1:] == ["Grüße", "漢字", "end"]


def test_a_job_outlives_its_connection(target: Target, job: Job) -> None:
    """The shell that started it is closed, which ends what was started in it; the job runs on and ends."""
    seconds = 300 if target.is_lab else 8  # lab time runs faster
    job.start([target.pause(seconds), "echo done"])
    job.host.close()
    with WindowsHost(target.options) as other:
        again = _again(job, other)
        assert again.poll().status == "running"
        assert again.wait(DEADLINE).exit_code == 0
        assert again.output().rstrip().endswith("done")


def test_a_second_start_attaches(target: Target, job: Job) -> None:
    commands = [target.pause(60 if target.is_lab else 3), "echo once"]
    job.start(commands)
    with WindowsHost(target.options) as other:
        again = _again(job, other)
        again.start(commands)
        assert again.attached
        again.wait(DEADLINE)
        once_more = _again(job, other)
        assert once_more.start(commands).status == "finished"
        assert once_more.attached
        assert once_more.output().split().count("once") == 1


def test_a_deadline_ends_the_waiting_not_the_job(target: Target, job: Job) -> None:
    job.start([target.pause(900)])
    with pytest.raises(HostTimeout):
        job.wait(1)
    assert job.poll().status == "running"


def test_a_cancelled_job_is_lost_and_its_program_gone(target: Target, host: WindowsHost, job: Job) -> None:
    """Ending a task ends its cmd.exe alone; ending a job ends what that has started too."""
    command = target.pause(900)
    image = command[0].rpartition("\\")[2]
    before = {one.pid for one in processes.find(host, image=image)}
    job.start([command])
    wait_until(lambda: bool({one.pid for one in processes.find(host, image=image)} - before), f"{image} runs")
    job.cancel()
    wait_until(lambda: job.poll().status == "lost", "the job is lost")
    wait_until(lambda: not {one.pid for one in processes.find(host, image=image)} - before, f"{image} is gone")
    with pytest.raises(HostError, match="without an exit code"):
        job.start([command])
    job.start(["echo anew"], restart_lost=True)
    assert job.wait(DEADLINE).exit_code == 0


def test_what_an_ended_task_leaves_running_is_seen(target: Target, host: WindowsHost, job: Job) -> None:
    """It has inherited the job's output file, which nobody else then can open for writing."""
    command = target.pause(900)
    image = command[0].rpartition("\\")[2]
    before = {one.pid for one in processes.find(host, image=image)}

    def new() -> set[int]:
        return {one.pid for one in processes.find(host, image=image)} - before

    def seen() -> FoundJob:
        return next(one for one in survey(host, job.root) if one.identity == job.identity)

    job.start([command])
    wait_until(lambda: bool(new()), f"{image} runs")
    assert (seen().status, seen().orphaned) == ("running", False)
    scheduled_tasks.end(host, job.task)
    wait_until(lambda: job.poll().status == "lost", "the task has ended")
    assert new(), "ending a task ends its cmd.exe alone"
    assert (seen().status, seen().orphaned) == ("running", True)
    for pid in new():
        processes.kill(host, pid)
    wait_until(lambda: seen().status == "lost", f"{image} is gone")


def test_a_removed_job_leaves_nothing(host: WindowsHost, job: Job) -> None:
    job.start(["echo x"])
    job.wait(DEADLINE)
    job.remove()
    assert scheduled_tasks.get(host, job.task) is None
    assert not files.exists(host, job.folder)
    assert job.poll().status == "absent"
    job.remove()


def test_output_is_followed(target: Target, job: Job) -> None:
    """more +N skips what is known already."""
    seen: list[str] = []
    step = 20 if target.is_lab else 2
    job.start(["echo one", target.pause(step), "echo two", target.pause(step), "echo three"])
    job.wait(DEADLINE, on_output=seen.extend)
    assert [line.strip() for line in seen if line.strip() in ("one", "two", "three")] == ["one", "two", "three"]
    assert "".join(f"{line}\n" for line in seen) == job.output()


def test_arguments_arrive_in_a_job(argv_program: list[str], job: Job) -> None:
    """From the command file, where a percent sign is written twice; a double quote is refused there."""
    fit = [one for one in NASTY if '"' not in one and "\t" not in one]
    job.start([[*argv_program, *fit]])
    assert job.wait(DEADLINE).exit_code == 0
    assert decode_argv(job.output()) == fit


def test_a_job_runs_as_system(job: Job) -> None:
    job.start([WHOAMI])
    job.wait(DEADLINE)
    # The authority's name is translated, and in some languages the account's.
    assert job.output().strip().rpartition("\\")[2].lower().startswith(("syst", "sist"))


def test_a_job_runs_as_an_account_whose_password_came_by_standard_input(job: Job, needs: Callable[[str], tuple[str, str]]) -> None:
    account, password = needs("job_account")
    job.start([WHOAMI], RunAs(account, password))
    assert job.wait(DEADLINE).exit_code == 0
    assert job.output().strip().lower() == account.lower()


def test_a_wrong_password_of_the_job_account_is_refused(job: Job, needs: Callable[[str], tuple[str, str]]) -> None:
    account, password = needs("job_account")
    with pytest.raises(HostError) as error:
        job.start([WHOAMI], RunAs(account, f"not {password}"))
    assert password not in str(error.value)


def test_a_winrm_logon_does_not_reach_a_share(target: Target, host: WindowsHost, needs: Callable[[str], str]) -> None:
    """The double hop. On the share's own host there is none."""
    share = needs("share")
    if not target.share_is_elsewhere:
        pytest.skip("OCTOPUS_ACCEPTANCE_SHARE_IS_ELSEWHERE is not 1: the host reaches its own share without a second hop")
    if target.options.transport[0] == "credssp" or target.options.kerberos_delegation:
        pytest.skip("this logon has credentials for a second hop")
    assert host.run_builtin("dir", "/b", share).exit_code == 1
    assert host.run_cmd(f'echo x> "{share}\\octopus-acceptance.txt"').exit_code == 1


@pytest.mark.parametrize("account", ["SYSTEM", "job_account"])
def test_a_job_reaches_a_share(host: WindowsHost, folder: str, job: Job, needs: Callable[[str], str], account: str) -> None:
    """SYSTEM as the computer account, another account with its password."""
    share = needs("share")
    run_as = RunAs() if account == "SYSTEM" else RunAs(*needs(account))
    there = f"{share}\\octopus-acceptance-{uuid.uuid4().hex[:8]}"
    job.start(
        [
            builtin("mkdir", there),
            f'echo written> "{there}\\file.txt"',
            builtin("type", f"{there}\\file.txt"),
            builtin("rd", "/s", "/q", there),
        ],
        run_as,
    )
    state = job.wait(DEADLINE)
    assert (state.exit_code, job.output().strip()) == (0, "written")


def test_no_password_of_the_connection_is_in_a_message(target: Target) -> None:
    with WindowsHost(replace(target.options, password="wrong-but-secret")) as host, pytest.raises(HostError) as error:
        Job(host, "C:\\ProgramData\\octopus.upgrade.acceptance", "never").start(["echo x"])
    assert "wrong-but-secret" not in str(error.value)
