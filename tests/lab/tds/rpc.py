# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remote procedure calls ([MS-TDS] 2.2.6.6): how drivers send statements with parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .engine_api import Parameters, SqlError
from .reader import Reader
from .types import SqlType
from .values import read_typed

_BY_NUMBER = {
    1: "sp_cursor",
    2: "sp_cursoropen",
    3: "sp_cursorprepare",
    4: "sp_cursorexecute",
    5: "sp_cursorprepexec",
    6: "sp_cursorunprepare",
    7: "sp_cursorfetch",
    8: "sp_cursoroption",
    9: "sp_cursorclose",
    10: "sp_executesql",
    11: "sp_prepare",
    12: "sp_execute",
    13: "sp_prepexec",
    14: "sp_prepexecrpc",
    15: "sp_unprepare",
}
_BATCH, _NO_EXECUTION = 0xFF, 0xFE  # flags between the calls of one message; no parameter's name is that long
_BY_REFERENCE, _DEFAULT = 0x01, 0x02
_DECLARED = re.compile(
    r"@(?P<name>[\w@#$]+)\s+(?:AS\s+)?(?P<type>(?:\[?\w+\]?\s*\.\s*)?\[?\w+\]?\s*(?:\(\s*\w+\s*(?:,\s*\d+\s*)?\))?)"
    r"(?:\s*=\s*(?:N?'(?:[^']|'')*'|[^,\s]+))?\s*(?P<output>OUT(?:PUT)?\b)?\s*(?:,|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Parameter:
    """One parameter as it was sent. ``name`` is without its ``@``, and empty where the client counts instead."""

    name: str
    value: object
    type: SqlType
    output: bool = False
    default: bool = False  # the procedure's own default was asked for


@dataclass(frozen=True)
class Call:
    """One procedure call: the procedure's name as it was sent, and its parameters."""

    name: str
    parameters: list[Parameter] = field(default_factory=list)

    @property
    def short_name(self) -> str:
        """Without schema and brackets, in lower case."""
        return self.name.rpartition(".")[2].strip('[]" ').lower()

    def text(self, place: int) -> str:
        """A parameter that must be text, by its place from 0.

        Raises:
            SqlError: 214 it is something else or missing.
        """
        value = self.parameters[place].value if place < len(self.parameters) else None
        if not isinstance(value, str):
            what = f"Procedure expects parameter {place + 1} of type 'ntext/nchar/nvarchar'."
            raise SqlError(214, what, 16, 3, procedure=self.short_name)
        return value

    def declaration(self) -> str:
        """The second parameter of sp_executesql, sp_prepare and sp_prepexec: missing or NULL where the statement has no parameters."""
        return "" if len(self.parameters) < 2 or self.parameters[1].value is None else self.text(1)

    def number(self, place: int) -> int:
        """
        Raises:
            SqlError: 214 it is no whole number or missing.
        """
        value = self.parameters[place].value if place < len(self.parameters) else None
        if not isinstance(value, int):
            raise SqlError(214, f"Procedure expects parameter {place + 1} of type 'int'.", 16, 2, procedure=self.short_name)
        return value


def read_calls(body: bytes) -> Iterator[Call]:
    """The calls of one message: more than one where a driver sends many rows at once.

    Raises:
        SqlError: 8009 a parameter's type is unsupported.
        ProtocolError: It is malformed.
    """
    reader = Reader(body)
    reader.all_headers()
    while reader.left():
        length = reader.unsigned(2)
        if length == 0xFFFF:
            number = reader.unsigned(2)
            name = _BY_NUMBER.get(number, f"procedure number {number}")
        else:
            name = reader.text(length)
        reader.take(2)  # option flags: recompile, no metadata
        parameters = []
        while reader.left() and reader.peek() not in (_BATCH, _NO_EXECUTION):
            parameters.append(_read_parameter(reader))
        if reader.left():
            reader.take(1)
        yield Call(name, parameters)


def _read_parameter(reader: Reader) -> Parameter:
    name = reader.b_varchar().removeprefix("@")
    status = reader.unsigned(1)
    kind, value = read_typed(reader)
    return Parameter(name, value, kind, output=bool(status & _BY_REFERENCE), default=bool(status & _DEFAULT))


def declared(text: str) -> dict[str, SqlType]:
    """The parameters of ``@a int, @b nvarchar(10) OUTPUT``, in order.

    Raises:
        SqlError: 102 it cannot be read; 2715 there is no such type.
    """
    found: dict[str, SqlType] = {}
    position = 0
    stripped = text.strip()
    while position < len(stripped):
        match = _DECLARED.match(stripped, position)
        if not match:
            raise SqlError(102, f"Incorrect syntax near '{stripped[position : position + 30].strip()}'.", 15)
        try:
            found[match["name"]] = SqlType.parse(match["type"])
        except ValueError as error:
            place = len(found) + 1
            raise SqlError(2715, f"Column, parameter, or variable #{place}: Cannot find data type {match['type']}.", 16, 3) from error
        position = match.end()
        while position < len(stripped) and stripped[position].isspace():
            position += 1
    return found


def bind(declaration: str, sql: str, sent: list[Parameter]) -> Parameters:
    """Sent values under their declared names: by name where they have one, by place otherwise.

    Raises:
        SqlError: 8178 a declared parameter was not sent; 8145 one was sent that is not declared; 8144 too many.
    """
    types = declared(declaration)
    names = list(types)
    spelt = {name.lower(): name for name in names}
    bound = Parameters(types=types)
    for place, parameter in enumerate(sent):
        if parameter.name:
            if parameter.name.lower() not in spelt:
                raise SqlError(8145, f"@{parameter.name} is not a parameter for procedure .", 16, 2)
            bound[spelt[parameter.name.lower()]] = parameter.value
        elif place < len(names):
            bound[names[place]] = parameter.value
        else:
            raise SqlError(8144, "Procedure or function  has too many arguments specified.", 16, 2)
    missing = next((name for name in names if name not in bound), None)
    if missing is not None:
        raise SqlError(8178, f"The parameterized query '({declaration}){sql}' expects the parameter '@{missing}', which was not supplied.")
    return bound
