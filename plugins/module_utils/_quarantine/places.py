# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where in a row a recorded property is now. No I/O.

A record names a column, or ``JSON.`` and the names of a property and its parents, with dots between them. A name can have dots of its own
(``Octopus.Action.Script.Body``), so a place counts only where it is the only one that the text can mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Union

from . import rows
from .rows import Document, Row

# A part of the way to a value: the name of a property, or the place in a list.
Key = Union[str, int]  # noqa: UP007 - pylint mistakes "|" for an operation here
_COLUMNS = {f"{name.upper()}.": name for name in (rows.JSON, rows.BLOB)}


@dataclass(frozen=True)
class Place:
    """A column of a row (``document`` is None), or a property in one of its documents: the way to the object that has it, and its name."""

    row: Row
    name: Key
    document: Document | None = None
    parents: tuple[Key, ...] = ()

    @property
    def value(self) -> Any:
        """What is there now.

        Raises:
            KeyError: There is nothing.
        """
        if self.document is None:
            return self.row.columns[str(self.name).lower()]
        return _inner(self.document.value, self.parents)[self.name]

    @property
    def key(self) -> tuple[str, tuple[Key, ...]]:
        """What tells it from other places of the row."""
        return (self.document.column if self.document else "", (*self.parents, self.name))

    def put(self, value: Any) -> None:
        """Set the value, to be written with the row."""
        if self.document is None:
            name = str(self.name)
            self.row.changed[name] = self.row.columns[name.lower()] = value
            return
        _inner(self.document.value, self.parents)[self.name] = value
        self.document.edited = True

    def take(self) -> None:
        """Remove the property, to be written with the row."""
        if self.document is None:
            raise TypeError("a column cannot be removed")
        del _inner(self.document.value, self.parents)[self.name]
        self.document.edited = True


def find(row: Row, column: str, switch: bool = False) -> list[Place]:
    """Every place that a recorded column or property can mean.

    Args:
        row: The row as it is now.
        column: As it was recorded.
        switch: Whether it is one that newer versions may have moved between a column and the JSON under the same name.
    """
    prefix = next((one for one in _COLUMNS if column.upper().startswith(one)), None)
    name = column[len(prefix) :] if prefix else column
    in_column = [Place(row, row.table.columns[name.lower()][0])] if row.table.has(name) else []
    if prefix is None:
        return in_column or (_in_documents(row, name, top=True) if switch else [])
    own = [one for one in row.documents if one.column == _COLUMNS[prefix]]
    # A row can move from one column of JSON to the other.
    return _in_documents(row, name, own) or _in_documents(row, name) or (in_column if switch else [])


def _in_documents(row: Row, name: str, among: list[Document] | None = None, top: bool = False) -> list[Place]:
    found = [
        (Place(row, way[-1], document, way[:-1]), ".".join(map(str, way)))
        for document in (row.documents if among is None else among)
        for way in _ways(document.value, name)
        if not top or len(way) == 1
    ]
    exact = [place for place, spelt in found if spelt == name]
    return exact or [place for place, _spelt in found]


def _ways(value: Any, text: str) -> Iterator[tuple[Key, ...]]:
    """Each way to a value that the text can mean, whatever its case."""
    if isinstance(value, list):
        place, _dot, rest = text.partition(".")
        if place.isdecimal() and int(place) < len(value) and rest:
            yield from ((int(place), *way) for way in _ways(value[int(place)], rest))
        return
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        head, rest = text[: len(key)], text[len(key) :]
        if head.lower() != key.lower():
            continue
        if not rest:
            yield (key,)
        elif rest.startswith("."):
            yield from ((key, *way) for way in _ways(inner, rest[1:]))


def _inner(value: Any, parents: tuple[Key, ...]) -> Any:
    for key in parents:
        value = value[key]
    return value
