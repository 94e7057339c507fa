# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""RESTORE: the rows that were there, what is refused, what a restored database is like."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab.sql.damage import damage_pages
from lab.tds.engine_api import Attention
from lab_tests.sql.collector import Collector
from lab_tests.sql.conftest import Client, World, numbers

FILE = "D:\\Backup\\a.bak"
COPY = f"RESTORE DATABASE [Copy] FROM DISK = '{FILE}' WITH MOVE 'Shop' TO 'D:\\copy.mdf', MOVE 'Shop_log' TO 'D:\\copy.ldf'"


@pytest.fixture(autouse=True)
def shop(world: World, boss: Client) -> None:
    world.sample()
    boss.run(f"BACKUP DATABASE Shop TO DISK = '{FILE}' WITH CHECKSUM")


def items(client: Client, database: str) -> list[tuple[object, ...]]:
    return client.rows(f"SELECT * FROM [{database}].dbo.Item ORDER BY Id")


def test_the_same_rows_as_a_new_database(world: World, boss: Client) -> None:
    before = items(boss, "Shop")
    answer = boss.run(f"{COPY}, STATS = 10")
    assert [number for number in answer.numbers() if number != 3211] == [4035, 4035, 3014]
    assert items(boss, "Copy") == before and len(before) == 200
    assert world.real("D:\\copy.mdf").exists()
    (restored,) = boss.run("SELECT * FROM msdb.dbo.restorehistory").rowsets[0].dicts()
    assert (restored["destination_database_name"], restored["restore_type"], restored["recovery"]) == ("Copy", "D", 1)
    assert restored["backup_set_id"] == boss.one("SELECT backup_set_id FROM msdb.dbo.backupset")


def test_the_content_is_that_of_the_backups_end(world: World, boss: Client) -> None:
    """Rows that are committed while it runs are in it; rows that are not, are not."""
    writer = world.server.open("Shop", login="boss")
    written: list[Any] = []

    def write() -> None:
        if not written:
            written.append(writer.execute('INSERT INTO "Item" VALUES (1000, ?, NULL)', ("late",)))

    boss.run(f"BACKUP DATABASE Shop TO DISK = '{FILE}' WITH FORMAT", out=Collector(on_poll=write))
    with writer.transaction():
        writer.execute('DELETE FROM "Item"')
        boss.run("BACKUP DATABASE Shop TO DISK = 'D:\\Backup\\open.bak'")
    boss.run(COPY)
    assert boss.one("SELECT COUNT(*) FROM [Copy].dbo.Item") == 201
    boss.run(f"RESTORE DATABASE [Copy] FROM DISK = 'D:\\Backup\\open.bak' WITH REPLACE, {COPY.partition('WITH ')[2]}")
    assert boss.one("SELECT COUNT(*) FROM [Copy].dbo.Item") == 201
    assert boss.one("SELECT COUNT(*) FROM Shop.dbo.Item") == 0


def test_the_first_set_is_the_default_and_file_chooses(boss: Client) -> None:
    boss.run("DELETE FROM Shop.dbo.Item WHERE Id > 9")
    boss.run(f"BACKUP DATABASE Shop TO DISK = '{FILE}'")
    boss.run(COPY)
    assert boss.one("SELECT COUNT(*) FROM [Copy].dbo.Item") == 200
    boss.run(f"{COPY}, FILE = 2, REPLACE")
    assert boss.one("SELECT COUNT(*) FROM [Copy].dbo.Item") == 10
    assert numbers(boss.fails(f"{COPY}, FILE = 3, REPLACE")) == [4038, 3013]


def test_stripes_in_any_order(boss: Client) -> None:
    boss.run("BACKUP DATABASE Shop TO DISK = 'D:\\Backup\\1', DISK = 'D:\\Backup\\2', DISK = 'D:\\Backup\\3' WITH COMPRESSION")
    moves = COPY.partition("WITH ")[2]
    assert boss.fails(f"RESTORE DATABASE [Copy] FROM DISK = 'D:\\Backup\\1', DISK = 'D:\\Backup\\3' WITH {moves}").number == 3132
    boss.run(f"RESTORE DATABASE [Copy] FROM DISK = 'D:\\Backup\\3', DISK = 'D:\\Backup\\1', DISK = 'D:\\Backup\\2' WITH {moves}")
    assert items(boss, "Copy") == items(boss, "Shop")


def test_headers_say_what_was_backed_up(boss: Client) -> None:
    (header,) = boss.run(f"RESTORE HEADERONLY FROM DISK = '{FILE}'").rowsets[0].dicts()
    recorded = boss.run("SELECT * FROM msdb.dbo.backupset").rowsets[0].dicts()[0]
    for name, column in (
        ("BackupSetGUID", "backup_set_uuid"),
        ("FirstLSN", "first_lsn"),
        ("LastLSN", "last_lsn"),
        ("BackupSize", "backup_size"),
    ):
        assert header[name] == recorded[column]
    assert (header["DatabaseName"], header["BackupType"], header["HasBackupChecksums"], header["SoftwareVersionMajor"]) == (
        "Shop",
        1,
        1,
        14,
    )
    files = boss.run(f"RESTORE FILELISTONLY FROM DISK = '{FILE}'").rowsets[0].dicts()
    assert [(one["LogicalName"], one["Type"]) for one in files] == [("Shop", "D"), ("Shop_log", "L")]


@pytest.mark.parametrize(("version", "columns"), [("11.0.7001.0", 53), ("14.0.1.0", 56), ("16.0.1000.6", 59)])
def test_columns_by_version(make_world: Callable[..., World], version: str, columns: int) -> None:
    world = make_world(version=version)
    world.sample()
    boss = world.connect()
    boss.run(f"BACKUP DATABASE Shop TO DISK = '{FILE}'")
    assert len(boss.run(f"RESTORE HEADERONLY FROM DISK = '{FILE}'").rowsets[0].columns) == columns


# -- what is refused


def test_over_an_existing_database(world: World, boss: Client) -> None:
    assert numbers(boss.fails(f"RESTORE DATABASE Shop FROM DISK = '{FILE}'")) == [3159, 3013]
    world.server.create_database("Other")
    assert numbers(boss.fails(f"RESTORE DATABASE Other FROM DISK = '{FILE}'")) == [3154, 3013]
    boss.run("DELETE FROM Shop.dbo.Item")
    boss.run(f"RESTORE DATABASE Shop FROM DISK = '{FILE}' WITH REPLACE")
    assert boss.one("SELECT COUNT(*) FROM Shop.dbo.Item") == 200


def test_files_of_another_database(boss: Client) -> None:
    error = boss.fails(f"RESTORE DATABASE [Copy] FROM DISK = '{FILE}'")
    assert numbers(error) == [1834, 3156, 3119, 3013]
    assert numbers(boss.fails(f"{COPY}, MOVE 'nope' TO 'D:\\x'")) == [3234, 3013]
    assert numbers(boss.fails(COPY.replace("D:\\copy.mdf", "D:\\no\\copy.mdf"))) == [5133, 3156, 3119, 3013]


def test_a_file_in_the_way(world: World, boss: Client) -> None:
    world.fs.write("D:\\copy.mdf", b"old", world.server.logon)
    assert boss.fails(COPY).number == 5170
    boss.run(f"{COPY}, REPLACE")


def test_a_full_disk(world: World, boss: Client) -> None:
    world.fs.drives["D"].capacity = 1024**2
    assert numbers(boss.fails(COPY)) == [3257, 3156, 3119, 3013]
    assert world.server.database("Copy") is None


def test_a_database_in_use(world: World, boss: Client) -> None:
    other = world.server.open("Shop", login="boss")
    assert numbers(boss.fails(f"RESTORE DATABASE Shop FROM DISK = '{FILE}' WITH REPLACE")) == [3101, 3013]
    other.close()
    boss.run("USE Shop")
    assert numbers(boss.fails(f"RESTORE DATABASE Shop FROM DISK = '{FILE}' WITH REPLACE")) == [3102, 3013]


def test_who_may(world: World) -> None:
    world.server.add_login("maker", "Tr0ub4dor&3", roles={"dbcreator"})
    world.server.add_login("plain", "Tr0ub4dor&3")
    shop = world.server.database("Shop")
    assert shop is not None
    shop.add_user("plain", {"db_owner"})
    plain = world.connect("plain")
    assert plain.fails(COPY).number == 262
    assert plain.fails(f"RESTORE DATABASE Shop FROM DISK = '{FILE}' WITH REPLACE").number == 3110
    maker = world.connect("maker")
    maker.run(COPY)
    copy = world.server.database("Copy")
    assert copy is not None and copy.owner == "maker"


def test_newer_backups_do_not_go_back(world: World) -> None:
    older = world.add_server("sql02", version="13.0.6300.2")
    newer = world.add_server("sql03", version="15.0.4430.1")
    for server in (older, newer):
        server.machine.fs.write(FILE, world.real(FILE).read_bytes(), server.logon)
    plain = f"RESTORE DATABASE Shop FROM DISK = '{FILE}' WITH MOVE 'Shop' TO 'D:\\s.mdf', MOVE 'Shop_log' TO 'D:\\s.ldf'"
    old_client = world.connect(server=older)
    assert old_client.run(f"RESTORE HEADERONLY FROM DISK = '{FILE}'").rowsets[0].dicts()[0]["DatabaseVersion"] == 869
    assert numbers(old_client.fails(plain)) == [3169, 3013]
    new_client = world.connect(server=newer)
    assert "from version 869 to the current version 904" in " ".join(text for _number, text in new_client.run(plain).messages)
    assert new_client.rows("SELECT compatibility_level FROM sys.databases WHERE name = 'Shop'") == [(140,)]
    assert len(items(new_client, "Shop")) == 200


def test_not_a_backup(world: World, boss: Client) -> None:
    world.fs.write("D:\\Backup\\text", b"hello", world.server.logon)
    for statement in ("RESTORE HEADERONLY", "RESTORE LABELONLY", "RESTORE FILELISTONLY", "RESTORE VERIFYONLY", "RESTORE DATABASE x"):
        error = boss.fails(f"{statement} FROM DISK = 'D:\\Backup\\text'")
        assert numbers(error) == [3241, 3013], statement
        missing = boss.fails(f"{statement} FROM DISK = 'D:\\Backup\\none'")
        assert numbers(missing) == [3201, 3013] and "error 2(" in missing.message
    assert "error 3(" in boss.fails("RESTORE LABELONLY FROM DISK = 'D:\\no\\none'").message


def test_a_database_that_is_mirrored_or_has_snapshots(world: World, boss: Client) -> None:
    shop = world.server.database("Shop")
    assert shop is not None
    shop.mirrored = True
    restore = f"RESTORE DATABASE Shop FROM DISK = '{FILE}' WITH REPLACE"
    assert numbers(boss.fails(restore)) == [3104, 3013]
    mirrored = "SELECT mirroring_guid FROM sys.database_mirroring WHERE database_id = DB_ID('Shop')"
    assert boss.one(mirrored) is not None
    for change in ("SET OFFLINE WITH ROLLBACK IMMEDIATE", "SET SINGLE_USER", "MODIFY NAME = Other"):
        assert numbers(boss.fails(f"ALTER DATABASE Shop {change}")) == [1468, 5069]
    shop.mirrored = False
    assert boss.one(mirrored) is None
    boss.run("CREATE DATABASE snap ON (NAME = Shop, FILENAME = 'D:\\shop.ss') AS SNAPSHOT OF Shop")
    assert numbers(boss.fails(restore)) == [3709, 3013]
    boss.run("ALTER DATABASE Shop MODIFY NAME = Renamed")
    assert boss.fails("DROP DATABASE Renamed").number == 3709  # they stay its own
    boss.run("DROP DATABASE snap; DROP DATABASE Renamed")


def test_another_servers_backup_is_known_to_msdb_once_it_is_restored(world: World, boss: Client) -> None:
    boss.run("BACKUP DATABASE Shop TO DISK = 'D:\\Backup\\1', DISK = 'D:\\Backup\\2' WITH COMPRESSION")
    other = world.add_server("sql02")
    for name in ("1", "2"):
        other.machine.fs.write(f"D:\\Backup\\{name}", world.real(f"D:\\Backup\\{name}").read_bytes(), other.logon)
    client = world.connect(server=other)
    for _time in range(2):
        client.run("RESTORE DATABASE Shop FROM DISK = 'D:\\Backup\\2', DISK = 'D:\\Backup\\1' WITH REPLACE")
    found = client.rows(
        "SELECT b.server_name, b.backup_set_uuid, f.family_sequence_number, f.physical_device_name FROM msdb.dbo.restorehistory h "
        "JOIN msdb.dbo.backupset b ON b.backup_set_id = h.backup_set_id JOIN msdb.dbo.backupmediafamily f ON f.media_set_id = b.media_set_id "
        "ORDER BY h.restore_history_id, f.family_sequence_number"
    )
    uuid = boss.one("SELECT backup_set_uuid FROM msdb.dbo.backupset WHERE backup_set_id = 2")
    assert found == [("SQL01", uuid, 1, "D:\\Backup\\1"), ("SQL01", uuid, 2, "D:\\Backup\\2")] * 2
    assert client.one("SELECT COUNT(*) FROM msdb.dbo.backupset") == 1


def test_a_session_that_is_killed_half_way(world: World, boss: Client) -> None:
    world.faults.arm("sql.kill_restore", "sql01", database="Copy")
    with pytest.raises(ConnectionError):
        boss.run(COPY)
    other = world.connect()
    assert other.rows("SELECT state_desc FROM sys.databases WHERE name = 'Copy'") == [("RESTORING",)]
    other.run("DROP DATABASE [Copy]")


# -- damage


def spoil(path: Path, text: bytes = b"Item 17") -> None:
    raw = path.read_bytes()
    at = raw.index(text)
    path.write_bytes(raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :])


def test_damage_is_found_where_checksums_were_taken(world: World, boss: Client) -> None:
    spoil(world.real(FILE))
    assert numbers(boss.fails(f"RESTORE VERIFYONLY FROM DISK = '{FILE}' WITH CHECKSUM")) == [3189, 3013]
    assert numbers(boss.fails(COPY)) == [3183, 3013]
    assert boss.rows("SELECT state_desc FROM sys.databases WHERE name = 'Copy'") == [("RESTORING",)]


def test_damage_without_checksums_is_found_by_checkdb_only(world: World, boss: Client) -> None:
    boss.run(f"BACKUP DATABASE Shop TO DISK = '{FILE}' WITH FORMAT, NO_CHECKSUM")
    spoil(world.real(FILE))
    assert boss.run(f"RESTORE VERIFYONLY FROM DISK = '{FILE}'").numbers() == [3262]
    assert numbers(boss.fails(f"RESTORE VERIFYONLY FROM DISK = '{FILE}' WITH CHECKSUM")) == [3187, 3013]
    boss.run(COPY)
    assert boss.fails("DBCC CHECKDB ([Copy]) WITH NO_INFOMSGS").number == 8939
    boss.run("DBCC CHECKDB (Shop) WITH NO_INFOMSGS")


def test_damage_in_the_database_itself(world: World, boss: Client) -> None:
    damage_pages(world.server, "Shop", 3)
    assert numbers(boss.fails(f"BACKUP DATABASE Shop TO DISK = '{FILE}' WITH FORMAT, CHECKSUM")) == [3043, 3013]
    boss.run("BACKUP DATABASE Shop TO DISK = 'D:\\Backup\\b' WITH CHECKSUM, CONTINUE_AFTER_ERROR")
    assert boss.rows("SELECT is_damaged FROM msdb.dbo.backupset ORDER BY backup_set_id DESC")[0] == (1,)
    boss.run("BACKUP DATABASE Shop TO DISK = 'D:\\Backup\\c'")
    boss.run(COPY.replace(FILE, "D:\\Backup\\c"))
    assert "(1:3)" in boss.fails("DBCC CHECKDB ([Copy])").message


def test_a_file_that_is_cut_off(world: World, boss: Client) -> None:
    raw = world.real(FILE).read_bytes()
    world.real(FILE).write_bytes(raw[: len(raw) - 50])
    assert numbers(boss.fails(f"RESTORE VERIFYONLY FROM DISK = '{FILE}'")) == [3203, 3013]
    assert boss.run(f"RESTORE HEADERONLY FROM DISK = '{FILE}'").rowsets[0].dicts()[0]["BackupName"] == "*** INCOMPLETE ***"


# -- afterwards


def test_orphaned_users_and_how_they_are_repaired(world: World, boss: Client) -> None:
    login = world.server.add_login("app", "Tr0ub4dor&3")
    shop = world.server.database("Shop")
    assert shop is not None
    shop.add_user("app", {"db_owner"}, sid=login.sid)
    boss.run(f"BACKUP DATABASE Shop TO DISK = '{FILE}' WITH FORMAT")
    boss.run("DROP LOGIN app; CREATE LOGIN app WITH PASSWORD = 'Tr0ub4dor&3'")
    boss.run(COPY)
    orphans = (
        "SELECT p.name FROM [Copy].sys.database_principals p LEFT JOIN sys.server_principals s ON s.sid = p.sid "
        "WHERE p.type = 'S' AND p.authentication_type = 1 AND p.principal_id > 4 AND s.sid IS NULL"
    )
    assert boss.rows(orphans) == [("app",)]
    boss.run("USE [Copy]; ALTER USER app WITH LOGIN = app")
    assert boss.rows(orphans) == []
    assert len(world.connect("app", "Copy").rows("SELECT TOP 1 Id FROM Item")) == 1


def test_left_restoring_and_recovered(world: World, boss: Client) -> None:
    boss.run(f"{COPY}, NORECOVERY")
    assert boss.fails("USE [Copy]").number == 927
    boss.run("RESTORE DATABASE [Copy] WITH RECOVERY")
    assert items(boss, "Copy") == items(boss, "Shop")
    assert numbers(boss.fails("RESTORE DATABASE [Copy] WITH RECOVERY")) == [3153, 3013]


def test_a_chain_of_full_differential_and_log(boss: Client) -> None:
    for place, kind in enumerate(("DATABASE", "LOG"), 1):
        boss.run(f"INSERT INTO Shop.dbo.Item VALUES ({1000 + place}, 'more', NULL)")
        options = "WITH DIFFERENTIAL" if kind == "DATABASE" else ""
        boss.run(f"BACKUP {kind} Shop TO DISK = 'D:\\Backup\\{place}' {options}")
    assert numbers(boss.fails("RESTORE LOG [Copy] FROM DISK = 'D:\\Backup\\2'")) == [3118, 3013]
    boss.run(f"{COPY}, NORECOVERY")
    boss.run("RESTORE DATABASE [Copy] FROM DISK = 'D:\\Backup\\1' WITH NORECOVERY")
    boss.run("RESTORE LOG [Copy] FROM DISK = 'D:\\Backup\\2' WITH RECOVERY")
    assert items(boss, "Copy") == items(boss, "Shop")
    assert numbers(boss.fails("RESTORE LOG [Copy] FROM DISK = 'D:\\Backup\\2'")) == [3117, 3013]


def test_a_cancelled_restore_leaves_the_database_restoring(boss: Client) -> None:
    def cancel() -> None:
        raise Attention

    with pytest.raises(Attention):
        boss.run(COPY, out=Collector(on_poll=cancel))
    assert boss.rows("SELECT state_desc FROM sys.databases WHERE name = 'Copy'") == [("RESTORING",)]
    assert boss.fails("RESTORE DATABASE [Copy] WITH RECOVERY").number == 4333
    boss.run(f"{COPY}, REPLACE")
    assert items(boss, "Copy") == items(boss, "Shop")


NAMES = st.text(st.sampled_from("aZé'\"]. [%_-"), min_size=1, max_size=12).map(lambda text: f"n{text}n")
VALUES = st.one_of(
    st.none(), st.text(max_size=20), st.integers(-(2**40), 2**40), st.binary(max_size=20), st.floats(allow_nan=False, width=32)
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    database=NAMES,
    table=NAMES.filter(lambda name: "." not in name),
    rows=st.lists(st.tuples(VALUES, VALUES), max_size=30),
    compress=st.booleans(),
    stripes=st.integers(1, 3),
)
def test_a_restored_backup_has_exactly_the_same_rows(
    database: str, table: str, rows: list[tuple[object, ...]], compress: bool, stripes: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        try:
            store = world.server.create_database(database)
            connection = store.connect()
            quoted = table.replace('"', '""')
            connection.execute(f'CREATE TABLE "{quoted}" (a, b)')
            connection.executemany(f'INSERT INTO "{quoted}" VALUES (?, ?)', rows)
            connection.close()
            boss = world.connect()
            name = "[" + database.replace("]", "]]") + "]"
            devices = ", ".join(f"DISK = N'D:\\Backup\\it''s {place}.bak'" for place in range(stripes))
            boss.run(f"BACKUP DATABASE {name} TO {devices} WITH CHECKSUM, {'' if compress else 'NO_'}COMPRESSION")
            logical = database.replace("'", "''")
            boss.run(
                f"RESTORE DATABASE [copy] FROM {devices} WITH MOVE N'{logical}' TO N'D:\\c.mdf', MOVE N'{logical}_log' TO N'D:\\c.ldf'"
            )
            copied = world.server.database("copy")
            assert copied is not None
            connection = copied.connect()
            assert connection.execute(f'SELECT * FROM "{quoted}"').fetchall() == rows
            connection.close()
        finally:
            world.network.close()
