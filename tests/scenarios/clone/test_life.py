# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One clone, from its first refresh to its removal: its lock, what interrupted refreshes leave, and how it is removed. The tests run in this order.

Making a clone is expensive, so each test continues with the clone that the ones before it have made.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyodbc
import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import drivers
from lab.estate import SINGLE, CloneSpec
from lab.octopus import register
from lab.windows.firewall import Rule, ranges
from scenarios.chaos.case import lock_owner
from scenarios.chaos.controller import Controller, elsewhere
from scenarios.clone.scene import CloneScene, MakeCloneScene
from scenarios.clone.test_rounds import ROUNDS
from scenarios.operator import DEADLINE, Run
from scenarios.rollback.scene import PATIENCE, failed_with, said

pytestmark = pytest.mark.timeout(1500)

CLONE = CloneSpec("copy", "single", ("octo-clone",))


@pytest.fixture(scope="module")
def scene(make_scene: MakeCloneScene) -> CloneScene:
    scene = make_scene(SINGLE, CLONE)
    scene.be_quiet()  # one restore point serves every refresh
    return scene


# -- not begun


def test_check_mode_shows_what_would_be_done(scene: CloneScene) -> None:
    mark = scene.lab.ledger.mark()
    run = scene.operator.play("backup")  # the restore point to make it from
    assert run.code == 0, run.output[-3000:]
    # Forced, so that the source would get another one: none is created in check mode, and the plan is shown for the one that there is.
    run = scene.operator.play("refresh_clone", "--check", octopus_clone_force=True)
    assert run.code == 0, run.output[-5000:]
    assert len(scene.point_ids()) == 1
    assert "now: no clone" in said(run)
    assert scene.databases() == [] and scene.folders() == [] and scene.left_over() == []
    assert not [event for event in scene.lab.ledger.events("msi", since=mark) if event.machine == "octo-clone"]


def test_a_clone_of_an_unknown_source_is_not_begun(scene: CloneScene) -> None:
    run = scene.refresh(octopus_clone_of="nobody")
    assert run.code == 20, run.output[-3000:]
    assert scene.result()["status"] == "not_started"
    text = failed_with(run)
    assert "Nothing of the clone was begun" in text and "The clone copy is as it was" in text, text
    assert scene.databases() == []


# -- its lock: released by a refresh that cannot begin, and lost by one that another control node takes over


def test_a_refresh_that_cannot_begin_its_journal_releases_the_lock(scene: CloneScene) -> None:
    operator = scene.another_operator("blocked")
    operator.folder.joinpath("octopus-runs").mkdir()
    operator.folder.joinpath("octopus-runs", CLONE.name).write_text("no folder\n")
    run = scene.refresh(operator)
    assert run.code == 20, run.output[-3000:]
    assert "octopus_run_dir" in failed_with(run)
    assert scene.result(operator)["status"] == "not_started"
    assert scene.left_over() == [] and scene.databases() == []


@pytest.mark.skipif(not elsewhere(), reason="this computer gives no process a namespace of its own, so all are of one control node")
def test_a_refresh_that_is_taken_over_stops_where_it_is(scene: CloneScene, tmp_path: Path) -> None:
    second = scene.another_operator("second")
    with Controller(scene.operator, "refresh_clone", tmp_path / "first.txt") as first:
        _wait_for_step(scene, first, "clone.folders")
        first.pause()
        with Controller(second, "refresh_clone", tmp_path / "refused.txt", another=True) as refused:
            assert refused.wait(DEADLINE) and refused.code, refused.output[-3000:]
            owner = lock_owner(refused.output)
        for log in ("second.txt", "third.txt"):
            with Controller(second, "refresh_clone", tmp_path / log, another=True, octopus_break_lock=owner) as taking:
                assert taking.wait(DEADLINE), taking.output[-5000:]
            # Where the first was just writing to its job's folder, Windows lets nobody remove that until it has closed its shell.
            if "A file in it is in use" not in taking.output:
                break
        assert taking.code == 0, taking.output[-5000:]
        mark = scene.lab.ledger.mark()
        first.go_on()
        assert first.wait(DEADLINE) and first.code, first.output[-3000:]
    assert "Another control node has broken the lock of the clone copy" in " ".join(first.output.split()), first.output[-5000:]
    assert [event for event in scene.lab.ledger.events("service.state", since=mark) if event.get("by") == "sc"] == []
    # It does nothing more once it is told, so it also leaves the job by which it was looking at a folder just then.
    assert [one for one in scene.unhealthy(second) if "folders-place-" not in one] == []


def _wait_for_step(scene: CloneScene, controller: Controller, step: str) -> None:
    while step not in scene.steps():
        assert not controller.ended and controller.seconds < DEADLINE, controller.output[-3000:]
        time.sleep(0.05)


# -- what interrupted refreshes leave, and what cannot be removed because somebody uses it: reported, and removed later, whatever happens in between


@contextmanager
def somebody_in(scene: CloneScene, name: str) -> Iterator[None]:
    """Open a session in a database of the clone's, as a person who looks at it does."""
    driver = drivers.find("auto", pyodbc.drivers())
    address, password = scene.clone.sql.machine.address, scene.clone.secrets.sql_password
    connection = pyodbc.connect(
        f"DRIVER={{{driver.name}}};SERVER={address},1433;UID=octopus_upgrade;PWD={{{password}}};Encrypt=yes;TrustServerCertificate=yes",
        autocommit=True,
    )
    try:
        connection.execute(f"USE [{name}]")
        yield
    finally:
        connection.close()


def left(scene: CloneScene, old: str) -> None:
    """Check that a refresh ended well, has left the old clone's database, and says so."""
    result = scene.result()
    assert result["status"] == "refreshed", result
    assert f"Expected nobody to be using {old} " in result["not_removed"], result
    assert scene.serves() and scene.databases() == sorted((old, result["database"]))


def test_what_two_interruptions_leave_is_removed_but_not_what_somebody_uses(scene: CloneScene, tmp_path: Path) -> None:
    """The first is killed while it cleans up after a failure, the second when it has just begun; the third resumes that one."""
    [old] = scene.databases()
    with somebody_in(scene, old):
        scene.lab.faults.arm("service.fail_start", "octo-clone")
        scene.kill_at("clone.cleanup.0", tmp_path / "first.txt", octopus_clone_force=True)
        scene.lab.faults.disarm()
        assert len(scene.databases()) == 2, "it was too fast"
        scene.kill_at("clone.stage", tmp_path / "second.txt", octopus_clone_force=True)
        run = scene.refresh()
        assert run.code == 0, run.output[-5000:]
        left(scene, old)
        assert scene.open_runs() == [], "the superseded run has ended too"
        run = scene.refresh()
        assert run.code == 0 and f"nobody to be using {old} " in scene.result()["not_removed"], run.output[-5000:]


def test_a_refresh_that_fails_hands_on_what_is_left(scene: CloneScene) -> None:
    """In the end, a refresh that finds the clone unchanged removes what is left, as soon as nobody uses it. In `make clone-rounds`, an upgrade too."""
    maintenance = scene.look().maintenance
    [old] = [name for name in scene.databases() if name != scene.result()["database"]]
    with somebody_in(scene, old):
        scene.lab.faults.arm("service.fail_start", "octo-clone")
        run = scene.refresh(octopus_clone_force=True)
        scene.lab.faults.disarm()
        assert (run.code, scene.result()["exit_status"]) == (21, 21), run.output[-3000:]
        assert len(scene.databases()) == 2, "it has removed what it had made itself"
        assert scene.serves(), "the clone that it was to replace is in service"
        assert scene.look().maintenance == maintenance, "the source is as it was"
        if ROUNDS:
            _rehearse(scene, old)
        else:
            run = scene.refresh()  # of the restore point that the one that failed has made
            assert run.code == 0, run.output[-5000:]
            left(scene, old)
    mark, new = scene.lab.ledger.mark(), scene.result()["database"]
    run = scene.refresh()
    assert run.code == 0, run.output[-5000:]
    assert (scene.result()["status"], scene.result()["not_removed"]) == ("unchanged", "")
    assert scene.unhealthy() == [] and scene.open_runs() == [] and scene.databases() == [new]
    for kind in ("sql.backup", "sql.restore", "msi", "service.state"):
        assert scene.lab.ledger.events(kind, since=mark) == []


def _rehearse(scene: CloneScene, old: str) -> None:
    """An upgrade of the clone hands on what is left; the rest of it is in test_rehearsal.py."""
    known = set(scene.journals())
    run = scene.operator.play("upgrade_clone", deadline=2 * PATIENCE, octopus_clone_from="newest", octopus_clone_force=True)
    assert run.code == 0, run.output[-5000:]
    left(scene, old)
    assert scene.host.program_info(f"{register.PROGRAM_FOLDER}\\{register.EXE}")["version"] == SINGLE.target
    assert len(set(scene.journals()) - known) == 2, "the refresh before it is a run of its own"
    upgraded = scene.result()["database"]
    with somebody_in(scene, upgraded):
        run = scene.refresh()
        assert run.code == 0, run.output[-5000:]
        left(scene, upgraded)  # and the one before it is removed


# -- removed with what refreshes have left, and nothing else with it


def remove(scene: CloneScene, *arguments: str, **variables: Any) -> Run:
    return scene.operator.play("remove_clone", *arguments, callbacks="octopus.upgrade.exit_status", **variables)


def test_check_mode_shows_what_would_be_removed(scene: CloneScene) -> None:
    run = remove(scene, "--check")
    assert run.code == 0, run.output[-3000:]
    for words in (
        "the instance OctopusServer on octo-clone",
        f"the database {scene.databases()[0]}",
        "the folder C:\\OctopusClones\\copy\\",
    ):
        assert words in said(run), said(run)
    assert scene.unhealthy() == []


def test_an_instance_that_is_not_a_clone_is_not_removed(scene: CloneScene) -> None:
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
    assert f"found one on the database {scene.spec.database}, which never was" in failed_with(run)
    assert scene.touched(mark) == [] and scene.unlike(before) == []
    assert scene.databases() != [] and scene.serves()


def test_an_interrupted_removal_is_completed_by_the_next(scene: CloneScene, tmp_path: Path) -> None:
    # As octopus_clone_outbound leaves it (test_refresh.py).
    scene.host.firewall.add(Rule(f"octopus.upgrade-outbound-{CLONE.name}-{'0' * 12}", frozenset(), ranges("192.0.2.0/24"), outbound=True))
    scene.kill_at("clone.cleanup.0", tmp_path / "killed.txt", playbook="remove_clone")
    assert scene.databases() != [], "it was too fast"
    run = remove(scene)
    assert run.code == 0, run.output[-5000:]
    assert scene.remains() == []
    assert scene.result()["status"] == "removed"


def test_a_second_removal_changes_nothing(scene: CloneScene) -> None:
    run = remove(scene)
    assert run.code == 0 and "copy: nothing to remove" in said(run), run.output[-3000:]
    assert "changed=0 " in run.output, run.output[-500:]
