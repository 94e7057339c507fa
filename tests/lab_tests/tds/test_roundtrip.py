# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of every type through real clients, as parameters and as results."""

from __future__ import annotations

import datetime as dt
import struct
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab.tds.types import SqlType
from lab_tests.tds.conftest import World, dsn, run_python
from lab_tests.tds.echo_engine import PASSWORD
from patience import patient

TWO_HOURS = dt.timezone(dt.timedelta(hours=2))
TEN_PAST = dt.datetime(2026, 11, 23, 12, 10)
PLUS_530 = dt.timezone(dt.timedelta(hours=5, minutes=30))

VALUES: list[tuple[str, object]] = [
    ("tinyint", 255),
    ("smallint", -32768),
    ("int", -(2**31)),
    ("bigint", 2**63 - 1),
    ("bit", True),
    ("real", 1.5),
    ("float", -2.25e300),
    ("decimal(38,10)", Decimal("-1234567890123456789012345678.0123456789")),
    ("numeric(5,5)", Decimal("0.00001")),
    ("money", Decimal("-922337203685477.5808")),
    ("smallmoney", Decimal("214748.3647")),
    ("date", dt.date(9999, 12, 31)),
    ("time(0)", dt.time(23, 59, 59)),
    ("time(6)", dt.time(23, 59, 59, 999999)),
    ("smalldatetime", dt.datetime(2079, 6, 6, 23, 59)),
    ("datetime", dt.datetime(1753, 1, 1, 0, 0, 0, 3000)),
    ("datetime2(3)", dt.datetime(2026, 11, 23, 12, 30, 0, 123000)),
    ("datetime2(6)", dt.datetime(2026, 11, 23, 12, 30, 0, 123456)),
    ("datetimeoffset(6)", dt.datetime(2026, 11, 23, 12, 30, 0, 123456, tzinfo=PLUS_530)),
    ("char(4)", "ab  "),
    ("varchar(10)", "é€"),
    ("varchar(max)", "é" * 20000),
    ("nchar(3)", "é  "),
    ("nvarchar(10)", "é😀漢"),
    ("nvarchar(max)", "é😀" * 20000),
    ("xml", "<a>é😀</a>"),
    ("binary(4)", b"ab\0\0"),
    ("varbinary(10)", b"\0\xff"),
    ("varbinary(max)", bytes(range(256)) * 500),
    ("sysname", "octopus"),
    ("text", "é"),
    ("ntext", "漢"),
    ("image", b"\0\1"),
]


def offset_time(raw: bytes) -> dt.datetime:
    """SQL_SS_TIMESTAMPOFFSET_STRUCT, which pyodbc leaves to its caller."""
    year, month, day, hour, minute, second, nanoseconds, hours, minutes = struct.unpack("<6hI2h", raw)
    zone = dt.timezone(dt.timedelta(hours=hours, minutes=minutes))
    return dt.datetime(year, month, day, hour, minute, second, nanoseconds // 1000, tzinfo=zone)


@pytest.mark.parametrize(("declaration", "value"), VALUES, ids=[name for name, _value in VALUES])
def test_results_through_odbc(shared: World, connect, driver: str, declaration: str, value: object) -> None:
    connection = connect(shared)
    if driver == "microsoft":
        connection.add_output_converter(-155, offset_time)
    elif declaration.startswith("datetimeoffset"):
        pytest.skip("FreeTDS gives a datetimeoffset through ODBC as the binary of its own library")
    statement = shared.engine.answers(f"results {declaration}", [("v", declaration), ("nothing", declaration)], [[value, None]])
    cursor = connection.execute(statement)
    row = cursor.fetchone()
    assert row.nothing is None
    assert row.v == value
    assert cursor.description[0][0] == "v"
    assert cursor.fetchone() is None
    assert not cursor.nextset()


@pytest.mark.parametrize(("declaration", "value"), VALUES, ids=[name for name, _value in VALUES])
def test_results_through_python_tds(shared: World, declaration: str, value: object) -> None:
    pytds = pytest.importorskip("pytds")
    statement = shared.engine.answers(f"results {declaration}", [("v", declaration), ("nothing", declaration)], [[value, None]])
    with pytds.connect("127.0.0.1", port=shared.port, user="sa", password=PASSWORD, autocommit=True) as connection:
        cursor = connection.cursor()
        cursor.execute(statement)
        ((found, nothing),) = cursor.fetchall()
    assert nothing is None
    assert found == value


@pytest.mark.parametrize(("declaration", "value"), VALUES, ids=[name for name, _value in VALUES])
def test_results_through_pymssql(shared: World, declaration: str, value: object) -> None:
    pymssql = pytest.importorskip("pymssql")
    statement = shared.engine.answers(f"results {declaration}", [("v", declaration), ("nothing", declaration)], [[value, None]])
    with pymssql.connect(
        server="127.0.0.1", port=str(shared.port), user="sa", password=PASSWORD, autocommit=True, tds_version="7.4"
    ) as connection:
        cursor = connection.cursor()
        cursor.execute(statement)
        ((found, nothing),) = cursor.fetchall()
    assert nothing is None
    assert found == value


def test_uniqueidentifier(shared: World, connect, driver: str) -> None:
    value = uuid.uuid4()
    shared.engine.answers("a guid", [("v", "uniqueidentifier")], [[value]])
    assert connect(shared).execute("a guid").fetchval() == str(value).upper()


@pytest.mark.parametrize("value", ["é😀", 7, 2**40, 1.5, b"\0x", dt.date(2026, 1, 1), True, Decimal("1.50"), TEN_PAST, None])
def test_sql_variant_as_serverproperty_has_it(shared: World, value: object) -> None:
    """Through python-tds: through ODBC, pyodbc knows only some of a variant's types, and FreeTDS none (CAST them, as for any server)."""
    pytds = pytest.importorskip("pytds")
    shared.engine.answers("a variant", [("v", "sql_variant"), ("after", "int")], [[value, 1]])
    with pytds.connect("127.0.0.1", port=shared.port, user="sa", password=PASSWORD, autocommit=True) as connection:
        cursor = connection.cursor()
        cursor.execute("a variant")
        assert cursor.fetchall() == [(value, 1)]


@pytest.mark.parametrize("value", ["é😀", 1.5, b"\0x", True, TEN_PAST])
def test_sql_variant_through_microsofts_driver(shared: World, pyodbc, value: object) -> None:
    shared.engine.answers("a variant", [("v", "sql_variant")], [[value]])
    connection = pyodbc.connect(dsn("microsoft", shared.port), autocommit=True, timeout=patient(10))
    assert connection.execute("a variant").fetchval() == value
    connection.close()


def test_a_hundred_nanoseconds(shared: World, connect, driver: str) -> None:
    """Finer than Python's own types: such values are text in the engine."""
    shared.engine.answers("fine", [("v", "datetime2(7)")], [["2026-11-23 12:30:00.1234567"]])
    assert connect(shared).execute("fine").fetchval() == dt.datetime(2026, 11, 23, 12, 30, 0, 123456)


# ------------------------------------------------------------------------------------------------ parameters

PARAMETERS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(-(10**20), 10**20, places=6),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60),
    st.text("é😀", min_size=4001, max_size=4100),
    st.binary(min_size=1, max_size=60),
    st.dates(dt.date(1753, 1, 1)),  # FreeTDS 1.3.17 sends days before 1500 wrongly
    st.datetimes(dt.datetime(1753, 1, 1)),
)


@pytest.fixture(scope="module", params=["microsoft", "freetds"])
def echo(request: pytest.FixtureRequest, shared: World, pyodbc) -> Iterator[Callable[[object], tuple[object, object]]]:
    """Sends a value as a parameter: what the engine was given, and what came back."""
    connection = pyodbc.connect(dsn(request.param, shared.port), autocommit=True, timeout=patient(10))

    def send(value: object) -> tuple[object, object]:
        found = connection.execute("select ?", value).fetchval()
        sql, params = shared.engine.seen[-1]
        assert sql == "select @P1"
        assert isinstance(params.types["P1"], SqlType)
        return params["P1"], found

    yield send
    connection.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=150)
@given(value=PARAMETERS)
def test_parameters_through_odbc(echo: Callable[[object], tuple[object, object]], value: object) -> None:
    given_to_engine, found = echo(value)
    assert given_to_engine == value
    assert found == value


MANY = """
import sys, pyodbc
pyodbc.pooling = False
with pyodbc.connect(sys.argv[1], autocommit=True, timeout=10) as connection:
    cursor = connection.cursor()
    cursor.fast_executemany = sys.argv[2] == "fast"
    if cursor.fast_executemany:  # sp_describe_undeclared_parameters would have told it
        cursor.setinputsizes([(pyodbc.SQL_INTEGER, 0, 0), (pyodbc.SQL_WVARCHAR, 400, 0)])
    cursor.executemany("insert into t values (?,?)", [(number, "é😀" * (number % 60)) for number in range(200)])
"""


@pytest.mark.parametrize(("driver_name", "fast"), [("microsoft", "fast"), ("microsoft", "slow"), ("freetds", "slow")])
def test_many_rows_of_parameters(shared: World, driver_name: str, fast: str) -> None:
    """With fast_executemany, many calls come in one message. In a process of its own: there, pyodbc waits without giving up the GIL."""
    statement = "insert into t values (@P1,@P2)"
    shared.engine.statements[statement] = lambda _session, _params, out: out.done(1, 0xC3)
    before = len(shared.engine.seen)
    done = run_python(MANY, dsn(driver_name, shared.port), fast)
    assert done.returncode == 0, done.stderr
    sent = [(params["P1"], params["P2"]) for sql, params in shared.engine.seen[before:] if sql == statement]
    assert sent == [(number, "é😀" * (number % 60)) for number in range(200)]


def test_parameters_through_python_tds(shared: World) -> None:
    pytds = pytest.importorskip("pytds")
    values = ["é😀" * 3000, 2**40, Decimal("1.50"), pytds.Binary(b"\0\1"), True, 1.5, uuid.uuid4(), dt.date(2026, 1, 2)]
    values += [dt.time(1, 2, 3, 456789), dt.datetime(2026, 1, 2, 3, 4, 5, 678901), dt.datetime(2026, 1, 2, 3, 4, tzinfo=TWO_HOURS)]
    with pytds.connect("127.0.0.1", port=shared.port, user="sa", password=PASSWORD, autocommit=True) as connection:
        cursor = connection.cursor()
        for value in values:
            cursor.execute("select %s", (value,))
            assert cursor.fetchall() == [(value,)]
            assert shared.engine.seen[-1][1]["P1"] == value


def test_statements_and_values_are_in_the_ledger(shared: World, connect, driver: str) -> None:
    mark = shared.ledger.mark()
    connect(shared).execute("select ?, ?", "s3cret", 7)
    events = [event for event in shared.ledger.events("sql", since=mark) if "P1" in event["params"]]
    assert [(event["sql"], event["params"]) for event in events] == [("select @P1, @P2", {"P1": "s3cret", "P2": 7})]
    assert (events[0]["login"], events[0]["database"], events[0]["spid"]) == ("sa", "master", shared.engine.sessions[-1].spid)
