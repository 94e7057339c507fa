# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The jobs on a host, whoever started them, and their status: found by one command, and a second one for jobs that have ended."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .connection import SYSTEM32, ConnectionOptions, WindowsHost
from .errors import HostError
from .job_files import MARK, JobState, status_of
from .jobs import IDENTITY, TASK_FOLDER
from .parallel import failures, on_each
from .quoting import builtin, word
from .scheduled_tasks import LAST_RESULT, last_result

# The index of "Last Run Time" among the columns of /query /fo csv /v.
LAST_RUN = 5
# A line of cmd.exe holds 8191 characters; a query about one job takes about 300 at most.
_LINE = 6000
_HELD, _FREE = "held", "free"


@dataclass
class FoundJob:
    """A job on a host.

    Attributes:
        identity: Its id.
        status: As of :class:`JobState`; but a job whose task has ended or is gone while a process that it started is still running is
            running too.
        exit_code: Its exit code; None where it has none.
        since: When its task was last started, as the host writes times.
        orphaned: Whether its task has ended or is gone while a process that it started is still running.
        files: The names in its folder, in lower case.
        task_result: The last result of its task; None where it has no task.
    """

    identity: str
    status: str = "absent"
    exit_code: int | None = None
    since: str | None = None
    orphaned: bool = False
    files: set[str] = field(default_factory=set)
    task_result: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return what a module returns of it."""
        return {"id": self.identity, "kind": self.kind, "status": self.status, "exit_code": self.exit_code}

    @property
    def kind(self) -> str:
        """The first word of its id."""
        return self.identity.partition("-")[0]


def list_jobs(
    connections: Sequence[ConnectionOptions], root: str, open_host: Callable[[ConnectionOptions], WindowsHost] = WindowsHost
) -> dict[str, Any]:
    """List the jobs on all nodes at once.

    Args:
        connections: The nodes.
        root: The collection's folder on them.
        open_host: Opens a host.

    Returns:
        The result of ``octopus_jobs_info``.

    Raises:
        HostError: There is no node, or a node cannot be asked; the message says why.
    """
    if not connections:
        raise HostError("No node to act on. Set nodes, or run the task for a Windows host.")
    root = root.replace("/", "\\").rstrip("\\")
    outcomes = on_each(connections, lambda host: survey(host, root), open_host)
    failed = failures(outcomes)
    if failed:
        raise HostError(" ".join(failed))
    jobs = {name: found for name, found in outcomes.items() if isinstance(found, list)}
    return {"changed": False, "nodes": {name: {"jobs": [job.as_dict() for job in found]} for name, found in jobs.items()}}


def survey(host: WindowsHost, root: str) -> list[FoundJob]:
    r"""Return all jobs of a host, by id: those with a task in the collection's task folder, or with a folder below ``root\jobs``.

    A task or folder with a name that no job can have is left out.

    Raises:
        HostError: They cannot be listed.
    """
    folder = root.rstrip("\\") + "\\jobs"
    # The tasks come first: a job that ends meanwhile has written its exit code by the time its folder is listed.
    query = f"{SYSTEM32}schtasks.exe /query /fo csv /nh /v"
    listings = (builtin("dir", "/b", "/ad", folder), builtin("dir", "/s", "/b", "/a-d", folder))
    line = f"{query} && echo {MARK}& " + f" & echo {MARK}& ".join(f"{one} 2>nul" for one in listings)
    result = host.run_cmd(line, idempotent=True, timeout=120)
    parts = result.stdout.split(MARK)
    if len(parts) != 3:
        said = " ".join(result.stderr.split())
        raise HostError(f"{host.where}: cannot list the jobs: {said or 'schtasks.exe failed without a message'}", host.name)
    found: dict[str, FoundJob] = {}
    _read_tasks(host, parts[0], found)
    _read_folders(folder, parts[1], parts[2], found)
    jobs = [found[name] for name in sorted(found)]
    for job in jobs:
        job.status = "finished" if "exit.code" in job.files else status_of(job.task_result, "started" in job.files)
    _ask_of_ended(host, folder, [job for job in jobs if job.status in ("finished", "lost")])
    return jobs


def _read_tasks(host: WindowsHost, text: str, found: dict[str, FoundJob]) -> None:
    for line in text.splitlines():
        # Each line alone, and no row of several lines: the comment of another task may break off anywhere.
        row = next(csv.reader([line]), [])
        if len(row) <= LAST_RESULT or not row[1].lower().startswith(TASK_FOLDER):
            continue
        identity = row[1][len(TASK_FOLDER) :]
        if not IDENTITY.fullmatch(identity):
            continue
        result = last_result(line)
        if result is None:
            raise HostError(
                f"{host.where}: expected a number as the last result of the task {row[1]} but found {row[LAST_RESULT]!r}.", host.name
            )
        job = found.setdefault(identity.lower(), FoundJob(identity))
        job.task_result, job.since = result, row[LAST_RUN].strip() or None


def _read_folders(folder: str, folders: str, paths: str, found: dict[str, FoundJob]) -> None:
    for name in filter(IDENTITY.fullmatch, map(str.strip, folders.splitlines())):
        found.setdefault(name.lower(), FoundJob(name))
    for path in map(str.strip, paths.splitlines()):
        if path.lower().startswith(folder.lower() + "\\"):
            name, _slash, file = path[len(folder) + 1 :].lower().partition("\\")
            if name in found and file:
                found[name].files.add(file)


def _ask_of_ended(host: WindowsHost, folder: str, jobs: list[FoundJob]) -> None:
    """Read the exit codes of ended jobs, and find out whether a process of those without one is still running.

    A process that a job's cmd.exe starts inherits the output file, and Windows lets nobody else write to it while one of them is running.
    """
    questions = []
    for job in jobs:
        if job.status == "finished":
            questions.append((job, f"{builtin('type', _path(folder, job, 'exit.code'))} 2>nul"))
        elif "output.txt" in job.files:
            append = f"(ver >nul) >>{word(_path(folder, job, 'output.txt'))} 2>nul"
            questions.append((job, f"({append} && echo {_FREE}|| echo {_HELD})"))
    for part in _parts(questions):
        result = host.run_cmd(f" & echo {MARK}& ".join(line for _job, line in part), idempotent=True)
        answers = result.stdout.split(MARK)
        if len(answers) != len(part):
            raise HostError(f"{host.where}: cannot read how the jobs ended: {' '.join(result.stderr.split())}", host.name)
        for (job, _line), answer in zip(part, answers, strict=True):
            if job.status == "finished":
                job.exit_code = JobState("finished", tuple(int(code) for code in re.findall(r"-?\d+", answer))).exit_code
            elif _HELD in answer:
                job.status, job.orphaned = "running", True


def _path(folder: str, job: FoundJob, name: str) -> str:
    return f"{folder}\\{job.identity}\\{name}"


def _parts(questions: list[tuple[FoundJob, str]]) -> Iterator[list[tuple[FoundJob, str]]]:
    part: list[tuple[FoundJob, str]] = []
    for question in questions:
        if part and sum(len(line) for _job, line in [*part, question]) > _LINE - len(part) * len(f" & echo {MARK}& "):
            yield part
            part = []
        part.append(question)
    if part:
        yield part
