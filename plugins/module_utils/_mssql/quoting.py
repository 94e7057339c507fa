# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one place where names and texts become T-SQL. Values are parameters wherever the statement takes parameters."""

from __future__ import annotations

MAX_NAME = 128  # sysname


def quote_identifier(name: str) -> str:
    """``[name]``, with each ``]`` doubled (https://learn.microsoft.com/sql/t-sql/functions/quotename-transact-sql).

    :raises ValueError: empty, longer than 128 characters, or with a NUL.
    """
    if not name or len(name) > MAX_NAME or "\0" in name:
        raise ValueError(f"an identifier has 1 to {MAX_NAME} characters and no NUL, unlike {name!r}")
    return "[" + name.replace("]", "]]") + "]"


def quote_string(text: str) -> str:
    """``N'text'``, with each quote doubled.

    :raises ValueError: it has a NUL.
    """
    if "\0" in text:
        raise ValueError("a text has no NUL")
    return "N'" + text.replace("'", "''") + "'"


def odbc_value(value: str) -> str:
    """A value of a connection string: in braces, with each ``}`` doubled ([MS-ODBCSTR] 2.1.2)."""
    return "{" + value.replace("}", "}}") + "}"
