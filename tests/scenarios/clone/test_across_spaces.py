# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rehearsal of an upgrade across 2019.1, which moves the packages and brings spaces: the clone's own are moved, and none of its source's;
and what the upgrade brings is under quarantine too, before anything of it is started."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from lab.estate import DEMO, CloneSpec
from scenarios.clone.scene import MakeCloneScene
from scenarios.rollback.scene import PATIENCE, said

MOVED = "Packages\\Spaces-1\\feeds-builtin\\"
SOURCE = replace(DEMO, ladder=("2021.1.8045",), target="2021.1.8045", dangers=True)
CLONE = CloneSpec("copy", SOURCE.name, ("octo-clone",))

pytestmark = pytest.mark.timeout(1500)


def test_the_clones_own_packages_are_moved(make_scene: MakeCloneScene) -> None:
    scene = make_scene(SOURCE, CLONE)
    before, mark = scene.look(), scene.lab.ledger.mark()
    run = scene.operator.play("upgrade_clone", deadline=2 * PATIENCE)
    assert run.code == 0, run.output[-6000:]
    [path] = (scene.points / "rehearsals").glob("*.json")
    record = json.loads(path.read_text())
    assert (record["from_version"], record["to_version"], record["verdict"]) == (SOURCE.version, SOURCE.target, "upgraded")

    [own] = scene.folders()
    packages = scene.host.root.joinpath("C", "OctopusClones", CLONE.name, own, "packages")
    assert len(list((packages / "Spaces-1" / "feeds-builtin").rglob("*.nupkg"))) >= 200
    after = scene.look()
    assert not any(name.startswith(MOVED) for name in after.files)
    # The source lives on meanwhile, and has a retention policy of its own.
    retired = " ".join(event["path"] for event in scene.lab.ledger.events("retention") if event.machine in SOURCE.nodes)
    assert [name for name in before.files if name.startswith("Packages\\") and name not in after.files and name not in retired] == []
    assert scene.contacts(mark) == []
    assert scene.left_over() == []
    with scene.clone.store(scene.databases()[0]) as copy:
        assert [space["TaskQueueStopped"] for space in copy.documents("Space")] == [True]

    run = scene.play("plan")
    assert run.code == 0 and "since the rehearsal on copy" in said(run), run.output[-3000:]
