# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database is reverted to its snapshot, and is available again whatever happens."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import exclusive
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import Message
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, MssqlTimeout
from ansible_collections.octopus.upgrade.plugins.modules import mssql_snapshot_revert
from ansible_collections.octopus.upgrade.tests.unit.plugins.modules.snapshot_server import SnapshotServer
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

pytest.importorskip("pyodbc")
SINGLE = "ALTER DATABASE [Octopus] SET SINGLE_USER WITH ROLLBACK IMMEDIATE"
RESTORE = "USE [master]; RESTORE DATABASE [Octopus] FROM DATABASE_SNAPSHOT = N'before'; USE [Octopus]"
MULTI = "ALTER DATABASE [Octopus] SET MULTI_USER"
IN_USE = MssqlError("Exclusive access could not be obtained because the database is in use.", 3101)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> SnapshotServer:
    found = SnapshotServer()
    monkeypatch.setattr(mssql_snapshot_revert, "connect", found.connect)
    return found


def reverted(check_mode: bool = False, **params: Any) -> dict[str, Any]:
    given = {"login_host": "sql01", "login_user": "me", "login_password": "secret", "database": "octopus", "name": "before"}
    return run_module("mssql_snapshot_revert", check_mode, **(given | params))


def test_reverted(server: SnapshotServer) -> None:
    server.snapshots["before"] = "ONLINE"
    check = reverted(check_mode=True)
    assert (check["changed"], check["sql"], server.ran) == (True, [SINGLE, RESTORE, MULTI], [])
    result = reverted()
    assert not result.get("failed"), result
    assert (result["changed"], result["tables"], result["recovery_model"]) == (True, 1, "FULL")
    assert server.ran == ["USE [Octopus]", SINGLE, RESTORE, MULTI]


@pytest.mark.parametrize(("before", "after"), [("SINGLE_USER", "MULTI_USER"), ("RESTRICTED_USER", "RESTRICTED_USER")])
def test_who_may_come_in_afterwards(server: SnapshotServer, before: str, after: str) -> None:
    """SINGLE_USER is what a run has left that was killed."""
    server.snapshots["before"] = "ONLINE"
    server.source["user_access_desc"] = before
    assert reverted()["sql"][2] == f"ALTER DATABASE [Octopus] SET {after}"


def test_somebody_in_the_way_is_ended(server: SnapshotServer) -> None:
    server.snapshots["before"] = "ONLINE"
    server.fails = [("USE [master]; RESTORE", IN_USE), ("KILL", MssqlError("Process ID 77 is not an active process ID.", 6106))]
    assert reverted()["tables"] == 1
    assert server.ran == ["USE [Octopus]", SINGLE, RESTORE, "KILL 77", "USE [Octopus]", SINGLE, RESTORE, MULTI]


def test_somebody_who_comes_back_at_once_is_ended_together_with_the_next_attempt(server: SnapshotServer) -> None:
    """A second request would arrive after the pool of a program has connected again."""
    server.snapshots["before"] = "ONLINE"
    server.fails = [("USE [master]; RESTORE", IN_USE), ("USE [Octopus]", IN_USE)]
    assert reverted()["tables"] == 1
    again = "BEGIN TRY KILL 77 END TRY BEGIN CATCH END CATCH; USE [Octopus]"
    assert server.ran == ["USE [Octopus]", SINGLE, RESTORE, "KILL 77", "USE [Octopus]", again, SINGLE, RESTORE, MULTI]


def test_somebody_who_is_always_faster_is_named(server: SnapshotServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exclusive, "PATIENCE", -1)
    server.snapshots["before"] = "ONLINE"
    server.fails = [("USE [master]; RESTORE", IN_USE)]
    assert (
        "in use by session 77, app from pc (p) (Exclusive access could not be obtained because the database is in use.)"
        in reverted()["msg"]
    )


def test_somebody_whom_the_login_may_not_end_is_named(server: SnapshotServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """SINGLE_USER WITH ROLLBACK IMMEDIATE needs no permission to end a session, so it is tried again nevertheless."""
    server.snapshots["before"] = "ONLINE"
    refused = MssqlError("User does not have permission to use the KILL statement.", 6102)
    server.fails = [("USE [master]; RESTORE", IN_USE), ("KILL", refused)]
    assert reverted()["tables"] == 1
    monkeypatch.setattr(exclusive, "PATIENCE", -1)
    server.fails = [("USE [master]; RESTORE", IN_USE), ("KILL", refused)]
    assert "session 77, app from pc (p), and session 77 cannot be ended: User does not have permission" in reverted()["msg"]


@pytest.mark.parametrize(
    ("fails", "wanted"),
    [
        (
            [("USE [master]; RESTORE", MssqlError("Database cannot be reverted", 3137))],
            "it failed: Database cannot be reverted.*available again to everybody.*3137",
        ),
        (
            [("USE [master]; RESTORE", MssqlError("Communication link failure"))],
            "it failed: Communication link failure.*available again to everybody",
        ),
        (
            [("ALTER", MssqlTimeout("cancelled"))],
            "exclusive use of the database could not be obtained within 9 s; nothing was reverted.*available again to everybody",
        ),
    ],
)
def test_a_revert_that_fails_leaves_the_database_open(server: SnapshotServer, fails: list[tuple[str, MssqlError]], wanted: str) -> None:
    server.snapshots["before"] = "ONLINE"
    server.fails = list(fails)
    result = reverted(timeout=9)
    assert result["failed"]
    assert re.search(wanted, result["msg"]), result["msg"]
    assert server.ran[-1] == MULTI


def test_a_lost_session_is_repaired_on_another(server: SnapshotServer) -> None:
    server.snapshots["before"] = "ONLINE"
    gone = MssqlError("Communication link failure")
    server.fails = [("USE [master]; RESTORE", gone), ("ALTER DATABASE [Octopus] SET MULTI", gone)]
    assert "available again to everybody" in reverted()["msg"]
    assert (server.ran[-2:], server.logins) == ([MULTI, MULTI], 2)


def test_a_database_that_cannot_be_made_available_again_is_told_with_what_to_run(server: SnapshotServer) -> None:
    server.snapshots["before"] = "ONLINE"
    gone = MssqlError("Communication link failure")
    server.fails = [("ALTER DATABASE [Octopus] SET MULTI", gone), ("ALTER DATABASE [Octopus] SET MULTI", gone)]
    message = reverted()["msg"]
    assert "Octopus is reverted to its snapshot before and compared with it, but Octopus could not be made available again" in message
    assert f"run this by hand: {MULTI}" in message


def test_a_database_that_the_server_is_not_done_with(server: SnapshotServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.snapshots["before"] = "ONLINE"
    server.fails = [("USE [master]; RESTORE", MssqlError("Communication link failure"))]
    original = server.execute_drained

    def restoring(sql: str, *args: Any, **kwargs: Any) -> list[Message]:
        if "RESTORE" in sql:
            server.source["state_desc"] = "RESTORING"
        return original(sql, *args, **kwargs)

    monkeypatch.setattr(server, "execute_drained", restoring)
    message = reverted()["msg"]
    assert "Octopus is RESTORING on SQL Server sql01,1433" in message and "available again" not in message


@pytest.mark.parametrize(
    ("mine", "theirs", "counts", "wanted"),
    [
        ({"Item": 10, "New": 0}, {"Item": 10}, {}, "1 of its tables differ from the snapshot: dbo.New"),
        (
            {"Item": 9},
            {"Item": 10},
            {"[Octopus].[dbo].[Item]": 9, "[before].[dbo].[Item]": 10},
            "1 of its tables differ from the snapshot: dbo.Item",
        ),
        ({"Item": 9}, {"Item": 10}, {"[Octopus].[dbo].[Item]": 10, "[before].[dbo].[Item]": 10}, None),
    ],
)
def test_it_is_compared_with_the_reverted(
    server: SnapshotServer, mine: dict[str, int], theirs: dict[str, int], counts: dict[str, int], wanted: str | None
) -> None:
    """The number of rows that the server keeps is about right; where it differs the rows are counted."""
    server.snapshots["before"] = "ONLINE"
    server.tables, server.counts = {"[Octopus]": mine, "[before]": theirs}, counts
    result = reverted()
    assert result.get("failed", False) is (wanted is not None)
    if wanted:
        assert wanted in result["msg"]
    assert server.ran[-1] == MULTI


@pytest.mark.parametrize(
    ("source", "files", "wanted"),
    [
        ({"replica_id": "x"}, {}, "availability group.*REMOVE DATABASE"),
        ({"mirroring_guid": "x"}, {}, "mirrored.*SET PARTNER OFF"),
        ({"state_desc": "OFFLINE"}, {}, "the database is OFFLINE"),
        ({}, {"type": 2}, "FILESTREAM or memory-optimized tables, which no snapshot contains: Octopus"),
        ({}, {"is_read_only": True}, "read-only filegroups: Octopus"),
        ({}, {"state_desc": "OFFLINE"}, "files that are not online: Octopus"),
    ],
)
def test_what_cannot_be_reverted(server: SnapshotServer, source: dict[str, Any], files: dict[str, Any], wanted: str) -> None:
    server.snapshots["before"] = "ONLINE"
    server.source |= source
    server.files[0] |= files
    for check_mode in (True, False):
        result = reverted(check_mode)
        assert re.search(wanted, result["msg"]), result["msg"]
    assert not server.ran


def test_other_snapshots_stand_in_the_way(server: SnapshotServer) -> None:
    server.snapshots |= {"before": "ONLINE", "first": "ONLINE", "second": "ONLINE"}
    assert "this one also has first, second; drop it first" in reverted()["msg"]
    assert not server.ran


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"is_sysadmin": 0}, "being in its role db_owner is not enough"),
        ({"is_sysadmin": 0, "is_dbcreator": 1, "may_enter": 0}, "no user in Octopus\\."),
        ({"is_sysadmin": 0, "is_owner": 1, "may_enter_snapshot": 0}, "no user in before\\."),
    ],
)
def test_rights_to_revert(server: SnapshotServer, given: dict[str, int], wanted: str) -> None:
    server.snapshots["before"] = "ONLINE"
    server.rights |= given
    for check_mode in (True, False):
        assert re.search(wanted, reverted(check_mode)["msg"])
    assert not server.ran
