# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups with both ODBC drivers: what is there afterwards, and what is said when it is not."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core import progress
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import drivers, session_setup
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from lab.sql.damage import damage_pages, damage_values
from patience import patient
from scenarios.mssql.conftest import GIGABYTE, NAME, World

A = "D:\\Backup\\a.bak"
WAIT = patient(20.0)


@pytest.mark.parametrize("progress_done", [True, False])
def test_a_backup_exists_and_is_verified(make_world: Callable[..., World], progress_done: bool) -> None:
    world = make_world(progress_done=progress_done)
    shown: list[str] = []
    with progress.listening(shown.append):
        result = world.backup(name="before the upgrade")
    assert not result.get("failed"), result
    assert (result["changed"], result["verified"], result["copy_only"], result["checksum"]) == (True, True, True, True)
    assert (result["server"], result["database"], result["paths"], result["position"]) == ("SQL01", "Octopus", [A], 1)
    assert world.is_file(A)
    assert result["size"] >= GIGABYTE // 8
    assert 0 < result["compressed_size"] <= result["size"]
    assert int(result["last_lsn"]) >= int(result["first_lsn"]) > 0
    assert len(result["backup_set_uuid"]) == 36
    assert [event["action"] for event in world.ledger.events("sql.backup")][:2] == ["start", "done"]
    for title in ("Backing up Octopus", "Verifying the backup of Octopus"):
        percents = [int(found[1]) for found in (re.match(rf"{title}: .*\((\d+) %\)", line) for line in shown) if found]
        assert percents and percents == sorted(percents) and percents[-1] == 100
    # One login; the statements it ran are the ones that are returned.
    assert len(world.logins("login")) == 1
    ran = [event["sql"] for event in world.ledger.events("sql")]
    assert all(statement in ran for statement in result["sql"])


def test_what_is_not_drained_disappears_and_ours_does_not(world: World) -> None:
    """https://github.com/mkleehammer/pyodbc/issues/471: execute() returns with the first message, and close() then cancels the rest."""
    pyodbc = pytest.importorskip("pyodbc")
    options = SqlOptions.from_params({"login_port": 1433, "encrypt": "mandatory", "validate_certs": True, **world.login})
    driver = drivers.Driver(world.driver, drivers.family(world.driver))
    with session_setup.surroundings(options, driver):
        plain = pyodbc.connect(session_setup.connection_string(options, driver, "master"), autocommit=True)
    plain.execute(f"BACKUP DATABASE Octopus TO DISK = N'{A}' WITH STATS = 5")  # no error
    plain.close()  # and none here
    world.ledger.wait_for(lambda event: event.kind == "sql.backup" and event["action"] == "aborted", WAIT)
    assert not world.is_file(A)
    assert not world.backups("done")

    assert world.backup()["verified"]
    assert world.is_file(A)
    assert len(world.backups("done")) == 1


@pytest.mark.parametrize("database", ["Octopus [HA]", "it's ]x[", "Größe 日本", "a.b;--"])
@pytest.mark.parametrize("file", ["it's.bak", "[x]].bak", "a b ; -- .bak", "Größe 日本.bak"])
def test_odd_names(world: World, database: str, file: str) -> None:
    world.sql.create_database(database)
    path = f"D:\\Backup\\{file}"
    result = world.backup(database=database, path=[path], name="n'1]", description="d''")
    assert not result.get("failed"), result
    assert (result["database"], result["paths"]) == (database, [path])
    assert world.is_file(path)


def test_the_database_is_spelt_as_the_server_spells_it(world: World) -> None:
    result = world.backup(database="OCTOPUS")
    assert result["database"] == "Octopus"
    assert "[Octopus]" in result["sql"][0]


def test_stripes(world: World) -> None:
    paths = [f"D:\\Backup\\part{number}.bak" for number in range(3)]
    result = world.backup(path=paths)
    assert not result.get("failed"), result
    assert result["paths"] == paths
    assert all(world.is_file(path) for path in paths)


def test_transfer_options_and_encryption(world: World) -> None:
    world.sql.add_certificate("Backup ]cert")
    result = world.backup(
        max_transfer_size=1048576,
        buffer_count=10,
        block_size=4096,
        compression="off",
        encryption={"certificate": "Backup ]cert"},
    )
    assert not result.get("failed"), result
    assert result["compressed_size"] == result["size"]
    assert world.is_file(A)


def test_express_does_not_compress(make_world: Callable[..., World]) -> None:
    world = make_world(edition="Express Edition (64-bit)", engine_edition=4)
    result = world.backup()
    assert not result.get("failed"), result
    assert "COMPRESSION" not in result["sql"][0]


def test_overwrite_policies(world: World) -> None:
    assert world.backup()["position"] == 1
    size = len(world.machine.fs.read(A, world.sql.logon))
    refused = world.backup()
    assert f"{A} exists already" in refused["msg"]
    assert len(world.backups("start")) == 1
    assert len(world.machine.fs.read(A, world.sql.logon)) == size
    assert world.backup(overwrite="append")["position"] == 2
    assert world.backup(overwrite="replace")["position"] == 1


def test_a_file_that_is_no_backup_is_not_overwritten(world: World) -> None:
    world.write(A)
    assert f"{A} exists already" in world.backup()["msg"]
    assert world.machine.fs.read(A, world.sql.logon) == b"no backup"
    assert not world.backup(overwrite="replace").get("failed")


def test_check_mode_changes_nothing(world: World) -> None:
    mark = world.ledger.mark()
    result = world.backup(check_mode=True, path=["D:\\New\\folder\\a.bak"], create_folder=True)
    assert not result.get("failed"), result
    assert result["changed"]
    assert result["created_folders"] == ["D:\\New\\folder"]
    assert GIGABYTE // 8 <= result["estimated_bytes"] < GIGABYTE
    assert result["free_bytes"] > 0
    assert not world.ledger.events("sql.backup", since=mark)
    assert not world.ledger.events("file", since=mark)
    assert not world.machine.fs.is_dir("D:\\New", world.sql.logon)


def test_a_missing_folder(world: World) -> None:
    path = "D:\\New\\it's\\a.bak"
    refused = world.backup(path=[path])
    assert path in refused["msg"]
    assert "no such folder" in refused["msg"]
    assert "create_folder: true" in refused["msg"]
    assert not world.machine.fs.is_dir("D:\\New", world.sql.logon)
    result = world.backup(path=[path], create_folder=True)
    assert not result.get("failed"), result
    assert world.is_file(path)


def test_a_share_that_the_service_account_may_not_use(world: World) -> None:
    share = world.network.add_share("nas", "secret", world.folder / "nas", set())
    path = f"{share.unc}\\a.bak"
    result = world.backup(path=[path])
    assert path in result["msg"]
    assert "access denied (operating system error 5)" in result["msg"]
    assert "NT SERVICE\\MSSQLSERVER" in result["msg"]
    assert "right to write" in result["msg"]
    share.allow.add(world.network.machine_account(NAME))
    assert not world.backup(path=[path]).get("failed")


def test_a_share_that_is_not_there(world: World) -> None:
    result = world.backup(path=["\\\\nowhere\\x\\a.bak"])
    assert "network path was not found (operating system error 53)" in result["msg"]
    assert "NT SERVICE\\MSSQLSERVER" in result["msg"]


def test_a_login_without_the_permission(world: World) -> None:
    world.sql.add_login("reader", "Reader!1")
    world.database("Octopus").add_user("reader", {"db_datareader"})
    result = world.backup(login_user="reader", login_password="Reader!1")
    assert "login reader does not have it" in result["msg"]
    assert "db_backupoperator" in result["msg"]
    assert not world.backups("start")


def test_a_backup_operator_is_enough(world: World) -> None:
    world.sql.add_login("operator", "Operator!1")
    world.database("Octopus").add_user("operator", {"db_backupoperator"})
    unverifiable = world.backup(login_user="operator", login_password="Operator!1", verify=False)
    assert "operator cannot read it" in unverifiable["msg"]
    assert "db_datareader" in unverifiable["msg"]
    assert not world.backups("start")
    world.database("msdb").add_user("operator", {"db_datareader"})
    result = world.backup(login_user="operator", login_password="Operator!1", verify=False)
    assert not result.get("failed"), result
    assert world.is_file(A)


def test_a_full_disk(world: World) -> None:
    world.faults.arm("disk.full", NAME, times=None, path="D:\\Backup")
    result = world.backup()
    assert "the disk is full (operating system error 112)" in result["msg"]
    assert A in result["msg"]
    assert not world.backups("done")


def test_a_session_that_is_killed_half_way(world: World) -> None:
    world.faults.arm("sql.kill_backup", NAME)
    result = world.backup()
    assert "ended the session during the backup" in result["msg"]
    assert "Nothing is left of it" in result["msg"]
    assert not world.is_file(A)
    assert not world.backup().get("failed")


@pytest.mark.parametrize("progress_done", [True, False])
def test_a_deadline_cancels_and_shows_that_nothing_is_left(make_world: Callable[..., World], progress_done: bool) -> None:
    world = make_world(progress_done=progress_done)
    world.sql.create_database("Huge", weight=100 * GIGABYTE)
    result = world.backup(database="Huge", timeout=0.5)
    assert "within 0.5 s" in result["msg"]
    assert "Nothing is left of it: no backup is running any more, msdb has none, and there is no file" in result["msg"]
    assert [event["action"] for event in world.ledger.events("sql.backup")] == ["start", "aborted"]
    assert not world.is_file(A)
    assert not world.backup().get("failed")


def test_a_database_that_is_not_online(world: World) -> None:
    world.database("Octopus").state = "RESTORING"
    assert "it is RESTORING on SQL Server SQL01" in world.backup()["msg"]
    assert "has none of that name" in world.backup(database="Octopuss")["msg"]


def test_damaged_pages_are_found(world: World) -> None:
    damage_pages(world.sql, "Octopus")
    result = world.backup()
    assert result["failed"]
    assert not world.backups("done")


def test_damage_that_no_checksum_shows_is_not_found_by_a_backup(world: World) -> None:
    """Only a test restore with DBCC CHECKDB finds it, which is what that is for."""
    damage_values(world.sql, "Octopus")
    result = world.backup()
    assert (result["changed"], result["checksum"], result["verified"]) == (True, True, True)
