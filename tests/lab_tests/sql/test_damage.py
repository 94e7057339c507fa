# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups that lie: which statement finds which damage, and which does not."""

from __future__ import annotations

import pytest
from lab.sql import damage
from lab_tests.sql.conftest import Client, World, numbers

FILE, SECOND = "D:\\Backup\\a.bak", "D:\\Backup\\b.bak"
MOVE = "WITH MOVE 'Shop' TO 'D:\\copy.mdf', MOVE 'Shop_log' TO 'D:\\copy.ldf'"
VALID, NO_PROBLEM = 3262, 8989


@pytest.fixture(autouse=True)
def shop(world: World) -> None:
    world.sample()


def backup(client: Client, words: str = "CHECKSUM", *, to: str = f"DISK = '{FILE}'") -> None:
    client.run(f"BACKUP DATABASE Shop TO {to} WITH FORMAT, {words}")


def verify(client: Client, words: str = " WITH CHECKSUM", *, of: str = f"DISK = '{FILE}'") -> list[int]:
    return client.run(f"RESTORE VERIFYONLY FROM {of}{words}").numbers()


@pytest.mark.parametrize("words", ["CHECKSUM", "CHECKSUM, COMPRESSION"])
def test_a_corrupted_backup_is_found_by_its_checksum(world: World, boss: Client, words: str) -> None:
    backup(boss, words)
    assert verify(boss) == [VALID]
    damage.corrupt_backup(world.server, FILE)
    assert numbers(boss.fails(f"RESTORE VERIFYONLY FROM DISK = '{FILE}' WITH CHECKSUM")) == [3189, 3013]
    assert numbers(boss.fails(f"RESTORE DATABASE [Copy] FROM DISK = '{FILE}' {MOVE}")) == [3183, 3013]


def test_a_corrupted_backup_without_checksums_is_valid_to_verifyonly(world: World, boss: Client) -> None:
    backup(boss, "NO_CHECKSUM")
    damage.corrupt_backup(world.server, FILE)
    assert verify(boss, "") == [VALID]
    boss.run(f"RESTORE DATABASE [Copy] FROM DISK = '{FILE}' {MOVE}")
    assert boss.fails("DBCC CHECKDB ([Copy])").number == 8939


def test_the_set_that_is_meant_is_corrupted(world: World, boss: Client) -> None:
    backup(boss)
    boss.run(f"BACKUP DATABASE Shop TO DISK = '{FILE}' WITH CHECKSUM")
    damage.corrupt_backup(world.server, FILE, 2)
    assert verify(boss, " WITH FILE = 1, CHECKSUM") == [VALID]
    assert boss.fails(f"RESTORE VERIFYONLY FROM DISK = '{FILE}' WITH FILE = 2, CHECKSUM").number == 3189


def test_a_backup_that_is_cut_off(world: World, boss: Client) -> None:
    backup(boss)
    damage.cut_backup(world.server, FILE)
    assert numbers(boss.fails(f"RESTORE VERIFYONLY FROM DISK = '{FILE}'")) == [3203, 3013]


def test_a_stripe_that_is_missing(world: World, boss: Client) -> None:
    both = f"DISK = '{FILE}', DISK = '{SECOND}'"
    backup(boss, to=both)
    assert verify(boss, of=both) == [VALID]
    damage.lose_stripe(world.server, SECOND)
    assert boss.fails(f"RESTORE VERIFYONLY FROM {both}").number == 3201
    assert boss.fails(f"RESTORE VERIFYONLY FROM DISK = '{FILE}'").number == 3132


def test_a_page_with_a_wrong_checksum(world: World, boss: Client) -> None:
    damage.damage_pages(world.server, "Shop", 2)
    assert boss.fails("DBCC CHECKDB (Shop)").number == 8939
    assert numbers(boss.fails(f"BACKUP DATABASE Shop TO DISK = '{FILE}' WITH CHECKSUM")) == [3043, 3013]
    backup(boss, "NO_CHECKSUM")
    assert verify(boss, "") == [VALID]
    boss.run(f"RESTORE DATABASE [Copy] FROM DISK = '{FILE}' {MOVE}")
    assert "(1:2)" in boss.fails("DBCC CHECKDB ([Copy])").message


def test_a_backup_that_was_taken_in_spite_of_it(world: World, boss: Client) -> None:
    """Where there are backup checksums, page checksums are verified too."""
    damage.damage_pages(world.server, "Shop", 2)
    backup(boss, "CHECKSUM, CONTINUE_AFTER_ERROR")
    assert boss.fails(f"RESTORE VERIFYONLY FROM DISK = '{FILE}' WITH CHECKSUM").number == 3189
    error = boss.fails(f"RESTORE DATABASE [Copy] FROM DISK = '{FILE}' {MOVE}")
    assert error.number == 3183 and "(1:2)" in error.message
    boss.run(f"RESTORE DATABASE [Copy] FROM DISK = '{FILE}' {MOVE}, CONTINUE_AFTER_ERROR, REPLACE")
    assert boss.fails("DBCC CHECKDB ([Copy])").number == 8939


@pytest.mark.parametrize("words", ["CHECKSUM", "CHECKSUM, COMPRESSION", "NO_CHECKSUM"])
def test_a_value_that_cannot_be_is_found_by_checkdb_alone(world: World, boss: Client, words: str) -> None:
    """The test restore's reason to be: nothing is wrong with the backup, and it is of no use."""
    damage.damage_values(world.server, "Shop", 3, 5)
    backup(boss, words)
    assert verify(boss, "" if words == "NO_CHECKSUM" else " WITH CHECKSUM") == [VALID]
    assert boss.rows("SELECT is_damaged FROM msdb.dbo.backupset") == [(0,)]
    damage.repair(world.server, "Shop")  # the backup keeps it
    assert NO_PROBLEM in boss.run("DBCC CHECKDB (Shop)").numbers()
    boss.run(f"RESTORE DATABASE [Copy] FROM DISK = '{FILE}' {MOVE}")
    error = boss.fails("DBCC CHECKDB ([Copy]) WITH ALL_ERRORMSGS")
    assert numbers(error) == [2570, 2570, 8990]
    assert "2 consistency errors in database 'Copy'" in error.more[-1].message
    assert NO_PROBLEM in boss.run("DBCC CHECKDB ([Copy]) WITH PHYSICAL_ONLY").numbers()  # it does not look at values
    assert boss.one("SELECT COUNT(*) FROM [Copy].dbo.Item") == 200


def test_snapshots_have_it_and_a_revert_brings_it_back(world: World, boss: Client) -> None:
    damage.damage_values(world.server, "Shop")
    boss.run("CREATE DATABASE s ON (NAME = Shop, FILENAME = 'D:\\s.ss') AS SNAPSHOT OF Shop")
    damage.repair(world.server, "Shop")
    boss.run("RESTORE DATABASE Shop FROM DATABASE_SNAPSHOT = 's'")
    assert boss.fails("DBCC CHECKDB (Shop)").number == 2570


def test_what_there_is_not_is_told(world: World, boss: Client) -> None:
    with pytest.raises(ValueError, match="no file"):
        damage.corrupt_backup(world.server, FILE)
    with pytest.raises(ValueError, match="no database"):
        damage.damage_values(world.server, "Nowhere")
