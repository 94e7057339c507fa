# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What names mean within a query: the sources of a FROM clause, their columns and types."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..tds.engine_api import SqlError
from ..tds.types import SqlType
from . import errors


@dataclass(frozen=True)
class Sql:
    """A piece of SQLite's SQL and the T-SQL type of its value; None: only the value can tell."""

    text: str
    type: SqlType | None = None


@dataclass(frozen=True)
class OutputColumn:
    """A column of a query's result; an expression's has no name. ``hidden``: ``*`` does not mean it."""

    name: str
    type: SqlType | None
    hidden: bool = False


@dataclass(frozen=True)
class Query:
    """A translated query."""

    text: str
    columns: tuple[OutputColumn, ...]


@dataclass(frozen=True)
class Source:
    """One table or derived table of a FROM clause, under the name that the query calls it."""

    name: str
    columns: tuple[OutputColumn, ...]

    def find(self, column: str) -> OutputColumn | None:
        return next((one for one in self.columns if one.name.lower() == column.lower()), None)


@dataclass
class Scope:
    """The sources that a query's expressions can name; ``outer``: those of the query around it."""

    sources: list[Source] = field(default_factory=list)
    outer: Scope | None = None
    tables: dict[str, Query] = field(default_factory=dict)  # common table expressions by name

    def table(self, name: str) -> Query | None:
        """The common table expression of that name."""
        found = self.tables.get(name.lower())
        return found if found is not None or self.outer is None else self.outer.table(name)

    def has(self, column: str) -> bool:
        return any(source.find(column) for source in self.sources) or (self.outer is not None and self.outer.has(column))

    def column(self, name: str, qualifier: str = "") -> Sql:
        """A column.

        Raises:
            SqlError: 207 unknown, 209 ambiguous, 4104 an unknown qualifier.
        """
        found = [
            (source, column)
            for source in self.sources
            if (not qualifier or source.name.lower() == qualifier.lower()) and (column := source.find(name)) is not None
        ]
        if len(found) > 1:
            raise SqlError(209, f"Ambiguous column name '{name}'.", 16)
        if found:
            source, column = found[0]
            return Sql(f"{quote(source.name)}.{quote(column.name)}", column.type)
        if self.outer is not None:
            return self.outer.column(name, qualifier)
        if qualifier and not any(source.name.lower() == qualifier.lower() for source in self.sources):
            raise SqlError(4104, f'The multi-part identifier "{qualifier}.{name}" could not be bound.', 16)
        raise errors.invalid_column(name)


def quote(name: str) -> str:
    """An identifier for SQLite."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(text: str) -> str:
    """A text for SQLite, which ends one at a NUL."""
    if "\0" in text:
        return f"CAST(x'{text.encode().hex()}' AS TEXT)"
    return "'" + text.replace("'", "''") + "'"
