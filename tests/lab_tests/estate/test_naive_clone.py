# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A clone that was made by hand does to the world what its source does; one whose rows were edited first does nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from lab.core.ledger import Event
from lab.estate import CLUSTER, DEMO, CloneSpec, InstanceSpec, Lab, LabClone
from lab.octopus.folders import ROW
from lab_tests.estate import naive
from lab_tests.octopus.silencers import SILENCERS, Rows, column
from patience import patient

WAIT = patient(60.0)
NEWER = replace(CLUSTER, name="source", version="2025.3.14357", dangers=True)
OLDER = replace(DEMO, name="source", dangers=True)
CLONE = CloneSpec("copy", "source", ("octo-copy",), sql="sql-copy")
EVERYWHERE = {"target", "worker", "server", "cloud", "mail", "integration", "machine policy", "telemetry", "upgrade check", "acme"}
# What an upgrade's rehearsal has ten minutes of lab time for.
MINUTES = 10


@contextmanager
def _clone(folder: Path, source: InstanceSpec) -> Iterator[tuple[Lab, LabClone]]:
    with Lab(folder, source, CLONE, scale=60) as lab:
        clone = lab.clones["copy"]
        naive.restore(lab, clone, "Copy")
        naive.join(clone, clone.hosts[0], "Copy")
        yield lab, clone
    assert [crash for host in clone.hosts for crash in host.crashes] == []


def _did(lab: Lab, machine: str, mark: int) -> set[str]:
    events = lab.ledger.events("contact", machine=machine, since=mark)
    return {event["what"] for event in events} | {event.kind for event in lab.ledger.events("retention", machine=machine, since=mark)}


def _until(lab: Lab, wanted: set[str], mark: int) -> None:
    """Wait until the clone has done each of that once."""
    left = set(wanted)

    def seen(event: Event) -> bool:
        if event.machine == "octo-copy" and event.kind in ("contact", "retention"):
            left.discard(event.get("what", event.kind))
        return not left

    try:
        lab.ledger.wait_for(seen, WAIT, mark)
    except TimeoutError:
        pytest.fail(f"it did not: {sorted(left)}")


def test_a_clone_of_a_new_version_does_everything_also_to_its_sources_files(tmp_path: Path) -> None:
    with _clone(tmp_path / "lab", NEWER) as (lab, clone):
        mark = lab.ledger.mark()
        naive.start(lab, clone.hosts[0])
        _until(lab, EVERYWHERE | {"feed", "release", "git", "audit", "retention"}, mark)
        source = lab.instances["source"]
        with source.handle.store() as store, clone.store("Copy") as copy:
            assert "prod-roaming-01" in {row["Name"] for row in store.documents("Machine")}
            assert "prod-roaming-01" not in {row["Name"] for row in copy.documents("Machine")}
            scheduled = {row["Id"] for row in copy.documents("ServerTask") if ", run " in row["Description"]}
            lab.ledger.wait_for(lambda event: event.machine == "octo-copy" and event.get("task") in scheduled, WAIT, mark)
            paths = {event["path"] for event in lab.ledger.events("retention", machine="octo-copy")}
            assert paths and all(path.startswith("\\\\nas\\octopus-source\\Packages\\") for path in paths)
            assert {event["installation_id"] for event in lab.ledger.events("contact", what="telemetry", since=mark)} == {
                store.installation_id()
            }


def test_a_clone_of_an_old_version_does_what_that_version_can(tmp_path: Path) -> None:
    with _clone(tmp_path / "lab", OLDER) as (lab, clone):
        mark = lab.ledger.mark()
        naive.start(lab, clone.hosts[0])
        _until(lab, EVERYWHERE | {"retention"}, mark)


def test_with_its_rows_edited_it_does_nothing(tmp_path: Path) -> None:
    """And with task queue stopped: the tasks whose time has come stay where they are."""
    with _clone(tmp_path / "lab", NEWER) as (lab, clone):
        database = clone.sql.database("Copy")
        assert database is not None
        rows = Rows(database.connect())
        for edits in SILENCERS.values():
            next(iter(edits.values()))(rows)
        column("Space", TaskQueueStopped=1)(rows)
        rows.connection.close()
        mark = lab.ledger.mark()
        naive.start(lab, clone.hosts[0])
        lab.clock.sleep(MINUTES * 60)
        assert _did(lab, "octo-copy", mark) == set()
        assert _did(lab, "octo-a", mark) | _did(lab, "octo-b", mark) >= {"target", "mail", "feed", "retention"}
        tasks = lab.ledger.events("octopus", machine="octo-copy", since=mark, what="task")
        assert {"Retention", "Health"} <= {event["name"] for event in tasks} <= {"Retention", "Health", "SystemIntegrityCheck"}
        with clone.store("Copy") as store:
            overdue = [task for task in store.where("ServerTask", State="Queued") if task["QueueTime"] < lab.clock.now().isoformat()]
            assert any("Production, run" in task["Description"] for task in overdue)


def test_a_push_makes_a_release_and_a_change_is_a_commit(tmp_path: Path) -> None:
    with _clone(tmp_path / "lab", NEWER) as (lab, clone):
        naive.start(lab, clone.hosts[0])
        key = {"X-Octopus-ApiKey": clone.secrets.api_key}

        def call(method: str, path: str, **options: Any) -> requests.Response:
            return requests.request(method, clone.url + path, headers=key, verify=str(lab.ca_path), timeout=patient(20), **options)

        package = {"files": {"fileData": ("Lab.Intranet.9.1.0.nupkg", b"PK new")}}
        mark = lab.ledger.mark()
        answer = call("POST", "/api/packages/raw", **package)
        assert answer.status_code == 201 and call("POST", "/api/packages/raw", **package).status_code == 409
        assert call("GET", answer.json()["Links"]["Raw"]).content == b"PK new"
        made = [event for event in lab.ledger.events("contact", "octo-copy", mark, what="release") if event["version"] == "9.1.0"]
        assert [event["project"] for event in made] == ["Intranet"]
        project = call("GET", "/api/projects/Projects-2").json()
        assert call("PUT", "/api/projects/Projects-2", json=project).status_code == 200
        assert [event["project"] for event in lab.ledger.events("contact", "octo-copy", mark, what="git", action="commit")] == ["Billing"]
        intranet = call("GET", "/api/projects/Projects-3").json()
        assert call("PUT", "/api/projects/Projects-3", json=intranet | {"AutoCreateRelease": False}).status_code == 200
        package["files"]["fileData"] = ("Lab.Intranet.9.2.0.nupkg", b"PK newer")
        assert call("POST", "/api/packages/raw", **package).status_code == 201
        assert call("POST", "/api/packages/raw", files={"fileData": ("readme.txt", b"")}).status_code == 400
        assert not [event for event in lab.ledger.events("contact", "octo-copy", mark, what="release") if event["version"] == "9.2.0"]


@pytest.mark.parametrize("source", [NEWER, OLDER])
def test_paths_are_set_while_the_service_is_stopped(tmp_path: Path, source: InstanceSpec) -> None:
    with _clone(tmp_path / "lab", source) as (lab, clone):
        host, live = clone.hosts[0], lab.instances["source"]
        before = naive.settings(host)
        assert before["Octopus.Folders.PackagesDirectory"] == naive.settings(live.hosts[0])["Octopus.Folders.PackagesDirectory"]
        result = naive.octopus(
            host, "path", "--nugetRepository=C:\\Copy\\Packages", "--artifacts=C:\\Copy\\Artifacts", "--taskLogs=C:\\Copy\\Logs"
        )
        assert result.code == 0, result.err
        after = naive.settings(host)
        assert {name: value for name, value in after.items() if before.get(name) != value} == {
            "Octopus.Folders.PackagesDirectory": "C:\\Copy\\Packages",
            "Octopus.Folders.ArtifactsDirectory": "C:\\Copy\\Artifacts",
            "Octopus.Folders.LogDirectory": "C:\\Copy\\Logs",
        }
        with clone.store("Copy") as copy, live.handle.store() as store:
            assert (copy.configuration(ROW) or {})["PackagesDirectory"] == "C:\\Copy\\Packages"
            assert (store.configuration(ROW) or {})["PackagesDirectory"] == before["Octopus.Folders.PackagesDirectory"]
