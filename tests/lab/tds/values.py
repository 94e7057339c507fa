# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The typed values of RPC parameters ([MS-TDS] 2.2.5.5, 2.2.5.6 and 2.2.6.6) as Python values."""

from __future__ import annotations

import math
import struct
import uuid
from collections.abc import Callable
from decimal import Decimal

from . import moments
from .engine_api import SqlError
from .packets import ProtocolError
from .reader import Reader
from .types import CODE_PAGE, MAX, SqlType

_NULL_TYPE = 0x1F
# Token: type, bytes ([MS-TDS] 2.2.5.4.1). A client may send these where it knows that there is a value.
_FIXED = {
    0x30: ("tinyint", 1),
    0x32: ("bit", 1),
    0x34: ("smallint", 2),
    0x38: ("int", 4),
    0x7F: ("bigint", 8),
    0x3A: ("smalldatetime", 4),
    0x3D: ("datetime", 8),
    0x3B: ("real", 4),
    0x3E: ("float", 8),
    0x7A: ("smallmoney", 4),
    0x3C: ("money", 8),
}
# Token: types by their longest value ([MS-TDS] 2.2.5.4.2).
_SIZED = {
    0x26: {1: "tinyint", 2: "smallint", 4: "int", 8: "bigint"},
    0x68: {1: "bit"},
    0x6D: {4: "real", 8: "float"},
    0x6E: {4: "smallmoney", 8: "money"},
    0x6F: {4: "smalldatetime", 8: "datetime"},
    0x24: {16: "uniqueidentifier"},
}
_MOMENTS = {0x29: "time", 0x2A: "datetime2", 0x2B: "datetimeoffset"}
_STRINGS = {0xA5: "varbinary", 0xAD: "binary", 0xA7: "varchar", 0xAF: "char", 0xE7: "nvarchar", 0xEF: "nchar"}
_LARGE = {0x22: "image", 0x23: "text", 0x63: "ntext"}


def read_typed(reader: Reader) -> tuple[SqlType, object]:
    """TYPE_INFO and its value.

    Raises:
        SqlError: 8009, a type the lab does not know (table-valued parameters and CLR types among them).
        ProtocolError: The message ends early, or the value is none of its type.
    """
    try:
        return _read_typed(reader)
    except (ValueError, OverflowError, LookupError, struct.error) as error:
        raise ProtocolError(f"a malformed parameter: {error}") from error


def _read_typed(reader: Reader) -> tuple[SqlType, object]:
    token = reader.unsigned(1)
    if token == _NULL_TYPE:
        return SqlType("nvarchar", 4000), None
    if token in _FIXED:
        name, size = _FIXED[token]
        kind = SqlType(name)
        return kind, _value(kind, reader.take(size))
    if token in _SIZED:
        name = _name_of_size(token, reader.unsigned(1))
        kind = SqlType(name)
        return kind, _nullable(kind, reader.take(reader.unsigned(1)))
    if token in (0x6A, 0x6C):
        reader.take(1)
        kind = SqlType("decimal" if token == 0x6A else "numeric", precision=reader.unsigned(1), scale=reader.unsigned(1))
        return kind, _nullable(kind, reader.take(reader.unsigned(1)))
    if token == 0x28:
        return SqlType("date"), _nullable(SqlType("date"), reader.take(reader.unsigned(1)))
    if token in _MOMENTS:
        kind = SqlType(_MOMENTS[token], scale=reader.unsigned(1))
        return kind, _nullable(kind, reader.take(reader.unsigned(1)))
    if token in _STRINGS:
        return _string(reader, _STRINGS[token])
    if token in _LARGE:
        return _large(reader, _LARGE[token])
    if token == 0xF1:
        return _xml(reader)
    if token == 0x62:
        return _variant(reader)
    raise SqlError(8009, f"lab: a parameter of the unsupported type 0x{token:02X} in the TDS RPC stream.", 16)


def _name_of_size(token: int, size: int) -> str:
    try:
        return _SIZED[token][size]
    except KeyError:
        raise SqlError(8009, f"lab: a parameter of type 0x{token:02X} with {size} bytes in the TDS RPC stream.", 16) from None


def _string(reader: Reader, name: str) -> tuple[SqlType, object]:
    size = reader.unsigned(2)
    if "binary" not in name:
        reader.take(5)  # the collation; the lab has one code page
    if size == 0xFFFF:
        kind = SqlType(name, MAX)
        raw = reader.plp()
    else:
        kind = SqlType(name, max(1, size // 2 if name.startswith("n") else size))
        length = reader.unsigned(2)
        raw = None if length == 0xFFFF else reader.take(length)
    return kind, None if raw is None else _value(kind, raw)


def _large(reader: Reader, name: str) -> tuple[SqlType, object]:
    reader.take(4)
    if name != "image":
        reader.take(5)
    kind = SqlType(name)
    length = reader.signed(4)
    return kind, None if length < 0 else _value(kind, reader.take(length))


def _xml(reader: Reader) -> tuple[SqlType, object]:
    if reader.unsigned(1):  # a schema collection: database, owner, name
        reader.b_varchar()
        reader.b_varchar()
        reader.us_varchar()
    raw = reader.plp()
    return SqlType("xml"), None if raw is None else raw.decode("utf-16").lstrip("\ufeff")


def _variant(reader: Reader) -> tuple[SqlType, object]:
    reader.take(4)
    total = reader.unsigned(4)
    if not total:
        return SqlType("sql_variant"), None
    token, count = reader.unsigned(1), reader.unsigned(1)
    properties, raw = reader.take(count), reader.take(total - 2 - count)
    if token in _FIXED:
        kind = SqlType(_FIXED[token][0])
    elif token in (0x6A, 0x6C):
        kind = SqlType("numeric", precision=properties[0], scale=properties[1])
    elif token in _MOMENTS:
        kind = SqlType(_MOMENTS[token], scale=properties[0])
    elif token in _STRINGS:
        kind = SqlType(_STRINGS[token], 4000 if _STRINGS[token].startswith("n") else 8000)
    else:
        kind = SqlType({0x28: "date", 0x24: "uniqueidentifier"}.get(token) or _name_of_size(token, len(raw)))
    return SqlType("sql_variant"), _value(kind, raw)


def _nullable(kind: SqlType, raw: bytes) -> object:
    return _value(kind, raw) if raw else None


def _float(kind: SqlType, form: str, raw: bytes) -> float:
    (value,) = struct.unpack(form, raw)
    if not math.isfinite(value):
        raise SqlError(
            8023,
            "The incoming tabular data stream (TDS) remote procedure call (RPC) protocol stream is incorrect. "
            f"The supplied value is not a valid instance of data type {kind.name}. Check the source data for invalid values.",
            16,
            4,
        )
    return float(value)


def _decimal(kind: SqlType, raw: bytes) -> Decimal:
    return Decimal(((0 if raw[0] else 1), tuple(map(int, str(int.from_bytes(raw[1:], "little")))), -(kind.scale or 0)))


def _money(_kind: SqlType, raw: bytes) -> Decimal:
    ordered = raw if len(raw) == 4 else raw[4:] + raw[:4]
    return Decimal(int.from_bytes(ordered, "little", signed=True)).scaleb(-4)


_VALUES: dict[str, Callable[[SqlType, bytes], object]] = {
    "tinyint": lambda _kind, raw: raw[0],
    "bit": lambda _kind, raw: bool(raw[0]),
    "real": lambda kind, raw: _float(kind, "<f", raw),
    "float": lambda kind, raw: _float(kind, "<d", raw),
    "decimal": _decimal,
    "numeric": _decimal,
    "money": _money,
    "smallmoney": _money,
    "uniqueidentifier": lambda _kind, raw: uuid.UUID(bytes_le=raw),
    "binary": lambda _kind, raw: raw,
    "varbinary": lambda _kind, raw: raw,
    "char": lambda _kind, raw: raw.decode(CODE_PAGE, "replace"),
    "varchar": lambda _kind, raw: raw.decode(CODE_PAGE, "replace"),
    "nchar": lambda _kind, raw: raw.decode("utf-16-le", "surrogatepass"),
    "nvarchar": lambda _kind, raw: raw.decode("utf-16-le", "surrogatepass"),
}


def _value(kind: SqlType, raw: bytes) -> object:
    if kind.name in _VALUES:
        return _VALUES[kind.name](kind, raw)
    if kind.name in ("smallint", "int", "bigint"):
        return int.from_bytes(raw, "little", signed=True)
    return moments.decode(kind.name, kind.scale or 0, raw)
