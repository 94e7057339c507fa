# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the functions do that depend on nothing but their arguments. Called by SQLite with what lies in its rows."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from ..tds.engine_api import SqlError
from ..tds.moments import utf16_units
from ..tds.types import MAX, SqlType
from . import json_paths, values
from .values import aware, moment, naive_text, offset_text


def _null_in(function: Callable[..., Any]) -> Callable[..., Any]:
    """NULL for any argument gives NULL."""

    def call(*arguments: Any) -> Any:
        return None if any(one is None for one in arguments) else function(*arguments)

    return call


# -- conversion and comparison


@lru_cache(maxsize=500)
def _type(text: str) -> SqlType:
    return SqlType.parse(text)


def convert(value: Any, target: str, source: str | None, style: Any, safe: int) -> Any:
    try:
        return values.convert(value, _type(target), _type(source) if source else None, None if style is None else int(style))
    except SqlError:
        if safe:
            return None
        raise


def store(value: Any, target: str, source: str | None, column: str) -> Any:
    """A value on its way into a column.

    Raises:
        SqlError: 8152, a text is too long; or what a conversion raises.
    """
    kind = _type(target)
    if (
        isinstance(value, str)
        and kind.name in values.STRINGS
        and kind.length not in (None, MAX)
        and utf16_units(value.rstrip(" ")) > (kind.length or 0)
    ):
        raise SqlError(8152, f"String or binary data would be truncated (column '{column}').", 16, 30)
    return values.convert(value, kind, _type(source) if source else None)


def divide(left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    if right == 0:
        raise SqlError(8134, "Divide by zero error encountered.", 16)
    if isinstance(left, int) and isinstance(right, int):
        return int(left / right) if abs(left) < 2**52 else (abs(left) // abs(right)) * (1 if (left < 0) == (right < 0) else -1)
    return float(left) / float(right)


def plus(left: Any, right: Any) -> Any:
    """``+`` over values whose types are not known before they are there."""
    if left is None or right is None:
        return None
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    try:
        return (float(left) if isinstance(left, str) else left) + (float(right) if isinstance(right, str) else right)
    except ValueError as error:
        raise SqlError(245, f"Conversion failed when converting the nvarchar value to data type int ({error}).", 16) from error


@lru_cache(maxsize=500)
def _pattern(pattern: str, escape: str | None) -> re.Pattern[str]:
    """https://learn.microsoft.com/sql/t-sql/language-elements/like-transact-sql"""
    out, at = [], 0
    while at < len(pattern):
        letter = pattern[at]
        if escape and letter == escape and at + 1 < len(pattern):
            at += 1
            out.append(re.escape(pattern[at]))
        elif letter == "%":
            out.append(".*")
        elif letter == "_":
            out.append(".")
        elif letter == "[" and "]" in pattern[at + 1 :]:
            end = pattern.index("]", at + 1)
            inner = pattern[at + 1 : end]
            negated = inner.startswith("^")
            body = re.escape(inner[negated:]).replace("\\-", "-")
            out.append(f"[{'^' if negated else ''}{body}]" if body else "(?!)")
            at = end
        else:
            out.append(re.escape(letter))
        at += 1
    return re.compile("".join(out), re.IGNORECASE | re.DOTALL)


def like(value: Any, pattern: Any, escape: str | None) -> Any:
    if value is None or pattern is None:
        return None
    return int(_pattern(str(pattern), escape).fullmatch(str(value)) is not None)


def patindex(pattern: Any, value: Any) -> int:
    text = str(pattern)
    core = _pattern(text.strip("%") if text.startswith("%") else text, None)
    found = core.search(str(value)) if text.startswith("%") else core.match(str(value))
    return found.start() + 1 if found else 0


# -- text


def substring(value: Any, start: Any, length: Any) -> Any:
    first, count = int(start), int(length)
    if count < 0:
        raise SqlError(537, "Invalid length parameter passed to the LEFT or SUBSTRING function.", 16, 3)
    end = max(0, first - 1 + count)
    return (value if isinstance(value, bytes) else str(value))[max(0, first - 1) : end]


def stuff(value: Any, start: Any, length: Any, new: Any) -> Any:
    if value is None or start is None or length is None:
        return None
    text, first, count = str(value), int(start), int(length)
    return None if not 1 <= first <= len(text) or count < 0 else text[: first - 1] + str(new or "") + text[first - 1 + count :]


def quotename(name: Any, quote: Any = "[") -> Any:
    if name is None or len(str(name)) > 128:
        return None
    pair = {"[": "[]", "]": "[]", "'": "''", '"': '""', "(": "()", "<": "<>"}.get(str(quote), "[]")
    first, last = pair[0], pair[1]
    return first + str(name).replace(last, last * 2) + last


def parsename(name: Any, part: Any) -> Any:
    parts = [one[1:-1].replace("]]", "]") if one.startswith("[") else one for one in re.findall(r"\[(?:[^\]]|\]\])*\]|[^.]+", str(name))]
    return parts[-int(part)] if 1 <= int(part) <= len(parts) else None


def concat(*parts: Any) -> str:
    return "".join("" if part is None else str(part) for part in parts)


def datalength(value: Any) -> int:
    if isinstance(value, bytes):
        return len(value)
    return len(str(value).encode("utf-16-le")) if isinstance(value, str) else 8 if isinstance(value, float) else 4


# -- numbers


def rounded(value: Any, digits: Any, cut: Any = 0) -> Any:
    places = int(digits)
    if cut:
        factor = 10**places
        return math.trunc(value * factor) / factor
    found = math.floor(abs(float(value)) * 10**places + 0.5) / 10**places * (1 if value >= 0 else -1)
    return int(found) if isinstance(value, int) else found


def keep_kind(function: Callable[[float], float]) -> Callable[[Any], Any]:
    return lambda value: int(function(value)) if isinstance(value, int) else float(function(value))


# -- dates

_PARTS = {
    "yy": "year",
    "yyyy": "year",
    "qq": "quarter",
    "q": "quarter",
    "mm": "month",
    "m": "month",
    "dd": "day",
    "d": "day",
    "dy": "dayofyear",
    "wk": "week",
    "ww": "week",
    "dw": "weekday",
    "hh": "hour",
    "mi": "minute",
    "n": "minute",
    "ss": "second",
    "s": "second",
    "ms": "millisecond",
    "mcs": "microsecond",
    "ns": "nanosecond",
    "w": "weekday",
    "y": "dayofyear",
}
_SECONDS = {"hour": 3600.0, "minute": 60.0, "second": 1.0, "millisecond": 1e-3, "microsecond": 1e-6, "nanosecond": 1e-9}


def _part(word: str) -> str:
    part = _PARTS.get(word.lower(), word.lower())
    if part not in (*_PARTS.values(),):
        raise SqlError(155, f"'{word}' is not a recognized datepart option.", 15)
    return part


def datediff(word: str, start: Any, end: Any) -> Any:
    """Boundaries crossed, as documented: not whole units elapsed."""
    if start is None or end is None:
        return None
    part = _part(word)
    first, last = aware(start).astimezone(timezone.utc), aware(end).astimezone(timezone.utc)
    if part == "year":
        return last.year - first.year
    if part in ("month", "quarter"):
        months = (last.year - first.year) * 12 + last.month - first.month
        return months if part == "month" else (last.year * 4 + (last.month - 1) // 3) - (first.year * 4 + (first.month - 1) // 3)
    days = (last.date() - first.date()).days
    if part in ("day", "dayofyear", "weekday"):
        return days
    if part == "week":
        return ((last.date() - date(1899, 12, 31)).days) // 7 - ((first.date() - date(1899, 12, 31)).days) // 7
    unit = _SECONDS[part]
    base = datetime(1900, 1, 1, tzinfo=timezone.utc)

    def ticks(when: datetime) -> int:
        since = when - base
        whole = since.days * 86400 + since.seconds
        return whole // int(unit) if unit >= 1 else whole * round(1 / unit) + int(since.microseconds * 1e-6 / unit + 1e-9)

    return ticks(last) - ticks(first)


def dateadd(word: str, number: Any, value: Any) -> Any:
    if number is None or value is None:
        return None
    when, count, part = moment(value), int(float(number)), _part(word)
    if part in ("year", "quarter", "month"):
        months = when.year * 12 + when.month - 1 + count * {"year": 12, "quarter": 3, "month": 1}[part]
        year, month = divmod(months, 12)
        following = date(year + month // 11, (month + 1) % 12 + 1, 1)
        when = when.replace(year=year, month=month + 1, day=min(when.day, (following - timedelta(days=1)).day))
    elif part in ("day", "dayofyear", "weekday", "week"):
        when += timedelta(days=count * (7 if part == "week" else 1))
    else:
        when += timedelta(seconds=count * _SECONDS[part])
    return offset_text(when) if when.tzinfo else naive_text(when)


def datepart(word: str, value: Any) -> Any:
    if value is None:
        return None
    when, part = moment(value), _part(word)
    found: dict[str, int] = {
        "year": when.year,
        "quarter": (when.month - 1) // 3 + 1,
        "month": when.month,
        "day": when.day,
        "dayofyear": when.timetuple().tm_yday,
        "week": int(when.strftime("%U")) + 1,
        "weekday": when.isoweekday() % 7 + 1,
        "hour": when.hour,
        "minute": when.minute,
        "second": when.second,
        "millisecond": when.microsecond // 1000,
        "microsecond": when.microsecond,
        "nanosecond": when.microsecond * 1000,
    }
    return found[part]


def datename(word: str, value: Any) -> Any:
    if value is None:
        return None
    part, when = _part(word), moment(value)
    return when.strftime("%B") if part == "month" else when.strftime("%A") if part == "weekday" else str(datepart(word, value))


def isdate(value: Any) -> int:
    try:
        moment(value)
    except SqlError:
        return 0
    return 1


def isjson(value: Any, _kind: Any = None) -> Any:
    try:
        return int(isinstance(json.loads(str(value)), (dict, list)))
    except ValueError:
        return 0


class StringAgg:
    """STRING_AGG, in the order of WITHIN GROUP where there is one."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, str]] = []
        self.separator, self.descending = "", False

    def step(self, value: Any, separator: Any, key: Any = None, descending: Any = 0) -> None:
        self.separator, self.descending = str(separator), bool(descending)
        if value is not None:
            self.rows.append((key, str(value)))

    def finalize(self) -> Any:
        if not self.rows:
            return None
        ordered = sorted(self.rows, key=lambda row: (row[0] is not None, str(row[0]).lower() if isinstance(row[0], str) else row[0] or 0))
        if self.descending:
            ordered.reverse()
        return self.separator.join(value for _key, value in ordered)


PURE: dict[str, Callable[..., Any]] = {
    "convert": convert,
    "store": store,
    "divide": divide,
    "plus": plus,
    "like": like,
    "patindex": _null_in(patindex),
    "len": _null_in(lambda value: len(str(value).rstrip(" "))),
    "datalength": _null_in(datalength),
    "lower": _null_in(lambda value: str(value).lower()),
    "upper": _null_in(lambda value: str(value).upper()),
    "ltrim": _null_in(lambda value: str(value).lstrip(" ")),
    "rtrim": _null_in(lambda value: str(value).rstrip(" ")),
    "trim": _null_in(lambda value: str(value).strip(" ")),
    "left": _null_in(lambda value, count: str(value)[: int(count)]),
    "right": _null_in(lambda value, count: str(value)[-int(count) :] if int(count) else ""),
    "substring": _null_in(substring),
    "replace": _null_in(
        lambda text, old, new: re.sub(re.escape(str(old)), lambda _found: str(new), str(text), flags=re.I) if old else text
    ),
    "charindex": _null_in(lambda part, text, start=1: str(text).lower().find(str(part).lower(), max(0, int(start) - 1)) + 1),
    "replicate": _null_in(lambda text, count: str(text) * int(count)),
    "reverse": _null_in(lambda text: str(text)[::-1]),
    "space": _null_in(lambda count: " " * int(count)),
    "stuff": stuff,
    "concat": concat,
    "concat_ws": lambda separator, *parts: str(separator or "").join(str(part) for part in parts if part is not None),
    "quotename": quotename,
    "parsename": _null_in(parsename),
    "char": _null_in(lambda code: bytes((int(code),)).decode("cp1252")),
    "nchar": _null_in(lambda code: chr(int(code))),
    "ascii": _null_in(lambda text: str(text).encode("cp1252", "replace")[0]),
    "unicode": _null_in(lambda text: ord(str(text)[0])),
    "str": _null_in(lambda value, width=10, digits=0: f"{value:{int(width)}.{int(digits)}f}"),
    "round": _null_in(rounded),
    "ceiling": _null_in(keep_kind(math.ceil)),
    "floor": _null_in(keep_kind(math.floor)),
    "power": _null_in(lambda base, exponent: type(base)(base**exponent)),
    "sign": _null_in(lambda value: (value > 0) - (value < 0)),
    "datediff": datediff,
    "datediff_big": datediff,
    "dateadd": dateadd,
    "datepart": datepart,
    "datename": datename,
    "year": _null_in(lambda value: moment(value).year),
    "month": _null_in(lambda value: moment(value).month),
    "day": _null_in(lambda value: moment(value).day),
    "isdate": _null_in(isdate),
    "todatetimeoffset": _null_in(lambda value, zone: offset_text(datetime.fromisoformat(f"{moment(value).isoformat()}{zone}"))),
    "switchoffset": _null_in(lambda value, _zone: offset_text(aware(value))),
    "json_value": json_paths.value,
    "json_query": json_paths.query,
    "json_modify": json_paths.modify,
    "isjson": _null_in(isjson),
}
