# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A clone that is not wanted any more is removed, with what refreshes have left, and nothing else is. One story, in this order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lab.estate import SINGLE, CloneSpec
from lab.octopus import register
from scenarios.clone.scene import CloneScene, MakeCloneScene
from scenarios.operator import Run
from scenarios.rollback.scene import PATIENCE, failed_with, said

pytestmark = pytest.mark.timeout(1500)

CLONE = CloneSpec("copy", "single", ("octo-clone",))


@pytest.fixture(scope="module")
def scene(make_scene: MakeCloneScene) -> CloneScene:
    scene = make_scene(SINGLE, CLONE)
    scene.be_quiet()
    assert scene.refresh().code == 0
    return scene


def remove(scene: CloneScene, *arguments: str, **variables: Any) -> Run:
    return scene.operator.play("remove_clone", *arguments, callbacks="octopus.upgrade.exit_status", **variables)


def gone(scene: CloneScene) -> list[str]:
    """What is left of the clone."""
    host = scene.host
    left = [f"database {name}" for name in scene.databases()] + [f"folder {name}" for name in scene.folders()]
    left += [f"service {name}" for name in host.services.names() if name == register.service_name(register.DEFAULT)]
    left += [f"instance {entry.name}" for entry in register.entries(host, SINGLE.target)[0]]
    return left + (["its home"] if host.root.joinpath("C", "Octopus").exists() else []) + scene.left_over()


def test_check_mode_says_what_would_be_removed(scene: CloneScene) -> None:
    run = remove(scene, "--check")
    assert run.code == 0, run.output[-3000:]
    for words in (
        "the instance OctopusServer on octo-clone",
        f"the database {scene.databases()[0]}",
        "the folder C:\\OctopusClones\\copy\\",
    ):
        assert words in said(run), said(run)
    assert scene.unhealthy() == []


def test_what_is_no_clone_is_not_removed(scene: CloneScene) -> None:
    """The clone's host is the live one, as when somebody mixes two addresses up."""
    live, secrets = scene.instance.hosts[0], scene.instance.secrets
    before, mark = scene.look(), scene.lab.ledger.mark()
    run = remove(
        scene,
        ansible_host=live.address,
        ansible_user=f"LAB\\{scene.spec.name}-admin",
        ansible_password=secrets.winrm_password,
        octopus_sql_host="",
        octopus_sql_password=secrets.sql_password,
    )
    assert run.code == 20, run.output[-3000:]
    assert f"it works on {scene.spec.database}, which never was" in failed_with(run)
    assert scene.touched(mark) == [] and scene.unlike(before) == []
    assert scene.databases() != [] and scene.serves()


def test_a_removal_that_was_broken_off_is_ended_by_the_next(scene: CloneScene, tmp_path: Path) -> None:
    scene.kill_at("clone.cleanup", tmp_path / "killed.txt", playbook="remove_clone")
    assert scene.databases() != [], "it was too fast"
    run = remove(scene)
    assert run.code == 0, run.output[-5000:]
    assert gone(scene) == []
    assert scene.result()["status"] == "removed"


def test_removed_again_changes_nothing(scene: CloneScene) -> None:
    run = remove(scene)
    assert run.code == 0 and "copy: nothing to remove" in said(run), run.output[-3000:]
    assert "changed=0 " in run.output, run.output[-500:]


def test_it_can_be_made_again(scene: CloneScene) -> None:
    run = scene.refresh()
    assert run.code == 0, run.output[-5000:]
    assert scene.unhealthy() == []


def test_a_rehearsal_that_went_well_removes_it_where_that_is_asked_for(scene: CloneScene) -> None:
    run = scene.operator.play("upgrade_clone", deadline=2 * PATIENCE, octopus_clone_from="newest", octopus_rehearsal_teardown=True)
    assert run.code == 0, run.output[-5000:]
    assert len(list((scene.points / "rehearsals").glob("*.json"))) == 1
    assert gone(scene) == []
