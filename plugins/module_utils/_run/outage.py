# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an outage consisted of. Pure functions of the events of a run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

BETWEEN, INTERRUPTED, OTHER = "between the steps", "interrupted", "other steps"
# The first that matches the name of a step.
_CAUSES = tuple(
    (re.compile(pattern), cause)
    for pattern, cause in (
        (r"quiesce\.drain$", "drain"),
        (r"quiesce\.(stop|down)$|apply\..*\.stop$|rollback\.(stop|jobs|down)$|clone\.(old_)?stop$", "stop"),
        (r"backup\.(database|test_restore|snapshot)$", "database backup"),
        (r"(backup|rollback|clone)\.folders$", "server folders"),
        (r"apply\..*\.install$|(rollback|clone)\.programs$", "installation"),
        (r"apply\..*\.schema$", "schema upgrade"),
        (r"apply\..*\.start$|(apply|rollback)\.others$|(publish|restore_service|rollback|clone)\.start$", "start"),
        (r"rollback\.(database|leave_group)$|clone\.database$", "database restore"),
        (r"(quiesce\.baseline|backup\.(read|sign)|verify\..*|rollback\.(unchanged|snapshots|info|read|evidence)|clone\.verify)$", "verification"),
        (r"(quiesce|freeze|publish|restore_service|rollback)\.", "maintenance mode, portals and watchdog"),
    )
)  # fmt: skip


def cause_of(step: str) -> str:
    """Return what users wait for during a step."""
    return next((cause for pattern, cause in _CAUSES if pattern.match(step)), OTHER)


def by_cause(events: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return how many seconds of the outage each cause took, the longest first. They add up to the outage of the run's record.

    Args:
        events: The events of the run, of which one begins the outage and another ends it.
    """
    found: dict[str, float] = {}
    before: Mapping[str, Any] | None = None  # the event before, within an outage
    for event in events:
        if before is not None:
            cause = _between(before, event)
            seconds = (datetime.fromisoformat(event["at"]) - datetime.fromisoformat(before["at"])).total_seconds()
            found[cause] = found.get(cause, 0.0) + seconds
        if event.get("outage") == "ends":
            before = None
        elif before is not None or event.get("outage") == "begins":
            before = event
    return {cause: round(seconds, 3) for cause, seconds in sorted(found.items(), key=lambda one: -one[1]) if seconds > 0}


def _between(before: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """Return what users waited for between two events."""
    if event["event"] == "resumed":
        return INTERRUPTED
    return cause_of(str(before["step"])) if before["event"] == "step" else BETWEEN
