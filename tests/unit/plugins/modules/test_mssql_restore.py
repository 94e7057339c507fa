# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module makes of each thing that SQL Server can say. The lab's SQL Server, with real rows, is in tests/scenarios."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core import progress
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import exclusive, undo
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import Message
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, MssqlTimeout
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore import execute, failure
from ansible_collections.octopus.upgrade.plugins.modules import mssql_restore
from ansible_collections.octopus.upgrade.tests.unit.plugins.modules.restore_server import (
    DONE,
    OFFLINE,
    RESTORE,
    ROW,
    UUID,
    VERIFY,
    RestoreServer,
)
from ansible_collections.octopus.upgrade.tests.unit.plugins.modules.sql_server import HEADER, LABEL, SERVER
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

pytest.importorskip("pyodbc")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> RestoreServer:
    found = RestoreServer()
    monkeypatch.setattr(mssql_restore, "connect", found.connect)
    monkeypatch.setattr(exclusive, "PAUSE", 0)
    monkeypatch.setattr(failure, "PAUSE", 0)
    return found


def restore(check_mode: bool = False, **params: Any) -> dict[str, Any]:
    given = {"login_host": "sql01", "login_user": "me", "login_password": "secret", "database": "octopus", "path": ["D:\\a.bak"]}
    return run_module("mssql_restore", check_mode, **(given | params))


def test_a_restore_is_a_change_and_is_verified(server: RestoreServer) -> None:
    shown: list[str] = []
    with progress.listening(shown.append):
        result = restore(replace=True, checkdb=True, compatibility_level=130)
    assert not result.get("failed"), result
    assert (
        server.ran
        == result["sql"]
        == [
            VERIFY,
            OFFLINE,
            RESTORE,
            "ALTER DATABASE [Octopus] SET COMPATIBILITY_LEVEL = 130",
            "DBCC CHECKDB (N'Octopus') WITH ALL_ERRORMSGS",
            "ALTER AUTHORIZATION ON DATABASE::[Octopus] TO [sa]",
        ]
    )
    expected = {
        "changed": True,
        "server": "SQL01",
        "database": "Octopus",
        "paths": ["D:\\a.bak"],
        "backup_set_uuid": UUID,
        "position": 1,
        "replaced": True,
        "kept_as": None,
        "verified": True,
        "needed_bytes": {"E:\\": 0, "F:\\": 0},
        "users_repaired": [],
    }
    assert {name: result[name] for name in expected} == expected
    assert shown == ["Restoring Octopus: 50.0 MB of 100.1 MB (50 %)", "Checking Octopus"]
    assert "secret" not in json.dumps({name: value for name, value in result.items() if name != "invocation"})


def test_check_mode_runs_nothing(server: RestoreServer) -> None:
    result = restore(check_mode=True, replace=True)
    assert result["changed"]
    assert result["sql"] == [VERIFY, OFFLINE, RESTORE, "ALTER AUTHORIZATION ON DATABASE::[Octopus] TO [sa]"]
    assert not server.ran


GONE = Message(10054, "TCP Provider: Error code 0x2746")


@pytest.mark.parametrize(
    ("answers", "messages", "wanted"),
    [
        ({}, {"RESTORE DATABASE": DONE[:2]}, "message 3014.*only \\[3211, 4035\\].*Octopus is ONLINE"),
        ({}, {"RESTORE DATABASE": [*DONE[:1], GONE]}, "ended the session during the restore \\(TCP Provider"),
        (
            {},
            {"RESTORE DATABASE": MssqlError("Communication link failure")},
            "ended the session.*Octopus is RESTORING and cannot be used: run this again",
        ),
        ({}, {"RESTORE DATABASE": MssqlError("killed", 596)}, "ended the session"),
        (
            {},
            {"RESTORE DATABASE": MssqlTimeout("cancelled")},
            "within 9 s.*cancelled.*RESTORING and cannot be used: run this again with replace: true, or drop it",
        ),
        ({}, {"RESTORE DATABASE": MssqlError("an error on page (0:0)", 3183)}, "it failed: an error on page.*damaged; take another"),
        ({}, {"RESTORE DATABASE": MssqlError("Read on 'x' failed: 38(end)", 3203)}, "the file ends early"),
        ({}, {"RESTORE VERIFYONLY": []}, "message 3262.*Do not use it as a backup"),
        ({}, {"RESTORE VERIFYONLY": MssqlError("damaged", 3189)}, "Do not use it as a backup"),
        (
            {},
            {"RESTORE VERIFYONLY": MssqlTimeout("cancelled")},
            "verify the backup set at position 1 of .* within 9 s.*Nothing was changed",
        ),
        (
            {},
            {"DBCC": MssqlError("Table error: page (1:3)", 8939)},
            "free of damage, but DBCC CHECKDB reports: Table error: page.*It is restored; do not use it",
        ),
        ({}, {"DBCC": []}, "message 8989"),
        ({}, {"DBCC": MssqlTimeout("cancelled")}, "check Octopus in time, but DBCC CHECKDB was cancelled after .* It is restored"),
        (
            {},
            {"ALTER AUTHORIZATION": MssqlError("is already a user", 15110), "ALTER": []},
            "set its owner sa after the restore of Octopus, which is restored and online, but it failed: is already a user.*Drop that user",
        ),
        ({"RESTORE LABELONLY": [LABEL | {"FamilyCount": 2}]}, {}, "stripe 2 is missing"),
        ({"RESTORE HEADERONLY": [HEADER | {"SoftwareVersionMajor": 15}]}, {}, "15.0.3456.*newer versions"),
        ({"RESTORE HEADERONLY": [HEADER | {"DatabaseVersion": 904}]}, {}, "internal version 904, here 869"),
        ({"RESTORE HEADERONLY": [HEADER | {"IsDamaged": True}]}, {}, "damaged already"),
        (
            {"SERVERPROPERTY('ServerName')": [SERVER | {"engine_edition": 8, "edition": "SQL Azure"}]},
            {},
            "SQL Azure, where the platform itself does restores",
        ),
        ({"MAX(restore_history_id)": MssqlError("SELECT permission denied", 229)}, {}, "me cannot read it.*db_datareader"),
        ({"HAS_PERMS_BY_NAME(": [{"may": 0}]}, {}, "the login me lacks that permission.*dbcreator"),
        (
            {"IS_SRVROLEMEMBER('sysadmin') AS boss, IS_SRVROLEMEMBER": [{"boss": 0, "maker": 0, "me": "me"}]},
            {},
            "make it the owner; db_owner in it is not enough",
        ),
        (
            {"dm_os_volume_stats": [{"name": "E:\\", "free": 0}, {"name": "F:\\", "free": 0}], "WHERE database_id = DB_ID(?)": []},
            {},
            "bytes free on",
        ),
        ({"source_database_id = ?": [{"name": "snap"}]}, {}, "snap.*drop them"),
    ],
)
def test_what_goes_wrong_says_what_to_do(server: RestoreServer, answers: dict[str, Any], messages: dict[str, Any], wanted: str) -> None:
    server.answers |= answers
    server.messages = messages | {piece: answer for piece, answer in server.messages.items() if piece not in messages}
    if "WHERE database_id = DB_ID(?)" in answers:
        server.answers |= {"InstanceDefault": [{"path": "E:\\Data"}]}
    result = restore(replace=True, checkdb=True, timeout=9)
    assert result["failed"]
    assert re.search(wanted, result["msg"]), result["msg"]
    assert "secret" not in result["msg"]
    there = server.databases["octopus"]
    assert there["state_desc"] in ("ONLINE", "RESTORING") and there["user_access_desc"] == "MULTI_USER"


def test_a_cancel_that_crosses_the_end_of_the_restore_is_a_success(server: RestoreServer, monkeypatch: pytest.MonkeyPatch) -> None:
    real = server.execute_drained

    def cancelled(sql: str, *rest: Any) -> list[Message]:
        messages = real(sql, *rest)
        if sql.startswith(("RESTORE", "DBCC")):
            raise MssqlTimeout("cancelled", messages)
        return messages

    monkeypatch.setattr(server, "execute_drained", cancelled)
    result = restore(replace=True, timeout=9, checkdb=True)
    assert not result.get("failed"), result


def test_a_restore_that_msdb_does_not_know_is_none(server: RestoreServer) -> None:
    server.recorded = ["11111111-1111-1111-1111-111111111111", None]
    assert re.search("restorehistory, but found 11111111.*None", restore(replace=True)["msg"])
    server.recorded = []
    assert "found no row" in restore(replace=True)["msg"]


def test_a_restore_that_is_not_online_is_none(server: RestoreServer) -> None:
    server.restored_state = "RECOVERY_PENDING"
    assert "ONLINE after its restore, but it is RECOVERY_PENDING" in restore(replace=True)["msg"]


def test_users_are_mapped_to_logins_of_their_name(server: RestoreServer) -> None:
    server.answers["sys.database_principals"] = [
        {"name": "a]b", "has_login": 1},
        {"name": "gone", "has_login": 0},
        {"name": "used", "has_login": 1},
    ]
    server.messages = {"ALTER USER [used]": MssqlError("already has an account", 15063)} | server.messages
    result = restore(replace=True)
    assert (result["users_repaired"], result["users_orphaned"]) == (["a]b"], ["gone", "used"])
    assert "ALTER USER [a]]b] WITH LOGIN = [a]]b]" in result["sql"]
    assert not [sql for sql in result["sql"] if "[used]" in sql]


@pytest.mark.parametrize(
    ("row", "owner", "wanted"), [({"there": 0}, None, "me"), ({"boss": 0, "may": 0}, None, "me"), ({"boss": 0}, None, "sa")]
)
def test_an_owner_that_nobody_asked_for(server: RestoreServer, row: dict[str, int], owner: str | None, wanted: str) -> None:
    server.answers["'IMPERSONATE'"] = [server.answers["'IMPERSONATE'"][0] | row]
    ran = [sql for sql in restore(replace=True, owner=owner)["sql"] if "AUTHORIZATION" in sql]
    assert bool(ran) is (wanted == "sa")


@pytest.mark.parametrize(("row", "wanted"), [({"there": 0}, "has no such login"), ({"boss": 0, "may": 0}, "IMPERSONATE")])
def test_an_owner_that_cannot_be(server: RestoreServer, row: dict[str, int], wanted: str) -> None:
    server.answers["'IMPERSONATE'"] = [server.answers["'IMPERSONATE'"][0] | row]
    assert wanted in restore(replace=True, owner="boss")["msg"]
    assert not server.ran


# -- whether we can open it afterwards


@pytest.mark.parametrize(
    "case",
    [
        ("me", 0, "sa", {"replace": True}, True),
        ("somebody", 0, "sa", {"replace": True}, False),
        (None, 0, "sa", {"replace": True}, False),
        ("somebody", 1, "sa", {"replace": True}, True),
        ("somebody", 0, "me", {"replace": True}, True),
        ("somebody", 0, "sa", {"keep_as": "old"}, False),  # its former owner gets it back
        ("ME", 0, "sa", {"keep_as": "old"}, True),
    ],
)
def test_who_can_open_the_database_afterwards(server: RestoreServer, case: tuple[str | None, int, str, dict[str, Any], bool]) -> None:
    user, boss, owner, params, keeps = case
    server.answers["RESTORE HEADERONLY"] = [HEADER | {"UserName": user}]
    server.answers["SELECT SUSER_SNAME()"] = [{"me": "me", "boss": boss}]
    server.databases["octopus"]["owner"] = owner
    assert restore(check_mode=True, **params)["keeps_access"] is keeps


def test_a_new_database_is_ours_where_its_former_owner_is_not_known(server: RestoreServer) -> None:
    server.answers["RESTORE HEADERONLY"] = [HEADER | {"UserName": "somebody"}]
    server.answers["SELECT SUSER_SNAME()"] = [{"me": "me", "boss": 0}]
    server.databases.clear()
    assert restore(check_mode=True)["keeps_access"] is True


def test_a_database_that_we_cannot_open_afterwards_is_restored_and_said(server: RestoreServer, monkeypatch: pytest.MonkeyPatch) -> None:
    real = server.execute_drained

    def closed(sql: str, *rest: Any) -> list[Message]:
        if sql == "USE [Octopus]":
            raise MssqlError("The server principal is not able to access the database under the current security context", 916)
        return real(sql, *rest)

    monkeypatch.setattr(server, "execute_drained", closed)
    result = restore(replace=True)
    assert not result.get("failed"), result
    assert (result["users_repaired"], result["users_orphaned"]) == (None, None)
    assert "916" in str(result["warnings"]), result["warnings"]


# -- who is in the way


def test_somebody_who_is_always_faster_is_disconnected(server: RestoreServer, monkeypatch: pytest.MonkeyPatch) -> None:
    real, tries = server.execute_drained, []
    server.answers["dm_exec_sessions"] = [{"session_id": 60, "login_name": "app", "host_name": "web", "program_name": "Octopus"}]

    def busy(sql: str, *rest: Any) -> list[Message]:
        if "OFFLINE" in sql and len(tries) < 2:
            tries.append(sql)
            raise MssqlError("a user is currently connected to it", 5064)
        if "KILL" in sql:
            server.ran.append(sql)
            return []
        return real(sql, *rest)

    monkeypatch.setattr(server, "execute_drained", busy)
    assert not restore(replace=True).get("failed")
    assert [sql for sql in server.ran if "KILL" in sql] == ["KILL 60", f"BEGIN TRY KILL 60 END TRY BEGIN CATCH END CATCH; {OFFLINE}"]


def test_somebody_who_cannot_be_disconnected_is_named(server: RestoreServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exclusive, "PATIENCE", 0)
    server.answers["dm_exec_sessions"] = [{"session_id": 60, "login_name": "app", "host_name": "web", "program_name": "Octopus"}]
    server.messages = {OFFLINE: MssqlError("a user is currently connected to it", 5064)} | server.messages
    result = restore(replace=True)
    assert "session 60, app from web (Octopus) (a user is currently connected to it). Stop the clients of Octopus first" in result["msg"]
    assert not [sql for sql in server.ran if sql.startswith("RESTORE DATABASE")]


def test_the_restore_is_tried_again_where_somebody_was_faster(server: RestoreServer, monkeypatch: pytest.MonkeyPatch) -> None:
    real, tries = server.execute_drained, []

    def busy(sql: str, *rest: Any) -> list[Message]:
        if sql.startswith("RESTORE DATABASE") and len(tries) < always:
            tries.append(sql)
            raise MssqlError("Exclusive access could not be obtained", 3101)
        return real(sql, *rest)

    monkeypatch.setattr(server, "execute_drained", busy)
    always = 2
    assert not restore(replace=True).get("failed")
    always, server.databases["octopus"] = 1000, dict(ROW)
    result = restore(replace=True)
    assert "Exclusive access" in result["msg"] and "Octopus is ONLINE" in result["msg"]
    assert len(tries) == 2 + execute.ATTEMPTS


def test_what_cannot_be_made_available_again_is_told_with_the_first_error(server: RestoreServer) -> None:
    server.messages = {
        "RESTORE DATABASE": MssqlError("no", 3257),
        "ALTER DATABASE [Octopus] SET ONLINE": MssqlError("Unable to open the file", 5120),
    } | {piece: answer for piece, answer in server.messages.items() if piece != "RESTORE DATABASE"}
    server.broken_state = "OFFLINE"  # refused before it overwrote anything
    message = restore(replace=True)["msg"]
    assert re.search("it failed: no.*Could not make Octopus available again \\(Unable to open the file\\).*SET ONLINE", message), message


def test_a_server_that_is_gone_altogether(server: RestoreServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_args: Any) -> RestoreServer:
        if server.logins:
            raise MssqlError("the control node cannot connect")
        return server.connect(*_args)

    monkeypatch.setattr(mssql_restore, "connect", gone)
    server.messages["RESTORE DATABASE"] = MssqlError("Communication link failure")
    message = restore(replace=True)["msg"]
    assert "Could not make Octopus available again (the control node cannot connect)" in message
    assert "Could not determine what exists now" in message


def test_a_lost_session_is_waited_for(server: RestoreServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its RESTORE is rolled back before the state is looked at."""
    server.messages["RESTORE DATABASE"] = MssqlError("Communication link failure")
    real, seen = server.query, []

    def query(sql: str, *params: Any) -> list[dict[str, Any]]:
        if "FROM sys.dm_exec_requests WHERE session_id" in sql:
            assert params == (55,)
            seen.append(sql)
            return [{"command": "RESTORE DATABASE"}] if len(seen) < 3 else []
        return real(sql, *params)

    monkeypatch.setattr(server, "query", query)
    assert restore(replace=True)["failed"]
    assert len(seen) == 3


# -- keeping


def test_what_is_there_is_renamed_once(server: RestoreServer) -> None:
    result = restore(keep_as="kept")
    assert not result.get("failed"), result
    assert server.ran[1:3] == [
        "ALTER DATABASE [Octopus] SET SINGLE_USER WITH ROLLBACK IMMEDIATE; ALTER DATABASE [Octopus] MODIFY NAME = [kept]",
        "ALTER DATABASE [kept] SET MULTI_USER",
    ]
    assert (result["kept_as"], result["replaced"]) == ("kept", False)
    assert server.databases["kept"]["user_access_desc"] == "MULTI_USER"
    server.ran.clear()
    assert restore(keep_as="kept")["replaced"]
    assert not [sql for sql in server.ran if "MODIFY NAME" in sql]


def test_a_kept_database_left_for_one_user_is_available_again(server: RestoreServer) -> None:
    server.databases = {"kept": ROW | {"name": "kept", "user_access_desc": "SINGLE_USER"}}
    assert not restore(keep_as="KEPT", verify=False).get("failed")
    assert server.ran[0] == "ALTER DATABASE [kept] SET MULTI_USER"


@pytest.mark.parametrize(
    ("databases", "recorded", "wanted"),
    [
        ({"octopus": {"state_desc": "RECOVERING"}}, [UUID], "still recovering it.*Wait until that has ended"),
        ({"octopus": {"state_desc": "RESTORING"}}, ["22222222"], "dba has restored the backup set 22222222.*WITH RECOVERY"),
        ({"octopus": {"state_desc": "RESTORING"}, "kept": {}}, [None], "has restored the backup set AN UNKNOWN ONE.*DROP DATABASE"),
        ({"octopus": {}, "kept": {}}, ["22222222"], "restored last from the backup set 22222222.*Name another keep_as"),
        ({"octopus": {}, "kept": {}}, [], "never restored according to msdb"),
        ({"octopus": {"replica_id": "x"}}, [], "availability group.*REMOVE DATABASE \\[Octopus\\]"),
        ({"kept": {"mirroring_guid": "x"}}, [], "mirrored.*SET PARTNER OFF"),
    ],
)
def test_what_is_not_ours(server: RestoreServer, databases: dict[str, dict[str, Any]], recorded: list[str | None], wanted: str) -> None:
    server.databases = {name: ROW | {"name": name.title()} | changes for name, changes in databases.items()}
    server.recorded = recorded
    assert re.search(wanted, restore(keep_as="kept")["msg"])
    assert not server.ran


def test_a_rename_that_fails_leaves_the_database_available(server: RestoreServer) -> None:
    both = "ALTER DATABASE [Octopus] SET SINGLE_USER WITH ROLLBACK IMMEDIATE; ALTER DATABASE [Octopus] MODIFY NAME = [kept]"
    server.databases["octopus"]["user_access_desc"] = "SINGLE_USER"
    server.messages = {both: MssqlError("no", 1468)} | server.messages
    assert "no (SQL Server error 1468). The database is mirrored" in restore(keep_as="kept")["msg"]
    assert server.databases["octopus"]["user_access_desc"] == "MULTI_USER"
    assert not [sql for sql in server.ran if sql.startswith("RESTORE DATABASE")]


def test_what_excludes_each_other(server: RestoreServer) -> None:
    assert "mutually exclusive" in restore(url=["https://x/y"])["msg"]
    assert "mutually exclusive" in restore(position=1, backup_set_uuid="x")["msg"]
    assert "exclude each other" in restore(replace=True, keep_as="kept")["msg"]
    assert "up to 140" in restore(replace=True, compatibility_level=150)["msg"]


# -- a database that cannot be opened, or is missing

SET_OFFLINE, DROP = "ALTER DATABASE [Octopus] SET OFFLINE WITH ROLLBACK IMMEDIATE", "DROP DATABASE [Octopus]"


@pytest.mark.parametrize("state", ["SUSPECT", "RECOVERY_PENDING", "EMERGENCY", "OFFLINE"])
def test_what_cannot_be_renamed_leaves_its_files(server: RestoreServer, state: str) -> None:
    server.databases["octopus"]["state_desc"] = state
    outlook = restore(check_mode=True, keep_as="kept")
    assert not server.ran
    result = restore(keep_as="kept")
    assert not result.get("failed"), result
    removal = [DROP] if state == "OFFLINE" else [SET_OFFLINE, DROP]
    assert server.ran[1 : len(removal) + 1] == removal == outlook["sql"][1 : len(removal) + 1]
    assert "RESTORE DATABASE [Octopus]" in server.ran[len(removal) + 1] and "REPLACE" not in server.ran[len(removal) + 1]
    assert (result["found"], result["kept_as"], result["replaced"]) == (state, None, False)
    assert result["kept_files"] == ["E:\\Data\\Octopus.mdf", "F:\\Log\\Octopus_log.ldf"] == outlook["kept_files"]


def test_nothing_is_removed_that_is_not_offline(server: RestoreServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """DROP DATABASE would delete its files."""
    server.databases["octopus"]["state_desc"] = "SUSPECT"
    monkeypatch.setattr(server, "_changes", lambda *_args, **_kw: None)
    assert "Octopus to be OFFLINE before it is removed, so that its files stay, but it is SUSPECT" in restore(keep_as="kept")["msg"]
    server.messages = {SET_OFFLINE: MssqlError("cannot be opened", 926)} | server.messages
    assert "If nobody needs them, run DROP DATABASE [Octopus] by hand, and then this again" in restore(keep_as="kept")["msg"]
    assert DROP not in server.ran


def test_a_missing_database_is_restored(server: RestoreServer) -> None:
    server.databases = {}
    result = restore(keep_as="kept")
    assert (result.get("failed"), result["found"], result["kept_as"], result["kept_files"]) == (None, None, None, [])


def test_a_failure_after_the_removal_names_the_files(server: RestoreServer) -> None:
    server.databases["octopus"]["state_desc"] = "SUSPECT"
    server.messages = {"RESTORE DATABASE": MssqlError("killed", 596)} | {
        k: v for k, v in server.messages.items() if k != "RESTORE DATABASE"
    }
    message = restore(keep_as="kept")["msg"]
    assert "Octopus is RESTORING and cannot be used: run this again" in message
    assert "E:\\Data\\Octopus.mdf, F:\\Log\\Octopus_log.ldf, are left on the disk" in message


@pytest.mark.parametrize("recorded", [[], [UUID]])
def test_what_an_interrupted_restore_has_left_is_restored_again(server: RestoreServer, recorded: list[str | None]) -> None:
    server.databases["octopus"]["state_desc"] = "RESTORING"
    server.recorded = recorded
    result = restore(check_mode=True, keep_as="kept")
    assert (result.get("failed"), result["found"], result["replaced"]) == (None, "RESTORING", True)


def test_a_tail_of_the_log_that_was_backed_up_is_somebodys(server: RestoreServer) -> None:
    server.databases["octopus"]["state_desc"] = "RESTORING"
    server.recorded = []
    server.answers["s.type = 'L'"] = [{"who": "dba"}]
    assert re.search("its log was backed up by dba.*RESTORE DATABASE \\[Octopus\\] WITH RECOVERY", restore(keep_as="kept")["msg"])
    assert not server.ran


def test_what_is_being_undone_is_waited_for_before_anything_is_changed(server: RestoreServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The statement itself would wait for it without end, and KILL would do nothing."""
    real, seen = server.query, []

    def query(sql: str, *params: Any) -> list[dict[str, Any]]:
        if "'%ROLLBACK%'" in sql and len(seen) < 3:
            seen.append(sql)
            assert not [one for one in server.ran if one.startswith("ALTER")]
            numbers = {"percent_complete": 10.0 * len(seen), "estimated_completion_time": 1000, "cpu_time": 1, "reads": 1}
            return [{"session_id": 60, "command": "KILLED/ROLLBACK", "writes": 1, "logical_reads": 1, **numbers}]
        return real(sql, *params)

    monkeypatch.setattr(server, "query", query)
    monkeypatch.setattr(undo, "FIRST_PAUSE", 0)
    shown: list[str] = []
    with progress.listening(shown.append):
        assert not restore(keep_as="kept").get("failed")
    assert next(line for line in shown if "undo" in line).endswith("session 60 (KILLED/ROLLBACK), 10.0 percent, about 1 s left")
    assert not [one for one in server.ran if one.startswith("KILL")]
