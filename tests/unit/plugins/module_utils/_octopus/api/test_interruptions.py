# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks that wait for a person: what is asked, who may answer, and whether they still wait after an upgrade."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.interruptions import Interruption, pending
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.tasks import Task, find_task
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.verification.compare import waiting
from ansible_collections.octopus.upgrade.tests.unit.octopus_server import Answer

TASK = Task("ServerTasks-7", "Deploy", "Deploy Web", "Executing", "A", waiting=True, project="Projects-1", space="Spaces-2")
ROW = {
    "Id": "Interruptions-1",
    "Title": "Approve",
    "TaskId": "ServerTasks-7",
    "IsPending": True,
    "ResponsibleTeamIds": ["Teams-1", "Teams-2"],
}
ASKED = "GET /api/Spaces-2/interruptions"


def test_what_is_asked_and_who_may_answer(api, server):
    server.answers["GET /api/Spaces-2/projects/Projects-1"] = {"Name": "Web Shop"}
    server.answers["GET /api/teams/Teams-1"] = {"Name": "Release managers"}
    server.answers["GET /api/teams/Teams-2"] = Answer({"ErrorMessage": "no"}, 403)
    server.answers[ASKED] = {"Items": [ROW, {**ROW, "IsPending": False}, {**ROW, "TaskId": "ServerTasks-8"}], "TotalResults": 3}
    assert pending(api, [TASK]) == [Interruption("ServerTasks-7", "Deploy Web", "Web Shop", "Approve", ["Release managers", "Teams-2"])]
    query = server.sent("GET", "/api/Spaces-2/interruptions")[0].query
    assert (query["regarding"], query["pendingOnly"]) == ("ServerTasks-7", "true")


@pytest.mark.parametrize("status", [403, 404])
def test_a_task_whose_question_is_not_shown_still_waits(api, server, status):
    server.answers[ASKED] = Answer({"ErrorMessage": "no"}, status)
    assert pending(api, [TASK]) == [Interruption("ServerTasks-7", "Deploy Web", "Projects-1")]


def test_nobody_is_asked_where_no_task_waits(api, server):
    assert pending(api, [Task("ServerTasks-7", "Deploy", "", "Executing", "A")]) == []
    assert server.requests == []


@pytest.mark.parametrize(
    ("task", "verdicts"),
    [
        ({"State": "Executing", "HasPendingInterruptions": True}, []),
        ({"State": "Executing", "HasPendingInterruptions": False}, ["expected"]),
        ({"State": "Success"}, ["expected"]),
        ({"State": "Failed"}, ["wrong"]),
        ({"State": "Canceled"}, ["wrong"]),
        (None, ["wrong"]),
    ],
)
def test_whether_a_task_still_waits(api, server, task, verdicts):
    if task:
        server.answers["GET /api/tasks/ServerTasks-7"] = {"Id": "ServerTasks-7", **task}
    assert [one.verdict for one in waiting({"ServerTasks-7": find_task(api, "ServerTasks-7")})] == verdicts
