# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A batch as statements: where each begins and ends, and the blocks around them.

T-SQL needs no separator between statements, so that where one ends depends on which words may stand in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from . import errors
from .lexer import VARIABLE, Token, tokens

# Words that begin a statement. THROW and WITH do so only after a semicolon or at the start; they are no reserved starters.
STARTERS = {
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "DECLARE",
    "SET",
    "PRINT",
    "RAISERROR",
    "IF",
    "WHILE",
    "BEGIN",
    "END",
    "ELSE",
    "RETURN",
    "BREAK",
    "CONTINUE",
    "EXEC",
    "EXECUTE",
    "USE",
    "BACKUP",
    "RESTORE",
    "CREATE",
    "ALTER",
    "DROP",
    "TRUNCATE",
    "COMMIT",
    "ROLLBACK",
    "SAVE",
    "KILL",
    "DBCC",
    "WAITFOR",
    "GRANT",
    "REVOKE",
    "DENY",
    "CHECKPOINT",
    "OPEN",
    "CLOSE",
    "FETCH",
    "DEALLOCATE",
    "RECONFIGURE",
    "GOTO",
    "SHUTDOWN",
}
_JOINERS = {"UNION", "ALL", "EXCEPT", "INTERSECT"}
_WHOLE_BATCH = {"PROC", "PROCEDURE", "FUNCTION", "TRIGGER", "VIEW"}


@dataclass(frozen=True)
class Statement:
    """One statement, not yet understood. ``head`` is its first word in capitals."""

    head: str
    tokens: tuple[Token, ...]
    text: str

    @property
    def line(self) -> int:
        return self.tokens[0].line


@dataclass(frozen=True)
class Block:
    body: tuple[Node, ...] = ()


@dataclass(frozen=True)
class If:
    condition: str
    then: Node
    other: Node | None
    line: int = 1


@dataclass(frozen=True)
class While:
    condition: str
    body: Node
    line: int = 1


@dataclass(frozen=True)
class Try:
    body: Block
    catch: Block


Node = Statement | Block | If | While | Try


def parse(sql: str) -> Block:
    """
    Raises:
        SqlError: 102 or its like; nothing has run then.
    """
    return _Parser(sql, tokens(sql)).batch()


@dataclass
class _Parser:
    sql: str
    tokens: list[Token]
    at: int = 0
    _depth: int = field(default=0, repr=False)

    def batch(self) -> Block:
        body = self._many(())
        if self.at < len(self.tokens):
            raise errors.syntax(self.tokens[self.at].text, self.tokens[self.at].line)
        return Block(body)

    # -- looking

    def _upper(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self.tokens[place].upper if 0 <= place < len(self.tokens) else ""

    def _end(self) -> bool:
        return self.at >= len(self.tokens)

    def _expect(self, word: str) -> None:
        if self._upper() != word:
            near = self.tokens[min(self.at, len(self.tokens) - 1)]
            raise errors.syntax(near.text, near.line)
        self.at += 1

    def _text(self, first: int, last: int) -> str:
        return self.sql[self.tokens[first].start : self.tokens[last - 1].end] if last > first else ""

    # -- blocks

    def _many(self, until: tuple[str, ...]) -> tuple[Node, ...]:
        out: list[Node] = []
        while not self._end():
            if self._upper() == ";":
                self.at += 1
            elif self._upper() in until:
                break
            else:
                out.append(self._one())
        return tuple(out)

    def _one(self) -> Node:
        word = self._upper()
        if word == "IF":
            return self._if()
        if word == "WHILE":
            line = self.tokens[self.at].line
            condition = self._condition()
            return While(condition, self._one(), line)
        if word == "BEGIN" and self._upper(1) not in ("TRAN", "TRANSACTION", "DISTRIBUTED"):
            return self._block()
        if word in ("END", "ELSE") or (not word and self.tokens[self.at].kind == VARIABLE):
            raise errors.syntax(self.tokens[self.at].text, self.tokens[self.at].line)
        return self._statement()

    def _condition(self) -> str:
        """The condition behind IF or WHILE: up to the first word that begins a statement."""
        self.at += 1
        first = self.at
        self._skip_to_starter(first)
        if self.at == first or self._end():
            near = self.tokens[min(self.at, len(self.tokens) - 1)]
            raise errors.syntax(near.text, near.line)
        return self._text(first, self.at)

    def _skip_to_starter(self, first: int) -> None:
        depth = cases = 0
        while not self._end():
            word = self._upper()
            if word == "CASE":
                cases += 1
            elif word == "END" and cases:
                cases -= 1
            elif word == ";" or (word in STARTERS and not depth and not cases and self.at > first):
                return
            depth += {"(": 1, ")": -1}.get(word, 0)
            self.at += 1

    def _if(self) -> If:
        line = self.tokens[self.at].line
        condition = self._condition()
        then = self._one()
        mark = self.at
        while self._upper() == ";":
            self.at += 1
        if self._upper() == "ELSE":
            self.at += 1
            return If(condition, then, self._one(), line)
        self.at = mark
        return If(condition, then, None, line)

    def _block(self) -> Node:
        self._expect("BEGIN")
        trying = self._upper() == "TRY"
        if trying:
            self.at += 1
        body = Block(self._many(("END",)))
        self._expect("END")
        if not trying:
            return body
        self._expect("TRY")
        while self._upper() == ";":
            self.at += 1
        self._expect("BEGIN")
        self._expect("CATCH")
        catch = Block(self._many(("END",)))
        self._expect("END")
        self._expect("CATCH")
        return Try(body, catch)

    # -- statements

    def _statement(self) -> Statement:
        first = self.at
        head = self._upper()
        if not head and first:  # a procedure's name without EXEC may only be the first of a batch
            raise errors.syntax(self.tokens[first].text, self.tokens[first].line)
        if head == "CREATE" and self._upper(1) == "SCHEMA" and first:
            raise errors.SqlError(111, "'CREATE SCHEMA' must be the first statement in a query batch.", 15)
        whole = head in ("CREATE", "ALTER") and (
            self._upper(1) in _WHOLE_BATCH or (self._upper(1) == "OR" and self._upper(3) in _WHOLE_BATCH)
        )
        depth = cases = 0
        seen: list[str] = []
        while not self._end():
            word = self._upper()
            if word == "CASE":
                cases += 1
            elif word == "END" and cases:
                cases -= 1
            elif not whole and not depth and not cases and self.at > first and (word == ";" or self._begins(head, word, seen)):
                break
            depth += {"(": 1, ")": -1}.get(word, 0)
            seen.append(word)
            self.at += 1
        chosen = tuple(self.tokens[first : self.at])
        return Statement(head, chosen, self._text(first, self.at))

    def _begins(self, head: str, word: str, seen: list[str]) -> bool:
        """Whether that word begins the next statement, rather than going on with this one."""
        before = seen[-1] if seen else ""
        if word not in STARTERS or before == ".":
            return False
        if word in ("END", "ELSE"):
            return True
        if (word == "SELECT" and before in _JOINERS) or (word == "FETCH" and before in ("ROW", "ROWS")):
            return False
        if before == "ON" and word in ("UPDATE", "DELETE"):  # of a foreign key
            return False
        return not _continues(head, word, before, seen)


def _continues(head: str, word: str, before: str, seen: list[str]) -> bool:
    if head == "WITH":  # common table expressions: the statement that uses them belongs to them
        main = [one for one in seen if one in ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE")]
        top = _top_level(seen)
        return (word in ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE") and not top) or (
            bool(main) and bool(top) and _continues(top[0], word, before, seen)
        )
    if head == "INSERT":
        return word in ("SELECT", "EXEC", "EXECUTE") and not {"SELECT", "EXEC", "EXECUTE", "VALUES"} & set(_outside(seen))
    if head == "UPDATE":
        return word == "SET" and "SET" not in seen
    if head == "MERGE":
        return True
    if head == "ALTER":
        return (
            (word == "SET" and "SET" not in seen)
            or (word == "ROLLBACK" and before == "WITH")
            or (word in ("DROP", "ALTER") and "TABLE" in seen)
            or (word == "RESTORE" and before == "SERVER")
        )
    if head in ("GRANT", "DENY", "REVOKE"):
        return "TO" not in seen and "FROM" not in seen
    if head == "DROP":
        return word == "IF"
    if head == "DECLARE":
        return word == "SELECT" and before == "FOR"
    if head == "CREATE" and seen[1:2] == ["SCHEMA"]:  # what is made and granted with it is part of it
        return word in ("CREATE", "GRANT", "DENY", "REVOKE")
    return head == "CREATE" and word == "SELECT" and before == "AS"


def _outside(seen: list[str]) -> list[str]:
    """The words that are in no parentheses."""
    out, depth = [], 0
    for word in seen:
        depth += {"(": 1, ")": -1}.get(word, 0)
        if not depth:
            out.append(word)
    return out


def _top_level(seen: list[str]) -> list[str]:
    return [one for one in _outside(seen) if one in ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE")]
