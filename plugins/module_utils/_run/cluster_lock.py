# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""The locks that a run needs: that of its instance on every node, and that of each node's program folder.

The coordinator is the first node of an inventory, and another control node's inventory may begin with another. So the lock is taken on every
node, in the order of the computers' own names, which is the same from everywhere: of two runs one gets it, whatever their inventories look
like. Several instances of one host share its program folder, and one of them may be known under another name elsewhere. So a run that
replaces programs also takes ``programs\\lock`` on each node.

Two inventories may know one instance under different nodes. They meet at its database (:mod:`database_claim`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress

from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError

from .errors import RunError
from .lock import Broken, RunLock


class ClusterLock:
    """Several locks that one run takes and releases together.

    Args:
        locks: Those of one host after those of another, the coordinator's own lock among them.
    """

    def __init__(self, locks: Sequence[RunLock]) -> None:
        self._locks = list(locks)

    def take(self, run_id: str, operation: str | None, break_lock: str | None, guarded: Collection[str] = ()) -> tuple[bool, Broken | None]:
        """Take all of them, or none.

        Args:
            run_id: The run that they are for.
            operation: What the run does.
            break_lock: The run or the owner whose locks may be broken.
            guarded: Runs that the guard has ended, whose locks may be broken too.

        Returns:
            Whether one was taken now, and the first lock that was broken for that.

        Raises:
            RunError: Another process holds one, or it cannot be created.
            HostError: A host cannot be reached.
        """
        taken: list[RunLock] = []
        first: Broken | None = None
        try:
            for lock in self._locks:
                changed, broken = lock.take(run_id, operation, break_lock, guarded)
                first = first or broken
                if changed:
                    taken.append(lock)
                if not lock.is_ours(lock.read()):
                    raise RunError(f"{lock.host.where}: another process has broken the lock {lock.path} as soon as it was taken.")
                lock.tidy()
        except (RunError, HostError):
            for lock in reversed(taken):
                # Whoever meets a lock that is left here is told whose it is. The error that is already known matters more.
                with suppress(RunError, HostError):
                    lock.release()
            raise
        return bool(taken), first

    def predict(self, break_lock: str | None, guarded: Collection[str] = ()) -> tuple[bool, Broken | None]:
        """Return whether one would be taken, and the first lock that would be broken for that.

        Raises:
            RunError: One would be refused.
            HostError: A host cannot be reached.
        """
        changed, first = False, None
        for lock in self._locks:
            found = lock.read()
            if lock.is_ours(found):
                continue
            changed = True
            if found is not None:
                first = first or Broken(found, lock.why_break(found, break_lock, guarded))
        return changed, first

    def release(self) -> bool:
        """Release all of them, even where one cannot be.

        Returns:
            Whether this process held one.

        Raises:
            RunError: One cannot be released.
            HostError: A host cannot be reached.
        """
        held, error = False, None
        for lock in reversed(self._locks):
            try:
                held = lock.release() or held
            except (RunError, HostError) as caught:
                error = error or caught
        if error is not None:
            raise error
        return held


def computer_names(hosts: Sequence[WindowsHost]) -> dict[WindowsHost, str]:
    """Return the hosts' own names for themselves, which no inventory can change.

    Raises:
        HostError: One cannot be reached.
    """
    return {host: host.run(["hostname"], check=True, idempotent=True).stdout.strip() for host in hosts}
