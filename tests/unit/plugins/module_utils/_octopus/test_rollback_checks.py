# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Situations of a database and its SQL Server, and the check that refuses the upgrade of each before any user notices."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import plan, rollback_checks
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.check import Check
from ansible_collections.octopus.upgrade.tests.unit.plugins.module_utils._octopus.rollback_facts import STANDALONE
from ansible_collections.octopus.upgrade.tests.unit.plugins.module_utils._octopus.test_plan import GOOD, failing
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

TARGET = "2026.2.9853"


def database(path: str = "", value: Any = None) -> dict[str, Any]:
    """A good database with the value at a path like ``surroundings/cdc`` replaced."""
    found = {**copy.deepcopy(GOOD["database"]), "rollback": copy.deepcopy(STANDALONE)}
    *parts, last = ["rollback", *path.split("/")] if path else ["server"]
    place: Any = found
    for part in parts:
        place = place[part]
    place[last] = value if path else "sql01"
    return found


def checks(facts: dict[str, Any], waivers: tuple[str, ...] = (), **more: Any) -> list[Check]:
    given = {**copy.deepcopy(GOOD), "database": facts, "rehearsal": {"rehearsals": [], "outlook": None}, **more}
    return plan.checks(plan.Facts(**given), TARGET, [TARGET], waivers)


# The situation, the check that refuses it, whether that is certain, and what its message tells to do.
SITUATIONS = [
    ("platform", "Azure SQL Managed Instance", "rollback_possible", False, "point-in-time restore"),
    ("platform", "Amazon RDS", "rollback_possible", False, "Move the database"),
    ("surroundings", None, "rollback_possible", None, "Check it yourself"),
    ("surroundings/availability_group", True, "rollback_possible", False, "ALTER AVAILABILITY GROUP ... REMOVE DATABASE [Octopus]"),
    ("surroundings/mirrored", True, "rollback_possible", False, "ALTER DATABASE [Octopus] SET PARTNER OFF"),
    ("surroundings/mirrored", None, "rollback_possible", None, "GRANT VIEW ANY DATABASE"),
    ("surroundings/replication", ["publisher"], "rollback_possible", False, "sp_removedbreplication"),
    ("surroundings/log_shipping", ["secondary"], "rollback_possible", False, "sp_delete_log_shipping_primary_secondary"),
    ("surroundings/log_shipping", None, "rollback_possible", None, "db_datareader"),
    ("surroundings/snapshots", ["before [it]"], "rollback_possible", False, "DROP DATABASE [before [it]]]"),
    ("surroundings/snapshots", None, "rollback_possible", None, "GRANT VIEW ANY DATABASE"),
    ("surroundings/special_files", ["D:\\FS"], "rollback_possible", False, "Remove them"),
    ("surroundings/log_shipping", ["primary"], "rollback_complete", False, "initialize the secondaries again"),
    ("surroundings/cdc", True, "rollback_complete", False, "sp_cdc_disable_db"),
    ("surroundings/user_access", "RESTRICTED_USER", "rollback_complete", False, "SET MULTI_USER"),
    ("surroundings/read_only", True, "database_writable", False, "SET READ_WRITE"),
    ("surroundings/in_standby", True, "database_writable", False, "SET READ_WRITE"),
    ("surroundings/state", "SUSPECT", "database_writable", False, "Bring it online"),
    ("rights", None, "may_restore", None, "Check it yourself"),
    ("rights/remove", False, "may_restore", False, "ALTER SERVER ROLE dbcreator ADD MEMBER [octopus_upgrade]"),
    ("rights/create_databases", False, "may_restore", False, "ALTER SERVER ROLE dbcreator ADD MEMBER [octopus_upgrade]"),
    ("rights/create_databases", None, "may_restore", None, "ALTER SERVER ROLE dbcreator ADD MEMBER [octopus_upgrade]"),
    ("rights/rename", False, "may_restore", False, "ALTER SERVER ROLE dbcreator ADD MEMBER [octopus_upgrade]"),
    ("rights/back_up", False, "may_restore", False, "USE [Octopus]; CREATE USER [octopus_upgrade]"),
    ("rights/read_history", False, "may_restore", False, "USE [msdb]; CREATE USER [octopus_upgrade]"),
    ("rights/return_owner", False, "may_restore", False, "GRANT IMPERSONATE ON LOGIN::[sa] TO [octopus_upgrade]"),
    ("room", None, "space_for_rollback", None, "octopus_rollback_keeps: false"),
    ("room/files", [], "space_for_rollback", None, "octopus_rollback_keeps: false"),
    ("room/unknown", ["D:\\Octopus.mdf"], "space_for_rollback", None, "octopus_rollback_keeps: false"),
    ("room/problem", "no folder", "space_for_rollback", None, "octopus_rollback_keeps: false"),
    ("room/free", {"D:\\": 1999, "L:\\": 10000}, "space_for_rollback", False, "octopus_rollback_keeps: false"),
    ("room/free", {"D:\\": 10000, "L:\\": 799}, "space_for_rollback", False, "octopus_rollback_keeps: false"),
]


def test_a_database_that_can_be_restored_has_no_blocker() -> None:
    assert failing(checks(database())) == []


@pytest.mark.parametrize(("path", "value", "name", "ok", "todo"), SITUATIONS)
def test_what_a_rollback_would_meet_is_refused_by_its_name(path: str, value: Any, name: str, ok: bool | None, todo: str) -> None:
    found = checks(database(path, value))
    blockers = [check for check in found if check.blocks]
    assert name in {check.name for check in blockers}
    assert any(check.ok is ok and todo in check.sentence() for check in blockers if check.name == name)


@pytest.mark.parametrize(("path", "value", "name", "ok", "todo"), SITUATIONS)
def test_each_is_waived_by_its_name_and_said(path: str, value: Any, name: str, ok: bool | None, todo: str) -> None:
    found = checks(database(path, value), (*rollback_checks.NAMES, "space_for_rollback"))
    assert failing(found) == []
    assert name in {check.name for check in found if check.waived}


def test_room_and_rights_are_those_of_how_the_rollback_restores() -> None:
    facts = database("room/free", {"D:\\": 0, "L:\\": 0})
    facts["rollback"]["rights"] |= {"rename": False, "overwrite": True}
    assert failing(checks(facts, rollback_keeps=False)) == []
    facts["rollback"]["rights"] |= {"rename": True, "overwrite": False}
    assert failing(checks(facts, rollback_keeps=False)) == ["may_restore"]


def test_the_growth_of_a_rehearsal_counts_instead_of_the_assumption() -> None:
    facts = database("room/free", {"D:\\": 1600, "L:\\": 400})
    assert failing(checks(facts)) == ["space_for_rollback"]
    outlook = {"succeeded": True, "growth": {"data_bytes": 60, "log_bytes": 40}, "age_days": 1}
    assert (
        failing(
            checks(facts, rehearsal={"rehearsals": [], "outlook": {**outlook, "verdict": "upgraded", "clone": "c", "outage_seconds": 1}})
        )
        == []
    )


def test_half_a_measured_growth_does_not_count_as_none() -> None:
    facts = database("room/free", {"D:\\": 1600, "L:\\": 400})
    outlook = {"succeeded": True, "growth": {"data_bytes": 60}, "age_days": 1, "verdict": "upgraded", "clone": "c", "outage_seconds": 1}
    assert failing(checks(facts, rehearsal={"rehearsals": [], "outlook": outlook})) == ["space_for_rollback"]


def test_a_share_that_neither_sql_server_nor_a_job_measures_is_unknown() -> None:
    for rehearsal, expected in (
        ({"rehearsals": [], "outlook": None, "free_bytes": None}, ["space_for_backup"]),
        ({"rehearsals": [], "outlook": None, "free_bytes": 10}, ["space_for_backup"]),
        ({"rehearsals": [], "outlook": None, "free_bytes": 1000}, []),
        ({"skipped": True}, []),  # no job looks in check mode
        (None, []),  # not asked yet
    ):
        found = checks(database(), backup={"estimated_bytes": 1000, "paths": ["\\\\nas\\x.bak"]}, rehearsal=rehearsal)
        assert failing(found) == expected


def test_nothing_is_asked_where_there_is_nothing_to_upgrade() -> None:
    facts = {**copy.deepcopy(GOOD), "database": database("surroundings/availability_group", True)}
    assert failing(plan.checks(plan.Facts(**facts), "2020.5.7", [])) == []


def test_a_waived_impossible_rollback_is_returned_so_that_no_failure_starts_one() -> None:
    given = {name: GOOD[name] for name in ("instance", "nodes", "server", "hosts", "packages", "backup")}
    facts = database("surroundings/availability_group", True)
    refused = run_module("octopus_plan", **given, path_rows_off=["dataversion"], database=facts, version=TARGET)
    assert refused["failed"] and refused["rollback_possible"] is False
    waived = run_module(
        "octopus_plan", **given, path_rows_off=["dataversion"], database=facts, version=TARGET, waivers=["rollback_possible"]
    )
    assert not waived.get("failed") and waived["rollback_possible"] is False
    assert any(line.startswith("    waived   rollback_possible") for line in waived["lines"])
    assert (
        run_module("octopus_plan", **given, path_rows_off=["dataversion"], database=database(), version=TARGET)["rollback_possible"] is True
    )


def test_encryption_is_said_and_does_not_block() -> None:
    facts = database("surroundings/encrypted", True)
    assert failing(checks(facts)) == []
    assert any("TDE" in line for line in rollback_checks.lines(facts))
    assert rollback_checks.lines(database()) == []
