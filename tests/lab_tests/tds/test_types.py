# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The types on their own: what is encoded is read back alike, and what does not fit is refused."""

from __future__ import annotations

import datetime as dt
import math
import struct
import uuid
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lab.tds import moments
from lab.tds.engine_api import SqlError
from lab.tds.packets import ProtocolError
from lab.tds.reader import Reader
from lab.tds.types import MAX, SqlType
from lab.tds.values import read_typed

RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy computer is no fault
CP1252 = [bytes((code,)).decode("cp1252") for code in range(1, 256) if code not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)]
UNICODE = st.text(st.characters(exclude_categories=["Cs"]))
MICRO = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))


def there_and_back(kind: SqlType, value: object) -> object:
    reader = Reader(kind.type_info() + kind.encode(value))
    _type, read = read_typed(reader)
    assert reader.left() == 0
    return read


def signed(bits: int) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


EXACT = {
    "tinyint": st.integers(0, 255),
    "smallint": signed(16),
    "int": signed(32),
    "bigint": signed(64),
    "bit": st.booleans(),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "real": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "uniqueidentifier": st.uuids(),
    "nvarchar(4000)": UNICODE,
    "nvarchar(max)": UNICODE,
    "ntext": UNICODE,
    "varchar(8000)": st.text(CP1252),
    "varchar(max)": st.text(CP1252),
    "varbinary(8000)": st.binary(),
    "varbinary(max)": st.binary(),
    "image": st.binary(),
    "xml": st.text("<a>/ é😀"),
    "date": st.dates(),
    "time": st.times(),
    "datetime2": st.datetimes(),
    "datetimeoffset": st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30), timezones=OFFSETS),
    "money": signed(64).map(lambda units: Decimal(units).scaleb(-4)),
    "smallmoney": signed(32).map(lambda units: Decimal(units).scaleb(-4)),
    "sql_variant": st.one_of(
        signed(64), st.booleans(), st.uuids(), st.dates(), st.datetimes(), st.times(), st.text(max_size=99), st.binary()
    ),
}


@pytest.mark.parametrize("declaration", EXACT)
@RELAXED
@given(data=st.data())
def test_a_value_comes_back_as_it_was(declaration: str, data: st.DataObject) -> None:
    value = data.draw(st.none() | EXACT[declaration])
    assert there_and_back(SqlType.parse(declaration), value) == value


@RELAXED
@given(data=st.data(), precision=st.integers(1, 38), name=st.sampled_from(["decimal", "numeric"]))
def test_decimals_keep_every_digit(data: st.DataObject, precision: int, name: str) -> None:
    scale = data.draw(st.integers(0, precision))
    units = data.draw(st.integers(-(10**precision) + 1, 10**precision - 1))
    value = Decimal((int(units < 0), tuple(map(int, str(abs(units)))), -scale))
    read = there_and_back(SqlType(name, precision=precision, scale=scale), value)
    assert read == value
    assert str(read) == str(value) or not units


@RELAXED
@given(MICRO, st.integers(0, 7))
def test_a_time_is_rounded_to_its_scale(value: dt.datetime, scale: int) -> None:
    read = there_and_back(SqlType("datetime2", scale=scale), value)
    assert isinstance(read, dt.datetime)
    # Half up, to the scale or (as Python has no more) to the microsecond.
    assert abs(read - value) <= max(dt.timedelta(seconds=10.0**-scale / 2), dt.timedelta(0))


@RELAXED
@given(st.datetimes(dt.datetime(1753, 1, 1), dt.datetime(9999, 12, 30)))
@example(dt.datetime(2026, 12, 31, 23, 59, 59, 999999))
def test_datetime_is_within_a_tick(value: dt.datetime) -> None:
    read = there_and_back(SqlType("datetime"), value)
    assert isinstance(read, dt.datetime)
    assert abs(read - value) <= dt.timedelta(milliseconds=2.2)
    assert read.microsecond // 1000 % 10 in (0, 3, 7)
    assert there_and_back(SqlType("datetime"), read) == read


@RELAXED
@given(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2079, 6, 6)))
def test_smalldatetime_is_within_half_a_minute(value: dt.datetime) -> None:
    read = there_and_back(SqlType("smalldatetime"), value)
    assert isinstance(read, dt.datetime)
    assert abs(read - value) <= dt.timedelta(seconds=30)


@pytest.mark.parametrize(
    ("declaration", "value", "hexadecimal"),
    [  # worked out by hand from [MS-TDS] 2.2.5.5
        ("int", -2, "26 04 04 feffffff"),
        ("bit", 1, "68 01 01 01"),
        ("nvarchar(3)", "a😀", "e7 0600 0904d00034 0600 6100 3dd8 00de"),
        ("char(3)", "a", "af 0300 0904d00034 0300 61 20 20"),
        ("nchar(2)", "a", "ef 0400 0904d00034 0400 6100 2000"),
        ("binary(2)", b"a", "ad 0200 0200 61 00"),
        ("varbinary(max)", b"ab", "a5 ffff 0200000000000000 02000000 6162 00000000"),
        ("varchar(max)", "", "a7 ffff 0904d00034 0000000000000000 00000000"),
        ("decimal(5,2)", "-1.5", "6a 11 05 02 11 00 96" + "00" * 15),
        ("money", Decimal("1.5"), "6e 08 08 00000000 983a0000"),
        ("money", Decimal(-1).scaleb(-4), "6e 08 08 ffffffff ffffffff"),
        ("datetime", "1900-01-02 00:00:01", "6f 08 08 01000000 2c010000"),
        ("datetime", "2026-11-23T23:59:59.9999999", "6f 08 08 " + struct.pack("<iI", 46348, 0).hex()),
        ("date", "0001-01-03", "28 03 020000"),
        ("time(0)", "00:00:02.5", "29 00 03 030000"),
        ("datetimeoffset(0)", "0001-01-02T01:00:00+01:00", "2b 00 08 000000 010000 3c00"),
        ("datetimeoffset(7)", "0001-01-02T00:00:00.0000001Z", "2b 07 0a 0100000000 010000 0000"),
    ],
)
def test_bytes(declaration: str, value: object, hexadecimal: str) -> None:
    kind = SqlType.parse(declaration)
    assert (kind.type_info() + kind.encode(value)).hex() == hexadecimal.replace(" ", "")


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("SYSNAME", "nvarchar(128)"),
        ("[sys].[int]", "int"),
        ("decimal", "decimal(18,0)"),
        ("dec (10 , 4)", "decimal(10,4)"),
        ("numeric(9)", "numeric(9,0)"),
        ("varchar", "varchar(1)"),
        ("NVARCHAR(MAX)", "nvarchar(max)"),
        ("ntext", "nvarchar(max)"),
        ("rowversion", "binary(8)"),
        ("datetime2", "datetime2(7)"),
        ("time(3)", "time(3)"),
        ("float(24)", "real"),
        ("float(25)", "float"),
        (" xml ", "xml"),
    ],
)
def test_declarations(text: str, means: str) -> None:
    assert str(SqlType.parse(text)) == means
    assert SqlType.parse(means) == SqlType.parse(text)


@pytest.mark.parametrize(
    "text", ["", "banana", "int int", "nvarchar(4001)", "varchar(0)", "char(max)", "decimal(39)", "decimal(3,4)", "time(8)", "varchar(10"]
)
def test_what_is_no_type(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        SqlType.parse(text)


@pytest.mark.parametrize(
    ("declaration", "value"),
    [
        ("tinyint", 256),
        ("tinyint", -1),
        ("int", 2**31),
        ("int", "seven"),
        ("nvarchar(2)", "abc"),
        ("nvarchar(1)", "😀"),
        ("varbinary(1)", b"ab"),
        ("varbinary(9)", "text"),
        ("decimal(3,1)", 100),
        ("decimal(3,1)", "99.95"),
        ("decimal(3,1)", Decimal("NaN")),
        ("smallmoney", 10**6),
        ("date", "2026-13-01"),
        ("date", 20261123),
        ("time", "25:00"),
        ("datetime2", "2026-11-23 half past nine"),
        ("datetime2", "9999-12-31T23:59:59.99999999"),
        ("datetime2(0)", "9999-12-31T23:59:59.6"),
        ("smalldatetime", "1899-12-31"),
        ("uniqueidentifier", "not one"),
        ("float", object()),
        ("sql_variant", "x" * 4001),
    ],
)
def test_what_does_not_fit(declaration: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        SqlType.parse(declaration).encode(value)


@pytest.mark.parametrize(
    ("value", "means"),
    [
        (None, "nvarchar(4000)"),
        (True, "bit"),
        (1, "int"),
        (2**31, "bigint"),
        (2**63, "numeric(38,0)"),
        (1.5, "float"),
        (Decimal("-12.50"), "numeric(4,2)"),
        (Decimal("0.001"), "numeric(3,3)"),
        (Decimal("1E+3"), "numeric(4,0)"),
        (b"", "varbinary(8000)"),
        (b"x" * 8001, "varbinary(max)"),
        ("x", "nvarchar(4000)"),
        ("😀" * 2001, "nvarchar(max)"),
        (dt.date(2026, 1, 1), "date"),
        (dt.time(), "time(7)"),
        (dt.datetime(2026, 1, 1), "datetime2(7)"),
        (dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc), "datetimeoffset(7)"),
        (uuid.UUID(int=1), "uniqueidentifier"),
    ],
)
def test_the_type_of_a_value(value: object, means: str) -> None:
    kind = SqlType.of(value)
    assert str(kind) == means
    assert there_and_back(kind, value) == value


def test_a_type_is_refused_for_a_value_without_one() -> None:
    with pytest.raises(ValueError, match="object has no SQL Server type"):
        SqlType.of(object())
    with pytest.raises(ValueError, match="no number"):
        SqlType.of(Decimal("inf"))


def test_text_outside_the_code_page_becomes_question_marks() -> None:
    assert there_and_back(SqlType("varchar", 9), "Ωé😀") == "?é?"


@RELAXED
@given(st.binary(max_size=40))
@example(bytes.fromhex("f3"))  # a table-valued parameter
@example(bytes.fromhex("6f0403010203"))  # a small moment of three bytes
@example(bytes.fromhex("2605"))  # an integer of five bytes
def test_no_bytes_break_the_reader_in_an_unforeseen_way(data: bytes) -> None:
    try:
        read_typed(Reader(data))
    except (ProtocolError, SqlError):
        return  # the session ends, or answers the error


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_floats_that_sql_server_has_not(value: float) -> None:
    with pytest.raises(ValueError, match="SQL Server has no"):
        SqlType("float").encode(value)
    with pytest.raises(SqlError, match="not a valid instance of data type float"):
        read_typed(Reader(b"\x6d\x08\x08" + struct.pack("<d", value)))


@RELAXED
@given(UNICODE)
def test_utf16_units(text: str) -> None:
    assert moments.utf16_units(text) == len(text.encode("utf-16-le")) // 2


def test_the_longest_types() -> None:
    assert there_and_back(SqlType("nvarchar", MAX), "x" * 10**6) == "x" * 10**6
