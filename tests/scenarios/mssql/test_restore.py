# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores with both ODBC drivers: every row afterwards, who may use the database then, and what is refused before anything changes."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core import progress
from lab.sql.database import Database
from lab.tds.engine_api import SqlError
from scenarios.mssql.conftest import GIGABYTE, NAME, World
from scenarios.mssql.test_backup_media import login

A = "D:\\Backup\\a.bak"
# Where nothing depends on what a driver makes of it.
one_driver = pytest.mark.parametrize("driver", ["microsoft"], indirect=True)


def fill(world: World, name: str = "Octopus", first: int = 0, count: int = 100) -> None:
    connection = database(world, name).connect()
    try:
        connection.execute('CREATE TABLE IF NOT EXISTS "Item" ("Id" "int" NOT NULL PRIMARY KEY, "Name" "nvarchar(50)")')
        connection.executemany('INSERT INTO "Item" VALUES (?, ?)', [(number, f"Item {number}") for number in range(first, first + count)])
    finally:
        connection.close()


def database(world: World, name: str = "Octopus") -> Database:
    found = world.sql.database(name)
    assert found is not None, f"no database {name}"
    return found


def rows(world: World, name: str = "Octopus") -> list[tuple[Any, ...]]:
    connection = database(world, name).connect()
    try:
        return connection.execute('SELECT * FROM "Item" ORDER BY 1').fetchall()
    finally:
        connection.close()


def restore(world: World, check_mode: bool = False, **params: Any) -> dict[str, Any]:
    return world.module("mssql_restore", check_mode, **({"database": "Octopus", "path": [A]} | params))


def verify(world: World, **params: Any) -> dict[str, Any]:
    return world.module("mssql_backup_verify", **({"database": "Octopus", "path": [A]} | params))


def try_restore(world: World, check_mode: bool = False, **params: Any) -> dict[str, Any]:
    return world.module("mssql_restore_test", check_mode, **({"database": "Octopus", "path": [A]} | params))


def good(result: dict[str, Any]) -> dict[str, Any]:
    assert not result.get("failed"), result
    return result


def open_to_all(world: World, *names: str) -> None:
    """Whether everybody can use these databases again."""
    for name in names:
        assert (database(world, name).state, database(world, name).user_access) == ("ONLINE", "MULTI_USER"), name
        world.sql.open(name, login="backup").close()


@pytest.fixture
def taken(world: World) -> dict[str, Any]:
    """A backup of a hundred rows."""
    fill(world)
    return good(world.backup())


# -- over the database


@pytest.mark.parametrize("progress_done", [True, False])
def test_the_rows_that_were_there(make_world: Callable[..., World], progress_done: bool) -> None:
    world = make_world(progress_done=progress_done)
    fill(world)
    backup, before = good(world.backup()), rows(world)
    fill(world, first=1000)
    files = [file.path for file in database(world).files]
    shown: list[str] = []
    with progress.listening(shown.append):
        result = good(restore(world, replace=True, checkdb=True))
    assert rows(world) == before
    assert (result["changed"], result["replaced"], result["kept_as"], result["verified"]) == (True, True, None, True)
    assert result["backup_set_uuid"] == backup["backup_set_uuid"]
    assert [file["path"] for file in result["files"]] == files  # where they were
    assert result["checkdb"]["clean"] is True
    assert (result["owner"], result["compatibility_level"], result["position"]) == ("sa", 140, 1)
    open_to_all(world, "Octopus")
    percents = [int(found[1]) for found in (re.fullmatch(r"Restoring Octopus: .* \((\d+) %\)", line) for line in shown) if found]
    assert percents == sorted(percents) and percents[-1] == 100
    ran = [event["sql"] for event in world.ledger.events("sql")]
    assert all(statement in ran for statement in result["sql"])


@one_driver
def test_without_permission_nothing_is_overwritten(world: World, taken: dict[str, Any]) -> None:
    fill(world, first=1000)
    before = rows(world)
    refused = restore(world)
    assert "Octopus exists already (ONLINE)" in refused["msg"]
    assert "keep_as" in refused["msg"] and "replace: true" in refused["msg"]
    assert rows(world) == before
    assert not world.ledger.events("sql.restore")


@one_driver
def test_check_mode_changes_nothing(world: World, taken: dict[str, Any]) -> None:
    fill(world, first=1000)
    before, mark = rows(world), world.ledger.mark()
    result = good(restore(world, check_mode=True, keep_as="Octopus-old", checkdb=True, compatibility_level=130, owner="backup"))
    assert result["changed"] and result["kept_as"] == "Octopus-old"
    assert [sql.split(" WITH ")[0].split(" FROM ")[0] for sql in result["sql"]] == [
        "RESTORE VERIFYONLY",
        "ALTER DATABASE [Octopus] SET SINGLE_USER",
        "ALTER DATABASE [Octopus] MODIFY NAME = [Octopus-old]",
        "ALTER DATABASE [Octopus-old] SET MULTI_USER",
        "RESTORE DATABASE [Octopus]",
        "ALTER DATABASE [Octopus] SET COMPATIBILITY_LEVEL = 130",
        "DBCC CHECKDB (N'Octopus')",
        "ALTER AUTHORIZATION ON DATABASE::[Octopus] TO [backup]",
    ]
    assert all(file["path"].endswith(("Octopus_2.mdf", "Octopus_log_2.ldf")) for file in result["files"])
    assert sum(result["needed_bytes"].values()) >= GIGABYTE // 8
    assert rows(world) == before and world.sql.database("Octopus-old") is None
    assert not world.ledger.events("sql.restore", since=mark)
    assert not world.ledger.events("file", since=mark)
    ran = [event["sql"].split()[:2] for event in world.ledger.events("sql", since=mark)]
    assert not [words for words in ran if words[0] in ("ALTER", "DBCC", "DROP") or words == ["RESTORE", "VERIFYONLY"]]


def test_another_session_in_the_database(world: World, taken: dict[str, Any]) -> None:
    """It is disconnected, with its open transaction; clients that reconnect at once do not stop the restore."""
    before = rows(world)
    fill(world, first=1000)
    product = world.sql.open("Octopus", login="backup", program="Octopus Server")
    with pytest.raises(SqlError, match="596"), product.transaction():
        product.execute('DELETE FROM "Item"')
        with reconnecting(world):
            good(restore(world, replace=True))
        product.execute("SELECT 1")
    assert rows(world) == before
    open_to_all(world, "Octopus")


class reconnecting:
    """A client that connects again and again, whatever it is told."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._over.wait(0.005):
            try:
                connection = self._world.sql.open("Octopus", login="backup", program="insistent")
            except SqlError:
                continue
            self._over.wait(0.01)
            connection.close()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        self._thread.join()


def test_files_of_stripes_in_any_order(world: World) -> None:
    fill(world)
    before = rows(world)
    paths = [f"D:\\Backup\\part {number}" for number in range(3)]
    good(world.backup(path=paths))
    fill(world, first=1000)
    assert "stripe 2 is missing" in restore(world, replace=True, path=[paths[2], paths[0]])["msg"]
    assert len(rows(world)) == 200
    good(restore(world, replace=True, path=[paths[2], paths[0], paths[1]]))
    assert rows(world) == before


def test_a_set_by_its_identity_and_the_newest_by_default(world: World, taken: dict[str, Any]) -> None:
    fill(world, first=1000)
    second = good(world.backup(overwrite="append"))
    fill(world, first=2000)
    assert good(restore(world, replace=True))["position"] == 2
    assert len(rows(world)) == 200
    assert good(restore(world, replace=True, backup_set_uuid=taken["backup_set_uuid"].lower()))["position"] == 1
    assert len(rows(world)) == 100
    assert good(restore(world, replace=True, position=2))["backup_set_uuid"] == second["backup_set_uuid"]
    assert len(rows(world)) == 200


@pytest.mark.parametrize("name", ["Octopus [HA]", "it's ]x[", "Größe 日本", "a.b;--"])
def test_odd_names(world: World, taken: dict[str, Any], name: str) -> None:
    good(restore(world, database=name))
    assert rows(world, name) == rows(world)
    good(restore(world, database=name, keep_as=f"{name} old"))
    assert rows(world, f"{name} old") == rows(world, name)
    open_to_all(world, name, f"{name} old")


# -- as a new database


def test_a_new_database_beside_the_first(world: World, taken: dict[str, Any]) -> None:
    result = good(restore(world, database="Octopus-test", owner="sa", compatibility_level=130))
    assert rows(world, "Octopus-test") == rows(world)
    assert [file["path"].rpartition("\\")[2] for file in result["files"]] == ["Octopus-test.mdf", "Octopus-test_log.ldf"]
    assert (result["replaced"], result["owner"], result["compatibility_level"]) == (False, "sa", 130)
    assert database(world, "Octopus-test").owner == "sa"
    open_to_all(world, "Octopus-test", "Octopus")


@one_driver
def test_folders_and_names_that_are_taken(world: World, taken: dict[str, Any]) -> None:
    world.machine.fs.mkdir("D:\\Data", world.sql.logon)
    world.machine.fs.mkdir("D:\\Log", world.sql.logon)
    world.write("D:\\Data\\Copy.mdf", b"precious")
    result = good(restore(world, database="Copy", data_directory="D:\\Data\\", log_directory="D:\\Log"))
    assert [file["path"] for file in result["files"]] == ["D:\\Data\\Copy_2.mdf", "D:\\Log\\Copy_log.ldf"]
    assert world.machine.fs.read("D:\\Data\\Copy.mdf", world.sql.logon) == b"precious"
    missing = restore(world, database="Other", data_directory="D:\\Nowhere")
    assert "the folder D:\\Nowhere" in missing["msg"] and "does not exist" in missing["msg"]
    # Over a database, into another folder: its new file must not be one that exists.
    world.write("D:\\Log\\Copy.mdf", b"precious")
    moved = good(restore(world, database="Copy", replace=True, data_directory="D:\\Log"))
    assert [file["path"] for file in moved["files"]] == ["D:\\Log\\Copy_2.mdf", "D:\\Log\\Copy_log.ldf"]
    assert world.machine.fs.read("D:\\Log\\Copy.mdf", world.sql.logon) == b"precious"
    assert not world.is_file("D:\\Data\\Copy_2.mdf")


@one_driver
def test_a_backup_of_another_server(make_world: Callable[..., World]) -> None:
    old, new = make_world(version="13.0.6300.2"), make_world()
    fill(old)
    taken = good(old.backup())
    new.write(A, old.machine.fs.read(A, old.sql.logon))
    result = good(restore(new, database="Moved", checkdb=True))
    assert rows(new, "Moved") == rows(old)
    assert (result["backup_set_uuid"], result["compatibility_level"]) == (taken["backup_set_uuid"], 130)


@one_driver
def test_a_backup_of_a_newer_server(make_world: Callable[..., World]) -> None:
    newer, older = make_world(version="15.0.4430.1"), make_world()
    good(newer.backup())
    older.write(A, newer.machine.fs.read(A, newer.sql.logon))
    mark = older.ledger.mark()
    for refused in (restore(older, replace=True), restore(older, keep_as="kept"), verify(older), try_restore(older)):
        assert "15.0.4430" in refused["msg"] and "SQL Server restores no backups of newer versions" in refused["msg"]
    assert not older.ledger.events("sql.restore", since=mark)
    open_to_all(older, "Octopus")


@one_driver
def test_users_whose_login_has_another_identity(world: World) -> None:
    for name in ("app", "gone", "twice"):
        login = world.sql.add_login(name, "Tr0ub4dor&3")
        database(world).add_user(name, {"db_datareader"}, sid=login.sid)
    fill(world)
    good(world.backup())
    for name in ("app", "gone", "twice"):
        del world.sql.logins[name]
    world.sql.add_login("app", "Tr0ub4dor&3")
    result = good(restore(world, database="Copy"))
    assert (result["users_repaired"], result["users_orphaned"]) == (["app"], ["gone", "twice"])
    assert database(world, "Copy").users["app"].login == "app"
    untouched = good(restore(world, database="Copy2", repair_users=False))
    assert untouched["users_repaired"] == []
    assert database(world, "Copy2").users["app"].login is None


@one_driver
def test_the_owner_of_what_was_there(world: World, taken: dict[str, Any]) -> None:
    world.sql.add_login("owner", "Tr0ub4dor&3")
    database(world).owner = "owner"
    assert good(restore(world, replace=True))["owner"] == "owner"
    result = good(restore(world, keep_as="kept"))
    assert result["owner"] == "owner"
    assert (database(world).owner, database(world, "kept").owner) == ("owner", "owner")
    assert "no such login" in restore(world, replace=True, owner="nobody")["msg"]


# -- keeping what is there


def test_what_is_there_is_kept(world: World, taken: dict[str, Any]) -> None:
    before = rows(world)
    fill(world, first=1000)
    failed = rows(world)
    product = world.sql.open("Octopus", login="backup", program="Octopus Server")
    with reconnecting(world):
        result = good(restore(world, keep_as="Octopus-failed"))
    assert product.client.closed.is_set()
    assert (rows(world), rows(world, "Octopus-failed")) == (before, failed)
    assert (result["kept_as"], result["replaced"], result["owner"]) == ("Octopus-failed", False, "sa")
    assert not {file.path for file in database(world).files} & {file.path for file in database(world, "Octopus-failed").files}
    open_to_all(world, "Octopus", "Octopus-failed")


def test_a_restore_that_was_killed_is_done_by_running_it_again(world: World, taken: dict[str, Any]) -> None:
    before = rows(world)
    fill(world, first=1000)
    failed = rows(world)
    world.faults.arm("sql.kill_restore", NAME)
    broken = restore(world, keep_as="kept")
    assert "ended the session during the restore" in broken["msg"]
    assert "Octopus is RESTORING and cannot be used: run this again, or drop it" in broken["msg"]
    assert (
        "The original database is kept as kept, ONLINE" in broken["msg"]
        and "ALTER DATABASE [kept] MODIFY NAME = [Octopus]" in broken["msg"]
    )
    assert rows(world, "kept") == failed
    open_to_all(world, "kept")
    result = good(restore(world, keep_as="kept"))
    assert (result["kept_as"], result["replaced"]) == ("kept", True)
    assert (rows(world), rows(world, "kept")) == (before, failed)
    again = good(restore(world, keep_as="kept"))  # restored already: once more, and never renamed twice
    assert (rows(world), rows(world, "kept"), again["replaced"]) == (before, failed, True)
    renames = [event["sql"] for event in world.ledger.events("sql") if "MODIFY NAME" in event["sql"]]
    assert len(renames) == 1
    open_to_all(world, "Octopus", "kept")
    paths = [file.path for one in world.sql.databases.values() for file in one.files]
    there = {f"{world.sql.data_folder}\\{name}" for name in world.machine.fs.listdir(world.sql.data_folder, world.sql.logon)}
    assert there == set(paths)  # no file is left of the broken attempt


@one_driver
@pytest.mark.parametrize("step", ["SET SINGLE_USER", "MODIFY NAME", "SET MULTI_USER", "RESTORE DATABASE"])
def test_the_controller_dies_between_two_steps(world: World, taken: dict[str, Any], step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dies right before the statement is sent; then the same task is run again."""
    from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection

    before = rows(world)
    fill(world, first=1000)
    failed = rows(world)
    execute, query = SqlConnection.execute_drained, SqlConnection.query
    dead: list[bool] = []

    def execute_or_die(connection: SqlConnection, sql: str, *rest: Any) -> Any:
        first, found, _rest = sql.partition(step)
        if found and not dead and "; " in first:  # the first of two statements of one batch
            execute(connection, first.split("; ")[0])
        if found or dead:
            dead.append(True)
            raise Dead
        return execute(connection, sql, *rest)

    def query_or_die(connection: SqlConnection, *rest: Any) -> Any:
        if dead:
            raise Dead
        return query(connection, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(SqlConnection, "execute_drained", execute_or_die)
        patched.setattr(SqlConnection, "query", query_or_die)
        with pytest.raises(Dead):
            restore(world, keep_as="kept")
    assert world.sql.database("Octopus") is None or rows(world) == failed
    good(restore(world, keep_as="kept"))
    assert (rows(world), rows(world, "kept")) == (before, failed)
    open_to_all(world, "Octopus", "kept")


class Dead(BaseException):
    """The controller's process is gone: nothing of it runs any more."""


@one_driver
def test_what_is_not_ours_is_not_replaced(world: World, taken: dict[str, Any]) -> None:
    """A name of an old rollback given again: the database in use now would be lost."""
    good(restore(world, keep_as="kept"))
    fill(world, first=1000)
    second = good(world.backup(path=["D:\\Backup\\b.bak"]))
    fill(world, first=2000)
    before = rows(world)
    refused = restore(world, path=["D:\\Backup\\b.bak"], keep_as="kept")
    assert f"restored last from the backup set {taken['backup_set_uuid']}, not from {second['backup_set_uuid']}" in refused["msg"]
    assert "Name another keep_as" in refused["msg"]
    world.sql.create_database("New")
    assert "never restored according to msdb" in restore(world, database="New", keep_as="kept")["msg"]
    assert rows(world) == before


# -- what is refused, with nothing changed


@one_driver
def test_a_database_in_a_group_or_mirrored(world: World, taken: dict[str, Any]) -> None:
    world.sql.groups["ag"] = "PRIMARY"
    database(world).group = "ag"
    mark = world.ledger.mark()
    for params in ({"replace": True}, {"keep_as": "kept"}):
        refused = restore(world, **params)
        assert "availability group" in refused["msg"] and "REMOVE DATABASE [Octopus]" in refused["msg"]
    database(world).group = None
    database(world).mirrored = True
    assert "SET PARTNER OFF" in restore(world, replace=True)["msg"]
    database(world).mirrored = False
    assert not [event for event in world.ledger.events("sql", since=mark) if event["sql"].startswith(("ALTER", "RESTORE DATABASE"))]


@one_driver
def test_a_database_with_snapshots(world: World, taken: dict[str, Any]) -> None:
    with login(world) as connection:
        connection.execute_drained("CREATE DATABASE Octopus_before ON (NAME = Octopus, FILENAME = N'D:\\o.ss') AS SNAPSHOT OF Octopus")
    refused = restore(world, replace=True)
    assert "Octopus_before" in refused["msg"] and "drop them" in refused["msg"]
    open_to_all(world, "Octopus")


@one_driver
def test_not_enough_room(world: World, taken: dict[str, Any]) -> None:
    before = rows(world)
    world.machine.fs.drives["C"].capacity = 300 * 1024**2
    for refused in (restore(world, keep_as="kept"), restore(world, database="Copy"), try_restore(world)):
        assert "bytes free on C:\\" in refused["msg"] and "data_directory" in refused["msg"], refused
    assert world.sql.database("kept") is None and rows(world) == before
    assert not world.ledger.events("sql.restore")
    good(restore(world, replace=True))  # its own files are enough for it


def test_a_login_that_may_not(world: World, taken: dict[str, Any]) -> None:
    world.sql.add_login("plain", "Plain!1")
    database(world).add_user("plain", {"db_owner"})
    as_plain: dict[str, Any] = {"login_user": "plain", "login_password": "Plain!1"}
    assert "dbcreator" in restore(world, replace=True, **as_plain)["msg"]
    world.sql.add_login("maker", "Maker!1", roles={"dbcreator"})
    as_maker: dict[str, Any] = {"login_user": "maker", "login_password": "Maker!1"}
    unverifiable = restore(world, database="Copy", **as_maker)
    assert "db_datareader" in unverifiable["msg"]
    database(world, "msdb").add_user("maker", {"db_datareader"})
    assert "IMPERSONATE" in restore(world, database="Copy", owner="sa", **as_maker)["msg"]
    assert world.sql.database("Copy") is None
    result = good(restore(world, database="Copy", **as_maker))
    assert result["owner"] == "maker"
    kept = good(restore(world, keep_as="kept", **as_maker))
    assert kept["owner"] == "maker"  # nobody asked for sa, which this login may not give it to
    open_to_all(world, "Octopus", "kept")


@one_driver
def test_a_login_that_only_owns_the_database(world: World, taken: dict[str, Any]) -> None:
    """Offline it could not bring it back."""
    login = world.sql.add_login("owner", "Owner!1")
    login.permissions.add("CREATE ANY DATABASE")
    database(world, "msdb").add_user("owner", {"db_datareader"})
    database(world).owner = "owner"
    with reconnecting(world):  # it may get the one connection before us, and this login may not end its session
        result = good(restore(world, replace=True, login_user="owner", login_password="Owner!1"))
    assert "ALTER DATABASE [Octopus] SET SINGLE_USER WITH ROLLBACK IMMEDIATE" in result["sql"]
    open_to_all(world, "Octopus")


def test_nothing_is_touched_before_the_backup_was_found_valid(world: World, taken: dict[str, Any]) -> None:
    fill(world, first=1000)
    before = rows(world)
    good(world.backup(path=["D:\\Backup\\b.bak"], compression="off", verify=False))
    spoil(world, "D:\\Backup\\b.bak")
    product = world.sql.open("Octopus", login="backup")
    spoiled = ["D:\\Backup\\b.bak"]
    for refused in (
        restore(world, path=spoiled, replace=True),
        restore(world, path=spoiled, keep_as="kept"),
        verify(world, path=spoiled),
        try_restore(world, path=spoiled),
    ):
        assert "Do not use it as a backup" in refused["msg"]
    assert not world.ledger.events("sql.restore")
    assert not product.client.closed.is_set()
    product.close()
    assert rows(world) == before and world.sql.database("kept") is None
    cut = world.machine.fs.real(A, world.sql.logon)
    cut.write_bytes(cut.read_bytes()[:-60])
    assert "cut off" in restore(world, replace=True)["msg"]
    assert "no such file" in restore(world, replace=True, path=["D:\\Backup\\none.bak"])["msg"]


def spoil(world: World, path: str) -> None:
    """Another bit in a data page."""
    real = world.machine.fs.real(path, world.sql.logon)
    raw = bytearray(real.read_bytes())
    raw[raw.index(b"Item 17")] ^= 1
    real.write_bytes(raw)


# -- what breaks on the way


@one_driver
def test_a_restore_that_breaks_before_it_overwrites_leaves_the_database_available(
    world: World, taken: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file disappears after it was verified: taken offline, the database must come back as it was."""
    from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore import exclusive

    fill(world, first=1000)
    before = rows(world)
    real = exclusive.take

    def take(*args: Any) -> None:
        real(*args)
        world.machine.fs.remove(A, world.sql.logon)

    monkeypatch.setattr(exclusive, "take", take)
    broken = restore(world, replace=True)
    assert "no such file" in broken["msg"] and "Octopus is ONLINE" in broken["msg"]
    assert rows(world) == before
    open_to_all(world, "Octopus")


@pytest.mark.parametrize("progress_done", [True, False])
def test_a_deadline_tells_what_it_leaves(make_world: Callable[..., World], progress_done: bool) -> None:
    world = make_world(progress_done=progress_done)
    fill(world)
    world.sql.create_database("Huge", weight=100 * GIGABYTE)
    fill(world, "Huge")
    world.machine.fs.drives["C"].capacity = world.machine.fs.drives["D"].capacity = 1024 * GIGABYTE
    world.sql.backup_rate *= 10000
    good(world.backup(database="Huge"))
    world.sql.backup_rate /= 10000
    slow = restore(world, database="Huge", replace=True, timeout=1)
    assert "verify the backup set at position 1 of D:\\Backup\\a.bak within 1 s" in slow["msg"] and "Nothing was changed" in slow["msg"]
    open_to_all(world, "Huge")
    cancelled = restore(world, database="Huge", keep_as="kept", timeout=1, verify=False)
    assert "restore Huge within 1 s" in cancelled["msg"]
    assert "Huge is RESTORING and cannot be used: run this again, or drop it" in cancelled["msg"]
    open_to_all(world, "kept")
    world.sql.backup_rate *= 10000
    good(restore(world, database="Huge", keep_as="kept"))
    assert rows(world, "Huge") == rows(world, "kept")


# -- backups verified, and tested by a restore


def test_verified(world: World, taken: dict[str, Any]) -> None:
    result = good(verify(world))
    assert (result["changed"], result["verified"], result["backup_set_uuid"]) == (False, True, taken["backup_set_uuid"])
    assert result["sql"] == [f"RESTORE VERIFYONLY FROM DISK = N'{A}' WITH FILE = 1, CHECKSUM, STATS = 5"]
    good(world.backup(path=["D:\\Backup\\b.bak"], checksum=False, verify=False))
    assert "taken without any" in verify(world, path=["D:\\Backup\\b.bak"])["msg"]
    unsure = good(restore(world, path=["D:\\Backup\\b.bak"], database="Copy"))
    assert unsure["backup"]["has_checksums"] is False
    assert "CHECKSUM" not in unsure["sql"][0]


def test_tested_leaves_nothing(world: World, taken: dict[str, Any]) -> None:
    before, names = rows(world), set(world.sql.databases)
    files = set(world.machine.fs.listdir(world.sql.data_folder, world.sql.logon))
    checked = good(try_restore(world, check_mode=True))
    assert not checked["changed"] and not world.ledger.events("sql.restore")
    result = good(try_restore(world))
    assert (result["changed"], result["checkdb"]["clean"]) == (False, True)
    assert result["database"].startswith("restore_test_")
    (done,) = world.ledger.events("sql.restore", action="done")
    assert done["database"] == result["database"]
    assert set(world.sql.databases) == names and rows(world) == before
    assert set(world.machine.fs.listdir(world.sql.data_folder, world.sql.logon)) == files


def test_a_test_finds_damage_that_verifyonly_passes(world: World) -> None:
    fill(world)
    good(world.backup(checksum=False, compression="off", verify=False))
    spoil(world, A)
    names = set(world.sql.databases)
    found = try_restore(world)
    assert "DBCC CHECKDB reports" in found["msg"] and "page (1:" in found["msg"]
    assert set(world.sql.databases) == names


def test_a_test_that_was_killed_is_cleaned_up(world: World, taken: dict[str, Any]) -> None:
    names = set(world.sql.databases)
    world.faults.arm("sql.kill_restore", NAME)
    broken = try_restore(world)
    assert "ended the session during the restore" in broken["msg"]
    assert set(world.sql.databases) == names
    # A controller that died leaves it: the next test of the same backup finds it by its name.
    name = world.results[-1]["msg"].split("Expected to restore ")[1].split(",")[0]
    good(restore(world, database=name))
    good(try_restore(world))
    assert set(world.sql.databases) == names
