# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A test restore checks the database and drops it again, whatever happens."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import exclusive
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore import failure
from ansible_collections.octopus.upgrade.plugins.modules import mssql_restore_test
from ansible_collections.octopus.upgrade.tests.unit.plugins.modules.restore_server import ROW, RestoreServer
from ansible_collections.octopus.upgrade.tests.unit.plugins.modules.sql_server import HEADER
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

pytest.importorskip("pyodbc")
SCRATCH = "restore_test_0b52b6d86e0c4b3e9e436b0f6b0e7c11"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> RestoreServer:
    found = RestoreServer()
    monkeypatch.setattr(mssql_restore_test, "connect", found.connect)
    monkeypatch.setattr(exclusive, "PAUSE", 0)
    monkeypatch.setattr(failure, "PAUSE", 0)
    return found


def try_restore(check_mode: bool = False, **params: Any) -> dict[str, Any]:
    given = {"login_host": "sql01", "login_user": "me", "login_password": "secret", "database": "octopus", "path": ["D:\\a.bak"]}
    return run_module("mssql_restore_test", check_mode, **(given | params))


def test_it_drops_what_it_restored(server: RestoreServer) -> None:
    result = try_restore()
    assert not result.get("failed"), result
    assert (result["changed"], result["database"]) == (False, SCRATCH)
    assert set(server.databases) == {"octopus"}
    (ran,) = [sql for sql in server.ran if sql.startswith("RESTORE DATABASE")]
    assert "RESTRICTED_USER" in ran and "REPLACE" not in ran and f"E:\\Data\\{SCRATCH}.mdf" in ran
    assert server.ran[-1] == f"ALTER DATABASE [{SCRATCH}] SET SINGLE_USER WITH ROLLBACK IMMEDIATE; DROP DATABASE [{SCRATCH}]"


@pytest.mark.parametrize("broken", ["RESTORE DATABASE", "DBCC"])
def test_it_drops_it_also_where_it_failed(server: RestoreServer, broken: str) -> None:
    server.messages[broken] = MssqlError("Table error", 8939)
    assert "Table error" in try_restore()["msg"]
    assert set(server.databases) == {"octopus"}


def test_a_test_that_cannot_be_dropped_is_told(server: RestoreServer) -> None:
    server.messages = {f"ALTER DATABASE [{SCRATCH}] SET SINGLE_USER": MssqlError("denied", 3701)} | server.messages
    server.databases[SCRATCH] = ROW | {"name": SCRATCH, "state_desc": "RESTORING"}  # of a test that was killed
    assert (
        f"Could not drop the database {SCRATCH} of the test restore (denied). Drop it by hand: DROP DATABASE [{SCRATCH}]"
        in try_restore()["msg"]
    )
    server.messages["DBCC"] = MssqlError("Table error", 8939)
    both = try_restore()["msg"]
    assert "Table error" in both and "Could not drop" in both


def test_check_mode_runs_nothing(server: RestoreServer) -> None:
    result = try_restore(check_mode=True)
    assert (result["changed"], result["database"], server.ran) == (False, SCRATCH, [])
    assert [sql.split(" FROM ")[0] for sql in result["sql"]] == [
        "RESTORE VERIFYONLY",
        f"RESTORE DATABASE [{SCRATCH}]",
        f"DBCC CHECKDB (N'{SCRATCH}') WITH ALL_ERRORMSGS",
    ]
    assert "owner" not in result and "kept_as" not in result


def test_a_backup_without_checksums_is_checked_too(server: RestoreServer) -> None:
    server.answers["RESTORE HEADERONLY"] = [HEADER | {"HasBackupChecksums": False}]
    result = try_restore(verify=False)
    assert result["checkdb"]["clean"]
    assert "no checksums" in str(result["warnings"])
