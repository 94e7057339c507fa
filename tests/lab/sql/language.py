# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Statements of the language itself: variables, messages, waiting, transactions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..tds.engine_api import Output, SqlError
from ..tds.types import SqlType
from . import errors
from .cursor import Cursor
from .execution import evaluate
from .lexer import VARIABLE
from .scope import Sql
from .server_functions import format_message
from .session import Variable
from .values import convert

if TYPE_CHECKING:
    from .session import Session

# SET options that change nothing that the lab does differently. https://learn.microsoft.com/sql/t-sql/statements/set-statements-transact-sql
_OPTIONS = {
    "ANSI_NULLS",
    "ANSI_PADDING",
    "ANSI_WARNINGS",
    "ANSI_DEFAULTS",
    "ANSI_NULL_DFLT_ON",
    "ANSI_NULL_DFLT_OFF",
    "ARITHABORT",
    "ARITHIGNORE",
    "CONCAT_NULL_YIELDS_NULL",
    "CURSOR_CLOSE_ON_COMMIT",
    "QUOTED_IDENTIFIER",
    "NUMERIC_ROUNDABORT",
    "TEXTSIZE",
    "DATEFORMAT",
    "DATEFIRST",
    "LANGUAGE",
    "LOCK_TIMEOUT",
    "DEADLOCK_PRIORITY",
    "QUERY_GOVERNOR_COST_LIMIT",
    "STATISTICS",
    "CONTEXT_INFO",
}
WAIT_SLICE = 0.02  # real seconds between two looks for a cancel


def nothing(_session: Session, _cursor: Cursor, out: Output) -> None:
    """CHECKPOINT, RECONFIGURE."""
    out.done()


def declare(session: Session, cursor: Cursor, out: Output) -> None:
    cursor.expect("DECLARE")
    while True:
        if cursor.kind() != VARIABLE:
            raise errors.gap("DECLARE of a cursor")
        name = str(cursor.token and cursor.token.text)[1:].lower()
        cursor.at += 1
        cursor.accept("AS")
        if cursor.upper() == "TABLE":
            raise errors.gap("a table variable")
        kind = data_type(cursor)
        if name in session.variables:
            raise SqlError(134, f"The variable name '@{name}' has already been declared.", 15, 2)
        variable = Variable(kind)
        if cursor.accept("="):
            variable.value = converted(session, cursor.expression(), kind)
        session.variables[name] = variable
        if not cursor.accept(","):
            break
    cursor.end()


def data_type(cursor: Cursor) -> SqlType:
    """A type's declaration at the cursor.

    Raises:
        SqlError: 2715, there is none of that name.
    """
    parts = cursor.dotted()
    text = parts[-1]
    if cursor.accept("("):
        inner = []
        while not cursor.accept(")"):
            token = cursor.token
            if token is None:
                raise cursor.wrong()
            inner.append(token.text)
            cursor.at += 1
        text += f"({''.join(inner)})"
    try:
        return SqlType.parse(text)
    except ValueError:
        raise SqlError(2715, f"Column, parameter, or variable #1: Cannot find data type {text}.", 16, 6) from None


def converted(session: Session, text: str, kind: SqlType | None) -> object:
    """An expression's value as a variable of that type holds it."""
    value, expression = evaluate(session, text)
    return assign(value, expression, kind)


def assign(value: object, expression: Sql, kind: SqlType | None) -> object:
    return value if kind is None else convert(value, kind, expression.type)


def set_(session: Session, cursor: Cursor, out: Output) -> None:
    cursor.expect("SET")
    if cursor.kind() == VARIABLE:
        _assign(session, cursor)
        return
    words = cursor.rest().upper()
    names, _space, value = words.rpartition(" ")
    on = value == "ON"
    if names == "NOCOUNT":
        session.counted = not on
    elif names == "XACT_ABORT":
        session.abort_on_error = on
    elif names == "IMPLICIT_TRANSACTIONS":
        session.implicit = on
    elif words.startswith("TRANSACTION ISOLATION LEVEL "):
        pass  # SQLite's readers see one committed state: none of the levels would see more
    elif not all(name.strip().split(" ")[0] in _OPTIONS for name in (names or words).split(",")):
        raise errors.gap(f"SET {words}")
    out.done()


def _assign(session: Session, cursor: Cursor) -> None:
    name = str(cursor.token and cursor.token.text)[1:].lower()
    cursor.at += 1
    variable = session.variable(name)
    operator = cursor.one_of("=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=")
    text = cursor.rest()
    if operator != "=":
        text = f"@{name} {operator[0]} ({text})"
    variable.value = converted(session, text, variable.type)


def print_(session: Session, cursor: Cursor, out: Output) -> None:
    cursor.expect("PRINT")
    value, expression = evaluate(session, cursor.rest())
    text = convert(value, SqlType("nvarchar", 4000), expression.type)
    out.info(0, " " if text in (None, "") else str(text))
    out.done()


def raiserror(session: Session, cursor: Cursor, out: Output) -> None:
    """RAISERROR (message, severity, state, arguments) WITH NOWAIT, LOG, SETERROR."""
    cursor.expect("RAISERROR", "(")
    values = [evaluate(session, cursor.expression())[0]]
    while cursor.accept(","):
        values.append(evaluate(session, cursor.expression())[0])
    cursor.expect(")")
    options = cursor.rest().upper()
    if len(values) < 3:
        raise cursor.wrong()
    number = values[0] if isinstance(values[0], int) else 50000
    text = format_message(str(values[0]), values[3:])
    severity, state = int(str(values[1])), int(str(values[2]))
    if severity > 18 and "LOG" not in options:
        raise SqlError(
            2754,
            "Error severity levels greater than 18 can only be specified by members of the sysadmin role, using the WITH LOG option.",
            16,
        )
    if severity > 10:
        raise SqlError(number, text, severity, state)
    out.info(number if severity else 50000, text, severity, state=state)
    if "NOWAIT" in options:
        out.flush()
    out.done()


def throw(session: Session, cursor: Cursor, _out: Output) -> None:
    cursor.expect("THROW")
    if cursor.ended:
        if session.caught is None:
            raise SqlError(10704, "To rethrow an error, a THROW statement must be used inside a CATCH block.", 15)
        caught = session.caught
        error = SqlError(caught.number, caught.message, caught.severity, caught.state, line=caught.line, procedure=caught.procedure)
    else:
        number = int(str(evaluate(session, cursor.expression())[0]))
        cursor.expect(",")
        text = str(evaluate(session, cursor.expression())[0])
        cursor.expect(",")
        error = SqlError(number, text, 16, int(str(evaluate(session, cursor.expression())[0])))
    error.thrown = True
    raise error


def waitfor(session: Session, cursor: Cursor, out: Output) -> None:
    """WAITFOR DELAY, in lab time."""
    cursor.expect("WAITFOR")
    if cursor.one_of("DELAY", "TIME") == "TIME":
        raise errors.gap("WAITFOR TIME")
    found = re.fullmatch(r"(\d+):(\d+)(?::(\d+(?:\.\d+)?))?", cursor.string())
    cursor.end()
    if not found:
        raise SqlError(148, "Incorrect time syntax in time string used with WAITFOR.", 15)
    seconds = int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3] or 0)
    clock = session.server.clock
    ends = clock.seconds() + seconds
    while (left := ends - clock.seconds()) > 0:
        out.poll()
        session.client.check()
        clock.sleep(min(left, WAIT_SLICE * clock.scale), session.client.killed)
    out.done()


def use(session: Session, cursor: Cursor, out: Output) -> None:
    cursor.expect("USE")
    session.use(cursor.name(), out)
    cursor.end()
    out.done()


# -- transactions


def begin(session: Session, cursor: Cursor, out: Output) -> None:
    cursor.expect("BEGIN")
    cursor.one_of("TRAN", "TRANSACTION")
    session.begin(out)
    out.done()


def commit(session: Session, cursor: Cursor, out: Output) -> None:
    session.commit(out)
    out.done()


def rollback(session: Session, cursor: Cursor, out: Output) -> None:
    cursor.expect("ROLLBACK")
    if not cursor.ended and cursor.upper() in ("TRAN", "TRANSACTION", "WORK"):
        cursor.at += 1
    if not cursor.ended:
        raise errors.gap("ROLLBACK to a save point")
    session.rollback(out)
    out.done()


def save(_session: Session, _cursor: Cursor, _out: Output) -> None:
    raise errors.gap("SAVE TRANSACTION")
