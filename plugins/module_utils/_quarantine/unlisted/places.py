# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where in a row something has a sign of danger: every column, and whatever JSON is in one, compressed or not. Pure functions, no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import documents

from .signs import ADDRESS, SECRET, UNREADABLE, Own, signs

_DOCUMENTS = ("json", "jsonblob")
_PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_$. -]{0,79}")
_MINE = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)*-\d+")  # an id such as Spaces-1
_SMALL = 16  # bytes: a row version, a flag, an identifier


def in_row(row: Mapping[str, Any], own: Own) -> Iterator[tuple[str, str]]:
    """Yield each sign of a row with its place: the names of column and properties, with dots between; elements of a list have one place.

    Args:
        row: The columns' values by their names.
        own: What is not outside.
    """
    for column, value in row.items():
        yield from _of_column(column, value, own)


def _of_column(column: str, value: Any, own: Own) -> Iterator[tuple[str, str]]:
    place = "" if column.lower() in _DOCUMENTS else segment(column)
    if isinstance(value, (bytes, bytearray)):
        text = _unpacked(bytes(value))
        if text is None:
            if len(value) > _SMALL:
                yield place or column, UNREADABLE
            return
        value = text
    if not place and isinstance(value, str) and value.strip() and _parsed(value) is None:
        yield column, UNREADABLE
        return
    yield from _of_value(place, column, value, own)


def _of_value(place: str, name: str, value: Any, own: Own) -> Iterator[tuple[str, str]]:
    """A stack, and no recursion, as deep as the JSON may be."""
    waiting: list[tuple[str, str, Any]] = [(place, name, value)]
    while waiting:
        at, called, one = waiting.pop()
        if isinstance(one, str):
            inner = _parsed(one)
            one = one if inner is None else inner
        if isinstance(one, Mapping):
            # A sensitive value as the API tells it, without the value itself.
            if documents.same(documents.get(dict(one), "HasValue"), True):
                yield at, SECRET
            for key, child in one.items():
                part = segment(key)
                if part == "*":
                    yield from ((documents.join(at, part), sign) for sign in signs("", key, own) if sign in (ADDRESS, SECRET))
                waiting.append((documents.join(at, part), key, child))
        elif isinstance(one, (list, tuple)):
            waiting += [(at, called, child) for child in one]
        elif one is None or isinstance(one, (bool, int, float, str, datetime)):
            number = float(one) if isinstance(one, documents.Number) else one
            yield from ((at or called, sign) for sign in signs(called, number, own))


def segment(name: str) -> str:
    """A name as it appears in a place: without dots, and ``*`` where it is rather a value, such as an id or an address."""
    if not _PLAIN.fullmatch(name) or _MINE.fullmatch(name) or signs("", name, Own()) & {ADDRESS, SECRET}:
        return "*"
    return name.replace(".", "_").replace(" ", "_")


def _parsed(text: str) -> Any:
    """The object or list that a text is; None where it is none."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return documents.read(text)
    except ValueError:
        return None


def _unpacked(data: bytes) -> str | None:
    """The text in binary data; None where none can be read."""
    if not data:
        return ""
    try:
        return documents.unpack(data)[0]
    except ValueError:
        pass  # not compressed JSON: a text, or something else
    for encoding in ("utf-8", "utf-16-le"):
        try:
            text = data.decode(encoding)
        except ValueError:
            continue
        if text.isprintable() and (encoding == "utf-8" or text.isascii()):
            return text
    return None
