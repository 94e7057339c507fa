# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""BACKUP: what it writes, says, records and remembers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from lab.tds.engine_api import Attention, SqlError
from lab_tests.sql.collector import Collector
from lab_tests.sql.conftest import Client, World, numbers
from patience import patient

BACKUP = "BACKUP DATABASE [Shop] TO DISK = N'D:\\Backup\\a.bak'"


@pytest.fixture(autouse=True)
def shop(world: World) -> None:
    world.sample()


def history(client: Client) -> list[dict[str, object]]:
    return client.run("SELECT * FROM msdb.dbo.backupset ORDER BY backup_set_id").rowsets[0].dicts()


def test_messages_record_and_file(world: World, boss: Client) -> None:
    answer = boss.run(f"{BACKUP} WITH COPY_ONLY, CHECKSUM, COMPRESSION, FORMAT, INIT, NAME = N'n', DESCRIPTION = 'd', STATS = 5")
    assert answer.messages[-1][1].startswith("BACKUP DATABASE successfully processed ")
    assert [number for number in answer.numbers() if number != 3211] == [4035, 4035, 3014]
    percents = [int(text.split()[0]) for number, text in answer.messages if number == 3211]
    assert percents == sorted(set(percents)) and percents[-1] == 100 and all(one % 5 == 0 for one in percents)
    (row,) = history(boss)
    assert (row["database_name"], row["type"], row["position"], row["name"], row["description"], row["user_name"]) == (
        "Shop",
        "D",
        1,
        "n",
        "d",
        "boss",
    )
    assert (row["is_copy_only"], row["has_backup_checksums"], row["is_damaged"], row["is_snapshot"]) == (1, 1, 0, 0)
    assert world.real("D:\\Backup\\a.bak").stat().st_size == int(str(row["compressed_backup_size"]))
    assert int(str(row["compressed_backup_size"])) < int(str(row["backup_size"]))
    assert [event["action"] for event in world.events("sql.backup")] == ["start", "done"]


def test_without_stats_nothing_is_said_meanwhile(boss: Client) -> None:
    assert 3211 not in boss.run(BACKUP).numbers()


def test_the_same_path_again_is_appended_to(world: World, boss: Client) -> None:
    for place in (1, 2, 3):
        boss.run(BACKUP)
        assert history(boss)[-1]["position"] == place
    assert len({row["media_set_id"] for row in history(boss)}) == 1
    assert [row["Position"] for row in boss.run("RESTORE HEADERONLY FROM DISK = 'D:\\Backup\\a.bak'").rowsets[0].dicts()] == [1, 2, 3]
    boss.run(f"{BACKUP} WITH INIT")
    assert len(boss.run("RESTORE HEADERONLY FROM DISK = 'D:\\Backup\\a.bak'").rowsets[0].rows) == 1


def test_init_respects_an_expiry_date_and_skip_does_not(world: World, boss: Client) -> None:
    boss.run(f"{BACKUP} WITH RETAINDAYS = 3")
    assert numbers(boss.fails(f"{BACKUP} WITH INIT")) == [4030, 3013]
    boss.run(f"{BACKUP} WITH INIT, SKIP")
    boss.run(f"{BACKUP} WITH INIT, EXPIREDATE = '{world.server.local_now() - timedelta(days=1):%Y%m%d}'")
    boss.run(f"{BACKUP} WITH INIT")


def test_compression_of_an_existing_media_is_inherited_and_cannot_change(boss: Client) -> None:
    boss.run(f"{BACKUP} WITH COMPRESSION")
    boss.run(BACKUP)
    dummy_first, second = history(boss)
    assert int(str(second["compressed_backup_size"])) < int(str(second["backup_size"]))
    assert numbers(boss.fails(f"{BACKUP} WITH NO_COMPRESSION")) == [3098, 3013]


@pytest.mark.parametrize(("edition", "engine"), [("Express Edition (64-bit)", 4), ("Web Edition (64-bit)", 2)])
def test_editions_without_compression(make_world: Callable[..., World], edition: str, engine: int) -> None:
    world = make_world(edition=edition, engine_edition=engine)
    world.sample()
    boss = world.connect()
    error = boss.fails(f"{BACKUP} WITH COMPRESSION")
    assert numbers(error) == [1844, 3013] and edition in error.message
    assert not world.real("D:\\Backup\\a.bak").exists()
    boss.run(BACKUP)


def test_the_servers_default_for_compression(world: World, boss: Client) -> None:
    boss.run("EXEC sp_configure 'backup compression default', 1 RECONFIGURE")
    boss.run(BACKUP)
    boss.run("BACKUP DATABASE Shop TO DISK = 'D:\\Backup\\plain.bak' WITH NO_COMPRESSION")
    small, large = [int(str(row["compressed_backup_size"])) for row in history(boss)]
    assert small < large


def test_stripes_share_the_data(world: World, boss: Client) -> None:
    boss.run("BACKUP DATABASE Shop TO DISK = 'D:\\Backup\\1.bak', DISK = 'D:\\Backup\\2.bak' WITH CHECKSUM")
    families = boss.rows("SELECT family_sequence_number, physical_device_name FROM msdb.dbo.backupmediafamily ORDER BY 1")
    assert families == [(1, "D:\\Backup\\1.bak"), (2, "D:\\Backup\\2.bak")]
    label = boss.run("RESTORE LABELONLY FROM DISK = 'D:\\Backup\\2.bak'").rowsets[0].dicts()[0]
    assert (label["FamilyCount"], label["FamilySequenceNumber"]) == (2, 2)
    boss.run("RESTORE VERIFYONLY FROM DISK = 'D:\\Backup\\2.bak', DISK = 'D:\\Backup\\1.bak' WITH CHECKSUM")
    assert numbers(boss.fails("RESTORE VERIFYONLY FROM DISK = 'D:\\Backup\\1.bak'")) == [3132, 3013]
    assert numbers(boss.fails("BACKUP DATABASE Shop TO DISK = 'D:\\Backup\\1.bak'")) == [3231, 3013]


def test_mirrors_need_enterprise(make_world: Callable[..., World], boss: Client) -> None:
    mirrored = "BACKUP DATABASE Shop TO DISK = 'D:\\Backup\\1.bak' MIRROR TO DISK = 'D:\\Backup\\2.bak' WITH FORMAT"
    assert numbers(boss.fails(mirrored)) == [1844, 3013]
    world = make_world(edition="Enterprise Edition (64-bit)", engine_edition=3)
    world.sample()
    client = world.connect()
    client.run(mirrored)
    for name in ("1.bak", "2.bak"):
        assert client.run(f"RESTORE VERIFYONLY FROM DISK = 'D:\\Backup\\{name}'").numbers() == [3262]


def test_encryption_needs_the_certificate_to_read(world: World, boss: Client) -> None:
    encrypted = f"{BACKUP} WITH FORMAT, ENCRYPTION (ALGORITHM = AES_256, SERVER CERTIFICATE = [keeper])"
    assert numbers(boss.fails(encrypted)) == [15151, 3013]
    certificate = world.server.add_certificate("keeper")
    boss.run(encrypted)
    assert b"Item 17" not in world.real("D:\\Backup\\a.bak").read_bytes()
    assert boss.one("SELECT key_algorithm FROM msdb.dbo.backupset") == "AES_256"
    boss.run("RESTORE VERIFYONLY FROM DISK = 'D:\\Backup\\a.bak'")
    del world.server.certificates["keeper"]
    for statement in ("RESTORE VERIFYONLY", "RESTORE FILELISTONLY", "RESTORE DATABASE other"):
        assert boss.fails(f"{statement} FROM DISK = 'D:\\Backup\\a.bak'").number == 33111
    world.server.add_certificate("again", certificate)
    boss.run("RESTORE VERIFYONLY FROM DISK = 'D:\\Backup\\a.bak'")


def test_to_a_url_with_its_credential(world: World, boss: Client) -> None:
    url = "https://acct.blob.core.windows.net/backups/a.bak"
    assert numbers(boss.fails(f"BACKUP DATABASE Shop TO URL = '{url}'")) == [3201, 3013]
    boss.run("CREATE CREDENTIAL [https://acct.blob.core.windows.net/backups] WITH IDENTITY = 'SHARED ACCESS SIGNATURE', SECRET = 'sv=1'")
    boss.run(f"BACKUP DATABASE Shop TO URL = '{url}' WITH COPY_ONLY")
    assert boss.rows("SELECT device_type FROM msdb.dbo.backupmediafamily") == [(9,)]
    assert boss.run(f"RESTORE VERIFYONLY FROM URL = '{url}'").numbers() == [3262]


def test_a_relative_path_is_below_the_backup_folder(world: World, boss: Client) -> None:
    boss.run("BACKUP DATABASE Shop TO DISK = 'rel.bak'")
    assert world.real(f"{world.server.backup_folder}\\rel.bak").exists()


def test_variables_in_sp_executesql(world: World, boss: Client) -> None:
    boss.run(
        "EXEC sp_executesql N'BACKUP DATABASE @d TO DISK = @p WITH NAME = @n', N'@d sysname, @p nvarchar(260), @n nvarchar(128)', "
        "@d = N'Shop', @p = N'D:\\Backup\\it''s.bak', @n = N'x]'"
    )
    assert world.real("D:\\Backup\\it's.bak").exists()
    assert history(boss)[0]["name"] == "x]"


# -- what ends it


def test_a_cancelled_backup_vanishes(world: World, boss: Client) -> None:
    def cancel() -> None:
        if world.real("D:\\Backup\\a.bak").exists():
            raise Attention

    with pytest.raises(Attention):
        boss.run(f"{BACKUP} WITH STATS", out=Collector(on_poll=cancel))
    assert not world.real("D:\\Backup\\a.bak").exists()
    assert history(boss) == []
    assert [event["action"] for event in world.events("sql.backup")] == ["start", "aborted"]
    boss.run(BACKUP)


def test_a_cancelled_append_leaves_what_was_there(world: World, boss: Client) -> None:
    boss.run(f"{BACKUP} WITH CHECKSUM")
    before = world.real("D:\\Backup\\a.bak").read_bytes()

    def gone() -> None:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        boss.run(BACKUP, out=Collector(on_poll=gone))
    assert world.real("D:\\Backup\\a.bak").read_bytes() == before


def test_an_overwritten_file_is_lost_when_it_fails(world: World, boss: Client) -> None:
    boss.run(BACKUP)
    world.faults.arm("disk.full", path="D:\\Backup")
    assert numbers(boss.fails(f"{BACKUP} WITH FORMAT")) == [3202, 3013]
    assert boss.fails("RESTORE HEADERONLY FROM DISK = 'D:\\Backup\\a.bak'").number == 3241


def test_a_full_disk(world: World, boss: Client) -> None:
    world.faults.arm("disk.full", path="D:\\Backup")
    error = boss.fails(BACKUP)
    assert numbers(error) == [3202, 3013]
    assert error.message == 'Write on "D:\\Backup\\a.bak" failed: 112(There is not enough space on the disk.)'
    assert not world.real("D:\\Backup\\a.bak").exists() and history(boss) == []


def test_a_disk_that_is_too_small(world: World, boss: Client) -> None:
    world.fs.drives["D"].capacity = 10_000
    assert numbers(boss.fails(BACKUP)) == [3202, 3013]


def test_a_killed_backup(world: World, boss: Client) -> None:
    world.faults.arm("sql.kill_backup")
    with pytest.raises(ConnectionError):
        boss.run(BACKUP)
    assert boss.disconnected == [True]
    assert not world.real("D:\\Backup\\a.bak").exists()


def test_kill_from_another_session(make_world: Callable[..., World]) -> None:
    world = make_world(scale=20.0)
    world.sample(weight=10**11)
    victim, boss = world.connect(), world.connect()
    ended: list[BaseException] = []

    def run() -> None:
        try:
            victim.run(f"{BACKUP} WITH STATS = 1")
        except BaseException as error:
            ended.append(error)
            victim.session.close()

    thread = threading.Thread(target=run)
    thread.start()
    world.ledger.wait_for(lambda event: event.kind == "sql.backup", patient(10))
    ((command, percent),) = boss.rows(
        f"SELECT command, percent_complete FROM sys.dm_exec_requests WHERE session_id = {victim.session.spid}"
    )
    assert command == "BACKUP DATABASE" and 0 <= float(str(percent)) < 100
    assert numbers(boss.fails(BACKUP.replace("a.bak", "b.bak"))) == [3023, 3013]
    assert boss.fails("BACKUP DATABASE Shop TO DISK = 'D:\\Backup\\a.bak'").number == 3023
    boss.run(f"KILL {victim.session.spid}")
    thread.join(patient(10))
    assert isinstance(ended[0], ConnectionError)
    assert not world.real("D:\\Backup\\a.bak").exists()
    boss.run("ALTER DATABASE Shop SET RECOVERY SIMPLE")


def test_the_time_it_takes_follows_the_data(make_world: Callable[..., World]) -> None:
    world = make_world(scale=500.0, backup_rate=1000.0)
    world.sample(weight=100_000)
    boss = world.connect()
    start = world.clock.seconds()
    boss.run(BACKUP)
    assert world.clock.seconds() - start > 100
    assert int(str(history(boss)[0]["backup_size"])) > 100_000


# -- what is refused

REFUSED: list[tuple[str, list[int]]] = [
    ("BACKUP DATABASE Shop TO DISK = 'D:\\Nowhere\\a.bak'", [3201, 3013]),
    ("BACKUP DATABASE Shop TO DISK = 'X:\\a.bak'", [3201, 3013]),
    ("BACKUP DATABASE Shop TO DISK = '\\\\nowhere\\x\\a.bak'", [3201, 3013]),
    ("BACKUP DATABASE Shop TO DISK = 'D:\\Backup'", [3201, 3013]),
    ("BACKUP DATABASE nope TO DISK = 'D:\\Backup\\a.bak'", [911, 3013]),
    ("BACKUP DATABASE tempdb TO DISK = 'D:\\Backup\\a.bak'", [3147, 3013]),
    ("BACKUP DATABASE master TO DISK = 'D:\\Backup\\a.bak' WITH DIFFERENTIAL", [3024, 3013]),
    (f"{BACKUP} WITH DIFFERENTIAL", [3035, 3013]),
    ("BACKUP LOG Shop TO DISK = 'D:\\Backup\\a.trn'", [4214, 3013]),
    ("BACKUP LOG msdb TO DISK = 'D:\\Backup\\a.trn'", [4208, 3013]),
    (f"{BACKUP} WITH BLOCKSIZE = 1000", [3217]),
    (f"{BACKUP} WITH MAXTRANSFERSIZE = 70000", [3217]),
    (f"{BACKUP} WITH MAXTRANSFERSIZE = 8388608", [3217]),
    (f"{BACKUP} WITH BUFFERCOUNT = 0", [3217]),
    (f"{BACKUP} WITH STATS = 0", [3217]),
    (f"{BACKUP} WITH INIT, NOINIT", [3031]),
    (f"{BACKUP} WITH FORMAT, NOINIT", [3031]),
    (f"{BACKUP} WITH FLUFF", [155]),
    (f"{BACKUP} WITH COPY_ONLY CHECKSUM", [102]),
    ("BACKUP DATABASE Shop TO DISK 'x'", [102]),
    ("BACKUP DATABASE Shop TO mydevice", [3206]),
    (f"{BACKUP}, DISK = 'd:\\backup\\A.BAK'", [3204, 3013]),
    (f"{BACKUP} WITH COMPRESSION (ALGORITHM = MS_XPRESS)", [102]),
]


@pytest.mark.parametrize(("statement", "expected"), REFUSED)
def test_what_is_refused(world: World, boss: Client, statement: str, expected: list[int]) -> None:
    assert numbers(boss.fails(statement)) == expected
    assert not world.events("sql.backup") and history(boss) == []
    assert not world.real("D:\\Backup\\a.bak").exists()


def test_words_of_device_errors(world: World, boss: Client) -> None:
    found = {}
    world.network.add_share("nas", "closed", world.root / "closed", set())
    for path in ("D:\\Nowhere\\a", "\\\\nas\\closed\\a", "\\\\nas\\nothing\\a", "\\\\gone\\x\\a"):
        found[path] = boss.fails(f"BACKUP DATABASE Shop TO DISK = '{path}'").message.partition("error ")[2]
    assert found["D:\\Nowhere\\a"] == "3(The system cannot find the path specified.)."
    assert found["\\\\nas\\closed\\a"] == "5(Access is denied.)."
    assert found["\\\\nas\\nothing\\a"].startswith("67(")
    assert found["\\\\gone\\x\\a"].startswith("53(")
    boss.run("BACKUP DATABASE Shop TO DISK = '\\\\nas\\backups\\a.bak'")  # the machine's account may
    mdf = world.server.databases["shop"].data_files[0].path
    assert "32(" in boss.fails(f"BACKUP DATABASE Shop TO DISK = '{mdf}'").message


def test_not_within_a_transaction(boss: Client) -> None:
    boss.run("BEGIN TRANSACTION")
    assert numbers(boss.fails(BACKUP)) == [3021, 3013]
    boss.run("ROLLBACK")
    boss.run("SET IMPLICIT_TRANSACTIONS ON")
    assert numbers(boss.fails(BACKUP)) == [3021, 3013]


def test_who_may(world: World) -> None:
    shop = world.server.database("Shop")
    assert shop is not None
    world.server.add_login("operator", "Tr0ub4dor&3")
    operator = world.connect("operator")
    assert numbers(operator.fails(BACKUP)) == [916, 3013]
    user = shop.add_user("operator", {"db_datareader"})
    error = operator.fails(BACKUP)
    assert numbers(error) == [262, 3013] and error.message == "BACKUP DATABASE permission denied in database 'Shop'."
    user.roles.add("db_backupoperator")
    operator.run(BACKUP)
    assert operator.fails("RESTORE HEADERONLY FROM DISK = 'D:\\Backup\\a.bak'").number == 262
    assert operator.fails("SELECT * FROM msdb.dbo.backupset").number == 229


def test_a_database_that_is_not_online(boss: Client) -> None:
    boss.run("ALTER DATABASE Shop SET OFFLINE")
    assert numbers(boss.fails(BACKUP)) == [942, 3013]


def test_a_secondary_takes_copies_only(world: World, boss: Client) -> None:
    shop = world.server.database("Shop")
    assert shop is not None
    world.server.groups["ag"] = "SECONDARY"
    shop.group, shop.group_role = "ag", "SECONDARY"
    assert numbers(boss.fails(BACKUP)) == [3059, 3013]
    boss.run(f"{BACKUP} WITH COPY_ONLY")
    assert boss.one("SELECT sys.fn_hadr_backup_is_preferred_replica('Shop')") == 1


def test_copy_only_is_no_base_of_differentials(world: World, boss: Client) -> None:
    boss.run(f"{BACKUP} WITH COPY_ONLY")
    assert boss.fails(f"{BACKUP} WITH DIFFERENTIAL").number == 3035
    boss.run(BACKUP)
    base = history(boss)[-1]
    boss.run(f"{BACKUP} WITH COPY_ONLY")
    boss.run(f"{BACKUP} WITH DIFFERENTIAL")
    last = history(boss)[-1]
    assert (last["type"], last["differential_base_guid"], last["differential_base_lsn"]) == (
        "I",
        base["backup_set_uuid"],
        base["checkpoint_lsn"],
    )
    boss.run("BACKUP LOG Shop TO DISK = 'D:\\Backup\\a.trn'")
    log = history(boss)[-1]
    boss.run("BACKUP LOG Shop TO DISK = 'D:\\Backup\\a.trn'")
    assert history(boss)[-1]["first_lsn"] == log["last_lsn"]


def test_a_failed_backup_lets_the_batch_go_on(boss: Client) -> None:
    answer = boss.run("BACKUP DATABASE nope TO DISK = 'D:\\Backup\\a.bak'; SELECT 5 AS five")
    assert [error.number for error in answer.errors] == [911] and answer.rowsets[0].rows == [(5,)]
    caught = boss.rows("BEGIN TRY BACKUP DATABASE nope TO DISK = 'a' END TRY BEGIN CATCH SELECT ERROR_NUMBER() END CATCH")
    assert caught == [(3013,)]  # CATCH sees the last of several errors


def test_errors_are_sql_errors(boss: Client) -> None:
    assert isinstance(boss.fails("BACKUP DATABASE nope TO DISK = 'a'"), SqlError)
