# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_database_info, octopus_database_wait and octopus_database_upgrade; the upgrade itself is tested where it is written."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import info
from ansible_collections.octopus.upgrade.plugins.modules import octopus_database_info, octopus_database_upgrade, octopus_database_wait
from ansible_collections.octopus.upgrade.tests.unit.plugins.modules.sql_server import SqlServer
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

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
        "'%ROLLBACK%'": [],
        "dm_exec_requests": [{"command": "BACKUP DATABASE ", "session_id": 60, "percent_complete": 12.4}],
        "dm_os_volume_stats": [{"name": "D:\\", "free": 1000}],
        "SELECT type, SUM": [{"type": 0, "pages": 800}, {"type": 1, "pages": 100}],
    }
    found.answers = own | {piece: answer for piece, answer in found.answers.items() if piece not in own}
    found.answers["DB_NAME()"] = [{"name": "Octopus"}]
    monkeypatch.setattr(info.requirements, "read", lambda _connection, _name, _connect: {"platform": ""})
    monkeypatch.setattr(info.conditions, "read", lambda _connection: {"triggers": False})
    monkeypatch.setattr(info.readiness, "read", lambda _connection, _name, _login: {"own_objects": []})
    for module in (octopus_database_info, octopus_database_wait, octopus_database_upgrade):
        monkeypatch.setattr(module, "connect", found.connect)
    return found


def database(kind: str = "info", check_mode: bool = False, **params: Any) -> dict[str, Any]:
    known = {"login_host": "sql01", "login_user": "me", "login_password": "secret", "database": "Octopus"}
    return run_module(f"octopus_database_{kind}", check_mode, **known, **params)


def test_all_that_is_known(server: SqlServer) -> None:
    result = database()
    assert not result.get("failed"), result
    expected = {
        "changed": False,
        "readiness": {"own_objects": []},
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


@pytest.mark.parametrize(
    ("gather", "fields", "statements"),
    [
        ([], set(), 3),
        (["version"], {"version", "history", "schema_scripts"}, 6),
        (["nodes"], {"node_rows", "heartbeats_readable"}, 6),
        (["sessions"], {"sessions", "sessions_visible"}, 5),
        (["operations"], {"operations"}, 4),
        (["space"], {"volumes", "used_bytes", "data_bytes", "log_bytes"}, 9),
    ],
)
def test_only_what_is_asked_for_is_read(server: SqlServer, gather: list[str], fields: set[str], statements: int) -> None:
    result = database(gather=gather)
    assert (
        set(result) - {"changed", "invocation", "warnings", "deprecations"}
        == {"server", "server_version", "database", "now", "clock_offset_seconds"} | fields
    )
    assert len(server.asked) == statements


def test_the_names_that_the_database_has(server: SqlServer) -> None:
    with_settings = [{"table_name": "configuration", "column_name": name} for name in ("Id", "JSON")]
    server.answers["INFORMATION_SCHEMA.COLUMNS"] += with_settings  # type: ignore[operator]
    server.answers["SELECT JSON FROM dbo.Configuration"] = [{"JSON": '{"IsInMaintenanceMode": "a secret"}'}]
    server.answers["SELECT Id FROM dbo.Configuration"] = [{"Id": "smtp"}, {"Id": "maintenance"}]
    found = database(gather=["names"])["names"]
    assert (found["version"], found["configuration"]) == ("2018.10.7", ["maintenance", "smtp"])
    assert found["tables"]["OctopusServerNode"] == ["Id", "LastSeen", "Name"] and found["tables"]["Space"] == []
    assert found["rows"]["maintenance"] == ["IsInMaintenanceMode"]
    server.answers["SELECT JSON FROM dbo.Configuration"] = [{"JSON": "no document"}]
    assert set(database(gather=["names"])["names"]["rows"].values()) == {None}
    assert not server.ran


def test_a_login_that_sees_nothing_has_no_names(server: SqlServer) -> None:
    server.answers["INFORMATION_SCHEMA.COLUMNS"] = []
    found = database(gather=["names"])["names"]
    assert (found["version"], found["configuration"], any(found["tables"].values())) == (None, None, False)


def test_names_are_read_only_where_they_are_asked_for(server: SqlServer) -> None:
    assert "names" not in database()


def test_every_part_can_be_chosen() -> None:
    assert octopus_database_info.SPEC["argument_spec"]["gather"]["choices"] == list(info.GATHER)


def test_what_is_newer(server: SqlServer) -> None:
    """None of the tables is there; what there is of them is tested where it is read."""
    result = database(since="2026-11-23T20:00:00+00:00")
    assert result["newer"] == {"tasks": None, "releases": None, "deployments": None, "events": None}
    assert "as now" in database(since="2026-11-23T20:00:05+00:00")["msg"]
    assert "ISO 8601" in database(since="yesterday")["msg"]


def test_the_expected_version(server: SqlServer) -> None:
    assert not database(gather=["version"], expected_version="2018.10.7.0").get("failed")
    result = database(gather=["version"], expected_version="2019.1.0")
    assert "database Octopus on SQL Server sql01" in result["msg"]
    assert "at version 2019.1.0, but found 2018.10.7. " in result["msg"]
    assert (result["failed"], result["version"]) == (True, "2018.10.7")
    server.answers["FROM dbo.[OctopusServerInstallationHistory]"] = []
    assert "but found no version" in database(gather=["version"], expected_version="2019.1.0")["msg"]


def test_a_version_that_is_expected_but_not_read(server: SqlServer) -> None:
    assert "gather does not have it" in database(gather=["nodes"], expected_version="2018.10.7")["msg"]
    assert not server.asked


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
    assert "not reached by WinRM" in database("upgrade")["msg"]
    assert not server.logins


def test_waivers_count_before_and_after_the_upgrade_of_a_clone(server: SqlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    class Upgrade:
        def __init__(self, _request: Any, _host: Any, _connect: Any, before_start: Any) -> None:
            self.before_start = before_start

        def run(self) -> dict[str, Any]:
            self.before_start(None)
            return {"changed": True, "job": "started"}

    monkeypatch.setattr(octopus_database_upgrade, "SchemaUpgrade", Upgrade)
    monkeypatch.setattr(octopus_database_upgrade.renewal, "renew", lambda _connection, *more, **named: asked.append((more, named)))
    monkeypatch.setattr(octopus_database_upgrade, "WindowsHost", lambda _options: nullcontext(FakeHost({"reg query": (1, "")})))
    result = database("upgrade", connection={"name": "octo-a", "host": "octo-a", "username": "me", "password": "x"}, waivers=["unlisted:A"])
    assert not result.get("failed"), result
    waived = {"waivers": ["unlisted:A"]}
    assert asked == [(("Octopus",), waived), (("Octopus", "upgrade"), waived)]


# -- waiting


def test_nobody_is_left_and_nothing_is_waited_for(server: SqlServer) -> None:
    server.answers["dm_exec_sessions"] = []
    result = database("wait")
    assert (result["changed"], result["sessions"], result["sessions_visible"], result["undone"]) == (False, [], True, [])
    assert len(server.asked) == 3
    assert server.logins == ["master"]  # the database may be in any state


def test_whoever_is_left_at_the_deadline_is_named(server: SqlServer) -> None:
    result = database("wait", timeout=0)
    assert "octopus from OCTO01 with Octopus" in result["msg"]
    assert (result["failed"], result["sessions"][0]["session_id"]) == (True, 54)


def test_a_login_that_may_not_see_others_does_not_wait(server: SqlServer) -> None:
    server.answers["HAS_PERMS_BY_NAME("] = [{"may": 0}]
    result = database("wait")
    assert (result.get("failed"), result["sessions_visible"]) == (None, False)


def test_check_mode_looks_once(server: SqlServer) -> None:
    result = database("wait", check_mode=True)
    assert (result.get("failed"), [one["host"] for one in result["sessions"]]) == (None, ["OCTO01"])
    assert len(server.asked) == 3
