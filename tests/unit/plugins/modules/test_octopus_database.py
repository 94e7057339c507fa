# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of a database; the upgrade itself is tested where it is written."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.modules import octopus_database
from ansible_collections.octopus.upgrade.tests.unit.plugins.modules.sql_server import SqlServer
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

pytest.importorskip("pyodbc")
pytest.importorskip("winrm")
COLUMNS = {
    "OctopusServerInstallationHistory": ["Id", "Node", "Version", "Installed"],
    "SchemaVersions": ["Id", "ScriptName"],
    "OctopusServerNode": ["Id", "Name", "LastSeen"],
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> SqlServer:
    found = SqlServer()
    own = {
        "INFORMATION_SCHEMA.COLUMNS": [{"table_name": table, "column_name": name} for table, names in COLUMNS.items() for name in names],
        "FROM dbo.[OctopusServerInstallationHistory]": [
            {"Version": "2018.10.7", "Node": "OCTO01", "Installed": "2019-04-01 10:00:00.0000000 +00:00"}
        ],
        "FROM dbo.[SchemaVersions]": [{"number": 42}],
        "FROM dbo.[OctopusServerNode]": [{"Id": "n1", "Name": "OCTO01", "LastSeen": "2026-11-23 20:00:00.0000000 +00:00"}],
        "SYSDATETIMEOFFSET": [{"now": "2026-11-23 20:00:04.0000000 +00:00"}],
        "dm_exec_sessions": [{"session_id": 54, "login_name": "octopus", "host_name": "OCTO01", "program_name": "Octopus"}],
        "dm_exec_requests": [{"command": "BACKUP DATABASE ", "session_id": 60, "percent_complete": 12.4}],
        "dm_os_volume_stats": [{"name": "D:\\", "free": 1000}],
        "SELECT type, SUM": [{"type": 0, "pages": 800}, {"type": 1, "pages": 100}],
    }
    found.answers = own | {piece: answer for piece, answer in found.answers.items() if piece not in own}
    monkeypatch.setattr(octopus_database, "connect", found.connect)
    return found


def database(**params: Any) -> dict[str, Any]:
    return run_module("octopus_database", login_host="sql01", login_user="me", login_password="secret", database="Octopus", **params)


def test_all_that_is_known(server: SqlServer) -> None:
    result = database()
    assert not result.get("failed"), result
    expected = {
        "changed": False,
        "server": "SQL01",
        "now": "2026-11-23T20:00:04+00:00",
        "version": "2018.10.7",
        "history": [{"version": "2018.10.7", "node": "OCTO01", "installed": "2019-04-01T10:00:00+00:00"}],
        "schema_scripts": 42,
        "node_rows": [{"name": "OCTO01", "last_seen": "2026-11-23T20:00:00+00:00", "last_seen_age_seconds": 4.0}],
        "sessions": [{"session_id": 54, "login": "octopus", "host": "OCTO01", "program": "Octopus"}],
        "sessions_visible": True,
        "operations": ["BACKUP DATABASE in session 60, 12 percent"],
        "volumes": [{"name": "D:\\", "free": 1000}],
        "used_bytes": 640 * 8192,
        "data_bytes": 800 * 8192,
        "log_bytes": 100 * 8192,
    }
    assert {name: result[name] for name in expected} == expected
    assert "newer" not in result
    assert server.logins == ["Octopus"]
    assert not server.ran


def test_what_is_newer(server: SqlServer) -> None:
    """None of the tables is there; what there is of them is tested where it is read."""
    result = database(since="2026-11-23T20:00:00+00:00")
    assert result["newer"] == {"tasks": None, "releases": None, "deployments": None, "events": None}
    assert "as now" in database(since="2026-11-23T20:00:05+00:00")["msg"]
    assert "ISO 8601" in database(since="yesterday")["msg"]
    assert "for state: queried" in database(since="2026-11-23T20:00:00+00:00", state="upgraded")["msg"]


def test_a_login_with_few_rights(server: SqlServer) -> None:
    server.answers["dm_os_volume_stats"] = MssqlError("VIEW SERVER STATE permission was denied", 300)
    server.answers["HAS_PERMS_BY_NAME("] = [{"may": 0}]
    server.answers["dm_exec_sessions"] = []
    result = database()
    assert (result["volumes"], result["sessions_visible"], result["sessions"]) == ([], False, [])


def test_no_database_of_octopus(server: SqlServer) -> None:
    server.answers["INFORMATION_SCHEMA.COLUMNS"] = []
    assert "has no table OctopusServerInstallationHistory" in database()["msg"]


def test_an_upgrade_needs_a_windows_host(server: SqlServer) -> None:
    assert "not reached by WinRM" in database(state="upgraded")["msg"]
    assert not server.logins
