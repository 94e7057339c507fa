# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an outage consisted of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ansible_collections.octopus.upgrade as collection
import pytest
import yaml
from ansible_collections.octopus.upgrade.plugins.module_utils._run import outage, record

ROLES = Path(next(iter(collection.__path__))) / "roles"


def at(second: int, event: str, **fields: object) -> dict[str, Any]:
    return {"event": event, "at": f"2026-11-23T21:00:{second:02}.000+00:00", **fields}


def step(name: str, begin: int, end: int, **mark: str) -> list[dict[str, Any]]:
    began, ended = ({"outage": value} for value in (mark.get("begins", ""), mark.get("ends", "")))
    return [
        at(begin, "step", step=name, **(began if mark.get("begins") else {})),
        at(end, "done", step=name, **(ended if mark.get("ends") else {})),
    ]


WHOLE = [
    at(0, "begun"),
    *step("stage.folders", 1, 5),
    *step("quiesce.maintenance", 6, 7, begins="begins"),
    *step("quiesce.drain", 7, 9),
    *step("backup.database", 10, 20),
    *step("apply.2026.2.9853.schema", 20, 40),
    *step("publish.maintenance", 40, 43, ends="ends"),
    *step("publish.watchdog", 43, 50),
    at(51, "finished", verdict="upgraded"),
]


def test_the_causes_add_up_to_the_outage_the_longest_first() -> None:
    found = outage.by_cause(WHOLE)
    assert list(found.items()) == [
        ("schema upgrade", 20.0),
        ("database backup", 10.0),
        ("maintenance mode, portals and watchdog", 4.0),
        ("drain", 2.0),
        ("between the steps", 1.0),
    ]
    assert sum(found.values()) == record.summary(WHOLE)["outage_seconds"]


def test_a_run_that_was_interrupted_kept_users_waiting() -> None:
    events = [
        *WHOLE[:8],
        at(14, "resumed"),
        *step("backup.database", 16, 20),
        at(21, "failed"),
        at(25, "stopped", verdict="failed_stopped"),
    ]
    found = outage.by_cause(events)
    assert found["interrupted"] == 4.0 and found["database backup"] == 4.0
    assert sum(found.values()) == record.summary(events)["outage_seconds"]


def test_without_an_outage_there_are_no_causes() -> None:
    assert outage.by_cause(WHOLE[:3]) == {}
    assert record.summary(WHOLE[:3])["outage_by_cause"] == {}


def _steps(tasks: Any) -> list[str]:
    if isinstance(tasks, list):
        return [name for task in tasks for name in _steps(task)]
    if not isinstance(tasks, dict):
        return []
    return ([tasks["step"]] if isinstance(tasks.get("step"), str) else []) + [name for value in tasks.values() for name in _steps(value)]


@pytest.mark.parametrize("role", ["upgrade", "rollback"])
def test_each_step_within_an_outage_has_a_cause(role: str) -> None:
    names = {name for path in (ROLES / role / "tasks").glob("*.yml") for name in _steps(yaml.safe_load(path.read_text()))}
    outside = ("stage.", "prune", "{{", "rollback.cleanup", "rollback.join_group", "rollback.written", "backup.unguard")
    known = {name: outage.cause_of(name) for name in names if not name.startswith(outside)}
    assert len(known) > 15
    assert [name for name, cause in known.items() if cause == outage.OTHER] == []
