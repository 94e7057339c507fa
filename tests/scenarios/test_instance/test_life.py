# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One test instance, from the plan to its removal. The tests run in this order, each with what the ones before it have left.

OCTOPUS_TEST_SOURCE is the version of the source; the nightly workflow tells the same story with the first one that can export projects.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lab.core.ledger import Event
from lab.estate import SINGLE as NEWER
from lab.estate import CloneSpec, Lab
from lab.octopus import register
from lab.octopus.store import Store
from scenarios.clone.scene import CloneScene
from scenarios.operator import Run
from scenarios.rollback.scene import PATIENCE, failed_with, said

pytestmark = pytest.mark.timeout(1500)

# The inventory names its version, and leaves the path to the plan.
OLDER = replace(NEWER, version="2021.1.8045", target="2025.3.14357", wanted="")
SINGLE = {one.version: one for one in (NEWER, OLDER)}[os.environ.get("OCTOPUS_TEST_SOURCE", NEWER.version)]
PROJECTS = ("Web Shop", "Billing")
PLACE = CloneSpec("trial", SINGLE.name, ("octo-trial",), projects=PROJECTS)
DATABASE = "Octopus trial"
NONE = dict.fromkeys(("Machine", "Worker", "ProjectTrigger", "Subscription"), 0)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloneScene]:
    folder: Path = tmp_path_factory.mktemp("test-instance")
    with Lab(folder / "lab", SINGLE, PLACE, scale=40.0) as lab:
        yield CloneScene(lab, SINGLE, PLACE, folder)


def play(scene: CloneScene, *arguments: str, playbook: str = "test_instance", **variables: Any) -> Run:
    return scene.operator.play(playbook, *arguments, deadline=2 * PATIENCE, callbacks="octopus.upgrade.exit_status", **variables)


def result(scene: CloneScene) -> dict[str, Any]:
    return dict(json.loads((scene.operator.folder / "octopus-runs" / "trial.test.json").read_text()))


def folder(scene: CloneScene) -> Path:
    """What the control node has of it."""
    return scene.operator.folder / "octopus-runs" / "trial" / "test-instance"


def writes(scene: CloneScene, since: int) -> list[str]:
    """What was changed on the source: over its API, by a command, in a file of its own or by a statement."""

    def told(event: Event) -> str:
        path = str(event.get("path"))
        return (
            f"{event['method']} {path.partition('/import-export/')[2] or path}" if event.kind == "rest" else f"{event.kind} {event.fields}"
        )

    def touches(event: Event) -> bool:
        if event.machine not in SINGLE.nodes:
            return False
        return event.kind in ("winrm.command", "msi") or (event.kind == "rest" and event["method"] != "GET")

    return [told(event) for event in scene.lab.ledger.events(since=since) if touches(event)]


def chosen(source: Store) -> set[str]:
    return {one["Id"] for one in source.documents("Project") if one["Name"] in PROJECTS}


def released(scene: CloneScene) -> dict[str, str]:
    """Id and hash of the packages that the projects' releases have selected, and of the newest one of each step."""
    with scene.instance.handle.store() as source:
        there = {one["Id"]: one for one in source.documents("NuGetPackage")}
        names = {one["Id"]: f"Lab.{one['Name'].replace(' ', '')}" for one in source.documents("Project") if one["Name"] in PROJECTS}
        ids = {
            f"packages-{names[one['ProjectId']]}.{package['Version']}"
            for one in source.documents("Release")
            for package in one["SelectedPackages"]
            if one["ProjectId"] in names
        }
        for name in names.values():
            ids.add(max((one for one in there.values() if one["PackageId"] == name), key=lambda one: str(one["Published"]))["Id"])
        return {one: there[one]["Hash"] for one in ids}


def left_on_source(scene: CloneScene) -> list[str]:
    """Exports, and files that were uploaded."""
    with scene.instance.handle.store() as source:
        found = [str(one["Filename"]) for one in source.documents("Artifact") if str(one["Filename"]).startswith("Octopus-Export-")]
        return found + list((source.configuration("project-import-files") or {}).get("Files") or {})


def test_check_mode_shows_what_would_be_done(scene: CloneScene) -> None:
    mark = scene.lab.ledger.mark()
    run = play(scene, "--check", octopus_test_packages=True)
    assert run.code == 0, run.output[-5000:]
    assert f"trial, a test instance of single: to be created at {SINGLE.version}" in said(run), said(run)
    assert f"{len(released(scene))} packages of the projects to copy" in " ".join(said(run).split()), said(run)
    assert scene.databases() == [] and scene.remains() == [] and writes(scene, mark) == []


def test_only_the_chosen_projects_arrive_and_are_upgraded(scene: CloneScene, tmp_path: Path) -> None:
    """The control node dies while it imports them, and the next run goes on there."""
    mark, before = scene.lab.ledger.mark(), scene.look()
    scene.kill_at("test.import", tmp_path / "killed.txt", playbook="test_instance", octopus_test_packages=True)
    run = play(scene, octopus_test_packages=True)
    assert run.code == 0, run.output[-5000:]
    # The source: one export, of which nothing is left, and nothing else.
    assert writes(scene, mark)[0] == "POST export" and len(writes(scene, mark)) == 2, writes(scene, mark)
    assert writes(scene, mark)[1].startswith("DELETE /api/Spaces-1/artifacts/"), writes(scene, mark)
    assert [line.split()[0] for line in sorted(scene.unlike(before))] == ["ServerTask", "folder"], (
        "the task, and the empty folder of its artifact"
    )
    steps = scene.steps()
    assert [steps.count(name) for name in ("test.create", "test.packages", "test.export", "test.import", "test.contents")] == [
        1,
        1,
        1,
        2,
        1,
    ], steps
    with scene.clone.store(DATABASE, SINGLE.target) as store, scene.instance.handle.store() as source:
        assert sorted(one["Name"] for one in store.documents("Project")) == sorted(PROJECTS)
        assert {name: store.count(name) for name in NONE} == NONE
        assert store.documents("Space")[0]["TaskQueueStopped"] is True
        assert {one["Id"]: one["Hash"] for one in store.documents("NuGetPackage")} == released(scene)
        assert all(store.package(one) == source.package(one) for one in store.documents("NuGetPackage"))
        assert store.count("Release") == sum(one["ProjectId"] in chosen(source) for one in source.documents("Release")), "none made itself"
        own, other = (dict(one.configuration("certificate") or {})["Thumbprint"] for one in (store, source))
        assert own != other
    # Upgraded by the same steps, and what could not be carried over is told.
    assert scene.host.program_info(f"{register.PROGRAM_FOLDER}\\{register.EXE}")["version"] == SINGLE.target
    assert scene.serves() and scene.databases() == [DATABASE] and scene.left_over() == [] and scene.open_runs() == []
    found = result(scene)
    assert (found["status"], found["version"], found["projects"]) == ("created", SINGLE.version, list(PROJECTS)), found
    made, upgraded = run.records("trial")
    assert made["evidence"]["not_carried"] == found["not_carried"] != [] and upgraded["verdict"] == "upgraded"
    assert made["evidence"]["machines"] == 0 and made["evidence"]["live_triggers"] == []
    [kept] = (scene.operator.folder / "octopus-runs" / SINGLE.name / "rehearsals").iterdir()
    tested = json.loads(kept.read_text())
    assert (tested["kind"], tested["from_version"], tested["to_version"], tested["verdict"]) == (
        *("test_instance", SINGLE.version, SINGLE.target),
        "upgraded",
    ), "the source's plan tells of it"
    assert list(scene.told_secrets(run)) == []
    assert sorted(path.name for path in folder(scene).iterdir()) == ["api-key.vault", "license.vault"], "the exported file is gone"


def test_a_second_run_has_nothing_to_do(scene: CloneScene) -> None:
    mark, known = scene.lab.ledger.mark(), len(scene.journals())
    run = play(scene)
    assert run.code == 0 and "changed=0 " in run.output, run.output[-5000:]
    assert result(scene)["status"] == "unchanged" and len(scene.journals()) == known
    assert writes(scene, mark) == [] and scene.lab.ledger.events("service.state", since=mark) == []


def test_an_instance_that_is_none_is_not_touched(scene: CloneScene) -> None:
    """Somebody has the address of the source's host there, as when two are mixed up; or wants other projects of what people test in."""
    mark, before = scene.lab.ledger.mark(), scene.look()
    live = scene.instance
    there: dict[str, Any] = {
        "ansible_host": live.hosts[0].address,
        "ansible_user": f"LAB\\{SINGLE.name}-admin",
        "ansible_password": live.secrets.winrm_password,
        "octopus_instance_name": "OctopusServer",
    }
    run = play(scene, playbook="remove_test_instance", **there)
    assert run.code == 20 and f"it uses the database {SINGLE.database}" in failed_with(run), run.output[-3000:]
    assert scene.touched(mark) == [] and scene.unlike(before) == []
    run = play(scene, octopus_test_projects=["Web Shop", "Intranet"])
    assert run.code == 20 and "it does not have Intranet" in failed_with(run), run.output[-3000:]
    assert scene.serves()


def test_it_is_made_anew_on_request(scene: CloneScene) -> None:
    """With an older program, another database and another certificate, and with what is asked for now."""
    with scene.clone.store(DATABASE, SINGLE.target) as store:
        old = dict(store.configuration("certificate") or {})["Thumbprint"]
    run = play(scene, octopus_test_force=True, octopus_test_projects=["Intranet"], octopus_version=SINGLE.version)
    assert run.code == 0, run.output[-5000:]
    assert scene.databases() == [DATABASE] and scene.serves() and scene.left_over() == [] and result(scene)["status"] == "created"
    assert left_on_source(scene) == []
    with scene.clone.store(DATABASE) as store:
        assert [one["Name"] for one in store.documents("Project")] == ["Intranet"]
        assert dict(store.configuration("certificate") or {})["Thumbprint"] != old
    assert scene.host.program_info(f"{register.PROGRAM_FOLDER}\\{register.EXE}")["version"] == SINGLE.version


def test_it_is_removed_without_a_trace(scene: CloneScene, tmp_path: Path) -> None:
    """The control node dies when the instance is gone and its database is not."""
    mark = scene.lab.ledger.mark()
    scene.kill_at("test.drop", tmp_path / "killed.txt", playbook="remove_test_instance")
    run = play(scene, playbook="remove_test_instance")
    assert run.code == 0, run.output[-5000:]
    assert scene.remains() == [] and scene.open_runs() == [] and result(scene)["status"] == "removed"
    assert not folder(scene).exists() and writes(scene, mark) == [] and left_on_source(scene) == []
    run = play(scene, playbook="remove_test_instance")
    assert run.code == 0 and "trial: nothing to remove" in said(run) and "changed=0 " in run.output, run.output[-3000:]
