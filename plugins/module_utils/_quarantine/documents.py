# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading and changing the JSON in Octopus's rows: SQL Server before 2016 cannot, and replacing text could hit something else.

A row has it as text (``JSON``), or compressed (``JSONBlob``: gzip of UTF-16, https://github.com/OctopusDeploy/Nevermore). Numbers with a
fraction are kept as they are written, so that what is not changed stays the same.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue

ANY = "*"


class Number(str):
    """A number with a fraction or an exponent, as it was written."""


@dataclass(frozen=True)
class Setting:
    """A property and its new value.

    Attributes:
        path: The names of the property and of its parents; ``*`` stands for each element of a list or property of an object.
        to: The new value.
        accept: Other values that are fine too.
        add: Whether to add it to an object that lacks it.
    """

    path: tuple[str, ...]
    to: Any
    accept: tuple[Any, ...] = ()
    add: bool = False


@dataclass(frozen=True)
class Edit:
    """One property that was changed: its path, and the JSON of its value before; None where it was missing."""

    path: str
    before: str | None


def read(text: str) -> Any:
    """Parse a JSON text.

    Raises:
        ValueError: It is not JSON.
    """
    try:
        return json.loads(text, parse_float=Number)
    except RecursionError as error:
        raise InvalidValue("JSON that is nested too deeply") from error


def write(value: Any) -> str:
    """Return the JSON of what :func:`read` returned."""
    if isinstance(value, Number):
        return str.__str__(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_text(str(name))}:{write(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(write(inner) for inner in value) + "]"
    if isinstance(value, str):
        return _text(value)
    return json.dumps(value)


def _text(value: str) -> str:
    # Half of a surrogate pair can only be written escaped, as it was found.
    lonely = any("\ud800" <= letter <= "\udfff" for letter in value)
    return json.dumps(value, ensure_ascii=lonely)


def unpack(data: bytes) -> tuple[str, str]:
    """Return the text in a ``JSONBlob``, and its encoding.

    Raises:
        ValueError: It is neither gzip of UTF-16 nor of UTF-8.
    """
    try:
        raw = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidValue(f"a JSONBlob that is not gzip: {error}") from error
    for encoding in ("utf-16", "utf-8-sig") if raw[:2] == b"\xff\xfe" or raw[:3] == b"\xef\xbb\xbf" else ("utf-16-le", "utf-8"):
        try:
            text = raw.decode(encoding)
            json.loads(text)
        except ValueError:
            continue
        return text, encoding
    raise InvalidValue("a JSONBlob that holds no JSON")


def pack(text: str, encoding: str) -> bytes:
    """Return the ``JSONBlob`` of a text."""
    return gzip.compress(text.encode(encoding))


def same(found: Any, wanted: Any) -> bool:
    """Whether two values mean the same; old rows have booleans as text here and there."""
    if isinstance(wanted, bool):
        if isinstance(found, str):
            return found.strip().lower() == ("true" if wanted else "false")
        return isinstance(found, (bool, int)) and bool(found) == wanted
    if isinstance(wanted, str) and isinstance(found, str):
        return found.lower() == wanted.lower() if wanted else found == ""
    return type(found) is type(wanted) and found == wanted


def get(value: Any, name: str) -> Any:
    """Return a property, ignoring the case of its name, as the product does; None where there is none."""
    return next((value[key] for key in keys_of(value, name)), None)


def has(value: Any, name: str) -> bool:
    return bool(keys_of(value, name))


def keys_of(value: Any, name: str) -> list[str]:
    """The names of a property as an object spells them."""
    if not isinstance(value, dict):
        return []
    return [key for key in value if key.lower() == name.lower()]


def objects(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object in a document with its path, the outermost first."""
    if isinstance(value, dict):
        yield path, value
        for name, inner in list(value.items()):
            yield from objects(inner, join(path, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from objects(inner, join(path, str(place)))


def edit(document: dict[str, Any], setting: Setting) -> list[Edit]:
    """Change a property of a document, and return what was changed. A second time there is nothing left to change."""
    return _edit(document, setting, setting.path, "")


def _edit(value: Any, setting: Setting, path: tuple[str, ...], at: str) -> list[Edit]:
    name, rest = path[0], path[1:]
    if name == ANY:
        inner: list[tuple[str, Any]] = []
        if isinstance(value, dict):
            inner = list(value.items())
        elif isinstance(value, list):
            inner = [(str(place), one) for place, one in enumerate(value)]
        return [one for key, child in inner for one in _edit(child, setting, rest, join(at, key))] if rest else []
    if not isinstance(value, dict):
        return []
    keys = keys_of(value, name)
    if rest:
        return [one for key in keys for one in _edit(value[key], setting, rest, join(at, key))]
    if not keys and setting.add:
        value[name] = setting.to
        return [Edit(join(at, name), None)]
    return [one for key in keys for one in put(value, key, setting.to, join(at, key), setting.accept)]


def put(value: dict[str, Any], key: str, to: Any, path: str, accept: tuple[Any, ...] = ()) -> list[Edit]:
    """Change one property that exists, unless its value is fine."""
    before = value[key]
    if any(same(before, one) for one in (to, *accept)):
        return []
    value[key] = to
    return [Edit(path, write(before))]


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
