# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JSON_VALUE, JSON_QUERY and JSON_MODIFY.

https://learn.microsoft.com/sql/relational-databases/json/json-path-expressions-sql-server
"""

from __future__ import annotations

import json
import re
from typing import Any

from ..tds.engine_api import SqlError

_STEP = re.compile(r'\.(?:"((?:[^"\\]|\\.)*)"|([A-Za-z_][\w-]*))|\[(\d+)\]')


def _parse(path: str) -> tuple[bool, bool, list[str | int]]:
    """Append, strict, steps.

    Raises:
        SqlError: 13607, it is no path.
    """
    found = re.fullmatch(r"\s*(append\s+)?(?:(lax|strict)\s+)?\$(.*)", path, re.S)
    if not found:
        raise SqlError(13607, f"JSON path is not properly formatted. Unexpected character is found in '{path}'.", 16)
    steps: list[str | int] = []
    rest = found[3].strip()
    at = 0
    while at < len(rest):
        step = _STEP.match(rest, at)
        if not step:
            raise SqlError(
                13607, f"JSON path is not properly formatted. Unexpected character '{rest[at]}' is found at position {at + 1}.", 16, 4
            )
        steps.append(int(step[3]) if step[3] is not None else step[1] if step[1] is not None else step[2])
        at = step.end()
    return bool(found[1]), found[2] == "strict", steps


def _load(text: Any) -> Any:
    try:
        return json.loads(str(text))
    except ValueError:
        raise SqlError(13609, "JSON text is not properly formatted. Unexpected character is found at position 0.", 16, 4) from None


def _walk(document: Any, steps: list[str | int]) -> tuple[bool, Any]:
    for step in steps:
        listed = isinstance(step, int) and isinstance(document, list) and step < len(document)
        if not listed and not (isinstance(step, str) and isinstance(document, dict) and step in document):
            return False, None
        document = document[step]
    return True, document


def value(text: Any, path: str) -> Any:
    """A scalar as text; NULL where there is none (lax) or an object or array is there."""
    if text is None:
        return None
    _append, strict, steps = _parse(path)
    found, inner = _walk(_load(text), steps)
    if strict and not found:
        raise SqlError(13608, "Property cannot be found on the specified JSON path.", 16, 5)
    if isinstance(inner, (dict, list)):
        if strict:
            raise SqlError(13623, "Scalar value cannot be found in the specified JSON path.", 16, 2)
        return None
    if isinstance(inner, bool):
        return "true" if inner else "false"
    found_text = None if inner is None else inner if isinstance(inner, str) else json.dumps(inner)
    return None if found_text is not None and len(found_text) > 4000 else found_text


def query(text: Any, path: str = "$") -> Any:
    """An object or array as text."""
    if text is None:
        return None
    _append, _strict, steps = _parse(path)
    _found, inner = _walk(_load(text), steps)
    return json.dumps(inner, ensure_ascii=False, separators=(",", ":")) if isinstance(inner, (dict, list)) else None


def modify(text: Any, path: str, new: Any) -> Any:
    """The text with one property set, or removed where ``new`` is NULL (lax)."""
    if text is None:
        return None
    append, strict, steps = _parse(path)
    document = _load(text)
    if not steps:
        raise SqlError(13619, "Unsupported JSON path found in argument 2 of JSON_MODIFY.", 16)
    found, parent = _walk(document, steps[:-1])
    last = steps[-1]
    present = found and _walk(parent, [last])[0]
    if strict and not present:
        raise SqlError(13608, "Property cannot be found on the specified JSON path.", 16, 2)
    if not found:
        return str(text)
    if append:
        target = _walk(parent, [last])[1]
        if isinstance(target, list):
            target.append(new)
        elif isinstance(parent, dict) and target is None:
            parent[str(last)] = [new]
    elif isinstance(parent, dict) and isinstance(last, str):
        if new is None and not strict:
            parent.pop(last, None)
        else:
            parent[last] = new
    elif isinstance(parent, list) and isinstance(last, int) and last < len(parent):
        parent[last] = new
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
