# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An estate in which only what is documented exists: upgrades and rollbacks need nothing else, or refuse and name what they miss.

What does not exist there: see ``only_documented`` in tests/lab and schema.py. The modules that meet it alone: tests/scenarios/octopus and mssql.
A rehearsal there: clone/test_rehearsal.py; a clone that could do harm: octopus/test_quarantine.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lab.estate import SINGLE, CloneSpec, Lab
from lab.octopus import interruptions
from scenarios.clone.scene import CloneScene
from scenarios.rollback.scene import Scene, failed_with, said

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with Lab(tmp_path / "lab", SINGLE, scale=40, only_documented=True) as lab:
        yield Scene(lab, SINGLE, tmp_path)


def test_an_upgrade_that_fails_and_one_that_does_not_while_somebody_is_asked(scene: Scene) -> None:
    lab, instance = scene.lab, scene.instance
    with instance.handle.store() as store:
        task = interruptions.ask(store, lab.clock.now())
        team = store.documents("Team")[0]["Name"]
    before, mark = scene.look(), lab.ledger.mark()
    told = failed_with(scene.play("upgrade_inplace"))
    assert f"nobody_asked (single): expected no task that waits for a person's answer, but found {task['Id']}" in told
    assert f"for team {team}" in told and "octopus_interventions" in told
    assert scene.touched(mark) == []

    armed = lab.faults.arm("schema.fail", SINGLE.nodes[0], committed=True)
    run = scene.play("upgrade_inplace", octopus_interventions="leave")
    lab.faults.disarm(armed)
    assert run.record(SINGLE.name)["verdict"] == "failed_rolled_back", run.output[-5000:]
    assert scene.unlike(before) == []

    done = scene.play("upgrade_inplace", octopus_interventions="leave")
    assert done.code == 0, done.output[-5000:]
    with instance.handle.store(SINGLE.target) as store:
        after = store.document("ServerTask", task["Id"])
        assert store.history()[-1]["Version"] == SINGLE.target
    assert after is not None
    assert (after["State"], bool(after["HasPendingInterruptions"])) == ("Executing", True)


def test_before_4_1_nothing_names_the_server_folders_so_nothing_is_begun_without_their_paths(tmp_path: Path) -> None:
    old = replace(SINGLE, version="4.0.12", target="2018.10.7", wanted="")
    clone = CloneSpec("copy", old.name, ("octo-clone",))
    with Lab(tmp_path / "lab", old, clone, scale=40, only_documented=True) as lab:
        scene = CloneScene(lab, old, clone, tmp_path)
        before, mark = scene.look(), lab.ledger.mark()
        for playbook in ("upgrade_inplace", "refresh_clone"):
            run = scene.play(playbook)
            assert run.code != 0, run.output[-3000:]
            assert "folders_known (single): expected the paths of the server folders" in said(run)
            assert "octopus_folders" in said(run)
        assert scene.touched(mark) == []
        assert scene.databases() == []
        assert scene.unlike(before) == []

        known = {
            name: f"C:\\Octopus\\{folder}" for name, folder in (("logs", "TaskLogs"), ("artifacts", "Artifacts"), ("packages", "Packages"))
        }
        run = scene.play("upgrade_inplace", octopus_folders=known)
        assert run.code == 0, run.output[-5000:]
        with scene.instance.handle.store(old.target) as store:
            assert store.history()[-1]["Version"] == old.target
        back = scene.play("rollback", octopus_folders=known, octopus_confirm_loss=True)
        assert back.code == 0, back.output[-5000:]
        assert scene.unlike(before) == []
