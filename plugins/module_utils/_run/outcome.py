# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What follows a failure, how a run ended, and what an unfinished run means for the next one. Pure functions of the steps begun."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

# How a run can end. failed_rolled_back is in service at the old version; rollback_failed is out of service.
VERDICTS = (
    "upgraded",
    "rolled_back",
    "backed_up",
    "failed_lock_lost",
    "failed_before_outage",
    "failed_service_restored",
    "failed_rolled_back",
    "failed_after_upgrade",
    "failed_unasked",
    "failed_stopped",
    "rollback_failed",
)
# Started, but the control node could not ask how it is; after an upgrade or a rollback.
UNASKED = "failed_unasked"
# Something is left to do: the next run resumes this one.
OPEN = ("failed_stopped", "rollback_failed", "failed_after_upgrade", UNASKED)
NONE, RESTORE_SERVICE, ROLLBACK = "none", "restore_service", "rollback"
UPGRADE = "upgrade"
REPLACES_PROGRAMS = (UPGRADE, "rollback")
# The playbooks that are not named after their operation.
_PLAYBOOKS = {UPGRADE: "upgrade_inplace.yml", "clone": "refresh_clone.yml"}
_CHANGES_FIRST = ("quiesce.watchdog", "freeze.maintenance", "rollback.watchdog")
# publish.start, which a backup takes, lets nobody in.
_PUBLISHES = ("publish.open", "publish.undrain", "publish.maintenance", "publish.watchdog", "publish.snapshot")
_SCHEMA = re.compile(r"apply\..*\.schema$")


@dataclass(frozen=True)
class Outcome:
    """What follows a failure.

    Attributes:
        verdict: How the instance is before ``action``.
        action: ``none``, ``restore_service`` or ``rollback``.
        rollback_database: Whether a rollback includes the database in any case: its schema may have been changed. Where it does not, the
            rollback itself reads whether something else has worked with the database.
        changed: Whether programs, database or folders may differ from the restore point.
        clean_up: Whether something was staged that must be removed if the instance is in service in the end, at its old version.
        look: Whether the services must be looked at if the instance is out of service in the end.
        lock_lost: Whether another control node has resumed or ended the run.
        steps: The steps begun.
    """

    verdict: str
    action: str
    rollback_database: bool
    changed: bool
    clean_up: bool
    look: bool
    lock_lost: bool
    steps: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return it for a result, with ``if_done`` and ``if_failed``: the verdict after the action has succeeded or failed."""
        return {**asdict(self), "if_done": ended(self, False), "if_failed": ended(self, True)}


def decide(
    steps: Sequence[str],
    *,
    check_mode: bool,
    on_failure: str,
    lock_lost: bool,
    not_asked: bool = False,
    rollback_possible: bool = True,
) -> Outcome:
    """Decide what follows the failure of an upgrade or a backup.

    Args:
        steps: The steps begun.
        check_mode: Whether nothing was changed.
        on_failure: ``rollback`` or ``stop``, the user's choice where the instance was changed.
        lock_lost: Whether this process no longer holds the lock.
        not_asked: Whether the control node could not ask the server. That is no ill health, and a rollback would have to ask the same.
        rollback_possible: Whether preflight found that the database can be restored. Otherwise an instance that was changed is left stopped.
    """
    changed = _any(steps, "apply.")
    verdict, action = "failed_stopped", NONE
    if lock_lost:
        verdict = "failed_lock_lost"
    elif check_mode:
        verdict = "failed_before_outage"
    elif published(steps) and not _any(steps, "rollback."):
        verdict = "failed_after_upgrade"
    elif changed and not_asked:
        verdict = UNASKED
    elif changed:
        action = ROLLBACK if on_failure == "rollback" and rollback_possible else NONE
    elif "quiesce.maintenance" in steps or "freeze.maintenance" in steps:
        action = RESTORE_SERVICE
    elif _any(steps, "rollback."):
        verdict = "rollback_failed"
    else:
        verdict = "failed_before_outage"
        action = RESTORE_SERVICE if "quiesce.watchdog" in steps else NONE
    return Outcome(
        verdict=verdict,
        action=action,
        # Begun once, it is finished: what is read of a database that was restored in part means nothing.
        rollback_database=action == ROLLBACK and ("rollback.database" in steps or any(map(_SCHEMA.match, steps))),
        changed=changed,
        clean_up=not check_mode and not changed and verdict in ("failed_before_outage", "failed_stopped") and _any(steps, "stage."),
        look=verdict in ("failed_stopped", "rollback_failed"),
        lock_lost=lock_lost,
        steps=list(steps),
    )


def ended(outcome: Outcome, second_error: bool) -> str:
    """Return the verdict after the outcome's action.

    Args:
        outcome: What was decided.
        second_error: Whether the action has failed.
    """
    if outcome.action == ROLLBACK:
        return "rollback_failed" if second_error else "failed_rolled_back"
    if outcome.action == RESTORE_SERVICE and outcome.verdict == "failed_stopped" and not second_error:
        return "failed_service_restored"
    return outcome.verdict


def is_open(verdict: str, second_error: bool) -> bool:
    """Return whether the run stays unfinished, so that the next one resumes it.

    Args:
        verdict: How the run ended.
        second_error: Whether what followed the failure has failed too.
    """
    return verdict in OPEN or second_error


def published(steps: Sequence[str]) -> bool:
    """Return whether users may have been let in: from then on a rollback can lose something of theirs."""
    return any(step in steps for step in _PUBLISHES)


# -- an unfinished run


def resumes(steps: Sequence[str]) -> bool:
    """Return whether an unfinished run has changed the instance, so that the next one must resume it with the plan that it has made."""
    return any(step in steps for step in _CHANGES_FIRST)


def must_roll_back_first(steps: Sequence[str], record: Mapping[str, Any]) -> bool:
    """Return whether a failure must be dealt with before anything else: one that nothing has followed yet, or what followed was interrupted.

    Args:
        steps: The steps begun.
        record: The run's record.
    """
    return _any(steps, "restore_service.", "rollback.") or (bool(record.get("error")) and record["verdict"] == "unfinished")


def schema_must_not_be_retried(record: Mapping[str, Any], steps: Sequence[str]) -> bool:
    """Return whether the run was left stopped in a schema upgrade: the database may be changed in part.

    Args:
        record: The run's record.
        steps: The steps begun.
    """
    return record["verdict"] == "failed_stopped" and bool(steps) and _SCHEMA.match(steps[-1]) is not None


def only_stopped(steps: Sequence[str]) -> bool:
    """Return whether an unfinished run has changed nothing that a restore point would be needed for."""
    return not _any(steps, "apply.", "rollback.")


def playbook(operation: str) -> str:
    """Return the name of the playbook to run again for an operation."""
    return _PLAYBOOKS.get(operation, f"{operation}.yml")


def _any(steps: Sequence[str], *prefixes: str) -> bool:
    return any(step.startswith(prefixes) for step in steps)
