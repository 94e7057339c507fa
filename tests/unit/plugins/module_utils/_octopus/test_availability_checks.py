# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database in an availability group, under each policy and each state of its group, and what the plan says of it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import plan, rollback_checks
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.check import Check
from ansible_collections.octopus.upgrade.tests.unit.plugins.module_utils._octopus.test_plan import facts
from ansible_collections.octopus.upgrade.tests.unit.plugins.module_utils._octopus.test_rollback_checks import checks, database

SECOND: dict[str, Any] = {
    "server": "SQL02",
    "seeding": "AUTOMATIC",
    "endpoint": "TCP://sql02.example.com:5022",
    "problem": "",
    "state": "ONLINE",
    "created": "2026-03-01T10:00:00",
    "grouped": True,
    "may_drop": True,
}
GROUP: dict[str, Any] = {
    "name": "AG1",
    "role": "PRIMARY",
    "primary": "SQL01",
    "may_alter": True,
    "distributed": "",
    "secondaries": [SECOND],
}


def grouped(change: dict[str, Any] | None = None, **second: Any) -> dict[str, Any]:
    found = database("surroundings/availability_group", True)
    found["rollback"]["surroundings"]["group"] = {**GROUP, "secondaries": [{**SECOND, **second}], **(change or {})}
    return found


def rejoining(found: dict[str, Any], *waivers: str) -> list[Check]:
    return [one for one in checks(found, waivers, availability_group="remove_and_rejoin") if one.blocks]


def test_a_group_that_can_be_left_and_joined_blocks_nothing_where_that_is_asked_for() -> None:
    assert rejoining(grouped()) == []
    assert rejoining(database()) == []
    (refused,) = [one for one in checks(grouped()) if one.blocks]
    assert (refused.name, refused.ok) == ("rollback_possible", False)
    assert "octopus_availability_group: remove_and_rejoin" in refused.todo


@pytest.mark.parametrize(
    ("change", "ok", "said"),
    [
        ({"role": "SECONDARY", "primary": ""}, False, "leads to the SECONDARY replica"),
        ({"role": "RESOLVING", "may_alter": None}, False, "leads to the RESOLVING replica"),
        ({"may_alter": False}, False, "GRANT ALTER ON AVAILABILITY GROUP::[AG1]"),
        ({"may_alter": None}, None, "does not see whether it may alter"),
        ({"distributed": "DAG"}, False, "part of the distributed one DAG"),
    ],
)
def test_a_group_that_cannot_be_left_is_refused(change: dict[str, Any], ok: bool | None, said: str) -> None:
    (found,) = rejoining(grouped(change))
    assert (found.name, found.ok) == ("rollback_possible", ok)
    assert said in found.sentence()


def test_a_group_that_the_login_does_not_see_is_unknown() -> None:
    hidden = database("surroundings/availability_group", True)
    hidden["rollback"]["surroundings"]["group"] = None
    (found,) = rejoining(hidden)
    assert (found.name, found.ok) == ("rollback_possible", None)
    assert "GRANT VIEW ANY DEFINITION" in found.todo
    assert plan.before(facts(database=hidden)).get("availability_group") is None


@pytest.mark.parametrize(
    ("second", "ok", "said"),
    [
        ({"seeding": "MANUAL", "state": None, "created": None}, False, "MODIFY REPLICA ON N'SQL02' WITH (SEEDING_MODE = AUTOMATIC)"),
        ({"problem": "Login failed", "state": None, "created": None}, None, "SQL02 could not be asked: Login failed"),
        ({"may_drop": False}, False, "may not drop the old copy on SQL02"),
    ],
)
def test_a_secondary_that_gets_no_copy_by_itself_has_a_check_that_can_be_waived(second: dict[str, Any], ok: bool | None, said: str) -> None:
    (found,) = rejoining(grouped(**second))
    assert (found.name, found.ok) == ("group_rejoinable", ok)
    assert said in found.sentence()
    assert "in service" in found.todo
    assert rejoining(grouped(**second), "group_rejoinable") == []
    assert rollback_checks.is_possible(checks(grouped(**second), availability_group="remove_and_rejoin"))


def test_a_group_whose_commits_wait_for_secondaries_has_the_same_check() -> None:
    (found,) = rejoining(grouped({"commits_need": 1}))
    assert (found.name, found.ok) == ("group_rejoinable", False)
    assert "REQUIRED_SYNCHRONIZED_SECONDARIES_TO_COMMIT = 1" in found.sentence()


def test_the_manifest_has_the_group_and_by_what_its_copies_are_recognized() -> None:
    before = plan.before(facts(database=grouped()))
    assert before["availability_group"] == {"name": "AG1", "copies": {"SQL02": "2026-03-01T10:00:00"}}
    assert plan.before(facts(database=grouped(state=None, created=None)))["availability_group"]["copies"] == {}
    assert "availability_group" not in plan.before(facts())
    assert "availability group: AG1, primary SQL01, secondaries SQL02 (automatic seeding)" in rollback_checks.lines(grouped())
