# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_baseline_info and octopus_verify: what is lost is found, what versions change is not called a loss."""

from __future__ import annotations

import json

import pytest
from ansible_collections.octopus.upgrade.tests.unit.octopus_server import ROOT, Answer, FakeServer
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

PNG = {"Content-Type": "image/png"}


class Octopus(FakeServer):
    """A server with three projects, of which one has a logo of its own, three packages, five tasks and an artifact."""

    def __init__(self) -> None:
        super().__init__()
        self.projects = [{"Id": f"Projects-{number}", "Name": f"Project {number}", "Links": {}} for number in (1, 2, 3)]
        self.packages = [("Web", "1.0.0"), ("Web", "1.0.1"), ("Db", "2.0")]
        self.tasks = [
            {"Id": f"ServerTasks-{number}", "Description": f"Task {number}", "IsCompleted": number < 5} for number in (5, 4, 3, 2, 1)
        ]
        self.fill("/api")

    def fill(self, start: str) -> None:
        self.collection(f"{start}/projects", self.projects)
        self.collection(f"{start}/environments", [{"Id": "Environments-1"}])
        for project in self.projects:
            own = project["Id"] == "Projects-2"
            self.answers[f"GET {start}/projects/{project['Id']}/logo"] = Answer(b"own" if own else b"shipped", headers=PNG)
        rows = [
            {"Id": f"packages-{name}.{version}", "PackageId": name, "Version": version, "Links": {"Raw": f"{start}/raw/{name}.{version}"}}
            for name, version in self.packages
        ]
        self.collection(f"{start}/packages", rows)
        for row in rows:
            self.answers[f"GET {row['Links']['Raw']}"] = Answer(f"content of {row['Id']}".encode())
        self.collection(f"{start}/artifacts", [{"Id": "Artifacts-1", "Links": {"Content": f"{start}/artifacts/Artifacts-1/content"}}])
        self.answers[f"GET {start}/artifacts/Artifacts-1/content"] = Answer(b"artifact")
        self.collection("/api/tasks", self.tasks)
        for task in self.tasks:
            self.answers[f"GET /api/tasks/{task['Id']}/raw"] = Answer(
                f"log of {task['Id']}".encode(), headers={"Content-Type": "text/plain"}
            )
        self.collection("/api/users", [{"Id": "Users-1"}])
        self.collection("/api/events", [{"Id": f"Events-{number}"} for number in range(9)])

    def upgrade(self, version: str) -> None:
        """Become a server with spaces, whose packages have other ids, and that has run a task since."""
        self.answers = {"GET /api": {**ROOT, "Version": version, "Links": {"Self": "/api", "Spaces": "/api/spaces{/id}{?skip}"}}}
        self.collection("/api/spaces", [{"Id": "Spaces-1", "Name": "Default"}])
        self.tasks = [{"Id": "ServerTasks-6", "IsCompleted": True}, *self.tasks]
        self.fill("/api/Spaces-1")


@pytest.fixture
def octopus():
    server = Octopus()
    yield server
    server.close()


def count(server, **options):
    return run_module("octopus_baseline_info", url=server.url, api_key="API-SECRET", allow_http=True, **options)


def verify(server, baseline):
    return run_module("octopus_verify", url=server.url, api_key="API-SECRET", allow_http=True, baseline=baseline)


@pytest.fixture
def before(octopus):
    return count(octopus)["baseline"]


def test_baseline_counts_and_really_reads(octopus, before):
    assert before["version"] == "2018.10.7"
    assert before["counts"] == {
        "Spaces-1": {"artifacts": 1, "environments": 1, "packages": 3, "projects": 3},
        "server": {"events": 9, "tasks": 5, "users": 1},
    }
    samples = before["samples"]
    assert [project["name"] for project in samples["projects"]] == ["Project 1", "Project 2", "Project 3"]
    assert [log["id"] for log in samples["task_logs"]] == ["ServerTasks-1"], "the oldest one"
    assert samples["logos"][0]["own"] is True
    assert samples["logos"][0]["project"] == "Projects-2"
    assert (samples["packages"][0]["id"], samples["packages"][0]["version"]) == ("Web", "1.0.1")
    assert json.loads(json.dumps(before)) == before


def test_the_same_server_is_the_same(octopus, before):
    result = verify(octopus, before)
    assert result["differences"] == []
    assert result["changed"] is False
    assert result["evidence"]["projects_read"] == 3
    assert result["evidence"]["package"]["version"] == "1.0.1"


def test_across_spaces_the_default_space_is_what_there_was(octopus, before):
    octopus.upgrade("2021.1.8045")
    result = verify(octopus, before)
    assert "failed" not in result, result
    assert result["differences"] == [{"space": "server", "what": "tasks", "before": 5, "after": 6, "lost": False}]


def lost(octopus, before):
    result = verify(octopus, before)
    assert result["failed"]
    return [(entry["space"], entry["what"]) for entry in result["differences"] if entry["lost"]], result["msg"]


def test_a_missing_document_is_a_loss(octopus, before):
    octopus.collection("/api/environments", [])
    found, message = lost(octopus, before)
    assert found == [("Spaces-1", "environments")]
    assert "Spaces-1: environments: 1 before, 0 now" in message


def test_a_project_that_cannot_be_opened_is_a_loss(octopus, before):
    octopus.answers["GET /api/projects/Projects-1"] = Answer({"ErrorMessage": "Sequence contains no elements"}, 500)
    found, message = lost(octopus, before)
    assert found == [("Spaces-1", "project Project 1")]
    assert "Sequence contains no elements" in message


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/api/tasks/ServerTasks-1/raw", ("server", "task log ServerTasks-1")),
        ("/api/raw/Web.1.0.1", ("Spaces-1", "package Web")),
        ("/api/artifacts/Artifacts-1/content", ("Spaces-1", "artifact Artifacts-1")),
        ("/api/projects/Projects-2/logo", ("Spaces-1", "logo Projects-2")),
    ],
)
@pytest.mark.parametrize("answer", [Answer({"ErrorMessage": "not found"}, 404), Answer(b"", headers=PNG)])
def test_a_file_that_is_gone_or_empty_is_a_loss(octopus, before, path, what, answer):
    octopus.answers[f"GET {path}"] = answer
    assert lost(octopus, before)[0] == [what]


@pytest.mark.parametrize("path", ["/api/raw/Web.1.0.1", "/api/artifacts/Artifacts-1/content", "/api/projects/Projects-2/logo"])
def test_other_content_is_a_loss(octopus, before, path):
    octopus.answers[f"GET {path}"] = Answer(b"something else", headers=PNG)
    assert "SHA-256" in lost(octopus, before)[1]


def test_a_logo_that_is_no_picture_is_a_loss(octopus, before):
    octopus.answers["GET /api/projects/Projects-2/logo"] = Answer(b"own", headers={"Content-Type": "text/html"})
    assert lost(octopus, before)[0] == [("Spaces-1", "logo Projects-2")]


def test_a_log_that_is_shown_differently_is_no_loss(octopus, before):
    octopus.answers["GET /api/tasks/ServerTasks-1/raw"] = Answer(b"log, new layout", headers={"Content-Type": "text/plain"})
    result = verify(octopus, before)
    assert [(entry["what"], entry["lost"]) for entry in result["differences"]] == [("task log ServerTasks-1", False)]


def test_a_space_that_is_gone_is_a_loss(octopus, before):
    octopus.upgrade("2021.1.8045")
    octopus.collection("/api/spaces", [{"Id": "Spaces-2", "Name": "Other"}])
    assert ("Spaces-1", "project Project 1") in lost(octopus, before)[0]


@pytest.mark.parametrize(("version", "is_lost"), [("2021.1.8045", True), ("2025.4.10423", False)])
def test_fewer_events_are_no_loss_where_they_are_archived(octopus, before, version, is_lost):
    octopus.upgrade(version)
    octopus.collection("/api/events", [])
    result = verify(octopus, before)
    assert [entry["lost"] for entry in result["differences"] if entry["what"] == "events"] == [is_lost]


def test_a_file_that_was_lost_before_is_not_chosen(octopus):
    del octopus.answers["GET /api/raw/Web.1.0.1"]
    assert count(octopus)["evidence"]["package"]["version"] == "2.0"


def test_more_samples_and_an_empty_server(octopus):
    assert len(count(octopus, samples=3)["baseline"]["samples"]["packages"]) == 3
    octopus.projects, octopus.packages, octopus.tasks = [], [], []
    octopus.fill("/api")
    assert count(octopus)["evidence"]["projects_read"] == 0


def test_nothing_is_written(octopus, before):
    verify(octopus, before)
    assert {request.method for request in octopus.requests} == {"GET"}
