# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several jobs at once: those of one host are polled and removed with one command for as many as its line holds."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ansible_collections.octopus.upgrade.plugins.module_utils._core import stopping

from .connection import SYSTEM32
from .errors import HostError, HostTimeout, HostUnreachable
from .job_files import JobState
from .quoting import CMD_LIMIT, builtin, cmd_line, word

if TYPE_CHECKING:
    from .jobs import Job

OnOutput = Callable[[list[str]], object]

# Seconds between polls. The longest pause is how late the end of a job is noticed at most, and jobs run during the outage.
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.2, 1.0, 1.5
# How long a host may be unreachable while its job is running.
PATIENCE = 300.0
# Of a command line, without cmd.exe and its switches.
LONGEST_LINE = CMD_LIMIT - 100


def remove_all(jobs: Iterable[Job]) -> None:
    """Delete the tasks and folders of jobs, if they exist, with few commands. A process that is still running is not ended.

    Raises:
        HostError: A folder is still in use.
    """
    for group in _groups(jobs, _remove_line):
        _remove(group)


def _poll_together(jobs: Sequence[Job], on_output: Callable[[Job], OnOutput]) -> list[JobState]:
    """Poll jobs of the same host, with one command for all where it can be read.

    Args:
        jobs: The jobs, as many as one command line holds.
        on_output: Gives what gets the new lines of a job's output.
    """
    texts: list[str] = []
    if len(jobs) > 1:
        # Nobody can have written it to an output.
        between = f"--{uuid.uuid4().hex}--"
        printed = jobs[0].host.run_cmd(_poll_lines(jobs, between), idempotent=True).stdout
        texts = printed.split(f"{between}\n")
    states: list[JobState] = []
    for number, job in enumerate(jobs):
        state = job.take_poll(texts[number], on_output(job)) if len(texts) == len(jobs) else None
        # What cannot be read, or is read a second time before it is believed.
        states.append(job.poll(on_output(job)) if state is None or state.status in ("unread", "lost") else state)
    return states


def _poll_lines(jobs: Sequence[Job], between: str = f"--{uuid.UUID(int=0).hex}--") -> str:
    return f" & echo {between}& ".join(job.poll_line() for job in jobs)


def _groups(jobs: Iterable[Job], line: Callable[[Sequence[Job]], str]) -> list[list[Job]]:
    """Put jobs of the same host together, as many as one command line holds; ``line`` gives that of several."""
    groups: list[list[Job]] = []
    newest: dict[int, list[Job]] = {}  # by host
    for job in jobs:
        group = newest.get(id(job.host))
        if group is None or len(line([*group, job])) > LONGEST_LINE:
            newest[id(job.host)] = group = []
            groups.append(group)
        group.append(job)
    return groups


def _remove_line(jobs: Sequence[Job]) -> str:
    """Return the line that removes jobs, with the number of the first that is left as its exit code, else 0."""
    deleted = (cmd_line([f"{SYSTEM32}schtasks.exe", "/delete", "/tn", job.task, "/f"]) + " >nul 2>nul" for job in jobs)
    emptied = (f"{builtin('rd', '/s', '/q', job.folder)} 2>nul" for job in jobs)
    left = (f"(if exist {word(job.folder + chr(92))} exit /b {number})" for number, job in enumerate(jobs, 1))
    return " & ".join([*deleted, *emptied, *left, "exit /b 0"])


def _remove(jobs: Sequence[Job]) -> None:
    host, line = jobs[0].host, _remove_line(jobs)
    # The task's cmd.exe may have written the exit code but not ended yet.
    for pause in (0.1, 0.2, 0.4, 0.8, 1.6, None):
        code = host.run_cmd(line, idempotent=True).exit_code
        if code == 0:
            for job in jobs:
                job.forget()
            return
        if pause is not None:
            jobs[0].pause(pause)
    job = jobs[code - 1] if 0 < code <= len(jobs) else jobs[0]
    raise HostError(
        f"{host.where}: cannot delete the folder {job.folder} of the job {job.identity}. A file in it is in use: by a program that the job has "
        "started, or by a WinRM shell that lost its connection while it was writing there, which Windows closes after a while.",
        host.name,
    )


def wait_all(
    jobs: Mapping[str, Job],
    deadline_seconds: float,
    on_output: Callable[[str, list[str]], object] = lambda name, lines: None,
    tick: Callable[[], object] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, JobState]:
    """Wait until all jobs have finished, even if a host does not answer for a while.

    Args:
        jobs: The jobs by name.
        deadline_seconds: How long to wait.
        on_output: Gets the name of a job and new lines of its output.
        tick: Called after every round of polls that finds a job running.
        sleep: Waits for seconds.

    Returns:
        The final states by name.

    Raises:
        HostTimeout: The time is up; the jobs continue, and the same task, run again, finds them.
        HostError: A job was lost, or does not exist.
        HostUnreachable: A host has not answered for too long.
    """
    done: dict[str, JobState] = {}
    deadline = time.monotonic() + deadline_seconds
    answered = time.monotonic()
    pause = FIRST_PAUSE
    while True:
        stopping.check()
        names = {id(job): name for name, job in jobs.items() if name not in done}
        for group in _groups((jobs[name] for name in names.values()), _poll_lines):
            try:
                states = _poll_together(group, lambda job: partial(on_output, names[id(job)]))  # noqa: B023 - called within this round
            except HostUnreachable:
                if time.monotonic() - answered > PATIENCE or time.monotonic() >= deadline:
                    raise
                continue
            answered = time.monotonic()
            for job, state in zip(group, states, strict=True):
                if state.status == "finished":
                    done[names[id(job)]] = state
                elif state.status == "lost":
                    raise job.lost(state)
                elif state.status != "running":
                    raise HostError(
                        f"{job.host.where}: expected the job {job.identity} to be running or finished, but it is {state.status}.",
                        job.host.name,
                    )
        if len(done) == len(jobs):
            return {name: done[name] for name in jobs}
        tick()
        if time.monotonic() >= deadline:
            left = ", ".join(jobs[name].identity for name in jobs if name not in done)
            where = next(iter(jobs.values())).host
            raise HostTimeout(
                f"{where.where}: expected {left} to finish within {deadline_seconds:.0f} s. The job continues on the host; run the task again to "
                "wait for it.",
                where.name,
            )
        sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(pause * GROWTH, LONGEST_PAUSE)
