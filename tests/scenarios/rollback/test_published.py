# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Back from an upgrade that was published, after somebody has worked with it. The tests are one story, in this order."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from lab.estate import SINGLE
from scenarios.rollback.scene import MakeScene, Scene, failed_with, said
from scenarios.world import World

NEW = "99.0.0"

pytestmark = pytest.mark.timeout(1200)


@dataclass
class Published:
    """An upgraded instance with one release that is newer than the restore point."""

    scene: Scene
    before: World
    upgraded: World
    release: str


@pytest.fixture(scope="module")
def published(make_scene: MakeScene) -> Published:
    scene = make_scene(SINGLE)
    before = scene.look()
    run = scene.play("upgrade_inplace")
    assert run.code == 0, run.output[-5000:]
    assert scene.not_upgraded(before) == []
    release = scene.release(NEW)
    return Published(scene, before, scene.look(), release)


def test_check_mode_shows_what_is_lost_and_touches_nothing(published: Published) -> None:
    scene, mark = published.scene, published.scene.lab.ledger.mark()
    run = scene.play("rollback", "--check")
    text = said(run)
    assert run.code == 0, run.output[-5000:]
    assert "lost: releases | 1 |" in text
    assert f"back to {SINGLE.version}, as it was at" in text
    assert scene.touched(mark) == []
    assert scene.unlike(published.upgraded) == []
    assert scene.left() == []


def test_without_consent_nothing_is_touched(published: Published) -> None:
    scene, mark = published.scene, published.scene.lab.ledger.mark()
    text = failed_with(scene.play("rollback"))
    assert "Wanted: consent to lose what is newer than the restore point" in text
    assert "1 releases" in text and "Nothing was touched" in text and "octopus_confirm_loss: true" in text
    assert scene.touched(mark) == []
    assert scene.unlike(published.upgraded) == []
    assert scene.left() == []


def test_with_consent_everything_is_exactly_as_at_the_stop(published: Published) -> None:
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


def test_going_back_again_finds_nothing_to_do(published: Published) -> None:
    scene, mark = published.scene, published.scene.lab.ledger.mark()
    before = scene.look()
    run = scene.play("rollback")
    assert run.code == 0, run.output[-5000:]
    assert "there is nothing to do" in said(run)
    assert "changed=0" in run.output
    assert scene.touched(mark) == []
    assert scene.unlike(before) == []
    assert scene.left() == []
