# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps in a run's journal: those begun, those done, and their results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Event = dict[str, Any]


def begun(events: Sequence[Event]) -> list[str]:
    """Return the names of the steps begun, each once, in the order in which they began first."""
    return list(dict.fromkeys(event["step"] for event in events if event["event"] == "step"))


def results(events: Sequence[Event]) -> dict[str, dict[str, Any]]:
    """Return the results of the steps that are done. A step that has begun again is not done until it is done again."""
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        if event["event"] == "step":
            found.pop(event["step"], None)
        elif event["event"] == "done":
            found[event["step"]] = event.get("result") or {}
    return found


def done(events: Sequence[Event]) -> list[str]:
    """Return the names of the steps that are done."""
    return list(results(events))


def replayed(events: Sequence[Event], step: str, repeat_until: str | None = None) -> dict[str, Any] | None:
    """Return the recorded result of a step that need not act again, or None where it has to act.

    Args:
        events: The events of the run.
        step: The step that is about to begin.
        repeat_until: A later step; as long as that one is not done, this one acts again.
    """
    known = results(events)
    if repeat_until is not None and repeat_until not in known:
        return None
    return known.get(step)


def guarded(events: Sequence[Event]) -> list[str]:
    """Return the nodes whose guards are armed: what the newest step says that has armed or disarmed some."""
    names: list[str] = []
    for event in events:
        found = (event.get("result") or {}).get("guarded") if event["event"] == "done" else None
        names = names if found is None else list(found)
    return names
