# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When the source of a clone needs a new restore point."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

NEWEST = {"id": "R2", "version": "2020.5.7", "signed": True}
POINTS = [{"id": "R3", "version": None, "signed": False}, NEWEST, {"id": "R1", "version": "2019.13.7", "signed": True}]


def newer(**counts: int | None) -> dict[str, Any]:
    known = {"tasks": 3, "releases": 0, "deployments": 0, "events": 0} | counts
    return {"newer": {kind: None if count is None else {"count": count} for kind, count in known.items()}}


def decide(points: list[dict[str, Any]] | None = None, database: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
    given = {"restore_points": POINTS if points is None else points, "database": newer() if database is None else database}
    result = run_module("octopus_clone_source_plan", instance="prod", **given, **{"version": "2020.5.7", **params})
    assert result["changed"] is False
    return result


@pytest.mark.parametrize("database", [newer(), newer(releases=None), newer(releases=None, deployments=None), newer(tasks=None)])
def test_the_newest_signed_one_has_everything(database: dict[str, Any]) -> None:
    result = decide(database=database)
    assert (result["restore_point"], result["lines"]) == ("R2", ["prod: nothing was done since the restore point R2"])


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"force": True}, "octopus_clone_force is set"),
        ({"unfinished": True}, "a run has not ended"),
        ({"points": []}, "there is none yet"),
        ({"points": POINTS[:1]}, "there is none yet"),
        ({"version": "2025.3.14357"}, "the newest one, R2, is of 2020.5.7, and 2025.3.14357 runs"),
        ({"database": newer(releases=1, events=2)}, "newer than R2: 1 releases, 2 events"),
        ({"database": newer(releases=None, deployments=None, events=None)}, "what is newer than R2 is unknown"),
        ({"database": {"skipped": True}}, "what is newer than R2 is unknown"),
    ],
)
def test_a_new_one_is_needed(params: dict[str, Any], why: str) -> None:
    result = decide(**params)
    assert (result["restore_point"], result["lines"]) == ("", [f"prod: a new restore point is needed: {why}"])
