# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""Journals on the coordinator's own disk, ``ROOT\INSTANCE\RUN.jsonl``, from which any control node can take a run up.

What each line says, and how what a lost connection left is told, is in :mod:`run_record`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import SYSTEM32, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError, HostTimeout, HostUnreachable
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_files import MARK
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job, RunAs
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_text, builtin, word

from . import record as run_record
from .holder import Holder
from .lock import NOT_OURS, LockLost, folder_line, still_ours_line
from .record import Event, RunRecordError

SUFFIX = ".jsonl"
ABSENT = 3
AT_ONCE = 3  # journals that one command prints
COPY_SECONDS = 300.0
_INPUT = "journal.jsonl"


class HostJournal:
    """The journal of one run on a host.

    Args:
        holder: The process that writes; None where nothing is written.
    """

    def __init__(self, host: WindowsHost, path: str, holder: Holder | None = None) -> None:
        self._host = host
        self._path = path.replace("/", "\\")
        self._folder = self._path.rpartition("\\")[0]
        self._holder = holder
        self._cut = False  # whether its last line was found to lack its end
        self.name = f"{self._path} on {host.name}"

    def read(self) -> list[Event]:
        """Its events; none where there is no journal.

        Raises:
            HostError: It cannot be read.
            RunRecordError: It does not fit together.
        """
        line = f"(if exist {word(self._path)} ({builtin('type', self._path)}) else exit /b {ABSENT})"
        result = self._host.run_cmd(line, idempotent=True)
        if result.exit_code not in (0, ABSENT):
            raise self._failed("read", result.stderr)
        text = result.stdout if result.exit_code == 0 else ""
        self._cut = bool(text) and not text.endswith("\n")
        return run_record.parse(text, f"the journal {self.name}")

    def check_nobody_went_on(self, known: Sequence[Event]) -> None:
        """Check that nobody else has written to it: for the last event, which is written when the lock has been given back already.

        Args:
            known: What this process knows of it.

        Raises:
            LockLost: Somebody has.
            HostError: It cannot be read.
            RunRecordError: It does not fit together.
        """
        ids = {event["id"] for event in known}
        if any(event["id"] not in ids for event in self.read()):
            raise self._lost()

    def append(self, events: Sequence[Event], uncertain: bool) -> None:
        """Write events at its end and read the last one back: usually one command, and nothing is sent but the command.

        May be done twice: an event that arrives again is known by its id.

        Args:
            uncertain: Whether what this process has written last may have been cut off in the middle of its line.

        Raises:
            LockLost: This process has not the lock of the journal's folder; where they end the run, another one has it.
            HostError: It is not certain that they are there.
        """
        group: list[tuple[str, str]] = []
        released = events[-1]["event"] in run_record.ENDS
        for event in events:
            for line in run_record.host_lines(event):
                if group and sum(len(text) for text, _event in group) + len(line) > run_record.LONGEST:
                    self._echo(group, uncertain, released)
                    group = []
                group.append((line, event["id"]))
        self._echo(group, uncertain, released)

    def _echo(self, lines: list[tuple[str, str]], uncertain: bool, released: bool) -> None:
        """One command. Its file is open no longer than echo takes; a program that waits for input would hold it, and the retry would fail."""
        text, last = lines[-1]
        before = f"{still_ours_line(self._folder, self._holder, released)}& " if self._holder else ""
        before += f"{folder_line(self._folder)}& "
        echoes = "&".join(f"echo {text}" for text, _event in lines)
        after = f">>{word(self._path)} && {SYSTEM32}findstr.exe /l /c:{last} {word(self._path)}"
        for attempt in (1, 2):
            # What follows a line that may lack its end begins with one.
            new_line = "echo.&" if uncertain or self._cut or attempt > 1 else ""
            try:
                result = self._host.run_cmd(f"{before}({new_line}{echoes}){after}")
            except HostUnreachable:
                if attempt > 1:
                    raise
                continue
            if result.exit_code == NOT_OURS:
                raise self._lost()
            if result.exit_code == 0 and text in result.stdout:
                return
            # Something that looked at the file in this moment, such as a virus scanner, lets it go at once.
            if attempt > 1:
                raise self._failed("written", result.stderr)

    def _lost(self) -> LockLost:
        return LockLost(
            f"{self._host.where}: the lock of {self._folder} is not this run's. It was taken over by somebody who goes on or has ended, and "
            "this run must not go on; or it was never taken (octopus_run with state claimed).",
            self._host.name,
            NOT_OURS,
        )

    def _failed(self, what: str, said: str) -> HostError:
        return HostError(f"{self._host.where}: the journal {self._path} cannot be {what}: {' '.join(said.split())}", self._host.name)


def remember(path: Path, journal: HostJournal | None, kind: str, **fields: Any) -> list[Event]:
    """Add an event to the run and give all of its events.

    The order is: the file here, with the event marked as pending; the host's journal; the mark off. The host's journal is the one that any
    control node takes the run up from, so the task ends well only when that has the event. But what cannot be written here must not be
    there either, or the next event would get its number again; and what may have arrived there, the answer being lost, must be known here,
    so that it is sent again under the same id. Killed or failed between any two of these, an event is pending: it goes along with the next.

    Args:
        path: The file on the control node.
        journal: The one on the host; None where only the file is kept.

    Raises:
        RunRecordError: The file cannot be written, or one of them does not fit together.
        LockLost: This process has the lock no more; the event is nowhere.
        HostError: The host's journal cannot be written; the event is in the file, pending.
    """
    events = run_record.read(path)
    if journal is not None and (kind == "resumed" or not events):
        events = _joined(events, journal.read())
    new = run_record.make(kind, len(events) + 1, **fields)
    if journal is None:
        run_record.write(path, [*events, new])
        return [*events, new]
    waiting = [{name: value for name, value in event.items() if name != "pending"} for event in events if event.get("pending")]
    run_record.write(path, [*events, {**new, "pending": True}])
    try:
        if kind in run_record.ENDS:
            journal.check_nobody_went_on(events)
        journal.append([*waiting, new], uncertain=bool(waiting))
    except LockLost:
        run_record.write(path, events)  # it is certain not to be there, and must not go along later
        raise
    events = [*({name: value for name, value in event.items() if name != "pending"} for event in events), new]
    run_record.write(path, events)
    return events


def _joined(here: list[Event], there: list[Event]) -> list[Event]:
    """The host's events, and those that wait here for it and directly follow. What waited while another went on is out of date."""
    joined = list(there)
    known = {event["id"] for event in there}
    for event in here:
        if event.get("pending") and event["id"] not in known and event["n"] == len(joined) + 1:
            joined.append(event)
    return joined


@dataclass(frozen=True)
class Found:
    """A run as its journal tells it."""

    run_id: str
    path: str
    events: list[Event]

    def to_dict(self) -> dict[str, Any]:
        return {"run_id": self.run_id, "path": self.path, "events": len(self.events), **run_record.result(self.events)}


class Journals:
    """All journals of an instance.

    Args:
        names: The names in its folder.
    """

    def __init__(self, host: WindowsHost, folder: str, names: Iterable[str]) -> None:
        self._host = host
        self._folder = folder
        # Run ids begin with the time.
        self._runs = sorted((name[: -len(SUFFIX)] for name in names if name.lower().endswith(SUFFIX)), reverse=True)

    def newest(self) -> tuple[Found | None, Found | None]:
        """The newest run if it is unfinished, and the newest that has finished.

        An unfinished run that is older than a finished one is history: what it wanted to do was decided about a state long gone.

        Raises:
            RunRecordError: The newest journal does not fit together.
        """
        unfinished: Found | None = None
        for start in range(0, len(self._runs), AT_ONCE):
            for run_id, text in self._texts(self._runs[start : start + AT_ONCE]):
                path = self._path(run_id)
                try:
                    events = run_record.parse(text, f"the journal {path} on {self._host.name}")
                except RunRecordError:
                    if run_id == self._runs[0]:
                        raise
                    continue  # history, and of no use as such
                if run_record.is_unfinished(events):
                    unfinished = unfinished or Found(run_id, path, events)
                elif events:
                    return unfinished, Found(run_id, path, events)
        return unfinished, None

    def _path(self, run_id: str) -> str:
        return f"{self._folder}\\{run_id}{SUFFIX}"

    def _texts(self, runs: list[str]) -> list[tuple[str, str]]:
        """The content of some journals, by one command."""
        line = f" & echo {MARK}& ".join(builtin("type", self._path(run_id)) for run_id in runs)
        result = self._host.run_cmd(line, idempotent=True)
        # A line that ends in the mark is no event: those end in a brace.
        texts = re.split(re.escape(MARK) + r"\n", result.stdout)
        # The exit code is that of the last: one that cannot be read must not count as one that says nothing.
        if result.exit_code or result.stderr.strip() or len(texts) != len(runs):
            raise OctopusError(f"{self._host.where}: the journals in {self._folder} cannot be read: {' '.join(result.stderr.split())}")
        return list(zip(runs, texts, strict=True))


def copy(host: WindowsHost, events: list[Event], dest: str, job: dict[str, Any]) -> bool:
    """Copy a journal to a place that only a job of the host may reach, such as a share; whether that has changed something.

    The account of a job need not be an administrator, and only those may read the journal itself: its lines go into the job's folder.

    Args:
        job: ``job_user``, ``job_password`` and ``work_root``, as the module has them.

    Raises:
        OctopusError: It could not be copied; what was there before still is.
        HostError: The job could not be started, or was lost.
    """
    dest = dest.replace("/", "\\")
    folder, part = dest.rpartition("\\")[0], f"{dest}.part"
    run_as = RunAs(job["job_user"], job["job_password"])
    task = Job(host, job["work_root"], f"journal-{uuid.uuid4().hex[:12]}")
    source = f"{task.folder}\\{_INPUT}"
    text = "\n".join(line for event in events for line in run_record.host_lines(event))
    lines = [
        f"if exist {word(dest)} {builtin('type', dest)}",
        f"echo {MARK}",
        f"if not exist {word(folder + chr(92))} {builtin('mkdir', folder)}",
        # One line, because a job goes on after a line that failed: a broken copy must not replace what is there.
        f"{builtin('copy', '/y', '/b', source, part)} >nul && {builtin('move', '/y', part, dest)} >nul && {builtin('type', dest)}",
        f"if exist {word(part)} {builtin('del', '/f', '/q', part)}",
    ]
    try:
        # In brackets, because the job sends the output of each line to its file: without, that would undo a >nul.
        task.start([f"({batch_text(line)})" for line in lines], run_as, inputs={_INPUT: text})
        try:
            state = task.wait(COPY_SECONDS)
        except HostTimeout:
            task.cancel()  # what still runs would keep its folder from being deleted
            raise
        before, _mark, after = task.output().partition(f"{MARK}\n")
        if state.exit_code or after.splitlines() != text.splitlines():
            said = " ".join(state.output_tail[-2:])
            raise OctopusError(
                f"{host.where}: the journal could not be copied to {dest} by a job as {run_as.account}: {said or state.exit_code}. That "
                "account needs the right to write there; SYSTEM reaches a share as the computer account. Another one is given in "
                "job_user and job_password."
            )
        return before.splitlines() != after.splitlines()
    finally:
        task.remove()
