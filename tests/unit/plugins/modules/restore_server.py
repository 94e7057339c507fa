# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scripted SQL Server on which databases are taken offline, renamed and restored."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import Message
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.tests.unit.plugins.modules.sql_server import FILES, HEADER, LABEL, VALID, SqlServer

UUID = "0B52B6D8-6E0C-4B3E-9E43-6B0F6B0E7C11"
ROW = {
    "name": "Octopus",
    "database_id": 5,
    "state_desc": "ONLINE",
    "user_access_desc": "MULTI_USER",
    "owner": "sa",
    "compatibility_level": 140,
    "replica_id": None,
    "mirroring_guid": None,
}
DONE = [
    Message(3211, "50 percent processed."),
    Message(4035, "Processed 8 pages."),
    Message(3014, "RESTORE DATABASE successfully processed 8 pages."),
]
CLEAN = [Message(8989, "CHECKDB found 0 allocation errors and 0 consistency errors in database 'Octopus'.")]
VERIFY = (
    "RESTORE VERIFYONLY FROM DISK = N'D:\\a.bak' WITH FILE = 1, MOVE N'Octopus' TO N'E:\\Data\\Octopus.mdf', "
    "MOVE N'Octopus_log' TO N'F:\\Log\\Octopus_log.ldf', CHECKSUM, STATS = 5"
)
RESTORE = (
    "RESTORE DATABASE [Octopus] FROM DISK = N'D:\\a.bak' WITH FILE = 1, MOVE N'Octopus' TO N'E:\\Data\\Octopus.mdf', "
    "MOVE N'Octopus_log' TO N'F:\\Log\\Octopus_log.ldf', RECOVERY, REPLACE, CHECKSUM, STATS = 5"
)
OFFLINE = "ALTER DATABASE [Octopus] SET OFFLINE WITH ROLLBACK IMMEDIATE"


class RestoreServer(SqlServer):
    """Stands in for :func:`connect` and for what it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.databases: dict[str, dict[str, Any]] = {"octopus": dict(ROW)}
        self.recorded: list[str | None] = [UUID]
        ours: dict[str, Any] = {
            "SELECT @@SPID": [{"session_id": 55}],
            "RESTORE LABELONLY": [LABEL],
            "RESTORE HEADERONLY": [HEADER],
            "RESTORE FILELISTONLY": FILES,
            "'Version'": [{"version": 869}],
            "MAX(restore_history_id)": [{"newest": 7}],
            "SELECT SUSER_SNAME()": [{"me": "me", "boss": 1}],
            "IS_SRVROLEMEMBER('sysadmin') AS boss, IS_SRVROLEMEMBER": [{"boss": 1, "maker": 1, "me": "me"}],
            "'IMPERSONATE'": [{"there": 1, "me": "me", "boss": 1, "may": 1}],
            "source_database_id = ?": [],
            "WHERE database_id = DB_ID(?)": [
                {"file_id": 1, "type": 0, "physical_name": "E:\\Data\\Octopus.mdf", "name": "Octopus", "pages": 12800},
                {"file_id": 2, "type": 1, "physical_name": "F:\\Log\\Octopus_log.ldf", "name": "Octopus_log", "pages": 1024},
            ],
            "SELECT physical_name FROM sys.master_files": [{"physical_name": "E:\\Data\\Octopus.mdf"}],
            "dm_os_file_exists": [{"file_exists": 0, "file_is_a_directory": 0, "parent_directory_exists": 1}],
            "dm_os_volume_stats": [{"name": "E:\\", "free": 10**12}, {"name": "F:\\", "free": 10**12}],
            "s.type = 'L'": [],
            "sys.database_principals": [],
            "dm_exec_sessions": [],
            "dm_exec_requests": [],
        }
        self.answers = ours | {piece: answer for piece, answer in self.answers.items() if piece not in ours}
        self.messages = {"RESTORE DATABASE": DONE, "RESTORE VERIFYONLY": VALID, "DBCC": CLEAN, "ALTER": [], "KILL": [], "DROP": []}
        self.restored_state, self.broken_state = "ONLINE", "RESTORING"

    def query(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        if "LEFT JOIN sys.database_mirroring" in sql:
            found = self.databases.get(params[0].lower())
            return [found] if found else []
        if "msdb.dbo.restorehistory AS h" in sql:
            return [{"backup_set_uuid": one and one.lower(), "who": "dba"} for one in self.recorded]
        return super().query(sql, *params)

    def execute_drained(self, sql: str, on_message: Any = None, deadline: float | None = None) -> list[Message]:
        try:
            answer = super().execute_drained(sql, on_message, deadline)
        except MssqlError:
            self._changes(sql, broken=True)
            raise
        for one in sql.split("; "):
            self._changes(one)
        return answer

    def _changes(self, sql: str, broken: bool = False) -> None:
        found = re.match(r"(ALTER|RESTORE|DROP) DATABASE \[(.*?)\](.*)", sql)
        if not found:
            return
        name, what = found[2].lower(), found[3]
        if found[1] == "RESTORE":
            self.databases[name] = ROW | {
                "name": found[2],
                "state_desc": self.broken_state if broken else self.restored_state,
                "owner": "me",
            }
        elif broken:
            return
        elif found[1] == "DROP":
            del self.databases[name]
        elif "MODIFY NAME" in what:
            row = self.databases.pop(name)
            row["name"] = what.partition("[")[2].rstrip("]")
            self.databases[row["name"].lower()] = row
        elif "OFFLINE" in what or "ONLINE" in what:
            self.databases[name]["state_desc"] = "OFFLINE" if "OFFLINE" in what else "ONLINE"
        elif "_USER" in what:
            self.databases[name]["user_access_desc"] = "MULTI_USER" if "MULTI" in what else "SINGLE_USER"
