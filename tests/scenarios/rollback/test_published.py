# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An upgrade that is left where it failed, and goes on; then back from it, when it was published and somebody has worked with it.

The tests are one story, in this order.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from lab.estate import SINGLE
from scenarios.rollback.scene import MakeScene, Scene, failed_with, said
from scenarios.world import World

NEW = "99.0.0"

pytestmark = pytest.mark.timeout(1200)


@dataclass
class Story:
    """One instance: as it was before the upgrade, and with one release that is newer than the restore point."""

    scene: Scene
    before: World
    upgraded: World | None = None
    release: str = ""


@pytest.fixture(scope="module")
def story(make_scene: MakeScene) -> Story:
    scene = make_scene(SINGLE)
    return Story(scene, scene.look())


@pytest.fixture
def published(story: Story) -> Story:
    if story.upgraded is None:
        pytest.fail("the upgrade has failed")
    return story


def test_an_upgrade_that_was_left_goes_on_where_it_failed(story: Story) -> None:
    scene = story.scene
    armed = scene.lab.faults.arm("service.fail_start", SINGLE.nodes[0], times=None, service=scene.instance.handle.service)
    run = scene.play("upgrade_inplace", octopus_on_failure="stop", octopus_start_timeout=30)
    scene.lab.faults.disarm(armed)
    assert "out of service" in failed_with(run)
    assert run.record(SINGLE.name)["verdict"] == "failed_stopped"

    mark = scene.lab.ledger.mark()
    run = scene.play("upgrade_inplace", octopus_on_failure="stop")
    assert run.code == 0, run.output[-5000:]
    assert run.record(SINGLE.name)["verdict"] == "upgraded"
    assert scene.lab.ledger.events("octopus", since=mark, what="schema upgrade") == [], "what was done is not done again"
    assert scene.lab.ledger.events("sql.backup", since=mark) == []
    assert scene.not_upgraded(story.before) == []
    assert scene.left() == []
    story.release = scene.release(NEW)
    story.upgraded = scene.look()


def test_check_mode_shows_what_is_lost_and_touches_nothing(published: Story) -> None:
    scene, mark = published.scene, published.scene.lab.ledger.mark()
    run = scene.play("rollback", "--check")
    text = said(run)
    assert run.code == 0, run.output[-5000:]
    assert "lost: releases | 1 |" in text
    assert f"back to {SINGLE.version}, as it was at" in text
    assert scene.touched(mark) == []
    assert published.upgraded and scene.unlike(published.upgraded) == []
    assert scene.left() == []


def test_without_consent_nothing_is_touched(published: Story) -> None:
    scene, mark = published.scene, published.scene.lab.ledger.mark()
    text = failed_with(scene.play("rollback"))
    assert "Wanted: consent to lose what is newer than the restore point" in text
    assert "1 releases" in text and "Nothing was touched" in text and "octopus_confirm_loss: true" in text
    assert scene.touched(mark) == []
    assert published.upgraded and scene.unlike(published.upgraded) == []
    assert scene.left() == []


def test_with_consent_everything_is_exactly_as_at_the_stop(published: Story) -> None:
    scene = published.scene
    run = scene.play("rollback", octopus_confirm_loss=True)
    assert run.code == 0, run.output[-5000:]
    record = run.record(SINGLE.name)
    assert (record["verdict"], record["from_version"], record["to_version"]) == ("rolled_back", SINGLE.target, SINGLE.version)
    assert record["proof"]["projects_read"] > 0
    assert published.release not in scene.look().tables["Release"]
    assert scene.unlike(published.before) == []
    assert scene.left() == []
    assert [database.name for database in scene.instance.sql.databases.values() if "failed" in database.name] == []


def test_going_back_again_finds_nothing_to_do(published: Story) -> None:
    scene, mark = published.scene, published.scene.lab.ledger.mark()
    before = scene.look()
    run = scene.play("rollback")
    assert run.code == 0, run.output[-5000:]
    assert "there is nothing to do" in said(run)
    assert "changed=0" in run.output
    assert scene.touched(mark) == []
    assert scene.unlike(before) == []
    assert scene.left() == []
