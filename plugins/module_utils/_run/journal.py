# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of a run for one task: on the coordinator's disk, with a copy on the control node.

A task that names its ``step`` is durable: the journal has an event before the module acts, and the module's result after it. In a resumed
run, a step that is done does not act again and returns the recorded result.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost

from . import record, steps
from .errors import JournalError, LockLost, RunRecordError
from .holder import Holder
from .host_journal import HostJournal, remember
from .shared_shell import shared_shell

# The parts of a result that are for the screen or for debugging only.
_NOT_RECORDED = ("diff", "invocation", "warnings", "deprecations", "exception", "sql")


class Journal:
    """The journal on the coordinator, and its copy on the control node.

    Args:
        path: The journal on the host.
        copy: The copy on the control node.
        host: The open host.
        holder: The process that must hold the lock.
    """

    def __init__(self, path: str, copy: Path, host: WindowsHost, holder: Holder) -> None:
        self._there = HostJournal(host, path, holder)
        self._path = path
        self._copy = copy

    def events(self) -> list[record.Event]:
        """Read the copy on the control node.

        Raises:
            RunRecordError: It cannot be read.
        """
        return record.read(self._copy)

    def guarded(self) -> list[str]:
        """Return the inventory names of the nodes whose guards are armed, by the results of the steps.

        Raises:
            RunRecordError: The copy cannot be read.
        """
        return steps.guarded(self.events())

    def kept_alive(self, others: Sequence[ConnectionOptions] = ()) -> contextlib.AbstractContextManager[None]:
        """Tell the guards that the run is alive while the body acts for long.

        Args:
            others: The nodes beside the host of the journal that have a guard.
        """
        return self._there.kept_alive(others, fed_file(self._copy))

    def events_there(self) -> list[record.Event]:
        """Read the journal on the host.

        Raises:
            HostError: It cannot be read.
            RunRecordError: It is inconsistent.
        """
        return self._there.read()

    def add(self, kind: str, **fields: Any) -> list[record.Event]:
        """Add an event, and return all events of the run.

        Raises:
            LockLost: Another process holds the lock. The event is nowhere.
            JournalError: The event cannot be written.
        """
        what = f"Expected to write the event {fields.get('step') or kind} to the journal {self._path}, but found: "
        try:
            return remember(self._copy, self._there, kind, **fields)
        except LockLost as error:
            raise LockLost(f"{what}{error}", error.host, error.code) from error
        except UpgradeError as error:
            # What the copy itself refuses is nowhere; anything else is in the copy.
            waits = "" if isinstance(error, RunRecordError) else f" It waits in {self._copy} and is written along with the next event."
            raise JournalError(f"{what}{error}{waits}", self._known()) from error

    def _known(self) -> dict[str, Any]:
        """Return what the copy amounts to; empty where it cannot be read."""
        events = record.read_if_possible(self._copy)
        return record.result(events) if events else {}


class Step:
    """A durable step: begun before a module acts, done with its result after that.

    Args:
        journal: The open journal of the run.
        params: ``step``, ``outage``, ``repeat_until`` and ``journal_required``, as the modules have them.

    Attributes:
        warnings: Why the journal could not be read or written, where it is not required.
    """

    def __init__(self, journal: Journal, params: Mapping[str, Any]) -> None:
        self._journal = journal
        self._name = params["step"]
        self._outage = params["outage"]
        self._repeat_until = params["repeat_until"]
        self._required = params["journal_required"]
        self.warnings: list[str] = []

    def replayed(self) -> dict[str, Any] | None:
        """Return the recorded result where the step need not act again; else None.

        Raises:
            RunRecordError: The journal is required and cannot be read.
        """
        with self._tolerance():
            return steps.replayed(self._journal.events(), self._name, self._repeat_until)
        return None

    def begin(self) -> None:
        """Write that the step begins.

        Raises:
            LockLost: Another process holds the lock.
            JournalError: The journal is required and cannot be written.
        """
        with self._tolerance():
            self._journal.add("step", step=self._name, **self._marked("begins"))

    def end(self, result: Mapping[str, Any]) -> None:
        """Write that the step is done.

        Args:
            result: The module's result.

        Raises:
            LockLost: Another process holds the lock.
            JournalError: The journal is required and cannot be written.
        """
        with self._tolerance():
            self._journal.add("done", step=self._name, result=recorded(result), **self._marked("ends"))

    @contextlib.contextmanager
    def _tolerance(self) -> Iterator[None]:
        try:
            yield
        except LockLost:
            raise
        except UpgradeError as error:
            if self._required:
                raise
            self.warnings.append(str(error))

    def _marked(self, outage: str) -> dict[str, str]:
        return {"outage": outage} if self._outage == outage else {}


def fed_file(copy: Path) -> Path:
    """Return the file beside a journal's copy that says by its time when the guards of the other nodes were fed."""
    return copy.with_suffix(".fed")


@contextlib.contextmanager
def open_journal(params: Mapping[str, Any], options: ConnectionOptions, holder: Holder, last: bool = False) -> Iterator[Journal]:
    """Open the journal of a run, for one task.

    Args:
        params: ``path`` and ``copy``, the module's option ``journal``.
        options: The connection to the host of the journal.
        holder: The process that must hold the lock.
        last: Whether no task follows that writes to it.
    """
    copy = Path(params["copy"])
    with WindowsHost(options) as host, shared_shell(host, copy.with_suffix(".shell"), last=last):
        yield Journal(params["path"], copy, host, holder)
    if last:
        with contextlib.suppress(OSError):
            fed_file(copy).unlink(missing_ok=True)


def recorded(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a step's result that belongs into the journal."""
    return {name: value for name, value in result.items() if name not in _NOT_RECORDED and not name.startswith("_ansible")}
