# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values: how they lie in SQLite, and conversions between types, as CAST and CONVERT do them.

SQLite holds None, int, float, str and bytes. A datetime is text: ``2026-11-23 21:54:35.12`` without a zone and without trailing zeros,
so that text order is time order; a datetimeoffset is ``2026-11-23T21:54:35.123456+00:00`` in UTC, as the product writes it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from ..tds.engine_api import SqlError
from ..tds.types import MAX, SqlType

INTEGERS = {"tinyint": (0, 255), "smallint": (-(2**15), 2**15 - 1), "int": (-(2**31), 2**31 - 1), "bigint": (-(2**63), 2**63 - 1)}
DECIMALS = {"decimal", "numeric", "money", "smallmoney"}
NUMBERS = {*INTEGERS, *DECIMALS, "float", "real", "bit"}
STRINGS = {"char", "varchar", "nchar", "nvarchar", "xml"}
NAIVE = {"datetime", "smalldatetime", "datetime2"}
TEMPORAL = {*NAIVE, "datetimeoffset", "date", "time"}


def naive_text(when: datetime) -> str:
    """A datetime or datetime2."""
    text = when.strftime("%Y-%m-%d %H:%M:%S.%f") if when.year >= 1000 else when.isoformat(sep=" ", timespec="microseconds")
    return text.rstrip("0").rstrip(".")


def offset_text(when: datetime) -> str:
    """A datetimeoffset."""
    return when.astimezone(timezone.utc).isoformat(timespec="microseconds")


def to_sqlite(value: object) -> object:
    """A parameter's or variable's value as SQLite takes it."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal):
        if value == value.to_integral_value() and abs(value) < 2**63:
            return int(value)
        return float(value) if len(value.as_tuple().digits) <= 15 else str(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    if isinstance(value, datetime):
        return offset_text(value) if value.tzinfo else naive_text(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value).upper()
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    return value


def moment(value: object) -> datetime:
    """A datetime of text in one of SQL Server's or ISO 8601's forms; a number is days since 1900.

    Raises:
        SqlError: 241, it is none.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return datetime(1900, 1, 1) + timedelta(days=value)
    if isinstance(value, datetime):
        return value
    raw = str(value).strip().replace("Z", "+00:00")
    raw = raw.replace(" +", "+").replace(" -", "-") if ":" in raw else raw
    head, dot, rest = raw.partition(".")
    if dot:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        raw = f"{head}.{rest[:digits][:6]:0<6}{rest[digits:]}"
    for attempt in (raw, f"1900-01-01 {raw}"):
        try:
            return datetime.fromisoformat(attempt)
        except ValueError:
            continue
    if len(raw) == 8 and raw.isdigit():
        try:
            return datetime.strptime(raw, "%Y%m%d")
        except ValueError:
            pass
    raise SqlError(241, "Conversion failed when converting date and/or time from character string.", 16)


def aware(value: object) -> datetime:
    when = moment(value)
    return when if when.tzinfo else when.replace(tzinfo=timezone.utc)


# Styles of CONVERT that the lab knows: 120/121 ODBC canonical, 126/127 ISO 8601, 112 yyyymmdd, 23 yyyy-mm-dd, 108 hh:mi:ss.
_STYLES: dict[int, Callable[[datetime], str]] = {
    120: lambda when: when.strftime("%Y-%m-%d %H:%M:%S"),
    20: lambda when: when.strftime("%Y-%m-%d %H:%M:%S"),
    121: lambda when: when.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
    21: lambda when: when.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
    25: lambda when: when.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
    126: lambda when: when.isoformat(timespec="milliseconds"),
    127: lambda when: when.isoformat(timespec="milliseconds"),
    112: lambda when: when.strftime("%Y%m%d"),
    23: lambda when: when.strftime("%Y-%m-%d"),
    108: lambda when: when.strftime("%H:%M:%S"),
    8: lambda when: when.strftime("%H:%M:%S"),
}


def convert(value: object, target: SqlType, source: SqlType | None = None, style: int | None = None) -> object:
    """CAST or CONVERT. Gives what SQLite holds.

    Raises:
        SqlError: 245, 241, 8169 the value does not fit; 220 it is too large.
    """
    if value is None or target.name == "sql_variant":
        return value
    name = target.name
    if name in STRINGS:
        return _to_string(value, target, source, style)
    if name in INTEGERS or name == "bit":
        return _to_integer(value, target)
    if name in DECIMALS:
        scale = target.scale if name in ("decimal", "numeric") else 4
        return to_sqlite(_decimal(value, target).quantize(Decimal(1).scaleb(-(scale or 0)), ROUND_HALF_UP))
    if name in ("float", "real"):
        return float(_decimal(value, target))
    if name in TEMPORAL:
        return _to_moment(value, target)
    if name == "uniqueidentifier":
        try:
            return str(uuid.UUID(bytes_le=value) if isinstance(value, bytes) else uuid.UUID(str(value))).upper()
        except ValueError:
            raise SqlError(8169, "Conversion failed when converting from a character string to uniqueidentifier.", 16, 2) from None
    return _to_binary(value, target, style)


def _to_string(value: object, target: SqlType, source: SqlType | None, style: int | None) -> str:
    text = _text(value, source, style)
    limit = target.length
    if limit in (None, MAX) or target.name == "xml":
        return text
    text = text[:limit]
    return text.ljust(limit or 0) if target.name in ("char", "nchar") else text


def _text(value: object, source: SqlType | None, style: int | None) -> str:
    if isinstance(value, bytes):
        if style in (1, 2):
            return ("0x" if style == 1 else "") + value.hex().upper()
        return value.decode("utf-16-le" if source is not None and source.name.startswith("n") else "cp1252", "replace")
    if source is not None and source.name in TEMPORAL and source.name != "time":
        when = moment(value)
        if style is not None and style not in _STYLES:
            raise SqlError(50000, f"lab: CONVERT's style {style} is not supported by the lab's SQL Server.", 16)
        if style is not None:
            return _STYLES[style](when)
        if source.name == "date":
            return when.strftime("%Y-%m-%d")
        if source.name in ("datetime", "smalldatetime"):
            return f"{when:%b} {when.day:2d} {when:%Y} {int(when.strftime('%I')):2d}:{when:%M%p}"
        fraction = f".{when.microsecond:06d}0"
        zone = f" {when.isoformat()[-6:]}" if when.tzinfo else ""
        return f"{when:%Y-%m-%d %H:%M:%S}{fraction}{zone}"
    if isinstance(value, float) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _decimal(value: object, target: SqlType) -> Decimal:
    if isinstance(value, bytes):
        return Decimal(int.from_bytes(value, "big"))
    try:
        found = Decimal(str(int(value) if isinstance(value, bool) else value).strip() or "0")
    except InvalidOperation:
        raise _cannot(value, target) from None
    if not found.is_finite():
        raise _cannot(value, target)
    return found


def _cannot(value: object, target: SqlType) -> SqlError:
    if target.name in INTEGERS or target.name == "bit":
        text = f"Conversion failed when converting the nvarchar value '{value}' to data type {target.name}."
        return SqlError(245, text, 16)
    return SqlError(8114, f"Error converting data type nvarchar to {target.name}.", 16, 5)


def _to_integer(value: object, target: SqlType) -> int:
    if target.name == "bit":
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return int(value.lower() == "true")
        return int(_decimal(value, target) != 0)
    if isinstance(value, str) and not value.strip().lstrip("+-").isdigit() and value.strip():
        raise _cannot(value, target)
    number = int(_decimal(value, target))
    low, high = INTEGERS[target.name]
    if not low <= number <= high:
        number_of = 220 if target.name in ("tinyint", "smallint") else 8115
        raise SqlError(number_of, f"Arithmetic overflow error converting expression to data type {target.name}.", 16, 2)
    return number


def _to_moment(value: object, target: SqlType) -> str:
    when = moment(value)
    if target.name == "datetimeoffset":
        return offset_text(aware(when))
    if when.tzinfo:
        when = when.replace(tzinfo=None)
    if target.name == "date":
        return when.date().isoformat()
    if target.name == "time":
        return when.time().isoformat()
    if target.name == "smalldatetime":
        when = when.replace(second=0, microsecond=0)
    elif target.name == "datetime":
        when = when.replace(microsecond=when.microsecond // 1000 * 1000)
    return naive_text(when)


def _to_binary(value: object, target: SqlType, style: int | None) -> bytes:
    if isinstance(value, str):
        raw = bytes.fromhex(value.removeprefix("0x")) if style in (1, 2) else value.encode("utf-16-le")
    elif isinstance(value, bytes):
        raw = value
    else:
        raw = int(_decimal(value, target)).to_bytes(8, "big", signed=True)[-4:]
    if target.length not in (None, MAX):
        raw = raw[: target.length]
        if target.name == "binary":
            raw = raw.ljust(target.length or 0, b"\0")
    return raw
