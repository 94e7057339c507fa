# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What follows when a cut-over to a clone fails, and how it ended. Pure functions of the steps begun.

Exactly one side is in service at the end, and never both: the old side starts again only after the new one was verified to be down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from . import exit_status

MIGRATED, RETURNED, UNCHANGED = "migrated", "returned", "unchanged"
FAILED_RETURNED, AFTER_PUBLISH, STOPPED, LOCK_LOST = "failed_returned", "failed_after_publish", "failed_stopped", "failed_lock_lost"
# Status -> exit status for schedulers.
EXIT_STATUS = {
    MIGRATED: exit_status.DONE,
    RETURNED: exit_status.DONE,
    UNCHANGED: exit_status.DONE,
    "planned": exit_status.DONE,
    "not_started": exit_status.REFUSED,
    FAILED_RETURNED: exit_status.RESTORED,
    AFTER_PUBLISH: exit_status.UNFINISHED,
    LOCK_LOST: exit_status.UNFINISHED,
    STOPPED: exit_status.OUT_OF_SERVICE,
}
# Something is left to do: the next run resumes this one.
OPEN = (AFTER_PUBLISH, STOPPED)
OLD, NEW = "old", "new"
NONE, RETURN = "none", "return"
PUBLISH = "migrate.publish"
_LIFTS = ("migrate.lift", "migrate.lift_rest")
_SWITCH = "migrate.switch"


@dataclass(frozen=True)
class MigrationOutcome:
    """What follows a failure on one side.

    Attributes:
        lock_lost: Whether another control node has resumed or ended the run; nothing follows.
        action: ``none``, or ``return``: the new side is taken out of service, or the old one put back into it.
        published: Whether users may have been let in to the new side.
        lifted: Whether the quarantine of the new side may be lifted, in part at least.
        switched: Whether names or a load balancer may lead to the new side already.
        if_done: The status after the action has succeeded, or where there is none.
        if_failed: The status after it has failed.
    """

    lock_lost: bool
    action: str
    published: bool
    lifted: bool
    switched: bool
    if_done: str
    if_failed: str

    def to_dict(self) -> dict[str, Any]:
        """Return it for a result."""
        return asdict(self)


def decide(
    steps: Sequence[str],
    *,
    side: str,
    lock_lost: bool,
    new_down: bool = False,
    new_published: bool = False,
    new_lock_lost: bool = False,
) -> MigrationOutcome:
    """Decide what follows a failure.

    Args:
        steps: The steps begun on that side. Where none is known, the new side counts as lifted.
        side: ``old`` or ``new``.
        lock_lost: Whether this process no longer holds the lock of that side.
        new_down: Whether the new side was verified to be out of service.
        new_published: Whether users may have been let in to the new side.
        new_lock_lost: Whether this process no longer holds the lock of the new side.
    """
    returning = is_returning(steps)
    published = (new_published if side == OLD else PUBLISH in steps) and not returning
    action, done, failed = RETURN, FAILED_RETURNED, STOPPED
    if lock_lost or new_lock_lost:
        action, done, failed = NONE, LOCK_LOST, LOCK_LOST
    elif published:  # what users have done there would be lost
        action, done, failed = NONE, AFTER_PUBLISH, AFTER_PUBLISH
    elif side == OLD and not new_down:
        action, done = NONE, STOPPED
    return MigrationOutcome(
        lock_lost=lock_lost or new_lock_lost,
        action=action,
        published=published,
        lifted=not steps or any(step in steps for step in _LIFTS),
        switched=_SWITCH in steps,
        if_done=done,
        if_failed=failed,
    )


def is_returning(steps: Sequence[str]) -> bool:
    """Return whether the way back has begun on a side; then it is gone to its end."""
    return any(step.startswith(("return.", "restore_service.")) for step in steps)


def is_open(status: str) -> bool:
    """Return whether the run stays unfinished, so that the next one resumes it."""
    return status in OPEN


def status_of(status: str | None, *, error: bool, action: str) -> str:
    """Return how it ended where it may have ended before it began.

    Args:
        status: As the run has determined it; None where it did not begin.
        error: Whether it has failed.
        action: What was to be done, by octopus_migration_plan.
    """
    if status:
        return status
    if error:
        return "not_started"
    return UNCHANGED if action == UNCHANGED else "planned"
