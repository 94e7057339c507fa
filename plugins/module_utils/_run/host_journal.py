# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""The journal of a run on the coordinator's own disk, ``ROOT\INSTANCE\RUN.jsonl``, from which any control node can resume it.

:mod:`record` describes the lines, and how the effects of a lost connection are recognized.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import SYSTEM32, ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError, HostUnreachable
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import builtin, word

from . import record as run_record
from .errors import LockLost
from .guard import fed
from .holder import Holder
from .lock_lines import NOT_OURS, feed_line, folder_line, still_ours_line
from .record import Event

SUFFIX = ".jsonl"
ABSENT = 3


class HostJournal:
    """The journal of one run on a host.

    Args:
        host: The coordinator.
        path: The journal's path on it.
        holder: The process that must hold the lock to write; None where the lock does not matter.
    """

    def __init__(self, host: WindowsHost, path: str, holder: Holder | None = None) -> None:
        self._host = host
        self._path = path.replace("/", "\\")
        self._folder = self._path.rpartition("\\")[0]
        self._holder = holder
        self._cut = False  # whether the last line was found without its end
        self.name = f"{self._path} on {host.name}"

    def read(self) -> list[Event]:
        """Return the events; none where there is no journal.

        Raises:
            HostError: The journal cannot be read.
            RunRecordError: The journal is inconsistent.
        """
        line = f"(if exist {word(self._path)} ({builtin('type', self._path)}) else exit /b {ABSENT})"
        result = self._host.run_cmd(line, idempotent=True)
        if result.exit_code not in (0, ABSENT):
            raise self._failed("read", result.stderr)
        text = result.stdout if result.exit_code == 0 else ""
        self._cut = bool(text) and not text.endswith("\n")
        return run_record.parse(text, f"the journal {self.name}")

    def kept_alive(self, others: Sequence[ConnectionOptions], last_fed: Path) -> AbstractContextManager[None]:
        """Tell the guards, where there are any, that the run is alive while the body acts for long.

        Args:
            others: The other nodes that have a guard.
            last_fed: Says by its time when those were fed.
        """
        if self._holder is None:
            return nullcontext()
        run_id = self._path.rpartition("\\")[2].removesuffix(SUFFIX)
        return fed([self._host.options, *others], self._folder, run_id, self._holder, last_fed=last_fed)

    def check_not_resumed(self, known: Sequence[Event]) -> None:
        """Check that no other process has resumed the run. For the last event, which is written after the lock was released.

        Args:
            known: The events that this process knows.

        Raises:
            LockLost: Another process has written to the journal.
            HostError: The journal cannot be read.
            RunRecordError: The journal is inconsistent.
        """
        ids = {event["id"] for event in known}
        if any(event["id"] not in ids for event in self.read()):
            raise self._lost()

    def append(self, events: Sequence[Event], uncertain: bool) -> None:
        """Append events and read the last one back, usually with one command that has no input.

        It may be done twice: an event that arrives again is recognized by its id.

        Args:
            events: The events.
            uncertain: Whether the last event that this process has written may have been cut off.

        Raises:
            LockLost: This process does not hold the lock of the journal's folder. For events that end the run: another process holds it.
            HostError: It is not certain that the events were written.
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
        """Run one command. It has no input: a program that waits for input would keep the file open, and the retry would fail."""
        text, last = lines[-1]
        ours = still_ours_line(self._folder, self._holder, released) if self._holder else ""
        before = f"{ours}& " if ours else ""
        before += f"{folder_line(self._folder)}& {feed_line(self._folder)}& "
        echoes = "&".join(f"echo {text}" for text, _event in lines)
        after = f">>{word(self._path)} && {SYSTEM32}findstr.exe /l /c:{last} {word(self._path)}"
        # Once more: the guard first takes the lock, then reads the journal. Either it sees this event, or this sees that the lock is gone.
        after += f" && {ours}" if ours else ""
        for attempt in (1, 2):
            # After a line that may lack its end, begin a new one.
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
            # A virus scanner, for example, may have had the file open for a moment.
            if attempt > 1:
                raise self._failed("written", result.stderr)

    def _lost(self) -> LockLost:
        return LockLost(
            f"{self._host.where}: this run does not hold the lock of {self._folder}. Another control node has taken it over and has resumed "
            "or ended the run, so this one must not continue; or the lock was never taken (octopus_run_lock).",
            self._host.name,
            NOT_OURS,
        )

    def _failed(self, what: str, stderr: str) -> HostError:
        return HostError(f"{self._host.where}: the journal {self._path} cannot be {what}: {' '.join(stderr.split())}", self._host.name)


def remember(path: Path, journal: HostJournal, kind: str, **fields: Any) -> list[Event]:
    """Add an event to the run, and return all of its events.

    Three writes, in this order: the file on the control node, with the event marked as pending; the host's journal; the file without the
    mark. Any control node resumes the run from the host's journal, so the task succeeds only when the event is there. But an event that
    cannot be written to the file must not reach the host, or the next event would get the same number. And an event that may have reached
    the host, because the answer was lost, must be in the file, so that it is sent again under the same id. After an interruption between any
    two of the writes, the event is pending and is sent along with the next one.

    Args:
        path: The file on the control node.
        journal: The journal on the host.
        kind: One of :data:`record.EVENTS`.
        **fields: The event's data.

    Raises:
        RunRecordError: The file cannot be written, or one of the two is inconsistent.
        LockLost: This process no longer holds the lock.
        HostError: The host's journal cannot be written. The event is in the file, pending.
    """
    events = run_record.read(path)
    if kind == "resumed" or not events:
        events = _joined(events, journal.read())
    new = run_record.make(kind, len(events) + 1, **fields)
    waiting = [{name: value for name, value in event.items() if name != "pending"} for event in events if event.get("pending")]
    run_record.write(path, [*events, {**new, "pending": True}])
    try:
        if kind in run_record.ENDS:
            journal.check_not_resumed(events)
        journal.append([*waiting, new], uncertain=bool(waiting))
    except LockLost:
        run_record.write(path, events)  # whether it is on the host or not, it must not be sent later
        raise
    events = [*({name: value for name, value in event.items() if name != "pending"} for event in events), new]
    run_record.write(path, events)
    return events


def _joined(here: list[Event], there: list[Event]) -> list[Event]:
    """Return the host's events and the pending ones that directly follow. A pending event is obsolete once another process has resumed the run."""
    joined = list(there)
    known = {event["id"] for event in there}
    for event in here:
        if event.get("pending") and event["id"] not in known and event["n"] == len(joined) + 1:
            joined.append(event)
    return joined
