# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""DBCC.

https://learn.microsoft.com/sql/t-sql/database-console-commands/dbcc-checkdb-transact-sql
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from ..tds.engine_api import Output, SqlError
from . import errors
from .cursor import Cursor
from .database import Database
from .lexer import NUMBER, STRING
from .progress import Progress
from .values import naive_text

if TYPE_CHECKING:
    from .session import Session

_QUIET = {"TRACEON", "TRACEOFF", "FREEPROCCACHE", "DROPCLEANBUFFERS"}


def dbcc(session: Session, cursor: Cursor, out: Output) -> None:
    """
    Raises:
        SqlError: What CHECKDB has found; or the lab lacks the command.
    """
    cursor.expect("DBCC")
    command = cursor.word()
    if command in _QUIET:
        cursor.rest()
        out.done()
        return
    if command != "CHECKDB":
        raise errors.gap(f"DBCC {command}")
    database = session.client.database
    if cursor.accept("("):
        database = _named(session, cursor)
        if cursor.accept(","):
            raise errors.gap("DBCC CHECKDB with a repair option")
        cursor.expect(")")
    options = set()
    if cursor.accept("WITH"):
        options.add(cursor.word())
        while cursor.accept(","):
            options.add(cursor.word())
    cursor.end()
    unknown = options - {"NO_INFOMSGS", "ALL_ERRORMSGS", "PHYSICAL_ONLY", "TABLOCK", "DATA_PURITY", "EXTENDED_LOGICAL_CHECKS"}
    if unknown:
        raise SqlError(2560, f"Parameter {sorted(unknown)[0]} is incorrect for this DBCC statement.", 16)
    _check(session, database, options, out)


def _named(session: Session, cursor: Cursor) -> Database:
    if cursor.kind() == NUMBER:
        number = cursor.number()
        found = next(
            (one for one in session.server.databases.values() if one.database_id == number), session.client.database if not number else None
        )
        if found is None:
            raise SqlError(
                2520, f"Could not find database ID {number}. The database ID either does not exist, or the database was dropped.", 16, 11
            )
        return found
    name = cursor.string() if cursor.kind() == STRING else cursor.name_or_variable()
    database = session.server.database(name)
    if database is None:
        raise SqlError(
            2520,
            f"Could not find database '{name}'. The database either does not exist, or was dropped before a statement tried to use it.",
            16,
            5,
        )
    return session.other_database(name)


def _check(session: Session, database: Database, options: set[str], out: Output) -> None:
    login = session.client.login
    if "db_owner" not in login.database_roles(database):
        raise SqlError(7983, f"User '{login.name}' does not have permission to run DBCC CHECKDB for database '{database.name}'.", 14)
    if session.client.request is not None:
        session.client.request.command = "DBCC TABLE CHECK"
    Progress(session, out, 0.3 + database.used_bytes() / session.server.backup_rate).run(100)
    broken = sorted(database.damaged) or ([1] if _unsound(database) else [])
    # "If PHYSICAL_ONLY is specified, column-integrity checks aren't performed"; without it they always are (2005 and later).
    impure = [] if "PHYSICAL_ONLY" in options else sorted(database.unsound)
    if broken or impure:
        raise _found(database, broken, impure)
    database.options["checked"] = naive_text(session.server.local_now())
    if "NO_INFOMSGS" not in options:
        out.info(8989, f"CHECKDB found 0 allocation errors and 0 consistency errors in database '{database.name}'.")
        out.info(2528, "DBCC execution completed. If DBCC printed error messages, contact your system administrator.")
    out.done()


def _unsound(database: Database) -> bool:
    """Whether SQLite finds its own file broken."""
    connection = database.connect()
    try:
        rows = connection.execute("PRAGMA integrity_check(1)").fetchall()
    except sqlite3.DatabaseError:
        return True
    finally:
        connection.close()
    return bool(rows != [("ok",)])


def _found(database: Database, pages: list[int], impure: list[int]) -> SqlError:
    """The errors of a damaged database; the first is raised, the others follow it.

    https://learn.microsoft.com/sql/relational-databases/errors-events/mssqlserver-8939-database-engine-error (-2570-)
    """
    found = [
        SqlError(
            8939,
            f"Table error: Object ID 245575913, index ID 1, partition ID 72057594041270272, page (1:{page}). Test (IS_OFF (BUF_IOERR, "
            "pBUF->bstat)) failed. Values are 133129 and -4.",
            16,
            98,
        )
        for page in pages
    ]
    found += [
        SqlError(
            2570,
            f"Page (1:{page}), slot 0 in object ID 245575913, index ID 1, partition ID 72057594041270272, alloc unit ID 72057594046447616 "
            '(type "In-row data"). Column "Name" value is out of range for data type "nvarchar".  Update column to a legal value.',
            16,
            2,
        )
        for page in impure
    ]
    text = f"CHECKDB found 0 allocation errors and {len(found)} consistency errors in database '{database.name}'."
    found.append(SqlError(8990, text, 10))
    if pages:  # no option of REPAIR mends a value
        found.append(
            SqlError(
                8958, f"repair_allow_data_loss is the minimum repair level for the errors found by DBCC CHECKDB ({database.name}).", 10
            )
        )
    found[0].more = found[1:]
    return found[0]
