# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore over a database in every state that it can be in, and where there is none; and what SQL Server is still undoing."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core import progress
from lab.sql import states, undoing
from lab.sql.database import DatabaseFile
from scenarios.mssql.conftest import NAME, World
from scenarios.mssql.test_backup_media import login
from scenarios.mssql.test_restore import A, database, fill, good, one_driver, open_to_all, restore, rows

pytestmark = one_driver


@pytest.fixture
def taken(world: World) -> dict[str, Any]:
    """A backup of a hundred rows, and more rows since."""
    fill(world)
    result = good(world.backup())
    fill(world, first=1000)
    return result


def old(world: World) -> bool:
    """Whether the database has what was backed up, for everybody."""
    open_to_all(world, "Octopus")
    return [number for number, _name in rows(world)] == list(range(100))


@pytest.mark.parametrize("state", ["SUSPECT", "RECOVERY_PENDING", "EMERGENCY", "OFFLINE"])
def test_a_database_that_cannot_be_opened(world: World, taken: dict[str, Any], state: str) -> None:
    files = [file.path for file in database(world).files]
    if state in states.BROKEN:
        states.break_down(world.sql, "Octopus", state)
    else:
        with login(world) as connection:
            connection.execute_drained(f"ALTER DATABASE Octopus SET {state} WITH ROLLBACK IMMEDIATE")
    outlook = good(restore(world, check_mode=True, keep_as="kept"))
    assert database(world).state == state, "check mode changes nothing"
    result = good(restore(world, keep_as="kept"))
    assert old(world)
    assert (result["found"], result["kept_as"], result["kept_files"]) == (state, None, files)
    assert outlook["kept_files"] == files
    assert all(world.is_file(path) for path in files), "nothing of the failed database is deleted"
    assert not {file["path"] for file in result["files"]} & set(files)


def test_a_database_that_somebody_holds_alone(world: World, taken: dict[str, Any]) -> None:
    holder = world.sql.open("Octopus", login="backup", program="SSMS")
    database(world).user_access = "SINGLE_USER"
    result = good(restore(world, keep_as="kept"))
    assert holder.client.closed.is_set()
    assert old(world) and len(rows(world, "kept")) == 200
    assert (result["found"], result["kept_as"]) == ("ONLINE", "kept")
    open_to_all(world, "kept")


def test_a_database_that_is_missing(world: World, taken: dict[str, Any]) -> None:
    with login(world) as connection:
        connection.execute_drained("DROP DATABASE Octopus")
    result = good(restore(world, keep_as="kept"))
    assert old(world)
    assert (result["found"], result["kept_as"], result["replaced"]) == (None, None, False)


def test_a_server_that_was_built_anew(make_world: Any) -> None:
    """Nothing in msdb, no database, other folders: the backup is all there is."""
    before, rebuilt = make_world(), make_world()
    fill(before)
    taken = good(before.backup())
    with login(rebuilt) as connection:
        connection.execute_drained("DROP DATABASE Octopus")
    rebuilt.write(A, before.machine.fs.read(A, before.sql.logon))
    result = good(restore(rebuilt, keep_as="kept", backup_set_uuid=taken["backup_set_uuid"]))
    assert old(rebuilt)
    assert (result["found"], result["backup_set_uuid"]) == (None, taken["backup_set_uuid"])


def test_each_file_goes_back_beside_its_own(world: World) -> None:
    for folder in ("D:\\Data", "D:\\Index", "D:\\Log"):
        world.machine.fs.mkdir(folder, world.sql.logon)
    with login(world) as connection:
        connection.execute_drained("DROP DATABASE Octopus")
    files = [
        DatabaseFile(1, "D", "Octopus", "D:\\Data\\Octopus.mdf"),
        DatabaseFile(2, "L", "Octopus_log", "D:\\Log\\Octopus.ldf"),
        DatabaseFile(3, "D", "Octopus_index", "D:\\Index\\Octopus.ndf"),
    ]
    world.sql.create_database("Octopus", files=files)
    fill(world)
    good(world.backup())
    result = good(restore(world, keep_as="kept"))
    there = {file["logical_name"]: file["path"].rpartition("\\")[0] for file in result["files"]}
    assert there == {"Octopus": "D:\\Data", "Octopus_log": "D:\\Log", "Octopus_index": "D:\\Index"}
    with login(world) as connection:
        connection.execute_drained("DROP DATABASE Octopus; DROP DATABASE kept")
    result = good(restore(world, keep_as="kept2"))
    assert {file["logical_name"]: file["path"].rpartition("\\")[0] for file in result["files"]} == there  # the backup knows


def test_interrupted_after_the_removal(world: World, taken: dict[str, Any]) -> None:
    """The restore is killed when the failed database is gone from the server already; the next attempt finds it RESTORING."""
    states.break_down(world.sql, "Octopus")
    files = [file.path for file in database(world).files]
    world.faults.arm("sql.kill_restore", NAME)
    broken = restore(world, keep_as="kept")
    assert "Octopus is RESTORING and cannot be used: run this again" in broken["msg"]
    assert f"{', '.join(files)}, are left on the disk" in broken["msg"]
    result = good(restore(world, keep_as="kept"))
    assert old(world)
    assert (result["found"], result["replaced"]) == ("RESTORING", True)
    assert all(world.is_file(path) for path in files)


def test_somebody_elses_restore_is_not_replaced(world: World, taken: dict[str, Any]) -> None:
    """Another backup set, restored to be rolled forward; and a whole database whose log's tail was backed up."""
    second = good(world.backup(path=["D:\\Backup\\b.bak"]))
    with login(world) as connection:
        connection.execute_drained("DROP DATABASE Octopus")
        connection.execute_drained("RESTORE DATABASE Octopus FROM DISK = N'D:\\Backup\\b.bak' WITH NORECOVERY")
        refused = restore(world, keep_as="kept")
        assert f"backup has restored the backup set {second['backup_set_uuid']} there, and has not ended that" in refused["msg"]
        assert "RESTORE DATABASE [Octopus] WITH RECOVERY" in refused["msg"]
        connection.execute_drained("RESTORE DATABASE Octopus WITH RECOVERY")
        assert len(rows(world)) == 200
        good(world.module("mssql_backup", database="Octopus", path=["D:\\Backup\\c.bak"], copy_only=False))
        connection.execute_drained("BACKUP LOG Octopus TO DISK = N'D:\\Backup\\tail.trn'")
        database(world).state = "RESTORING"
        refused = restore(world, keep_as="kept")
    assert "its log was backed up by backup since it was created" in refused["msg"], refused
    assert len(rows(world)) == 200


# -- what SQL Server is still undoing


def _undoing(world: World, seconds: float, stuck: float | None = None) -> None:
    product = world.sql.open("Octopus", login="backup", program="Octopus Server")
    client = product.client
    product.close()
    undoing.undo(world.sql, client.database, client, seconds, stuck)


def test_a_restore_waits_for_what_is_being_undone(world: World, taken: dict[str, Any]) -> None:
    _undoing(world, 40)
    shown: list[str] = []
    with progress.listening(shown.append):
        good(restore(world, keep_as="kept"))
    assert old(world)
    waited = [line for line in shown if "Waiting for SQL Server to undo a transaction in Octopus" in line]
    assert len(waited) > 1 and "percent, about" in waited[0]


def test_the_wait_for_sessions_waits_for_it_too(world: World) -> None:
    _undoing(world, 60)
    result = good(world.module("octopus_database_wait", database="Octopus", timeout=0.5))
    assert result["sessions"] == [] and result["undone"][0]["seconds_left"] > 0
    assert result["seconds"] > 0.5, "longer than clients would get"


def test_a_client_beside_it_is_an_error_as_ever(world: World) -> None:
    _undoing(world, 600)
    product = world.sql.open("Octopus", login="backup", host="OCTO01", program="Octopus Server")
    result = world.module("octopus_database_wait", database="Octopus", timeout=0.5)
    assert result["failed"] and "found backup from OCTO01 with Octopus Server" in result["msg"]
    product.close()


@pytest.mark.parametrize("state", ["SUSPECT", "OFFLINE", "missing"])
def test_the_wait_for_sessions_needs_no_database(world: World, state: str) -> None:
    if state == "missing":
        with login(world) as connection:
            connection.execute_drained("DROP DATABASE Octopus")
    else:
        database(world).state = state
    assert good(world.module("octopus_database_wait", database="Octopus"))["sessions"] == []
