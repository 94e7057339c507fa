# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the refresh or removal of a clone ended, for machines and for people. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# 2 is what ansible-playbook itself ends with where anything fails.
EXIT_STATUS = {
    "refreshed": 0,
    "unchanged": 0,
    "removed": 0,
    "planned": 0,
    "not_started": 20,
    "failed_old_clone_up": 21,
    "failed_clone_down": 22,
}


@dataclass(frozen=True)
class Ending:
    """What is known at the end. See the options of octopus_clone_report."""

    instance: str
    clone_of: str
    status: str = ""
    error: str = ""
    second_error: str = ""
    lock_lost: bool = False
    not_removed: str = ""
    new: Mapping[str, Any] = field(default_factory=dict)
    old: Mapping[str, Any] = field(default_factory=dict)
    unchanged: bool = False
    quarantine: Mapping[str, Any] = field(default_factory=dict)
    run_record: str = ""

    @property
    def ended(self) -> str:
        """The status, also of a run that never came to the point of setting one."""
        return self.status or ("not_started" if self.error else "unchanged" if self.unchanged else "planned")


def report(ending: Ending) -> dict[str, Any]:
    """The result for machines."""
    database = ending.old if ending.ended == "unchanged" else ending.new
    return {
        "instance": ending.instance,
        "clone_of": ending.clone_of,
        "status": ending.ended,
        "exit_status": EXIT_STATUS[ending.ended],
        "error": ending.error,
        "restore_point": ending.new.get("restore_point") or "",
        "version": ending.new.get("version") or "",
        "database": database.get("database") or "",
        "not_removed": ending.not_removed,
        "quarantine": dict(ending.quarantine),
        "run_record": ending.run_record,
    }


def lines(ending: Ending) -> list[str]:
    """The result for people."""
    point = ending.new.get("restore_point")
    return [
        f"{ending.instance}: {ending.ended}{f' ({point})' if point else ''}",
        *([f"not removed, which the next refresh tries again: {ending.not_removed}"] if ending.not_removed else []),
    ]


def failure(ending: Ending, path: str) -> str:
    """What the run fails with: the first error, the state of the clone, where the result is. Empty where nothing failed."""
    if not ending.error:
        return ""
    said = [
        ending.error,
        _state(ending),
        f"Restoring the old clone failed too: {ending.second_error}" if ending.second_error else "",
        f"What could not be cleaned up: {ending.not_removed}" if ending.not_removed else "",
        f"Result: {path}" if path else "",
    ]
    return "\n".join(line for line in said if line)


def _state(ending: Ending) -> str:
    name = ending.instance
    if ending.lock_lost:
        return f"Another control node has broken the lock of the clone {name}, and resumes this run or has ended it; this one has stopped where it was."
    if ending.ended == "not_started":
        return f"Nothing of the clone {name} was begun; it is as it was."
    if ending.ended == "failed_old_clone_up":
        point = ending.old.get("restore_point") or ""
        return f"The old clone {name} is in service as before ({point}); what was new is removed."
    if ending.ended == "failed_clone_down":
        state = f"The clone {name} is out of service." if ending.old.get("exists") else f"There is no clone {name} that works."
        return (
            f"{state} Run the same playbook again: it resumes the run, or makes a new clone. Do not start its service by hand before "
            "octopus_quarantine_verify has shown that its database is harmless."
        )
    return ending.ended
