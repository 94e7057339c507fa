# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The only place where names and texts are quoted for T-SQL. Values are parameters wherever a statement takes parameters."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue

MAX_NAME = 128  # sysname


def quote_identifier(name: str) -> str:
    """``[name]``, with each ``]`` doubled (https://learn.microsoft.com/sql/t-sql/functions/quotename-transact-sql).

    Raises:
        InvalidValue: It is empty, has more than 128 characters, or contains a NUL.
    """
    if not name or len(name) > MAX_NAME or "\0" in name:
        raise InvalidValue(f"An identifier must have 1 to {MAX_NAME} characters and no NUL, unlike {name!r}")
    return "[" + name.replace("]", "]]") + "]"


def quote_string(text: str) -> str:
    """``N'text'``, with each quote doubled.

    Raises:
        InvalidValue: It contains a NUL.
    """
    if "\0" in text:
        raise InvalidValue("A text in T-SQL cannot contain a NUL")
    return "N'" + text.replace("'", "''") + "'"


def odbc_value(value: str) -> str:
    """A value for a connection string: in braces, with each ``}`` doubled ([MS-ODBCSTR] 2.1.2)."""
    return "{" + value.replace("}", "}}") + "}"


def freetds_value(value: str) -> str:
    """A value for a connection string of FreeTDS, whose releases read ``}`` within braces in two ways.

    1.3 takes everything up to ``};`` literally (measured with 1.3.17), later ones undouble it as ODBC says. Without braces they agree.

    Raises:
        InvalidValue: No form means the same to all of them.
    """
    if "}" not in value:
        return odbc_value(value)
    if ";" in value or value.startswith("{") or value != value.strip():
        raise InvalidValue("FreeTDS cannot take a value that has both } and ;, or } and blanks around it")
    return value
