# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a test instance has, and what must not be there; and the settings of its space."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api import space_settings
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.projects.contents import wrong
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.projects.pending import Pending
from ansible_collections.octopus.upgrade.tests.unit.octopus_server import ROOT, Answer, FakeServer
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

FOUND: dict[str, Any] = {
    "thumbprint": "AA",
    "projects": ["Billing", "Web Shop"],
    "machines": 0,
    "workers": 0,
    "triggers": 0,
    "live_triggers": [],
}
WANTED = ["Web Shop", "Billing"]
ARTIFACT = "/api/Spaces-1/artifacts/Artifacts-3"


class Server(FakeServer):
    def __init__(self) -> None:
        super().__init__()
        self.answers["GET /api"] = {**ROOT, "Version": "2025.3.14357", "Links": {"Spaces": "/api/spaces{/id}"}}
        self.space = {"Id": "Spaces-1", "Name": "Default", "IsDefault": True, "TaskQueueStopped": False, "SpaceManagersTeamMembers": []}
        self.collection("/api/spaces", [self.space])
        self.answers["GET /api/spaces/Spaces-1"] = lambda _request: self.space
        self.answers["PUT /api/spaces/Spaces-1"] = self.change
        self.answers["GET /api/users/me"] = {"Id": "Users-2", "Username": "octopus-upgrade"}
        self.answers["GET /api/configuration/certificates/certificate-global"] = {"Thumbprint": "aa"}
        self.collection("/api/Spaces-1/projects", [{"Id": "Projects-1", "Name": "Web Shop"}, {"Id": "Projects-2", "Name": "Billing"}])
        for name in ("machines", "workers", "projecttriggers"):
            self.collection(f"/api/Spaces-1/{name}", [])

    def change(self, request: Any) -> dict[str, Any]:
        self.space = dict(request.body)
        return self.space


@pytest.fixture
def server() -> Iterator[Server]:
    fake = Server()
    yield fake
    fake.close()


def verify(server: Server, **options: Any) -> dict[str, Any]:
    return run_module("octopus_test_instance_verify", url=server.url, api_key="API-1", allow_http=True, wanted=WANTED, **options)


@pytest.mark.parametrize(
    ("changes", "options", "said"),
    [
        ({}, {}, ""),
        ({"thumbprint": "BB"}, {}, "instead of AA: this is another server"),
        ({"thumbprint": "CC"}, {"own": None}, "CC, which another server has too"),
        ({"projects": ["Billing"]}, {"nothing_else": False}, "the projects Web Shop are missing"),
        ({"projects": [*FOUND["projects"], "Intranet"]}, {}, "the projects Intranet are there"),
        ({"projects": [*FOUND["projects"], "Intranet"], "machines": 3}, {"nothing_else": False}, ""),
        ({"machines": 1}, {}, "there are 1 deployment targets"),
        ({"workers": 2}, {}, "there are 2 workers"),
        # What cannot be told is not none.
        ({"machines": None}, {}, "does not tell how many deployment targets"),
        ({"triggers": None}, {}, "does not tell which triggers"),
        ({"triggers": 1}, {}, ""),
        ({"triggers": 1, "live_triggers": ["Redeploy"]}, {}, "the triggers Redeploy are enabled"),
    ],
)
def test_what_is_wrong(changes: dict[str, Any], options: dict[str, Any], said: str) -> None:
    found = wrong({**FOUND, **changes}, WANTED, **{"own": "aa", "others": ["cc"], "nothing_else": True, **options})
    assert said in "; ".join(found) if said else found == []


def test_the_server_is_asked_in_all_its_spaces(server: Server) -> None:
    assert verify(server, thumbprint="AA")["wrong"] == []
    more = {"Id": "Spaces-2", "Name": "More", "IsDefault": False}
    server.collection("/api/spaces", [server.space, more])
    server.collection("/api/Spaces-2/projects", [])
    server.collection("/api/Spaces-2/machines", [{"Id": "Machines-9", "Name": "web-01"}])
    server.collection("/api/Spaces-2/projecttriggers", [{"Id": "ProjectTriggers-1", "Name": "Nightly", "IsDisabled": False}])
    refused = verify(server)
    assert "there are 1 deployment targets; the triggers Nightly are enabled" in refused["msg"] and refused["machines"] == 1
    told = verify(server, refuse=False)
    assert not told.get("failed") and len(told["wrong"]) == 2


# -- the space


def test_the_queue_is_stopped_once_and_read_back(server: Server) -> None:
    asked: dict[str, Any] = {"url": server.url, "api_key": "API-1", "allow_http": True, "task_queue": "stopped", "manage": True}
    assert run_module("octopus_space", check_mode=True, **asked)["properties"] == ["TaskQueueStopped", "SpaceManagersTeamMembers"]
    assert server.space["TaskQueueStopped"] is False
    assert run_module("octopus_space", **asked)["changed"] is True
    assert (server.space["TaskQueueStopped"], server.space["SpaceManagersTeamMembers"]) == (True, ["Users-2"])
    assert run_module("octopus_space", **asked)["changed"] is False
    server.answers["PUT /api/spaces/Spaces-1"] = lambda _request: server.space
    assert "still reports the former value" in run_module("octopus_space", **{**asked, "task_queue": "running"})["msg"]


def test_a_space_without_a_queue_is_not_changed(server: Server) -> None:
    del server.space["TaskQueueStopped"]
    told = run_module("octopus_space", url=server.url, api_key="API-1", allow_http=True, task_queue="stopped")
    assert "does not have TaskQueueStopped. Nothing was changed" in told["msg"]
    assert space_settings.wanted({"TaskQueueStopped": True, "SpaceManagersTeamMembers": None}, None, None) == {}


# -- what an export leaves


def discard(server: Server, dest: Path, check_mode: bool = False) -> dict[str, Any]:
    return run_module(
        "octopus_projects_export", check_mode, url=server.url, api_key="API-1", allow_http=True, dest=str(dest), state="absent"
    )


def test_an_export_is_removed_on_both_sides(server: Server, tmp_path: Path) -> None:
    dest = tmp_path / "projects.zip"
    assert discard(server, dest)["changed"] is False
    dest.write_bytes(b"x")
    Pending(str(dest), "import", {}).write({"task": "ServerTasks-9"})
    Pending(str(dest), "export", {"url": server.url, "space": "Spaces-1"}).write({"task": "ServerTasks-7"})
    assert discard(server, dest, check_mode=True)["changed"] is True and dest.exists()
    server.answers["GET /api/Spaces-1/tasks/ServerTasks-7"] = {"Id": "ServerTasks-7", "IsCompleted": False}
    assert "has not ended" in discard(server, dest)["msg"] and dest.exists()
    server.answers["GET /api/Spaces-1/tasks/ServerTasks-7"] = {"Id": "ServerTasks-7", "IsCompleted": True}
    server.collection("/api/Spaces-1/artifacts", [{"Id": "Artifacts-3", "Filename": "Octopus-Export-1.zip"}])
    server.answers[f"DELETE {ARTIFACT}"] = Answer({})
    assert discard(server, dest)["changed"] is True
    assert list(tmp_path.iterdir()) == []
    assert [request.path for request in server.requests if request.method == "DELETE"] == [ARTIFACT]


def test_another_server_is_not_asked_to_remove_what_one_has(server: Server, tmp_path: Path) -> None:
    dest = tmp_path / "projects.zip"
    Pending(str(dest), "export", {"url": "https://other.example.com", "space": "Spaces-1"}).write({"task": "ServerTasks-7"})
    assert "was begun on https://other.example.com" in discard(server, dest)["msg"]
