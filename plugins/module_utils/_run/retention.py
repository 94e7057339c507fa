# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long what a rollback has replaced is retained. Pure functions."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

# Where it can be, in a run record.
PLACES = ("database", "folders", "moved", "files")


def term(finished: str | None, keep_days: int, now: datetime | None = None) -> dict[str, Any]:
    """Return until when something is retained, and whether it may be removed now.

    Args:
        finished: When the run ended that has replaced it. Where a record does not say, it may not be removed while days are asked for.
        keep_days: For how many days it is retained.
        now: The present time; by default that of the control node, which has written ``finished`` too.
    """
    if keep_days <= 0:
        return {"until": None, "due": True}
    if not finished:
        return {"until": None, "due": False}
    until = datetime.fromisoformat(finished) + timedelta(days=keep_days)
    return {"until": until.isoformat(timespec="seconds"), "due": (now or datetime.now(timezone.utc)) >= until}
