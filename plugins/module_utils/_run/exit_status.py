# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""With which status ansible-playbook ends, by how the instances are. Pure functions of how their runs ended.

Of several instances the worst counts, which is the highest number. 0 to 8, 99 and 250 are Ansible's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

DONE = 0
REFUSED = 20  # nothing was changed
RESTORED = 21  # in service as before; neither programs nor database were changed, or no more
ROLLED_BACK = 22  # back at the restore point, and in service
UNFINISHED = 23  # in service at what was wanted, but not everything is as it was, or nobody knows who has taken the run over
OUT_OF_SERVICE = 24
# By how a run ended (outcome.VERDICTS).
STATUS = {
    "upgraded": DONE,
    "rolled_back": DONE,
    "backed_up": DONE,
    "failed_before_outage": REFUSED,
    "failed_service_restored": RESTORED,
    "failed_rolled_back": ROLLED_BACK,
    "failed_after_upgrade": UNFINISHED,
    "failed_lock_lost": UNFINISHED,
    "failed_unasked": OUT_OF_SERVICE,  # it runs, but maintenance mode is on and the nodes are drained
    "failed_stopped": OUT_OF_SERVICE,
    "rollback_failed": OUT_OF_SERVICE,
}

_COLLECTION = "octopus.upgrade."
_REPORTS = ("octopus_run_report", "octopus_clone_report", "octopus_test_instance_report", "octopus_migration_report")
# What only reads, or only keeps the lock and the journal.
_HARMLESS_ENDS = ("_info", "_plan", "_status", "_verify", "_wait")
_HARMLESS_BEGINNINGS = ("octopus_run_",)


def of_verdict(verdict: str, failed: bool) -> int:
    """Return the exit status of a run.

    Args:
        verdict: How it ended.
        failed: Whether it has failed nevertheless, as one does whose record cannot be finished.
    """
    return STATUS[verdict] or (UNFINISHED if failed else DONE)


def may_change(action: str, check_mode: bool) -> bool:
    """Return whether a task may change an instance.

    Args:
        action: The action of the task, with its collection.
        check_mode: Whether it runs in check mode.
    """
    name = action.removeprefix(_COLLECTION)
    own = action.startswith(_COLLECTION)
    return own and not check_mode and not name.endswith(_HARMLESS_ENDS) and not name.startswith(_HARMLESS_BEGINNINGS)


def _left_by(unfinished: Mapping[str, Any]) -> int:
    """Return how an unfinished run has left its instance, by what octopus_run_info tells of it."""
    if not unfinished.get("resumes"):
        return DONE  # it has changed nothing
    verdict = str((unfinished.get("record") or {}).get("verdict"))
    return STATUS.get(verdict) or (UNFINISHED if unfinished.get("published") else OUT_OF_SERVICE)


@dataclass
class _Host:
    """What is known of a play host: one instance."""

    reported: int | None = None  # by the module that ended its run
    may_be_changed: bool = False
    left: int = DONE  # how an unfinished run of before has left the instance
    nothing_to_do: bool | None = None  # None: it has told nothing of that


class ExitStatus:
    """Works out the exit status from what happens.

    Args:
        nothing_to_do: What it is where no instance had anything to do.
    """

    def __init__(self, nothing_to_do: int = DONE) -> None:
        self._nothing = nothing_to_do
        self._hosts: dict[str, _Host] = {}
        self._own = False

    def is_own(self) -> None:
        """A play of the collection begins. Failures of other plays are none of a run that was refused."""
        self._own = True

    def begins(self, host: str, action: str, check_mode: bool) -> None:
        """A task begins on a host."""
        if may_change(action, check_mode):
            self._of(host).may_be_changed = True

    def ends(self, host: str, action: str, arguments: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        """A task has ended on a host.

        Args:
            host: The host.
            action: The action of the task, with its collection.
            arguments: Its arguments, as they stand in the playbook.
            result: Its result.
        """
        name = action.removeprefix(_COLLECTION) if action.startswith(_COLLECTION) else ""
        known = self._of(host)
        if name in _REPORTS and isinstance(result.get("exit_status"), int):
            # One playbook can have two runs of an instance: the refresh of a clone and the rehearsal on it, or the
            # creation of a test instance and its upgrade.
            known.reported = max(known.reported or DONE, result["exit_status"])
            known.nothing_to_do = result.get("status") == "unchanged"
        if name == "octopus_run_info" and isinstance(result.get("unfinished"), Mapping):
            known.left = _left_by(result["unfinished"])
        if name == "octopus_plan" and "ladder" in arguments and "upgrade_path" in result:  # a backup plans no upgrade
            known.nothing_to_do = not result["upgrade_path"]

    def status(self, failed: Iterable[str]) -> int:
        """Return the exit status, or 0 where Ansible's own says all that is known.

        Args:
            failed: The hosts on which something has failed or that were unreachable.
        """
        failed = set(failed)
        # The source of clones whose backup has failed, but that is in service as before: its clones tell what that means for them.
        found = [
            known.reported for host, known in self._hosts.items() if known.reported and (host in failed or known.reported >= UNFINISHED)
        ]
        # Without a report: refused before there was a run, as long as nothing has begun that may change an instance.
        refused = [self._of(host) for host in failed if self._own and not self._of(host).reported and not self._of(host).may_be_changed]
        found += [known.left or REFUSED for known in refused]
        if found or failed:
            return max(found, default=DONE)
        had = [known for known in self._hosts.values() if known.reported is not None or known.nothing_to_do is not None]
        return self._nothing if had and all(known.nothing_to_do for known in had) else DONE

    def _of(self, host: str) -> _Host:
        return self._hosts.setdefault(host, _Host())
