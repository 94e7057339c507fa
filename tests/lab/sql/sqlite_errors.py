# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SQLite's errors as SQL Server would have raised them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable

from ..tds.engine_api import SqlError
from . import errors


def _object(found: re.Match[str]) -> SqlError:
    return errors.invalid_object(found[1].rpartition(".")[2])


def _column(found: re.Match[str]) -> SqlError:
    return errors.invalid_column(found[1].rpartition(".")[2])


def _not_null(found: re.Match[str]) -> SqlError:
    table, _dot, column = found[1].rpartition(".")
    text = f"Cannot insert the value NULL into column '{column}', table '{table}'; column does not allow nulls. The statement fails."
    return SqlError(515, text, 16, 2)


def _unique(found: re.Match[str]) -> SqlError:
    table = found[1].partition(".")[0]
    return SqlError(2627, f"Violation of UNIQUE KEY constraint on object '{table}' ({found[1]}). Cannot insert duplicate key.", 14, 1)


_KNOWN: list[tuple[str, Callable[[re.Match[str]], SqlError]]] = [
    (r"no such table: (.+)", _object),
    (r"(?:no such column: |table .+ has no column named )(.+)", _column),
    (r"no such column - (.+)", _column),
    (r"NOT NULL constraint failed: (.+)", _not_null),
    (r"UNIQUE constraint failed: (.+)", _unique),
    (r"ambiguous column name: (.+)", lambda found: SqlError(209, f"Ambiguous column name '{found[1]}'.", 16)),
    (
        r"(?:FOREIGN KEY|CHECK) constraint failed.*",
        lambda found: SqlError(547, f"The statement conflicted with a constraint ({found[0]}).", 16),
    ),
    (r"table (.+) already exists", lambda found: SqlError(2714, f"There is already an object named {found[1]} in the database.", 16, 6)),
    (r"database (?:\S+ )?is locked.*", lambda found: SqlError(1222, "Lock request time out period exceeded.", 16, 51)),
    (r"interrupted", lambda found: SqlError(596, "Cannot continue the execution because the session is in the kill state.", 21)),
    (
        r"(?:database disk image is malformed|file is not a database)",
        lambda found: SqlError(824, f"SQL Server detected a logical consistency-based I/O error: incorrect checksum ({found[0]}).", 24, 2),
    ),
    (
        r"no such function: (.+)",
        lambda found: SqlError(195, f"'{found[1]}' is not a recognized built-in function name (or the lab does not know it).", 15, 10),
    ),
]


def translate(error: sqlite3.Error, statement: str = "") -> SqlError:
    """The error that a client of SQL Server would see. One that has no counterpart says that it is SQLite's."""
    text = str(error)
    for pattern, make in _KNOWN:
        found = re.fullmatch(pattern, text)
        if found:
            return make(found)
    return SqlError(50000, f"lab: SQLite says: {text}{f' [{statement}]' if statement else ''}", 16)
