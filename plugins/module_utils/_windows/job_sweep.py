# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removal of the jobs that an interrupted run has left on hosts: they are waited for or cancelled, and their output is retained.

A package that such a job has fetched, and nobody has verified, goes too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core import stopping
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress

from . import files
from .connection import ConnectionOptions, WindowsHost
from .errors import HostError, HostUnreachable
from .job_group import FIRST_PAUSE, GROWTH, LONGEST_PAUSE, PATIENCE
from .job_survey import FoundJob, survey
from .jobs import ENDING, IDENTITY, START_GRACE, TASK_FOLDER, Job
from .parallel import failures, on_each

# msiexec is never cancelled: that would leave Windows with a half-installed program.
NEVER_CANCELLED = ("install", "uninstall", "msiexec")


@dataclass(frozen=True)
class SweepRequest:
    """Which jobs are cancelled, and how long the others may take.

    Times are in seconds; ``grace`` is how long a task that never ran may take to begin.
    """

    work_root: str
    cancel: tuple[str, ...] = ()
    timeout: float = 3600
    check_mode: bool = False
    tell: Progress = field(default_factory=Progress)
    grace: float = START_GRACE

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool) -> SweepRequest:
        """Read the parameters of ``octopus_jobs``.

        Raises:
            InvalidValue: A job must not be cancelled.
        """
        for kind in params["cancel"]:
            if not IDENTITY.fullmatch(kind):
                raise InvalidValue(f"cancel: expected the beginning of a job's id, such as schema, but found {kind!r}.")
            if _first(kind) in NEVER_CANCELLED:
                raise InvalidValue(
                    f"cancel: a job of the kind {kind} is never cancelled, because that would leave a half-installed program. "
                    "Leave it out; the job is waited for."
                )
        return cls(
            params["work_root"].replace("/", "\\").rstrip("\\"),
            tuple(kind.lower() for kind in params["cancel"]),
            params["timeout"],
            check_mode,
            Progress(),
            START_GRACE,
        )

    def cancels(self, identity: str) -> bool:
        """Whether the job with an id is cancelled instead of waited for."""
        name = identity.lower()
        return _first(name) not in NEVER_CANCELLED and any(name == one or name.startswith(f"{one}-") for one in self.cancel)


def _first(text: str) -> str:
    return text.lower().partition("-")[0]


@dataclass
class SweptJob:
    """A job that was found, its latest status, and what was done about it."""

    id: str
    kind: str
    status: str
    exit_code: int | None = None
    action: str = "none"
    log_path: str | None = None


@dataclass
class NodeJobs:
    """What was found and done on one node. ``first`` is the first status of each job; None where the node could not be asked."""

    jobs: dict[str, SweptJob] = field(default_factory=dict)
    first: dict[str, str] | None = None
    seconds: float = 0.0

    @property
    def left(self) -> dict[str, str]:
        """The status of each job that is still there."""
        return {job.id: job.status for job in self.jobs.values() if job.action == "none"}

    @property
    def remaining(self) -> int | None:
        return None if self.first is None else len(self.left)

    @property
    def changed(self) -> bool:
        return any(job.action != "none" for job in self.jobs.values())

    def as_dict(self) -> dict[str, Any]:
        """Return what the module returns of the node."""
        return {"jobs": [asdict(job) for job in self.jobs.values()], "remaining": self.remaining, "seconds": self.seconds}


@dataclass
class Swept:
    """The outcome on all nodes."""

    request: SweepRequest
    nodes: dict[str, NodeJobs]

    def as_result(self, diff: bool = False) -> dict[str, Any]:
        """Return the module's result."""
        check_mode = self.request.check_mode
        result: dict[str, Any] = {
            "changed": any(node.changed or (check_mode and bool(node.jobs)) for node in self.nodes.values()),
            "nodes": {name: node.as_dict() for name, node in self.nodes.items()},
            "remaining": sum(node.remaining or 0 for node in self.nodes.values()),
        }
        if diff:
            before = {name: node.first or {} for name, node in self.nodes.items()}
            after = {name: {} if check_mode else node.left for name, node in self.nodes.items()}
            result["diff"] = {"before": _lines(before), "after": _lines(after)}
        return result


def _lines(nodes: dict[str, dict[str, str]]) -> str:
    return "".join(f"{name}: {identity}: {status}\n" for name, jobs in nodes.items() for identity, status in jobs.items())


class JobsRemain(HostError):
    """Jobs are left on some nodes. ``result`` tells what was found and done on all of them."""

    def __init__(self, message: str, swept: Swept) -> None:
        super().__init__(message)
        self.result = swept.as_result()


def sweep(
    request: SweepRequest, connections: Sequence[ConnectionOptions], open_host: Callable[[ConnectionOptions], WindowsHost] = WindowsHost
) -> Swept:
    """Remove the jobs of all nodes at once.

    Args:
        request: Which jobs are cancelled, and how long the others may take.
        connections: The nodes.
        open_host: Opens a host.

    Raises:
        JobsRemain: Jobs are left on some nodes; the message says why for each job.
        HostError: There is no node.
    """
    if not connections:
        raise HostError("No node to act on. Set nodes, or run the task for a Windows host.")
    swept = Swept(request, {options.name: NodeJobs() for options in connections})
    failed = failures(on_each(connections, lambda host: _on_node(host, request, swept.nodes[host.name]), open_host))
    if failed:
        raise JobsRemain(" ".join(failed), swept)
    return swept


def _on_node(host: WindowsHost, request: SweepRequest, node: NodeJobs) -> None:
    start = time.monotonic()
    try:
        one = NodeSweep(host, request, node)
        if request.check_mode:
            one.look()
        else:
            one.run()
    finally:
        node.seconds = round(time.monotonic() - start, 3)


class NodeSweep:
    """The jobs of one node, looked at again and again until none is left.

    Args:
        host: The node.
        request: Which jobs are cancelled, and how long the others may take.
        node: Receives the outcome.
        sleep: Waits for seconds.
        clock: Gives seconds that only grow.
    """

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
        self._cancelled: dict[str, float] = {}  # when
        self._never_ran: dict[str, float] = {}  # first seen
        self._failed: dict[str, str] = {}
        self._actions: dict[str, str] = {}  # to report once the job is gone

    def look(self) -> list[FoundJob]:
        """Return all jobs as they are now, and record them in the result."""
        found = survey(self.host, self.request.work_root)
        if self.node.first is None:
            self.node.first = {}
        for job in found:
            self.node.first.setdefault(job.identity, job.status)
            left = self.node.jobs.setdefault(job.identity.lower(), SweptJob(job.identity, job.kind, job.status))
            left.status, left.exit_code = job.status, job.exit_code
        return found

    def run(self) -> None:
        """Continue until no job is left, or until those that are left cannot be removed.

        Raises:
            HostError: Jobs are left; the message says why for each.
        """
        pause, answered = FIRST_PAUSE, self._clock()
        while True:
            try:
                found = [job for job in self._look_again() if job.identity.lower() not in self._failed]
                answered = self._clock()
                # Not when all have been removed, but when a look has shown that they are gone.
                if not found:
                    break
                done = [self._step(job) for job in found]
                waits = not all(done)
            except HostUnreachable:
                if self.node.first is None or self._clock() - answered > PATIENCE:
                    raise
                waits = True
            if waits:
                stopping.check()
                left = self._start + self.request.timeout - self._clock()
                self._sleep(min(pause, left) if left > 0 else pause)
                pause = min(pause * GROWTH, LONGEST_PAUSE)
        if self._failed:
            raise HostError(" ".join(self._failed.values()), self.host.name)
        # A job that fetches a package ends beside what it has fetched, and whoever had started it renames that.
        files.remove(self.host, f"{self.request.work_root}\\packages\\*.part")

    def _look_again(self) -> list[FoundJob]:
        """Look, and record jobs that are gone although no answer said so: it was lost, or somebody else removed them."""
        found = self.look()
        there = {job.identity.lower() for job in found} | set(self._failed)
        for name, left in self.node.jobs.items():
            if left.action == "none" and name not in there:
                left.action = self._actions.get(name, "waited")
        return found

    def _step(self, job: FoundJob) -> bool:
        """Do what is possible now. False where the job has to be waited for."""
        name = job.identity.lower()
        left = self.node.jobs[name]
        try:
            if left.action != "none":
                left.action = "none"
                raise HostError(f"{self.host.where}: the job {job.identity} appeared again after it was removed. Who starts it?")
            if job.status == "running":
                return self._running(job)
            if job.status == "created" and self._clock() - self._never_ran.setdefault(name, self._clock()) < self.request.grace:
                return False  # it may be about to begin
            self._remove(job, left)
        except HostUnreachable:
            raise
        except HostError as error:
            self._failed[name] = error.message
        return True

    def _running(self, job: FoundJob) -> bool:
        name, now = job.identity.lower(), self._clock()
        if self.request.cancels(name) and name not in self._cancelled:
            self.request.tell(f"{self.host.name}: cancelling the job {job.identity}")
            Job(self.host, self.request.work_root, job.identity, self._sleep).cancel()
            self._cancelled[name] = self._clock()
            return True
        if name not in self._awaited and name not in self._cancelled:
            self.request.tell(f"{self.host.name}: waiting for the job {job.identity} of an earlier run")
            self._awaited.add(name)
        over = now >= self._cancelled[name] + ENDING if name in self._cancelled else now >= self._start + self.request.timeout
        if over:
            raise HostError(self._too_long(job))
        return False

    def _too_long(self, job: FoundJob) -> str:
        name = job.identity.lower()
        expected = "end after it was cancelled" if name in self._cancelled else f"end within {self.request.timeout:g} s"
        since = f"since {job.since} (in the host's time format)" if job.since else "since an unknown time"
        if job.orphaned:
            return (
                f"{self.host.where}: expected the job {job.identity} to {expected}. Its task is not running any more, but a process that it "
                f"started {since} is, and holds {self.request.work_root}\\jobs\\{job.identity}\\output.txt. It was left running. Find the "
                "process on the host, and wait for it or end it; then run this task again."
            )
        if _first(name) in NEVER_CANCELLED:
            advice = "It must not be cancelled: wait for it with a longer timeout."
        else:
            advice = f"Wait for it with a longer timeout, or cancel it with {job.kind} in cancel."
        return (
            f"{self.host.where}: expected the job {job.identity} to {expected}, but its task {TASK_FOLDER}{job.identity} has been running "
            f"{since}. It was left running. {advice}"
        )

    def _remove(self, job: FoundJob, left: SweptJob) -> None:
        """Retain the output of a job that failed or was cancelled, and remove the rest."""
        name, root = job.identity.lower(), self.request.work_root
        folder = f"{root}\\jobs\\{job.identity}"
        if "output.txt" in job.files and job.exit_code != 0:
            logs = f"{root}\\logs"
            path = f"{logs}\\{job.identity}-{datetime.now(timezone.utc):%Y%m%dT%H%M%S%fZ}.txt"
            files.make_folder(self.host, logs)
            files.move(self.host, f"{folder}\\output.txt", path)
            left.log_path = path
        if name in self._cancelled and job.status == "lost":
            self._actions[name] = "cancelled"
        else:
            self._actions[name] = "waited" if name in self._cancelled or name in self._awaited else "removed"
        Job(self.host, root, job.identity, self._sleep).remove()
        left.action = self._actions[name]
