# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scripted SQL Server for tests of modules: what it says is set by the test. The lab's, behind real drivers, is in tests/scenarios."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import Message
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError

NOT_THERE = MssqlError("Cannot open backup device 'x'. Operating system error 2(The system cannot find the file specified.).", 3201)
SERVER = {"name": "SQL01", "version": "14.0.3456.2", "edition": "Standard Edition (64-bit)", "engine_edition": 2}
DATABASE = {"name": "Octopus", "state_desc": "ONLINE", "recovery_model_desc": "FULL", "replica_id": None, "is_encrypted": False}
STARTED, FINISHED = datetime(2026, 11, 23, 20, 0, 0), datetime(2026, 11, 23, 20, 1, 5)
BACKED_UP = [
    Message(3211, "50 percent processed."),
    Message(4035, "Processed 8 pages."),
    Message(3014, "BACKUP DATABASE successfully processed 8 pages."),
]
VALID = [Message(3262, "The backup set on file 1 is valid.")]

# Of the backup file D:\\a.bak: RESTORE LABELONLY and HEADERONLY.
LABEL = {"MediaSetId": "6f0b2c1e-0000-4000-8000-000000000001", "FamilyCount": 1, "FamilySequenceNumber": 1}
HEADER = {
    "BackupName": None,
    "BackupDescription": None,
    "BackupType": 1,
    "Position": 1,
    "ServerName": "SQL01",
    "DatabaseName": "Octopus",
    "DatabaseVersion": 869,
    "BackupSize": 104923136,
    "CompressedBackupSize": 20984627,
    "FirstLSN": 37000000012800001,
    "LastLSN": 37000000015200001,
    "CheckpointLSN": 37000000012800001,
    "BackupStartDate": STARTED,
    "BackupFinishDate": FINISHED,
    "CompatibilityLevel": 140,
    "SoftwareVersionMajor": 14,
    "SoftwareVersionMinor": 0,
    "SoftwareVersionBuild": 3456,
    "Collation": "SQL_Latin1_General_CP1_CI_AS",
    "HasBackupChecksums": True,
    "IsDamaged": False,
    "IsCopyOnly": True,
    "RecoveryModel": "FULL",
    "BackupSetGUID": "0b52b6d8-6e0c-4b3e-9e43-6b0f6b0e7c11",
    "EncryptorThumbprint": None,
    "UserName": "me",
}
# RESTORE FILELISTONLY.
FILES = [
    {"LogicalName": "Octopus", "PhysicalName": "E:\\Data\\Octopus.mdf", "Type": "D", "Size": 104857600, "FileId": 1},
    {"LogicalName": "Octopus_log", "PhysicalName": "F:\\Log\\Octopus_log.ldf", "Type": "L", "Size": 8388608, "FileId": 2},
]


class SqlServer:
    """Stands in for :func:`connect` and for what it gives."""

    def __init__(self) -> None:
        self.options = SqlOptions("sql01", 1433, "me", "secret")
        self.logins: list[str] = []
        self.ran: list[str] = []
        self.asked: list[str] = []
        # By a piece of the statement: rows, or an error. The first that fits answers.
        self.answers: dict[str, list[dict[str, Any]] | MssqlError] = {
            "SERVERPROPERTY('ServerName')": [SERVER],
            "delayed_durability_desc": [{"delayed_durability_desc": "DISABLED"}],
            "FROM sys.databases": [DATABASE],
            "FROM sys.master_files WHERE": [{"pages": 1280}],
            "FILEPROPERTY": [{"pages": 640}],
            "DB_NAME()": [{"name": "master"}],
            "'BACKUP DATABASE'": [{"may": 1}],
            "HAS_PERMS_BY_NAME(": [{"may": 1}],
            "RESTORE LABELONLY": NOT_THERE,
            "MAX(backup_set_id)": [{"newest": 7}],
            "xp_fixeddrives": [{"drive": "C", "MB free": 10}, {"drive": "D", "MB free": 2048}],
            "dm_server_services": [{"service_account": "LAB\\sqlservice"}],
            "dm_exec_requests": [],
            "FROM msdb.dbo.backupset AS s": [
                {
                    "backup_set_uuid": "0b52b6d8-6e0c-4b3e-9e43-6b0f6b0e7c11",
                    "media_set_id": 12,
                    "position": 2,
                    "backup_size": 104923136,
                    "compressed_backup_size": 20984627,
                    "first_lsn": 37000000012800001,
                    "last_lsn": 37000000015200001,
                    "checkpoint_lsn": 37000000012800001,
                    "backup_start_date": STARTED,
                    "backup_finish_date": FINISHED,
                    "is_copy_only": True,
                    "has_backup_checksums": True,
                    "is_damaged": False,
                }
            ],
            "FROM msdb.dbo.backupmediafamily WHERE": [{"physical_device_name": "D:\\a.bak"}],
        }
        self.messages: dict[str, list[Message] | MssqlError] = {
            "BACKUP": BACKED_UP,
            "RESTORE VERIFYONLY": VALID,
            "EXEC master.dbo.xp_create_subdir": [],
            "EXEC [Octopus].sys.sp_flush_log": [],
        }

    def connect(self, options: SqlOptions, database: str = "master") -> SqlServer:
        self.options = options
        self.logins.append(database)
        return self

    def __enter__(self) -> SqlServer:
        return self

    def __exit__(self, *_exc: object) -> None:
        return None

    def query(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        assert sql.count("?") == len(params), sql
        self.asked.append(sql)
        for piece, answer in self.answers.items():
            if piece in sql or piece in [f"'{param}'" for param in params]:
                if isinstance(answer, MssqlError):
                    raise answer
                return answer
        raise AssertionError(f"nobody expects: {sql}")

    def scalar(self, sql: str, *params: Any) -> Any:
        rows = self.query(sql, *params)
        return next(iter(rows[0].values())) if rows else None

    def execute_drained(self, sql: str, on_message: Any = None, deadline: float | None = None) -> list[Message]:
        if sql.startswith("USE "):
            return []
        self.ran.append(sql)
        for piece, answer in self.messages.items():
            if sql.startswith(piece):
                if isinstance(answer, MssqlError):
                    _give_up(answer)
                for message in answer:
                    if on_message:
                        on_message(message)
                return answer
        raise AssertionError(f"nobody expects: {sql}")


def _give_up(error: MssqlError) -> None:
    raise error
