# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The snapshots of a database, and what prevents reverting to one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.modules import mssql_snapshot_info
from ansible_collections.octopus.upgrade.tests.unit.plugins.modules.snapshot_server import SnapshotServer
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

pytest.importorskip("pyodbc")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> SnapshotServer:
    found = SnapshotServer()
    monkeypatch.setattr(mssql_snapshot_info, "connect", found.connect)
    return found


def info(check_mode: bool = False, **params: Any) -> dict[str, Any]:
    given = {"login_host": "sql01", "login_user": "me", "login_password": "secret", "database": "octopus"}
    return run_module("mssql_snapshot_info", check_mode, **(given | params))


def test_listing_changes_nothing(server: SnapshotServer) -> None:
    server.snapshots |= {"before": "ONLINE", "other": "ONLINE"}
    result = info()
    assert (result["changed"], [one["name"] for one in result["snapshots"]]) == (False, ["before", "other"])
    assert "this one has before, other" in result["obstacles"][0]
    assert (info(database="nope")["snapshots"], info(database="nope")["state"]) == ([], None)
    assert info()["state"] == "ONLINE"
    assert not server.ran


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
@pytest.mark.parametrize("name", ["before", None])
def test_what_prevents_reverting(
    server: SnapshotServer, source: dict[str, Any], files: dict[str, Any], wanted: str, name: str | None
) -> None:
    server.snapshots["before"] = "ONLINE"
    server.source |= source
    server.files[0] |= files
    assert re.search(wanted, info(name=name)["obstacles"][0])


def test_obstacles_to_one_snapshot(server: SnapshotServer) -> None:
    server.snapshots |= {"before": "SUSPECT", "other": "ONLINE"}
    first, second = info(name="before")["obstacles"]
    assert "this one also has other" in first
    assert "the snapshot is SUSPECT" in second
