# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which jobs there are on a host, whoever started them, and how they stand: all in one command, and a second one for what has ended."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .connection import SYSTEM32, WindowsHost
from .errors import HostError
from .job_files import MARK, JobState, status_of
from .jobs import IDENTITY, TASK_FOLDER
from .quoting import builtin, word
from .scheduled_tasks import LAST_RESULT, last_result

# The place of "Last Run Time" among the columns of /query /fo csv /v.
LAST_RUN = 5
# A line of cmd.exe takes 8191 characters; a question about one job has at most 300 or so.
_LINE = 6000
_HELD, _FREE = "held", "free"


@dataclass
class FoundJob:
    """A job on a host.

    ``status`` is that of :class:`JobState`, but for one whose task has ended, or is gone, while something that it started still runs: that
    runs too, and is ``orphaned``. ``since`` is when its task was started last, as the host writes times. ``files`` are the names in its
    folder, in small letters.
    """

    identity: str
    status: str = "absent"
    exit_code: int | None = None
    since: str | None = None
    orphaned: bool = False
    files: set[str] = field(default_factory=set)
    task_result: int | None = None

    @property
    def purpose(self) -> str:
        """The first word of its id."""
        return self.identity.partition("-")[0]


def survey(host: WindowsHost, root: str) -> list[FoundJob]:
    r"""All jobs of a host, by id: those that have a task in the collection's folder, or a folder below ``root\jobs``.

    What is there under a name that no job can have is nobody's job, and left out.

    Raises:
        HostError: The host does not tell.
    """
    folder = root.rstrip("\\") + "\\jobs"
    # The tasks first: a job that ends meanwhile has its exit code by the time that its folder is looked at.
    query = f"{SYSTEM32}schtasks.exe /query /fo csv /nh /v"
    listings = (builtin("dir", "/b", "/ad", folder), builtin("dir", "/s", "/b", "/a-d", folder))
    line = f"{query} && echo {MARK}& " + f" & echo {MARK}& ".join(f"{one} 2>nul" for one in listings)
    result = host.run_cmd(line, idempotent=True, timeout=120)
    parts = result.stdout.split(MARK)
    if len(parts) != 3:
        said = " ".join(result.stderr.split())
        raise HostError(f"{host.where}: the jobs there cannot be listed: {said or 'schtasks.exe failed and said nothing'}", host.name)
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
        # The line, and no row of more lines: what other tasks have as their comment may break off anywhere.
        row = next(csv.reader([line]), [])
        if len(row) <= LAST_RESULT or not row[1].lower().startswith(TASK_FOLDER):
            continue
        identity = row[1][len(TASK_FOLDER) :]
        if not IDENTITY.fullmatch(identity):
            continue
        result = last_result(line)
        if result is None:
            raise HostError(f"{host.where}: how the task {row[1]} stands cannot be read: {row[LAST_RESULT]!r}", host.name)
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
    """Exit codes, and of those without one whether something of it still runs.

    What a job's cmd.exe has started has inherited its output file, and Windows lets nobody else write to that as long as one of them runs.
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
            raise HostError(f"{host.where}: how the jobs there ended cannot be read: {' '.join(result.stderr.split())}", host.name)
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
