# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rollback loses, when that needs consent, and when there is nothing to do."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import rollback_plan as plan
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

NONE = {"count": 0, "first": None, "last": None, "names": {}, "examples": []}
SOME = {"count": 2, "first": "2026-11-25T14:00:00+00:00", "last": "2026-11-25T15:30:00+00:00", "names": {}, "examples": []}
OLD, NEW = "2020.5.7", "2025.3.14357"
POINT = "20261125T132400Z-2020.5.7"
AT_OLD = {"octo-a": {"program": {"version": OLD}}, "octo-b": {"program": {"version": OLD}}}
AT_NEW = {"octo-a": {"program": {"version": NEW}}, "octo-b": {"program": {"version": OLD}}}


def facts(version: str = NEW, newer: dict[str, Any] | None = None, **changes: Any) -> plan.Facts:
    known = {
        "instance": "prod",
        "restore_point": POINT,
        "manifest": {"version": OLD, "database": {"as_of": "2026-11-25T13:24:00+00:00"}},
        "database": {
            "database": "Octopus",
            "server": "SQL01",
            "version": version,
            "newer": {"tasks": NONE, "releases": NONE, **(newer or {})},
        },
        "hosts": AT_NEW if version == NEW else AT_OLD,
    }
    return plan.Facts(**{**known, **changes})


UNREADABLE = {"failed": True, "msg": "Cannot open database Octopus"}
LOST = {"deployments": SOME, "events": {**SOME, "count": 7}}
JUST_ROLLED_BACK = {"verdict": "rolled_back", "restore_point": POINT}


def test_what_is_lost_is_named_by_kind() -> None:
    found = facts(newer=LOST)
    assert plan.lost(found) == [
        {"kind": "deployments", "count": 2, "first": SOME["first"], "last": SOME["last"]},
        {"kind": "events", "count": 7, "first": SOME["first"], "last": SOME["last"]},
    ]
    assert plan.lines(found) == [
        f"prod: back to {OLD}, as it was at 2026-11-25T13:24:00+00:00 (restore point {POINT})",
        "lost: deployments | 2 | 2026-11-25T14:00:00+00:00 | 2026-11-25T15:30:00+00:00",
        "lost: events | 7 | 2026-11-25T14:00:00+00:00 | 2026-11-25T15:30:00+00:00",
    ]
    assert plan.refusal(found) == (
        f"Expected consent to lose what is newer than the restore point {POINT}, but found 2 deployments, 7 events in Octopus on SQL01 since "
        "2026-11-25T13:24:00+00:00. Nothing was changed. Set octopus_confirm_loss: true to roll back nevertheless, or octopus_restore_point to "
        "a newer one."
    )


@pytest.mark.parametrize(
    ("found", "needed", "nothing"),
    [
        (facts(), False, False),
        (facts(newer=LOST), True, False),
        (facts(newer=LOST, unfinished=True), False, False),
        (facts(newer=LOST, unfinished=True, published=True), True, False),
        (facts(newer=LOST, programs_only=True), False, False),
        (facts(OLD), False, True),
        (facts(OLD, newer=LOST), True, False),
        (facts(OLD, newer=LOST, programs_only=True), False, True),
        (facts(NEW, hosts=AT_OLD), False, False),
        (facts(OLD, hosts=AT_NEW), False, False),
        (facts(OLD, hosts={"octo-a": {"program": None}}), False, False),
        (facts(OLD, unfinished=True), False, False),
        (facts(OLD, unfinished=True, hosts={}), False, False),
        # What cannot be told counts as if something were lost.
        (facts(newer={"releases": None}), True, False),
        (facts(OLD, newer={"releases": None}), True, False),
        (facts(newer={"releases": None}, unfinished=True), False, False),
        (facts(database=UNREADABLE), True, False),
        (facts(OLD, database=UNREADABLE), True, False),
        (facts(database=UNREADABLE, unfinished=True), False, False),
        (facts(database=UNREADABLE, unfinished=True, published=True), True, False),
        (facts(OLD, database=UNREADABLE, programs_only=True), False, True),
        # It was rolled back to this restore point, and the server has written something since.
        (facts(OLD, newer=LOST, last_run=JUST_ROLLED_BACK), False, True),
        (facts(OLD, newer=LOST, last_run={**JUST_ROLLED_BACK, "verdict": "failed_rolled_back"}), False, True),
        (facts(OLD, newer=LOST, last_run=JUST_ROLLED_BACK, named=True), True, False),
        (facts(OLD, newer=LOST, last_run={**JUST_ROLLED_BACK, "verdict": "upgraded"}), True, False),
        (facts(OLD, newer=LOST, last_run={**JUST_ROLLED_BACK, "restore_point": "another"}), True, False),
        (facts(OLD, newer=LOST, last_run={"verdict": "rolled_back", "restore_point": ""}), True, False),
    ],
)
def test_consent_and_whether_there_is_anything_to_do(found: plan.Facts, needed: bool, nothing: bool) -> None:
    assert (plan.consent_needed(found), plan.nothing_to_do(found)) == (needed, nothing)
    assert bool(plan.refusal(found)) is needed


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (facts(), ["Nothing is newer than that; nothing is lost."]),
        (facts(newer=LOST, programs_only=True), ["Database and folders stay as they are; nothing is lost."]),
        (facts(OLD), ["The instance is as it was then; there is nothing to do."]),
        (
            facts(OLD, newer=LOST, last_run=JUST_ROLLED_BACK),
            [
                "The instance was rolled back to it already; there is nothing to do.",
                "To roll back to it once more, set octopus_restore_point to it.",
            ],
        ),
    ],
)
def test_what_is_shown(found: plan.Facts, said: list[str]) -> None:
    assert plan.lines(found)[1:] == said


def test_the_module_returns_all_of_it() -> None:
    found = facts(newer=LOST)
    result = run_module(
        "octopus_rollback_plan", instance="prod", restore_point=POINT, manifest=found.manifest, database=found.database, hosts=found.hosts
    )
    assert (result["changed"], result["nothing_to_do"], result["consent_needed"]) == (False, False, True)
    assert (result["lost"], result["lines"], result["refusal"]) == (plan.lost(found), plan.lines(found), plan.refusal(found))


def test_what_cannot_be_told_is_named_with_the_reason() -> None:
    found = facts(newer={"deployments": SOME, "releases": None})
    missing = "its table or its time is not in the database, or the login cannot see it"
    assert plan.unknown(found) == {"releases": missing}
    assert plan.lines(found)[1:] == [
        "lost: deployments | 2 | 2026-11-25T14:00:00+00:00 | 2026-11-25T15:30:00+00:00",
        f"cannot be told: releases | {missing}",
    ]
    assert f"but found 2 deployments and whether there are newer releases cannot be told ({missing}) in Octopus" in plan.refusal(found)
    broken = facts(database=UNREADABLE)
    assert plan.lost(broken) == []
    assert plan.unknown(broken) == dict.fromkeys(plan.KINDS, UNREADABLE["msg"])
    assert (
        "but whether there are newer tasks, releases, deployments, events cannot be told (Cannot open database Octopus) since 2026"
        in plan.refusal(broken)
    )


def test_what_users_wrote_is_named_and_what_the_server_wrote_is_not() -> None:
    events = SOME | {
        "users": {"anna": 1, "ci": 2, "system": 40},
        "examples": [
            {"when": "2026-11-25T14:00:00+00:00", "user": "anna", "name": "Variable set changed"},
            {"when": "2026-11-25T13:59:00+00:00", "user": "system", "name": "Task"},
        ],
    }
    assert plan.written(facts(newer={"events": events})) == [
        "1 events by anna",
        "2 events by ci",
        "2026-11-25T14:00:00+00:00 anna: Variable set changed",
    ]
    assert plan.written(facts(newer={"events": SOME | {"users": {"system": 40}}})) == []
    assert plan.written(facts(newer={"events": NONE})) == []
    assert plan.written(facts(newer={"events": None}))[0].startswith(
        "whether anybody wrote something since 2026-11-25T13:24:00+00:00 cannot be told"
    )
    assert "Cannot open database" in plan.written(facts(database=UNREADABLE))[0]
