# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module makes of each thing that SQL Server can say."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core import progress
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import Message
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, MssqlTimeout
from ansible_collections.octopus.upgrade.plugins.modules import mssql_backup
from ansible_collections.octopus.upgrade.tests.unit.plugins.modules.sql_server import BACKED_UP, DATABASE, SERVER, SqlServer
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

pytest.importorskip("pyodbc")
DENIED = MssqlError("Cannot open backup device 'D:\\a.bak'. Operating system error 5(Access is denied.).", 3201)
NO_FOLDER = MssqlError(
    "Cannot open backup device 'D:\\x\\a.bak'. Operating system error 3(The system cannot find the path specified.).", 3201
)
BACKUP = "BACKUP DATABASE [Octopus] TO DISK = N'D:\\a.bak' WITH COPY_ONLY, CHECKSUM, COMPRESSION, NOFORMAT, NOINIT, STATS = 5"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> SqlServer:
    found = SqlServer()
    monkeypatch.setattr(mssql_backup, "connect", found.connect)
    return found


def backup(check_mode: bool = False, **params: Any) -> dict[str, Any]:
    given = {"login_host": "sql01", "login_user": "me", "login_password": "secret", "database": "octopus", "path": ["D:\\a.bak"]}
    return run_module("mssql_backup", check_mode, **(given | params))


def test_delayed_durable_transactions_are_written_to_disk_first(server: SqlServer) -> None:
    server.answers["delayed_durability_desc"] = [{"delayed_durability_desc": "FORCED"}]
    assert not backup().get("failed")
    assert server.ran[:2] == ["EXEC [Octopus].sys.sp_flush_log", BACKUP]


def test_a_login_that_could_not_verify_the_backup_takes_none(server: SqlServer) -> None:
    server.answers = {"'CREATE DATABASE'": [{"may": 0}], **server.answers}
    assert "server role dbcreator" in backup()["msg"]
    assert not backup(verify=False).get("failed")


def test_encryption_is_said(server: SqlServer) -> None:
    assert backup()["encrypted"] is False
    server.answers["FROM sys.databases"] = [{**DATABASE, "is_encrypted": True}]
    assert backup(check_mode=True)["encrypted"] is True


def test_a_backup_is_a_change_and_is_verified(server: SqlServer) -> None:
    shown: list[str] = []
    with progress.listening(shown.append):
        result = backup()
    assert not result.get("failed"), result
    assert result["changed"]
    assert server.ran == [BACKUP, "RESTORE VERIFYONLY FROM DISK = N'D:\\a.bak' WITH FILE = 2, CHECKSUM, STATS = 5"] == result["sql"]
    expected = {
        "server": "SQL01",
        "database": "Octopus",
        "paths": ["D:\\a.bak"],
        "size": 104923136,
        "compressed_size": 20984627,
        "first_lsn": "37000000012800001",
        "backup_set_uuid": "0B52B6D8-6E0C-4B3E-9E43-6B0F6B0E7C11",
        "position": 2,
        "duration": 65.0,
        "verified": True,
        "copy_only": True,
        "estimated_bytes": 640 * 8192,
        "free_bytes": 2048 * 1024**2,
    }
    assert {name: result[name] for name in expected} == expected
    assert shown == ["Backing up Octopus: 2.5 MB of 5.0 MB (50 %)", "Verifying the backup of Octopus"]
    assert "secret" not in json.dumps({name: value for name, value in result.items() if name != "invocation"})
    assert server.logins == ["master"]


def test_check_mode_writes_nothing(server: SqlServer) -> None:
    result = backup(check_mode=True)
    assert result["changed"]
    assert result["sql"][0] == BACKUP
    assert (result["estimated_bytes"], result["free_bytes"]) == (640 * 8192, 2048 * 1024**2)
    assert "backup_set_uuid" not in result
    assert not server.ran


def test_free_room_of_a_share_is_not_known(server: SqlServer) -> None:
    result = backup(check_mode=True, path=["\\\\nas\\b\\a.bak"])
    assert "free_bytes" not in result
    assert result["paths"] == ["\\\\nas\\b\\a.bak"]


def test_without_a_user_in_the_database_the_files_are_the_estimate(server: SqlServer) -> None:
    server.answers["FILEPROPERTY"] = [{"pages": None}]
    assert backup(check_mode=True)["estimated_bytes"] == 1280 * 8192


@pytest.mark.parametrize(
    ("answers", "messages", "wanted"),
    [
        ({"FROM msdb.dbo.backupset AS s": []}, {"BACKUP": BACKED_UP[:2]}, "message 3014.*only \\[3211, 4035\\].*Nothing is left"),
        ({"FROM msdb.dbo.backupset AS s": []}, {}, "found no row for D:\\\\a.bak"),
        ({}, {"RESTORE VERIFYONLY": []}, "message 3262 from RESTORE VERIFYONLY, but it ended without"),
        (
            {},
            {"RESTORE VERIFYONLY": MssqlError("damaged", 3189)},
            "its verification failed: damaged.*Do not use D:\\\\a.bak as a backup.*3189",
        ),
        (
            {},
            {"RESTORE VERIFYONLY": MssqlTimeout("cancelled")},
            "within 9 s.*cancelled. The backup is taken and recorded in msdb.*not verified",
        ),
        ({}, {"BACKUP": DENIED}, "access denied.*operating system error 5.*LAB\\\\sqlservice.*right to write"),
        ({}, {"BACKUP": MssqlError("Write failed: 112(full)", 3202)}, "disk is full.*Free some space"),
        ({}, {"BACKUP": MssqlError("Another operation is running", 3023)}, "3023.*wait until it has ended"),
        ({"FROM msdb.dbo.backupmediafamily WHERE": [{"physical_device_name": "D:\\b.bak"}]}, {}, "stripes D:\\\\a.bak.*d:\\\\b.bak"),
        ({"FROM sys.databases": []}, {}, "the database octopus.*none of that name"),
        (
            {
                "FROM sys.databases": [
                    {"name": "Octopus", "state_desc": "RESTORING", "recovery_model_desc": "FULL", "replica_id": None, "is_encrypted": False}
                ]
            },
            {},
            "RESTORING",
        ),
        ({"'BACKUP DATABASE'": [{"may": 0}]}, {}, "login me does not have it.*db_backupoperator"),
        ({"RESTORE LABELONLY": []}, {}, "D:\\\\a.bak exists already.*overwrite"),
        ({"RESTORE LABELONLY": MssqlError("damaged", 3241)}, {}, "exists already"),
        ({"RESTORE LABELONLY": NO_FOLDER}, {}, "no such folder.*create_folder"),
        ({"MAX(backup_set_id)": MssqlError("SELECT permission denied", 229)}, {}, "229"),
    ],
)
def test_what_goes_wrong_says_what_to_do(server: SqlServer, answers: dict[str, Any], messages: dict[str, Any], wanted: str) -> None:
    server.answers |= answers
    server.messages |= messages
    result = backup(timeout=9)
    assert result["failed"]
    assert re.search(wanted, result["msg"]), result["msg"]
    assert "secret" not in result["msg"]


def test_a_missing_folder_is_created_where_wanted(server: SqlServer) -> None:
    server.answers["RESTORE LABELONLY"] = NO_FOLDER
    server.answers["FROM msdb.dbo.backupmediafamily WHERE"] = [{"physical_device_name": "D:\\it's\\a.bak"}]
    result = backup(path=["D:\\it's\\a.bak"], create_folder=True)
    assert not result.get("failed"), result
    assert result["created_folders"] == ["D:\\it's"]
    assert server.ran[0] == "EXEC master.dbo.xp_create_subdir N'D:\\it''s'"


def test_a_deadline_tells_that_nothing_is_left(server: SqlServer) -> None:
    server.messages["BACKUP"] = MssqlTimeout("cancelled", BACKED_UP[:1])
    server.answers["FROM msdb.dbo.backupset AS s"] = []
    result = backup(timeout=5)
    assert "within 5 s" in result["msg"]
    assert "Nothing is left of it" in result["msg"]
    assert server.logins == ["master", "master"]  # looked at over a connection of its own


@pytest.mark.parametrize(
    ("piece", "answer", "wanted"),
    [
        (
            "dm_exec_requests",
            [{"command": "BACKUP DATABASE", "session_id": 60, "percent_complete": 12.0}],
            "still running: BACKUP DATABASE in session 60",
        ),
        ("RESTORE LABELONLY", [], "a file exists: D:\\a.bak"),
        ("dm_exec_requests", MssqlError("gone"), "Could not determine what it left"),
    ],
)
def test_a_deadline_tells_what_is_left(server: SqlServer, piece: str, answer: Any, wanted: str) -> None:
    server.messages["BACKUP"] = MssqlTimeout("cancelled", [])
    server.answers["FROM msdb.dbo.backupset AS s"] = []
    server.answers[piece] = answer
    assert wanted in backup(timeout=5, overwrite="append")["msg"]


def test_a_cancel_that_crosses_the_end_of_the_backup_is_a_success(server: SqlServer) -> None:
    server.messages["BACKUP"] = MssqlTimeout("cancelled", BACKED_UP)
    assert backup(timeout=5)["verified"]


def test_a_lost_connection_that_the_driver_tells_in_a_message_alone(server: SqlServer) -> None:
    server.messages["BACKUP"] = [*BACKED_UP[:1], Message(10054, "TCP Provider: Error code 0x2746")]
    server.answers["FROM msdb.dbo.backupset AS s"] = []
    result = backup()
    assert "ended the session during the backup (TCP Provider: Error code 0x2746). Nothing is left of it" in result["msg"]


@pytest.mark.parametrize("number", [None, 596])
def test_a_session_that_is_killed(server: SqlServer, number: int | None) -> None:
    server.messages["BACKUP"] = MssqlError("Communication link failure", number)
    server.answers["FROM msdb.dbo.backupset AS s"] = []
    result = backup()
    assert "ended the session during the backup" in result["msg"]
    assert "Nothing is left of it" in result["msg"]


@pytest.mark.parametrize(("edition", "number"), [("Express Edition (64-bit)", 4), ("Web Edition (64-bit)", 2)])
def test_editions_without_compression(server: SqlServer, edition: str, number: int) -> None:
    server.answers["SERVERPROPERTY('ServerName')"] = [SERVER | {"edition": edition, "engine_edition": number}]
    assert "COMPRESSION" not in backup(check_mode=True)["sql"][0]
    assert edition in backup(check_mode=True, compression="on")["msg"]


@pytest.mark.parametrize("number", [262, 3013])
def test_a_login_that_may_not_look_at_files_can_still_back_up(server: SqlServer, number: int) -> None:
    server.answers["RESTORE LABELONLY"] = MssqlError("CREATE DATABASE permission denied", number)
    server.answers["xp_fixeddrives"] = MssqlError("EXECUTE permission denied", 229)
    result = backup()
    assert not result.get("failed"), result
    assert "free_bytes" not in result


def test_path_and_url_exclude_each_other(server: SqlServer) -> None:
    assert "mutually exclusive" in backup(url=["https://x/y"])["msg"]
    assert "one of path and url" in backup(path=[])["msg"]
