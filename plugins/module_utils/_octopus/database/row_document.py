# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The document of a row, for reading: as text (``JSON``), compressed (``JSONBlob``), or as columns named after its parts.

SQL Server before 2016 cannot read JSON, so it is parsed here. The compressed form is that of https://github.com/OctopusDeploy/Nevermore.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

COLUMNS = ("JSON", "JSONBlob")


def of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of a row; empty where it has none, or none that can be read."""
    text, packed = row.get("JSON"), row.get("JSONBlob")
    found = parsed(text) if text else parsed(_unpacked(packed)) if packed else None
    return found if isinstance(found, dict) else {}


def parsed(text: Any) -> Any:
    """Return what a JSON text says; None where it is not one."""
    try:
        return json.loads(text) if isinstance(text, str) and text else None
    except (ValueError, RecursionError):
        return None


def leaves(value: Any, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every value that is neither an object nor a list, with the names that lead to it, in lower case."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, (*prefix, str(name).lower()))
    elif not isinstance(value, list):
        yield prefix, value


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a row by the last part of their names, in lower case.

    A column wins over the document; a column such as ``Endpoint_Uri`` is the same as ``Uri`` within ``Endpoint``. Of two within the document, the
    one that is nearer to its root wins.
    """
    found: dict[str, tuple[int, Any]] = {}
    for path, value in leaves(of(row)):
        if value is not None and path and (path[-1] not in found or len(path) < found[path[-1]][0]):
            found[path[-1]] = (len(path), value)
    columns: dict[str, tuple[int, Any]] = {}
    for name, value in row.items():
        parts = name.lower().split("_")
        if name not in COLUMNS and value is not None and (parts[-1] not in columns or len(parts) < columns[parts[-1]][0]):
            columns[parts[-1]] = (len(parts), value)
    return {name: value for name, (_depth, value) in (found | columns).items()}


def _unpacked(data: Any) -> str | None:
    try:
        raw = gzip.decompress(bytes(data))
        marked = raw[:2] == b"\xff\xfe" or raw[:3] == b"\xef\xbb\xbf"
        return _decoded(raw, ("utf-16", "utf-8-sig") if marked else ("utf-16-le", "utf-8"))
    except (OSError, EOFError, zlib.error):
        return None


def _decoded(raw: bytes, encodings: tuple[str, str]) -> str | None:
    for encoding in encodings:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if parsed(text) is not None:
            return text
    return None
