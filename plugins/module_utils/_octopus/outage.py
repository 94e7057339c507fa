# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long users will be locked out: as a rehearsal took, else a guess from sizes. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .check import size

REHEARSAL, SIZES, UNKNOWN = "rehearsal", "sizes", "unknown"
# Assumptions, for want of anything better, of a server on ordinary virtual machines. A rehearsal takes their place.
_STOP = 120  # seconds to drain and stop
_VERSION = 300  # seconds for each version: its MSI, the scripts that change little, its start
_RATE = 100 * 1024**2  # bytes a second that the backup writes; the schema upgrade is given as long again, once
_BETWEEN = 2  # the guess is between a half and the double of it


def estimate(path: list[str], used_bytes: int | None, rehearsal: Mapping[str, Any] | None) -> dict[str, Any]:
    """Estimate the outage.

    Args:
        path: The versions to go through.
        used_bytes: What the database holds; None where that is not known.
        rehearsal: What octopus_rehearsal_info returned; None where it was not asked.

    Returns:
        ``seconds``, and ``least`` and ``most``, all of them None where nothing is known; ``basis``, and ``explanation``, what it rests on.
    """
    outlook = (rehearsal or {}).get("outlook") or {}
    if outlook.get("succeeded") and outlook.get("outage_seconds") is not None:
        seconds = round(float(outlook["outage_seconds"]))
        age = f"{outlook['age_days']} days ago"
        return _told(seconds, seconds, seconds, REHEARSAL, f"the rehearsal on {outlook['clone']} {age} took that long")
    if used_bytes is None:
        return _told(None, None, None, UNKNOWN, "neither a rehearsal nor the size of the database is known")
    seconds = _STOP + _VERSION * len(path) + round(2 * used_bytes / _RATE)
    explanation = (
        f"a guess from sizes: {size(used_bytes)} to back up and to migrate, and {len(path)} version(s) to install and start. A rehearsal "
        "(upgrade_clone.yml) measures it"
    )
    return _told(seconds, seconds // _BETWEEN, seconds * _BETWEEN, SIZES, explanation)


def _told(seconds: int | None, least: int | None, most: int | None, basis: str, explanation: str) -> dict[str, Any]:
    return {"seconds": seconds, "least": least, "most": most, "basis": basis, "explanation": explanation}


def text(seconds: int) -> str:
    """A duration as hours, minutes and seconds."""
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
