# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One instance is cut over to its clone on another server, everything else refuses it from then on, and it goes back. The tests run in this order."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from lab.estate import SINGLE, CloneSpec
from lab.octopus import register
from scenarios.clone.scene import CloneScene, MakeCloneScene
from scenarios.migrate import test_interrupted as interrupted
from scenarios.migrate.scene import both_alive, in_service, is_lifted, migrate, outcome, own_database, rows, seen_alive, source_runs
from scenarios.rollback.scene import said

SWITCH = """---
- name: Lead users to the other side
  ansible.builtin.lineinfile:
    path: {log}
    line: "{{{{ migrate_direction }}}}"
    create: true
    mode: "0600"
  delegate_to: localhost
  vars:
    ansible_connection: local
"""

pytestmark = pytest.mark.timeout(1500)

CLONE = CloneSpec("copy", "single", ("octo-clone",))


@pytest.fixture(scope="module")
def scene(make_scene: MakeCloneScene) -> CloneScene:
    scene = make_scene(SINGLE, CLONE)
    scene.be_quiet()
    run = scene.refresh(octopus_clone_certificate="keep")
    assert run.code == 0, run.output[-5000:]
    return scene


def test_check_mode_shows_what_it_would_mean(scene: CloneScene) -> None:
    mark = scene.lab.ledger.mark()
    run = migrate(scene, "--check")
    assert run.code == 0, run.output[-5000:]
    assert "lifted: " in said(run) and "0 releases, 0 deployments, 0 events" in said(run), said(run)[-3000:]
    assert scene.touched(mark) == [] and scene.serves()


def test_a_failure_goes_back_by_itself(scene: CloneScene) -> None:
    before, mark = scene.look(), scene.lab.ledger.mark()
    scene.lab.faults.arm("service.fail_start", "octo-clone")
    run = migrate(scene)
    scene.lab.faults.disarm()
    assert (run.code, outcome(scene)["status"]) == (21, "failed_returned"), run.output[-5000:]
    assert in_service(scene) == [scene.spec.name] and both_alive(scene, mark) == []
    after = scene.look()
    assert (after.maintenance, after.drained) == (before.maintenance, before.drained)
    run = scene.refresh(octopus_clone_certificate="keep")
    assert run.code == 0 and scene.serves() and not is_lifted(scene), run.output[-5000:]


def test_it_is_cut_over(scene: CloneScene) -> None:
    mark = scene.lab.ledger.mark()
    with scene.instance.handle.store() as store:
        before = rows(store)
    run = migrate(scene)
    assert run.code == 0, run.output[-8000:]
    assert outcome(scene)["status"] == "migrated"
    assert in_service(scene) == [CLONE.name] and both_alive(scene, mark) == [] and seen_alive(scene, mark)
    with scene.clone.store(own_database(scene)) as store:
        assert rows(store) == before


def test_nothing_is_done_twice(scene: CloneScene) -> None:
    mark = scene.lab.ledger.mark()
    run = migrate(scene)
    assert run.code == 0 and outcome(scene)["status"] == "unchanged", run.output[-5000:]
    assert scene.lab.ledger.events("service.state", since=mark) == []


@pytest.mark.parametrize("playbook", ["upgrade_inplace", "rollback", "refresh_clone"])
def test_everything_else_refuses_both_sides(scene: CloneScene, playbook: str) -> None:
    mark = scene.lab.ledger.mark()
    run = scene.play(playbook, octopus_clone_force=True)
    assert run.code != 0 and "migrate_return.yml" in said(run), run.output[-3000:]
    assert scene.lab.ledger.events("service.state", since=mark) == []
    assert scene.serves() and not source_runs(scene)


def test_status_says_it(scene: CloneScene) -> None:
    run = scene.play("status")
    assert "single: migrated" in said(run) and "copy has taken its place" in said(run), run.output[-3000:]


def test_the_way_back_asks_for_consent_and_returns(scene: CloneScene) -> None:
    run = migrate(scene, "--check", playbook="migrate_return")
    assert run.code == 0, run.output[-5000:]
    mark = scene.lab.ledger.mark()
    run = migrate(scene, playbook="migrate_return")
    assert run.code == 0 and outcome(scene)["status"] == "returned", run.output[-8000:]
    assert in_service(scene) == [scene.spec.name] and not scene.serves() and not is_lifted(scene)
    assert both_alive(scene, mark)[:1] == []


def test_one_that_is_killed_on_either_side_is_resumed(scene: CloneScene, tmp_path: Path) -> None:
    """At a few steps, others each day; ``make clone-rounds`` takes all of them."""
    forward, back = interrupted.found(scene)
    day = date.today().toordinal()
    wrong = interrupted.kill_at(scene, tmp_path, [forward[day % 12 :: 12]], [back[day % len(back)]])
    assert not wrong, "\n\n".join(wrong)


def test_a_fresh_copy_loses_nothing_and_is_upgraded(scene: CloneScene, tmp_path: Path) -> None:
    """The source has gone on, and the clone is a stopped one since the way back."""
    scene.release("77.0.0")
    run = migrate(scene, "--check")
    assert run.code == 20 and "1 releases" in said(run), run.output[-3000:]
    switch = tmp_path / "switch.yml"
    switch.write_text(SWITCH.format(log=tmp_path / "switched"))
    mark = scene.lab.ledger.mark()
    run = migrate(scene, octopus_migrate_fresh=True, octopus_migrate_switch=str(switch))
    assert run.code == 0 and outcome(scene)["status"] == "migrated", run.output[-8000:]
    assert in_service(scene) == [CLONE.name] and both_alive(scene, mark) == []
    assert (tmp_path / "switched").read_text().split() == ["to_new"]
    assert scene.host.program_info(f"{register.PROGRAM_FOLDER}\\{register.EXE}")["version"] == SINGLE.target
    with scene.clone.store(own_database(scene)) as store:
        assert "77.0.0" in {row["Version"] for row in store.documents("Release")}
    run = migrate(scene, playbook="migrate_return", octopus_migrate_switch=str(switch), octopus_confirm_loss=True)
    assert run.code == 0 and in_service(scene) == [scene.spec.name], run.output[-8000:]
    assert (tmp_path / "switched").read_text().split() == ["to_new", "to_old"]
    assert both_alive(scene, mark) == []
