# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module makes of each thing that SQL Server can say of snapshots."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import Message
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, MssqlTimeout
from ansible_collections.octopus.upgrade.plugins.modules import mssql_snapshot
from ansible_collections.octopus.upgrade.tests.unit.plugins.modules.snapshot_server import SnapshotServer
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

pytest.importorskip("pyodbc")
CREATE = "CREATE DATABASE [before] ON (NAME = [Octopus], FILENAME = N'D:\\Data\\Octopus.before.ss') AS SNAPSHOT OF [Octopus]"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> SnapshotServer:
    found = SnapshotServer()
    monkeypatch.setattr(mssql_snapshot, "connect", found.connect)
    return found


def snapshot(check_mode: bool = False, **params: Any) -> dict[str, Any]:
    given = {"login_host": "sql01", "login_user": "me", "login_password": "secret", "database": "octopus", "name": "before"}
    return run_module("mssql_snapshot", check_mode, **(given | params))


def test_taken_once(server: SnapshotServer) -> None:
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


@pytest.mark.parametrize(
    ("prepare", "wanted"),
    [
        (lambda server: server.server.update(version="12.0.6449.1"), "12.0.6449.1, Standard Edition .64-bit., which has none.*2016 SP1"),
        (lambda server: server.server.update(version="13.0.1601.5"), "which has none"),
        (lambda server: server.server.update(engine_edition=8), "which has none"),
        (lambda server: server.source.update(state_desc="RESTORING"), "ONLINE, but it is RESTORING"),
        (lambda server: server.source.update(source_database_id=7), "it is a snapshot, of which"),
        (lambda server: server.files[0].update(type=2), "FILESTREAM or memory-optimized.*Take a backup"),
        (lambda server: server.files.clear(), "sys.master_files.*is not shown any"),
        (lambda server: server.rights.update(is_sysadmin=0), "permission CREATE DATABASE.*dbcreator"),
        (lambda server: server.snapshots.update(before="SUSPECT"), "it is SUSPECT.*state: absent"),
    ],
)
def test_what_no_snapshot_can_be_taken_of(server: SnapshotServer, prepare: Any, wanted: str) -> None:
    prepare(server)
    for check_mode in (True, False):
        assert re.search(wanted, snapshot(check_mode)["msg"])
    assert not server.ran


def test_enterprise_before_2016(server: SnapshotServer) -> None:
    server.server |= {"version": "12.0.6449.1", "edition": "Enterprise Edition (64-bit)", "engine_edition": 3}
    assert snapshot()["changed"]


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (MssqlError("Cannot create file 'D:\\x' because it already exists", 5170), "already exists.*LAB\\\\sqlservice.*5170"),
        (MssqlError("Database Snapshot is not supported", 1844), "Take a backup instead .mssql_backup.$"),
        (MssqlTimeout("cancelled"), "within 5 s, but it took longer and was cancelled. Nothing is left of it"),
        (MssqlError("no", 999), "no .SQL Server error 999."),
    ],
)
def test_a_snapshot_that_cannot_be_taken(server: SnapshotServer, error: MssqlError, wanted: str) -> None:
    server.fails = [("CREATE", error)]
    assert re.search(wanted, snapshot(timeout=5)["msg"])


def test_a_cancel_that_crosses_the_end(server: SnapshotServer, monkeypatch: pytest.MonkeyPatch) -> None:
    original = server.execute_drained

    def late(sql: str, *args: Any) -> list[Message]:
        original(sql, *args)
        raise MssqlTimeout("cancelled")

    monkeypatch.setattr(server, "execute_drained", late)
    assert snapshot(timeout=5)["changed"]


def test_dropped_once_and_only_if_it_is_a_snapshot(server: SnapshotServer) -> None:
    assert "is a database and no snapshot. It was not touched" in snapshot(name="Octopus", state="absent")["msg"]
    assert snapshot(state="absent")["changed"] is False
    server.snapshots["before"] = "SUSPECT"
    server.readers = [{"session_id": 60, "login_name": "app", "host_name": None, "program_name": "reports"}]
    assert "found session 60, app from unknown (reports)" in snapshot(state="absent")["msg"]
    server.readers = []
    assert not server.ran
    assert snapshot(check_mode=True, state="absent")["sql"] == ["DROP DATABASE [before]"]
    assert snapshot(state="absent")["changed"] is True
    assert server.ran == ["DROP DATABASE [before]"]
