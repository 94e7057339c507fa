# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_projects_export and octopus_projects_import against a server that says what it is told to."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.projects.transfer import Project, arrivals, chosen, telling
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version
from ansible_collections.octopus.upgrade.tests.unit.octopus_server import ROOT, Answer, FakeServer, Request
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

PASSWORD = "exp0rt; 's3cret"
BASE = "/api/Spaces-1/projects/import-export"
PLAIN, GIT = Project("Projects-1", "Web Shop", False), Project("Projects-2", "Infra", True)
KNOWN = {one.name: one for one in (PLAIN, GIT)}


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr(zipfile.ZipInfo("x.json"), "{}")
    return out.getvalue()


class Server(FakeServer):
    """A server of 2025.3 with one space, whose tasks end with their second look."""

    def __init__(self) -> None:
        super().__init__()
        self.answers["GET /api"] = {**ROOT, "Version": "2025.3.14357", "Links": {"Spaces": "/api/spaces{/id}"}}
        self.collection("/api/spaces", [{"Id": "Spaces-1", "Name": "Default", "IsDefault": True}])
        links = {
            "ExportProjects": f"{BASE}/export",
            "ImportProjects": f"{BASE}/import",
            "ProjectImportFiles": f"{BASE}/import-files",
            "ProjectImportPreview": f"{BASE}/import/preview",
        }
        self.answers["GET /api/Spaces-1"] = {"Id": "Spaces-1", "Links": links}
        self.projects: list[dict[str, Any]] = [{"Id": "Projects-1", "Name": "Web Shop"}, {"Id": "Projects-2", "Name": "Billing"}]
        self.collection("/api/Spaces-1/projects", self.projects)
        self.states = ["Queued", "Success"]
        self.collection("/api/Spaces-1/tasks", [])
        for kind in ("export", "import"):
            self.answers[f"POST {BASE}/{kind}"] = Answer({"TaskId": "ServerTasks-7"}, 201)
        self.answers["GET /api/Spaces-1/tasks/ServerTasks-7"] = self.task
        self.answers["GET /api/Spaces-1/tasks/ServerTasks-7/raw"] = Answer(
            b"10:00 Info | Import\n10:01 Fatal | Found unmapped Ids in document Releases-9\nlast", headers={"Content-Type": "text/plain"}
        )
        artifact = {
            "Id": "Artifacts-3",
            "Filename": "Octopus-Export-1.zip",
            "Links": {"Content": "/api/Spaces-1/artifacts/Artifacts-3/content"},
        }
        self.collection("/api/Spaces-1/artifacts", [artifact])
        self.answers["GET /api/Spaces-1/artifacts/Artifacts-3/content"] = Answer(zipped())
        self.answers["DELETE /api/Spaces-1/artifacts/Artifacts-3"] = {}
        self.answers[f"POST {BASE}/import-files"] = Answer({"Id": "up-1", "FileName": "projects.zip"}, 201)
        self.answers[f"POST {BASE}/import/preview"] = {"Projects": [{"Name": "Web Shop", "Channels": ["Default"], "Runbooks": []}]}

    def task(self, _request: Request) -> dict[str, Any]:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"Id": "ServerTasks-7", "Description": "Transfer", "State": state, "IsCompleted": state not in ("Queued", "Executing")}


@pytest.fixture
def server() -> Iterator[Server]:
    fake = Server()
    yield fake
    fake.close()


def export(server: Server, folder: Path, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    given = {
        "url": server.url,
        "api_key": "API-SECRET",
        "allow_http": True,
        "password": PASSWORD,
        "dest": str(folder / "projects.zip"),
        "timeout": 20,
    }
    result = run_module("octopus_projects_export", check_mode, **(given | {"projects": ["Web Shop"]} | options))
    assert PASSWORD not in json.dumps({name: value for name, value in result.items() if name != "invocation"})
    return result


def imported(server: Server, folder: Path, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    given = {
        "url": server.url,
        "api_key": "API-SECRET",
        "allow_http": True,
        "password": PASSWORD,
        "src": str(folder / "projects.zip"),
        "timeout": 20,
    }
    return run_module("octopus_projects_import", check_mode, **(given | options))


def test_an_export_is_downloaded_and_removed_from_the_server(server: Server, tmp_path: Path) -> None:
    result = export(server, tmp_path)
    assert (result["changed"], result["projects"], result["task"]) == (True, ["Web Shop"], "ServerTasks-7")
    assert "packages" in result["not_carried"]
    [asked] = server.sent("POST", f"{BASE}/export")
    assert asked.body == {"IncludedProjectIds": ["Projects-1"], "Password": {"HasValue": True, "NewValue": PASSWORD}}
    assert len(server.sent("DELETE", "/api/Spaces-1/artifacts/Artifacts-3")) == 1
    file = tmp_path / "projects.zip"
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (zipped(), 0o600)
    assert list(tmp_path.iterdir()) == [file]


def test_an_interrupted_export_waits_for_its_task(server: Server, tmp_path: Path) -> None:
    server.answers["GET /api/Spaces-1/artifacts/Artifacts-3/content"] = Answer({"ErrorMessage": "gone"}, 500)
    assert "500" in export(server, tmp_path)["msg"]
    server.answers["GET /api/Spaces-1/artifacts/Artifacts-3/content"] = Answer(zipped())
    server.answers["DELETE /api/Spaces-1/artifacts/Artifacts-3"] = Answer({"ErrorMessage": "no"}, 500)
    assert "500" in export(server, tmp_path)["msg"]
    # The file is there, and only the artifact is left.
    server.answers["DELETE /api/Spaces-1/artifacts/Artifacts-3"] = {}
    server.answers["GET /api/Spaces-1/artifacts/Artifacts-3/content"] = Answer({"ErrorMessage": "gone"}, 500)
    assert export(server, tmp_path)["changed"] is True
    assert len(server.sent("POST", f"{BASE}/export")) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["projects.zip"]


def test_another_password_is_another_export(server: Server, tmp_path: Path) -> None:
    server.answers["GET /api/Spaces-1/artifacts/Artifacts-3/content"] = Answer({"ErrorMessage": "gone"}, 500)
    export(server, tmp_path)
    export(server, tmp_path, password="another")
    assert len(server.sent("POST", f"{BASE}/export")) == 2


def test_check_mode_exports_nothing(server: Server, tmp_path: Path) -> None:
    assert export(server, tmp_path, check_mode=True)["projects"] == ["Web Shop"]
    assert not server.sent("POST")
    assert "Nope do not exist" in export(server, tmp_path, check_mode=True, projects=["Web Shop", "Nope"])["msg"]
    assert "expected the space Else, but found Default (Spaces-1)" in export(server, tmp_path, space="Else")["msg"]
    assert list(tmp_path.iterdir()) == []


def test_a_server_without_export_is_refused(server: Server, tmp_path: Path) -> None:
    server.answers["GET /api"] = {**server.answers["GET /api"], "Version": "2020.6.4722"}
    assert "Octopus.Migrator.exe" in export(server, tmp_path)["msg"]
    server.answers["GET /api"] = {**server.answers["GET /api"], "Version": "2021.3.8275"}
    server.answers["GET /api/Spaces-1"] = {"Id": "Spaces-1", "Links": {}}
    assert export(server, tmp_path)["changed"] is True  # at the paths of the vendor's scripts


def test_a_failed_task_is_told_by_its_fatal_lines(server: Server, tmp_path: Path) -> None:
    (tmp_path / "projects.zip").write_bytes(zipped())
    server.projects.clear()
    server.states = ["Failed"]
    said = imported(server, tmp_path)["msg"]
    assert "Found unmapped Ids in document Releases-9" in said
    assert "last" not in said.split("|")
    assert "Web Shop" in said
    assert [path.name for path in tmp_path.iterdir()] == ["projects.zip"]


def test_an_import_is_previewed_first_and_compared_afterwards(server: Server, tmp_path: Path) -> None:
    (tmp_path / "projects.zip").write_bytes(zipped())
    shop = server.projects.pop(0)
    check = imported(server, tmp_path, check_mode=True)
    assert (check["changed"], check["imported"], check["task"]) == (True, ["Web Shop"], None)
    assert check["preview"]["Projects"][0]["Channels"] == ["Default"]
    assert not server.sent("POST", f"{BASE}/import")

    assert "have not arrived" in imported(server, tmp_path)["msg"]
    assert b'name="fileData"; filename="projects.zip"' in server.sent("POST", f"{BASE}/import-files")[-1].body
    body = {"ImportSource": {"Type": "upload", "UploadedFileId": "up-1"}, "Password": {"HasValue": True, "NewValue": PASSWORD}}
    assert server.sent("POST", f"{BASE}/import")[0].body == server.sent("POST", f"{BASE}/import/preview")[0].body == body

    def arrives(_request: Request) -> Answer:
        server.projects.append(shop)
        return Answer({"TaskId": "ServerTasks-7"}, 201)

    server.answers[f"POST {BASE}/import"] = arrives
    result = imported(server, tmp_path, projects=["Web Shop"])
    assert (result["changed"], result["imported"], result["existing"], result["task"]) == (True, ["Web Shop"], [], "ServerTasks-7")

    before = len(server.requests)
    again = imported(server, tmp_path, projects=["Web Shop"])
    assert (again["changed"], again["existing"]) == (False, ["Web Shop"])
    assert not [request for request in server.requests[before:] if request.method == "POST"]


def test_an_interrupted_import_waits_for_its_task(server: Server, tmp_path: Path) -> None:
    (tmp_path / "projects.zip").write_bytes(zipped())
    shop = server.projects.pop(0)
    server.states = ["Queued"]
    assert "is Queued after 0.1 seconds" in imported(server, tmp_path, timeout=0.1)["msg"]
    server.states = ["Success"]
    server.projects.append(shop)
    assert imported(server, tmp_path)["imported"] == ["Web Shop"]
    assert len(server.sent("POST", f"{BASE}/import")) == 1
    assert len(server.sent("POST", f"{BASE}/import-files")) == 1


def test_what_another_control_node_imports_is_not_imported_twice(server: Server, tmp_path: Path) -> None:
    """Its note is on that control node; the server's tasks tell, whatever theirs is called."""
    (tmp_path / "projects.zip").write_bytes(zipped())
    shop = server.projects.pop(0)
    asked = 0

    def tasks(_request: Request) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        if asked == 3:
            server.projects.append(shop)
        rows = [{"Id": "ServerTasks-9", "Name": "Health", "State": "Executing"}]
        rows += [{"Id": "ServerTasks-8", "Name": "X", "State": "Queued"}] if asked < 3 else []
        return {"Items": rows, "TotalResults": len(rows)}

    server.answers["GET /api/Spaces-1/tasks"] = tasks
    result = imported(server, tmp_path, projects=["Web Shop"])
    assert (result["changed"], result["existing"], asked) == (False, ["Web Shop"], 3)
    assert not server.sent("POST")
    server.collection("/api/Spaces-1/tasks", [{"Id": "ServerTasks-8", "Name": "X", "State": "Queued"}])
    assert "there is still ServerTasks-8 (X, Queued). Nothing was imported" in imported(server, tmp_path, timeout=0.1)["msg"]


def test_an_older_server_is_refused_before_anything_is_uploaded(server: Server, tmp_path: Path) -> None:
    (tmp_path / "projects.zip").write_bytes(zipped())
    assert "exported from 2025.4.1, and this server has 2025.3.14357" in imported(server, tmp_path, source_version="2025.4.1")["msg"]
    assert not server.sent("POST")


@pytest.mark.parametrize(
    ("version", "allow", "said"),
    [("2025.2.5600", True, "came with 2025.2.5601"), ("2025.2.5601", False, "allow_git: true"), ("2021.1", False, "came with")],
)
def test_git_projects_are_refused_by_name(version: str, allow: bool, said: str) -> None:
    with pytest.raises(OctopusError, match=f"Infra are version-controlled.*{said}"):
        chosen(KNOWN, ["Web Shop", "Infra"], Version.parse(version), allow)


def test_git_projects_can_be_wanted() -> None:
    assert chosen(KNOWN, ["Infra", "Web Shop", "Infra"], Version.parse("2025.2.5601"), True) == [GIT, PLAIN]


def test_a_log_without_fatal_lines_is_quoted_from_its_end() -> None:
    assert telling(["a", "", "b", "c", "d"]) == ["b", "c", "d"]
    assert telling(["x", " FATAL: y ", "z"]) == ["FATAL: y"]


def test_what_was_there_before_has_not_arrived() -> None:
    assert arrivals(["a", "b", "c"], ["b"], ["a", "b"]) == (["a"], ["b"], ["c"])
