# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module makes of each thing that SQL Server can say of a database that is to be dropped."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.modules import mssql_database
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

pytest.importorskip("pyodbc")
USED = MssqlError('Cannot drop database "old" because it is currently in use.', 3702)
ME = {"session_id": 77, "login_name": "app", "host_name": "pc", "program_name": "reports"}


class Server:
    """A SQL Server of two databases; what it runs is remembered."""

    def __init__(self) -> None:
        self.options = SqlOptions("sql01", 1433, "me", "secret")
        self.databases = {"old": 5, "new": 6}
        self.states = {"old": "ONLINE", "new": "ONLINE"}
        self.replica: str | None = None
        self.mirror: str | None = None
        self.source: int | None = None
        self.snapshots: list[str] = []
        self.rights = {"ALTER ANY DATABASE": 1, "CONTROL": 0}
        self.looks: list[list[dict[str, Any]]] = []  # who is seen, look by look; then nobody
        self.fails: list[MssqlError] = []
        self.stays = False
        self.ran: list[str] = []

    def connect(self, options: SqlOptions, database: str = "master") -> Server:
        assert database == "master", "whoever is in it cannot drop it"
        self.options = options
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
        if "sys.database_mirroring" in sql:
            name = next((one for one in self.databases if one.lower() == params[0].lower()), None)
            return [] if name is None else [self._row(name)]
        if "WHERE database_id = ?" in sql:
            return [{"source": "new" if self.source else None, "source_database_id": self.source}]
        if "WHERE source_database_id = ?" in sql:
            return [{"name": name} for name in self.snapshots]
        if "HAS_PERMS_BY_NAME" in sql:
            return [{"may": self.rights[params[-1]]}]
        if "dm_exec_sessions" in sql:
            return self.looks.pop(0) if self.looks else []
        raise AssertionError(f"nobody expects: {sql}")

    def _row(self, name: str) -> dict[str, Any]:
        of_old = name == "old"
        return {
            "name": name,
            "database_id": self.databases[name],
            "state_desc": self.states[name],
            "user_access_desc": "MULTI_USER",
            "owner": None,
            "compatibility_level": 140,
            "replica_id": self.replica if of_old else None,
            "mirroring_guid": self.mirror if of_old else None,
        }

    def execute_drained(self, sql: str) -> list[Any]:
        self.ran.append(sql)
        for failure in self.fails:
            raise failure
        if not self.stays:
            del self.databases["old"]
        return []


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(mssql_database, "connect", server.connect)
    return server


def drop(check_mode: bool = False, **params: Any) -> dict[str, Any]:
    known = {"login_host": "sql01", "login_user": "me", "login_password": "secret", "name": "old", "state": "absent", "replaced_by": "new"}
    return run_module("mssql_database", check_mode, **(known | params))


def test_dropped_and_then_no_change(server: Server) -> None:
    told = drop(check_mode=True)
    assert (told["changed"], told["sql"], server.ran) == (True, ["DROP DATABASE [old]"], [])
    assert drop()["changed"] is True
    assert server.ran == ["DROP DATABASE [old]"]
    again = drop()
    assert (again["changed"], again["sql"], again["database"]) == (False, [], "old")
    assert len(server.ran) == 1


@pytest.mark.parametrize(
    ("change", "params", "said"),
    [
        ({}, {"name": "MSDB"}, "a system database of SQL Server sql01,1433"),
        ({}, {"replaced_by": "other"}, "there is none of that name. old may be the only copy"),
        ({}, {"replaced_by": "OLD"}, "it is that very database"),
        ({"states": {"old": "ONLINE", "new": "RESTORING"}}, {}, "it is RESTORING"),
        ({"states": {"old": "OFFLINE", "new": "ONLINE"}}, {}, "ALTER DATABASE [old] SET ONLINE"),
        ({"source": 6}, {}, "is a snapshot of new"),
        ({"snapshots": ["s1", "s2"]}, {}, "it has s1, s2 on"),
        ({"replica": "a-b"}, {}, "availability group or mirrored"),
        ({"mirror": "a-b"}, {}, "availability group or mirrored"),
        ({"rights": {"ALTER ANY DATABASE": 0, "CONTROL": 0}}, {}, "the login me does not have it"),
        ({"looks": [[ME], [ME]]}, {}, "found session 77, app from pc (reports). Stop what uses it"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_refused_before_anything_is_sent(
    server: Server, change: dict[str, Any], params: dict[str, Any], said: str, check_mode: bool
) -> None:
    for name, value in change.items():
        setattr(server, name, list(value) if isinstance(value, list) else value)
    result = drop(check_mode, **params)
    assert result["failed"] is True
    assert said in result["msg"]
    assert server.ran == []


def test_the_owner_may_drop_it(server: Server) -> None:
    server.rights = {"ALTER ANY DATABASE": 0, "CONTROL": 1}
    assert drop()["changed"] is True


def test_what_came_in_between_is_named_where_it_is_seen(server: Server) -> None:
    server.fails = [USED]
    server.looks = [[], [ME]]
    assert "found session 77, app from pc (reports)" in drop()["msg"]
    assert "sessions that the login may not see" in drop()["msg"]
    assert server.ran == ["DROP DATABASE [old]"] * 2, "once each, and nobody is disconnected"


def test_another_error_is_told_as_it_is(server: Server) -> None:
    server.fails = [MssqlError("Transaction log is full", 9002)]
    assert "Transaction log is full (SQL Server error 9002)" in drop()["msg"]


def test_a_drop_that_did_not_happen(server: Server) -> None:
    server.stays = True
    assert "reported success and still has it" in drop()["msg"]
