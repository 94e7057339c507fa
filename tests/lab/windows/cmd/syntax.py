# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The syntax of a command line: operators, redirections, blocks, ``if``, ``for``, ``for /d``.

Order of operators, caret and quotes: https://learn.microsoft.com/windows-server/administration/windows-commands/cmd and
https://stackoverflow.com/a/4095133 (how the Windows command interpreter parses scripts).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from .expansion import UnsupportedExpansion

OPERATORS = "&|"
SPACE = " \t,;=\x0b\x0c\xa0"
COMPARE = {"equ", "neq", "lss", "leq", "gtr", "geq"}


class BadSyntax(Exception):
    """cmd says ``... was unexpected at this time.`` and ends with 255 (a one-liner) or ends the batch file."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} was unexpected at this time.")


class Incomplete(Exception):
    """A block is open: the next line belongs to it."""


@dataclass
class Redirect:
    handle: int
    mode: str  # "<", ">", ">>", ">&"
    target: str


@dataclass
class Simple:
    text: str
    redirects: list[Redirect] = field(default_factory=list)
    quiet: bool = False  # started with @


@dataclass
class Block:
    body: list[Node]
    redirects: list[Redirect] = field(default_factory=list)


@dataclass
class Chain:
    """``left`` and ``right`` joined by ``&``, ``&&``, ``||`` or ``|``."""

    operator: str
    left: Node
    right: Node


@dataclass
class If:
    kind: str  # exist, errorlevel, defined, compare
    words: list[str]
    negated: bool
    ignore_case: bool
    then: Node
    otherwise: Node | None


@dataclass
class ForEach:
    """``for [/d] %X in (PATTERN ...) do BODY``: of files, or with /d of folders; the body takes the rest of the line, ``&`` and all.

    https://learn.microsoft.com/windows-server/administration/windows-commands/for
    """

    letter: str
    words: list[str]
    body: Node
    folders: bool


Node = Simple | Block | Chain | If | ForEach


def put(node: Node, letter: str, value: str) -> Node:
    """The node with the variable of a ``for`` replaced. The line is parsed by then, so whatever the value holds is text."""

    def text(one: str) -> str:
        return one.replace("%" + letter, value)

    if isinstance(node, Chain):
        return Chain(node.operator, put(node.left, letter, value), put(node.right, letter, value))
    if isinstance(node, If):
        otherwise = put(node.otherwise, letter, value) if node.otherwise else None
        return replace(node, words=[text(word) for word in node.words], then=put(node.then, letter, value), otherwise=otherwise)
    if isinstance(node, ForEach):
        return replace(node, words=[text(word) for word in node.words], body=put(node.body, letter, value))
    redirects = [replace(one, target=text(one.target)) for one in node.redirects]
    if isinstance(node, Block):
        return Block([put(one, letter, value) for one in node.body], redirects)
    return replace(node, text=text(node.text), redirects=redirects)


class Parser:
    """Reads one (expanded) line, or the lines of a block joined by line feeds."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.depth = 0

    def parse(self) -> Node | None:
        """
        Raises:
            BadSyntax: cmd would refuse it.
            Incomplete: A ``(`` lacks its ``)``.
            UnsupportedExpansion: Not in the lab.
        """
        self._blank()
        if self._end():
            return None
        node = self._sequence()
        if not self._end():
            raise BadSyntax(self._peek())
        return node

    # -- characters

    def _end(self) -> bool:
        return self.place >= len(self.text)

    def _peek(self, count: int = 1) -> str:
        return self.text[self.place : self.place + count]

    def _blank(self, newlines: bool = False) -> None:
        while not self._end() and (self._peek() in SPACE or (newlines and self._peek() in "\r\n")):
            self.place += 1

    def _word_ahead(self) -> str:
        self._blank()
        end = self.place
        while end < len(self.text) and self.text[end].isalnum():
            end += 1
        return self.text[self.place : end].lower()

    # -- grammar

    def _sequence(self) -> Node:
        node = self._either()
        while self._peek() == "&" and self._peek(2) != "&&":
            self.place += 1
            self._blank()
            if self._end() or self._peek() in "\n)":
                break
            node = Chain("&", node, self._either())
        return node

    def _either(self) -> Node:
        node = self._both()
        while self._peek(2) == "||":
            self.place += 2
            node = Chain("||", node, self._both())
        return node

    def _both(self) -> Node:
        node = self._pipeline()
        while self._peek(2) == "&&":
            self.place += 2
            node = Chain("&&", node, self._pipeline())
        return node

    def _pipeline(self) -> Node:
        node = self._command()
        if self._peek() == "|" and self._peek(2) != "||":
            self.place += 1
            return Chain("|", node, self._pipeline())
        return node

    def _command(self) -> Node:
        self._blank()
        quiet = False
        while self._peek() == "@":
            quiet = True
            self.place += 1
            self._blank()
        if self._end():
            raise BadSyntax("The syntax of the command is incorrect: the end of the line")
        if self._peek() == "(":
            return self._block()
        if self._word_ahead() == "if":
            return self._if()
        if re.match(r"for\s+(/d\s|%)", self.text[self.place :], re.I):
            return self._for_each()
        if self._word_ahead() == "rem":
            start = self.place
            while not self._end() and self._peek() != "\n":
                self.place += 1
            return Simple(self.text[start : self.place], quiet=quiet)
        if self._peek() in OPERATORS:
            raise BadSyntax(self._peek())
        return self._simple(quiet)

    def _block(self) -> Block:
        self.place += 1
        self.depth += 1
        body: list[Node] = []
        while True:
            self._blank(newlines=True)
            if self._end():
                raise Incomplete
            if self._peek() == ")":
                self.place += 1
                break
            body.append(self._sequence())
            if not self._end() and self._peek() not in "\r\n)":
                raise BadSyntax(self._peek())
        self.depth -= 1
        block = Block(body)
        while True:
            self._blank()
            digit = self._peek().isdigit() and self._peek(2)[1:] in ("<", ">") and len(self._peek(2)) == 2
            if digit or self._peek() in ("<", ">"):
                handle = None
                if digit:
                    handle = int(self._peek())
                    self.place += 1
                block.redirects.append(self._redirect(handle))
                continue
            return block

    def _if(self) -> If:
        self.place += 2
        ignore_case = negated = False
        while True:
            self._blank()
            if self._peek(2).lower() == "/i":
                ignore_case = True
                self.place += 2
            elif self._word_ahead() == "not":
                negated = True
                self.place += 3
            else:
                break
        word = self._word_ahead()
        if word in ("exist", "errorlevel", "defined"):
            self.place += len(word)
            kind, words = word, [self._word()]
        else:
            left = self._word(stop="=")
            while self._peek() in (" ", "\t"):
                self.place += 1
            if self._peek(2) == "==":
                self.place += 2
                kind, words = "compare", [left, "==", self._word()]
            elif self._word_ahead() in COMPARE:
                operator = self._word_ahead()
                self.place += len(operator)
                kind, words = "compare", [left, operator, self._word()]
            else:
                raise BadSyntax(self._peek() or left)
        then = self._command()
        otherwise: Node | None = None
        if isinstance(then, Block):
            kept = self.place
            if self._word_ahead() == "else":
                self.place += 4
                otherwise = self._command()
            else:
                self.place = kept
        return If(kind, words, negated, ignore_case, then, otherwise)

    def _for_each(self) -> ForEach:
        match = re.match(r"for\s+(?P<folders>/d\s+)?%(?P<letter>[A-Za-z])\s+in\s*\(", self.text[self.place :], re.I)
        if not match:
            raise BadSyntax(self.text[self.place :].split()[2] if len(self.text[self.place :].split()) > 2 else "for")
        self.place += match.end()
        self.depth += 1
        words: list[str] = []
        while True:
            self._blank()
            if self._end():
                raise BadSyntax("The end of the line")
            if self._peek() == ")":
                self.place += 1
                break
            words.append(self._word())
        self.depth -= 1
        if self._word_ahead() != "do":
            raise BadSyntax(self._peek() or "The end of the line")
        self.place += 2
        if re.search(r"%~[a-z]*" + match["letter"], self.text[self.place :]):
            raise UnsupportedExpansion(f"%~ of for: {self.text[self.place :]}")
        return ForEach(match["letter"], words, self._sequence(), bool(match["folders"]))

    def _word(self, stop: str = "") -> str:
        self._blank()
        out: list[str] = []
        quoted = False
        while not self._end():
            char = self._peek()
            if char == '"':
                quoted = not quoted
            elif not quoted and (char in " \t,;\r\n&|<>" or char in stop or (char == ")" and self.depth)):
                break
            elif not quoted and char == "^":
                self.place += 1
                char = self._peek()
            out.append(char)
            self.place += 1
        if not out:
            raise BadSyntax(self._peek() or "The end of the line")
        return "".join(out)

    def _simple(self, quiet: bool) -> Simple:
        node = Simple("", quiet=quiet)
        out: list[str] = []
        quoted = False
        while not self._end():
            char = self._peek()
            if char == "\n":
                break
            if char == '"':
                quoted = not quoted
            elif not quoted:
                if char in OPERATORS or (char == ")" and self.depth):
                    break
                if char == "^":
                    self.place += 1
                    out.append(self._peek())
                    self.place += 1
                    continue
                if char in "<>":
                    handle = None
                    # A digit directly before it that stands alone is the handle: "echo 1> x" writes an empty line.
                    if out and out[-1].isdigit() and (len(out) == 1 or out[-2] in SPACE):
                        handle = int(out.pop())
                    node.redirects.append(self._redirect(handle))
                    continue
            out.append(char)
            self.place += 1
        node.text = "".join(out)
        return node

    def _redirect(self, handle: int | None) -> Redirect:
        mode = self._peek()
        self.place += 1
        if mode == ">" and self._peek() == ">":
            mode = ">>"
            self.place += 1
        number = handle if handle is not None else 0 if mode == "<" else 1
        if self._peek() == "&":
            self.place += 1
            target = self._peek()
            self.place += 1
            if not target.isdigit():
                raise BadSyntax(target)
            return Redirect(number, mode + "&", target)
        return Redirect(number, mode, self._word().replace('"', ""))
