# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module makes of each thing that SQL Server can say of snapshots."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import Message
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, MssqlTimeout
from ansible_collections.octopus.upgrade.plugins.modules import mssql_snapshot
from ansible_collections.octopus.upgrade.tests.unit.plugins.modules.sql_server import SERVER
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

pytest.importorskip("pyodbc")
SINGLE = "ALTER DATABASE [Octopus] SET SINGLE_USER WITH ROLLBACK IMMEDIATE"
RESTORE = "USE [master]; RESTORE DATABASE [Octopus] FROM DATABASE_SNAPSHOT = N'before'; USE [Octopus]"
MULTI = "ALTER DATABASE [Octopus] SET MULTI_USER"
CREATE = "CREATE DATABASE [before] ON (NAME = [Octopus], FILENAME = N'D:\\Data\\Octopus.before.ss') AS SNAPSHOT OF [Octopus]"
IN_USE = MssqlError("Exclusive access could not be obtained because the database is in use.", 3101)


class Server:
    """A SQL Server of one database, with or without its snapshot; what it runs is remembered."""

    def __init__(self) -> None:
        self.options = SqlOptions("sql01", 1433, "me", "secret")
        self.server = dict(SERVER)
        self.source: dict[str, Any] = {
            "database_id": 5,
            "name": "Octopus",
            "state_desc": "ONLINE",
            "user_access_desc": "MULTI_USER",
            "recovery_model_desc": "FULL",
            "source_database_id": None,
            "replica_id": None,
            "mirroring_guid": None,
        }
        self.files = [
            {
                "file_id": number,
                "type": kind,
                "name": name,
                "physical_name": f"D:\\Data\\{name}",
                "state_desc": "ONLINE",
                "is_read_only": False,
                "pages": 1280,
            }
            for number, kind, name in ((1, 0, "Octopus"), (2, 1, "Octopus_log"))
        ]
        self.snapshots: dict[str, str] = {}  # name: state
        self.rights = {"is_sysadmin": 1, "is_dbcreator": 0, "may_enter": 1, "may_enter_snapshot": 1, "is_owner": 0}
        self.readers: list[dict[str, Any]] = []
        self.tables = {"[Octopus]": {"Item": 10}, "[before]": {"Item": 10}}
        self.counts: dict[str, int] = {}
        self.fails: list[tuple[str, MssqlError]] = []  # statements that begin so fail once, in this order
        self.ran: list[str] = []
        self.logins = 0

    def connect(self, options: SqlOptions, _database: str = "master") -> Server:
        self.options = options
        self.logins += 1
        return self

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_exc: object) -> None:
        return None

    def scalar(self, sql: str, *params: Any) -> Any:
        rows = self.query(sql, *params)
        return next(iter(rows[0].values())) if rows else None

    def query(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        assert sql.count("?") == len(params), sql
        if "SERVERPROPERTY('ServerName')" in sql:
            return [self.server]
        if "sys.database_mirroring" in sql:
            return [self.source] if params[0].lower() == self.source["name"].lower() else []
        if "FROM sys.databases WHERE source_database_id" in sql:
            when = datetime(2026, 11, 23, 20, 0, 0)
            return [{"database_id": 9, "name": name, "state_desc": state, "create_date": when} for name, state in self.snapshots.items()]
        if "INNER JOIN sys.databases" in sql:
            return [{"database_id": 9, "physical_name": "D:\\Data\\x.ss"} for _name in self.snapshots]
        if "FROM sys.master_files WHERE" in sql:
            return self.files
        if "AS source_name" in sql:
            known = {
                name: {"state_desc": state, "source_database_id": 5, "source_name": "Octopus"} for name, state in self.snapshots.items()
            }
            known |= {"Octopus": {"state_desc": "ONLINE", "source_database_id": None, "source_name": None}}
            return [{"name": params[0], **known[params[0]]}] if params[0] in known else []
        if "IS_SRVROLEMEMBER" in sql:
            return [self.rights]
        if "HAS_PERMS_BY_NAME" in sql:
            return [{"may": int(bool(self.rights["is_sysadmin"]))}]
        if "dm_exec_sessions" in sql:
            return (
                self.readers if params[0] == "before" else [{"session_id": 77, "login_name": "app", "host_name": "pc", "program_name": "p"}]
            )
        if "xp_fixeddrives" in sql:
            return [{"drive": "D", "MB free": 2048}]
        if "dm_server_services" in sql:
            return [{"service_account": "LAB\\sqlservice"}]
        if "sys.columns" in sql:
            return [{"object_id": 1, "number": 2}]
        if "sys.tables" in sql:
            name = next(name for name in self.tables if f"FROM {name}.sys.tables" in sql)
            return [{"schema_name": "dbo", "table_name": one, "object_id": 1, "number": rows} for one, rows in self.tables[name].items()]
        if "COUNT_BIG" in sql:
            return [{"number": self.counts[sql.rpartition("FROM ")[2]]}]
        raise AssertionError(f"nobody expects: {sql}")

    def execute_drained(self, sql: str, _on_message: Any = None, deadline: float | None = None) -> list[Message]:
        self.ran.append(sql)
        if self.fails and sql.startswith(self.fails[0][0]):
            raise self.fails.pop(0)[1]
        if sql.startswith("CREATE DATABASE"):
            self.snapshots["before"] = "ONLINE"
        if sql.startswith("DROP DATABASE"):
            del self.snapshots["before"]
        return []


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    found = Server()
    monkeypatch.setattr(mssql_snapshot, "connect", found.connect)
    return found


def snapshot(check_mode: bool = False, **params: Any) -> dict[str, Any]:
    given = {"login_host": "sql01", "login_user": "me", "login_password": "secret", "database": "octopus", "name": "before"}
    return run_module("mssql_snapshot", check_mode, **(given | params))


def test_taken_once(server: Server) -> None:
    check = snapshot(check_mode=True)
    assert (check["changed"], check["sql"], check["snapshots"], server.ran) == (True, [CREATE], [], [])
    result = snapshot()
    assert not result.get("failed"), result
    expected = {
        "changed": True,
        "sql": [CREATE],
        "database": "Octopus",
        "maximum_bytes": 1280 * 8192,
        "free_bytes": 2048 * 1024**2,
        "obstacles": [],
    }
    assert {name: result[name] for name in expected} == expected
    assert result["snapshots"] == [{"name": "before", "created": "2026-11-23T20:00:00", "state": "ONLINE", "paths": ["D:\\Data\\x.ss"]}]
    assert server.ran == [CREATE]
    again = snapshot()
    assert (again["changed"], again["sql"], server.ran) == (False, [], [CREATE])


def test_reverted(server: Server) -> None:
    server.snapshots["before"] = "ONLINE"
    check = snapshot(check_mode=True, state="reverted")
    assert (check["changed"], check["sql"], server.ran) == (True, [SINGLE, RESTORE, MULTI], [])
    result = snapshot(state="reverted")
    assert not result.get("failed"), result
    assert (result["changed"], result["tables"], result["recovery_model"]) == (True, 1, "FULL")
    assert server.ran == ["USE [Octopus]", SINGLE, RESTORE, MULTI]


@pytest.mark.parametrize(("before", "after"), [("SINGLE_USER", "MULTI_USER"), ("RESTRICTED_USER", "RESTRICTED_USER")])
def test_who_may_come_in_afterwards(server: Server, before: str, after: str) -> None:
    """SINGLE_USER is what a run has left that was killed."""
    server.snapshots["before"] = "ONLINE"
    server.source["user_access_desc"] = before
    assert snapshot(state="reverted")["sql"][2] == f"ALTER DATABASE [Octopus] SET {after}"


def test_somebody_in_the_way_is_ended(server: Server) -> None:
    server.snapshots["before"] = "ONLINE"
    server.fails = [("USE [master]; RESTORE", IN_USE), ("KILL", MssqlError("Process ID 77 is not an active process ID.", 6106))]
    assert snapshot(state="reverted")["tables"] == 1
    assert server.ran == ["USE [Octopus]", SINGLE, RESTORE, "KILL 77", "USE [Octopus]", SINGLE, RESTORE, MULTI]


@pytest.mark.parametrize(
    ("fails", "wanted"),
    [
        (
            [("USE [master]; RESTORE", MssqlError("Database cannot be reverted", 3137))],
            "Found: Database cannot be reverted.*open again to everybody.*3137",
        ),
        (
            [("USE [master]; RESTORE", MssqlError("Communication link failure"))],
            "Found: Communication link failure.*open again to everybody",
        ),
        (
            [("ALTER", MssqlTimeout("cancelled"))],
            "could not be had for this alone within 9 s; nothing was reverted.*open again to everybody",
        ),
        (
            [("USE [master]; RESTORE", IN_USE), ("KILL", MssqlError("User does not have permission to use the KILL statement.", 6102))],
            "app from pc \\(p, session 77\\) is on Octopus and cannot be ended.*open again",
        ),
    ],
)
def test_a_revert_that_fails_leaves_the_database_open(server: Server, fails: list[tuple[str, MssqlError]], wanted: str) -> None:
    server.snapshots["before"] = "ONLINE"
    server.fails = list(fails)
    result = snapshot(state="reverted", timeout=9)
    assert result["failed"]
    assert re.search(wanted, result["msg"]), result["msg"]
    assert server.ran[-1] == MULTI


def test_a_session_that_is_gone_is_mended_over_another(server: Server) -> None:
    server.snapshots["before"] = "ONLINE"
    gone = MssqlError("Communication link failure")
    server.fails = [("USE [master]; RESTORE", gone), ("ALTER DATABASE [Octopus] SET MULTI", gone)]
    assert "open again to everybody" in snapshot(state="reverted")["msg"]
    assert (server.ran[-2:], server.logins) == ([MULTI, MULTI], 2)


def test_a_database_that_cannot_be_opened_again_is_told_with_what_to_run(server: Server) -> None:
    server.snapshots["before"] = "ONLINE"
    gone = MssqlError("Communication link failure")
    server.fails = [("ALTER DATABASE [Octopus] SET MULTI", gone), ("ALTER DATABASE [Octopus] SET MULTI", gone)]
    message = snapshot(state="reverted")["msg"]
    assert "Octopus is reverted to its snapshot before and compared with it, but:" in message
    assert f"run by hand: {MULTI}" in message


def test_a_database_that_the_server_is_not_done_with(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.snapshots["before"] = "ONLINE"
    server.fails = [("USE [master]; RESTORE", MssqlError("Communication link failure"))]
    original = server.execute_drained

    def restoring(sql: str, *args: Any, **kwargs: Any) -> list[Message]:
        if "RESTORE" in sql:
            server.source["state_desc"] = "RESTORING"
        return original(sql, *args, **kwargs)

    monkeypatch.setattr(server, "execute_drained", restoring)
    message = snapshot(state="reverted")["msg"]
    assert "Octopus is RESTORING on SQL Server sql01,1433" in message and "open again" not in message


@pytest.mark.parametrize(
    ("mine", "theirs", "counts", "wanted"),
    [
        ({"Item": 10, "New": 0}, {"Item": 10}, {}, "1 of its tables are not as in the snapshot: dbo.New"),
        (
            {"Item": 9},
            {"Item": 10},
            {"[Octopus].[dbo].[Item]": 9, "[before].[dbo].[Item]": 10},
            "1 of its tables are not as in the snapshot: dbo.Item",
        ),
        ({"Item": 9}, {"Item": 10}, {"[Octopus].[dbo].[Item]": 10, "[before].[dbo].[Item]": 10}, None),
    ],
)
def test_it_is_compared_with_the_snapshot(
    server: Server, mine: dict[str, int], theirs: dict[str, int], counts: dict[str, int], wanted: str | None
) -> None:
    """The number of rows that the server keeps is about right; where it differs the rows are counted."""
    server.snapshots["before"] = "ONLINE"
    server.tables, server.counts = {"[Octopus]": mine, "[before]": theirs}, counts
    result = snapshot(state="reverted")
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
        ({}, {"type": 2}, "FILESTREAM or memory-optimized tables, which no snapshot holds: Octopus"),
        ({}, {"is_read_only": True}, "read-only filegroups: Octopus"),
        ({}, {"state_desc": "OFFLINE"}, "files that are not online: Octopus"),
    ],
)
def test_what_cannot_be_reverted(server: Server, source: dict[str, Any], files: dict[str, Any], wanted: str) -> None:
    server.snapshots["before"] = "ONLINE"
    server.source |= source
    server.files[0] |= files
    for check_mode in (True, False):
        result = snapshot(check_mode, state="reverted")
        assert re.search(wanted, result["msg"]), result["msg"]
    assert not server.ran
    listed = snapshot(state="listed", name=None)
    assert re.search(wanted, listed["obstacles"][0])


def test_other_snapshots_stand_in_the_way(server: Server) -> None:
    server.snapshots |= {"before": "ONLINE", "first": "ONLINE", "second": "ONLINE"}
    assert "this has also first, second; drop it first" in snapshot(state="reverted")["msg"]
    assert not server.ran


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"is_sysadmin": 0}, "being in its role db_owner is not enough"),
        ({"is_sysadmin": 0, "is_dbcreator": 1, "may_enter": 0}, "no user in Octopus\\."),
        ({"is_sysadmin": 0, "is_owner": 1, "may_enter_snapshot": 0}, "no user in before\\."),
    ],
)
def test_rights_to_revert(server: Server, given: dict[str, int], wanted: str) -> None:
    server.snapshots["before"] = "ONLINE"
    server.rights |= given
    for check_mode in (True, False):
        assert re.search(wanted, snapshot(check_mode, state="reverted")["msg"])
    assert not server.ran


@pytest.mark.parametrize(
    ("prepare", "wanted"),
    [
        (lambda server: server.server.update(version="12.0.6449.1"), "12.0.6449.1, Standard Edition .64-bit., which has none.*2016 SP1"),
        (lambda server: server.server.update(version="13.0.1601.5"), "which has none"),
        (lambda server: server.server.update(engine_edition=8), "which has none"),
        (lambda server: server.source.update(state_desc="RESTORING"), "online. Found: RESTORING"),
        (lambda server: server.source.update(source_database_id=7), "it is a snapshot itself"),
        (lambda server: server.files[0].update(type=2), "FILESTREAM or memory-optimized.*Take a backup"),
        (lambda server: server.files.clear(), "not shown any in sys.master_files"),
        (lambda server: server.rights.update(is_sysadmin=0), "permission CREATE DATABASE.*dbcreator"),
        (lambda server: server.snapshots.update(before="SUSPECT"), "Found: SUSPECT.*state: absent"),
    ],
)
def test_what_no_snapshot_can_be_taken_of(server: Server, prepare: Any, wanted: str) -> None:
    prepare(server)
    for check_mode in (True, False):
        assert re.search(wanted, snapshot(check_mode)["msg"])
    assert not server.ran


def test_enterprise_before_2016(server: Server) -> None:
    server.server |= {"version": "12.0.6449.1", "edition": "Enterprise Edition (64-bit)", "engine_edition": 3}
    assert snapshot()["changed"]


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (MssqlError("Cannot create file 'D:\\x' because it already exists", 5170), "already exists.*LAB\\\\sqlservice.*5170"),
        (MssqlError("Database Snapshot is not supported", 1844), "Take a backup instead .mssql_backup.$"),
        (MssqlTimeout("cancelled"), "within 5 s. Found: it was cancelled then. Nothing is left of it"),
        (MssqlError("no", 999), "no .SQL Server error 999."),
    ],
)
def test_a_snapshot_that_cannot_be_taken(server: Server, error: MssqlError, wanted: str) -> None:
    server.fails = [("CREATE", error)]
    assert re.search(wanted, snapshot(timeout=5)["msg"])


def test_a_cancel_that_crosses_the_end(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    original = server.execute_drained

    def late(sql: str, *args: Any) -> list[Message]:
        original(sql, *args)
        raise MssqlTimeout("cancelled")

    monkeypatch.setattr(server, "execute_drained", late)
    assert snapshot(timeout=5)["changed"]


def test_dropped_once_and_only_if_it_is_a_snapshot(server: Server) -> None:
    assert "is a database and no snapshot. It was not touched" in snapshot(name="Octopus", state="absent")["msg"]
    assert snapshot(state="absent")["changed"] is False
    server.snapshots["before"] = "SUSPECT"
    server.readers = [{"session_id": 60, "login_name": "app", "host_name": None, "program_name": "reports"}]
    assert "read by app from unknown (reports, session 60)" in snapshot(state="absent")["msg"]
    server.readers = []
    assert not server.ran
    assert snapshot(check_mode=True, state="absent")["sql"] == ["DROP DATABASE [before]"]
    assert snapshot(state="absent")["changed"] is True
    assert server.ran == ["DROP DATABASE [before]"]


def test_listing_changes_nothing(server: Server) -> None:
    server.snapshots |= {"before": "ONLINE", "other": "ONLINE"}
    result = snapshot(state="listed", name=None)
    assert (result["changed"], result["sql"], [one["name"] for one in result["snapshots"]]) == (False, [], ["before", "other"])
    assert "this has before, other" in result["obstacles"][0]
    assert "none of that name" in snapshot(state="listed", name=None, database="nope")["msg"]
    assert not server.ran
