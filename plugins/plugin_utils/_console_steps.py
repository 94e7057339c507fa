# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which steps a run has, so that a console can say how many there are and which phase each belongs to. No I/O. Private to this collection.

The roles are what decides; a unit test compares these with the steps that the tasks of the roles name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

# What a phase is called on the screen, by the beginning of the names of its steps, or by the role that reads before there are steps.
PHASES = {
    "preflight": "Preflight: reads and checks everything, changes nothing",
    "stage": "Stage: users notice nothing",
    "quiesce": "Quiesce: maintenance mode, drain, stop",
    "freeze": "Maintenance mode",
    "backup": "Make the restore point",
    "apply": "Apply",
    "verify": "Verify",
    "publish": "Publish",
    "prune": "Remove old restore points",
    "restore_service": "Restore service",
    "rollback": "Roll back to the restore point",
    "clone": "Clone",
    "test": "Test instance",
}

_STAGE = ("stage.package.*", "stage.master_key", "stage.license", "stage.restore_point", "stage.baseline", "stage.folders")
_QUIESCE = tuple(f"quiesce.{name}" for name in ("guard", "watchdog", "maintenance", "drain", "isolate", "baseline", "stop", "down"))
_BACKUP = tuple(f"backup.{name}" for name in ("read", "database", "folders", "sign", "test_restore", "snapshot"))
# They are there in some runs only, by what the user has set or how many nodes there are, and are not counted before they begin.
_OPTIONAL = (
    *(
        "quiesce.isolate",
        "backup.test_restore",
        "backup.snapshot",
        "backup.unguard",
        "apply.others",
        "publish.open",
        "publish.snapshot",
        "prune",
    ),
    *(
        "freeze.*",
        "restore_service.users",
        "restore_service.open",
        "rollback.unchanged",
        "rollback.leave_group",
        "rollback.others",
        "rollback.open",
    ),
    *("rollback.join_group", "clone.outbound", "clone.unregister", "test.stop", "test.unregister", "test.drop", "test.packages"),
    *("test.discard_export", "test.thaw_source"),
    *("test.freeze", "test.partial_export", "test.thaw", "test.partial_import", "test.partial_discard"),
)
_VERSION = ("install", "schema", "start", "stop")
_VERIFY = ("verify.info", "verify.database", "verify.reads")
_PUBLISH = tuple(f"publish.{name}" for name in ("open", "undrain", "maintenance", "watchdog", "snapshot"))
_RESTORE_SERVICE = tuple(f"restore_service.{name}" for name in ("users", "programs", "start", "open", "undrain", "maintenance", "watchdog"))
_ROLLBACK = tuple(
    f"rollback.{name}"
    for name in (
        *("written", "watchdog", "stop", "jobs", "down", "unchanged", "leave_group", "snapshots", "database", "folders"),
        *("quarantine", "programs"),
        *(
            "configuration",
            "start",
            "others",
            "info",
            "read",
            "evidence",
            "open",
            "undrain",
            "maintenance",
            "watched",
            "cleanup",
            "join_group",
        ),
    )
)
_CLONE = tuple(
    f"clone.{name}"
    for name in (
        *("outbound", "stage", "database", "quarantine", "folders", "stop", "unregister", "programs", "certificate", "start", "verify"),
        "cleanup.*",
    )
)
_TEST_INSTANCE = tuple(
    f"test.{name}"
    for name in (
        *("discard_export", "thaw_source"),
        *("stop", "unregister", "drop"),
        *("stage", "license", "programs", "create", "configure"),
        *("freeze", "partial_export", "thaw", "partial_import", "partial_discard"),
        *("start", "key", "manage", "packages", "export", "import", "queue", "discard", "contents", "start_type"),
    )
)


def of_operation(operation: str, path: Sequence[str]) -> list[str]:
    """Return the names of the steps of a run, in their order; those that depend on what is found are among them.

    Args:
        operation: ``upgrade``, ``backup``, ``rollback``, ``clone`` or ``test_instance``.
        path: The versions of an upgrade.
    """
    if operation == "upgrade":
        apply = [f"apply.{version}.{name}" for version in path for name in _VERSION][:-1]  # nothing is stopped after the last
        return [*_STAGE, *_QUIESCE, *_BACKUP, "backup.unguard", *apply, "apply.others", *_VERIFY, *_PUBLISH, "prune"]
    if operation == "backup":
        return [*_STAGE, *_QUIESCE, "freeze.maintenance", *_BACKUP, "publish.start", *_PUBLISH, "freeze.end", "prune"]
    others = {"rollback": _ROLLBACK, "restore_service": _RESTORE_SERVICE, "clone": _CLONE, "test_instance": _TEST_INSTANCE}
    return list(others.get(operation, ()))


def pattern_of(step: str) -> str:
    """Return the name of a step as its task has it, with a ``*`` for each of its expressions; empty where it is nothing but that."""
    pattern = re.sub(r"\{\{.*?\}\}", "*", step)
    return "" if pattern == "*" else pattern


def phase_of(step: str) -> str:
    """Return the phase of a step, a key of :data:`PHASES`, or an empty text."""
    first = "apply" if step == "backup.unguard" else step.partition(".")[0]
    return first if first in PHASES else ""


class Course:
    """Where a run is in its steps.

    Args:
        names: The names of the steps that can come, in their order.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._names = list(names)
        self._at = -1
        self._begun = 0
        self._before = -1, 0

    def advance(self, pattern: str) -> str | None:
        """Go to the next step that matches, and return its name; None where none does."""
        if self._at >= 0 and self._matches(self._at, pattern):
            self._before = self._at, self._begun
            return self._names[self._at]  # once more: it is tried again, or is the next of several
        place = self._next(pattern)
        if place is None:
            return None
        self._before = self._at, self._begun
        self._at, self._begun = place, self._begun + 1
        return self._names[place]

    def back(self) -> None:
        """Undo the last advance: the step was skipped. It counts no more as soon as a later one begins."""
        self._at, self._begun = self._before

    def _next(self, pattern: str) -> int | None:
        return next((place for place in range(self._at + 1, len(self._names)) if self._matches(place, pattern)), None)

    def _matches(self, place: int, pattern: str) -> bool:
        return fnmatchcase(self._names[place], pattern)

    @property
    def number(self) -> int:
        """How many steps have begun."""
        return self._begun

    @property
    def total(self) -> int:
        """How many steps there will have been, as far as is known."""
        later = self._names[self._at + 1 :]
        return self._begun + sum(1 for name in later if not any(fnmatchcase(name, one) for one in _OPTIONAL))

    def left(self, seconds: Mapping[str, float]) -> float:
        """Return how many seconds the steps after this one will take.

        Args:
            seconds: How many each took in a rehearsal.
        """
        later = self._names[self._at + 1 :]
        return sum(took for name, took in seconds.items() if any(fnmatchcase(name, one) for one in later))


def rehearsed(outlook: Any) -> tuple[dict[str, float], dict[str, int]]:
    """Return how many seconds each step took in the rehearsal of an upgrade, and how many scripts it executed.

    Args:
        outlook: As octopus_rehearsal_info returns it; anything else knows nothing.
    """
    steps = outlook.get("steps") if isinstance(outlook, Mapping) and outlook.get("succeeded") else None
    seconds: dict[str, float] = {}
    scripts: dict[str, int] = {}
    for step in steps or []:
        if isinstance(step.get("seconds"), (int, float)):
            seconds[step["name"]] = seconds.get(step["name"], 0.0) + step["seconds"]
        if isinstance(step.get("scripts"), int):
            scripts[step["name"]] = step["scripts"]
    return seconds, scripts
