# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dates and times on the wire ([MS-TDS] 2.2.5.5.1.3 to 2.2.5.5.1.9), counted in ticks of 100 ns, which Python's own types lack."""

from __future__ import annotations

import re
import struct
from datetime import date, datetime, time, timedelta, timezone

TICKS = 10**7  # a second
DAY = 24 * 3600 * TICKS
_EPOCH = date(1, 1, 1).toordinal()
_EPOCH_1900 = date(1900, 1, 1).toordinal()
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?")
_OFFSET = re.compile(r"\s*(Z|[+-]\d{2}:?\d{2})")


def utf16_units(text: str) -> int:
    """How many characters SQL Server counts: a letter beyond the BMP, such as an emoji, is two."""
    return len(text) + sum(ord(letter) > 0xFFFF for letter in text)


def _size(scale: int) -> int:
    return 3 if scale <= 2 else 4 if scale <= 4 else 5


def split(value: object) -> tuple[int, int, int]:
    """A moment as days since 0001-01-01, ticks since midnight (local), and its offset from UTC in minutes.

    A missing date is 1900-01-01, a missing time is midnight, as SQL Server converts.

    Args:
        value: datetime, date, time, or ISO 8601 text with up to seven digits of a second.

    Raises:
        ValueError: None of these.
    """
    if isinstance(value, datetime):
        offset = value.utcoffset() or timedelta()
        return value.toordinal() - _EPOCH, _ticks(value.time()), int(offset.total_seconds() // 60)
    if isinstance(value, date):
        return value.toordinal() - _EPOCH, 0, 0
    if isinstance(value, time):
        return _EPOCH_1900 - _EPOCH, _ticks(value), 0
    if isinstance(value, str):
        return _split_text(value)
    raise ValueError(f"a {type(value).__name__} is no date or time")


def _ticks(value: time) -> int:
    return ((value.hour * 60 + value.minute) * 60 + value.second) * TICKS + value.microsecond * 10


def _split_text(text: str) -> tuple[int, int, int]:
    rest = text.strip()
    days = _EPOCH_1900 - _EPOCH
    if re.match(r"\d{4}-\d{2}-\d{2}", rest):
        days = date.fromisoformat(rest[:10]).toordinal() - _EPOCH
        rest = rest[10:].lstrip("T ")
    ticks = offset = 0
    if match := _TIME.match(rest):
        hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
        if hour > 23 or minute > 59 or second > 59:
            raise ValueError(f"{text!r} is no date or time")
        ticks = ((hour * 60 + minute) * 60 + second) * TICKS + int((match[4] or "").ljust(7, "0"))
        rest = rest[match.end() :]
    if match := _OFFSET.match(rest):
        if match[1] != "Z":
            digits = match[1][1:].replace(":", "")
            offset = (int(digits[:2]) * 60 + int(digits[2:])) * (-1 if match[1][0] == "-" else 1)
        rest = rest[match.end() :]
    if rest.strip() or not text.strip():
        raise ValueError(f"{text!r} is no date or time")
    return days, ticks, offset


def encode(name: str, scale: int | None, value: object) -> bytes:
    """The bytes of a date, time, datetime, smalldatetime, datetime2 or datetimeoffset.

    Raises:
        ValueError: Not a moment, or outside what the type can hold.
    """
    days, ticks, offset = split(value)
    if name == "date":
        return _days(days)
    if name == "datetime":  # counted in 1/300 s
        units = (ticks * 300 + TICKS // 2) // TICKS
        days, units = days + units // (86400 * 300), units % (86400 * 300)
        return struct.pack("<iI", days + _EPOCH - _EPOCH_1900, units)
    if name == "smalldatetime":
        minutes = (ticks + 30 * TICKS) // (60 * TICKS)
        days, minutes = days + minutes // 1440, minutes % 1440
        return struct.pack("<HH", days + _EPOCH - _EPOCH_1900, minutes)
    places = 7 if scale is None else scale
    unit = int(10 ** (7 - places))
    if name == "datetimeoffset":  # on the wire in UTC
        days, ticks = _carry(days, ticks - offset * 60 * TICKS)
    rounded = (ticks + unit // 2) // unit
    if name == "time":
        return min(rounded, DAY // unit - 1).to_bytes(_size(places), "little")
    days, rounded = days + rounded // (DAY // unit), rounded % (DAY // unit)
    moment = rounded.to_bytes(_size(places), "little") + _days(days)
    return moment + struct.pack("<h", offset) if name == "datetimeoffset" else moment


def _carry(days: int, ticks: int) -> tuple[int, int]:
    return days + ticks // DAY, ticks % DAY


def _days(days: int) -> bytes:
    if not 0 <= days <= date.max.toordinal() - _EPOCH:
        raise ValueError("a date before 0001-01-01 or after 9999-12-31")
    return days.to_bytes(3, "little")


def _moment(days: int, ticks: int) -> datetime:
    return datetime(1, 1, 1) + timedelta(days=days, microseconds=ticks // 10)


def decode(name: str, scale: int, raw: bytes) -> date | time | datetime:
    """The moment in these bytes, cut to microseconds."""
    if name == "date":
        return date.fromordinal(int.from_bytes(raw, "little") + _EPOCH)
    if name == "datetime":
        days, units = struct.unpack("<iI", raw)
        # Clients show thousandths: 3.33 ms steps are rounded to .000, .003 and .007 (the documentation of datetime).
        return datetime(1900, 1, 1) + timedelta(days=days, milliseconds=(units * 10 + 1) // 3)
    if name == "smalldatetime":
        days, minutes = struct.unpack("<HH", raw)
        return datetime(1900, 1, 1) + timedelta(days=days, minutes=minutes)
    size = _size(scale)
    ticks = int.from_bytes(raw[:size], "little") * 10 ** (7 - scale)
    if name == "time":
        return _moment(0, ticks).time()
    moment = _moment(int.from_bytes(raw[size : size + 3], "little"), ticks)
    if name == "datetime2":
        return moment
    (offset,) = struct.unpack("<h", raw[-2:])
    return moment.replace(tzinfo=timezone.utc).astimezone(timezone(timedelta(minutes=offset)))
