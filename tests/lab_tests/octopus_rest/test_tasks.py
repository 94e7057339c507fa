# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Server tasks: filters and counts, queueing, cancelling, logs."""

from __future__ import annotations

import pytest
from lab_tests.octopus_rest.memory_store import DEPLOYER, NOBODY


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({}, [4, 3, 2, 1]),
        ({"active": "true"}, [4, 3]),
        ({"active": "false"}, [2, 1]),
        ({"running": "true"}, [3]),
        ({"states": "Failed,Queued"}, [4, 2]),
        ({"states": ["Failed", "Success"]}, [2, 1]),
        ({"node": "OctopusServerNodes-OCTO-A", "running": "true"}, [3]),
        ({"hasWarningsOrErrors": "true"}, [2]),
        ({"description": "RELEASE 2"}, [2]),
        ({"name": "Deploy", "ids": "ServerTasks-1"}, [1]),
        ({"spaces": "Spaces-2", "includeSystem": "false"}, []),
        ({"take": "1", "skip": "1"}, [3]),
    ],
)
def test_filters_newest_first(server, query, ids):
    found = server.json("/api/tasks", **query)
    assert [task["Id"] for task in found["Items"]] == [f"ServerTasks-{number}" for number in ids]


def test_counts_by_state_are_of_all_pages(server):
    found = server.json("/api/tasks", take=0)
    assert (found["TotalResults"], found["Items"]) == (4, [])
    wanted = {"Queued": 1, "Executing": 1, "Cancelling": 0, "Success": 1, "Failed": 1, "Canceled": 0, "TimedOut": 0}
    assert found["TotalCounts"] == wanted


def test_a_task_tells_how_it_went(server):
    good, bad, running = (server.json(f"/api/tasks/ServerTasks-{number}") for number in (1, 2, 3))
    assert (good["IsCompleted"], good["FinishedSuccessfully"], good["Duration"]) == (True, True, "25 seconds")
    assert (bad["FinishedSuccessfully"], bad["HasWarningsOrErrors"]) == (False, True)
    assert (running["IsCompleted"], running["ServerNode"], running["Completed"]) == (False, "OctopusServerNodes-OCTO-A", "Executing...")
    assert server.get("/api/tasks/ServerTasks-99").status_code == 404


def test_an_unknown_state_is_refused(server):
    assert server.get("/api/tasks", states="Done").status_code == 400


def test_without_the_right_to_see_tasks(server):
    assert server.get("/api/tasks", key=NOBODY).status_code == 403
    assert server.json("/api/Spaces-1/tasks", key=DEPLOYER)["TotalResults"] == 4
    assert server.get("/api/tasks/ServerTasks-1", key=NOBODY).status_code == 403


def test_queue_an_integrity_check(server):
    answer = server.call("POST", "/api/tasks", json={"Name": "SystemIntegrityCheck", "Description": "before the upgrade"})
    assert answer.status_code == 201
    task = answer.json()
    assert answer.headers["Location"] == task["Links"]["Self"] == "/api/tasks/ServerTasks-5"
    assert (task["State"], task["SpaceId"]) == ("Queued", None)
    assert server.store.tables["ServerTask"]["ServerTasks-5"]["Name"] == "SystemIntegrityCheck"
    assert server.json("/api/Spaces-1/tasks", includeSystem="true")["TotalResults"] == 5
    assert server.json("/api/Spaces-1/tasks")["TotalResults"] == 4


@pytest.mark.parametrize("body", [{"Name": "Nonsense", "Description": "x"}, {"Name": "Health"}, {"Name": "Backup", "Description": "x"}])
def test_what_cannot_be_queued(server, body):
    assert server.call("POST", "/api/tasks", json=body).status_code == 400
    assert server.call("POST", "/api/tasks", DEPLOYER, json={"Name": "Health", "Description": "x"}).status_code == 403


def test_cancel(server):
    assert server.call("POST", "/api/tasks/ServerTasks-4/cancel").json()["State"] == "Canceled"
    assert server.call("POST", "/api/tasks/ServerTasks-3/cancel").json()["State"] == "Cancelling"
    assert server.call("POST", "/api/tasks/ServerTasks-1/cancel").status_code == 400
    assert server.call("POST", "/api/tasks/ServerTasks-3/cancel", DEPLOYER).status_code == 403


def test_force_a_state_only_when_it_is_over(server):
    forced = server.call("POST", "/api/tasks/ServerTasks-2/state", json={"State": "Success", "Reason": "done by hand"})
    assert forced.json()["State"] == "Success"
    assert server.call("POST", "/api/tasks/ServerTasks-3/state", json={"State": "Success", "Reason": "no"}).status_code == 400


def test_the_raw_log_is_the_file_of_the_log_folder(server):
    raw = server.get("/api/tasks/ServerTasks-1/raw")
    assert (raw.text, raw.headers["Content-Type"]) == ("line one\nline two\n", "text/plain; charset=utf-8")
    details = server.json("/api/tasks/ServerTasks-1/details")
    assert [one["MessageText"] for one in details["ActivityLogs"][0]["LogElements"]] == ["line one", "line two"]
    del server.store.files["ServerTasks-1"]
    assert server.get("/api/tasks/ServerTasks-1/raw").status_code == 404
