# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SQL Server's data types: their declaration in T-SQL, and what they look like on the wire ([MS-TDS] 2.2.5.4 and 2.2.5.5)."""

from __future__ import annotations

import math
import re
import struct
import uuid
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from . import moments

# SQL_Latin1_General_CP1_CI_AS: LCID 0x0409, ignore case, kana and width, sort order 52 ([MS-TDS] 2.2.5.1.2). Its code page is 1252.
COLLATION = bytes.fromhex("0904d00034")
CODE_PAGE = "cp1252"
MAX = -1  # the length of varchar(max) and its like

_INTEGERS = {"tinyint": 1, "smallint": 2, "int": 4, "bigint": 8}
_ALIASES = {
    "integer": "int",
    "dec": "decimal",
    "rowversion": "binary",
    "timestamp": "binary",
    "character": "char",
    "double": "float",
    "boolean": "bit",
}
# Deprecated since SQL Server 2005; sent as their successors, which a client reads in the same way (*assumed* to suffice).
_LARGE = {"text": "varchar", "ntext": "nvarchar", "image": "varbinary"}
_DEFAULT_LENGTH = {"char": 1, "varchar": 1, "nchar": 1, "nvarchar": 1, "binary": 1, "varbinary": 1}
_LIMIT = {"char": 8000, "varchar": 8000, "nchar": 4000, "nvarchar": 4000, "binary": 8000, "varbinary": 8000}
_FRACTIONAL = ("time", "datetime2", "datetimeoffset")
_PLAIN = ("bit", "real", "money", "smallmoney", "date", "datetime", "smalldatetime", "uniqueidentifier", "xml", "sql_variant")
_TOKENS = {"binary": 0xAD, "varbinary": 0xA5, "char": 0xAF, "varchar": 0xA7, "nchar": 0xEF, "nvarchar": 0xE7}
_DECLARATION = re.compile(
    r"\s*(?:\[?sys\]?\s*\.\s*)?\[?(?P<name>\w+)\]?\s*(?:\(\s*(?P<first>max|\d+)\s*(?:,\s*(?P<second>\d+)\s*)?\))?\s*", re.IGNORECASE
)
_EXACT = Context(prec=60)


@dataclass(frozen=True)
class SqlType:
    """One data type. Use :meth:`parse` where it is known as text; the constructor completes what is missing as T-SQL does.

    Attributes:
        length: Characters or bytes; :data:`MAX` for (max); for the types that have one.
        precision: Digits of decimal and numeric (18); bits of float (53), which only choose between real and float.
        scale: Digits after the point: decimal (0), time, datetime2, datetimeoffset (7).

    Raises:
        ValueError: No such type, or not with that length, precision or scale.
    """

    name: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None

    def __post_init__(self) -> None:
        name = self.name.lower()
        length, precision, scale = self.length, self.precision, self.scale
        if name in ("rowversion", "timestamp"):
            length = 8
        name = _ALIASES.get(name, name)
        if name == "sysname":
            name, length = "nvarchar", 128
        elif name in _LARGE:
            name, length = _LARGE[name], MAX
        if name in _LIMIT:
            length = _DEFAULT_LENGTH[name] if length is None else length
            if not (1 <= length <= _LIMIT[name] or (length == MAX and "var" in name)):
                raise ValueError(f"{name}({length}) is no type of SQL Server")
        elif name in ("decimal", "numeric"):
            precision, scale = 18 if precision is None else precision, scale or 0
            if not 1 <= precision <= 38 or not 0 <= scale <= precision:
                raise ValueError(f"{name}({precision},{scale}) is no type of SQL Server")
        elif name in _FRACTIONAL:
            scale = 7 if scale is None else scale
            if not 0 <= scale <= 7:
                raise ValueError(f"{name}({scale}) is no type of SQL Server")
        elif name == "float":
            precision = 53 if precision is None else precision
            if not 1 <= precision <= 53:
                raise ValueError(f"float({precision}) is no type of SQL Server")
            name, precision = ("real" if precision <= 24 else "float"), None  # single or double, nothing between
        elif name not in _INTEGERS and name not in _PLAIN:
            raise ValueError(f"unknown SQL Server type {self.name!r}")
        for attribute, value in (("name", name), ("length", length), ("precision", precision), ("scale", scale)):
            object.__setattr__(self, attribute, value)

    @classmethod
    def parse(cls, text: str) -> SqlType:
        """``nvarchar(128)``, ``[decimal](10, 2)``, ``sysname``, ``varbinary(max)`` ...

        Raises:
            ValueError: That is no type.
        """
        match = _DECLARATION.fullmatch(text)
        if not match:
            raise ValueError(f"{text!r} is no SQL Server type")
        name, first = match["name"].lower(), match["first"]
        number = None if first is None else MAX if first.lower() == "max" else int(first)
        second = int(match["second"]) if match["second"] else None
        if name in _FRACTIONAL:
            return cls(name, scale=number)
        if name in ("decimal", "dec", "numeric"):
            return cls(name, precision=number, scale=second)
        if name == "float":
            return cls(name, precision=number)
        return cls(name, length=number)

    @classmethod
    def of(cls, value: object) -> SqlType:
        """The type SQL Server would give a value of unknown origin: the narrowest common one; nvarchar for None."""
        if isinstance(value, bool):
            return cls("bit")
        if isinstance(value, int):
            if not -(2**63) <= value < 2**63:
                return cls("numeric", precision=38)
            return cls("int" if -(2**31) <= value < 2**31 else "bigint")
        if isinstance(value, float):
            return cls("float")
        if isinstance(value, Decimal):
            _sign, digits, exponent = value.as_tuple()
            if not isinstance(exponent, int):
                raise ValueError(f"{value} is no number of SQL Server")
            scale = max(0, -exponent)
            return cls("numeric", precision=max(1, min(38, max(len(digits) + max(0, exponent), scale))), scale=min(38, scale))
        if isinstance(value, (bytes, bytearray, memoryview)):
            return cls("varbinary", MAX if len(value) > 8000 else 8000)
        if isinstance(value, datetime):
            return cls("datetimeoffset" if value.tzinfo else "datetime2")
        for kind, name in ((date, "date"), (time, "time"), (uuid.UUID, "uniqueidentifier")):
            if isinstance(value, kind):
                return cls(name)
        if value is None or isinstance(value, str):
            return cls("nvarchar", MAX if value and moments.utf16_units(value) > 4000 else 4000)
        raise ValueError(f"a {type(value).__name__} has no SQL Server type")

    def __str__(self) -> str:
        if self.length is not None:
            return f"{self.name}({'max' if self.length == MAX else self.length})"
        if self.name in ("decimal", "numeric"):
            return f"{self.name}({self.precision},{self.scale})"
        return f"{self.name}({self.scale})" if self.name in _FRACTIONAL else self.name

    # ---------------------------------------------------------------------------------------------- on the wire

    def type_info(self) -> bytes:
        """TYPE_INFO ([MS-TDS] 2.2.5.6), always of the nullable variant."""
        name = self.name
        if name in _INTEGERS:
            return bytes((0x26, _INTEGERS[name]))
        if name in ("decimal", "numeric"):
            return bytes((0x6A if name == "decimal" else 0x6C, 17, self._number(self.precision), self._number(self.scale)))
        if name in _FRACTIONAL:
            return bytes(({"time": 0x29, "datetime2": 0x2A, "datetimeoffset": 0x2B}[name], self._number(self.scale)))
        if name in _TOKENS:
            size = 0xFFFF if self.length == MAX else self._number(self.length) * (2 if name.startswith("n") else 1)
            return struct.pack("<BH", _TOKENS[name], size) + (b"" if "binary" in name else COLLATION)
        return {
            "bit": b"\x68\x01",
            "real": b"\x6d\x04",
            "float": b"\x6d\x08",
            "smallmoney": b"\x6e\x04",
            "money": b"\x6e\x08",
            "smalldatetime": b"\x6f\x04",
            "datetime": b"\x6f\x08",
            "date": b"\x28",
            "uniqueidentifier": b"\x24\x10",
            "xml": b"\xf1\x00",
            "sql_variant": b"\x62" + struct.pack("<I", 8009),
        }[name]

    @staticmethod
    def _number(value: int | None) -> int:
        if value is None:  # __post_init__ sees to it
            raise ValueError("a type without its length, precision or scale")
        return value

    def encode(self, value: object) -> bytes:
        """TYPE_VARBYTE ([MS-TDS] 2.2.5.2.3): the length and the value, or the mark of NULL for None.

        Text is accepted for every type but the binary ones (ISO 8601 for dates), numbers for every number.

        Raises:
            ValueError: The value is not one of this type, or does not fit.
        """
        try:
            return self._encode(value)
        except (ArithmeticError, TypeError, struct.error, AttributeError) as error:
            raise ValueError(f"{value!r} does not fit {self}: {error}") from error

    def _encode(self, value: object) -> bytes:
        name = self.name
        if name in _TOKENS or name == "xml":
            return self._encode_string(value)
        if name == "sql_variant":
            return self._encode_variant(value)
        if value is None:
            return b"\0"
        raw = self._raw(value)
        return bytes((len(raw),)) + raw

    def _encode_string(self, value: object) -> bytes:
        large = self.length == MAX or self.name == "xml"
        if value is None:
            return b"\xff" * (8 if large else 2)
        raw = self._raw(value)
        if not large:
            return struct.pack("<H", len(raw)) + raw
        # PLP ([MS-TDS] 2.2.5.2.3): total, chunks, terminator.
        chunk = struct.pack("<I", len(raw)) + raw if raw else b""
        return struct.pack("<Q", len(raw)) + chunk + struct.pack("<I", 0)

    def _encode_variant(self, value: object) -> bytes:
        """sql_variant ([MS-TDS] 2.2.5.5.4): total length, base type, its properties, the value."""
        if value is None:
            return struct.pack("<I", 0)
        base = SqlType.of(value)
        info, raw = base.type_info(), base._raw(value)
        if base.name in ("varbinary", "nvarchar"):
            if len(raw) > 8000:
                raise ValueError(f"{len(raw)} bytes are too many for a sql_variant")
            properties = (COLLATION if base.name == "nvarchar" else b"") + info[1:3]
        elif base.name == "numeric":
            properties = info[2:4]
        elif base.name in _FRACTIONAL:
            properties = info[1:2]
        else:
            properties = b""
        fixed = {"bit": 0x32, "int": 0x38, "bigint": 0x7F, "float": 0x3E}  # the fixed-length tokens, as the server uses here
        token = fixed.get(base.name, info[0])
        return struct.pack("<IBB", 2 + len(properties) + len(raw), token, len(properties)) + properties + raw

    def _raw(self, value: Any) -> bytes:
        """The value's own bytes. What Python's own conversions refuse is a TypeError."""
        name = self.name
        if name in _TOKENS or name == "xml":
            return self._raw_string(value)
        if name in _INTEGERS:
            size = _INTEGERS[name]
            return _integer(value).to_bytes(size, "little", signed=size > 1)
        if name == "bit":
            return b"\1" if _integer(value) else b"\0"
        if name in ("real", "float"):
            number = float(value)
            if not math.isfinite(number):
                raise ValueError(f"SQL Server has no {number}")
            return struct.pack("<f" if name == "real" else "<d", number)
        if name in ("decimal", "numeric"):
            scaled = _scaled(value, self._number(self.scale))
            if abs(scaled) >= 10 ** self._number(self.precision):
                raise ValueError(f"{value} has too many digits for {self}")
            return bytes((0 if scaled < 0 else 1,)) + abs(scaled).to_bytes(16, "little")
        if name == "smallmoney":
            return _scaled(value, 4).to_bytes(4, "little", signed=True)
        if name == "money":
            whole = _scaled(value, 4).to_bytes(8, "little", signed=True)
            return whole[4:] + whole[:4]  # the high half comes first ([MS-TDS] 2.2.5.5.1.2)
        if name == "uniqueidentifier":
            return (value if isinstance(value, uuid.UUID) else uuid.UUID(str(value))).bytes_le
        return moments.encode(name, self.scale, value)

    def _raw_string(self, value: Any) -> bytes:
        name, length = self.name, self.length
        if "binary" in name:
            if isinstance(value, str):
                raise ValueError(f"text does not fit {self}")
            raw = bytes(memoryview(value))
            padded = raw.ljust(length or 0, b"\0") if name == "binary" else raw
            size = length
        elif name in ("char", "varchar"):
            raw = str(value).encode(CODE_PAGE, "replace")
            padded = raw.ljust(length or 0, b" ") if name == "char" else raw
            size = length
        else:
            raw = str(value).encode("utf-16-le", "surrogatepass")
            padded = raw + b"\x20\x00" * max(0, (length or 0) - len(raw) // 2) if name == "nchar" else raw
            size = None if length is None else 2 * length
        if size is not None and length != MAX and len(padded) > size:
            raise ValueError(f"a value of {len(raw)} bytes does not fit {self}")
        return padded


def _integer(value: Any) -> int:
    if isinstance(value, str):
        return int(Decimal(value))
    return int(value)


def _scaled(value: object, scale: int) -> int:
    """A number without its point. Rounded half up, as SQL Server converts."""
    number = value if isinstance(value, Decimal) else Decimal(str(int(value) if isinstance(value, bool) else value))
    return int(number.scaleb(scale, _EXACT).to_integral_value(ROUND_HALF_UP, _EXACT))
