# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CREATE, ALTER and DROP DATABASE, snapshots, sessions that stand in the way, and the in-lab product's sessions."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from lab.sql.database import DatabaseUser
from lab.tds.engine_api import SqlError
from lab_tests.sql.collector import Collector
from lab_tests.sql.conftest import Client, World, numbers
from patience import patient


def test_create_and_drop(world: World, boss: Client) -> None:
    boss.run(
        "CREATE DATABASE [a b] ON (NAME = x, FILENAME = 'D:\\x.mdf', SIZE = 10MB) LOG ON (NAME = xl, FILENAME = 'D:\\x.ldf') COLLATE Latin1_General_CI_AS"
    )
    assert boss.rows("SELECT physical_name FROM [a b].sys.database_files ORDER BY file_id") == [("D:\\x.mdf",), ("D:\\x.ldf",)]
    assert boss.rows("SELECT collation_name, SUSER_SNAME(owner_sid) FROM sys.databases WHERE name = 'a b'") == [
        ("Latin1_General_CI_AS", "boss")
    ]
    assert world.real("D:\\x.mdf").stat().st_size == 8 * 1024**2
    assert boss.fails("CREATE DATABASE [A B]").number == 1801
    assert numbers(boss.fails("CREATE DATABASE c ON (NAME = c, FILENAME = 'D:\\x.mdf')")) == [5170, 1802]
    assert numbers(boss.fails("CREATE DATABASE c ON (NAME = c, FILENAME = 'D:\\no\\c.mdf')")) == [5123, 1802]
    session = world.server.open("a b", login="boss")
    assert boss.fails("DROP DATABASE [a b]").number == 3702
    session.close()
    boss.run("DROP DATABASE [a b]; DROP DATABASE IF EXISTS [a b]")
    assert not world.real("D:\\x.mdf").exists()
    assert boss.fails("DROP DATABASE [a b]").number == 3701
    assert boss.fails("DROP DATABASE master").number == 3708
    assert boss.fails("BEGIN TRAN CREATE DATABASE z").number == 226


def test_single_user_throws_out_the_others(world: World, boss: Client) -> None:
    world.sample()
    product = world.server.open("Shop", login="boss", host="OCTO01", program="Octopus Server")
    other = world.connect(database="Shop")
    there = boss.rows("SELECT program_name FROM sys.dm_exec_sessions WHERE database_id = DB_ID('Shop') ORDER BY 1")
    assert there == [("Octopus Server",), ("test",)]
    assert numbers(boss.fails("ALTER DATABASE Shop SET SINGLE_USER WITH NO_WAIT")) == [5061, 5069]
    with pytest.raises(SqlError) as caught, product.transaction():
        product.execute('DELETE FROM "Item"')
        boss.run("ALTER DATABASE Shop SET SINGLE_USER WITH ROLLBACK IMMEDIATE")
        product.execute("SELECT 1")
    assert caught.value.number == 596
    assert other.disconnected == [True]
    assert boss.one("SELECT COUNT(*) FROM Shop.dbo.Item") == 200
    boss.run("USE Shop")
    with pytest.raises(SqlError) as refused:
        world.server.open("Shop", login="boss")
    assert numbers(refused.value) == [4060, 18456]
    third = world.connect()
    assert third.fails("USE Shop").number == 924
    assert third.fails("SELECT * FROM Shop.dbo.Item").number == 924
    assert numbers(third.fails("ALTER DATABASE Shop SET MULTI_USER")) == [5064, 5069]
    boss.run("USE master; ALTER DATABASE Shop SET MULTI_USER")
    world.server.open("Shop", login="boss").close()


def test_sessions_that_wait_for_each_other_are_thrown_out_together(world: World, boss: Client) -> None:
    world.sample()
    waiting, holding = world.server.open("Shop", login="boss"), world.server.open("Shop", login="boss")
    seen: list[object] = []

    def wait() -> None:
        try:
            waiting.execute("BEGIN IMMEDIATE")
        except SqlError as error:
            seen.append(error.number)

    with pytest.raises(SqlError, match="596"), holding.transaction():
        holding.execute('DELETE FROM "Item"')
        thread = threading.Thread(target=wait)
        thread.start()
        boss.run("ALTER DATABASE Shop SET OFFLINE WITH ROLLBACK IMMEDIATE")
    thread.join(patient(10))
    assert seen in ([596], [])  # it may have got the lock before its own end
    boss.run("ALTER DATABASE Shop SET ONLINE")
    assert boss.one("SELECT COUNT(*) FROM Shop.dbo.Item") == 200


def test_nobody_comes_in_while_others_are_thrown_out(world: World, boss: Client) -> None:
    shop = world.sample()
    victim, seen = world.server.open("Shop", login="boss"), []

    def meet() -> None:
        try:
            world.server.open("Shop", login="boss").close()
        except SqlError as error:
            seen.append(error.number)
        seen.append(world.connect().fails("USE Shop").number)
        seen.append(world.connect().fails("ALTER DATABASE Shop SET READ_ONLY").number)

    end = victim.client.abort

    def meet_and_end() -> None:
        meet()
        end()

    victim.client.abort = meet_and_end
    boss.run("ALTER DATABASE Shop SET OFFLINE WITH ROLLBACK IMMEDIATE")
    assert seen == [4060, 952, 5061]
    assert shop.state == "OFFLINE" and not world.server.sessions_in(shop)


def test_to_bring_a_database_online_takes_more_than_to_own_it(world: World, boss: Client) -> None:
    world.server.add_login("owner", "Tr0ub4dor&3")
    world.sample(owner="owner")
    owner = world.connect("owner")
    owner.run("ALTER DATABASE Shop SET OFFLINE")
    assert numbers(owner.fails("ALTER DATABASE Shop SET ONLINE")) == [5011, 5069]
    boss.run("ALTER DATABASE Shop SET ONLINE")


def test_what_cannot_be_renamed(world: World, boss: Client) -> None:
    shop = world.sample()
    created = shop.created
    boss.run("ALTER DATABASE Shop SET OFFLINE")
    assert numbers(boss.fails("ALTER DATABASE Shop MODIFY NAME = Other")) == [942, 5069]
    boss.run("ALTER DATABASE Shop SET ONLINE; ALTER DATABASE Shop MODIFY NAME = Other")
    assert shop.created > created  # the date of creation or renaming


def test_permissions_that_a_server_permission_implies(world: World, boss: Client) -> None:
    world.sample()
    world.server.add_login("maker", "Tr0ub4dor&3", roles={"dbcreator"})
    world.server.add_login("plain", "Tr0ub4dor&3")
    asked = (
        "SELECT HAS_PERMS_BY_NAME('master', 'DATABASE', 'CREATE DATABASE'), HAS_PERMS_BY_NAME('[Shop]', 'DATABASE', 'ALTER'), "
        "HAS_PERMS_BY_NAME('[boss]', 'LOGIN', 'IMPERSONATE'), HAS_PERMS_BY_NAME('[nobody]', 'LOGIN', 'IMPERSONATE')"
    )
    assert boss.rows(asked) == [(1, 1, 1, None)]
    assert world.connect("maker").rows(asked) == [(1, 1, 0, None)]
    assert world.connect("plain").rows(asked) == [(0, 0, 0, None)]


def test_a_database_is_given_to_others_by_those_who_may_act_for_them(world: World, boss: Client) -> None:
    world.server.add_login("maker", "Tr0ub4dor&3", roles={"dbcreator"})
    maker = world.connect("maker")
    maker.run("CREATE DATABASE mine")
    assert maker.fails("ALTER AUTHORIZATION ON DATABASE::mine TO sa").number == 15151
    boss.run("GRANT IMPERSONATE ANY LOGIN TO maker")
    maker.run("ALTER AUTHORIZATION ON DATABASE::mine TO sa")


def test_one_user_for_each_login(world: World, boss: Client) -> None:
    shop = world.sample()
    login = world.server.add_login("app", "Tr0ub4dor&3")
    shop.add_user("app", set(), name="first", sid=login.sid)
    shop.users["app"] = DatabaseUser("app", None)
    boss.run("USE Shop")
    assert boss.fails("ALTER USER app WITH LOGIN = app").number == 15063
    boss.run("ALTER USER first WITH LOGIN = app")


def test_tde_needs_its_certificate(world: World, boss: Client) -> None:
    shop = world.sample()
    certificate = world.server.add_certificate("tde")
    shop.encrypted_by = "tde"
    assert boss.rows("SELECT is_encrypted FROM sys.databases WHERE name = 'Shop'") == [(1,)]
    assert boss.rows(
        "SELECT k.encryption_state, c.name FROM sys.dm_database_encryption_keys k JOIN sys.certificates c "
        "ON c.thumbprint = k.encryptor_thumbprint"
    ) == [(3, "tde")]
    boss.run("BACKUP DATABASE Shop TO DISK = 'D:\\Backup\\a.bak'")
    other = world.add_server("sql02")
    other.machine.fs.write("D:\\Backup\\a.bak", world.real("D:\\Backup\\a.bak").read_bytes(), other.logon)
    client = world.connect(server=other)
    restore = "RESTORE DATABASE Shop FROM DISK = 'D:\\Backup\\a.bak'"
    assert numbers(client.fails(restore)) == [33111, 3013]
    other.add_certificate("copied", certificate)
    client.run(restore)
    assert client.one("SELECT COUNT(*) FROM Shop.dbo.Item") == 200


def test_a_database_in_a_group(world: World, boss: Client) -> None:
    shop = world.sample()
    boss.run("BACKUP DATABASE Shop TO DISK = 'D:\\Backup\\a.bak'")
    world.server.groups["ag"] = shop.group_role = "PRIMARY"
    shop.group = "ag"
    assert numbers(boss.fails("RESTORE DATABASE Shop FROM DISK = 'D:\\Backup\\a.bak' WITH REPLACE")) == [3104, 3013]
    assert boss.fails("DROP DATABASE Shop").number == 3752
    assert boss.rows("SELECT role_desc FROM sys.dm_hadr_availability_replica_states WHERE is_local = 1") == [("PRIMARY",)]


def test_a_published_database_is_not_dropped(world: World, boss: Client) -> None:
    world.sample().catalog["is_published"] = 1
    assert boss.rows("SELECT is_published, is_cdc_enabled FROM sys.databases WHERE name = 'Shop'") == [(1, 0)]
    assert boss.fails("DROP DATABASE Shop").number == 3724


def test_a_file_is_as_large_as_it_was_given(world: World, boss: Client) -> None:
    shop = world.sample()
    shop.preallocated[2] = 64 * 1024**2
    assert boss.one("SELECT size FROM Shop.sys.database_files WHERE type = 1") == 8192
    shop.special_files.append("D:\\Files\\Shop")
    assert boss.rows("SELECT type_desc, physical_name FROM Shop.sys.database_files WHERE type = 2") == [("FILESTREAM", "D:\\Files\\Shop")]


def test_offline_and_online(world: World, boss: Client) -> None:
    shop = world.sample()
    world.server.open("Shop", login="boss")
    boss.run("ALTER DATABASE Shop SET OFFLINE WITH ROLLBACK IMMEDIATE")
    assert boss.rows("SELECT state_desc, collation_name FROM sys.databases WHERE name = 'Shop'") == [("OFFLINE", None)]
    assert boss.fails("USE Shop").number == 942
    path = shop.data_files[0].path
    world.fs.move(path, f"{path}.moved", world.server.logon)
    assert numbers(boss.fails("ALTER DATABASE Shop SET ONLINE")) == [5120, 5069]
    world.fs.move(f"{path}.moved", path, world.server.logon)
    boss.run("ALTER DATABASE Shop SET ONLINE")
    assert boss.one("SELECT COUNT(*) FROM Shop.dbo.Item") == 200


def test_options(world: World, boss: Client) -> None:
    world.sample()
    boss.run(
        "ALTER DATABASE Shop SET RECOVERY SIMPLE; ALTER DATABASE Shop SET COMPATIBILITY_LEVEL = 130; ALTER DATABASE Shop SET TRUSTWORTHY ON"
    )
    assert boss.rows("SELECT recovery_model_desc, compatibility_level, is_trustworthy_on FROM sys.databases WHERE name = 'Shop'") == [
        ("SIMPLE", 130, 1)
    ]
    assert boss.fails("ALTER DATABASE Shop SET COMPATIBILITY_LEVEL = 160").number == 15048
    boss.run("ALTER DATABASE Shop MODIFY NAME = [Other]")
    assert boss.one("SELECT COUNT(*) FROM Other.dbo.Item") == 200
    assert numbers(boss.fails("ALTER DATABASE Shop SET MULTI_USER")) == [5011, 5069]
    world.server.add_login("owner", "Tr0ub4dor&3")
    boss.run("ALTER AUTHORIZATION ON DATABASE::Other TO owner")
    assert world.connect("owner", "Other").rows("SELECT USER_NAME(), IS_MEMBER('db_owner')") == [("dbo", 1)]


def test_read_only(world: World, boss: Client) -> None:
    world.sample()
    boss.run("ALTER DATABASE Shop SET READ_ONLY")
    assert boss.fails("DELETE FROM Shop.dbo.Item").number == 3906
    boss.run("ALTER DATABASE Shop SET READ_WRITE; DELETE FROM Shop.dbo.Item")


def test_snapshots(world: World, boss: Client) -> None:
    world.sample()
    boss.run("CREATE DATABASE snap ON (NAME = Shop, FILENAME = 'D:\\shop.ss') AS SNAPSHOT OF Shop; DELETE FROM Shop.dbo.Item")
    assert boss.rows("SELECT source_database_id, is_read_only FROM sys.databases WHERE name = 'snap'") == [
        (boss.one("SELECT DB_ID('Shop')"), 1)
    ]
    assert boss.one("SELECT COUNT(*) FROM snap.dbo.Item") == 200
    assert boss.fails("DELETE FROM snap.dbo.Item").number == 3906
    assert numbers(boss.fails("BACKUP DATABASE snap TO DISK = 'D:\\Backup\\s'")) == [3002, 3013]
    assert boss.fails("DROP DATABASE Shop").number == 3709
    product = world.server.open("Shop", login="boss")
    assert numbers(boss.fails("RESTORE DATABASE Shop FROM DATABASE_SNAPSHOT = 'snap'")) == [3101, 3013]
    product.close()
    boss.run("RESTORE DATABASE Shop FROM DATABASE_SNAPSHOT = 'snap'")
    assert boss.one("SELECT COUNT(*) FROM Shop.dbo.Item") == 200
    boss.run("DROP DATABASE snap")
    assert not world.real("D:\\shop.ss").exists()
    assert numbers(boss.fails("RESTORE DATABASE Shop FROM DATABASE_SNAPSHOT = 'snap'")) == [3137, 3013]


SNAP = "CREATE DATABASE s ON (NAME = Shop, FILENAME = 'D:\\s.ss') AS SNAPSHOT OF Shop"


@pytest.mark.parametrize("version", ["12.0.6449.1", "13.0.1601.5"])
def test_snapshots_before_2016_sp1_need_enterprise(make_world: Callable[..., World], version: str) -> None:
    world = make_world(version=version)
    world.sample()
    assert world.connect().fails(SNAP).number == 1844


@pytest.mark.parametrize(("version", "engine_edition"), [("12.0.6449.1", 3), ("13.0.4001.0", 4)])
def test_snapshots_of_enterprise_and_since(make_world: Callable[..., World], version: str, engine_edition: int) -> None:
    world = make_world(version=version, engine_edition=engine_edition)
    world.sample()
    world.connect().run(SNAP)
    assert world.real("D:\\s.ss").stat().st_size == 0  # sparse


def test_a_snapshot_that_cannot_be_made_leaves_nothing(world: World, boss: Client) -> None:
    world.sample()
    world.fs.write("D:\\s.ss", b"mine", world.server.logon)
    assert numbers(boss.fails(SNAP)) == [5170, 1802]
    assert world.real("D:\\s.ss").read_bytes() == b"mine"
    assert numbers(boss.fails(SNAP.replace("D:\\s", "D:\\none\\s"))) == [5123, 1802]
    assert boss.rows("SELECT name FROM sys.databases WHERE name = 's'") == []


def test_nobody_comes_in_while_a_database_is_reverted(world: World, boss: Client) -> None:
    world.sample()
    boss.run(f"{SNAP}; DELETE FROM Shop.dbo.Item")
    seen = []

    def look() -> None:
        seen.extend(world.connect().rows("SELECT name, state_desc FROM sys.databases WHERE name IN ('Shop', 's')"))
        with pytest.raises(SqlError, match="Shop"):
            world.server.open("Shop", login="boss")

    answer = boss.run("RESTORE DATABASE Shop FROM DATABASE_SNAPSHOT = 's'", out=Collector(on_poll=look))
    assert set(seen) == {("Shop", "RESTORING"), ("s", "RESTORING")}
    assert answer.numbers() == []
    assert boss.one("SELECT COUNT(*) FROM Shop.dbo.Item") == 200


def test_a_revert_whose_session_is_killed_has_not_begun(world: World, boss: Client) -> None:
    world.sample()
    boss.run(f"{SNAP}; DELETE FROM Shop.dbo.Item")
    world.faults.arm("sql.kill_revert", "sql01")
    with pytest.raises(ConnectionError):
        boss.run("RESTORE DATABASE Shop FROM DATABASE_SNAPSHOT = 's'")
    again = world.connect()
    assert again.one("SELECT COUNT(*) FROM Shop.dbo.Item") == 0


# -- logins and sessions


@pytest.mark.parametrize(
    ("user", "database", "expected"),
    [("nobody", "", [18456]), ("boss", "nope", [4060, 18456]), ("plain", "Shop", [4060, 18456]), ("sa", "", [18456])],
)
def test_refused_logins(world: World, user: str, database: str, expected: list[int]) -> None:
    world.sample()
    world.server.add_login("plain", "Tr0ub4dor&3")
    with pytest.raises(SqlError) as caught:
        world.connect(user, database)
    assert numbers(caught.value) == expected
    assert not world.server.clients


def test_a_wrong_password_and_a_lock(world: World, boss: Client) -> None:
    login = world.server.add_login("plain", "other")
    assert world.server.check_login("PLAIN", "other") and not world.server.check_login("plain", "wrong")
    with pytest.raises(SqlError, match="18456"):
        world.connect("plain")
    login.password, login.locked = "Tr0ub4dor&3", True
    with pytest.raises(SqlError) as caught:
        world.connect("plain")
    assert numbers(caught.value) == [18486, 18456]


def test_sessions_of_the_product(world: World, boss: Client) -> None:
    world.sample(users={"boss": []})
    world.server.add_login("app", "x")
    with pytest.raises(SqlError, match="4060"):
        world.server.open("Shop", login="app")
    connection = world.server.open("shop", login="boss", host="OCTO01", program="Octopus Server")
    others = boss.rows("SELECT host_name, program_name, login_name FROM sys.dm_exec_sessions WHERE session_id <> @@SPID")
    assert others == [("OCTO01", "Octopus Server", "boss")]
    with pytest.raises(ValueError, match="mine"), connection.transaction():
        connection.execute('DELETE FROM "Item"')
        raise ValueError("mine")
    connection.executemany('INSERT INTO "Item" VALUES (?, ?, NULL)', [(1000, "a"), (1001, "b")])
    with pytest.raises(SqlError, match="2627"):
        connection.executemany('INSERT INTO "Item" VALUES (?, ?, NULL)', [(1002, "a"), (1000, "b")])
    assert connection.execute('SELECT count(*) FROM "Item"').fetchone() == (202,)
    boss.run(f"KILL {connection.spid}")
    for call in (lambda: connection.execute("SELECT 1"), lambda: connection.executemany("SELECT ?", [(1,)])):
        with pytest.raises(SqlError, match="596"):
            call()
    connection.close()
    assert boss.fails(f"KILL {connection.spid}").number == 6106
    assert boss.fails("DECLARE @me int = @@SPID; KILL @me").number == 6104


def test_logins_and_users_in_t_sql(world: World, boss: Client) -> None:
    world.sample()
    boss.run(
        "CREATE LOGIN app WITH PASSWORD = 'Tr0ub4dor&3'; USE Shop; CREATE USER app FOR LOGIN app; ALTER ROLE db_datareader ADD MEMBER app; "
        "ALTER SERVER ROLE dbcreator ADD MEMBER app"
    )
    app = world.connect("app", "Shop")
    assert app.one("SELECT COUNT(*) FROM Item") == 200
    app.run("CREATE DATABASE mine")
    assert app.fails("CREATE LOGIN other WITH PASSWORD = 'x'").number == 15247
    assert boss.fails("DROP LOGIN app").number == 15174
