# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Database snapshots with both ODBC drivers: created, reverted to, dropped; and a database that is available again whatever happens."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from lab.core.filesystem import Logon
from lab.sql.database import Database, DatabaseFile
from lab.tds.engine_api import SqlError
from patience import patient
from scenarios.mssql.conftest import GIGABYTE, NAME, World

S = "Octopus_before"
WAIT = patient(20.0)


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return filled(make_world())


def filled(world: World) -> World:
    """Ten rows of a table, in the recovery model FULL with a log chain."""
    sql(
        world,
        "Octopus",
        'CREATE TABLE "Item" ("Id" "int" NOT NULL PRIMARY KEY, "Name" "nvarchar(50)")',
        *(f"INSERT INTO \"Item\" VALUES ({number}, 'old')" for number in range(10)),
    )
    return world


def sql(world: World, name: str, *statements: str) -> list[tuple[Any, ...]]:
    """Rows as the server's own storage has them."""
    connection = database(world, name).connect()
    rows: list[tuple[Any, ...]] = []
    try:
        for statement in statements:
            rows = connection.execute(statement).fetchall()
    finally:
        connection.close()
    return rows


def database(world: World, name: str) -> Database:
    found = world.sql.database(name)
    assert found is not None
    return found


def snapshot(world: World, check_mode: bool = False, **params: Any) -> dict[str, Any]:
    return world.module("mssql_snapshot", check_mode, **({"database": "Octopus", "name": S} | params))


def revert(world: World, check_mode: bool = False, **params: Any) -> dict[str, Any]:
    return world.module("mssql_snapshot_revert", check_mode, **({"database": "Octopus", "name": S} | params))


def info(world: World, **params: Any) -> dict[str, Any]:
    return world.module("mssql_snapshot_info", **({"database": "Octopus"} | params))


def act(world: World, wanted: str, check_mode: bool = False, **params: Any) -> dict[str, Any]:
    """Any of the three things that are done with a snapshot."""
    return revert(world, check_mode, **params) if wanted == "reverted" else snapshot(world, check_mode, state=wanted, **params)


def good(result: dict[str, Any]) -> dict[str, Any]:
    assert not result.get("failed"), result
    return result


def change(world: World) -> None:
    sql(world, "Octopus", 'DELETE FROM "Item" WHERE "Id" < 5', 'CREATE TABLE "New" ("Id" "int")')


def state(world: World) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    return (
        sql(world, "Octopus", 'SELECT * FROM "Item" ORDER BY "Id"'),
        sql(world, "Octopus", "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"),
    )


def test_taken_once_reverted_to_and_dropped(world: World) -> None:
    before = state(world)
    taken = good(snapshot(world))
    assert taken["changed"]
    (one,) = taken["snapshots"]
    assert (one["name"], one["state"], len(one["paths"])) == (S, "ONLINE", 1)
    assert one["paths"][0].endswith(f"\\DATA\\Octopus.{S}.ss") and world.is_file(one["paths"][0])
    assert taken["maximum_bytes"] >= GIGABYTE // 8 and taken["free_bytes"] > 0
    assert taken["obstacles"] == []
    ran = [event["sql"] for event in world.ledger.events("sql")]
    assert all(statement in ran for statement in taken["sql"])

    again = good(snapshot(world))
    assert (again["changed"], again["sql"], again["snapshots"]) == (False, [], taken["snapshots"])

    change(world)
    assert state(world) != before
    reverted = good(revert(world))
    assert (reverted["changed"], reverted["tables"], reverted["recovery_model"]) == (True, 1, "FULL")
    assert state(world) == before
    assert (database(world, "Octopus").state, database(world, "Octopus").user_access) == ("ONLINE", "MULTI_USER")
    assert [one["name"] for one in reverted["snapshots"]] == [S]
    ran = [event["sql"] for event in world.ledger.events("sql")]
    assert all(statement in ran for statement in reverted["sql"])

    dropped = good(snapshot(world, state="absent"))
    assert (dropped["changed"], dropped["snapshots"]) == (True, [])
    assert world.sql.database(S) is None and not world.is_file(one["paths"][0])
    assert good(snapshot(world, state="absent"))["changed"] is False
    assert state(world) == before


@pytest.mark.parametrize("wanted", ["present", "reverted", "absent"])
def test_check_mode_changes_nothing(world: World, wanted: str) -> None:
    if wanted != "present":
        good(snapshot(world))
    change(world)
    before, mark = state(world), world.ledger.mark()
    result = good(act(world, wanted, check_mode=True))
    assert result["changed"] and result["sql"]
    assert not world.ledger.events("file", since=mark)
    ran = {event["sql"].split()[0] for event in world.ledger.events("sql", since=mark)}
    assert not ran & {"CREATE", "DROP", "ALTER", "RESTORE", "USE", "KILL"}
    assert state(world) == before
    assert (world.sql.database(S) is None) == (wanted == "present")


def test_a_program_that_connects_again_by_itself_does_not_stop_a_revert(world: World) -> None:
    """As the product's own pool does: whoever is disconnected reconnects at once."""
    good(snapshot(world))
    change(world)
    there, done = threading.Event(), threading.Event()

    def come_back() -> None:
        while not done.wait(0.01):
            with contextlib.suppress(SqlError):
                world.sql.open("Octopus", login="backup", program="Octopus", host="octo01")
                there.set()

    product = threading.Thread(target=come_back)
    product.start()
    try:
        assert there.wait(WAIT)
        result = good(revert(world))
    finally:
        done.set()
        product.join()
    assert result["tables"] == 1
    assert len(state(world)[0]) == 10
    assert database(world, "Octopus").user_access == "MULTI_USER"


def test_somebody_who_took_the_only_connection_is_disconnected(world: World) -> None:
    """What a run has left that ended in between: SINGLE_USER, and somebody in it."""
    good(snapshot(world))
    change(world)
    database(world, "Octopus").user_access = "SINGLE_USER"
    intruder = world.sql.open("Octopus", login="backup", program="reports")
    result = good(revert(world))
    assert result["sql"][2] == "ALTER DATABASE [Octopus] SET MULTI_USER"
    assert database(world, "Octopus").user_access == "MULTI_USER"
    assert len(state(world)[0]) == 10
    intruder.close()


def test_a_session_that_is_killed_leaves_the_database_available(world: World) -> None:
    good(snapshot(world))
    change(world)
    before = state(world)
    world.faults.arm("sql.kill_revert", NAME)
    result = revert(world)
    assert result["failed"]
    assert f"Expected to revert Octopus to its snapshot {S}, but it failed: " in result["msg"]
    assert "Octopus is online and available again to everybody" in result["msg"]
    assert (database(world, "Octopus").state, database(world, "Octopus").user_access) == ("ONLINE", "MULTI_USER")
    assert state(world) == before
    good(revert(world))
    assert len(state(world)[0]) == 10


def test_a_revert_is_refused_while_there_is_another_snapshot(world: World) -> None:
    good(snapshot(world))
    good(snapshot(world, name="Octopus_later"))
    mark = world.ledger.mark()
    for check_mode in (True, False):
        result = revert(world, check_mode)
        assert "only while it has one snapshot, but this one also has Octopus_later; drop it first" in result["msg"]
    assert not [event for event in world.ledger.events("sql", since=mark) if event["sql"].startswith(("ALTER", "RESTORE"))]
    listed = good(info(world))
    assert [one["name"] for one in listed["snapshots"]] == [S, "Octopus_later"]
    assert len(listed["obstacles"]) == 1
    good(snapshot(world, name="Octopus_later", state="absent"))
    good(revert(world))


def test_a_snapshot_that_is_read_is_not_dropped(world: World) -> None:
    good(snapshot(world))
    reader = world.sql.open(S, login="backup", program="reports", host="pc7")
    for wanted in ("absent", "reverted"):
        assert re.search(r"found session \d+, backup from pc7 \(reports\)", act(world, wanted)["msg"])
    reader.close()
    good(snapshot(world, state="absent"))


def test_a_database_is_never_taken_for_a_snapshot(world: World) -> None:
    world.sql.create_database("Shop")
    good(snapshot(world, database="Shop", name="Shop_before"))
    for wanted in ("present", "reverted", "absent"):
        assert "Shop on SQL Server" in act(world, wanted, name="Shop")["msg"]
        assert "is a snapshot of Shop. It was not touched" in act(world, wanted, name="Shop_before")["msg"]
    assert "Octopus on SQL Server" in snapshot(world, name="Octopus", state="absent")["msg"]
    assert {"Shop", "Octopus", "Shop_before"} <= {one.name for one in world.sql.databases.values()}


def test_what_is_not_there(world: World) -> None:
    assert "has no such snapshot; those of Octopus: none" in revert(world)["msg"]
    assert "has none of that name" in snapshot(world, database="Octopuss")["msg"]
    assert (info(world, database="Octopuss")["snapshots"], info(world, database="Octopuss")["state"]) == ([], None)
    assert good(snapshot(world, database="Octopuss", state="absent"))["changed"] is False
    assert "missing required arguments: name" in world.module("mssql_snapshot", database="Octopus")["msg"]
    assert "missing required arguments: name" in world.module("mssql_snapshot_revert", database="Octopus")["msg"]


@pytest.mark.parametrize(
    ("version", "edition", "number", "supported"),
    [
        ("12.0.6449.1", "Standard Edition (64-bit)", 2, False),
        ("13.0.1601.5", "Standard Edition (64-bit)", 2, False),
        ("13.0.1601.5", "Enterprise Edition (64-bit)", 3, True),
        ("13.0.4001.0", "Standard Edition (64-bit)", 2, True),
        ("15.0.4430.1", "Express Edition (64-bit)", 4, True),
    ],
)
def test_editions(make_world: Callable[..., World], version: str, edition: str, number: int, supported: bool) -> None:
    world = filled(make_world(version=version, edition=edition, engine_edition=number))
    for check_mode in (True, False):
        mark = world.ledger.mark()
        result = snapshot(world, check_mode)
        assert result.get("failed", False) is not supported
        if not supported:
            assert f"{version}, {edition}, which has none" in result["msg"]
            assert not [event for event in world.ledger.events("sql", since=mark) if event["sql"].startswith("CREATE")]
    assert (world.sql.database(S) is not None) == supported


@pytest.mark.parametrize("name", ["it's ]x[", "Größe 日本", "a.b;-- :*?"])
def test_odd_names_and_several_files(world: World, name: str) -> None:
    world.machine.fs.mkdir("D:\\Snap shots", world.sql.logon)
    files = [
        DatabaseFile(1, "D", "data '1]", "D:\\one.mdf"),
        DatabaseFile(2, "L", "log", "D:\\one.ldf"),
        DatabaseFile(3, "D", "data :2", "D:\\two.ndf"),
        DatabaseFile(4, "D", "data ?2", "D:\\three.ndf"),
    ]
    world.sql.create_database(name, files=files)
    result = good(snapshot(world, database=name, name=f"{name} S", directory="D:\\Snap shots\\"))
    (one,) = result["snapshots"]
    assert one["name"] == f"{name} S"
    assert len(one["paths"]) == 3 and all(path.startswith("D:\\Snap shots\\") and world.is_file(path) for path in one["paths"])
    assert good(revert(world, database=name, name=f"{name} S"))["changed"]
    assert good(snapshot(world, database=name, name=f"{name} S", state="absent"))["changed"]


def test_a_folder_that_is_not_there(world: World) -> None:
    for check_mode in (True, False):
        assert "the folder D:\\None for the files of the snapshot" in snapshot(world, check_mode, directory="D:\\None")["msg"]
    assert "must be the full path" in snapshot(world, directory="None")["msg"]


def test_a_file_in_the_way(world: World) -> None:
    world.machine.fs.write(f"D:\\Backup\\Octopus.{S}.ss", b"mine", Logon.network("administrator"))
    result = snapshot(world, directory="D:\\Backup")
    assert "already exists" in result["msg"] and "remove what is in the way" in result["msg"]
    assert world.sql.database(S) is None
    assert world.machine.fs.read(f"D:\\Backup\\Octopus.{S}.ss", world.sql.logon) == b"mine"


def test_what_microsoft_says_cannot_be_reverted(world: World) -> None:
    good(snapshot(world))
    source = database(world, "Octopus")
    source.group = "AG1"
    assert "ALTER AVAILABILITY GROUP" in revert(world)["msg"]
    source.group = None
    source.read_only = True
    assert "read-only filegroups: Octopus" in revert(world)["msg"]
    source.read_only = False
    database(world, S).state = "SUSPECT"
    assert "can only be dropped" in revert(world)["msg"]
    assert "Drop it (state: absent) and create another" in snapshot(world)["msg"]
    good(snapshot(world, state="absent"))


@pytest.mark.parametrize("name", ["master", "model", "msdb", "tempdb", S])
def test_what_no_snapshot_can_be_taken_of(world: World, name: str) -> None:
    good(snapshot(world))
    assert f"Expected {name} to be a user database, but it is a" in snapshot(world, database=name, name="x")["msg"]


def test_rights(world: World) -> None:
    world.sql.add_login("reader", "Reader!1")
    login: dict[str, Any] = {"login_user": "reader", "login_password": "Reader!1"}
    good(snapshot(world))
    database(world, "Octopus").add_user("reader", {"db_owner"})
    for wanted, words in (("reverted", "being in its role db_owner is not enough"), ("absent", "permission to drop")):
        for check_mode in (True, False):
            assert words in act(world, wanted, check_mode, **login)["msg"]
    assert "CREATE DATABASE" in snapshot(world, name="other", **login)["msg"]
    world.sql.logins["reader"].roles.add("dbcreator")
    for check_mode in (True, False):
        assert f"no user in {S}" in revert(world, check_mode, **login)["msg"]
    assert database(world, "Octopus").user_access == "MULTI_USER"
    good(snapshot(world, state="absent", **login))
    good(snapshot(world, **login))  # it has the user now
    change(world)
    good(revert(world, **login))
    assert len(state(world)[0]) == 10
