# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore points with no upgrade: made, proven, kept for so long, gone back to. The tests are one story, in this order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from lab.estate import SINGLE
from lab.octopus import interruptions
from lab.sql import damage
from scenarios import leftovers
from scenarios.chaos.controller import Controller
from scenarios.chaos.journal import Journals
from scenarios.operator import DEADLINE
from scenarios.rollback.scene import MakeScene, Scene, failed_with, manifest, said
from scenarios.world import World

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def scene(make_scene: MakeScene) -> Scene:
    return make_scene(SINGLE)


@dataclass
class Made:
    """The instance as it was when the first restore point was made."""

    world: World | None = None


@pytest.fixture(scope="module")
def made() -> Made:
    return Made()


def test_check_mode_tells_what_it_would_hold(scene: Scene) -> None:
    before, mark = scene.look(), scene.lab.ledger.mark()
    run = scene.play("backup", "--check")
    text = said(run)
    assert run.code == 0, run.output[-5000:]
    for words in (
        f"single at {SINGLE.version}",
        "database OctopusDeploy: about",
        "folders: ",
        "package: ",
        "free there: ",
        "service: runs on",
    ):
        assert words in text, run.output[-3000:]
    assert scene.touched(mark) == []
    assert not scene.points.exists()
    assert scene.unlike(before) == []
    assert scene.left() == []


def test_one_that_is_made_while_the_service_runs(scene: Scene, made: Made) -> None:
    made.world = before = scene.look()
    mark = scene.lab.ledger.mark()
    run = scene.play("backup")
    assert run.code == 0, run.output[-5000:]
    assert run.record(SINGLE.name)["verdict"] == "backed_up"
    assert [line for line in scene.touched(mark) if not line.startswith("sql.backup")] == []
    [point] = scene.point_ids()
    told = manifest(scene.points / point)
    assert (told["operation"], told["service_stopped"], told["version"]) == ("backup", False, SINGLE.version)
    assert scene.unlike(before) == []
    assert scene.left() == []


def test_the_way_back_to_it(scene: Scene, made: Made) -> None:
    assert made.world is not None
    release = scene.release("99.0.0")
    assert "releases" in failed_with(scene.play("rollback"))
    run = scene.play("rollback", octopus_confirm_loss=True)
    assert run.code == 0, run.output[-5000:]
    assert run.record(SINGLE.name)["verdict"] == "rolled_back"
    assert release not in scene.look().tables["Release"]
    assert scene.unlike(made.world) == []
    assert scene.left() == []


def test_one_that_is_made_while_the_service_is_stopped_and_what_it_supersedes(scene: Scene) -> None:
    with scene.instance.handle.store() as store:
        task = interruptions.ask(store, scene.lab.clock.now())
    before, mark = scene.look(), scene.lab.ledger.mark()
    [old] = scene.point_ids()
    text = failed_with(scene.play("backup", octopus_backup_stop_service=True))
    assert f"nobody_asked (single): expected no task that waits for a person's answer, but found {task['Id']}" in text, text
    assert scene.touched(mark) == []
    run = scene.play("backup", octopus_backup_stop_service=True, octopus_keep_restore_points=1, octopus_interventions="leave")
    assert run.code == 0, run.output[-5000:]
    assert run.record(SINGLE.name)["verdict"] == "backed_up"
    [point] = scene.point_ids()
    assert point != old, "the older one is removed"
    assert not (scene.points / old).exists()
    assert manifest(scene.points / point)["service_stopped"]
    states = [event["state"] for event in scene.lab.ledger.events("service.state", since=mark, name=scene.instance.handle.service)]
    assert states[-1] == "RUNNING" and "STOPPED" in states
    assert scene.unlike(before) == []
    assert scene.left() == []


def test_a_damaged_database_that_its_backup_and_verification_do_not_notice(scene: Scene) -> None:
    [good] = scene.point_ids()
    damage.damage_values(scene.instance.sql, SINGLE.database)
    run = scene.play("backup")
    damage.repair(scene.instance.sql, SINGLE.database)
    assert run.code == 0, run.output[-5000:]
    bad = scene.point_ids()[-1]
    before, mark = scene.look(), scene.lab.ledger.mark()

    run = scene.play("restore_points")
    text = said(run)
    assert run.code == 0, run.output[-5000:]
    assert f"{good} signed" in text and f"{bad} signed" in text and "database" in text

    text = failed_with(scene.play("restore_points", octopus_test_restore=True))
    for words in (f"{bad} cannot be used for a rollback", "1 of ", "test_restore: ", "CHECKDB"):
        assert words in text, text

    run = scene.play("restore_points", octopus_test_restore=True, octopus_restore_point=good)
    assert run.code == 0, run.output[-5000:]
    assert "test_restore" in said(run)
    assert scene.touched(mark) == []
    assert scene.unlike(before) == []
    assert scene.left() == []


def test_one_that_fails_beside_the_running_service(scene: Scene) -> None:
    before, points = scene.look(), scene.point_ids()
    scene.lab.faults.arm("sql.kill_backup")
    text = failed_with(scene.play("backup", octopus_backup_maintenance=True))
    scene.lab.faults.disarm()
    assert "was in maintenance mode, but neither its programs nor its database were changed. Its service runs at" in text, text
    assert scene.point_ids() == points
    assert scene.unlike(before) == []
    assert scene.left() == []


def test_one_that_was_broken_off_again_and_again_beside_the_running_service(scene: Scene, tmp_path: Path) -> None:
    """The service goes on writing meanwhile. What the next run makes of it is one thing with its manifest, whatever was there already.

    Each run goes on from where the one before was killed, and is killed further on: a step left half done is done again before the next one.
    """
    before, [host] = scene.look(), scene.instance.hosts
    journals = Journals.of(scene.instance, [])

    def begun(step: str) -> int:
        return len([entry for entry in journals.entries() if entry.get("step") == step])

    for step in ("backup.folders", "backup.sign", "freeze.end"):
        known = begun(step)
        with Controller(scene.operator, "backup", tmp_path / f"{step}.txt", octopus_backup_maintenance=True) as controller:
            controller.kill_when(partial(_more, begun, step, known), step, DEADLINE)
            shells = leftovers.shells(scene.instance)  # nobody is left who could close them
        with scene.instance.handle.store() as store:
            host.fs.write(f"{store.folder('LogsDirectory')}\\servertasks-after-{step}.txt", b"written since", host.system)
    run = scene.play("backup", octopus_backup_maintenance=True)
    assert run.code == 0, run.output[-5000:]
    run = scene.play("restore_points")
    assert run.code == 0, failed_with(run)
    after = scene.look()
    assert (after.maintenance, after.drained, after.watchdogs) == (before.maintenance, before.drained, before.watchdogs)
    assert scene.left(old_shells=shells) == []


def _more(count: Callable[[str], int], what: str, known: int) -> bool:
    return count(what) > known
