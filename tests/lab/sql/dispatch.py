# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which part of the lab runs which statement."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..tds.engine_api import Output
from . import administration, backup, changes, checks, databases, language, procedures, restore
from .batch import Statement
from .cursor import Cursor
from .lexer import GLOBAL, NAME, WORD

if TYPE_CHECKING:
    from .session import Session

Handler = Callable[["Session", Cursor, Output], None]

_HANDLERS: dict[str, Handler] = {
    "DECLARE": language.declare,
    "SET": language.set_,
    "PRINT": language.print_,
    "RAISERROR": language.raiserror,
    "THROW": language.throw,
    "WAITFOR": language.waitfor,
    "USE": language.use,
    "BEGIN": language.begin,
    "COMMIT": language.commit,
    "ROLLBACK": language.rollback,
    "SAVE": language.save,
    "BACKUP": backup.backup,
    "RESTORE": restore.restore,
    "KILL": administration.kill,
    "DBCC": checks.dbcc,
    "CHECKPOINT": language.nothing,
    "RECONFIGURE": language.nothing,
    "GRANT": administration.grant,
    "DENY": administration.refuse,
    "REVOKE": administration.refuse,
}


def dispatch(session: Session, statement: Statement, out: Output, level: int) -> None:
    """Run one statement.

    Raises:
        SqlError: It failed, or the lab cannot run it.
    """
    head = statement.head
    if head in ("EXEC", "EXECUTE") or statement.tokens[0].kind in (NAME,) or (head not in _HANDLERS and _is_call(statement)):
        procedures.execute(session, Cursor(statement, session.variable_value), out, level)
        return
    handler = _HANDLERS.get(head)
    if handler is not None:
        handler(session, Cursor(statement, session.variable_value), out)
        return
    if head in ("CREATE", "ALTER", "DROP") and databases.takes(statement):
        databases.run(session, Cursor(statement, session.variable_value), out)
        return
    if head in ("CREATE", "ALTER", "DROP") and administration.takes(statement):
        administration.run(session, Cursor(statement, session.variable_value), out)
        return
    changes.run(session, statement, out)


def _is_call(statement: Statement) -> bool:
    """A procedure's name at the start of a batch, without EXEC."""
    first = statement.tokens[0]
    return first.kind == WORD and first.upper.startswith(("SP_", "XP_", "SYS")) and first.kind != GLOBAL
