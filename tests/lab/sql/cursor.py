# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading a statement of our own grammar token by token: BACKUP, RESTORE, ALTER DATABASE and their like."""

from __future__ import annotations

from collections.abc import Callable

from . import errors
from .batch import Statement
from .lexer import BINARY, NAME, NUMBER, STRING, VARIABLE, WORD, Token


class Cursor:
    """The tokens of a statement.

    Args:
        variable: Gives a variable's value by its name, without the ``@`` and in lower case.
    """

    def __init__(self, statement: Statement, variable: Callable[[str], object]) -> None:
        self._tokens = statement.tokens
        self._variable = variable
        self.text = statement.text
        self.at = 0

    # -- looking

    @property
    def token(self) -> Token | None:
        return self._tokens[self.at] if self.at < len(self._tokens) else None

    @property
    def ended(self) -> bool:
        return self.at >= len(self._tokens)

    def upper(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self._tokens[place].upper if place < len(self._tokens) else ""

    def kind(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self._tokens[place].kind if place < len(self._tokens) else ""

    def wrong(self) -> errors.SqlError:
        """102 near the present token."""
        token = self.token or self._tokens[-1]
        return errors.syntax(token.text, token.line)

    # -- taking

    def accept(self, *words: str) -> bool:
        """Take these words if they are what comes next."""
        if all(self.upper(place) == word for place, word in enumerate(words)):
            self.at += len(words)
            return True
        return False

    def expect(self, *words: str) -> None:
        """
        Raises:
            SqlError: 102, something else comes.
        """
        for word in words:
            if not self.accept(word):
                raise self.wrong()

    def one_of(self, *words: str) -> str:
        found = self.upper()
        if found not in words:
            raise self.wrong()
        self.at += 1
        return found

    def word(self) -> str:
        """Any word, in capitals."""
        if self.kind() != WORD:
            raise self.wrong()
        self.at += 1
        return self._tokens[self.at - 1].upper

    def name(self) -> str:
        """A name: plain, in brackets or in double quotes."""
        token = self.token
        if token is None or token.kind not in (WORD, NAME):
            raise self.wrong()
        self.at += 1
        return token.value

    def name_or_variable(self) -> str:
        if self.kind() == VARIABLE:
            return self.string()
        return self.name()

    def dotted(self) -> list[str]:
        """``a.b.c`` as its parts; a part may be empty (``msdb..backupset``)."""
        parts = [self.name()]
        while self.accept("."):
            parts.append("" if self.upper() == "." else self.name())
        return parts

    def string(self) -> str:
        """A text: a literal, or a variable's value.

        Raises:
            SqlError: 102 it is something else.
        """
        token = self.token
        if token is not None and token.kind == STRING:
            self.at += 1
            return token.value
        if token is not None and token.kind == VARIABLE:
            value = self._variable(token.text[1:].lower())
            self.at += 1
            return "" if value is None else str(value)
        raise self.wrong()

    def number(self) -> int:
        token = self.token
        sign = -1 if self.accept("-") else 1
        token = self.token
        if token is not None and token.kind == NUMBER and token.text.isdigit():
            self.at += 1
            return sign * int(token.text)
        if token is not None and token.kind == VARIABLE:
            value = self._variable(token.text[1:].lower())
            self.at += 1
            try:
                return sign * int(str(value))
            except ValueError:
                raise errors.syntax(token.text, token.line) from None
        raise self.wrong()

    def literal(self) -> object:
        """A text, number, binary, NULL or variable."""
        token = self.token
        if token is None:
            raise self.wrong()
        if token.kind == STRING:
            return self.string()
        if token.kind == VARIABLE:
            self.at += 1
            return self._variable(token.text[1:].lower())
        if token.kind == BINARY:
            self.at += 1
            return bytes.fromhex(token.text[2:].rjust(len(token.text[2:]) + len(token.text) % 2, "0"))
        if token.kind == NUMBER or token.upper == "-":
            if "." in (self._tokens[min(self.at + 1, len(self._tokens) - 1)].text if token.upper == "-" else token.text):
                raise errors.gap("a fraction as a parameter here")
            return self.number()
        if token.kind in (WORD, NAME):  # procedures take bare words as texts
            self.at += 1
            return None if token.upper == "NULL" else token.value
        raise self.wrong()

    def expression(self) -> str:
        """The text of an expression: up to a comma or a closing parenthesis that is not its own, or the end."""
        first, depth = self.at, 0
        while not self.ended:
            word = self.upper()
            if not depth and word in (",", ")"):
                break
            depth += {"(": 1, ")": -1}.get(word, 0)
            self.at += 1
        if self.at == first:
            raise self.wrong()
        base = self._tokens[0].start
        return self.text[self._tokens[first].start - base : self._tokens[self.at - 1].end - base]

    def end(self) -> None:
        """
        Raises:
            SqlError: 102, something is left.
        """
        if not self.ended:
            raise self.wrong()

    def rest(self) -> str:
        """The text of what is left."""
        if self.ended:
            return ""
        found = self.text[self._tokens[self.at].start - self._tokens[0].start :]
        self.at = len(self._tokens)
        return found
