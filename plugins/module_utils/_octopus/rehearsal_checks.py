# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether this upgrade was rehearsed, and how long ago. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .check import Check, unknown
from .plan_facts import Facts

# Where only a job could look, and so would write on the node.
NOT_LOOKED = "only a job on the coordinator can read there, which a plan does not start"
LATER = "upgrade_inplace.yml looks before it changes anything."


def looked(rehearsal: Mapping[str, Any] | None) -> bool:
    """Whether the records of rehearsals were read, or this control node has kept a copy of one of this upgrade."""
    return rehearsal is not None and "outlook" in rehearsal and bool(rehearsal.get("looked", True) or rehearsal["outlook"])


def checks(facts: Facts, path: list[str]) -> Iterator[Check]:
    """Yield the check: a blocker where a rehearsal is required, else a warning."""
    if facts.rehearsal is None or not path or not (facts.rehearsal_required or facts.rehearsal_days):
        return
    outlook = facts.rehearsal.get("outlook") or {}
    known = looked(facts.rehearsal)
    within = f" in the last {facts.rehearsal_days} days" if facts.rehearsal_days else ""
    recent = not facts.rehearsal_days or outlook.get("age_days", 0) <= facts.rehearsal_days
    if facts.rehearsal_required:
        todo = "octopus_require_rehearsal asks for one: run upgrade_clone.yml on a clone of it, or waive this check with octopus_waivers: [rehearsed]."
        todo = todo if known else f"{todo} {LATER}"
    else:
        todo = "Run upgrade_clone.yml on a clone of it." if known else LATER
    yield Check(
        "rehearsed",
        bool(outlook.get("succeeded")) and recent if known else None,
        f"a rehearsal of {facts.server['version']} -> {' -> '.join(path)} that succeeded{within}",
        text(facts.rehearsal) if known else unknown(NOT_LOOKED),
        facts.instance,
        todo,
        # The upgrade itself looks where the records are, and refuses there: another control node may have a newer one.
        blocking=facts.rehearsal_required and known and bool(facts.rehearsal.get("looked", True)),
    )


def text(rehearsal: Mapping[str, Any]) -> str:
    """How the newest rehearsal of this upgrade went."""
    if not looked(rehearsal):
        return f"not looked up: {NOT_LOOKED}"
    outlook = rehearsal["outlook"]
    if not outlook:
        return "none of this upgrade"
    outage = f", outage {outlook['outage_seconds']} s" if outlook["succeeded"] else ""
    return f"{outlook['verdict']} on {outlook['clone']} {outlook['age_days']} days ago{outage}"
