# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Queries, functions and views of the system."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal

import pytest
from lab.tds.engine_api import Parameters
from lab.tds.types import SqlType
from lab_tests.sql.conftest import Client, World


@pytest.fixture(autouse=True)
def shop(world: World, boss: Client) -> None:
    world.sample(rows=20)
    boss.run("USE Shop")


SCALARS: list[tuple[str, object]] = [
    ("1 + 2 * 3", 7),
    ("7 / 2", 3),
    ("-7 / 2", -3),
    ("7 % 4", 3),
    ("7.0 / 2", 3.5),
    ("'a' + N'b'", "ab"),
    ("'5' + 1", 6),
    ("NULL + 'x'", None),
    ("LEN('ab  ')", 2),
    ("DATALENGTH(N'ab')", 4),
    ("UPPER('aé')", "AÉ"),
    ("SUBSTRING('abcdef', 2, 3)", "bcd"),
    ("LEFT('abc', 2)", "ab"),
    ("RIGHT('abc', 2)", "bc"),
    ("CHARINDEX('C', 'abc')", 3),
    ("REPLACE('aXa', 'x', 'b')", "aba"),
    ("STUFF('abc', 2, 1, 'ZZ')", "aZZc"),
    ("ISNULL(NULL, 'x')", "x"),
    ("COALESCE(NULL, NULL, 3)", 3),
    ("IIF(1 = 2, 'a', 'b')", "b"),
    ("CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' END", "b"),
    ("CASE WHEN NULL = NULL THEN 1 ELSE 0 END", 0),
    ("NULLIF(1, 1)", None),
    ("QUOTENAME('a]b')", "[a]]b]"),
    ("QUOTENAME('a''b', '''')", "'a''b'"),
    ("PARSENAME('[a.b].c', 2)", "a.b"),
    ("REPLICATE('ab', 2)", "abab"),
    ("CONCAT('a', NULL, 1)", "a1"),
    ("CONCAT_WS('-', 'a', NULL, 'b')", "a-b"),
    ("CASE WHEN 'ABC' = 'abc' THEN 1 ELSE 0 END", 1),
    ("CASE WHEN 'abc' LIKE 'A[a-c]_' THEN 1 ELSE 0 END", 1),
    ("CASE WHEN 'a%b' LIKE 'a!%b' ESCAPE '!' THEN 1 ELSE 0 END", 1),
    ("CASE WHEN 'b' NOT IN ('A', 'B') THEN 1 ELSE 0 END", 0),
    ("CAST('12' AS int)", 12),
    ("CAST(1.6 AS int)", 1),
    ("CAST(1 AS bit)", 1),
    ("CAST('abc' AS nvarchar(2))", "ab"),
    ("TRY_CAST('x' AS int)", None),
    ("CAST('1.255' AS decimal(10, 2))", 1.26),
    ("CONVERT(varchar(10), CAST('2026-11-23 01:02:03' AS datetime2), 23)", "2026-11-23"),
    ("CONVERT(nvarchar(30), CAST('2026-11-23T01:02:03' AS datetime), 121)", "2026-11-23 01:02:03.000"),
    ("CONVERT(varchar(10), 0x0aff, 1)", "0x0AFF"),
    ("DATEDIFF(day, '2026-01-31', '2026-02-01')", 1),
    ("DATEDIFF(year, '2025-12-31', '2026-01-01')", 1),
    ("DATEDIFF(second, '2026-01-01', '2026-01-01 00:01:00.9')", 60),
    ("DATEDIFF(hour, '2026-01-01 00:59', '2026-01-01 01:01')", 1),
    ("CONVERT(varchar(30), DATEADD(month, 1, CAST('2026-01-31' AS datetime2)), 120)", "2026-02-28 00:00:00"),
    ("DATEPART(weekday, '2026-11-23')", 2),
    ("YEAR('2026-11-23')", 2026),
    ("ISDATE('nonsense')", 0),
    ("ABS(-3)", 3),
    ("ROUND(2.345, 2)", 2.35),
    ("CEILING(1.2)", 2.0),
    ("5 ^ 3", 6),
    ('JSON_VALUE(N\'{"a": {"b": [1, "x"]}}\', \'$.a.b[1]\')', "x"),
    ("JSON_VALUE(N'{\"a\": true}', 'lax $.a')", "true"),
    ("JSON_VALUE(N'{\"a\": {}}', '$.a')", None),
    ("JSON_MODIFY(N'{\"a\":1}', '$.b', 'x')", '{"a":1,"b":"x"}'),
    ("JSON_MODIFY(N'{\"a\":1}', '$.a', NULL)", "{}"),
    ("ISJSON('{}')", 1),
    ("ISJSON('x')", 0),
    ("DB_NAME()", "Shop"),
    ("DB_ID('nope')", None),
    ("COL_LENGTH('dbo.Item', 'Name')", 100),
    ("COL_LENGTH('Item', 'Note')", -1),
    ("COL_LENGTH('Item', 'nope')", None),
    ("OBJECT_ID('nope')", None),
    ("OBJECT_NAME(OBJECT_ID('[Shop].[dbo].[Item]'))", "Item"),
    ("HAS_DBACCESS('nope')", None),
    ("HAS_DBACCESS('Shop')", 1),
    ("IS_SRVROLEMEMBER('sysadmin')", 1),
    ("IS_SRVROLEMEMBER('nope')", None),
    ("HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE')", 1),
    ("SUSER_SNAME()", "boss"),
    ("USER_NAME()", "dbo"),
    ("APP_NAME()", "test"),
    ("@@SERVERNAME", "SQL01"),
    ("@@TRANCOUNT", 0),
    ("CAST(SERVERPROPERTY('ProductMajorVersion') AS int)", 14),
    ("SERVERPROPERTY('nope')", None),
    ("DATABASEPROPERTYEX('Shop', 'Recovery')", "FULL"),
    ("DATABASEPROPERTYEX('Shop', 'Status')", "ONLINE"),
    ("(SELECT MAX(Id) FROM Item)", 19),
    ("CASE WHEN EXISTS (SELECT 1 FROM Item WHERE Id = 99) THEN 1 ELSE 0 END", 0),
]


@pytest.mark.parametrize(("expression", "expected"), SCALARS)
def test_scalars(boss: Client, expression: str, expected: object) -> None:
    assert boss.one(f"SELECT {expression}") == expected


QUERIES: list[tuple[str, list[tuple[object, ...]]]] = [
    ("SELECT TOP (2) Id, Name FROM dbo.Item ORDER BY Id DESC", [(19, "Item 19"), (18, "Item 18")]),
    ("SELECT Id FROM [Shop]..[Item] AS i WHERE i.Name = N'ITEM 3'", [(3,)]),
    ("SELECT COUNT(*) AS n, SUM(Id), AVG(Id), MIN(Name) FROM Item WITH (NOLOCK)", [(20, 190, 9, "Item 0")]),
    ("SELECT Id % 2 AS odd, COUNT(*) FROM Item GROUP BY Id % 2 HAVING COUNT(*) > 1 ORDER BY odd", [(0, 10), (1, 10)]),
    ("SELECT a.Id FROM Item a LEFT JOIN Item b ON b.Id = a.Id + 18 WHERE b.Id IS NOT NULL ORDER BY 1", [(0,), (1,)]),
    ("WITH c AS (SELECT Id FROM Item WHERE Id < 3) SELECT * FROM c UNION ALL SELECT 9 ORDER BY Id DESC", [(9,), (2,), (1,), (0,)]),
    ("SELECT Id FROM Item ORDER BY Id OFFSET 3 ROWS FETCH NEXT 2 ROWS ONLY", [(3,), (4,)]),
    ("SELECT DISTINCT Id / 10 AS tens FROM Item", [(0,), (1,)]),
    ("SELECT x.n FROM (SELECT TOP 1 Id AS n FROM Item ORDER BY Id) AS x", [(0,)]),
    ("SELECT v.a, v.b FROM (VALUES (1, 'x'), (2, 'y')) AS v(a, b)", [(1, "x"), (2, "y")]),
    ("SELECT value FROM STRING_SPLIT('a,b', ',')", [("a",), ("b",)]),
    ("SELECT STRING_AGG(Name, '; ') WITHIN GROUP (ORDER BY Id DESC) FROM Item WHERE Id < 2", [("Item 1; Item 0",)]),
    ("SELECT ROW_NUMBER() OVER (ORDER BY Id DESC) AS r, Id FROM Item WHERE Id > 17 ORDER BY r", [(1, 19), (2, 18)]),
    ("SELECT Id FROM Item i WHERE EXISTS (SELECT 1 FROM Item j WHERE j.Id = i.Id * 10 AND j.Id > 0)", [(1,)]),
    ("SELECT name FROM sys.tables", [("Item",)]),
    (
        "SELECT c.name, t.name FROM sys.columns c JOIN sys.types t ON t.user_type_id = c.user_type_id WHERE c.object_id = OBJECT_ID('Item') ORDER BY column_id",
        [("Id", "int"), ("Name", "nvarchar"), ("Note", "nvarchar")],
    ),
    ("SELECT TABLE_SCHEMA, TABLE_NAME FROM INFORMATION_SCHEMA.TABLES", [("dbo", "Item")]),
    ("SELECT name FROM Shop.sys.database_files ORDER BY file_id", [("Shop",), ("Shop_log",)]),
    ("SELECT p.rows FROM sys.partitions p WHERE object_id = OBJECT_ID('Item')", [(20,)]),
    ("SELECT file_exists, file_is_a_directory FROM sys.dm_os_file_exists(N'D:\\Backup')", [(0, 1)]),
    ("SELECT value_in_use FROM sys.configurations WHERE name = 'backup compression default'", [(0,)]),
    (
        "SELECT r.name FROM sys.server_role_members m JOIN sys.server_principals r ON r.principal_id = m.role_principal_id "
        "JOIN sys.server_principals p ON p.principal_id = m.member_principal_id WHERE p.name = 'boss'",
        [("sysadmin",)],
    ),
    (
        "SELECT login_name, host_name, program_name, DB_NAME(database_id) FROM sys.dm_exec_sessions WHERE session_id = @@SPID",
        [("boss", "client", "test", "Shop")],
    ),
]


@pytest.mark.parametrize(("query", "expected"), QUERIES)
def test_queries(boss: Client, query: str, expected: list[tuple[object, ...]]) -> None:
    assert boss.rows(query) == expected


ERRORS: list[tuple[str, int]] = [
    ("SELECT nope FROM Item", 207),
    ("SELECT i.nope FROM Item i", 207),
    ("SELECT x.Id FROM Item i", 4104),
    ("SELECT * FROM nope", 208),
    ("SELECT * FROM nope.dbo.t", 911),
    ("SELECT * FROM sys.nope", 208),
    ("SELECT nope(1)", 195),
    ("SELECT FROM", 102),
    ("SELEC 1", 102),
    ("SELEC", 2812),
    ("SELECT 'open", 105),
    ("SELECT /* open", 113),
    ("SELECT @nope", 137),
    ("SELECT 1/0", 8134),
    ("SELECT CAST('x' AS int)", 245),
    ("SELECT CAST('x' AS datetime)", 241),
    ("SELECT CAST('x' AS uniqueidentifier)", 8169),
    ("SELECT CAST(300 AS tinyint)", 220),
    ("SELECT a.Id, b.Id FROM Item a, Item b WHERE Id = 1", 209),
    ("SELECT 1 UNION SELECT 1, 2", 205),
    ("INSERT INTO Item (Id) VALUES (1)", 2627),
    ("INSERT INTO Item (Name) VALUES ('x')", 515),
    ("INSERT INTO Item VALUES (1)", 213),
    ("UPDATE Item SET nope = 1", 207),
    ("INSERT INTO Item (Id, Name) VALUES (99, REPLICATE('x', 51))", 8152),
    ("CREATE TABLE Item (a int)", 2714),
    ("DROP TABLE nope", 3701),
    ("EXEC nope 1", 2812),
    ("SELECT LEN()", 174),
    ("CREATE TABLE t (a nonsense)", 243),
    ("DECLARE @x nonsense", 2715),
]


@pytest.mark.parametrize(("sql", "number"), ERRORS)
def test_errors(boss: Client, sql: str, number: int) -> None:
    assert boss.fails(sql).number == number


GAPS = [
    "SELECT * FROM Item FOR JSON PATH",
    "MERGE Item USING Item b ON 1 = 1 WHEN MATCHED THEN DELETE;",
    "CREATE PROCEDURE p AS SELECT 1",
    "DECLARE c CURSOR FOR SELECT 1",
    "SELECT TOP 5 PERCENT Id FROM Item",
    "INSERT INTO Item (Id) OUTPUT inserted.Id VALUES (100)",
    "DECLARE @t TABLE (a int)",
    "SELECT * FROM Item TABLESAMPLE (5 PERCENT)",
    "DBCC SHRINKDATABASE (Shop)",
    "SELECT Id FROM Item PIVOT (MAX(Id) FOR Name IN (a)) p",
]


@pytest.mark.parametrize("sql", GAPS)
def test_what_the_lab_lacks_is_said_loudly(boss: Client, sql: str) -> None:
    error = boss.fails(sql)
    assert error.number == 50000 and error.message.startswith("lab: ")
    if not sql.startswith("CREATE"):  # a procedure's text goes on to the end of the batch
        assert boss.fails(f"BEGIN TRY {sql} END TRY BEGIN CATCH SELECT 1 END CATCH").number == 50000


def test_result_types(boss: Client) -> None:
    found = boss.run(
        "SELECT Id, Name, Note, 1 AS i, 'x' AS v, N'é' AS n, GETDATE() AS d, SYSDATETIMEOFFSET() AS o, NEWID() AS g, CAST(1 AS bit) AS b, "
        "COUNT(*) OVER () AS c, CAST(2 AS decimal(9, 3)) AS m, 0x01 AS x FROM Item WHERE Id = 1"
    ).rowsets[0]
    assert found.types() == [
        "int",
        "nvarchar(50)",
        "nvarchar(max)",
        "int",
        "varchar(1)",
        "nvarchar(1)",
        "datetime",
        "datetimeoffset(7)",
        "uniqueidentifier",
        "bit",
        "int",
        "numeric(9,3)",
        "varbinary(1)",
    ]
    assert found.names[3:6] == ["i", "v", "n"]


def test_parameters_of_every_kind(boss: Client) -> None:
    moment = datetime(2026, 11, 23, 1, 2, 3, 400000, tzinfo=timezone.utc)
    values = {
        "a": 5,
        "b": "é",
        "c": None,
        "d": Decimal("1.50"),
        "e": b"\x01",
        "f": moment,
        "g": True,
        "h": datetime(2026, 1, 1),
        "i": 2.5,
    }
    types = {name: SqlType.of(value) for name, value in values.items()}
    sql = "SELECT @a, @b, @c, @d, @e, @f, @g, @h, @i, CASE WHEN @h < GETDATE() THEN 1 ELSE 0 END"
    (row,) = boss.run(sql, Parameters(values.items(), types)).rowsets[0].rows
    assert row == (5, "é", None, 1.5, b"\x01", "2026-11-23T01:02:03.400000+00:00", 1, "2026-01-01 00:00:00", 2.5, 1) or row[9] == 1


def test_moments_compare_whatever_their_form(world: World, boss: Client) -> None:
    boss.run("CREATE TABLE m (a datetimeoffset, b datetime); INSERT INTO m VALUES ('2026-11-23 10:00 +02:00', '2026-11-23 08:00')")
    assert boss.one("SELECT COUNT(*) FROM m WHERE a = '2026-11-23T08:00:00Z' AND b = '20261123 08:00:00' AND a >= b") == 1
    assert boss.one("SELECT DATEDIFF(second, a, b) FROM m") == 0
    (row,) = boss.run("SELECT b FROM m WHERE b >= @p", Parameters({"p": datetime(2026, 11, 23, 8)}.items())).rowsets[0].rows
    assert row[0] == "2026-11-23 08:00:00"


def test_version_gates(make_world: Callable[..., World]) -> None:
    old = make_world(version="12.0.6449.1").connect()
    assert old.fails("SELECT JSON_VALUE('{}', '$.a')").number == 195
    assert old.fails("SELECT STRING_AGG(name, ',') FROM sys.databases").number == 195
    assert old.fails("SELECT * FROM sys.dm_os_file_exists('C:\\x')").number == 208
    assert old.one("SELECT SERVERPROPERTY('InstanceDefaultBackupPath')") is None
    assert make_world(version="15.0.4430.1").connect().one("SELECT SERVERPROPERTY('InstanceDefaultBackupPath')").endswith("Backup\\")


def test_what_a_plain_login_sees(world: World, boss: Client) -> None:
    world.server.add_login("plain", "Tr0ub4dor&3")
    plain = world.connect("plain")
    assert plain.one("SELECT COUNT(*) FROM sys.dm_exec_sessions") == 1
    assert plain.fails("SELECT * FROM sys.master_files f CROSS APPLY sys.dm_os_volume_stats(f.database_id, f.file_id) v").number == 300
    assert plain.rows("SELECT * FROM sys.master_files") == []
    assert plain.fails("USE Shop").number == 916
    assert plain.fails("SELECT * FROM Shop.dbo.Item").number == 916
    assert plain.rows(
        "SELECT HAS_DBACCESS('Shop'), IS_SRVROLEMEMBER('sysadmin'), HAS_PERMS_BY_NAME('Shop', 'DATABASE', 'BACKUP DATABASE')"
    ) == [(0, 0, 0)]
    boss.run("GRANT VIEW SERVER STATE TO plain")
    assert plain.one("SELECT COUNT(*) FROM sys.dm_exec_sessions") == 2
    shop = world.server.database("Shop")
    assert shop is not None
    shop.add_user("plain", {"db_datareader"})
    assert plain.one("SELECT COUNT(*) FROM Shop.dbo.Item") == 20
    assert plain.fails("DELETE FROM Shop.dbo.Item").number == 229
    assert plain.fails("CREATE TABLE Shop.dbo.t (a int)").number == 262


def test_changes_to_tables(boss: Client) -> None:
    boss.run("CREATE TABLE [a b] (Id int IDENTITY(1, 1) PRIMARY KEY, [x]]y] nvarchar(20) NOT NULL, d bit DEFAULT 1)")
    answer = boss.run(
        "INSERT INTO [a b] ([x]]y]) SELECT Name FROM Item WHERE Id < 3; "
        "UPDATE [a b] SET [x]]y] = UPPER([x]]y]) WHERE Id = 2; DELETE [a b] WHERE Id = 3"
    )
    assert answer.counts == [3, 1, 1]
    assert boss.rows("SELECT * FROM dbo.[a b]") == [(1, "Item 0", 1), (2, "ITEM 1", 1)]
    boss.run("ALTER TABLE [a b] ADD more int NULL; ALTER TABLE [a b] DROP COLUMN d; SELECT Id, more INTO #kept FROM [a b]")
    assert boss.rows("SELECT * FROM #kept") == [(1, None), (2, None)]
    boss.run("TRUNCATE TABLE [a b]; DROP TABLE IF EXISTS [a b], nope")
    assert boss.one("SELECT OBJECT_ID('[a b]')") is None
    assert boss.one("SELECT CASE WHEN OBJECT_ID('tempdb..#kept') IS NULL THEN 0 ELSE 1 END") == 1


def test_server_procedures(world: World, boss: Client) -> None:
    assert boss.rows("EXEC master.dbo.xp_fileexist N'D:\\Backup'") == [(0, 1, 1)]
    boss.run("EXEC master.dbo.xp_create_subdir N'D:\\Backup\\deep\\er'; EXEC xp_create_subdir N'D:\\Backup\\deep\\er'")
    assert boss.rows("EXEC xp_dirtree 'D:\\Backup', 0, 1") == [("deep", 1, 0), ("er", 2, 0)]
    assert boss.fails("EXEC xp_create_subdir N'Q:\\x'").number == 22048
    read = "DECLARE @p nvarchar(260); EXEC master.dbo.xp_instance_regread N'HKEY_LOCAL_MACHINE', N'Software\\x', N'BackupDirectory', @p OUTPUT; SELECT @p"
    assert boss.one(read) == world.server.backup_folder
