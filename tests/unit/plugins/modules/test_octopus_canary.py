# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_canary: made, deployed and removed, whatever happens in between, with and without Spaces."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.verification import canary
from ansible_collections.octopus.upgrade.tests.unit.octopus_server import ROOT, Answer, FakeServer
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

SPACES = {**ROOT, "Version": "2025.3.14357", "Links": {**ROOT["Links"], "Spaces": "/api/spaces"}}


class Server(FakeServer):
    """A server with one project, which keeps the releases and deployments that are made; a deployment ends with its second look."""

    def __init__(self, start: str = "/api") -> None:
        super().__init__()
        self.start = start
        self.node = {"Id": "OctopusServerNodes-a", "Name": "OCTO-A", "IsOffline": False, "IsInMaintenanceMode": False}
        self.answers["GET /api/octopusservernodes/summary"] = {"Nodes": [self.node]}
        if start != "/api":
            self.answers["GET /api"] = SPACES
            self.space = {"Id": "Spaces-7", "Name": "Platform", "IsDefault": True}
            self.collection("/api/spaces", [{"Id": "Spaces-1", "Name": "Default", "IsDefault": False}, self.space])
        process = f"{start}/deploymentprocesses/deploymentprocess-Projects-1"
        self.project = {"Id": "Projects-1", "Name": "Canary", "LifecycleId": "Lifecycles-1", "Links": {"DeploymentProcess": process}}
        self.environments = [{"Id": "Environments-1", "Name": "Test"}, {"Id": "Environments-2", "Name": "Production"}]
        self.phases: list[dict[str, Any]] = []
        self.action = {"Name": "Say hello", "ActionType": "Octopus.Script"}
        self.releases: list[dict[str, Any]] = [{"Id": "Releases-1", "Version": "1.0.12"}]
        self.deployments: dict[str, list[dict[str, Any]]] = {}
        self.tasks: dict[str, list[dict[str, Any]]] = {}
        self.ends: dict[str, Any] = {"State": "Success"}
        self.collection(f"{start}/projects", [self.project])
        self.collection(f"{start}/environments", self.environments)
        channels = [{"Id": "Channels-1", "Name": "Default", "IsDefault": True}, {"Id": "Channels-2", "Name": "Hotfix"}]
        self.collection(f"{start}/projects/Projects-1/channels", channels)
        self.answers[f"GET {process}"] = lambda _request: {"Id": "deploymentprocess-Projects-1", "Steps": [{"Actions": [self.action]}]}
        self.template: dict[str, Any] = {"NextVersionIncrement": "1.0.13", "Packages": []}
        self.answers[f"GET {process}/template"] = self.template
        self.answers[f"GET {start}/lifecycles/Lifecycles-1"] = lambda _request: {"Name": "Any", "Phases": self.phases}
        self.collection(f"{start}/projects/Projects-1/releases", self.releases)
        self.answers[f"POST {start}/releases"] = self.release
        self.answers[f"POST {start}/deployments"] = self.deploy

    def release(self, request) -> Answer:
        row = {"Id": f"Releases-{len(self.releases) + 1}", **request.body}
        self.add(row)
        return Answer(row, 201)

    def add(self, row: dict[str, Any]) -> None:
        self.releases.append(row)
        self.deployments[row["Id"]] = []
        path = f"{self.start}/releases/{row['Id']}"
        self.answers[f"GET {path}"] = row
        self.answers[f"GET {path}/deployments/template"] = lambda _request: {"PromoteTo": self.environments}
        self.collection(f"{path}/deployments", self.deployments[row["Id"]])
        self.answers[f"DELETE {path}"] = lambda _request: self.gone(path) or self.releases.remove(row) or {}

    def gone(self, path: str) -> None:
        self.answers.pop(f"GET {path}")

    def deploy(self, request) -> Answer:
        return Answer(self.add_deployment(request.body["ReleaseId"], {"State": "Executing"}, self.ends), 201)

    def add_deployment(self, release: str, *looks: dict[str, Any]) -> dict[str, Any]:
        """A deployment whose task is as each look says, the last one for ever."""
        number = len(self.tasks) + 1
        task, row = f"ServerTasks-{number}", {"Id": f"Deployments-{number}", "ReleaseId": release, "TaskId": f"ServerTasks-{number}"}
        self.deployments[release].append(row)
        path = f"{self.start}/deployments/{row['Id']}"
        self.answers[f"GET {path}"] = row
        self.answers[f"DELETE {path}"] = lambda _request: self.gone(path) or self.deployments[release].remove(row) or {}
        self.tasks[task] = [
            {"Id": task, "IsCompleted": one["State"] in ("Success", "Failed", "Canceled"), "ServerNode": "OctopusServerNodes-a", **one}
            for one in looks
        ]

        def look(_request) -> dict[str, Any]:
            return self.tasks[task].pop(0) if len(self.tasks[task]) > 1 else self.tasks[task][0]

        def cancel(_request) -> dict[str, Any]:
            self.tasks[task] = [{"Id": task, "State": "Canceled", "IsCompleted": True}]
            return {}

        self.answers[f"GET /api/tasks/{task}"] = look
        self.answers[f"GET /api/tasks/{task}/raw"] = Answer(b"first\nexit code 1", headers={"Content-Type": "text/plain"})
        self.answers[f"POST /api/tasks/{task}/cancel"] = cancel
        return row

    def written(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.requests if request.method != "GET"]

    def left(self) -> list[str]:
        return [row["Version"] for row in self.releases if "canary" in row["Version"]] + [
            row["Id"] for rows in self.deployments.values() for row in rows
        ]


@pytest.fixture(params=["/api", "/api/Spaces-7"], ids=["before Spaces", "in a space"])
def server(request):
    fake = Server(request.param)
    yield fake
    fake.close()


@pytest.fixture
def old():
    fake = Server()
    yield fake
    fake.close()


def fly(server, **options):
    given = {"url": server.url, "api_key": "API-SECRET", "allow_http": True, "project": "canary", "environment": "test", "timeout": 20}
    return run_module("octopus_canary", **(given | options))


def test_it_is_made_deployed_and_removed(server):
    result = fly(server)
    assert "failed" not in result, result
    assert result["changed"] and result["task"]["state"] == "Success"
    assert result["release"].startswith("1.0.13-octopus-upgrade-canary.r")
    start = server.start
    assert server.written() == [
        f"POST {start}/releases",
        f"POST {start}/deployments",
        f"DELETE {start}/deployments/Deployments-1",
        f"DELETE {start}/releases/Releases-2",
    ]
    [made], [deployed] = server.sent("POST", f"{start}/releases"), server.sent("POST", f"{start}/deployments")
    assert (made.body["ProjectId"], made.body["ChannelId"], made.body["Version"]) == ("Projects-1", "Channels-1", result["release"])
    # Guided failure would ask a person where the deployment fails.
    assert (deployed.body["EnvironmentId"], deployed.body["UseGuidedFailure"]) == ("Environments-1", False)
    assert [row["Version"] for row in server.releases] == ["1.0.12"]


def test_check_mode_reads_and_makes_nothing(server):
    result = fly(server, check_mode=True, channel="Hotfix", version="3.1")
    assert (result["changed"], result["task"]) == (True, None)
    assert result["release"].startswith("3.1-octopus-upgrade-canary.")
    assert server.written() == []
    assert {request.query["channel"] for request in server.sent("GET") if "channel" in request.query} == {"Channels-2"}


def test_a_deployment_that_fails_is_told_and_removed(server):
    server.ends = {"State": "Failed", "ErrorMessage": ""}
    result = fly(server)
    assert "is Failed: exit code 1" in result["msg"]
    assert result["log_tail"] == ["first", "exit code 1"]
    assert (server.left(), result["not_removed"]) == ([], [])


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ({"State": "Executing"}, "within 0 seconds, but its task ServerTasks-1 is Executing"),
        ({"State": "Executing", "HasPendingInterruptions": True}, "waits for a person's answer"),
    ],
)
def test_a_deployment_that_does_not_end_is_cancelled_and_removed(old, ends, said):
    old.ends = ends
    result = fly(old, timeout=0 if "HasPendingInterruptions" not in ends else 20)
    assert said in result["msg"]
    assert old.written()[-3:] == [
        "POST /api/tasks/ServerTasks-1/cancel",
        "DELETE /api/deployments/Deployments-1",
        "DELETE /api/releases/Releases-2",
    ]
    assert old.left() == []


def test_one_that_nobody_takes_is_told_so(old):
    old.answers["POST /api/deployments"] = lambda request: Answer(old.add_deployment(request.body["ReleaseId"], {"State": "Queued"}), 201)
    result = fly(old, timeout=0)
    assert "No node has taken it" in result["msg"]
    assert old.left() == []


def test_a_release_whose_answer_was_lost_is_removed_too(old):
    def lost(request):
        old.release(request)
        return Answer(b"", 502)

    old.answers["POST /api/releases"] = lost
    result = fly(old)
    assert "502" in result["msg"]
    assert old.left() == []


def test_what_cannot_be_removed_is_named_beside_the_failure(old):
    old.ends = {"State": "Failed", "ErrorMessage": "The script failed"}
    real = old.deploy

    def deploy(request):
        answer = real(request)
        old.answers["DELETE /api/deployments/Deployments-1"] = Answer({"ErrorMessage": "Missing permission: DeploymentDelete"}, 403)
        return answer

    old.answers["POST /api/deployments"] = deploy
    old.answers["GET /api/users/me"] = {"Username": "ops"}
    result = fly(old)
    assert "The script failed" in result["msg"] and "Remove it by hand" in result["msg"]
    [left] = result["not_removed"]
    assert result["release"] in left and "Deployments-1" in left and "DeploymentDelete" in left


def test_what_an_interrupted_run_has_left_is_removed_first(old):
    version = "1.0.13-octopus-upgrade-canary.r0ld"
    old.add({"Id": "Releases-9", "Version": version})
    old.add_deployment("Releases-9", {"State": "Executing"}, {"State": "Success"})
    result = fly(old)
    assert "failed" not in result, result
    assert result["leftovers"] == [version]
    assert old.written()[:3] == ["DELETE /api/deployments/Deployments-1", "DELETE /api/releases/Releases-9", "POST /api/releases"]
    assert old.left() == []


def test_nothing_is_made_beside_one_that_cannot_be_removed(old):
    old.add({"Id": "Releases-9", "Version": "1.0.13-octopus-upgrade-canary.r0ld"})
    old.answers["DELETE /api/releases/Releases-9"] = Answer({"ErrorMessage": "Something uses it"}, 400)
    result = fly(old)
    assert "nothing was made" in result["msg"] and "Something uses it" in result["msg"]
    assert not old.sent("POST")


def test_what_is_not_gone_after_its_removal_is_named(old, monkeypatch):
    monkeypatch.setattr(canary, "_REMOVING", 0.0)
    real = old.release

    def release(request):
        answer = real(request)
        old.answers[f"DELETE /api/releases/{answer.body['Id']}"] = {}
        return answer

    old.answers["POST /api/releases"] = release
    assert "still there" in fly(old)["msg"]


# -- refused before anything is made


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda server: server.node.update(IsInMaintenanceMode=True), {}, "all are drained or offline"),
        (lambda server: server.project.update(IsDisabled=True), {}, "it is disabled"),
        (lambda server: server.action.update(ActionType="Octopus.Manual"), {}, "manual intervention (Say hello)"),
        (
            lambda server: server.phases.append({"Name": "Live", "AutomaticDeploymentTargets": ["Environments-2"]}),
            {},
            "deploys by itself in Live",
        ),
        (
            lambda server: server.template.update(GitResources=[{"ActionName": "Run from Git"}]),
            {},
            "take a script from Git (Run from Git)",
        ),
        (lambda _server: None, {"project": "Canari"}, "expected a project 'Canari', but the user of the API key sees Canary"),
        (lambda _server: None, {"environment": "QA"}, "sees Production, Test"),
        (lambda _server: None, {"channel": "Slow"}, "sees Default, Hotfix"),
    ],
)
def test_it_is_refused_in_check_mode_already(old, change, options, said):
    change(old)
    for check_mode in (True, False):
        assert said in fly(old, check_mode=check_mode, **options)["msg"]
    assert old.written() == []


def test_the_server_has_the_last_word_on_where_a_release_may_go(old):
    real = old.release

    def release(request):
        answer = real(request)
        old.answers[f"GET /api/releases/{answer.body['Id']}/deployments/template"] = {"PromoteTo": old.environments[1:]}
        return answer

    old.answers["POST /api/releases"] = release
    assert "these environments only: Production" in fly(old)["msg"]
    assert old.left() == [] and not old.sent("POST", "/api/deployments")


def test_a_space_is_found_by_name_and_id_and_its_queue_must_run(server):
    if server.start == "/api":
        assert "failed" not in fly(server, space="Platform"), "a server without Spaces has one"
        return
    assert "failed" not in fly(server, space="platform")
    assert "failed" not in fly(server, space="Spaces-7")
    assert "expected a space 'Ops', but the user of the API key sees Default, Platform" in fly(server, space="Ops")["msg"]
    server.space["TaskQueueStopped"] = True
    assert "task queue of the space Platform" in fly(server)["msg"]


def test_who_may_not_see_the_nodes_deploys_all_the_same(old):
    old.answers["GET /api/octopusservernodes/summary"] = Answer({"ErrorMessage": "Missing permission: AdministerSystem"}, 403)
    old.answers["GET /api/users/me"] = {"Username": "ops"}
    assert "failed" not in fly(old)


def test_warnings_in_its_log_are_told(old):
    old.ends = {"State": "Success", "HasWarningsOrErrors": True}
    result = fly(old)
    assert "failed" not in result and "with warnings in its log" in str(result["warnings"])


def test_a_server_without_channels_makes_a_release_without_one(old):
    del old.answers["GET /api/projects/Projects-1/channels"]
    assert "failed" not in fly(old)
    assert "ChannelId" not in old.sent("POST", "/api/releases")[0].body
