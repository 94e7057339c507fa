# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scheduled refresh: again and again, with changes in between and a fault in every second one.

``OCTOPUS_CLONE_ROUNDS`` says how often; ``make clone-rounds`` runs ten. The tests run in this order.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from lab.estate import SINGLE, CloneSpec
from scenarios.clone.scene import CloneScene, MakeCloneScene
from scenarios.rollback.scene import failed_with, said

pytestmark = pytest.mark.timeout(3000)

ROUNDS = int(os.environ.get("OCTOPUS_CLONE_ROUNDS", "2"))
CLONE = CloneSpec("copy", "single", ("octo-clone",))
# The fault, the machine, and how the refresh may end: with nothing begun, with the old clone in service, or well.
FAULTS: list[tuple[str, str | None, dict[str, Any], set[int]]] = [
    ("service.fail_start", "octo-clone", {}, {21}),
    ("sql.kill_restore", None, {}, {20, 21}),
    ("winrm.drop", "octo-clone", {"after": 25}, {0, 20, 21}),
    ("job.vanish", "octo-clone", {}, {0, 20, 21}),
    ("sql.kill_backup", None, {}, {20}),
]


@pytest.fixture(scope="module")
def scene(make_scene: MakeCloneScene) -> CloneScene:
    return make_scene(SINGLE, CLONE)


def test_check_mode_shows_what_would_be_done(scene: CloneScene) -> None:
    mark = scene.lab.ledger.mark()
    run = scene.operator.play("backup")  # the restore point to make it from
    assert run.code == 0, run.output[-3000:]
    run = scene.operator.play("refresh_clone", "--check", octopus_clone_from="newest")
    assert run.code == 0, run.output[-5000:]
    assert "now: no clone" in said(run)
    assert scene.databases() == [] and scene.folders() == [] and scene.left_over() == []
    assert not [event for event in scene.lab.ledger.events("msi", since=mark) if event.machine == "octo-clone"]


def test_a_clone_of_an_unknown_source_is_not_begun(scene: CloneScene) -> None:
    run = scene.refresh(octopus_clone_of="nobody")
    assert run.code == 20, run.output[-3000:]
    assert scene.result()["status"] == "not_started"
    text = failed_with(run)
    assert "Nothing of the clone was begun" in text and "The clone copy is as it was" in text, text
    assert scene.databases() == []


@pytest.mark.parametrize("number", range(ROUNDS))
def test_round(scene: CloneScene, number: int) -> None:
    scene.release(f"1{number}.0.0")
    maintenance = scene.look().maintenance
    if number % 2:
        fault, machine, more, codes = FAULTS[number // 2 % len(FAULTS)]
        old = scene.result()["database"]
        scene.lab.faults.arm(fault, machine, **more)
        run = scene.refresh()
        scene.lab.faults.disarm()
        assert run.code in codes, f"{fault}: {run.code}\n{run.output[-5000:]}"
        if run.code:
            assert scene.result()["exit_status"] == run.code
            assert scene.serves() and old in scene.databases(), "the old clone is in service"
        assert scene.look().maintenance == maintenance, "the source is as it was"
    run = scene.refresh()
    assert run.code == 0, run.output[-5000:]
    assert scene.unhealthy() == []
    with scene.clone.store(scene.result()["database"]) as copy:
        assert f"1{number}.0.0" in {row["Version"] for row in copy.documents("Release")}


def test_a_refresh_after_nothing_has_happened_changes_nothing(scene: CloneScene) -> None:
    scene.be_quiet()
    run = scene.refresh()
    assert run.code == 0, run.output[-3000:]
    mark, before = scene.lab.ledger.mark(), scene.result()
    run = scene.refresh()
    assert run.code == 0, run.output[-3000:]
    result = scene.result()
    assert (result["status"], result["database"]) == ("unchanged", before["database"]), result
    for kind in ("sql.backup", "sql.restore", "msi", "service.state"):
        assert scene.lab.ledger.events(kind, since=mark) == []
    assert scene.unhealthy() == []
