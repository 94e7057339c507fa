# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scripted SQL Server of one database with snapshots."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import Message
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.tests.unit.plugins.modules.sql_server import SERVER


class SnapshotServer:
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

    def connect(self, options: SqlOptions, _database: str = "master") -> SnapshotServer:
        self.options = options
        self.logins += 1
        return self

    def __enter__(self) -> SnapshotServer:
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
        if "dm_exec_requests" in sql:
            return []
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
