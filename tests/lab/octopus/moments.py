# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Times in rows: ISO 8601 text in UTC, which SQLite keeps as it is and sorts rightly."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any


def text(when: datetime) -> str:
    """``2026-11-23T21:54:35.123456+00:00``: always as long, so that text order is time order."""
    return when.astimezone(timezone.utc).isoformat(timespec="microseconds")


def moment(value: Any) -> datetime | None:
    """An aware datetime of a column's value.

    SQL Server's own forms (seven digits, a blank before the offset) come from rows that were written by T-SQL.
    """
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=timezone.utc)
    raw = str(value).strip().replace("Z", "+00:00").replace(" +", "+").replace(" -", "-")
    head, dot, rest = raw.partition(".")
    if dot:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        raw = f"{head}.{rest[:digits][:6]:0<6}{rest[digits:]}"
    when = datetime.fromisoformat(raw)
    return when if when.tzinfo else when.replace(tzinfo=timezone.utc)
