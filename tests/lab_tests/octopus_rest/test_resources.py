# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Collections: pages, one, changes, secrets, files, dashboards."""

from __future__ import annotations

import hashlib

import pytest
from lab_tests.octopus_rest.memory_store import DEPLOYER, PNG


def test_pages_lead_through_the_whole_collection(server):
    url, seen, pages = "/api/Spaces-1/projects?take=10", [], 0
    while url:
        page = server.json(url)
        assert (page["TotalResults"], page["ItemsPerPage"], page["NumberOfPages"]) == (35, 10, 4)
        seen += [project["Id"] for project in page["Items"]]
        url, pages = page["Links"].get("Page.Next"), pages + 1
    assert pages == 4
    assert sorted(seen) == sorted(f"Projects-{number}" for number in range(1, 36))
    assert len(server.json("/api/Spaces-1/projects")["Items"]) == 30
    assert len(server.json("/api/Spaces-1/projects/all")) == 35
    assert server.json("/api/Spaces-1/projects", take=0)["TotalResults"] == 35
    assert server.json("/api/Spaces-1/projects", partialName="shop 3")["TotalResults"] == 7


def test_without_a_space_the_default_one_is_meant(server):
    assert server.json("/api/projects", take=1)["TotalResults"] == 35
    assert server.get("/api/projects/Projects-90").status_code == 404
    assert server.json("/api/Spaces-2/projects/Projects-90")["Links"]["Self"] == "/api/Spaces-2/projects/Projects-90"
    server.store.tables["Space"]["Spaces-1"]["IsDefault"] = False
    assert server.get("/api/projects").status_code == 400
    assert server.get("/api/Spaces-1/projects").status_code == 200


def test_before_spaces_there_is_no_trace_of_them(serve):
    server = serve("2018.10.7")
    assert server.get("/api/spaces").status_code == 404
    assert server.get("/api/Spaces-1/projects").status_code == 404
    project = server.json("/api/projects/Projects-1")
    assert "SpaceId" not in project
    assert project["Links"]["Self"] == "/api/projects/Projects-1"
    assert "SpaceId" not in server.json("/api/tasks/ServerTasks-1")
    assert server.get("/api/runbooks").status_code == 404


def test_secrets_are_never_shown_and_survive_a_change(server):
    account = server.json("/api/Spaces-1/accounts/Accounts-1")
    assert (account["AccessKey"], account["SecretKey"]) == ("AKIA", {"HasValue": True, "NewValue": None})
    server.call("PUT", "/api/Spaces-1/accounts/Accounts-1", json={**account, "Name": "renamed"})
    held = server.store.tables["Account"]["Accounts-1"]
    assert (held["Name"], held["SecretKey"]) == ("renamed", "cipher|text")
    variables = server.json("/api/Spaces-1/variables/variableset-Projects-1")
    assert [one["Value"] for one in variables["Variables"]] == ["seen", None]
    server.call("PUT", "/api/Spaces-1/variables/variableset-Projects-1", json=variables)
    assert server.store.tables["VariableSet"]["variableset-Projects-1"]["Variables"][1]["Value"] == "cipher|text"


def test_disable_a_target_and_a_trigger(server):
    for path, table in (("machines/Machines-1", "Machine"), ("projecttriggers/ProjectTriggers-1", "ProjectTrigger")):
        body = server.json(f"/api/Spaces-1/{path}")
        assert server.call("PUT", f"/api/Spaces-1/{path}", json={**body, "IsDisabled": "true"}).status_code == 400
        assert server.call("PUT", f"/api/Spaces-1/{path}", json={**body, "IsDisabled": True}).json()["IsDisabled"] is True
        row = server.store.tables[table][path.rpartition("/")[2]]
        assert (row["IsDisabled"], "Links" in row) == (True, False)
    assert server.json("/api/Spaces-1/machines", isDisabled="true")["TotalResults"] == 1
    assert server.json("/api/Spaces-1/projects/Projects-1/triggers")["TotalResults"] == 1


def test_stop_the_queue_of_a_space(server):
    space = server.json("/api/spaces/Spaces-2")
    assert server.call("PUT", "/api/spaces/Spaces-2", json={**space, "TaskQueueStopped": True}).json()["TaskQueueStopped"] is True
    assert server.store.tables["Space"]["Spaces-2"]["TaskQueueStopped"] is True
    assert server.call("PUT", "/api/spaces/Spaces-2", json={**space, "IsDefault": True}).status_code == 400


def test_a_deployment_makes_a_task(server):
    body = {"ReleaseId": "Releases-1", "EnvironmentId": "Environments-1"}
    answer = server.call("POST", "/api/Spaces-1/deployments", json=body)
    assert answer.status_code == 201
    task = server.json(f"/api/tasks/{answer.json()['TaskId']}")
    assert (task["Name"], task["State"], task["Description"]) == ("Deploy", "Queued", "Deploy Shop 1 release 1.0.0 to Production")
    assert server.call("POST", "/api/Spaces-1/deployments", DEPLOYER, json=body).status_code == 403
    board = server.json("/api/Spaces-1/dashboard")
    assert [(one["ReleaseVersion"], one["State"]) for one in board["Items"]] == [("1.0.0", "Queued")]


def test_add_and_remove(server):
    made = server.call("POST", "/api/Spaces-2/projects", json={"Name": "New", "SpaceId": "Spaces-1"})
    assert (made.status_code, made.json()["SpaceId"]) == (201, "Spaces-2")
    assert server.call("DELETE", made.headers["Location"]).status_code == 200
    assert server.get(made.headers["Location"]).status_code == 404
    assert server.call("POST", "/api/Spaces-2/projects", json={}).status_code == 400


def test_events_are_of_all_spaces_that_one_may_see(server):
    assert server.json("/api/events", regarding="Projects-1")["TotalResults"] == 1
    assert server.json("/api/events", regarding="Projects-2")["TotalResults"] == 0
    assert server.json("/api/Spaces-2/events")["TotalResults"] == 0
    assert server.get("/api/events", key=DEPLOYER).status_code == 403
    assert server.call("POST", "/api/events", json={"Name": "x"}).status_code == 405


# -- files


@pytest.mark.parametrize("start", ["/api/Spaces-1", "/api"])
def test_a_package_is_its_file(server, start):
    found = server.json(f"{start}/packages", nuGetPackageId="shop.web")
    raw = server.get(found["Items"][0]["Links"]["Raw"])
    assert hashlib.sha256(raw.content).digest() == hashlib.sha256(b"PK package").digest()
    assert raw.headers["Content-Disposition"] == 'attachment; filename="Shop.Web.1.0.0.nupkg"'
    assert server.json(f"{start}/packages", nuGetPackageId="other")["TotalResults"] == 0
    del server.store.files["packages-Shop.Web.1.0.0"]
    assert server.get(found["Items"][0]["Links"]["Raw"]).status_code == 404


def test_an_artifact_is_its_file(server):
    artifact = server.json("/api/Spaces-1/artifacts", regarding="ServerTasks-1")["Items"][0]
    assert server.get(artifact["Links"]["Content"]).content == b"report"
    del server.store.files["Artifacts-1"]
    assert server.get(artifact["Links"]["Content"]).status_code == 404


def test_a_logo_of_its_own_must_be_there_the_default_one_always_is(server):
    project = server.json("/api/Spaces-1/projects/Projects-1")
    default = server.get(project["Links"]["Logo"])
    assert (default.status_code, default.headers["Content-Type"]) == (200, "image/png")
    server.store.tables["Project"]["Projects-1"]["LogoContentType"] = "image/png"
    assert server.get(project["Links"]["Logo"]).status_code == 404
    server.store.files["Projects-1"] = PNG
    assert server.get(project["Links"]["Logo"]).content == PNG
