# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module makes of each thing that SQL Server can say of a group. Two servers with real drivers: tests/scenarios/mssql."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql import availability
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.availability import Secondary
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.modules import mssql_availability_group
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

pytest.importorskip("pyodbc")
REMOVE = "ALTER AVAILABILITY GROUP [AG1] REMOVE DATABASE [Octopus]"
ADD = "ALTER AVAILABILITY GROUP [AG1] ADD DATABASE [Octopus]"


class Server:
    """The server of a primary replica without secondaries; what it runs is remembered."""

    def __init__(self) -> None:
        self.options = SqlOptions("sql01", 1433, "me", "secret")
        self.version = "14.0.3456.2"
        self.group: str | None = "AG1"  # that the database is in
        self.visible = True
        self.role = "PRIMARY"
        self.may: int | None = 1
        self.server_rights = {"ALTER ANY DATABASE"}
        self.need = 0
        self.distributed: str | None = None
        self.recovery = "FULL"
        self.obeys = True
        self.asked: list[str] = []
        self.ran: list[str] = []

    def connect(self, options: SqlOptions, database: str = "master") -> Server:
        assert database == "master"
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
        self.asked.append(sql)
        answers: dict[str, Any] = {
            "SERVERPROPERTY": {"name": "SQL01", "version": self.version, "edition": "Standard Edition", "engine_edition": 2},
            "sys.availability_databases_cluster": {"name": self.group if self.visible else None} if self.group else None,
            "recovery_model_desc": {
                "name": "Octopus",
                "state_desc": "ONLINE",
                "recovery_model_desc": self.recovery,
                "replica_id": "x" if self.group else None,
                "is_encrypted": False,
            },
            "master_files": {"pages": 100},
            "is_local": {"role_desc": self.role} if self.visible else None,
            "is_distributed": {"name": self.distributed} if self.distributed else None,
            "r.endpoint_url": {"replica_server_name": "SQL01", "endpoint_url": None, "seeding": "MANUAL", "role_desc": self.role},
            "'AVAILABILITY GROUP', 'ALTER'": {"may": self.may},
            "HAS_PERMS_BY_NAME(NULL": {"may": params[0] in self.server_rights if params else 0},
            "required_synchronized": {"need": self.need},
            "last_log_backup_lsn": {"lsn": "1"},
            "FROM sys.databases": {"replica_id": "x" if self.group else None},
        }
        row = next(row for words, row in answers.items() if words in sql)
        return [] if row is None else [row]

    def execute_drained(self, sql: str) -> list[Any]:
        self.ran.append(sql)
        if self.obeys:
            self.group = "AG1" if " ADD " in sql else None
        return []


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(mssql_availability_group, "connect", server.connect)
    return server


def call(state: str, check_mode: bool = False, **params: Any) -> dict[str, Any]:
    known = {"login_host": "sql01", "login_user": "me", "login_password": "secret", "database": "Octopus", "state": state, "group": "AG1"}
    known |= {"backup_path": "D:\\rejoin"} if state == "present" else {}
    return run_module("mssql_availability_group", check_mode, **(known | params))


def test_out_and_in_each_once(server: Server) -> None:
    assert call("absent", True)["sql"] == [REMOVE] and server.ran == []
    assert call("absent")["changed"] is True
    again = call("absent")
    assert (again["changed"], again["group"]) == (False, "AG1")
    told = call("present", True)
    assert (told["changed"], told["joined"], told["sql"]) == (True, False, [ADD])
    assert call("present")["joined"] is True
    again = call("present")
    assert (again["changed"], again["joined"], server.ran) == (False, True, [REMOVE, ADD])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"role": "SECONDARY"}, "leads to the SECONDARY replica"),
        ({"may": 0}, "GRANT ALTER ON AVAILABILITY GROUP::[AG1]"),
        ({"may": None}, "does not see whether it may"),
        ({"server_rights": set()}, "GRANT ALTER ANY DATABASE (which dbcreator has)"),
        ({"distributed": "DAG"}, "the distributed one DAG"),
        ({"group": "AG2"}, "in the availability group AG1, but it is in AG2"),
        ({"visible": False}, "Grant it VIEW ANY DEFINITION"),
    ],
)
def test_refused_before_anything_is_sent(server: Server, change: dict[str, Any], said: str) -> None:
    for name, value in change.items():
        setattr(server, name, value)
    result = call("absent")
    assert result["failed"] is True and said in result["msg"], result
    assert server.ran == []


def test_success_that_is_none_is_found_out(server: Server) -> None:
    server.obeys = False
    assert "reported success and still has it in AG1" in call("absent")["msg"]
    server.group = None
    assert "reported success and does not have it there" in call("present")["msg"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"group": "AG2"}, "but it is in AG2"),
        ({"group": "AG1", "visible": False}, "VIEW ANY DEFINITION"),
        ({"group": None, "visible": False}, "sees none"),
        ({"group": None, "role": "SECONDARY"}, "leads to the SECONDARY replica"),
    ],
)
def test_no_advice_is_given_for_what_is_not_understood(server: Server, change: dict[str, Any], said: str) -> None:
    for name, value in change.items():
        setattr(server, name, value)
    result = call("present")
    assert result["failed"] is True and said in result["msg"], result
    assert server.ran == []


def test_a_database_with_another_recovery_model_is_left_out_and_told(server: Server) -> None:
    server.group, server.recovery = None, "SIMPLE"
    result = call("present")
    assert (result["changed"], result["joined"], server.ran) == (False, False, [])
    assert "SET RECOVERY FULL" in result["problems"][0]
    assert result["by_hand"] == ["on the primary: BACKUP DATABASE [Octopus] TO DISK = N'D:\\rejoin.bak'", f"on the primary: {ADD}"]


def test_the_right_to_alter_every_group_is_enough(server: Server) -> None:
    server.may, server.server_rights = None, {"ALTER ANY DATABASE", "ALTER ANY AVAILABILITY GROUP"}
    assert call("absent")["changed"] is True


def test_a_group_whose_commits_wait_for_secondaries_is_left_to_people(server: Server) -> None:
    server.group, server.need = None, 1
    result = call("present")
    assert (result["joined"], server.ran) == (False, [])
    assert "REQUIRED_SYNCHRONIZED_SECONDARIES_TO_COMMIT = 1" in result["problems"][0]


def test_before_2016_there_are_neither_seeding_modes_nor_distributed_groups(server: Server) -> None:
    server.version = "12.0.6024.0"
    assert call("absent")["changed"] is True
    assert not [sql for sql in server.asked if "seeding_mode_desc" in sql or "is_distributed" in sql or "required_sync" in sql]


@pytest.mark.parametrize(
    ("server_name", "endpoint", "host"),
    [
        ("SQL02", "TCP://sql02.example.com:5022", "sql02.example.com"),
        ("SQL02\\OCTO", "tcp://sql02.example.com:5022", "sql02.example.com\\OCTO"),
        ("SQL02", "TCP://[fe80::1]:5022", "fe80::1"),
        ("SQL02", "", "SQL02"),
    ],
)
def test_a_secondary_is_reached_by_the_host_of_its_endpoint(server_name: str, endpoint: str, host: str) -> None:
    options = SqlOptions("listener", 1444, "me", "secret", certificate_host="listener")
    found = availability.address(options, Secondary(server_name, "AUTOMATIC", endpoint))
    assert (found.host, found.port, found.user, found.certificate_host) == (host, 1444, "me", None)


OLD = Secondary("SQL02", "AUTOMATIC", state="RESTORING", created="2026-03-01T10:00:00")
KNOWN = {"SQL02": "2026-03-01T10:00:00"}


@pytest.mark.parametrize(
    ("change", "known", "said"),
    [
        ({}, KNOWN, ""),
        ({"state": None}, {}, ""),
        ({"grouped": True}, KNOWN, "is not the copy"),
        ({"state": "ONLINE"}, KNOWN, "is not the copy"),
        ({"created": "2026-03-02T10:00:00"}, KNOWN, "is not the copy"),
        ({"created": None}, {"SQL02": None}, "is not the copy"),
        ({}, {}, "is not the copy"),
        ({"may_drop": False}, KNOWN, "dbcreator"),
        ({"problem": "down"}, KNOWN, "could not be asked"),
        ({"seeding": "MANUAL"}, KNOWN, "manual seeding"),
    ],
)
def test_only_the_copy_that_was_left_there_is_dropped(change: dict[str, Any], known: dict[str, Any], said: str) -> None:
    found = availability.not_seedable(replace(OLD, **change), "Octopus", known)
    assert said in found if said else found == ""
