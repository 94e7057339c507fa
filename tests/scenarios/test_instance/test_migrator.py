# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A test instance of a source that cannot export projects over its API: Octopus.Migrator.exe carries them over.

``make test`` has the source of 2018.10. With ``OCTOPUS_TEST_OLD_SOURCES=all`` there are also one that exports one project at a time and has neither
workers nor triggers that can be disabled (3.17), and one with spaces (2020.5). The tests run in this order, each with what the ones before it have left.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.estate import CloneSpec, InstanceSpec, Lab
from lab.octopus import register, versions
from scenarios.clone.scene import CloneScene
from scenarios.operator import Run
from scenarios.rollback.scene import PATIENCE, failed_with, said

pytestmark = pytest.mark.timeout(1800)

PROJECTS = ("Web Shop", "Intranet")  # the first has an enabled trigger, the second makes releases by itself
DATABASE = "Octopus trial"
OLD = {"3.17.14": "2018.10.7", "2018.10.7": "2021.1.8045", "2020.5.7": "2021.1.8045"}  # what each is upgraded to
SOURCES = tuple(OLD) if os.environ.get("OCTOPUS_TEST_OLD_SOURCES") == "all" else ("2018.10.7",)
PLACE = CloneSpec("trial", "old", ("octo-trial",), projects=PROJECTS)


@pytest.fixture(scope="module", params=SOURCES)
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloneScene]:
    folder: Path = tmp_path_factory.mktemp("old-source")
    source = InstanceSpec("old", request.param, ("octo-old",), "sql01", target=OLD[request.param], seed=5)
    with Lab(folder / "lab", source, PLACE, scale=40.0) as lab:
        yield CloneScene(lab, source, PLACE, folder)


def play(scene: CloneScene, *arguments: str, playbook: str = "test_instance", **variables: Any) -> Run:
    return scene.operator.play(playbook, *arguments, deadline=2 * PATIENCE, callbacks="octopus.upgrade.exit_status", **variables)


def result(scene: CloneScene) -> dict[str, Any]:
    return dict(json.loads((scene.operator.folder / "octopus-runs" / "trial.test.json").read_text()))


def folders(scene: CloneScene) -> dict[str, Any]:
    """What a user has to say of the server folders before 4.1, which tells them nowhere."""
    known = {"logs": "TaskLogs", "artifacts": "Artifacts", "packages": "Packages"}
    old = not versions.has(scene.spec.version, "folders_named")
    return {"octopus_folders": {name: f"C:\\Octopus\\{folder}" for name, folder in known.items()}} if old else {}


def in_maintenance(scene: CloneScene) -> bool:
    with scene.instance.handle.store() as store:
        return store.maintenance()


def left_at_source(scene: CloneScene) -> list[str]:
    """Jobs and files of the export, on the source's host and on the share."""
    host = scene.instance.hosts[0]
    found = [f"the scheduled task {task.name}" for task in host.tasks.all() if task.name.lower().startswith("\\octopus.upgrade\\")]
    found += [str(path) for path in host.root.joinpath("C", "ProgramData", "octopus.upgrade").glob("jobs/*")]
    share = scene.lab.backup_share.volume.root
    return found + [str(path) for path in share.rglob("*") if "projects" in path.name or path.name == "octopus-migrator-export"]


def password_of(scene: CloneScene, since: int) -> set[str]:
    """The passwords in the arguments of the program."""
    told = [line for event in scene.lab.ledger.events("process.start", since=since) if "Migrator.exe" in (line := str(event.fields))]
    return {found for line in told for found in re.findall(r"--password=([A-Za-z0-9_-]+)", line)}


def test_what_it_cannot_do_is_refused(scene: CloneScene) -> None:
    mark, before = scene.lab.ledger.mark(), scene.look()
    run = play(scene, "--check", octopus_test_projects=["Web Shop", "Nothing"])
    assert run.code == 20 and "Nothing do not exist" in failed_with(run), run.output[-3000:]
    run = play(scene, "--check")
    assert run.code == 0 and f"trial, a test instance of old: to be created at {scene.spec.version}" in said(run), run.output[-3000:]
    assert scene.databases() == [] and scene.remains() == [] and scene.unlike(before) == []
    assert [event for event in scene.lab.ledger.events("rest", since=mark) if event["method"] != "GET"] == []


def test_only_the_chosen_projects_arrive_and_nothing_acts(scene: CloneScene, tmp_path: Path) -> None:
    """The control node dies while it imports them, and the next run goes on there."""
    mark = scene.lab.ledger.mark()
    scene.kill_at("test.partial_import", tmp_path / "killed.txt", playbook="test_instance")
    assert not in_maintenance(scene)
    run = play(scene, **folders(scene))
    assert run.code == 0, run.output[-5000:]
    assert scene.steps().count("test.partial_export") == 1 and scene.steps().count("test.partial_import") == 2
    target = scene.spec.target
    with scene.clone.store(DATABASE, target) as store:
        projects = store.documents("Project")
        assert sorted(one["Name"] for one in projects) == sorted(PROJECTS)
        assert [store.count(name) for name in ("Machine", "Worker", "Subscription", "Deployment")] == [0, 0, 0, 0]
        assert (store.count("Release") == 0) is versions.at_least(scene.spec.version, "2018.9"), "there was no --ignore-history before"
        triggers = store.documents("ProjectTrigger")
        assert [one["Name"] for one in triggers] == (["Redeploy"] if versions.at_least(scene.spec.version, "2018.4") else [])
        assert all(one["IsDisabled"] for one in triggers) and not any(one["AutoCreateRelease"] for one in projects)
        if versions.has(scene.spec.version, "spaces"):
            assert store.documents("Space")[0]["TaskQueueStopped"] is True
        else:
            assert all(one["IsDisabled"] for one in projects)
    # Between the import and the start nothing ran on it, and on the source maintenance mode was on and is off again.
    asked = [
        event["path"] for event in scene.lab.ledger.events("rest", since=mark) if event["method"] == "PUT" and event.machine == "octo-old"
    ]
    assert len(asked) == 2 and not in_maintenance(scene), asked
    assert left_at_source(scene) == [] and scene.left_over() == [] and scene.open_runs() == []
    # Upgraded, verified, and told what could not come along.
    assert scene.host.program_info(f"{register.PROGRAM_FOLDER}\\{register.EXE}")["version"] == target and scene.serves()
    found = result(scene)
    assert (found["status"], found["projects"]) == ("created", list(PROJECTS)) and "packages" in found["not_carried"], found
    alone = any("exported by itself" in one for one in found["not_carried"])
    assert alone is not versions.at_least(scene.spec.version, "2018.10")
    # The password is in the arguments of the program, and nowhere else.
    passwords = password_of(scene, mark)
    assert len(passwords) == 1, passwords
    kept = [path for path in scene.operator.folder.rglob("octopus-runs/**/*") if path.is_file()]
    assert not [path for path in kept if passwords & set(path.read_text(errors="replace").split())]
    assert next(iter(passwords)) not in run.output and list(scene.told_secrets(run)) == []


def test_removed_after_a_kill_it_leaves_no_trace(scene: CloneScene, tmp_path: Path) -> None:
    """The control node dies during an export for another one, and nobody wants that any more. Maintenance mode was on before."""
    with scene.instance.handle.store() as store:
        store.set_maintenance(on=True)
    scene.kill_at("test.partial_export", tmp_path / "killed.txt", playbook="test_instance", octopus_test_force=True)
    run = play(scene, playbook="remove_test_instance")
    assert run.code == 0, run.output[-5000:]
    assert in_maintenance(scene) and left_at_source(scene) == [] and scene.remains() == [] and scene.open_runs() == []
    run = play(scene, playbook="remove_test_instance")
    assert run.code == 0 and "trial: nothing to remove" in said(run) and "changed=0 " in run.output, run.output[-3000:]
