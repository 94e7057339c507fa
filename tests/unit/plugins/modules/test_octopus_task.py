# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_task: queued once, waited for, and what it says when it ends otherwise."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.tests.unit.octopus_server import ROOT, Answer, FakeServer
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

CHECK = "SystemIntegrityCheck"


class Server(FakeServer):
    """A server with one node, whose task ends with its second look."""

    def __init__(self) -> None:
        super().__init__()
        self.answers["GET /api"] = {**ROOT, "Links": {**ROOT["Links"], "TaskTypes": "/api/tasks/taskTypes"}}
        self.answers["GET /api/tasks/taskTypes"] = [{"Id": CHECK, "Name": "Check"}]
        self.node = {"Id": "OctopusServerNodes-a", "Name": "OCTO-A", "IsOffline": False, "IsInMaintenanceMode": False}
        self.answers["GET /api/octopusservernodes/summary"] = {"Nodes": [self.node]}
        self.collection("/api/tasks", [])
        self.row = {"Id": "ServerTasks-7", "Name": CHECK, "State": "Queued", "IsCompleted": False}
        self.answers["POST /api/tasks"] = self.row
        self.looks = [
            {**self.row, "State": "Executing"},
            {**self.row, "State": "Success", "IsCompleted": True, "HasWarningsOrErrors": False},
        ]
        self.answers["GET /api/tasks/ServerTasks-7"] = lambda _request: self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        self.answers["GET /api/tasks/ServerTasks-7/raw"] = Answer(b"first\nMissing item: IDX", headers={"Content-Type": "text/plain"})


@pytest.fixture
def server():
    fake = Server()
    yield fake
    fake.close()


def task(server, **options):
    given = {"url": server.url, "api_key": "API-SECRET", "allow_http": True, "name": CHECK, "timeout": 20}
    return run_module("octopus_task", **(given | options))


def test_it_is_queued_and_waited_for(server):
    result = task(server)
    assert (result["changed"], result["task"]["state"], result["log_tail"]) == (True, "Success", [])
    [queued] = server.sent("POST", "/api/tasks")
    assert queued.body == {"Name": CHECK, "Description": "Run by octopus.upgrade", "Arguments": {}}


def test_one_that_runs_already_is_waited_for_instead(server):
    server.collection("/api/tasks", [{**server.row, "State": "Executing"}])
    server.answers["GET /api/tasks/ServerTasks-7"] = lambda _request: server.looks[-1]
    result = task(server)
    assert (result["changed"], result["task"]["id"]) == (False, "ServerTasks-7")
    assert not server.sent("POST")


def test_a_task_that_fails_fails_the_module_with_its_words(server):
    server.looks = [{**server.row, "State": "Failed", "IsCompleted": True, "ErrorMessage": ""}]
    result = task(server)
    assert result["failed"]
    assert "is Failed: Missing item: IDX" in result["msg"]


def test_warnings_of_the_task_are_warnings(server):
    server.looks = [{**server.row, "State": "Success", "IsCompleted": True, "HasWarningsOrErrors": True}]
    result = task(server)
    assert "failed" not in result
    assert "Missing item: IDX" in str(result["warnings"])


def test_nothing_is_queued_where_no_node_would_take_it(server):
    server.node["IsInMaintenanceMode"] = True
    assert "all are drained or offline" in task(server)["msg"]
    assert not server.sent("POST")


def test_one_that_has_not_begun_in_time_is_cancelled(server):
    server.looks = [server.row]
    server.answers["POST /api/tasks/ServerTasks-7/cancel"] = {}
    result = task(server, timeout=0)
    assert "has not ended within 0 seconds; it is Queued. It was cancelled." in result["msg"]
    assert server.sent("POST", "/api/tasks/ServerTasks-7/cancel")


@pytest.mark.parametrize("types", [[{"Id": "Health"}], None])
def test_a_version_without_such_a_task_is_left_alone_where_that_is_asked_for(server, types):
    server.answers["GET /api/tasks/taskTypes"] = types if types is not None else Answer({"ErrorMessage": "no"}, 404)
    result = task(server, skip_unknown=True)
    assert (result["changed"], result["task"]) == (False, None)
    assert "was not run" in str(result["warnings"])
    assert not server.sent("POST")


def test_a_version_that_has_it_not_is_told(server):
    server.answers["GET /api/tasks/taskTypes"] = [{"Id": "Health"}]
    assert "has none of that name" in task(server)["msg"]


def test_check_mode_queues_nothing(server):
    assert task(server, check_mode=True)["changed"]
    assert not server.sent("POST")
