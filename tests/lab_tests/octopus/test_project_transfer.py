# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Project export and import over the API, new databases, and signing in: what the lab's server does of them."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from patience import patient

BASE = "/api/Spaces-1/projects/import-export"
PASSWORD = {"HasValue": True, "NewValue": "exp0rt"}


class Client:
    """Requests to the one server of a world."""

    def __init__(self, world: Any, key: str | None = None) -> None:
        self.url = world.instance.urls[world.host.name]
        self.session = requests.Session()
        if key != "":
            self.session.headers["X-Octopus-ApiKey"] = key or world.instance.api_key

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        return self.session.request(method, self.url + path, json=body, timeout=patient(20), **options)


def ends(here: Any, task: str) -> str:
    here.wait("task", task=task, state="Executing")
    event = here.ledger.wait_for(
        lambda event: event.kind == "octopus" and event.get("task") == task and event.get("state") in ("Success", "Failed"), patient(20)
    )
    return str(event["state"])


@pytest.fixture
def here(world: Any) -> Any:
    made = world("octo01", version="2025.3.14357")
    made.started()
    return made


def exported(here: Any, client: Client) -> bytes:
    answer = client.ask("POST", f"{BASE}/export", {"IncludedProjectIds": ["Projects-1"], "Password": PASSWORD})
    assert answer.status_code == 201, answer.text
    task = answer.json()["TaskId"]
    assert ends(here, task) == "Success"
    [artifact] = client.ask("GET", f"/api/Spaces-1/artifacts?regarding={task}").json()["Items"]
    assert artifact["Filename"].startswith("Octopus-Export-")
    data = client.ask("GET", artifact["Links"]["Content"]).content
    assert client.ask("DELETE", f"/api/Spaces-1/artifacts/{artifact['Id']}").status_code == 200
    assert client.ask("GET", artifact["Links"]["Content"]).status_code == 404
    assert "exp0rt" not in client.ask("GET", f"/api/tasks/{task}").text
    return data


def test_a_project_is_exported_and_imported_without_what_acts(here: Any) -> None:
    client = Client(here)
    data = exported(here, client)
    assert b"Server=db;Password=p1" not in data
    project = client.ask("GET", "/api/Spaces-1/projects/Projects-1").json()
    client.ask("PUT", "/api/Spaces-1/projects/Projects-1", {**project, "Name": "Former shop"})
    with here.instance.store() as store:
        before = {table: store.count(table) for table in ("Machine", "ProjectTrigger", "User", "Tenant", "Lifecycle")}
    uploaded = client.ask("POST", f"{BASE}/import-files", files={"fileData": ("a.zip", data)}).json()
    body = {"ImportSource": {"Type": "upload", "UploadedFileId": uploaded["Id"]}, "Password": PASSWORD}
    preview = client.ask("POST", f"{BASE}/import/preview", body).json()
    assert preview["Projects"] == [{"Name": "Web Shop", "Channels": ["Default"], "Runbooks": ["Restart"]}]
    wrong = client.ask("POST", f"{BASE}/import/preview", {**body, "Password": {"HasValue": True, "NewValue": "x"}})
    assert (wrong.status_code, "password" in wrong.text) == (400, True)
    assert ends(here, client.ask("POST", f"{BASE}/import", body).json()["TaskId"]) == "Success"
    with here.instance.store() as store:
        [made] = [one for one in store.documents("Project") if one["Name"] == "Web Shop"]
        assert made["Id"] not in ("Projects-1", "Projects-2")
        assert {table: store.count(table) for table in before} == before
        [values] = [one for one in store.documents("VariableSet") if one["OwnerId"] == made["Id"]]
        assert made["VariableSetId"] == values["Id"]
        assert store.secret(values["Variables"][0]["Value"]) == "Server=db;Password=p1"
        releases = [one for one in store.documents("Release") if one["ProjectId"] == made["Id"]]
        shells = [one for one in store.documents("Deployment") if one["ProjectId"] == made["Id"]]
        assert releases and {one["ReleaseId"] for one in shells} <= {one["Id"] for one in releases}
        assert all(one["TaskId"] is None for one in shells)
    # A second import finds the name taken.
    assert client.ask("POST", f"{BASE}/import/preview", body).json()["Projects"] == []


def test_only_a_space_manager_may(here: Any) -> None:
    limited = Client(here, here.instance.limited_key)
    assert limited.ask("POST", f"{BASE}/export", {"IncludedProjectIds": ["Projects-1"], "Password": PASSWORD}).status_code == 403
    assert Client(here).ask("POST", f"{BASE}/export", {"IncludedProjectIds": ["Projects-99"], "Password": PASSWORD}).status_code == 400
    assert Client(here).ask("POST", f"{BASE}/export", {"IncludedProjectIds": ["Projects-1"]}).status_code == 400


def test_an_import_that_refers_to_something_else_fails_with_a_fatal_line(here: Any) -> None:
    client = Client(here)
    with here.instance.store() as store:
        release = next(one for one in store.documents("Release") if one["ProjectId"] == "Projects-1")
        store.save("Release", {**release, "MissingReference": "Certificates-9"})
    data = exported(here, client)
    project = client.ask("GET", "/api/Spaces-1/projects/Projects-1").json()
    client.ask("PUT", "/api/Spaces-1/projects/Projects-1", {**project, "Name": "Former shop"})
    client.ask("POST", f"{BASE}/import-files", files={"fileData": ("a.zip", data)})
    # The vendor's script gives the name of the file.
    body = {"ImportSource": {"Type": "upload", "UploadedFileId": "a.zip"}, "Password": PASSWORD}
    task = client.ask("POST", f"{BASE}/import", body).json()["TaskId"]
    assert ends(here, task) == "Failed"
    assert "Fatal    |   Found unmapped Ids in document" in client.ask("GET", f"/api/tasks/{task}/raw").text


def test_signing_in_takes_the_header_and_a_key_is_told_once(here: Any) -> None:
    assert here.octopus("admin", "--username=boss", "--password=first").code == 0
    assert here.octopus("admin", "--username=both", "--password=p", "--apiKey=API-BOTH").code == 0
    client = Client(here, "")
    assert client.ask("POST", "/api/users/login", {"Username": "both", "Password": "p"}).status_code == 400  # issue 6629
    assert client.ask("POST", "/api/users/login", {"Username": "boss", "Password": "wrong"}).status_code == 400
    user = client.ask("POST", "/api/users/login", {"Username": "BOSS", "Password": "first"}).json()
    assert client.ask("GET", "/api/users/me").json()["Username"] == "boss"
    keys = f"/api/users/{user['Id']}/apikeys"
    assert client.ask("POST", keys, {"Purpose": "x"}).status_code == 400
    client.session.headers["X-Octopus-Csrf-Token"] = next(value for name, value in client.session.cookies.items() if "Csrf" in name)
    made = client.ask("POST", keys, {"Purpose": "x"}).json()
    assert here.get("/api/users/me", key=made["ApiKey"]).json()["Username"] == "boss"
    assert client.ask("GET", keys).json()["Items"][0]["ApiKey"] is None
    assert client.ask("PUT", f"/api/users/{user['Id']}", {"Password": "second"}).status_code == 200
    assert Client(here, "").ask("POST", "/api/users/login", {"Username": "boss", "Password": "first"}).status_code == 400
    assert client.ask("DELETE", f"{keys}/{made['Id']}").status_code == 204
    assert here.get("/api/users/me", key=made["ApiKey"]).status_code == 401
