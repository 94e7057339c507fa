# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Batches, prepared statements, procedures and transactions, as drivers send them."""

from __future__ import annotations

import pytest
from lab.tds.engine_api import UPDATE, Column, Output, Parameters, SqlError
from lab.tds.types import SqlType
from lab_tests.tds.conftest import WAIT, World, dsn
from lab_tests.tds.echo_engine import PASSWORD, EchoSession
from patience import patient

INT = [Column("n", SqlType("int"))]


def several(_session: EchoSession, _params: Parameters, out: Output) -> None:
    out.done(3, UPDATE)
    out.info(0, "printed é😀")
    out.rowset(INT, [[1], [2]])
    out.error(SqlError(50000, "it goes on", 16))
    out.rowset(INT, [[3]], counted=False)
    raise SqlError(3201, "Cannot open backup device.", more=[SqlError(3013, "BACKUP DATABASE is terminating abnormally.")])


def test_several_results_messages_and_errors(world: World, connect, driver: str, pyodbc) -> None:
    world.engine.statements["several"] = several
    cursor = connect(world).cursor()
    cursor.execute("several")
    assert cursor.rowcount == 3
    assert cursor.nextset()
    assert [row.n for row in cursor] == [1, 2]
    assert [text.rpartition("]")[2] for _state, text in cursor.messages] == ["printed é😀"]
    with pytest.raises(pyodbc.ProgrammingError, match=r"it goes on \(50000\)"):
        cursor.nextset()
    assert not cursor.nextset()  # both drivers give up the rest with the first error


def test_an_error_hides_those_that_follow_it(world: World, connect, driver: str, pyodbc) -> None:
    def fail(*_arguments: object) -> None:
        raise SqlError(3201, "Cannot open backup device.", more=[SqlError(3013, "BACKUP DATABASE is terminating abnormally.")])

    world.engine.statements["fail"] = fail
    with pytest.raises(pyodbc.ProgrammingError) as caught:
        connect(world).execute("fail")
    assert "Cannot open backup device. (3201)" in caught.value.args[1]


def test_every_error_reaches_a_client_that_collects_them(world: World) -> None:
    pytds = pytest.importorskip("pytds")
    world.engine.statements["several"] = several
    with pytds.connect("127.0.0.1", port=world.port, user="sa", password=PASSWORD, autocommit=True) as connection:
        cursor = connection.cursor()
        with pytest.raises(pytds.Error) as caught:
            cursor.execute("several")
            while cursor.nextset():
                pass
    told = [message for message in ("it goes on", "Cannot open backup device.", "terminating abnormally.") if message in str(caught.value)]
    assert len(told) == 3


@pytest.mark.parametrize("count", [0, 1, 2**31 - 1])
def test_row_counts(world: World, connect, driver: str, count: int) -> None:
    world.engine.statements["change"] = lambda _session, _params, out: out.done(count, UPDATE)
    assert connect(world).execute("change").rowcount == count


def test_a_statement_is_prepared_once(world: World, connect, driver: str) -> None:
    cursor = connect(world).cursor()
    assert [cursor.execute("select ?", value).fetchval() for value in ("a", "b", "cc")] == ["a", "b", "cc"]
    cursor.execute("select ?, ?", 1, 2).fetchall()
    cursor.close()
    assert [dict(params) for sql, params in world.engine.seen if sql == "select @P1"] == [{"P1": "a"}, {"P1": "b"}, {"P1": "cc"}]
    assert not [event for event in world.tds("error") if event["error"] != 11501]


def test_an_error_in_a_statement_with_parameters(world: World, connect, driver: str, pyodbc) -> None:
    connection = connect(world)
    with pytest.raises(pyodbc.ProgrammingError, match=r"Incorrect syntax near 'choose @P1'. \(102\)"):
        connection.execute("choose ?", 1)
    assert connection.execute("select ?", 2).fetchval() == 2


def test_transactions(world: World, connect, driver: str) -> None:
    connection = connect(world, autocommit=False)
    assert connection.execute("select ?", 1).fetchval() == 1
    connection.commit()
    connection.execute("select ?", 2).fetchall()
    connection.rollback()
    connection.close()
    session = world.engine.sessions[0]
    assert session.closed.wait(WAIT)
    ended = [what for what in session.happened if what != "begin"]
    assert ended[:2] == ["commit", "rollback"]
    sent = [event["sql"] for event in world.ledger.events("sql") if event["sql"].endswith("TRANSACTION")]
    assert [text.split()[0].lower() for text in sent][:3] == ["begin", "commit", "begin"]
    assert not world.tds("error")


def test_autocommit_begins_nothing(world: World, connect, driver: str) -> None:
    connect(world).execute("select ?", 1).fetchall()
    assert not world.engine.sessions[0].happened


def test_use_is_told_to_the_driver(world: World, connect, driver: str, pyodbc) -> None:
    connection = connect(world)
    connection.execute("use [Shop]")
    assert connection.getinfo(pyodbc.SQL_DATABASE_NAME) == "Shop"
    assert world.engine.sessions[0].database == "Shop"


def test_who_the_server_is(world: World, connect, driver: str, pyodbc) -> None:
    connection = connect(world)
    assert connection.getinfo(pyodbc.SQL_DBMS_NAME) == "Microsoft SQL Server"
    version = connection.getinfo(pyodbc.SQL_DBMS_VER)
    assert version.split(".")[0] == "16"
    assert "4135" in version


def test_type_information(world: World, connect, driver: str, pyodbc) -> None:
    cursor = connect(world).cursor()
    assert {row.type_name for row in cursor.getTypeInfo(pyodbc.SQL_WVARCHAR)} == {"nvarchar"}
    assert len(cursor.getTypeInfo().fetchall()) >= 25


# ------------------------------------------------------------------------------------------------ procedures


def procedure(_session: EchoSession, params: Parameters, out: Output) -> None:
    out.rowset(INT, [[len(params)]])


def increment(_session: EchoSession, params: Parameters, out: Output) -> None:
    assert isinstance(params["P2"], int)
    params["P2"] += 1
    out.done()


def test_a_procedure_call_comes_as_its_exec_statement(world: World) -> None:
    pytds = pytest.importorskip("pytds")
    world.engine.statements["EXEC sp_it @P1, @P2 OUTPUT"] = increment
    world.engine.statements["EXEC sp_it @a = @a, @b = @b"] = procedure
    with pytds.connect("127.0.0.1", port=world.port, user="sa", password=PASSWORD, autocommit=True) as connection:
        cursor = connection.cursor()
        assert list(cursor.callproc("sp_it", ["é", pytds.output(value=41, param_type="int")])) == ["é", 42]
        assert cursor.get_proc_return_status() == 0
        cursor.callproc("sp_it", {"@a": 1, "@b": None})
        assert cursor.fetchall() == [(2,)]
        with pytest.raises(pytds.Error, match="Incorrect syntax near 'EXEC sp_missing'"):
            cursor.callproc("sp_missing")


def test_a_procedure_call_through_odbc(world: World, connect, driver: str) -> None:
    world.engine.statements["EXEC sp_it @P1, @P2"] = lambda _session, params, out: out.rowset(INT, [[params["P1"]], [params["P2"]]])
    cursor = connect(world).cursor()
    for first in (3, 5):  # the second time by its handle
        assert [row.n for row in cursor.execute("{call sp_it(?, ?)}", first, 4)] == [first, 4]


def test_a_parameter_that_is_missing(world: World) -> None:
    pytds = pytest.importorskip("pytds")
    with pytds.connect("127.0.0.1", port=world.port, user="sa", password=PASSWORD, autocommit=True) as connection:
        cursor = connection.cursor()
        with pytest.raises(pytds.Error, match="expects the parameter '@b', which was not supplied"):
            cursor.callproc("sp_executesql", ["select @a", "@a int, @b int", 1])
        with pytest.raises(pytds.Error, match="Could not find prepared statement with handle 99"):
            cursor.callproc("sp_execute", [99])
        with pytest.raises(pytds.Error, match="server cursors are not supported"):
            cursor.callproc("sp_cursoropen", [1])


def test_an_output_parameter_of_a_statement(world: World) -> None:
    pytds = pytest.importorskip("pytds")

    def add(_session: EchoSession, params: Parameters, out: Output) -> None:
        assert isinstance(params["o"], int)
        params["o"] += 1
        out.done()

    world.engine.statements["set @o = @o + 1"] = add
    with pytds.connect("127.0.0.1", port=world.port, user="sa", password=PASSWORD, autocommit=True) as connection:
        cursor = connection.cursor()
        parameters = ("set @o = @o + 1", "@o int OUTPUT", pytds.output(value=1, param_type="int"))
        assert list(cursor.callproc("sp_executesql", parameters))[2] == 2


def test_the_mssql_python_package(world: World) -> None:
    """Microsoft's own Python driver, which brings the ODBC driver along."""
    mssql_python = pytest.importorskip("mssql_python")
    words = f"Server=127.0.0.1,{world.port};Database=master;UID=sa;PWD={{{PASSWORD}}};Encrypt=yes;TrustServerCertificate=yes"
    connection = mssql_python.connect(words, autocommit=True)
    cursor = connection.cursor()
    cursor.execute("select ?, ?", "é😀", 7)
    assert tuple(cursor.fetchone()) == ("é😀", 7)
    with pytest.raises(mssql_python.Error, match="Incorrect syntax near 'nonsense'"):
        cursor.execute("nonsense")
    connection.close()
    assert [login["encrypted"] for login in world.tds("login")] == [True]


def test_the_wrong_description_of_a_result_is_a_fault_of_the_lab(world: World, pyodbc) -> None:
    world.engine.answers("wrong", [("v", "nvarchar(2)")], [["too long"]])
    connection = pyodbc.connect(dsn("freetds", world.port), autocommit=True, timeout=patient(10))
    with pytest.raises(pyodbc.Error, match=r"lab: internal error.*does not fit"):
        connection.execute("wrong").fetchall()
    assert connection.execute("select ?", 1).fetchval() == 1
    connection.close()
