# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""The lock of an instance: one run at a time changes it, from whichever control node.

``ROOT\INSTANCE\lock`` on the coordinator's own disk. It is made under another name and then renamed, which of two that try at once one can
do (ren takes no name that exists, https://learn.microsoft.com/windows-server/administration/windows-commands/ren); whatever ends a command in
the middle leaves a whole lock or none. In it are ``owner.json`` (who, since when, for which run) and
``holder-TOKEN``, named after the process that holds it: the name of what a breaker renames first says whose lock it means to break, so that
of two breakers one wins, and neither breaks the lock that the other has just taken. Each event of a journal is written only where that name
is still there: a run whose lock was broken gets no further than its next step.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError, HostUnreachable
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_files import MARK, protect_line
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import DEFAULT_ROOT
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import builtin, json_line, word

from .holder import Holder

UNKNOWN = "unknown"
TAKEN, NOT_OURS = 100, 101
ATTEMPTS = 6
# What the folder is called before it is the lock, and after: a breaker or a releaser renames it before deleting it. One that is found was
# left by somebody who got no further.
LEFT = "lock-left-"


class LockLost(HostError):
    """The lock is no longer this process's."""


@dataclass(frozen=True)
class Lock:
    """A lock that somebody has. Of one whose owner is not told (the host broke down in between) only that it is there is known."""

    path: str
    owner: str = UNKNOWN
    run_id: str = UNKNOWN
    purpose: str | None = None
    since: str | None = None
    holder: Holder | None = None
    marked: bool = False

    @property
    def age_seconds(self) -> int | None:
        """By the clocks of two control nodes."""
        if self.since is None:
            return None
        return max(0, round((datetime.now(timezone.utc) - datetime.fromisoformat(self.since)).total_seconds()))

    def is_of(self, holder: Holder) -> bool:
        return self.holder is not None and self.marked and self.holder.token == holder.token

    def to_dict(self, holder: Holder) -> dict[str, Any]:
        """For a result; ``ours`` says whether it is the holder's."""
        names = ("path", "owner", "run_id", "purpose", "since", "age_seconds")
        return {**{name: getattr(self, name) for name in names}, "ours": self.is_of(holder)}


@dataclass(frozen=True)
class Broken:
    """A lock that was broken, and why: ``gone``, its process no longer lives; ``deliberate``, somebody said so."""

    lock: Lock
    why: str

    def to_dict(self) -> dict[str, Any]:
        lock = self.lock
        return {"owner": lock.owner, "run_id": lock.run_id, "since": lock.since, "age_seconds": lock.age_seconds, "why": self.why}


def folder_line(folder: str) -> str:
    """The cmd line that makes an instance's folder where it is missing, closed to all but SYSTEM and administrators.

    Where it is one of the collection's, the collection's folder is what is closed; elsewhere the folder itself, whose parent is somebody's.
    """
    ours = folder.lower().startswith(DEFAULT_ROOT.lower() + "\\")
    protect = protect_line(DEFAULT_ROOT if ours else folder)
    return f"(if not exist {word(folder + chr(92))} ({protect} & {builtin('mkdir', folder)}))"


class RunLock:
    """The lock of one instance on one host.

    Args:
        folder: The instance's folder of runs on the host.
        instance: Its name, for messages.
        holder: The process that this is for.
    """

    def __init__(self, host: WindowsHost, folder: str, instance: str, holder: Holder) -> None:
        self._host = host
        self._folder = folder
        self._instance = instance
        self._holder = holder
        self.path = f"{folder}\\lock"
        self.names: list[str] = []  # in the folder, as the last look found them
        self._said = ""  # what was said of a lock that is there, or that cannot be made: only looking tells which
        self._uncertain = False  # whether it was tried to take it, and the answer never came

    # -- looking

    def look(self) -> Lock | None:
        """Who has it; None where nobody has."""
        parts = (
            f"{builtin('type', self.path + chr(92) + 'owner.json')} 2>nul",
            f"{builtin('dir', '/b', self.path)} 2>nul",
            f"{builtin('dir', '/b', '/a', self._folder)} 2>nul",
        )
        result = self._host.run_cmd(f" & echo {MARK}& ".join(parts), idempotent=True)
        # A text that ends in the mark is no JSON, and no name of a file of ours.
        found = re.split(re.escape(MARK) + r"\n", result.stdout)
        if len(found) != len(parts):
            raise OctopusError(f"{self._host.where}: {self._folder} cannot be looked at: {' '.join(result.stderr.split())}")
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
            return Lock(self.path, known["owner"], known["run_id"], known["purpose"], since, holder, _marker(holder) in inside)
        except (ValueError, KeyError, TypeError):
            return Lock(self.path)

    def left_behind(self) -> list[str]:
        """Names that one who took, broke or released the lock got no further with."""
        return [name for name in self.names if name.startswith(LEFT)]

    # -- taking

    def claim(self, run_id: str, purpose: str | None, break_lock: str | None) -> tuple[bool, Broken | None]:
        """Take the lock; whether it was taken now, and what was broken for it.

        Raises:
            OctopusError: Somebody else has it.
        """
        broken: Broken | None = None
        seen = False
        for left in reversed(range(ATTEMPTS)):
            if self._take(run_id, purpose):
                return True, broken
            lock = self.look()
            if lock is None:
                continue  # given back between the two, or it could not be made
            seen = True
            if lock.is_of(self._holder):
                self._name(lock, run_id, purpose)
                return self._uncertain, broken
            if not lock.marked and left >= ATTEMPTS // 2:
                continue  # somebody is breaking it in this moment, or did not get to the end of that
            reason = self.why_break(lock, break_lock)
            if self._break(lock):
                broken = Broken(lock, reason)
        if not seen:
            raise self._unmade()
        raise OctopusError(f"{self._host.where}: the lock {self.path} changes hands all the time; run it again.")

    def why_break(self, lock: Lock, break_lock: str | None) -> str:
        """Why somebody else's lock may be broken.

        Raises:
            OctopusError: It may not.
        """
        if lock.holder is not None and lock.holder.is_gone():
            return "gone"
        if break_lock and break_lock in (lock.run_id, lock.owner):
            return "deliberate"
        since = f"since {lock.since} ({_span(lock.age_seconds)} ago)" if lock.since else "since nobody knows when"
        purpose = f", purpose {lock.purpose}" if lock.purpose else ""
        named = f" octopus_break_lock names {break_lock}, which this lock is not of." if break_lock else ""
        raise OctopusError(
            f"Wanted: the lock of instance {self._instance}, so that nobody else changes it at the same time. Found: {self.path} on "
            f"{self._host.name} is taken {since} by {lock.owner} for the run {lock.run_id}{purpose}.{named} Let that run end. If it is known "
            f"to go on no more, break its lock and take it up: octopus_break_lock: {lock.run_id}"
        )

    def _take(self, run_id: str, purpose: str | None) -> bool:
        # A virus scanner that looks at the new files may refuse the renaming for a moment; then the next attempt does it.
        new = f"{self._folder}\\{LEFT}{uuid.uuid4().hex[:12]}"
        marker, file = f"{new}\\{_marker(self._holder)}", f"{new}\\owner.json"
        line = (
            f"(if exist {word(self.path + chr(92))} exit /b {TAKEN})& {folder_line(self._folder)}& ({builtin('mkdir', new)} && "
            f"(echo held)>{word(marker)} && (echo {self._owner(run_id, purpose)})>{word(file)} && "
            f"{builtin('ren', new, 'lock')}) || ({self._delete(new)}& exit /b {TAKEN})"
        )
        try:
            result = self._host.run_cmd(line)
        except HostUnreachable:
            self._uncertain = True
            return False  # the next look tells
        self._said = " ".join(result.stderr.split())
        if result.exit_code not in (0, TAKEN):
            raise self._unmade()
        return result.exit_code == 0

    def _unmade(self) -> OctopusError:
        return OctopusError(f"{self._host.where}: the lock {self.path} cannot be made: {self._said}")

    def _owner(self, run_id: str, purpose: str | None) -> str:
        since = datetime.now(timezone.utc).isoformat(timespec="seconds")
        holder = self._holder
        return json_line({"owner": holder.owner, "run_id": run_id, "purpose": purpose, "since": since, "holder": holder.to_dict()})

    def _name(self, lock: Lock, run_id: str, purpose: str | None) -> None:
        """Say in a lock of this process's for which run it is now: one that was found unfinished has an id of its own."""
        if (lock.run_id, lock.purpose) == (run_id, purpose):
            return
        file = f"{self.path}\\owner.json"
        line = f"(echo {self._owner(run_id, purpose)})>{word(file + '.part')} && {builtin('move', '/y', file + '.part', file)} >nul"
        self._host.run_cmd(line, idempotent=True, check=True)

    def _break(self, lock: Lock) -> bool:
        """Whether it was this process that broke it: the first of two renames decides."""
        left = f"{LEFT}{uuid.uuid4().hex[:12]}"
        line = f"{builtin('ren', self.path, left)} && {self._delete(self._folder + chr(92) + left)}"
        if lock.holder is not None and lock.marked:
            line = f"{builtin('ren', self.path + chr(92) + _marker(lock.holder), left)} && {line}"
        else:
            # Nothing there has the name of a holder; somebody who has taken it since does.
            line = f"(if exist {word(self.path + chr(92) + 'holder-*')} exit /b {NOT_OURS})& {line}"
        return self._host.run_cmd(line).exit_code == 0

    # -- giving back

    def release(self) -> bool:
        """Give the lock back; False where it is not this process's, or nobody's.

        Raises:
            OctopusError: It cannot be given back.
        """
        left = f"{LEFT}{uuid.uuid4().hex[:12]}"
        marker = f"{self.path}\\{_marker(self._holder)}"
        line = (
            f"(if not exist {word(marker)} exit /b {NOT_OURS})& "
            f"{builtin('ren', self.path, left)} && {self._delete(self._folder + chr(92) + left)}"
        )
        result = self._host.run_cmd(line, idempotent=True)
        if result.exit_code in (0, NOT_OURS):
            return result.exit_code == 0
        raise OctopusError(f"{self._host.where}: the lock {self.path} cannot be given back: {' '.join(result.stderr.split())}")

    def tidy(self) -> None:
        """Delete what others have left behind."""
        left = [self._delete(f"{self._folder}\\{name}") for name in self.left_behind()]
        if left:
            self._host.run_cmd(" & ".join(left), idempotent=True)

    @staticmethod
    def _delete(folder: str) -> str:
        return f"{builtin('rd', '/s', '/q', folder)} 2>nul"


def still_ours_line(folder: str, holder: Holder, released: bool = False) -> str:
    """The cmd line that ends with :data:`NOT_OURS` where this process has not the lock of that folder.

    Somebody who has broken it may have ended and given it back, so that nobody has it is no better than that another has it.

    Args:
        released: Whether it may have been given back: nobody may have it, too.
    """
    lock = f"{folder}\\lock\\"
    return f"({f'if exist {word(lock)} ' if released else ''}if not exist {word(lock + _marker(holder))} exit /b {NOT_OURS})"


def _marker(holder: Holder) -> str:
    return f"holder-{holder.token}"


def _span(seconds: int | None) -> str:
    minutes = (seconds or 0) // 60
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
