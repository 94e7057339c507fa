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
            {"Id": f"ServerTasks-{number}", "Name": "Deploy", "Description": f"Task {number}", "IsCompleted": number < 5}
            for number in (5, 4, 3, 2, 1)
        ]
        self.events = [{"Id": f"Events-{number}"} for number in range(9, 0, -1)]
        self.triggers = [{"Id": "ProjectTriggers-1", "Name": "Nightly", "IsDisabled": True}, {"Id": "ProjectTriggers-2", "Name": "Daily"}]
        self.machines = [{"Id": "Machines-1", "Name": "web-1", "HealthStatus": "Healthy"}]
        self.fill("/api")

    def fill(self, start: str) -> None:
        self.collection(f"{start}/projects", self.projects)
        self.collection(f"{start}/environments", [{"Id": "Environments-1"}])
        for project in self.projects:
            own = project["Id"] == "Projects-2"
            self.answers[f"GET {start}/projects/{project['Id']}/logo"] = Answer(b"own" if own else b"shipped", headers=PNG)
        rows = self.index(start)
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
        self.collection(f"{start}/projecttriggers", self.triggers)
        self.collection(f"{start}/machines", self.machines)
        self.answers[f"GET {start}/dashboard"] = {"Projects": self.projects, "Items": [{}, {}]}
        self.collection("/api/users", [{"Id": "Users-1", "Username": "dora", "Links": {"Permissions": "/api/users/Users-1/permissions"}}])
        self.answers["GET /api/users/Users-1/permissions"] = {"Permissions": {"ProjectView": [], "TaskView": []}}
        self.collection("/api/events", self.events)
        roles = [
            {"Id": "userroles-viewer", "Name": "Viewer", "CanBeDeleted": False, "GrantedPermissions": ["ProjectView", "TaskView"]},
            {"Id": "UserRoles-7", "Name": "Release crew", "CanBeDeleted": True, "GrantedPermissions": ["ProjectView", "ReleaseEdit"]},
        ]
        self.collection("/api/userroles", roles)
        self.team = {"Id": "Teams-1", "Name": "Crew", "MemberUserIds": ["Users-1"], "UserRoleIds": ["UserRoles-7", "userroles-viewer"]}
        self.collection("/api/teams", [self.team])
        node = {"Id": "OctopusServerNodes-a", "Name": "OCTO-A", "IsOffline": False, "LastSeen": "2026-11-30T10:00:00Z"}
        self.answers["GET /api/octopusservernodes/summary"] = {"Nodes": [node]}
        self.collection("/api/octopusservernodes", [node])

    def index(self, start: str) -> list:
        """The rows of the packages."""
        return [
            {"Id": f"packages-{name}.{version}", "PackageId": name, "Version": version, "Links": {"Raw": f"{start}/raw/{name}.{version}"}}
            for name, version in self.packages
        ]

    def upgrade(self, version: str) -> None:
        """Become a server with spaces, whose packages have other ids, and that has run a task since."""
        self.answers = {"GET /api": {**ROOT, "Version": version, "Links": {"Self": "/api", "Spaces": "/api/spaces{/id}{?skip}"}}}
        self.collection("/api/spaces", [{"Id": "Spaces-1", "Name": "Default", "IsDefault": True}])
        self.tasks = [{"Id": "ServerTasks-6", "IsCompleted": True}, *self.tasks]
        self.fill("/api/Spaces-1")
        self.collection("/api/projects", self.projects)
        self.answers["GET /api/users/Users-1/permissions"] = {"SpacePermissions": {"ProjectView": []}, "SystemPermissions": ["TaskView"]}
        held = [
            {"Id": f"scoped-{role}", "TeamId": "Teams-1", "UserRoleId": role, "SpaceId": "Spaces-1"}
            for role in ("UserRoles-7", "userroles-viewer")
        ]
        self.collection("/api/scopeduserroles", held)


@pytest.fixture
def octopus():
    server = Octopus()
    yield server
    server.close()


def count(server, **options):
    return run_module("octopus_baseline_info", url=server.url, api_key="API-SECRET", allow_http=True, **options)


def verify(server, baseline, **options):
    return run_module("octopus_verify", url=server.url, api_key="API-SECRET", allow_http=True, baseline=baseline, **options)


def told(result, verdict="wrong"):
    """The check, space and thing of each difference of a verdict."""
    return [(one["check"], one["space"], one["what"]) for one in result["differences"] if one["verdict"] == verdict]


@pytest.fixture
def before(octopus):
    return count(octopus)["baseline"]


def test_baseline_counts_and_really_reads(octopus, before):
    assert before["version"] == "2018.10.7"
    assert before["counts"] == {
        "Spaces-1": {"artifacts": 1, "environments": 1, "machines": 1, "packages": 3, "projects": 3, "projecttriggers": 2},
        "server": {"events": 9, "tasks": 5, "users": 1},
    }
    assert before["contents"]["projects"] == {"opened": 3, "left": 0, "why": "", "failed": {}}
    assert before["disabled"]["Spaces-1"]["projecttriggers"] == {"ProjectTriggers-1": "Nightly"}
    assert before["newest"] == {"events": 9, "tasks": 5}
    samples = before["contents"]["samples"]
    assert [log["id"] for log in samples["task_logs"]] == [f"ServerTasks-{number}" for number in (1, 2, 3, 4)], "the oldest first"
    assert [logo["id"] for logo in samples["logos"] if logo["own"]] == ["Projects-2"]
    assert {(package["id"], package["version"]) for package in samples["packages"]} == set(octopus.packages)
    assert json.loads(json.dumps(before)) == before


def test_the_same_server_is_the_same(octopus, before):
    result = verify(octopus, before)
    assert result["differences"] == []
    assert result["changed"] is False
    assert (result["evidence"]["projects_read"], result["evidence"]["files_read"]) == (3, 11)
    assert result["evidence"]["package"]["version"] == "1.0.0"


def test_contents_are_taken_over_from_an_earlier_baseline(octopus, before):
    octopus.requests.clear()
    later = count(octopus, contents=before)["baseline"]
    assert later["contents"] == before["contents"]
    assert not [request for request in octopus.requests if request.path.endswith(("/raw", "/logo", "/content"))]


def test_across_spaces_the_default_space_is_what_there_was(octopus, before):
    octopus.upgrade("2021.1.8045")
    result = verify(octopus, before)
    assert "failed" not in result, result
    assert [(one["what"], one["before"], one["after"], one["verdict"]) for one in result["differences"]] == [("tasks", 5, 6, "expected")]


def test_what_only_a_link_names_is_found_in_the_default_space_again(octopus):
    paged = "/api/proxies{/id}{?skip,take,ids,partialName}"
    octopus.answers["GET /api"] = {**ROOT, "Links": {**ROOT["Links"], "Proxies": paged}}
    octopus.collection("/api/proxies", [{"Id": "Proxies-1"}])
    before = count(octopus)["baseline"]
    assert before["counts"]["server"]["proxies"] == 1
    octopus.upgrade("2021.1.8045")
    octopus.answers["GET /api"]["Links"]["Proxies"] = paged.replace("/api/", "/api/Spaces-1/")
    octopus.collection("/api/Spaces-1/proxies", [{"Id": "Proxies-1"}])
    assert told(verify(octopus, before), "suspicious") == []


def test_without_a_baseline_what_is_broken_in_itself_is_found(octopus):
    octopus.answers["GET /api/projects/Projects-1"] = Answer({"ErrorMessage": "Sequence contains no elements"}, 500)
    assert told(verify(octopus, {})) == [("projects_open", "Spaces-1", "project Project 1")]


def lost(octopus, before):
    result = verify(octopus, before)
    assert result["failed"]
    return told(result), result["msg"]


def test_a_missing_document_is_a_loss(octopus, before):
    octopus.collection("/api/environments", [])
    found, message = lost(octopus, before)
    assert found == [("counts_kept", "Spaces-1", "environments")]
    assert "counts_kept (Spaces-1): environments: 1 before, 0 now" in message


def test_a_waived_check_only_warns(octopus, before):
    octopus.collection("/api/environments", [])
    result = verify(octopus, before, waivers=["counts_kept", "license_compliant"])
    assert "failed" not in result
    assert [one["waived"] for one in result["differences"]] == [True]
    assert result["evidence"]["waived"] == ["counts_kept"]
    assert "environments: 1 before, 0 now" in str(result["warnings"])


def test_a_project_that_cannot_be_opened_is_a_loss(octopus, before):
    octopus.answers["GET /api/projects/Projects-1"] = Answer({"ErrorMessage": "Sequence contains no elements"}, 500)
    found, message = lost(octopus, before)
    assert found == [("projects_open", "Spaces-1", "project Project 1")]
    assert "Sequence contains no elements" in message


def test_a_project_that_could_not_be_opened_before_either_is_none(octopus):
    octopus.answers["GET /api/projects/Projects-1"] = Answer({"ErrorMessage": "Sequence contains no elements"}, 500)
    before = count(octopus)
    assert "Projects-1 cannot be opened" in str(before["warnings"])
    result = verify(octopus, before["baseline"])
    assert "failed" not in result
    assert told(result, "expected") == [("projects_open", "Spaces-1", "project Project 1")]


def test_a_project_that_breaks_the_list_is_named_too(octopus, before):
    broken = Answer({"ErrorMessage": "Error reading row 1, column 4"}, 500)
    page = octopus.answers["GET /api/projects"]
    octopus.answers["GET /api/projects"] = lambda request: broken if request.query["take"] == "100" else page(request)
    octopus.answers["GET /api/projects/Projects-3"] = broken
    found = lost(octopus, before)[0]
    assert found == [("counts_kept", "Spaces-1", "projects"), ("projects_open", "Spaces-1", "project Project 3")]


def test_a_server_that_limits_requests_has_lost_nothing(octopus, before):
    limited = Answer({"ErrorMessage": "Too many requests"}, 429, {"Retry-After": "0"})
    octopus.answers["GET /api/projects/Projects-1"] = limited
    result = verify(octopus, before)
    assert "failed" not in result
    assert told(result) == []
    assert told(result, "suspicious") == [("projects_open", "server", "projects")]


def test_what_fails_once_is_asked_for_once_more(octopus, before):
    answers = [Answer({"ErrorMessage": "starting"}, 500), octopus.projects[0]]
    octopus.answers["GET /api/projects/Projects-1"] = lambda _request: answers.pop(0)
    assert verify(octopus, before)["differences"] == []


def test_what_is_not_asked_for_in_time_is_no_loss(octopus, before):
    result = verify(octopus, before, max_seconds=0)
    assert "failed" not in result
    assert ("projects_open", "server", "projects") in told(result, "suspicious")
    assert {one["verdict"] for one in result["differences"]} == {"suspicious"}


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/api/tasks/ServerTasks-1/raw", ("server", "task log ServerTasks-1")),
        ("/api/raw/Web.1.0.1", ("Spaces-1", "package Web 1.0.1")),
        ("/api/artifacts/Artifacts-1/content", ("Spaces-1", "artifact Artifacts-1")),
        ("/api/projects/Projects-2/logo", ("Spaces-1", "logo project Projects-2")),
    ],
)
@pytest.mark.parametrize("answer", [Answer({"ErrorMessage": "not found"}, 404), Answer(b"", headers=PNG)])
def test_a_file_that_is_gone_or_empty_is_a_loss(octopus, before, path, what, answer):
    octopus.answers[f"GET {path}"] = answer
    assert lost(octopus, before)[0] == [("contents_kept", *what)]


@pytest.mark.parametrize("path", ["/api/raw/Web.1.0.1", "/api/artifacts/Artifacts-1/content", "/api/projects/Projects-2/logo"])
def test_other_content_is_a_loss(octopus, before, path):
    octopus.answers[f"GET {path}"] = Answer(b"something else", headers=PNG)
    assert "SHA-256" in lost(octopus, before)[1]


def test_a_logo_that_is_no_picture_is_a_loss(octopus, before):
    octopus.answers["GET /api/projects/Projects-2/logo"] = Answer(b"own", headers={"Content-Type": "text/html"})
    assert lost(octopus, before)[0] == [("contents_kept", "Spaces-1", "logo project Projects-2")]


def test_a_log_that_is_shown_differently_is_no_loss(octopus, before):
    octopus.answers["GET /api/tasks/ServerTasks-1/raw"] = Answer(b"log, new layout", headers={"Content-Type": "text/plain"})
    result = verify(octopus, before)
    assert told(result, "expected") == [("contents_kept", "server", "task log ServerTasks-1")]
    assert len(result["differences"]) == 1


def test_a_copy_that_was_made_before_has_fewer_events_and_nothing_else_less(octopus, before):
    octopus.collection("/api/events", [])
    [lost_events] = [one for one in verify(octopus, before)["differences"] if one["what"] == "events"]
    [known_events] = [one for one in verify(octopus, before, copied_earlier=True)["differences"] if one["what"] == "events"]
    assert (lost_events["verdict"], known_events["verdict"]) == ("wrong", "expected")
    octopus.collection("/api/users", [])
    users = [one for one in verify(octopus, before, copied_earlier=True)["differences"] if one["what"] == "users"]
    assert [one["verdict"] for one in users] == ["wrong"]


def test_a_space_that_is_gone_is_a_loss(octopus, before):
    octopus.upgrade("2021.1.8045")
    octopus.collection("/api/spaces", [{"Id": "Spaces-2", "Name": "Other"}])
    assert ("counts_kept", "Spaces-1", "projects") in lost(octopus, before)[0]


@pytest.mark.parametrize(("version", "verdict"), [("2021.1.8045", "wrong"), ("2025.4.10423", "expected")])
def test_fewer_events_are_no_loss_where_they_are_archived(octopus, before, version, verdict):
    octopus.upgrade(version)
    octopus.collection("/api/events", [])
    result = verify(octopus, before)
    assert [one["verdict"] for one in result["differences"] if one["what"] == "events"] == [verdict]


@pytest.mark.parametrize(("related", "verdict"), [("Environments-1", "suspicious"), ("Machines-9", "wrong")])
def test_what_somebody_has_deleted_is_no_loss(octopus, before, related, verdict):
    octopus.collection("/api/environments", [])
    octopus.events.insert(0, {"Id": "Events-10", "Category": "Deleted", "Username": "dora", "RelatedDocumentIds": [related]})
    result = verify(octopus, before)
    assert told(result, verdict) == [("counts_kept", "Spaces-1", "environments")]
    assert ("by dora" in str(result["differences"])) == (verdict == "suspicious")


def test_what_was_deleted_before_the_baseline_explains_nothing(octopus):
    octopus.events[0] |= {"Category": "Deleted", "Username": "dora", "RelatedDocumentIds": ["Environments-1"]}
    before = count(octopus)["baseline"]
    octopus.collection("/api/environments", [])
    assert told(verify(octopus, before)) == [("counts_kept", "Spaces-1", "environments")]


def test_what_retention_may_have_deleted_is_no_loss(octopus, before):
    octopus.packages.pop()
    octopus.tasks.insert(0, {"Id": "ServerTasks-6", "Name": "Retention", "IsCompleted": True})
    octopus.fill("/api")
    result = verify(octopus, before)
    assert told(result) == []
    assert told(result, "suspicious") == [("counts_kept", "Spaces-1", "packages"), ("contents_kept", "Spaces-1", "package Db 2.0")]


def test_a_trigger_that_got_enabled_is_wrong_and_one_that_got_disabled_is_suspicious(octopus, before):
    octopus.triggers[0]["IsDisabled"], octopus.triggers[1]["IsDisabled"] = False, True
    result = verify(octopus, before)
    assert told(result) == [("disabled_kept", "Spaces-1", "projecttrigger Nightly")]
    assert told(result, "suspicious") == [("disabled_kept", "Spaces-1", "projecttrigger Daily")]


def test_an_unhealthy_target_is_suspicious(octopus, before):
    octopus.machines[0]["HealthStatus"] = "Unavailable"
    assert told(verify(octopus, before), "suspicious") == [("targets_healthy", "Spaces-1", "machine web-1")]


def test_a_dashboard_that_fails_is_wrong(octopus, before):
    octopus.answers["GET /api/dashboard"] = Answer({"ErrorMessage": "timeout"}, 500)
    assert told(verify(octopus, before)) == [("dashboard_shown", "Spaces-1", "dashboard")]


def test_a_user_without_permissions_and_a_team_without_its_role_are_wrong(octopus, before):
    octopus.answers["GET /api/users/Users-1/permissions"] = {"Permissions": {}}
    octopus.team["UserRoleIds"] = []
    result = verify(octopus, before)
    assert told(result) == [("access_kept", "server", "user dora"), ("access_kept", "server", "team Crew")]
    assert "role UserRoles-7, userroles-viewer before, without any role now" in result["msg"]


def test_a_file_that_was_lost_before_is_not_chosen(octopus):
    del octopus.answers["GET /api/raw/Web.1.0.1"]
    before = count(octopus)["baseline"]
    assert {package["version"] for package in before["contents"]["samples"]["packages"]} == {"1.0.0", "2.0"}
    assert verify(octopus, before)["differences"] == []


def test_a_package_that_is_shorter_than_the_index_says_is_found_without_a_sample(octopus):
    rows = octopus.index("/api")
    for row in rows:
        row["PackageSizeBytes"] = len(octopus.answers[f"GET {row['Links']['Raw']}"].body)
    octopus.collection("/api/packages", rows)
    before = count(octopus, samples=0)["baseline"]
    assert before["contents"]["sizes"]["Spaces-1"] == {"checked": 3, "all": True, "wrong": {}}
    octopus.answers["GET /api/raw/Db.2.0"] = Answer(b"half")
    result = verify(octopus, before)
    assert told(result) == [("contents_kept", "Spaces-1", "package Db 2.0")]
    assert "4 bytes now" in result["msg"]


def test_an_empty_server_and_no_samples(octopus):
    assert count(octopus, samples=0)["evidence"]["files_read"] == 0
    octopus.projects, octopus.packages, octopus.tasks = [], [], []
    octopus.fill("/api")
    assert count(octopus)["evidence"]["projects_read"] == 0


def test_nothing_is_written(octopus, before):
    verify(octopus, before)
    assert {request.method for request in octopus.requests} == {"GET"}
