# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rehearsal on a clone, recorded where the source's own upgrade reads it. The tests run in this order.

``make bench`` measures how well it predicts the outage, on a computer that has nothing else to do.
"""

from __future__ import annotations

import json

import pytest
from lab.estate import SINGLE, CloneSpec
from scenarios.clone.scene import CloneScene, MakeCloneScene
from scenarios.rollback.scene import PATIENCE, failed_with, said

pytestmark = pytest.mark.timeout(1800)

CLONE = CloneSpec("copy", "single", ("octo-clone",))


@pytest.fixture(scope="module")
def scene(make_scene: MakeCloneScene) -> CloneScene:
    # In an estate with nothing that is not documented: the clone must take no folder of its source that no output names.
    return make_scene(SINGLE, CLONE, only_documented=True)


def test_an_upgrade_without_a_rehearsal_is_refused(scene: CloneScene) -> None:
    before, mark = scene.look(), scene.lab.ledger.mark()
    text = failed_with(scene.play("upgrade_inplace", octopus_require_rehearsal=True))
    for words in ("octopus_require_rehearsal", "but found none of this upgrade", "upgrade_clone.yml", "octopus_waivers: [rehearsed]"):
        assert words in text, text
    assert scene.touched(mark) == [] and scene.unlike(before) == []
    run = scene.play("plan", octopus_require_rehearsal=True, octopus_waivers=["rehearsed"])
    assert run.code == 0, run.output[-3000:]


def test_a_successful_rehearsal_removes_the_clone_where_that_is_set(scene: CloneScene) -> None:
    before, mark = scene.look(), scene.lab.ledger.mark()
    run = scene.operator.play(
        "upgrade_clone", deadline=2 * PATIENCE, callbacks="octopus.upgrade.exit_status", octopus_rehearsal_teardown=True
    )
    assert run.code == 0, run.output[-6000:]
    [path] = (scene.points / "rehearsals").glob("*.json")
    record = json.loads(path.read_text())
    assert (record["clone"], record["from_version"], record["to_version"]) == ("copy", SINGLE.version, SINGLE.target)
    assert (record["verdict"], record["restore_point"]) == ("upgraded", scene.point_ids()[-1])
    names = {step["name"] for step in record["steps"]}
    assert record["outage_seconds"] > 0 and {"backup.database", "publish.maintenance"} <= names
    # The refresh before it is a run of its own (test_life.py). Its outage says nothing about the source's.
    assert not [name for name in names if name.startswith("clone.")]
    assert set(record["growth"]) == {"data_bytes", "log_bytes"}
    # The clone is removed, as was asked for, and its source is as it was.
    assert scene.remains() == []
    assert scene.unlike(before) == []
    assert scene.contacts(mark) == []


def test_the_upgrade_of_the_source_finds_the_rehearsal(scene: CloneScene) -> None:
    run = scene.play("plan")
    assert run.code == 0, run.output[-3000:]
    assert "since the rehearsal on copy 0.0" in said(run)
    before = scene.look()
    run = scene.play("upgrade_inplace", octopus_require_rehearsal=True)
    assert run.code == 0, run.output[-5000:]
    assert scene.not_upgraded(before) == []


def test_a_removed_clone_can_be_made_again_of_the_upgraded_source(scene: CloneScene) -> None:
    run = scene.refresh()
    assert run.code == 0, run.output[-5000:]
    assert (scene.result()["status"], scene.result()["version"]) == ("refreshed", SINGLE.target)
    assert scene.unhealthy() == []
