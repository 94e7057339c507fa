# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server says before an upgrade: what it does not show, or does not filter, is not known."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api import readiness
from ansible_collections.octopus.upgrade.tests.unit.octopus_server import Answer, Request

QUEUED = {"Id": "ServerTasks-1", "Name": "Deploy", "State": "Queued"}
CHECK = {
    "Id": "ServerTasks-2",
    "Name": "SystemIntegrityCheck",
    "State": "Success",
    "IsCompleted": True,
    "HasWarningsOrErrors": False,
    "CompletedTime": "2026-11-23T20:15:02.317+00:00",
}
TARGET = {"Name": "web", "Endpoint": {"CommunicationStyle": "TentacleActive", "TentacleVersionDetails": {"Version": "6.3.605"}}}


def serve(server: Any, queued: list[dict[str, Any]], checks: list[dict[str, Any]], machines: Any) -> None:
    def tasks(request: Request) -> Answer | dict[str, Any]:
        rows = (
            queued if request.query.get("states") == "Queued" else checks if request.query.get("name") == "SystemIntegrityCheck" else None
        )
        assert rows is not None, request
        return {"Items": rows, "TotalResults": len(rows)}

    server.answers["GET /api/tasks"] = tasks
    server.answers["GET /api/machines"] = machines


def test_what_there_is(server: Any, api: Any) -> None:
    serve(server, [QUEUED], [{**CHECK, "IsCompleted": False, "State": "Executing"}, CHECK], {"Items": [TARGET], "TotalResults": 1})
    assert readiness.read(api) == {
        "tasks_queued": [{"task": "ServerTasks-1", "description": "Deploy", "due": None}],
        "integrity_check": {"task": "ServerTasks-2", "state": "Success", "warnings": False, "completed": "2026-11-23"},
        "machines": [{"name": "web", "style": "TentacleActive", "version": "6.3.605"}],
    }
    assert [request.path for request in server.requests if "workers" in request.path] == [], "there are none before 2018.7"


def test_a_filter_that_the_server_does_not_know_tells_nothing(server: Any, api: Any) -> None:
    other = {"Id": "ServerTasks-3", "Name": "Deploy", "State": "Success"}
    serve(server, [QUEUED, other], [CHECK, other], {"Items": [{"Name": "cloud"}], "TotalResults": 1})
    found = readiness.read(api)
    assert (found["tasks_queued"], found["integrity_check"]) == (None, None)
    assert found["machines"] == [{"name": "cloud", "style": None, "version": None}]


@pytest.mark.parametrize("status", [403, 404])
def test_what_is_not_shown_is_not_known(server: Any, api: Any, status: int) -> None:
    server.answers["GET /api/machines"] = Answer({"ErrorMessage": "no"}, status)
    server.answers["GET /api/tasks"] = Answer({"ErrorMessage": "no"}, status)
    assert readiness.read(api) == {"tasks_queued": None, "integrity_check": None, "machines": None}


def test_a_server_without_a_check_says_that(server: Any, api: Any) -> None:
    serve(server, [], [], {"Items": [], "TotalResults": 0})
    assert readiness.read(api) == {"tasks_queued": [], "integrity_check": {}, "machines": []}
