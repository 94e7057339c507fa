# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run that broke off has left on hosts: its jobs waited for or ended, their output kept, tasks and folders removed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress

from . import files
from .connection import ConnectionOptions, WindowsHost
from .errors import HostError, HostUnreachable
from .job_survey import FoundJob, survey
from .jobs import ENDING, FIRST_PAUSE, GROWTH, IDENTITY, LONGEST_PAUSE, PATIENCE, START_GRACE, TASK_FOLDER, Job
from .parallel import on_each

# What msiexec does is never ended half-way: Windows would be left with a program that is neither there nor gone.
NEVER_ENDED = ("install", "uninstall")


@dataclass(frozen=True)
class SweepRequest:
    """What a module was asked to do. Times are in seconds; ``grace`` is how long a task that never ran may still begin to."""

    state: str
    work_root: str
    cancel: tuple[str, ...] = ()
    timeout: float = 3600
    check_mode: bool = False
    tell: Progress = field(default_factory=Progress)
    grace: float = START_GRACE

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool) -> SweepRequest:
        """Read a module's parameters.

        Raises:
            ValueError: Something may not be ended.
        """
        for purpose in params["cancel"]:
            if not IDENTITY.fullmatch(purpose):
                raise InvalidValue(f"cancel: {purpose!r} is the purpose of no job: those are the beginnings of their ids, such as schema.")
            if _first(purpose) in NEVER_ENDED:
                raise InvalidValue(
                    f"cancel: a job that does {purpose} is never ended: Windows would be left with a program that is neither there nor gone. "
                    "It is waited for."
                )
        return cls(
            params["state"],
            params["work_root"].replace("/", "\\").rstrip("\\"),
            tuple(purpose.lower() for purpose in params["cancel"]),
            params["timeout"],
            check_mode,
            Progress(),
            START_GRACE,
        )

    def ends(self, identity: str) -> bool:
        """Whether a job of that id is ended rather than waited for."""
        name = identity.lower()
        return _first(name) not in NEVER_ENDED and any(name == one or name.startswith(f"{one}-") for one in self.cancel)


def _first(text: str) -> str:
    return text.lower().partition("-")[0]


@dataclass
class LeftJob:
    """A job that was there, how it stood when it was last looked at, and what was done."""

    id: str
    purpose: str
    status: str
    exit_code: int | None = None
    action: str = "none"
    log_path: str | None = None


@dataclass
class NodeJobs:
    """What was found and done on one node. ``first`` is how each job stood at first; None where nobody could look."""

    jobs: dict[str, LeftJob] = field(default_factory=dict)
    first: dict[str, str] | None = None
    seconds: float = 0.0

    @property
    def left(self) -> dict[str, str]:
        """The jobs that nothing was done about, and how they stand."""
        return {job.id: job.status for job in self.jobs.values() if job.action == "none"}

    @property
    def unsettled(self) -> int | None:
        return None if self.first is None else len(self.left)

    @property
    def changed(self) -> bool:
        return any(job.action != "none" for job in self.jobs.values())

    def as_dict(self) -> dict[str, Any]:
        """Return what the module returns of it."""
        return {"jobs": [asdict(job) for job in self.jobs.values()], "unsettled": self.unsettled, "seconds": self.seconds}


@dataclass
class Swept:
    """What came of all nodes."""

    request: SweepRequest
    nodes: dict[str, NodeJobs]

    def as_result(self, diff: bool = False) -> dict[str, Any]:
        """Return what the module returns."""
        foreseen = self.request.check_mode and self.request.state == "settled"
        result: dict[str, Any] = {
            "changed": any(node.changed or (foreseen and node.jobs) for node in self.nodes.values()),
            "nodes": {name: node.as_dict() for name, node in self.nodes.items()},
            "unsettled": sum(node.unsettled or 0 for node in self.nodes.values()),
        }
        if diff:
            before = {name: node.first or {} for name, node in self.nodes.items()}
            left = {name: {} if foreseen else node.left for name, node in self.nodes.items()}
            result["diff"] = {"before": _lines(before), "after": _lines(left)}
        return result


def _lines(nodes: dict[str, dict[str, str]]) -> str:
    return "".join(f"{name}: {identity}: {status}\n" for name, jobs in nodes.items() for identity, status in jobs.items())


class JobsUnsettled(HostError):
    """Some nodes did not get there. ``swept`` is what was found and done on all of them."""

    def __init__(self, message: str, swept: Swept) -> None:
        super().__init__(message)
        self.swept = swept


def sweep(
    request: SweepRequest, connections: Sequence[ConnectionOptions], open_host: Callable[[ConnectionOptions], WindowsHost] = WindowsHost
) -> Swept:
    """Do what was asked for, on all nodes at once.

    Raises:
        JobsUnsettled: Some nodes did not get there; the message tells each job's reason.
        HostError: There is no node.
    """
    if not connections:
        raise HostError("There is no node to act on: give nodes, or run the task for a Windows host.")
    swept = Swept(request, {options.name: NodeJobs() for options in connections})
    failures = []
    for name, outcome in on_each(connections, lambda host: _on_node(host, request, swept.nodes[host.name]), open_host).items():
        if isinstance(outcome, HostError):
            failures.append(outcome.message if name in outcome.message else f"{name}: {outcome.message}")
        elif isinstance(outcome, Exception):
            raise outcome
    if failures:
        raise JobsUnsettled(" ".join(failures), swept)
    return swept


def _on_node(host: WindowsHost, request: SweepRequest, node: NodeJobs) -> None:
    start = time.monotonic()
    try:
        one = NodeSweep(host, request, node)
        if request.state == "listed" or request.check_mode:
            one.look()
        else:
            one.settle()
    finally:
        node.seconds = round(time.monotonic() - start, 3)


class NodeSweep:
    """The jobs of one node, looked at again and again until none is left."""

    def __init__(
        self,
        host: WindowsHost,
        request: SweepRequest,
        node: NodeJobs,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.host, self.request, self.node = host, request, node
        self._sleep, self._clock = sleep, clock
        self._start = clock()
        self._awaited: set[str] = set()
        self._ended: dict[str, float] = {}  # when
        self._never_ran: dict[str, float] = {}  # since when it is seen so
        self._failed: dict[str, str] = {}
        self._actions: dict[str, str] = {}  # what will have been done when it is gone

    def look(self) -> list[FoundJob]:
        """How all stand now, which is also kept in the result."""
        found = survey(self.host, self.request.work_root)
        if self.node.first is None:
            self.node.first = {}
        for job in found:
            self.node.first.setdefault(job.identity, job.status)
            left = self.node.jobs.setdefault(job.identity.lower(), LeftJob(job.identity, job.purpose, job.status))
            left.status, left.exit_code = job.status, job.exit_code
        return found

    def settle(self) -> None:
        """Until nothing is there, or what is there is not to be had.

        Raises:
            HostError: That; the message tells of each job.
        """
        pause, answered = FIRST_PAUSE, self._clock()
        while True:
            try:
                found = [job for job in self._look_again() if job.identity.lower() not in self._failed]
                answered = self._clock()
                # Not only until all is removed, but until a look has shown that it is.
                if not found:
                    break
                done = [self._step(job) for job in found]
                waits = not all(done)
            except HostUnreachable:
                if self.node.first is None or self._clock() - answered > PATIENCE:
                    raise
                waits = True
            if waits:
                left = self._start + self.request.timeout - self._clock()
                self._sleep(min(pause, left) if left > 0 else pause)
                pause = min(pause * GROWTH, LONGEST_PAUSE)
        if self._failed:
            raise HostError(" ".join(self._failed.values()), self.host.name)

    def _look_again(self) -> list[FoundJob]:
        """Look, and note what is gone though nobody heard that it was removed: the answer was lost, or it was somebody else."""
        found = self.look()
        there = {job.identity.lower() for job in found} | set(self._failed)
        for name, left in self.node.jobs.items():
            if left.action == "none" and name not in there:
                left.action = self._actions.get(name, "waited")
        return found

    def _step(self, job: FoundJob) -> bool:
        """Do what can be done now. False where it has to be waited for."""
        name = job.identity.lower()
        left = self.node.jobs[name]
        try:
            if left.action != "none":
                left.action = "none"
                raise HostError(f"{self.host.where}: the job {job.identity} is there again after it was removed. Who starts it?")
            if job.status == "running":
                return self._running(job)
            if job.status == "created" and self._clock() - self._never_ran.setdefault(name, self._clock()) < self.request.grace:
                return False  # it may be just about to begin
            self._put_away(job, left)
        except HostUnreachable:
            raise
        except HostError as error:
            self._failed[name] = error.message
        return True

    def _running(self, job: FoundJob) -> bool:
        name, now = job.identity.lower(), self._clock()
        if self.request.ends(name) and name not in self._ended:
            self.request.tell(f"{self.host.name}: ending the job {job.identity}")
            Job(self.host, self.request.work_root, job.identity, self._sleep).cancel()
            self._ended[name] = self._clock()
            return True
        if name not in self._awaited and name not in self._ended:
            self.request.tell(f"{self.host.name}: waiting for the job {job.identity} of an earlier run")
            self._awaited.add(name)
        over = now >= self._ended[name] + ENDING if name in self._ended else now >= self._start + self.request.timeout
        if over:
            raise HostError(self._too_long(job))
        return False

    def _too_long(self, job: FoundJob) -> str:
        name = job.identity.lower()
        wanted = "ended" if name in self._ended else f"done within {self.request.timeout:g} s"
        since = f"since {job.since} (as the host writes it)" if job.since else "since nobody knows when"
        if job.orphaned:
            return (
                f"{self.host.where}: Wanted: the job {job.identity} {wanted}. Found: its task does not run any more, but a process that it "
                f"started {since} does, and holds {self.request.work_root}\\jobs\\{job.identity}\\output.txt. It was left alone. See on the "
                "host what that is, and wait for it or end it; then run this task again."
            )
        if _first(name) in NEVER_ENDED:
            advice = "It must not be ended: wait for it, with a longer timeout."
        else:
            advice = f"Wait for it, with a longer timeout, or have it ended with {job.purpose} in cancel."
        return (
            f"{self.host.where}: Wanted: the job {job.identity} {wanted}. Found: its task {TASK_FOLDER}{job.identity} runs {since}. It was "
            f"left alone. {advice}"
        )

    def _put_away(self, job: FoundJob, left: LeftJob) -> None:
        """Keep the output where it ended badly, remove the rest."""
        name, root = job.identity.lower(), self.request.work_root
        folder = f"{root}\\jobs\\{job.identity}"
        if "output.txt" in job.files and job.exit_code != 0:
            logs = f"{root}\\logs"
            path = f"{logs}\\{job.identity}-{datetime.now(timezone.utc):%Y%m%dT%H%M%S%fZ}.txt"
            files.make_folder(self.host, logs)
            files.move(self.host, f"{folder}\\output.txt", path)
            left.log_path = path
        if name in self._ended and job.status == "lost":
            self._actions[name] = "ended"
        else:
            self._actions[name] = "waited" if name in self._ended or name in self._awaited else "removed"
        Job(self.host, root, job.identity, self._sleep).remove()
        left.action = self._actions[name]
