# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One clone, from its first refresh to its removal: its lock, what broken refreshes leave, and how it is removed. One story, in this order.

Making a clone is what costs here, so each test goes on with the clone that the ones before it have made.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyodbc
import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql import drivers
from lab.estate import SINGLE, CloneSpec
from lab.octopus import register
from scenarios.chaos.case import lock_owner
from scenarios.chaos.controller import Controller, elsewhere
from scenarios.clone.scene import CloneScene, MakeCloneScene
from scenarios.operator import DEADLINE, Run
from scenarios.rollback.scene import PATIENCE, failed_with, said

pytestmark = pytest.mark.timeout(1500)

CLONE = CloneSpec("copy", "single", ("octo-clone",))


@pytest.fixture(scope="module")
def scene(make_scene: MakeCloneScene) -> CloneScene:
    scene = make_scene(SINGLE, CLONE)
    scene.be_quiet()  # one restore point serves every refresh
    return scene


# -- its lock: given back by a refresh that cannot begin, and lost by one that another control node takes over


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


# -- what cannot be removed, because somebody works in it, is told and not forgotten, whatever comes in between


@contextmanager
def somebody_in(scene: CloneScene) -> Iterator[str]:
    """A session in the clone's database, as of somebody who looks at it; gives the database's name."""
    [name] = scene.databases()
    driver = drivers.find("auto", pyodbc.drivers())
    address, password = scene.clone.sql.machine.address, scene.clone.secrets.sql_password
    connection = pyodbc.connect(
        f"DRIVER={{{driver.name}}};SERVER={address},1433;UID=octopus_upgrade;PWD={{{password}}};Encrypt=yes;TrustServerCertificate=yes",
        autocommit=True,
    )
    try:
        connection.execute(f"USE [{name}]")
        yield name
    finally:
        connection.close()


def left(scene: CloneScene, old: str) -> None:
    """Check that a refresh ended well, has left the old clone's database, and says so."""
    result = scene.result()
    assert result["status"] == "refreshed", result
    assert f"Wanted: nobody in {old}" in result["not_removed"], result
    assert scene.serves() and scene.databases() == sorted((old, result["database"]))


def removed(scene: CloneScene, status: str) -> None:
    run = scene.refresh()
    assert run.code == 0, run.output[-5000:]
    assert (scene.result()["status"], scene.result()["not_removed"]) == (status, "")
    assert scene.unhealthy() == [] and scene.open_runs() == []


def test_an_upgrade_in_between_hands_it_on(scene: CloneScene) -> None:
    with somebody_in(scene) as old:
        run = scene.operator.play("upgrade_clone", deadline=2 * PATIENCE, octopus_clone_from="newest", octopus_clone_force=True)
    assert run.code == 0, run.output[-5000:]
    left(scene, old)
    removed(scene, "refreshed")


def test_one_that_finds_the_clone_unchanged_removes_it(scene: CloneScene) -> None:
    with somebody_in(scene) as old:
        run = scene.refresh(octopus_clone_force=True)
        assert run.code == 0, run.output[-5000:]
        left(scene, old)
        mark, new = scene.lab.ledger.mark(), scene.result()["database"]
        run = scene.refresh()
        assert run.code == 0 and f"nobody in {old}" in scene.result()["not_removed"], run.output[-5000:]
    removed(scene, "unchanged")
    assert scene.databases() == [new]
    for kind in ("sql.backup", "sql.restore", "msi", "service.state"):
        assert scene.lab.ledger.events(kind, since=mark) == []


def test_one_that_fails_keeps_it_in_mind(scene: CloneScene) -> None:
    with somebody_in(scene) as old:
        assert scene.refresh(octopus_clone_force=True).code == 0
    left(scene, old)
    scene.lab.faults.arm("service.fail_start", "octo-clone")
    run = scene.refresh(octopus_clone_force=True)
    scene.lab.faults.disarm()
    assert run.code == 21, run.output[-3000:]
    assert len(scene.databases()) == 2, "it has removed what was its own"
    removed(scene, "refreshed")


# -- removed when it is not wanted any more, with what refreshes have left, and nothing else is


def remove(scene: CloneScene, *arguments: str, **variables: object) -> Run:
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
    rehearsals = scene.points / "rehearsals"
    before = set(rehearsals.glob("*.json"))
    run = scene.operator.play("upgrade_clone", deadline=2 * PATIENCE, octopus_clone_from="newest", octopus_rehearsal_teardown=True)
    assert run.code == 0, run.output[-5000:]
    assert len(set(rehearsals.glob("*.json")) - before) == 1
    assert gone(scene) == []
