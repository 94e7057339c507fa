# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Batches: control of flow, errors, variables, transactions, messages."""

from __future__ import annotations

import pytest
from lab.tds.engine_api import Attention, Parameters
from lab.tds.types import SqlType
from lab_tests.sql.collector import Collector
from lab_tests.sql.conftest import Client, World


def test_statements_need_no_separator(boss: Client) -> None:
    answer = boss.run("SELECT 1 SELECT 2; ; SELECT CASE WHEN 1 = 1 THEN 3 ELSE 0 END PRINT 'x' -- end\n/* a /* nested */ comment */")
    assert [one.rows for one in answer.rowsets] == [[(1,)], [(2,)], [(3,)]]
    assert answer.messages == [(0, "x")]


def test_if_while_and_blocks(boss: Client) -> None:
    sql = """
        DECLARE @i int = 0, @text nvarchar(50) = N''
        WHILE @i < 10
        BEGIN
            SET @i += 1
            IF @i = 2 CONTINUE
            IF @i > 4 BREAK
            IF @i % 2 = 0 SET @text = @text + N'even;' ELSE BEGIN SET @text = @text + N'odd;' END
        END
        SELECT @text AS text, @i AS i
    """
    assert boss.rows(sql) == [("odd;odd;even;", 5)]


def test_return_ends_the_batch(boss: Client) -> None:
    assert len(boss.run("SELECT 1 IF 1 = 1 RETURN SELECT 2").rowsets) == 1


def test_a_statements_error_lets_the_batch_go_on(boss: Client) -> None:
    answer = boss.run("SELECT 1/0; SELECT @@ERROR; SELECT 2")
    assert [error.number for error in answer.errors] == [8134]
    assert [one.rows[0][0] for one in answer.rowsets] == [8134, 2]


def test_a_batch_that_cannot_be_read_does_not_begin(boss: Client) -> None:
    answer = Collector()
    with pytest.raises(Exception, match="102"):
        boss.run("SELECT 1; END", out=answer)
    assert not answer.rowsets


def test_an_unknown_table_ends_the_batch(boss: Client) -> None:
    answer = Collector()
    with pytest.raises(Exception, match="208"):
        boss.run("SELECT 1; SELECT * FROM nope; SELECT 2", out=answer)
    assert len(answer.rowsets) == 1


def test_xact_abort(boss: Client) -> None:
    assert boss.fails("SET XACT_ABORT ON; BEGIN TRAN; SELECT 1/0; SELECT 2").number == 8134
    assert boss.one("SELECT @@TRANCOUNT") == 0


def test_try_and_catch(boss: Client) -> None:
    sql = """
        BEGIN TRY
            RAISERROR (N'lost %d of %s', 16, 3, 5, N'them')
            SELECT 'not reached'
        END TRY
        BEGIN CATCH
            SELECT ERROR_NUMBER(), ERROR_MESSAGE(), ERROR_SEVERITY(), ERROR_STATE()
        END CATCH
        SELECT ERROR_NUMBER()
    """
    answer = boss.run(sql)
    assert [one.rows for one in answer.rowsets] == [[(50000, "lost 5 of them", 16, 3)], [(None,)]]
    error = boss.fails("BEGIN TRY SELECT 1/0 END TRY BEGIN CATCH THROW END CATCH")
    assert error.number == 8134
    thrown = boss.fails("THROW 51000, 'mine', 1; SELECT 2")
    assert (thrown.number, thrown.message) == (51000, "mine")


def test_messages(boss: Client) -> None:
    answer = boss.run("PRINT N'a' + CAST(5 AS nvarchar(9)); RAISERROR ('seen', 10, 1) WITH NOWAIT")
    assert answer.messages == [(0, "a5"), (50000, "seen")]


def test_select_assigns(world: World, boss: Client) -> None:
    world.sample(rows=5)
    assert boss.rows("DECLARE @a int, @b nvarchar(20); SELECT @a = Id, @b = Name FROM Shop.dbo.Item ORDER BY Id; SELECT @a, @b") == [
        (4, "Item 4")
    ]
    assert boss.fails("DECLARE @a int; SELECT @a = 1, 2").number == 141


def test_executesql(boss: Client) -> None:
    sql = (
        "DECLARE @out int, @sql nvarchar(200) = N'SET @r = @a * 2; USE tempdb; SELECT DB_NAME()' "
        "EXEC sp_executesql @sql, N'@a int, @r int OUTPUT', @a = 21, @r = @out OUTPUT SELECT @out, DB_NAME()"
    )
    answer = boss.run(sql)
    assert [one.rows for one in answer.rowsets] == [[("tempdb",)], [(42, "master")]]
    assert boss.one("EXEC ('SELECT ' + '7')") == 7
    assert boss.fails("EXEC sp_executesql N'SELECT @a', N'@a int'").number == 8178
    assert boss.fails("DECLARE @v int = 1; EXEC ('SELECT @v')").number == 137


def test_output_parameters_of_a_call(boss: Client) -> None:
    params = Parameters({"a": 5, "r": None}.items(), {"a": SqlType("int"), "r": SqlType("int")})
    boss.run("SET @r = @a + 1", params)
    assert params["r"] == 6


def test_transactions(world: World, boss: Client) -> None:
    world.sample(rows=3)
    other = world.connect()
    answer = boss.run("BEGIN TRAN; BEGIN TRAN; DELETE FROM Shop.dbo.Item; COMMIT; SELECT @@TRANCOUNT")
    assert answer.rowsets[0].rows == [(1,)] and answer.transactions == ["began"]
    assert other.one("SELECT COUNT(*) FROM Shop.dbo.Item") == 3
    assert boss.run("ROLLBACK").transactions == ["rolled back"]
    assert boss.one("SELECT COUNT(*) FROM Shop.dbo.Item") == 3
    assert boss.fails("COMMIT").number == 3902 and boss.fails("ROLLBACK").number == 3903
    boss.run("SET IMPLICIT_TRANSACTIONS ON")
    assert boss.run("DELETE FROM Shop.dbo.Item WHERE Id = 1").transactions == ["began"]
    boss.run("COMMIT")
    assert other.one("SELECT COUNT(*) FROM Shop.dbo.Item") == 2


def test_nocount(boss: Client) -> None:
    assert boss.run("SET NOCOUNT ON; SELECT 1; SET NOCOUNT OFF; SELECT 1").counts[1] is None


def test_use(world: World, boss: Client) -> None:
    world.sample("a]b", rows=2)
    answer = boss.run("USE [a]]b]; SELECT COUNT(*) FROM Item")
    assert answer.databases == ["a]b"] and answer.rowsets[0].rows == [(2,)]
    assert answer.messages == [(5701, "Changed database context to 'a]b'.")]
    assert boss.fails("USE nope").number == 911


def test_waiting_can_be_cancelled(boss: Client) -> None:
    def cancel() -> None:
        raise Attention

    with pytest.raises(Attention):
        boss.run("WAITFOR DELAY '10:00:00'", out=Collector(on_poll=cancel))
    boss.run("WAITFOR DELAY '00:00:00.5'")


def test_reset_forgets(world: World, boss: Client) -> None:
    world.sample()
    boss.run("USE Shop; SELECT 1 AS a INTO #t; BEGIN TRAN; SET NOCOUNT ON; DELETE FROM Item")
    boss.session.reset()
    assert boss.rows("SELECT DB_NAME(), @@TRANCOUNT, OBJECT_ID('tempdb..#t')") == [("master", 0, None)]
    assert boss.one("SELECT COUNT(*) FROM Shop.dbo.Item") == 200


@pytest.mark.parametrize(("cast", "number"), [("'x' AS int", 245), ("'x' AS datetime", 241)])
def test_a_conversion_error_rolls_back_without_xact_abort(boss: Client, cast: str, number: int) -> None:
    boss.run("CREATE TABLE converted (id int)")
    assert boss.fails(f"BEGIN TRAN; INSERT INTO converted VALUES (1); SELECT CAST({cast})").number == number
    assert boss.rows("SELECT @@TRANCOUNT AS open_ones") == [(0,)]
    assert boss.rows("SELECT COUNT(*) FROM converted") == [(0,)]
