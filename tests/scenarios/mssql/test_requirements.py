# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore of a database would need, as SQL Server itself says it to a login with many rights and with few."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore import requirements
from lab.sql import msdb
from lab.sql.database import Database
from scenarios.mssql.conftest import GIGABYTE, PASSWORD, World

LEAST = "octopus_upgrade"


def read(world: World, user: str = "backup") -> dict[str, Any]:
    login = world.login
    options = SqlOptions(login["login_host"], 1433, user, PASSWORD, driver=login["driver"], ca_path=login["ca_path"])
    with connect(options, "Octopus") as connection:
        return requirements.read(connection, "Octopus")


@pytest.fixture
def octopus(world: World) -> Database:
    return world.database("Octopus")


def least(world: World, octopus: Database) -> None:
    """The login of the guide's script: dbcreator and VIEW SERVER STATE, db_backupoperator and db_datareader, db_datareader in msdb."""
    login = world.sql.add_login(LEAST, PASSWORD, roles={"dbcreator"})
    login.permissions.add("VIEW SERVER STATE")
    octopus.add_user(LEAST, {"db_backupoperator", "db_datareader"})
    world.sql.databases["msdb"].add_user(LEAST, {"db_datareader"})


def test_the_login_of_the_guide_may_do_all_that_a_rollback_does(world: World, octopus: Database) -> None:
    least(world, octopus)
    rights = read(world, LEAST)["rights"]
    assert [name for name, value in rights.items() if value is False] == []
    assert (rights["login"], rights["owner"]) == (LEAST, "sa")


def test_an_owner_of_the_database_alone_may_not_restore(world: World, octopus: Database) -> None:
    world.sql.add_login(LEAST, PASSWORD)
    octopus.add_user(LEAST, {"db_owner"})
    world.sql.add_login("octopus_app", PASSWORD)
    octopus.owner = "octopus_app"
    found = read(world, LEAST)
    lacking = [name for name, value in found["rights"].items() if value is False]
    assert lacking == ["create_databases", "overwrite", "remove", "read_history", "see_sessions", "return_owner"]
    assert found["surroundings"]["log_shipping"] is None
    assert found["room"]["files"] == [] or found["room"]["unknown"]


def test_room_is_for_whole_files_and_not_for_what_is_used(world: World, octopus: Database) -> None:
    octopus.preallocated = {1: 8 * GIGABYTE, 2: 3 * GIGABYTE}
    room = read(world)["room"]
    assert sum(room["needed"].values()) == 11 * GIGABYTE
    assert set(room["free"]) == set(room["needed"])
    assert (room["unknown"], room["problem"]) == ([], "")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda sql, db: setattr(db, "group", "AG1"), {"availability_group": True, "group": None}),  # one that the views do not have
        (lambda sql, db: setattr(db, "mirrored", True), {"mirrored": True}),
        (lambda sql, db: db.catalog.update(is_published=1), {"replication": ["publisher"]}),
        (lambda sql, db: db.catalog.update(is_cdc_enabled=1), {"cdc": True}),
        (lambda sql, db: db.catalog.update(delayed_durability_desc="FORCED"), {"delayed_durability": "FORCED"}),
        (lambda sql, db: db.catalog.update(containment_desc="PARTIAL"), {"containment": "PARTIAL"}),
        (lambda sql, db: setattr(db, "read_only", True), {"read_only": True}),
        (lambda sql, db: db.special_files.append("D:\\FileStream"), {"special_files": ["D:\\FileStream"]}),
        (lambda sql, db: setattr(db, "encrypted_by", "TdeCert"), {"encrypted": True}),
        (
            lambda sql, db: msdb.add(sql.databases["msdb"], "log_shipping_primary_databases", {"primary_database": "Octopus"}),
            {"log_shipping": ["primary"]},
        ),
        (
            lambda sql, db: msdb.add(sql.databases["msdb"], "log_shipping_secondary_databases", {"secondary_database": "Octopus"}),
            {"log_shipping": ["secondary"]},
        ),
    ],
)
def test_what_the_database_is_part_of(
    world: World, octopus: Database, change: Callable[[Any, Database], object], expected: dict[str, Any]
) -> None:
    before = read(world)["surroundings"]
    change(world.sql, octopus)
    after = read(world)["surroundings"]
    assert {name: value for name, value in after.items() if before[name] != value} == expected


def test_a_snapshot_is_named(world: World, octopus: Database) -> None:
    world.module("mssql_snapshot", database="Octopus", name="before", state="present")
    assert read(world)["surroundings"]["snapshots"] == ["before"]


def test_of_a_managed_platform_nothing_more_is_read(world: World, octopus: Database) -> None:
    world.sql.create_database("rdsadmin")
    assert read(world) == {"platform": "Amazon RDS", "rights": None, "surroundings": None, "room": None}


def test_delayed_transactions_are_flushed_before_a_backup(world: World, octopus: Database) -> None:
    octopus.catalog["delayed_durability_desc"] = "ALLOWED"
    assert not world.backup().get("failed")
    statements = [str(event["sql"]) for event in world.ledger.events("sql")]
    assert any("EXEC [Octopus].sys.sp_flush_log" in sql for sql in statements)


def test_a_login_that_cannot_verify_a_backup_is_refused_before_it(world: World, octopus: Database) -> None:
    world.sql.add_login(LEAST, PASSWORD).permissions.add("VIEW SERVER STATE")
    octopus.add_user(LEAST, {"db_owner"})
    world.sql.databases["msdb"].add_user(LEAST, {"db_datareader"})
    result = world.backup(login_user=LEAST)
    assert "server role dbcreator" in result["msg"]
    assert world.backups("start") == []
