# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Column declarations: T-SQL types in SQLite tables, and back."""

from __future__ import annotations

import re

from ..tds.types import SqlType

_COLUMN = re.compile(r"\s*(\[?[\w$#]+\]?)\s+([A-Za-z]\w*(?:\s*\(\s*\w+\s*(?:,\s*\d+\s*)?\))?)\s*(?:,|$)")
_TEXT = {"char", "varchar", "nchar", "nvarchar", "xml", "uniqueidentifier"}


def columns_of(text: str) -> list[tuple[str, SqlType]]:
    """``name nvarchar(128), size int`` as names and types.

    Raises:
        ValueError: It is malformed.
    """
    out, at = [], 0
    while at < len(text):
        found = _COLUMN.match(text, at)
        if not found:
            raise ValueError(f"no column declaration: {text[at : at + 40]!r}")
        out.append((found[1].strip("[]"), SqlType.parse(found[2])))
        at = found.end()
    return out


def sqlite_column(name: str, kind: SqlType) -> str:
    """A column definition that keeps values as they are given: SQLite would turn a numeric(25,0) into a float.

    The declared type is the T-SQL one, in quotes, with a word for SQLite's affinity behind it where its own would spoil values.
    """
    return f'"{name}" {sqlite_type(kind)}'


def sqlite_type(kind: SqlType) -> str:
    """A declared type of SQLite, with the collation where it has one."""
    nocase = " COLLATE NOCASE" if kind.name in _TEXT else ""
    affinity = ""
    if kind.name in ("numeric", "decimal") and not kind.scale:
        affinity = " TEXT" if (kind.precision or 0) > 20 else " INT"
    elif kind.name in ("xml", "uniqueidentifier"):
        affinity = " TEXT"
    return f'"{kind}{affinity}"{nocase}'


def from_sqlite(declared: str | None) -> SqlType | None:
    """The type of a column as SQLite's table_info gives it; None: no type of SQL Server."""
    if not declared:
        return None
    try:
        return SqlType.parse(re.sub(r"(?<=.) (?:INT|TEXT)$", "", declared.strip().strip('"[]')))
    except ValueError:
        return None
