# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock on a clone: given back by a refresh that cannot begin, and lost by one that another control node takes over.

And what refreshes that broke off have left, while nobody could clean up.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from lab.estate import SINGLE, CloneSpec
from scenarios.chaos.case import lock_owner
from scenarios.chaos.controller import Controller, elsewhere
from scenarios.clone.scene import CloneScene, MakeCloneScene
from scenarios.operator import DEADLINE
from scenarios.rollback.scene import failed_with

pytestmark = pytest.mark.timeout(1200)

CLONE = CloneSpec("copy", "single", ("octo-clone",))


@pytest.fixture(scope="module")
def scene(make_scene: MakeCloneScene) -> CloneScene:
    scene = make_scene(SINGLE, CLONE)
    scene.be_quiet()  # one restore point serves every refresh
    return scene


def test_a_refresh_that_cannot_begin_its_record_gives_the_lock_back(scene: CloneScene) -> None:
    operator = scene.another_operator("blocked")
    operator.folder.joinpath("octopus-runs").mkdir()
    operator.folder.joinpath("octopus-runs", CLONE.name).write_text("no folder\n")
    run = scene.refresh(operator)
    assert run.code == 20, run.output[-3000:]
    assert "octopus_run_dir" in failed_with(run)
    assert scene.result(operator)["status"] == "not_started"
    assert scene.left_over() == [] and scene.databases() == []


@pytest.mark.skipif(not elsewhere(), reason="this computer gives no process a namespace of its own, so all are of one control node")
def test_one_that_was_taken_over_stops_where_it_was(scene: CloneScene, tmp_path: Path) -> None:
    second = scene.another_operator("second")
    with Controller(scene.operator, "refresh_clone", tmp_path / "first.txt") as first:
        _wait_for_step(scene, first, "clone.folders")
        first.pause()
        with Controller(second, "refresh_clone", tmp_path / "refused.txt", another=True) as refused:
            assert refused.wait(DEADLINE) and refused.code, refused.output[-3000:]
            owner = lock_owner(refused.output)
        with Controller(second, "refresh_clone", tmp_path / "second.txt", another=True, octopus_break_lock=owner) as taking:
            assert taking.wait(DEADLINE) and taking.code == 0, taking.output[-5000:]
        mark = scene.lab.ledger.mark()
        first.go_on()
        assert first.wait(DEADLINE) and first.code, first.output[-3000:]
    assert "Another controller has broken the lock of the clone copy" in " ".join(first.output.split()), first.output[-5000:]
    assert [event for event in scene.lab.ledger.events("service.state", since=mark) if event.get("by") == "sc"] == []
    assert scene.unhealthy(second) == []


def _wait_for_step(scene: CloneScene, controller: Controller, step: str) -> None:
    while step not in scene.steps():
        assert not controller.ended and controller.seconds < DEADLINE, controller.output[-3000:]
        time.sleep(0.05)


def test_what_two_interruptions_left_is_removed(scene: CloneScene, tmp_path: Path) -> None:
    """The first dies while it removes what its failure had left, the second when it has just begun; the third takes that one up."""
    old = scene.databases()
    scene.lab.faults.arm("service.fail_start", "octo-clone")
    scene.kill_at("clone.cleanup", tmp_path / "first.txt", octopus_clone_force=True)
    scene.lab.faults.disarm()
    assert len(scene.databases()) == len(old) + 1, "it was too fast"
    scene.kill_at("clone.stage", tmp_path / "second.txt", octopus_clone_force=True)
    run = scene.refresh()
    assert run.code == 0, run.output[-5000:]
    assert scene.unhealthy() == []
    assert scene.open_runs() == [], "also the run that was given up has ended"
