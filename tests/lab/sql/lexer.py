# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""T-SQL's tokens.

https://learn.microsoft.com/sql/t-sql/language-elements/ and database identifiers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from . import errors

WORD, NAME, STRING, VARIABLE, GLOBAL, NUMBER, BINARY, OPERATOR = (
    "word",
    "name",
    "string",
    "variable",
    "global",
    "number",
    "binary",
    "operator",
)

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*)
    | (?P<comment>/\*)
    | (?P<string>[Nn]?'(?:[^']|'')*')
    | (?P<name>\[(?:[^\]]|\]\])*\]|"(?:[^"]|"")*")
    | (?P<global>@@\w+)
    | (?P<variable>@[\w@\#$]+)
    | (?P<binary>0[xX][0-9A-Fa-f]*)
    | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)
    | (?P<word>[^\W\d][\w@\#$]*|\#{1,2}[\w@\#$]+)
    | (?P<operator>::|<>|<=|>=|!=|!<|!>|\+=|-=|\*=|/=|%=|&=|\|=|\^=|[-+*/%=<>(),.;:&|^~!$])
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Token:
    """One token: its kind, its text as written, where it begins and ends in the batch, its line from 1."""

    kind: str
    text: str
    start: int
    end: int
    line: int

    @property
    def upper(self) -> str:
        """A word in capitals, an operator as it is; empty for what is no keyword: a quoted name, a text, a variable."""
        return self.text.upper() if self.kind in (WORD, OPERATOR) else ""

    @property
    def value(self) -> str:
        """A text without its quotes, a name without its brackets."""
        if self.kind == STRING:
            return self.text[self.text.index("'") + 1 : -1].replace("''", "'")
        if self.kind == NAME:
            quote = self.text[-1]
            return self.text[1:-1].replace(quote * 2, quote)
        return self.text


def tokens(sql: str) -> list[Token]:
    """Comments and white space are left out.

    Raises:
        SqlError: 105 an open quote, 113 an open comment, 102 a character that is no token.
    """
    out: list[Token] = []
    at, line = 0, 1
    while at < len(sql):
        found = _TOKEN.match(sql, at)
        if not found or found.lastgroup is None:
            if sql[at] in "'\"[" or sql[at : at + 2] in ("N'", "n'"):
                raise errors.SqlError(105, f"Unclosed quotation mark after the character string '{sql[at + 1 : at + 40]}'.", 15, line=line)
            raise errors.syntax(sql[at], line)
        kind = found.lastgroup
        end = _comment_end(sql, at, line) if kind == "comment" else found.end()
        if kind not in ("space", "comment"):
            out.append(Token(kind, found[0], at, end, line))
        line += sql.count("\n", at, end)
        at = end
    return out


def _comment_end(sql: str, at: int, line: int) -> int:
    """Comments nest in T-SQL."""
    depth = 0
    while at < len(sql):
        two = sql[at : at + 2]
        if two == "/*":
            depth, at = depth + 1, at + 2
        elif two == "*/":
            depth, at = depth - 1, at + 2
            if not depth:
                return at
        else:
            at += 1
    raise errors.SqlError(113, "Missing end comment mark '*/'.", 15, line=line)
