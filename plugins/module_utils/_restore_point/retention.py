# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which restore points go: rules alone, no host."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .manifest import Point


@dataclass(frozen=True)
class Decision:
    """Ids of the restore points that go, and of those that stay, newest first."""

    remove: list[str]
    keep: list[str]


def by_age(points: Sequence[Point], now: datetime, keep: int | None, keep_days: int | None, protect: Collection[str] = ()) -> Decision:
    """Keep the newest ``keep`` sealed ones and all younger than ``keep_days``; one that either rule keeps stays.

    The newest sealed one always stays, and so does what is protected. One that is not sealed is never taken: it is what a run that goes
    on would complete, or what somebody has to look at, so it goes by its name only.

    Args:
        points: All there are, newest first.
        now: The moment that ages are counted from.
        keep: How many, at least 1; None for no such rule.
        keep_days: How old; None for no such rule.
        protect: Ids that stay.
    """
    if keep is None and keep_days is None:
        raise OctopusError("Nothing says what may go: give restore_point, keep or keep_days.")
    if (keep is not None and keep < 1) or (keep_days is not None and keep_days < 0):
        raise OctopusError("keep is at least 1, and keep_days at least 0: the newest sealed restore point always stays.")
    sealed = [point for point in points if point.is_sealed]
    stay = {point.id for point in sealed[: keep or 1]} | set(protect)
    if keep_days is not None:
        oldest = now - timedelta(days=keep_days)
        stay |= {point.id for point in sealed if point.moment >= oldest}
    remove = [point.id for point in sealed if point.id not in stay]
    return Decision(remove, [point.id for point in points if point.id not in remove])


def by_name(points: Sequence[Point], restore_point: str, protect: Collection[str] = (), given_up: bool = False) -> Decision:
    """Take the one that was named, unless something needs it.

    Args:
        points: All there are, newest first.
        restore_point: Its id.
        protect: Ids that stay.
        given_up: Says that nobody makes it any more, so that one that is not sealed may go.

    Raises:
        OctopusError: It is the newest sealed one, protected, or perhaps still being made.
    """
    stay = [point.id for point in points if point.id != restore_point]
    named = next((point for point in points if point.id == restore_point), None)
    if named is None:
        return Decision([], stay)
    newest = next((point for point in points if point.is_sealed), None)
    why = None
    if restore_point in protect:
        why = "it is protected: an unfinished run needs it"
    elif named.is_sealed and newest is not None and newest.id == restore_point:
        why = "it is the newest sealed one, and without it there is no way back"
    elif not named.is_sealed and not given_up and (newest is None or named.moment >= newest.moment):
        why = (
            f"it is not sealed ({named.why}) and no newer one is, so a run may be making it. If none is, say given_up: true, or "
            f"delete {named.path} by hand"
        )
    if why:
        raise OctopusError(f"The restore point {restore_point} is not removed: {why}.")
    return Decision([restore_point], stay)
