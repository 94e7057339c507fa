# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""The lock of an instance: only one run at a time may change the instance, from any control node.

The lock is the folder ``ROOT\INSTANCE\lock`` on the own disk of each node (:mod:`cluster_lock`). It is created under another name and then
renamed. Of two processes that try at once, one succeeds, because ren refuses a name that exists
(https://learn.microsoft.com/windows-server/administration/windows-commands/ren), and an interrupted command leaves either a complete lock or
none. The folder has ``owner.json`` (who, since when, for which run) and ``holder-TOKEN``, named after the process that holds the lock. To
break a lock, a process first renames that file. The name says whose lock is meant, so that of two processes only one succeeds, and neither
breaks the lock that the other has just taken. An event is written to a journal only while that file is there: a run whose lock was broken
gets no further than its next step.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostUnreachable
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_files import MARK
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import builtin, json_line, word

from .errors import RunError
from .holder import Holder
from .lock_lines import NOT_OURS, feed_line, folder_line, is_own_folder, marker_of

UNKNOWN = "unknown"
TAKEN = 100
ATTEMPTS = 6
# The folder's name before it becomes the lock, and after it was the lock: it is renamed before it is deleted. A folder with such a name was
# left by a process that was interrupted.
LEFT = "lock-left-"


@dataclass(frozen=True)
class Lock:
    """A lock that is held. Where its owner is not known, because the host failed while it was written, only its existence is known."""

    path: str
    owner: str = UNKNOWN
    run_id: str = UNKNOWN
    operation: str | None = None
    since: str | None = None
    holder: Holder | None = None
    marker: str = ""
    marked: bool = False

    @property
    def age_seconds(self) -> int | None:
        """How long it has been held, by the clocks of two control nodes."""
        if self.since is None:
            return None
        return max(0, round((datetime.now(timezone.utc) - datetime.fromisoformat(self.since)).total_seconds()))

    def to_dict(self) -> dict[str, Any]:
        """Return the lock for a result."""
        return {name: getattr(self, name) for name in ("path", "owner", "run_id", "operation", "since", "age_seconds")}


@dataclass(frozen=True)
class Broken:
    """A lock that was broken, and why: ``gone`` (its process has ended), ``guarded`` (the guard has ended its run) or ``deliberate`` (named)."""

    lock: Lock
    why: str

    def to_dict(self) -> dict[str, Any]:
        """Return it for a result."""
        lock = self.lock
        return {"owner": lock.owner, "run_id": lock.run_id, "since": lock.since, "age_seconds": lock.age_seconds, "why": self.why}


class RunLock:
    """One lock on one host.

    Args:
        host: The host.
        folder: The folder that the lock is in.
        what: What is locked, for messages.
        holder: The process that takes or releases the lock.
        part: Which part of that process holds it, where the process as a whole must not: the name of an instance.
    """

    def __init__(self, host: WindowsHost, folder: str, what: str, holder: Holder, part: str = "") -> None:
        self._host = host
        self._folder = folder
        self._what = what
        self._holder = holder
        self._marker = marker_of(holder, part)
        self.path = f"{folder}\\lock"
        self.names: list[str] = []  # in the folder, as last read
        self._stderr = ""  # of the last attempt to take it: either the lock exists, or it cannot be created
        self._uncertain = False  # whether the answer to an attempt to take it was lost

    @property
    def host(self) -> WindowsHost:
        """The host that the lock is on."""
        return self._host

    def is_ours(self, lock: Lock | None) -> bool:
        """Return whether a lock that was read is this process's."""
        return lock is not None and lock.marked and lock.marker == self._marker

    # -- reading

    def read(self) -> Lock | None:
        """Return the lock, or None where nobody holds it.

        Raises:
            RunError: The folder cannot be read.
        """
        parts = (
            f"{builtin('type', self.path + chr(92) + 'owner.json')} 2>nul",
            f"{builtin('dir', '/b', self.path)} 2>nul",
            f"{builtin('dir', '/b', '/a', self._folder)} 2>nul",
        )
        result = self._host.run_cmd(f" & echo {MARK}& ".join(parts), idempotent=True)
        # Neither JSON nor the name of one of our files ends in the mark.
        found = re.split(re.escape(MARK) + r"\n", result.stdout)
        if len(found) != len(parts):
            raise RunError(f"{self._host.where}: {self._folder} cannot be read: {' '.join(result.stderr.split())}")
        owner, inside, names = found
        self.names = [name for name in names.splitlines() if name]
        if not owner.strip() and "lock" not in (name.lower() for name in self.names):
            return None
        return self._lock_of(owner, inside.splitlines())

    def _lock_of(self, owner: str, inside: list[str]) -> Lock:
        try:
            known = json.loads(owner)
            holder = Holder.from_dict(known["holder"])
            since = datetime.fromisoformat(known["since"]).isoformat()
            named = str(known.get("marker") or marker_of(holder))
            return Lock(self.path, known["owner"], known["run_id"], known["operation"], since, holder, named, named in inside)
        except (ValueError, KeyError, TypeError):
            return Lock(self.path)

    def left_behind(self) -> list[str]:
        """Return the folders that interrupted processes have left."""
        return [name for name in self.names if name.startswith(LEFT)]

    # -- taking

    def take(self, run_id: str, operation: str | None, break_lock: str | None, guarded: Collection[str] = ()) -> tuple[bool, Broken | None]:
        """Take the lock.

        Args:
            run_id: The run that it is for.
            operation: What the run does.
            break_lock: The run or the owner whose lock may be broken.
            guarded: Runs from which the guard has taken the lock on the coordinator. They cannot go on.

        Returns:
            Whether it was taken now, and the lock that was broken for it.

        Raises:
            RunError: Another process holds it, or it cannot be created.
        """
        broken: Broken | None = None
        seen = False
        for left in reversed(range(ATTEMPTS)):
            if self._create(run_id, operation):
                return True, broken
            lock = self.read()
            if lock is None:
                continue  # it was released in between, or could not be created
            seen = True
            if self.is_ours(lock):
                self._rename_run(lock, run_id, operation)
                return self._uncertain, broken
            if not lock.marked and left >= ATTEMPTS // 2:
                continue  # another process is breaking it right now, or was interrupted while doing so
            reason = self.why_break(lock, break_lock, guarded)
            if self._break(lock):
                broken = Broken(lock, reason)
        if not seen:
            raise self._cannot_create()
        raise RunError(f"{self._host.where}: the lock {self.path} keeps changing hands. Run this again.")

    def why_break(self, lock: Lock, break_lock: str | None, guarded: Collection[str] = ()) -> str:
        """Return why another process's lock may be broken.

        Raises:
            RunError: It may not be broken.
        """
        if lock.holder is not None and lock.holder.is_gone():
            return "gone"
        if lock.holder is not None and lock.holder.token == self._holder.token:
            raise RunError(
                f"{self._host.where}: expected the lock of {self._what} to be free, but this same playbook holds it for another instance on that "
                "host. Run the playbook for one of them, then for the other (--limit)."
            )
        if break_lock and break_lock in (lock.run_id, lock.owner):
            return "deliberate"
        if lock.run_id in guarded:
            return "guarded"
        since = f"since {lock.since} ({_span(lock.age_seconds)} ago)" if lock.since else "since an unknown time"
        operation = f", operation {lock.operation}" if lock.operation else ""
        named = f" octopus_break_lock names {break_lock}, but this lock is not held by it." if break_lock else ""
        raise RunError(
            f"Expected the lock of {self._what} to be free, so that nobody else changes it at the same time, but found "
            f"{self.path} on {self._host.name} held {since} by {lock.owner} for the run {lock.run_id}{operation}.{named} Wait until that run "
            f"has ended. If you are certain that it has been abandoned, break its lock to resume it: octopus_break_lock: {lock.run_id}"
        )

    def _create(self, run_id: str, operation: str | None) -> bool:
        # A virus scanner that reads the new files may block the renaming for a moment; then the next attempt succeeds.
        new = f"{self._folder}\\{LEFT}{uuid.uuid4().hex[:12]}"
        marker, file = f"{new}\\{self._marker}", f"{new}\\owner.json"
        line = (
            f"(if exist {word(self.path + chr(92))} exit /b {TAKEN})& {folder_line(self._folder)}& {feed_line(self._folder)}& ({builtin('mkdir', new)} && "
            f"(echo held)>{word(marker)} && (echo {self._owner(run_id, operation)})>{word(file)} && "
            f"{builtin('ren', new, 'lock')}) || ({self._delete(new)}& exit /b {TAKEN})"
        )
        try:
            result = self._host.run_cmd(line)
        except HostUnreachable:
            self._uncertain = True
            return False  # the caller reads the lock to find out
        self._stderr = " ".join(result.stderr.split())
        if result.exit_code not in (0, TAKEN):
            raise self._cannot_create()
        return result.exit_code == 0

    def _cannot_create(self) -> RunError:
        return RunError(f"{self._host.where}: the lock {self.path} cannot be created: {self._stderr}")

    def _owner(self, run_id: str, operation: str | None) -> str:
        since = datetime.now(timezone.utc).isoformat(timespec="seconds")
        holder = self._holder
        named = {"owner": holder.owner, "run_id": run_id, "operation": operation, "since": since}
        return json_line({**named, "holder": holder.to_dict(), "marker": self._marker})

    def _rename_run(self, lock: Lock, run_id: str, operation: str | None) -> None:
        """Change the run that this process's lock names: an unfinished run that is resumed has an id of its own."""
        if (lock.run_id, lock.operation) == (run_id, operation):
            return
        file = f"{self.path}\\owner.json"
        line = f"(echo {self._owner(run_id, operation)})>{word(file + '.part')} && {builtin('move', '/y', file + '.part', file)} >nul"
        self._host.run_cmd(line, idempotent=True, check=True)

    def _break(self, lock: Lock) -> bool:
        """Break the lock, and return whether this process did: the first of two processes to rename succeeds."""
        left = f"{LEFT}{uuid.uuid4().hex[:12]}"
        line = f"{builtin('ren', self.path, left)} && {self._delete(self._folder + chr(92) + left)}"
        if lock.holder is not None and lock.marked:
            line = f"{builtin('ren', self.path + chr(92) + lock.marker, left)} && {line}"
        else:
            # A lock without a holder's file is meant. A process that has taken the lock meanwhile has such a file.
            line = f"(if exist {word(self.path + chr(92) + 'holder-*')} exit /b {NOT_OURS})& {line}"
        return self._host.run_cmd(line).exit_code == 0

    # -- releasing

    def release(self) -> bool:
        """Release the lock, and return whether this process held it.

        Raises:
            RunError: It cannot be released.
        """
        left = f"{LEFT}{uuid.uuid4().hex[:12]}"
        marker = f"{self.path}\\{self._marker}"
        # Without /s, rd removes an empty folder only: one that has no journals, as on every node but the coordinator. Elsewhere than below the
        # collection's own folder it stays, because the access to it is its own.
        empty = f"& {builtin('rd', self._folder)} 2>nul& exit /b 0" if is_own_folder(self._folder) else ""
        line = (
            f"(if not exist {word(marker)} exit /b {NOT_OURS})& "
            f"{builtin('ren', self.path, left)} && ({self._delete(self._folder + chr(92) + left)}{empty})"
        )
        result = self._host.run_cmd(line, idempotent=True)
        if result.exit_code in (0, NOT_OURS):
            return result.exit_code == 0
        raise RunError(f"{self._host.where}: the lock {self.path} cannot be released: {' '.join(result.stderr.split())}")

    def tidy(self) -> None:
        """Delete what interrupted processes have left."""
        left = [self._delete(f"{self._folder}\\{name}") for name in self.left_behind()]
        if left:
            self._host.run_cmd(" & ".join(left), idempotent=True)

    @staticmethod
    def _delete(folder: str) -> str:
        return f"{builtin('rd', '/s', '/q', folder)} 2>nul"


def _span(seconds: int | None) -> str:
    minutes = (seconds or 0) // 60
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
