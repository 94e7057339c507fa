# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Batches: control of flow, and what happens after an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..tds.engine_api import Output, SqlError
from . import errors
from .batch import Block, If, Node, Statement, Try, While, parse
from .clients import Request
from .scope import Scope, Sql
from .translator import Translator, read

if TYPE_CHECKING:
    from .session import Session

MAX_NESTING = 32
# Errors that end the batch and not only the statement: those of compiling and binding, which the lab finds late. Of conversion too.
# https://learn.microsoft.com/sql/t-sql/statements/set-xact-abort-transact-sql and public accounts: *assumed* to be complete enough.
_END_BATCH = {102, 105, 113, 137, 156, 174, 195, 205, 207, 208, 209, 241, 243, 245, 263, 319, 4104, 8114, 8155, 8169, 50001, 596}
# Conversion errors roll the transaction back as well, even with XACT_ABORT OFF (https://www.sommarskog.se/error_handling/Part2.html).
_END_TRANSACTION = {241, 245}


class _Leave(Exception):
    """RETURN, BREAK and CONTINUE."""

    def __init__(self, word: str, value: object = None) -> None:
        super().__init__(word)
        self.word = word
        self.value = value


def run(session: Session, sql: str, out: Output, level: int = 0) -> object:
    """Run a batch; gives the value of RETURN.

    Raises:
        SqlError: It ended with that error.
    """
    if level > MAX_NESTING:
        raise SqlError(217, "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32).", 16)
    block = parse(sql)
    runner = _Runner(session, out, level)
    try:
        runner.node(block)
    except _Leave as leave:
        if leave.word != "RETURN":
            raise errors.syntax(leave.word) from leave
        runner.settle()
        return leave.value
    if runner.held is not None:
        raise runner.held
    return None


class _Runner:
    """Runs the nodes of one batch. An error that lets the batch go on is held back until it is known whether anything follows."""

    def __init__(self, session: Session, out: Output, level: int) -> None:
        self.session = session
        self.out = out
        self.level = level
        self.held: SqlError | None = None
        self._trying = 0

    def settle(self) -> None:
        """Tell the client of an error after which the batch goes on."""
        if self.held is not None:
            error, self.held = self.held, None
            self.out.error(error)
            self.out.done()

    def node(self, node: Node) -> None:
        if isinstance(node, Block):
            for one in node.body:
                self.node(one)
        elif isinstance(node, If):
            self._guarded(lambda: self._if(node))
        elif isinstance(node, While):
            self._guarded(lambda: self._while(node))
        elif isinstance(node, Try):
            self._try(node)
        else:
            self.settle()
            self._guarded(lambda: self._statement(node))

    def _guarded(self, action: Callable[[], None]) -> None:
        """Run, and sort out what an error means for the rest of the batch."""
        try:
            action()
        except SqlError as error:
            session = self.session
            session.last_error = error.number
            ends = self._trying or session.abort_on_error or error.number in _END_BATCH or error.severity >= 20 or error.thrown
            if error.message.startswith("lab:") or ends:
                rolls_back = session.abort_on_error or error.number in _END_TRANSACTION
                if rolls_back and session.client.transactions and not self._trying:
                    session.rollback(self.out)
                raise
            self.settle()
            self.held = error

    def _if(self, node: If) -> None:
        self.settle()
        if self._true(node.condition):
            self.node(node.then)
        elif node.other is not None:
            self.node(node.other)

    def _while(self, node: While) -> None:
        while self._true(node.condition):
            self.out.poll()
            self.session.client.check()
            try:
                self.node(node.body)
            except _Leave as leave:
                if leave.word == "RETURN":
                    raise
                if leave.word == "BREAK":
                    return

    def _try(self, node: Try) -> None:
        self._trying += 1
        try:
            self.settle()
            self.node(node.body)
        except SqlError as error:
            if error.severity >= 20 or error.message.startswith("lab:"):
                raise
            failure = error.more[-1] if error.more else error  # a CATCH block sees the last of several: 3013, not what it follows
            failure.line = error.line
        else:
            return
        finally:
            self._trying -= 1
        before, self.session.caught = self.session.caught, failure
        try:
            self.node(node.catch)
        finally:
            self.session.caught = before

    def _true(self, condition: str) -> bool:
        return bool(evaluate(self.session, f"CASE WHEN {condition} THEN 1 ELSE 0 END")[0])

    def _statement(self, statement: Statement) -> None:
        from .dispatch import dispatch  # it needs this module

        session = self.session
        session.client.check()
        head = statement.head
        if head in ("RETURN", "BREAK", "CONTINUE"):
            rest = statement.text[len(head) :].strip()
            raise _Leave(head, evaluate(session, rest)[0] if rest else None)
        session.client.request = Request(head, session.server.clock.now(), statement.text)
        try:
            dispatch(session, statement, self.out, self.level)
            session.last_error = 0
        except SqlError as error:
            if error.line == 1 and statement.line > 1:
                error.line = statement.line
            raise
        finally:
            session.client.request = None


def evaluate(session: Session, text: str) -> tuple[object, Sql]:
    """The value of an expression, and the expression with its type.

    Raises:
        SqlError: It is none, or fails.
    """
    translator = Translator(session)
    try:
        tree = read(f"SELECT {text}")
        expressions = tree.expressions
        if len(expressions) != 1 or tree.args.get("from_"):
            raise errors.syntax(text[:30])
        expression = translator.expressions.sql(expressions[0], Scope())
        return session.scalar_of(expression), expression
    finally:
        translator.clean()
