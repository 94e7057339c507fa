# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases that cannot be opened, and transactions that are being undone."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from lab.sql import states, undoing
from lab.tds.engine_api import SqlError
from lab_tests.sql.conftest import Client, World, numbers


def state(boss: Client) -> str:
    return str(boss.one("SELECT state_desc FROM sys.databases WHERE name = 'Shop'"))


@pytest.mark.parametrize(("name", "number"), [("SUSPECT", 926), ("RECOVERY_PENDING", 945)])
def test_a_database_that_broke_down(world: World, boss: Client, name: str, number: int) -> None:
    world.sample()
    other = world.connect(database="Shop")
    states.break_down(world.server, "Shop", name)
    assert (other.disconnected, state(boss)) == ([True], name)
    assert boss.fails("USE Shop").number == number
    assert boss.fails("SELECT * FROM Shop.dbo.Item").number == number
    with pytest.raises(SqlError) as refused:
        world.server.open("Shop", login="boss")
    assert numbers(refused.value) == [4060, 18456]
    assert numbers(boss.fails("ALTER DATABASE Shop MODIFY NAME = Other")) == [number, 5069]
    assert numbers(boss.fails("ALTER DATABASE Shop SET ONLINE")) == [number, 5181, 5069]
    assert state(boss) == name
    paths = boss.rows("SELECT physical_name FROM sys.master_files WHERE database_id = DB_ID('Shop')")
    boss.run("ALTER DATABASE Shop SET OFFLINE WITH ROLLBACK IMMEDIATE")
    assert numbers(boss.fails("ALTER DATABASE Shop MODIFY NAME = Other")) == [942, 5069]
    boss.run("DROP DATABASE Shop")
    assert paths and all(world.real(str(path)).exists() for (path,) in paths), "DROP DATABASE leaves the files of one that is offline"


def test_a_database_that_is_mended_comes_online(world: World, boss: Client) -> None:
    world.sample()
    states.break_down(world.server, "Shop")
    states.mend(world.server, "Shop")
    boss.run("ALTER DATABASE Shop SET ONLINE")
    assert boss.one("SELECT COUNT(*) FROM Shop.dbo.Item") == 200


def test_emergency_is_for_administrators(world: World, boss: Client) -> None:
    world.sample()
    world.server.add_login("maker", "Tr0ub4dor&3", roles={"dbcreator"})
    states.break_down(world.server, "Shop")
    maker = world.connect("maker")
    assert maker.fails("ALTER DATABASE Shop SET EMERGENCY").number == 5011
    boss.run("ALTER DATABASE Shop SET EMERGENCY")
    assert state(boss) == "EMERGENCY"
    assert boss.one("SELECT COUNT(*) FROM Shop.dbo.Item") == 200
    assert maker.fails("USE Shop").number == 923


def test_what_was_open_is_undone_after_the_client_has_gone(make_world: Callable[..., World]) -> None:
    world = make_world(scale=20.0)
    boss = world.connect()
    world.sample()
    world.server.machine.faults.arm("sql.undo", database="Shop", program="Octopus Server", seconds=40)
    product = world.server.open("Shop", login="boss", host="OCTO01", program="Octopus Server")
    spid = product.spid
    product.close()
    asked = "SELECT command, percent_complete, estimated_completion_time FROM sys.dm_exec_requests WHERE session_id = @spid"
    (first,) = boss.rows(asked, spid=spid)
    assert first[0] == "KILLED/ROLLBACK"
    world.server.clock.sleep(5)
    (second,) = boss.rows(asked, spid=spid)
    assert float(str(second[1])) > float(str(first[1])) and int(str(second[2])) < int(str(first[2]))
    assert boss.one("SELECT COUNT(*) FROM sys.dm_exec_sessions WHERE database_id = DB_ID('Shop')") == 1
    told = boss.run(f"KILL {spid}")
    assert [number for number, _text in told.messages] == [6120]
    assert boss.fails("DROP DATABASE Shop").number == 3702
    boss.run("ALTER DATABASE Shop SET SINGLE_USER WITH ROLLBACK IMMEDIATE")  # it waits
    assert boss.rows(asked, spid=spid) == []
    boss.run("DROP DATABASE Shop")


def test_what_is_undone_may_stay_where_it_is(world: World, boss: Client) -> None:
    world.sample()
    product = world.server.open("Shop", login="boss", host="OCTO01", program="Octopus Server")
    client = product.client
    product.close()
    undoing.undo(world.server, client.database, client, 1, stuck=40)
    world.server.clock.sleep(3)
    assert boss.one(f"SELECT percent_complete FROM sys.dm_exec_requests WHERE session_id = {client.spid}") == 40


def test_a_database_breaks_down_when_its_session_ends(world: World, boss: Client) -> None:
    world.sample()
    world.server.machine.faults.arm("sql.break", database="Shop", state="RECOVERY_PENDING")
    thread = threading.Thread(target=world.server.open("Shop", login="boss").close)
    thread.start()
    thread.join(10)
    assert state(boss) == "RECOVERY_PENDING"
