# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's memory: everything that happened, in order, with its lab time."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from .clock import Clock

# What may be recorded. A typing error in a kind would make a test pass for want of events.
KINDS = {
    "winrm.request": "one HTTP request to a WinRM listener: action, status",
    "winrm.command": "one command started through WinRM: argv (as received), logon",
    "process.start": "a process on a host: pid, argv, account, parent",
    "process.end": "its end: pid, exit_code, killed",
    "tentacle": "a service of Tentacle has read its configuration (what=polls, instance, addresses)",
    "task.run": "a scheduled task was started: name, account",
    "event.log": "an entry of a Windows event log: log, type, source, id, text",
    "firewall": "a rule of Windows Firewall was added or deleted: action, name",
    "service.state": "a Windows service changed: name, state, by",
    "msi": "an MSI run: action, product, version, exit_code",
    "file": "a file change by a command: action, path",
    "rest": "one REST call: method, path, status, user",
    "http": "one request to the feed or download site: method, path, status",
    "sql": "one statement through TDS: sql, login, database, spid, error",
    "sql.session": "a login or logout: login, program, spid, error",
    "sql.backup": "a backup: action (start, done, aborted), database, files",
    "sql.restore": "a restore: action, database, files",
    "octopus": "what the product did: what, and its own fields",
    "contact": "the product reached something outside: what (target, mail, ...; octopus/dangers.py), node",
    "refused": "a firewall kept the product from reaching something: as contact, and address",
    "retention": "the product deleted what its retention policies no longer keep: of (package, artifact, log), path, there, node",
    "fault": "a fault was armed or met: name, action",
}


@dataclass(frozen=True)
class Event:
    """One entry: its place in the order, lab time in seconds, kind, machine, and the kind's own fields."""

    seq: int
    t: float
    kind: str
    machine: str
    fields: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self.fields.get(name, default)

    def as_dict(self) -> dict[str, Any]:
        return {"seq": self.seq, "t": round(self.t, 3), "kind": self.kind, "machine": self.machine, **self.fields}


WRITES_EVERY = 0.1  # real seconds


class Ledger:
    """Append-only; every method may be called from any thread.

    Its file is written by a thread of its own: all machines wait for one another here, so that nobody may write while they do.
    """

    def __init__(self, clock: Clock, path: Path | None = None) -> None:
        self._clock = clock
        self._events: list[Event] = []
        self._changed = threading.Condition()
        self._stream: TextIO | None = path.open("a", encoding="utf-8") if path else None
        self._written = 0
        self._writing = threading.Lock()
        self._closed = threading.Event()
        if path:
            threading.Thread(target=self._write_regularly, name="ledger", daemon=True).start()

    def record(self, kind: str, machine: str = "", **fields: Any) -> Event:
        """Remember one event; its kind must be one of :data:`KINDS`."""
        if kind not in KINDS:
            raise ValueError(f"unknown ledger kind {kind!r}; known: {', '.join(sorted(KINDS))}")
        with self._changed:
            event = Event(len(self._events), self._clock.seconds(), kind, machine, fields)
            self._events.append(event)
            self._changed.notify_all()
        return event

    def events(self, kind: str | None = None, machine: str | None = None, since: int = 0, **match: Any) -> list[Event]:
        """Events from number ``since`` on, of that kind (or of a family: ``"winrm."``) and machine whose fields equal ``match``."""
        if kind is not None and kind not in KINDS and not any(known.startswith(kind) for known in KINDS):
            raise ValueError(f"unknown ledger kind {kind!r}")
        with self._changed:
            events = self._events[since:]
        return [event for event in events if self._fits(event, kind, machine, match)]

    @staticmethod
    def _fits(event: Event, kind: str | None, machine: str | None, match: dict[str, Any]) -> bool:
        if kind is not None and not (event.kind == kind or (kind.endswith(".") and event.kind.startswith(kind))):
            return False
        if machine is not None and event.machine != machine:
            return False
        return all(event.get(name) == value for name, value in match.items())

    def mark(self) -> int:
        """The number that the next event will have: give it to :meth:`events` as ``since``."""
        with self._changed:
            return len(self._events)

    def wait_for(self, predicate: Callable[[Event], bool], timeout: float, since: int = 0) -> Event:
        """Wait at most ``timeout`` real seconds for the first event from ``since`` on that fits.

        Raises:
            TimeoutError: None came.
        """
        deadline = time.monotonic() + timeout
        seen = since
        with self._changed:
            while True:
                for event in self._events[seen:]:
                    if predicate(event):
                        return event
                seen = len(self._events)
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise TimeoutError(f"no such event within {timeout} s; {seen} events in all")

    def flush(self) -> None:
        """Write what has happened until now to the file."""
        with self._writing:
            if self._stream is None:
                return
            with self._changed:
                events = self._events[self._written :]
            self._stream.write("".join(json.dumps(event.as_dict(), default=str) + "\n" for event in events))
            self._stream.flush()
            self._written += len(events)

    def _write_regularly(self) -> None:
        while not self._closed.wait(WRITES_EVERY):
            self.flush()

    def close(self) -> None:
        self._closed.set()
        self.flush()
        with self._writing:
            if self._stream:
                self._stream.close()
                self._stream = None
