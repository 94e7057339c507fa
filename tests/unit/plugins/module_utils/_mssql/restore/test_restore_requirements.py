# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read of rights, surroundings and room, and what is unknown where SQL Server does not say. The lab's server is asked in tests/scenarios."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore import requirements
from ansible_collections.octopus.upgrade.tests.unit.plugins.modules.restore_server import RestoreServer
from ansible_collections.octopus.upgrade.tests.unit.plugins.modules.sql_server import SERVER

AROUND = {
    "state_desc": "ONLINE",
    "user_access_desc": "MULTI_USER",
    "is_read_only": False,
    "is_in_standby": False,
    "recovery_model_desc": "FULL",
    "collation_name": "Latin1_General_CI_AS",
    "containment_desc": "NONE",
    "is_encrypted": False,
    "is_cdc_enabled": False,
    "is_published": False,
    "is_merge_published": True,
    "is_subscribed": False,
    "is_distributor": True,
}


@pytest.fixture
def server() -> RestoreServer:
    found = RestoreServer()
    found.answers = {
        "'rdsadmin'": [{"id": None}],
        "SELECT state_desc": [AROUND],
        "FROM sys.database_files WHERE type NOT IN": [],
        "log_shipping_primary": [],
        "log_shipping_secondary": [{"name": "Octopus"}],
        "IS_SRVROLEMEMBER('sysadmin', ?)": [{"boss": 1}],
        "msdb.dbo.backupmediafamily": [{"newest": 1}],
        **found.answers,
    }
    return found


def read(server: Any) -> dict[str, Any]:
    return requirements.read(server, "Octopus")


def test_all_of_it(server: RestoreServer) -> None:
    found = read(server)
    assert found["platform"] == ""
    assert set(found["rights"].values()) == {True, "me", "sa"}
    around = found["surroundings"]
    assert (around["replication"], around["log_shipping"]) == (["publisher", "distributor"], ["secondary"])
    assert (around["mirrored"], around["snapshots"]) == (False, [])
    assert found["room"]["needed"] == {"E:\\": 12800 * 8192, "F:\\": 1024 * 8192}


@pytest.mark.parametrize(("edition", "platform"), [(5, "Azure SQL Database"), (8, "Azure SQL Managed Instance")])
def test_of_a_managed_platform_nothing_more_is_read(server: RestoreServer, edition: int, platform: str) -> None:
    server.answers["SERVERPROPERTY('ServerName')"] = [{**SERVER, "engine_edition": edition}]
    assert read(server) == {"platform": platform, "rights": None, "surroundings": None, "room": None}


def test_what_the_login_may_not_see_is_unknown(server: RestoreServer) -> None:
    denied = MssqlError("The SELECT permission was denied on the object", 229)
    server.answers |= {
        "HAS_PERMS_BY_NAME(": [{"may": 0}],
        "log_shipping_secondary": denied,
        "MAX(restore_history_id)": denied,
        "dm_os_volume_stats": MssqlError("VIEW SERVER STATE permission was denied", 300),
        "xp_fixeddrives": [],
    }
    found = read(server)
    around = found["surroundings"]
    assert (around["mirrored"], around["snapshots"], around["log_shipping"]) == (None, None, None)
    assert (found["rights"]["read_history"], found["rights"]["create_databases"]) == (False, False)
    assert found["room"]["unknown"] == ["E:\\Data\\Octopus_2.mdf", "F:\\Log\\Octopus_log.ldf"]


def test_another_error_is_no_answer(server: RestoreServer) -> None:
    server.answers["log_shipping_primary"] = MssqlError("The connection is lost", None)
    with pytest.raises(MssqlError, match="lost"):
        read(server)
