# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module makes of each thing that SQL Server can say. The lab's SQL Server, with real rows, is in tests/scenarios."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import Message
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, MssqlTimeout
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore import exclusive
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore import restore as library
from ansible_collections.octopus.upgrade.plugins.modules import mssql_restore
from ansible_collections.octopus.upgrade.tests.unit.plugins.modules.sql_server import FILES, HEADER, LABEL, SERVER, VALID, SqlServer
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

pytest.importorskip("pyodbc")
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


class Server(SqlServer):
    """One on which databases are taken offline, renamed and restored."""

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
            "SELECT SUSER_SNAME()": [{"me": "me"}],
            "IS_SRVROLEMEMBER('sysadmin') AS boss, IS_SRVROLEMEMBER": [{"boss": 1, "maker": 1, "me": "me"}],
            "'IMPERSONATE'": [{"there": 1, "me": "me", "boss": 1, "may": 1}],
            "source_database_id = ?": [],
            "WHERE database_id = DB_ID(?)": [
                {"file_id": 1, "type": 0, "physical_name": "E:\\Data\\Octopus.mdf", "pages": 12800},
                {"file_id": 2, "type": 1, "physical_name": "F:\\Log\\Octopus_log.ldf", "pages": 1024},
            ],
            "SELECT physical_name FROM sys.master_files": [{"physical_name": "E:\\Data\\Octopus.mdf"}],
            "dm_os_file_exists": [{"file_exists": 0, "file_is_a_directory": 0, "parent_directory_exists": 1}],
            "dm_os_volume_stats": [{"name": "E:\\", "free": 10**12}, {"name": "F:\\", "free": 10**12}],
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
            return [{"backup_set_uuid": one and one.lower()} for one in self.recorded]
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


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    found = Server()
    monkeypatch.setattr(mssql_restore, "connect", found.connect)
    monkeypatch.setattr(exclusive, "PAUSE", 0)
    monkeypatch.setattr(library, "PAUSE", 0)
    return found


def restore(check_mode: bool = False, **params: Any) -> dict[str, Any]:
    given = {"login_host": "sql01", "login_user": "me", "login_password": "secret", "database": "octopus", "path": ["D:\\a.bak"]}
    return run_module("mssql_restore", check_mode, **(given | params))


def test_a_restore_is_a_change_with_its_proof(server: Server, tmp_path: Path) -> None:
    progress = tmp_path / "progress"
    result = restore(replace=True, checkdb=True, compatibility_level=130, progress_file=str(progress))
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
    assert [json.loads(line) for line in progress.read_text().splitlines()] == [
        {"message": "Restoring Octopus", "percent": 50.0},
        {"message": "Checking Octopus"},
    ]
    assert "secret" not in json.dumps({name: value for name, value in result.items() if name != "invocation"})


def test_check_mode_runs_nothing(server: Server) -> None:
    result = restore(check_mode=True, replace=True)
    assert result["changed"]
    assert result["sql"] == [VERIFY, OFFLINE, RESTORE, "ALTER AUTHORIZATION ON DATABASE::[Octopus] TO [sa]"]
    assert not server.ran


GONE = Message(10054, "TCP Provider: Error code 0x2746")


@pytest.mark.parametrize(
    ("answers", "messages", "wanted"),
    [
        ({}, {"RESTORE DATABASE": DONE[:2]}, "message 3014.*only \\[3211, 4035\\].*Octopus is ONLINE"),
        ({}, {"RESTORE DATABASE": [*DONE[:1], GONE]}, "ended the session while it ran \\(TCP Provider"),
        (
            {},
            {"RESTORE DATABASE": MssqlError("Communication link failure")},
            "ended the session.*Octopus is RESTORING and cannot be used: run this again",
        ),
        ({}, {"RESTORE DATABASE": MssqlError("killed", 596)}, "ended the session"),
        (
            {},
            {"RESTORE DATABASE": MssqlTimeout("cancelled")},
            "within 9 s.*cancelled then.*RESTORING and cannot be used: run this again with replace: true, or drop it",
        ),
        ({}, {"RESTORE DATABASE": MssqlError("an error on page (0:0)", 3183)}, "Found: an error on page.*damaged; take another"),
        ({}, {"RESTORE DATABASE": MssqlError("Read on 'x' failed: 38(end)", 3203)}, "the file ends early"),
        ({}, {"RESTORE VERIFYONLY": []}, "message 3262.*Treat it as no backup"),
        ({}, {"RESTORE VERIFYONLY": MssqlError("damaged", 3189)}, "Treat it as no backup"),
        ({}, {"RESTORE VERIFYONLY": MssqlTimeout("cancelled")}, "verified within 9 s.*Nothing was changed"),
        (
            {},
            {"DBCC": MssqlError("Table error: page (1:3)", 8939)},
            "Found: it is restored, and DBCC CHECKDB says: Table error: page.*Do not use it",
        ),
        ({}, {"DBCC": []}, "message 8989"),
        ({}, {"DBCC": MssqlTimeout("cancelled")}, "checked in time.*it is restored; DBCC CHECKDB was cancelled"),
        (
            {},
            {"ALTER AUTHORIZATION": MssqlError("is already a user", 15110), "ALTER": []},
            "owner sa set. Found: it is restored and online, but is already a user.*Drop that user",
        ),
        ({"RESTORE LABELONLY": [LABEL | {"FamilyCount": 2}]}, {}, "stripe 2 is missing"),
        ({"RESTORE HEADERONLY": [HEADER | {"SoftwareVersionMajor": 15}]}, {}, "15.0.3456.*newer ones"),
        ({"RESTORE HEADERONLY": [HEADER | {"DatabaseVersion": 904}]}, {}, "internal version 904, here 869"),
        ({"RESTORE HEADERONLY": [HEADER | {"IsDamaged": True}]}, {}, "damaged already"),
        ({"SERVERPROPERTY('ServerName')": [SERVER | {"engine_edition": 8, "edition": "SQL Azure"}]}, {}, "SQL Azure.*platform's own"),
        ({"MAX(restore_history_id)": MssqlError("SELECT permission denied", 229)}, {}, "me cannot read it.*db_datareader"),
        ({"HAS_PERMS_BY_NAME(": [{"may": 0}]}, {}, "the login me may not.*dbcreator"),
        (
            {"IS_SRVROLEMEMBER('sysadmin') AS boss, IS_SRVROLEMEMBER": [{"boss": 0, "maker": 0, "me": "me"}]},
            {},
            "db_owner in it is not enough.*make it the owner",
        ),
        (
            {"dm_os_volume_stats": [{"name": "E:\\", "free": 0}, {"name": "F:\\", "free": 0}], "WHERE database_id = DB_ID(?)": []},
            {},
            "bytes free on",
        ),
        ({"source_database_id = ?": [{"name": "snap"}]}, {}, "snap.*drop them"),
    ],
)
def test_what_goes_wrong_says_what_to_do(server: Server, answers: dict[str, Any], messages: dict[str, Any], wanted: str) -> None:
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


def test_a_cancel_that_crosses_the_end_of_the_restore_is_a_success(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    real = server.execute_drained

    def cancelled(sql: str, *rest: Any) -> list[Message]:
        messages = real(sql, *rest)
        if sql.startswith(("RESTORE", "DBCC")):
            raise MssqlTimeout("cancelled", messages)
        return messages

    monkeypatch.setattr(server, "execute_drained", cancelled)
    result = restore(replace=True, timeout=9, checkdb=True)
    assert not result.get("failed"), result


def test_a_restore_that_msdb_does_not_know_is_none(server: Server) -> None:
    server.recorded = ["11111111-1111-1111-1111-111111111111", None]
    assert re.search("restorehistory. Found: 11111111.*None", restore(replace=True)["msg"])
    server.recorded = []
    assert "Found: no row" in restore(replace=True)["msg"]


def test_a_restore_that_is_not_online_is_none(server: Server) -> None:
    server.restored_state = "RECOVERY_PENDING"
    assert "online after its restore. Found: RECOVERY_PENDING" in restore(replace=True)["msg"]


def test_users_are_given_to_logins_of_their_name(server: Server) -> None:
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
def test_an_owner_that_nobody_asked_for(server: Server, row: dict[str, int], owner: str | None, wanted: str) -> None:
    server.answers["'IMPERSONATE'"] = [server.answers["'IMPERSONATE'"][0] | row]
    ran = [sql for sql in restore(replace=True, owner=owner)["sql"] if "AUTHORIZATION" in sql]
    assert bool(ran) is (wanted == "sa")


@pytest.mark.parametrize(("row", "wanted"), [({"there": 0}, "has no such login"), ({"boss": 0, "may": 0}, "IMPERSONATE")])
def test_an_owner_that_cannot_be(server: Server, row: dict[str, int], wanted: str) -> None:
    server.answers["'IMPERSONATE'"] = [server.answers["'IMPERSONATE'"][0] | row]
    assert wanted in restore(replace=True, owner="boss")["msg"]
    assert not server.ran


# -- who is in the way


def test_somebody_who_is_always_faster_is_thrown_out(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    real, tries = server.execute_drained, []
    server.answers["dm_exec_sessions"] = [{"session_id": 60, "login_name": "app", "host_name": "web", "program_name": "Octopus"}]

    def busy(sql: str, *rest: Any) -> list[Message]:
        if "OFFLINE" in sql and len(tries) < 2:
            tries.append(sql)
            raise MssqlError("a user is currently connected to it", 5064)
        return real(sql, *rest)

    monkeypatch.setattr(server, "execute_drained", busy)
    assert not restore(replace=True).get("failed")
    assert server.ran.count("KILL 60") == 2


def test_somebody_who_cannot_be_thrown_out_is_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exclusive, "PATIENCE", 0)
    server.answers["dm_exec_sessions"] = [{"session_id": 60, "login_name": "app", "host_name": "web", "program_name": "Octopus"}]
    server.messages = {OFFLINE: MssqlError("a user is currently connected to it", 5064)} | server.messages
    result = restore(replace=True)
    assert "session 60, app from web (Octopus). Stop the clients of Octopus first" in result["msg"]
    assert not [sql for sql in server.ran if sql.startswith("RESTORE DATABASE")]


def test_the_restore_is_tried_again_where_somebody_was_faster(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert len(tries) == 2 + library.ATTEMPTS


def test_what_cannot_be_given_back_is_told_with_the_first_error(server: Server) -> None:
    server.messages = {
        "RESTORE DATABASE": MssqlError("no", 3257),
        "ALTER DATABASE [Octopus] SET ONLINE": MssqlError("Unable to open the file", 5120),
    } | {piece: answer for piece, answer in server.messages.items() if piece != "RESTORE DATABASE"}
    server.broken_state = "OFFLINE"  # refused before it overwrote anything
    message = restore(replace=True)["msg"]
    assert re.search("Found: no, on SQL Server.*could not be seen to \\(Unable to open the file\\).*SET ONLINE", message), message


def test_a_server_that_is_gone_altogether(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_args: Any) -> Server:
        if server.logins:
            raise MssqlError("the control node cannot connect")
        return server.connect(*_args)

    monkeypatch.setattr(mssql_restore, "connect", gone)
    server.messages["RESTORE DATABASE"] = MssqlError("Communication link failure")
    message = restore(replace=True)["msg"]
    assert "could not be seen to (the control node cannot connect)" in message
    assert "What is there now could not be looked at" in message


def test_a_lost_session_is_waited_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_what_is_there_is_renamed_once(server: Server) -> None:
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


def test_a_kept_database_left_for_one_user_is_given_back(server: Server) -> None:
    server.databases = {"kept": ROW | {"name": "kept", "user_access_desc": "SINGLE_USER"}}
    assert not restore(keep_as="KEPT", verify=False).get("failed")
    assert server.ran[0] == "ALTER DATABASE [kept] SET MULTI_USER"


@pytest.mark.parametrize(
    ("databases", "recorded", "wanted"),
    [
        ({}, [UUID], "Found: neither"),
        ({"octopus": {"state_desc": "OFFLINE"}}, [UUID], "Octopus online, to be kept as kept. Found: OFFLINE"),
        ({"octopus": {}, "kept": {}}, ["22222222"], "restored last from the backup set 22222222.*Name another keep_as"),
        ({"octopus": {}, "kept": {}}, [], "not restored by what msdb knows"),
        ({"octopus": {"replica_id": "x"}}, [], "availability group.*REMOVE DATABASE \\[Octopus\\]"),
        ({"kept": {"mirroring_guid": "x"}}, [], "mirrored.*SET PARTNER OFF"),
    ],
)
def test_what_is_not_ours(server: Server, databases: dict[str, dict[str, Any]], recorded: list[str | None], wanted: str) -> None:
    server.databases = {name: ROW | {"name": name.title()} | changes for name, changes in databases.items()}
    server.recorded = recorded
    assert re.search(wanted, restore(keep_as="kept")["msg"])
    assert not server.ran


def test_a_rename_that_fails_gives_the_database_back(server: Server) -> None:
    both = "ALTER DATABASE [Octopus] SET SINGLE_USER WITH ROLLBACK IMMEDIATE; ALTER DATABASE [Octopus] MODIFY NAME = [kept]"
    server.databases["octopus"]["user_access_desc"] = "SINGLE_USER"
    server.messages = {both: MssqlError("no", 1468)} | server.messages
    assert "no (SQL Server error 1468). The database is mirrored" in restore(keep_as="kept")["msg"]
    assert server.databases["octopus"]["user_access_desc"] == "MULTI_USER"
    assert not [sql for sql in server.ran if sql.startswith("RESTORE DATABASE")]


# -- verified and tested


def test_verified_changes_nothing(server: Server) -> None:
    result = restore(state="verified")
    assert (result["changed"], result["verified"]) == (False, True)
    assert server.ran == result["sql"] == ["RESTORE VERIFYONLY FROM DISK = N'D:\\a.bak' WITH FILE = 1, CHECKSUM, STATS = 5"]
    server.answers["RESTORE HEADERONLY"] = [HEADER | {"HasBackupChecksums": False}]
    assert "state: tested" in restore(state="verified")["msg"]


SCRATCH = "restore_test_0b52b6d86e0c4b3e9e436b0f6b0e7c11"


def test_tested_drops_what_it_restored(server: Server) -> None:
    result = restore(state="tested")
    assert not result.get("failed"), result
    assert (result["changed"], result["database"]) == (False, SCRATCH)
    assert set(server.databases) == {"octopus"}
    (ran,) = [sql for sql in server.ran if sql.startswith("RESTORE DATABASE")]
    assert "RESTRICTED_USER" in ran and "REPLACE" not in ran and f"E:\\Data\\{SCRATCH}.mdf" in ran
    assert server.ran[-1] == f"ALTER DATABASE [{SCRATCH}] SET SINGLE_USER WITH ROLLBACK IMMEDIATE; DROP DATABASE [{SCRATCH}]"


@pytest.mark.parametrize("broken", ["RESTORE DATABASE", "DBCC"])
def test_tested_drops_it_also_where_it_failed(server: Server, broken: str) -> None:
    server.messages[broken] = MssqlError("Table error", 8939)
    assert "Table error" in restore(state="tested")["msg"]
    assert set(server.databases) == {"octopus"}


def test_a_test_that_cannot_be_dropped_is_told(server: Server) -> None:
    server.messages = {f"ALTER DATABASE [{SCRATCH}] SET SINGLE_USER": MssqlError("denied", 3701)} | server.messages
    server.databases[SCRATCH] = ROW | {"name": SCRATCH, "state_desc": "RESTORING"}  # of a test that was killed
    assert f"could not be dropped (denied). Drop it: DROP DATABASE [{SCRATCH}]" in restore(state="tested")["msg"]
    server.messages["DBCC"] = MssqlError("Table error", 8939)
    both = restore(state="tested")["msg"]
    assert "Table error" in both and "could not be dropped" in both


def test_what_excludes_each_other(server: Server) -> None:
    assert "mutually exclusive" in restore(url=["https://x/y"])["msg"]
    assert "mutually exclusive" in restore(position=1, backup_set_uuid="x")["msg"]
    assert "only one of them" in restore(replace=True, keep_as="kept")["msg"]
    assert "none above 140" in restore(replace=True, compatibility_level=150)["msg"]
