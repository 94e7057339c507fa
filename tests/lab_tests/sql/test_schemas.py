# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Schemas of a database: made, seen, part of a transaction and of a backup."""

from __future__ import annotations

from lab_tests.sql.conftest import Client, World, numbers


def test_tables_of_a_schema(world: World, boss: Client) -> None:
    world.sample()
    boss.run("USE Shop")
    assert boss.fails("CREATE TABLE own.Note (Id int)").number == 2760
    boss.run("CREATE SCHEMA [own] AUTHORIZATION dbo")
    assert boss.rows("SELECT name FROM sys.schemas WHERE name = 'OWN'") == [("own",)]
    boss.run("CREATE TABLE [own].[Note] (Id int IDENTITY(1,1) PRIMARY KEY, Text nvarchar(max) NOT NULL)")
    boss.run("INSERT INTO own.Note (Text) VALUES (N'a'), (N'b')")
    assert boss.rows("SELECT Id, Text FROM own.Note ORDER BY Id DESC") == [(2, "b"), (1, "a")]
    assert boss.one("SELECT CASE WHEN OBJECT_ID('[own].[Note]') IS NULL THEN 0 ELSE 1 END") == 1
    assert boss.fails("SELECT * FROM Note").number == 208
    assert boss.rows("SELECT TABLE_SCHEMA FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME = 'Note'") == [("own",)]
    assert boss.rows("SELECT name FROM sys.tables WHERE schema_id = SCHEMA_ID('dbo') AND name LIKE 'lab%'") == []


def test_what_is_refused(world: World, boss: Client) -> None:
    world.sample()
    boss.run("USE Shop")
    boss.run("CREATE SCHEMA own")
    assert numbers(boss.fails("CREATE SCHEMA OWN")) == [2714, 2759]
    assert numbers(boss.fails("CREATE SCHEMA dbo")) == [2714, 2759]
    assert boss.fails("SELECT 1 CREATE SCHEMA other").number == 111
    assert boss.fails("CREATE SCHEMA other AUTHORIZATION somebody").message.startswith("lab:")
    assert boss.fails("CREATE SCHEMA other CREATE TABLE t (a int)").message.startswith("lab:")


def test_a_schema_is_part_of_the_transaction(world: World, boss: Client) -> None:
    world.sample()
    boss.run("USE Shop")
    boss.run("BEGIN TRANSACTION")
    boss.run("CREATE SCHEMA own")
    boss.run("CREATE TABLE own.Note (Id int)")
    boss.run("ROLLBACK TRANSACTION")
    assert boss.rows("SELECT name FROM sys.schemas WHERE name = 'own'") == []
    assert boss.fails("SELECT * FROM own.Note").number == 208
    boss.run("CREATE SCHEMA own")


def test_the_permission(world: World, boss: Client) -> None:
    world.sample()
    world.server.add_login("plain", "Tr0ub4dor&3")
    shop = world.server.database("Shop")
    assert shop is not None
    shop.add_user("plain", {"db_datareader", "db_datawriter"})
    plain = world.connect("plain")
    plain.run("USE Shop")
    assert plain.fails("CREATE SCHEMA own").number == 262
    shop.users["plain"].roles.add("db_owner")
    plain.run("CREATE SCHEMA own")
