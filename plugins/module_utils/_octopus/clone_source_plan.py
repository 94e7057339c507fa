# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the newest restore point of an instance still has everything that its clones are made for. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# What people and triggers do leaves an event. Tasks that the server starts by itself, such as health checks, do not matter to a clone.
_KINDS = ("releases", "deployments", "events")


def why_new(
    restore_points: Sequence[Mapping[str, Any]], database: Mapping[str, Any], version: str, *, force: bool, unfinished: bool
) -> str | None:
    """Why a new restore point is needed; None where the newest one has everything.

    Args:
        restore_points: What octopus_restore_point_info returned, newest first.
        database: What octopus_database_info returned of what is newer than the newest signed one; empty where it was not asked.
        version: The version that runs.
        force: Whether a new one is wanted in any case.
        unfinished: Whether a run has not ended. An interrupted backup may have left maintenance mode on, so it is finished.
    """
    point = newest(restore_points)
    if force:
        return "octopus_clone_force is set"
    if unfinished:
        return "a run has not ended"
    if point is None:
        return "there is none yet"
    if point["version"] != version:
        return f"the newest one, {point['id']}, is of {point['version']}, and {version} runs"
    newer = database.get("newer") or {}
    known = {kind: newer[kind]["count"] for kind in _KINDS if newer.get(kind)}
    if not known:
        return f"what is newer than {point['id']} is unknown"
    if any(known.values()):
        return f"newer than {point['id']}: {', '.join(f'{count} {kind}' for kind, count in known.items() if count)}"
    return None


def newest(restore_points: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The newest signed restore point; None where there is none."""
    return next((point for point in restore_points if point.get("signed")), None)
