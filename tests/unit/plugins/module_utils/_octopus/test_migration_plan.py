# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether an instance can be cut over to its clone, or go back to it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import migration_plan
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.migration_plan import Facts, Plan

NOTHING = {"releases": {"count": 0}, "deployments": {"count": 0}, "events": {"count": 0}}
SOMETHING = {**NOTHING, "releases": {"count": 2}}
OLD: dict[str, Any] = {"error": "", "unfinished": {}, "last": {}, "last_facts": {}, "version": "2020.5.7", "thumbprint": "AB"}
RECORD: dict[str, Any] = {"options": {"by_program": ["switches"]}}
NEW: dict[str, Any] = {
    "unfinished": {},
    "last": {},
    "version": "2020.5.7",
    "thumbprint": "ab",
    "running": True,
    "record": RECORD,
    "lifts": {"targets": {"lift": 7}, "mail": {"done": 1}},
    "left": [],
}
UNDER_WAY = {
    "run_id": "R1",
    "operation": "migrate",
    "playbook": "migrate.yml",
    "steps": ["quiesce.stop"],
    "resumes": True,
    "facts": {"migrate_to": "new"},
}
LEFT = {"last": {"verdict": "migrated"}, "last_facts": {"migrate_to": "new"}}


def facts(old: dict[str, Any] | None = None, new: dict[str, Any] | None = None, **more: Any) -> Facts:
    known: dict[str, Any] = {"old_name": "old", "new_name": "new", "newer": NOTHING, "since": "noon"}
    return Facts(old=OLD | (old or {}), new=NEW | (new or {}), **known | more)


def names(plan: Plan) -> list[str]:
    return [one["name"] for one in plan.blockers]


def test_a_clone_of_now_is_cut_over() -> None:
    plan = migration_plan.plan(facts())
    assert (plan.action, plan.blockers) == ("cut_over", [])
    text = "\n".join(plan.lines)
    assert "lifted: targets 7" in text and "since noon: 0 releases, 0 deployments, 0 events" in text and "mail" not in text


@pytest.mark.parametrize(
    ("old", "new", "more", "expected"),
    [
        ({"error": "no answer"}, {}, {}, ["source"]),
        ({"unfinished": {"run_id": "R", "operation": "upgrade", "playbook": "upgrade_inplace.yml"}}, {}, {}, ["unfinished_run"]),
        ({}, {"unfinished": {"run_id": "R", "operation": "clone", "playbook": "refresh_clone.yml"}}, {}, ["unfinished_run"]),
        ({}, {"unfinished": {"run_id": "R", "operation": "migrate", "playbook": "migrate.yml"}}, {}, ["unfinished_run"]),
        ({"unfinished": {**UNDER_WAY, "operation": "migrate_return"}}, {}, {}, ["unfinished_run"]),
        ({"last": {"verdict": "migrated"}, "last_facts": {"migrate_to": "another"}}, {}, {}, ["migrated"]),
        ({}, {"record": {}}, {}, ["no_clone"]),
        ({}, {"record": {**RECORD, "lifted": {"at": "noon"}}}, {}, ["no_clone"]),
        ({}, {"record": {**RECORD, "lifting": {"at": "noon"}}}, {}, ["no_clone"]),
        ({}, {"running": False}, {}, ["clone_running"]),
        ({}, {"thumbprint": "CD"}, {}, ["same_certificate"]),
        ({}, {"record": {**RECORD, "options": {"by_program": ["certificate"]}}}, {}, ["same_certificate"]),
        ({}, {"record": {**RECORD, "options": {"accounts": "scrub"}}}, {}, ["accounts"]),
        ({}, {"version": "2019.1.0"}, {}, ["older_version"]),
        ({}, {}, {"newer": SOMETHING}, ["drift"]),
        ({}, {}, {"newer": {}}, ["drift_unknown"]),
        ({}, {"running": False}, {"newer": SOMETHING}, ["clone_running", "drift"]),
    ],
)
def test_what_speaks_against_it(old: dict[str, Any], new: dict[str, Any], more: dict[str, Any], expected: list[str]) -> None:
    plan = migration_plan.plan(facts(old, new, **more))
    assert (plan.action, names(plan)) == ("refuse", expected)
    assert all(any(one["why"] in line for line in plan.lines) for one in plan.blockers)


@pytest.mark.parametrize(
    ("new", "more"),
    [
        ({"thumbprint": "CD"}, {"waivers": ["same_certificate"]}),
        ({"thumbprint": "CD"}, {"certificate": "own"}),
        ({}, {"newer": SOMETHING, "confirm_loss": True}),
        ({"running": False, "version": "2019.1.0"}, {"newer": SOMETHING, "fresh": True}),
    ],
)
def test_what_is_accepted(new: dict[str, Any], more: dict[str, Any]) -> None:
    plan = migration_plan.plan(facts({}, new, **more))
    assert plan.action == "cut_over"
    assert plan.waived == list(more.get("waivers", []))


def test_drift_itself_cannot_be_waived() -> None:
    assert names(migration_plan.plan(facts(newer=SOMETHING, waivers=["drift", "no_clone"]))) == ["drift"]


def test_what_has_changed_nothing_yet_is_decided_anew() -> None:
    begun = {"unfinished": {**UNDER_WAY, "steps": ["stage.baseline"], "resumes": False}}
    assert migration_plan.plan(facts(begun)).action == "cut_over"
    assert names(migration_plan.plan(facts(begun, newer=SOMETHING))) == ["drift"]


def test_what_is_under_way_is_resumed_and_what_is_done_is_not_done_again() -> None:
    assert migration_plan.plan(facts({"unfinished": UNDER_WAY}, {"running": False}, newer=SOMETHING)).action == "resume"
    assert migration_plan.plan(facts(LEFT, {"record": {**RECORD, "lifted": {"at": "noon"}}})).action == "unchanged"


PUBLISHED = {"unfinished": {"operation": "migrate", "steps": ["migrate.lift", "migrate.publish"]}}


@pytest.mark.parametrize(
    ("old", "new", "newer", "expected"),
    [
        ({}, {}, NOTHING, "unchanged"),
        ({"error": "no answer"}, {}, NOTHING, "refuse"),
        ({"unfinished": {"run_id": "R", "operation": "upgrade", "playbook": "upgrade_inplace.yml"}}, {}, NOTHING, "refuse"),
        (LEFT, {}, NOTHING, "return"),
        (LEFT, {}, SOMETHING, "refuse"),
        (LEFT, {}, {}, "refuse"),
        (LEFT | {"last_facts": {"migrate_to": "another"}}, {}, NOTHING, "refuse"),
        ({"unfinished": UNDER_WAY}, {}, SOMETHING, "return"),
        ({"unfinished": UNDER_WAY}, {"unfinished": {"operation": "migrate", "steps": ["migrate.lift"]}}, SOMETHING, "return"),
        ({"unfinished": UNDER_WAY}, PUBLISHED, SOMETHING, "refuse"),
        ({"unfinished": UNDER_WAY}, PUBLISHED, NOTHING, "return"),
        ({"unfinished": {**UNDER_WAY, "operation": "migrate_return"}}, PUBLISHED, SOMETHING, "return"),
        ({}, {"unfinished": {"operation": "migrate", "steps": ["return.stop"]}}, SOMETHING, "return"),
    ],
)
def test_the_way_back(old: dict[str, Any], new: dict[str, Any], newer: dict[str, Any], expected: str) -> None:
    plan = migration_plan.plan_return(facts(old, new, newer=newer))
    assert plan.action == expected, plan.lines
    assert bool(plan.blockers) is (expected == "refuse")
