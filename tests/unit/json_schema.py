# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validate a document by the part of JSON Schema (2020-12) that the collection's schemas use; a keyword beyond that is an error.

https://json-schema.org/draft/2020-12/json-schema-validation
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_TYPES: dict[str, Any] = {"object": dict, "array": list, "string": str, "null": type(None), "boolean": bool, "integer": int}
_NOTES = {"$schema", "$id", "$defs", "title", "description"}
_KNOWN = {"$ref", "const", "enum", "type", "required", "properties", "additionalProperties", "items", "pattern"}


def errors(value: Any, schema: dict[str, Any], root: dict[str, Any] | None = None, where: str = "plan") -> Iterator[str]:
    """Yield what is wrong with a value.

    Raises:
        ValueError: The schema uses a keyword that is not known here.
    """
    root = root or schema
    strange = schema.keys() - _NOTES - _KNOWN
    if strange:
        raise ValueError(f"{where}: keywords that are not known: {strange}")
    if "$ref" in schema:
        yield from errors(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, where)
    if "const" in schema and value != schema["const"]:
        yield f"{where} is {value!r} instead of {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where} is {value!r}, which is none of {schema['enum']}"
    if "type" in schema and not _is(value, schema["type"]):
        yield f"{where} is {value!r} instead of {schema['type']}"
        return
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{where} is {value!r}, which does not match {schema['pattern']}"
    if isinstance(value, dict):
        yield from (f"{where} lacks {name}" for name in schema.get("required", ()) if name not in value)
        known, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
        for name, one in value.items():
            if name in known:
                yield from errors(one, known[name], root, f"{where}/{name}")
            elif rest is False:
                yield f"{where} has the unknown member {name}"
            elif isinstance(rest, dict):
                yield from errors(one, rest, root, f"{where}/{name}")
    if isinstance(value, list) and "items" in schema:
        for number, one in enumerate(value):
            yield from errors(one, schema["items"], root, f"{where}/{number}")


def _is(value: Any, types: str | list[str]) -> bool:
    names = [types] if isinstance(types, str) else types
    return any(isinstance(value, _TYPES[name]) and not (isinstance(value, bool) and name == "integer") for name in names)
