# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup is read to its end; nothing else happens."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core import progress
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import Message
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.modules import mssql_backup_verify
from ansible_collections.octopus.upgrade.tests.unit.plugins.modules.restore_server import UUID, RestoreServer
from ansible_collections.octopus.upgrade.tests.unit.plugins.modules.sql_server import HEADER, VALID
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

pytest.importorskip("pyodbc")
SQL = "RESTORE VERIFYONLY FROM DISK = N'D:\\a.bak' WITH FILE = 1, CHECKSUM, STATS = 5"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> RestoreServer:
    found = RestoreServer()
    monkeypatch.setattr(mssql_backup_verify, "connect", found.connect)
    return found


def verify(check_mode: bool = False, **params: Any) -> dict[str, Any]:
    given = {"login_host": "sql01", "login_user": "me", "login_password": "secret", "database": "octopus", "path": ["D:\\a.bak"]}
    return run_module("mssql_backup_verify", check_mode, **(given | params))


@pytest.mark.parametrize("check_mode", [False, True])
def test_it_changes_nothing(server: RestoreServer, check_mode: bool) -> None:
    server.messages["RESTORE VERIFYONLY"] = [Message(3211, "50 percent processed."), *VALID]
    shown: list[str] = []
    with progress.listening(shown.append):
        result = verify(check_mode)
    assert (result["changed"], result["verified"], result["backup_set_uuid"]) == (False, True, UUID)
    assert server.ran == result["sql"] == [SQL]
    assert shown == ["Verifying the backup of Octopus: 10.0 MB of 20.0 MB (50 %)"]


def test_without_checksums_there_is_nothing_to_compare(server: RestoreServer) -> None:
    server.answers["RESTORE HEADERONLY"] = [HEADER | {"HasBackupChecksums": False}]
    assert "taken without any. Use mssql_restore_test" in verify()["msg"]
    assert not server.ran


def test_damage_fails_it(server: RestoreServer) -> None:
    server.messages["RESTORE VERIFYONLY"] = MssqlError("damaged", 3189)
    assert "Do not use it as a backup" in verify()["msg"]


def test_what_excludes_each_other(server: RestoreServer) -> None:
    assert "mutually exclusive" in verify(url=["https://x/y"])["msg"]
    assert "mutually exclusive" in verify(position=1, backup_set_uuid="x")["msg"]
    assert "one of path and url" in verify(path=[])["msg"]
