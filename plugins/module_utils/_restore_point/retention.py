# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which restore points are removed. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .signature import Point


@dataclass(frozen=True)
class Decision:
    """Ids of the restore points to remove, and of those that remain, newest first."""

    remove: list[str]
    remaining: list[str]


def by_age(points: Sequence[Point], now: datetime, keep: int | None, keep_days: int | None, protect: Collection[str] = ()) -> Decision:
    """Retain the newest ``keep`` signed ones and all younger than ``keep_days``; one that either rule retains remains.

    The newest signed one always remains, and so does a protected one. An unsigned one is never removed by these rules: an interrupted run may
    complete it, or somebody has to look at it, so it is removed by name only.

    Args:
        points: All, newest first.
        now: The time that ages are counted from.
        keep: How many, at least 1; None for no such rule.
        keep_days: How old; None for no such rule.
        protect: Ids that remain.

    Raises:
        OctopusError: There is no rule, or one that would remove all.
    """
    if keep is None and keep_days is None:
        raise OctopusError("Expected a rule for what to remove, but found neither keep nor keep_days. Give one of them.")
    if (keep is not None and keep < 1) or (keep_days is not None and keep_days < 0):
        raise OctopusError("Expected at least 1 for keep and at least 0 for keep_days: the newest signed restore point always remains.")
    signed = [point for point in points if point.is_signed]
    stay = {point.id for point in signed[: keep or 1]} | set(protect)
    if keep_days is not None:
        oldest = now - timedelta(days=keep_days)
        stay |= {point.id for point in signed if point.moment >= oldest}
    remove = [point.id for point in signed if point.id not in stay]
    return Decision(remove, [point.id for point in points if point.id not in remove])


def by_name(points: Sequence[Point], restore_point: str, protect: Collection[str] = (), abandoned: bool = False) -> Decision:
    """Remove the named one, unless something needs it.

    Args:
        points: All, newest first.
        restore_point: Its id.
        protect: Ids that remain.
        abandoned: Nobody is creating it any more, so it may be removed although it is not signed.

    Raises:
        OctopusError: It is the newest signed one, protected, or perhaps still being created.
    """
    stay = [point.id for point in points if point.id != restore_point]
    named = next((point for point in points if point.id == restore_point), None)
    if named is None:
        return Decision([], stay)
    newest = next((point for point in points if point.is_signed), None)
    why = None
    if restore_point in protect:
        why = "it is protected: an unfinished run needs it"
    elif named.is_signed and newest is not None and newest.id == restore_point:
        why = "it is the newest signed one, and without it no rollback is possible"
    elif not named.is_signed and not abandoned and (newest is None or named.moment >= newest.moment):
        why = (
            f"it is not signed ({named.reason}) and no newer one is, so a run may still be creating it. If none is, set abandoned: true, or "
            f"delete {named.path} by hand"
        )
    if why:
        raise OctopusError(f"The restore point {restore_point} is not removed: {why}.")
    return Decision([restore_point], stay)
