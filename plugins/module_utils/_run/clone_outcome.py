# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What follows when the refresh or removal of a clone fails, and how it ended. Pure functions of the steps begun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from . import exit_status

# Status -> exit status for schedulers.
EXIT_STATUS = {
    "refreshed": exit_status.DONE,
    "unchanged": exit_status.DONE,
    "removed": exit_status.DONE,
    "planned": exit_status.DONE,
    "not_started": exit_status.REFUSED,
    "failed_old_clone_up": exit_status.RESTORED,
    "failed_clone_down": exit_status.OUT_OF_SERVICE,
}
DOWN, OLD_UP = "failed_clone_down", "failed_old_clone_up"


@dataclass(frozen=True)
class CloneOutcome:
    """What follows a failure.

    Attributes:
        lock_lost: Whether another control node has resumed or ended the run; nothing follows.
        stopped: Whether the old clone was taken out of service.
        restore_old: Whether the old clone must be restored.
        stop_new: Whether the new clone must be stopped.
        remove_new: Whether what was made for the new clone must be removed.
        if_done: The status after that has succeeded.
        if_failed: The status after that has failed.
    """

    lock_lost: bool
    stopped: bool
    restore_old: bool
    stop_new: bool
    remove_new: bool
    if_done: str
    if_failed: str

    def to_dict(self) -> dict[str, Any]:
        """Return it for a result."""
        return asdict(self)


def decide(steps: Sequence[str], *, lock_lost: bool, old_exists: bool, old_running: bool, joined: bool) -> CloneOutcome:
    """Decide what follows a failure.

    Args:
        steps: The steps begun. Where none is known, the old clone counts as stopped.
        lock_lost: Whether this process no longer holds the lock.
        old_exists: Whether there is an old clone.
        old_running: Whether it was in service before the run.
        joined: Whether the instance may have been set up on the new database.
    """
    stopped = not steps or "clone.stop" in steps
    if lock_lost:
        return CloneOutcome(True, stopped, False, False, False, DOWN, DOWN)
    return CloneOutcome(
        lock_lost=False,
        stopped=stopped,
        restore_old=stopped and old_exists,
        stop_new=stopped and not old_exists and joined,
        remove_new=old_exists or not joined,
        if_done=OLD_UP if old_exists and (old_running or stopped) else DOWN,
        if_failed=DOWN,
    )


def status_of(status: str | None, *, error: bool, unchanged: bool) -> str:
    """Return how a run ended that may have ended before it began.

    Args:
        status: As the run has determined it; None where it did not begin.
        error: Whether it has failed.
        unchanged: Whether there was nothing to do.
    """
    if status:
        return status
    if error:
        return "not_started"
    return "unchanged" if unchanged else "planned"


def is_open(status: str, old_exists: bool) -> bool:
    """Return whether the run stays unfinished: only its journal describes the old clone, which the next run replaces.

    Args:
        status: How the run ended.
        old_exists: Whether there is an old clone.
    """
    return status == DOWN and old_exists
