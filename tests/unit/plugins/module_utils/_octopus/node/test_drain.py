# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Draining: verified by counts and by names, and never silently incomplete."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.nodes import list_nodes
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.drain import drain, undrain
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.results import Done, NodeRequest, NodeResult
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.states import _keep_drained
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions
from ansible_collections.octopus.upgrade.tests.unit.octopus_server import ROOT, Answer


class Time:
    """Time that passes only while somebody waits; ``at`` runs things at their second."""

    def __init__(self) -> None:
        self.now = 0.0
        self.at: list[tuple[float, object]] = []

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for entry in [entry for entry in self.at if entry[0] <= self.now]:
            self.at.remove(entry)
            entry[1]()

    def deadline(self, seconds: float) -> Deadline:
        return Deadline(seconds, clock=lambda: self.now, sleep=self.sleep)


@pytest.fixture
def time():
    return Time()


@pytest.fixture(params=["summary", "list"])
def cluster(server, request):
    """Two nodes; node A runs a deployment. The summary with counts came in 2019.3; before, the list has the states of the nodes."""
    nodes = {
        name: {"Id": f"OctopusServerNodes-{name}", "Name": name, "IsInMaintenanceMode": False, "MaxConcurrentTasks": 5} for name in "AB"
    }
    tasks = [
        {"Id": "ServerTasks-7", "Name": "Deploy", "Description": "Deploy Web", "State": "Executing", "ServerNode": "OctopusServerNodes-A"},
        {"Id": "ServerTasks-8", "Name": "Health", "State": "Queued", "ServerNode": None},
    ]
    for node in nodes.values():
        path = f"/api/octopusservernodes/{node['Id']}"
        server.answers[f"GET {path}"] = node
        server.answers[f"PUT {path}"] = lambda request, node=node: node.update(request.body) or node

    def running(node):
        return sum(task["State"] in ("Executing", "Cancelling") and task["ServerNode"] == node["Id"] for task in tasks)

    if request.param == "summary":
        server.answers["GET /api/octopusservernodes/summary"] = lambda _request: {
            "Nodes": [{**node, "RunningTaskCount": running(node)} for node in nodes.values()]
        }
    else:
        server.answers["GET /api"] = {**ROOT, "Links": {"Self": "/api"}}
        server.answers["GET /api/octopusservernodes"] = lambda _request: {
            "Items": [{**node, "Rank": "Leader", "LastSeen": "a moment ago", "IsOffline": False} for node in nodes.values()],
            "TotalResults": len(nodes),
        }
    server.answers["GET /api/tasks"] = lambda _request: {"Items": tasks, "TotalResults": len(tasks)}
    server.nodes, server.tasks = nodes, tasks
    return server


def test_waits_until_the_last_task_is_done(api, cluster, time):
    time.at.append((30, lambda: cluster.tasks[0].update(State="Success")))
    told = []
    done = drain(api, ["a", "B"], time.deadline(60), tell=told.append)
    assert 30 <= time.now < 36
    assert done.changed
    assert all(node["IsInMaintenanceMode"] for node in cluster.nodes.values())
    assert cluster.nodes["A"]["MaxConcurrentTasks"] == 5
    assert told == ["waiting for 1 running task: ServerTasks-7 (Deploy Web, Executing on OctopusServerNodes-A)"]
    again = drain(api, ["A", "B"], time.deadline(60))
    assert not again.changed


def test_a_task_of_another_node_is_not_waited_for(api, cluster, time):
    drain(api, ["B"], time.deadline(60))
    assert time.now == 0
    assert not cluster.nodes["A"]["IsInMaintenanceMode"]


def test_stragglers_are_named(api, cluster, time):
    with pytest.raises(
        OctopusError, match=r"Expected no running tasks on A after 60 s but found 1: ServerTasks-7 .Deploy Web, Executing.*on_timeout"
    ):
        drain(api, ["A"], time.deadline(60))
    assert time.now == 60
    assert cluster.nodes["A"]["IsInMaintenanceMode"]


def test_stragglers_can_be_ignored(api, cluster, time):
    assert [task.id for task in drain(api, ["A"], time.deadline(60), "ignore").left_running] == ["ServerTasks-7"]
    assert cluster.sent("POST") == []


def test_stragglers_can_be_cancelled(api, cluster, time):
    cluster.answers["POST /api/tasks/ServerTasks-7/cancel"] = lambda _request: cluster.tasks[0].update(State="Cancelling")
    time.at.append((70, lambda: cluster.tasks[0].update(State="Canceled")))
    done = drain(api, ["A"], time.deadline(60), "cancel", cancel_deadline=lambda: time.deadline(30))
    assert [task.id for task in done.cancelled] == ["ServerTasks-7"]


def test_what_does_not_end_when_cancelled_is_an_error(api, cluster, time):
    cluster.answers["POST /api/tasks/ServerTasks-7/cancel"] = lambda _request: cluster.tasks[0].update(State="Cancelling")
    with pytest.raises(OctopusError, match=r"ServerTasks-7 .Deploy Web, Cancelling"):
        drain(api, ["A"], time.deadline(60), "cancel", cancel_deadline=lambda: time.deadline(30))


@pytest.mark.parametrize("cluster", ["summary"], indirect=True)
def test_tasks_that_cannot_be_seen_still_count(api, cluster, time):
    cluster.answers["GET /api/tasks"] = {"Items": [], "TotalResults": 0}
    with pytest.raises(OctopusError, match="1 tasks that the user of the API key cannot see"):
        drain(api, ["A"], time.deadline(5))


def test_check_mode_only_looks(api, cluster, time):
    assert drain(api, ["A"], time.deadline(60), check_mode=True).changed
    assert undrain(api, ["A"], check_mode=True)["A"].draining is False
    assert cluster.sent("PUT") == []


def test_undrain(api, cluster, time):
    cluster.nodes["A"]["IsInMaintenanceMode"] = True
    assert undrain(api, ["A", "B"])["A"].draining
    assert not cluster.nodes["A"]["IsInMaintenanceMode"]
    assert len(cluster.sent("PUT")) == 1


def test_an_unknown_node_is_named_with_those_that_exist(api, cluster, time):
    with pytest.raises(OctopusError, match="knows no node 'C'; it knows A, B"):
        drain(api, ["A", "C"], time.deadline(60))
    assert cluster.sent("PUT") == []


def test_a_server_that_does_not_do_it_is_found_out(api, cluster, time):
    cluster.answers["PUT /api/octopusservernodes/OctopusServerNodes-A"] = {}
    with pytest.raises(OctopusError, match="reports that it is not so"):
        drain(api, ["A"], time.deadline(60))


def test_a_task_that_waits_for_a_person_is_waited_for_and_named(api, cluster, time):
    cluster.tasks[0]["HasPendingInterruptions"] = True
    with pytest.raises(OctopusError, match="Deploy Web, Executing on OctopusServerNodes-A, waits for a person"):
        drain(api, ["A"], time.deadline(60))
    assert cluster.sent("POST") == []


def test_a_task_that_waits_for_a_person_may_go_on_waiting(api, cluster, time):
    cluster.tasks[0]["HasPendingInterruptions"] = True
    cluster.tasks.append({"Id": "ServerTasks-9", "Name": "Deploy", "State": "Executing", "ServerNode": "OctopusServerNodes-A"})
    time.at.append((30, lambda: cluster.tasks[2].update(State="Success")))
    done = drain(api, ["A"], time.deadline(60), interruptions="leave")
    assert 30 <= time.now < 36
    assert [task.id for task in done.left_waiting] == ["ServerTasks-7"]
    assert (done.left_running, done.cancelled, cluster.sent("POST")) == ([], [], [])


def test_a_task_that_comes_to_its_question_while_draining_is_cancelled_once(api, cluster, time):
    cluster.answers["POST /api/tasks/ServerTasks-7/cancel"] = lambda _request: cluster.tasks[0].update(State="Cancelling")
    time.at += [
        (20, lambda: cluster.tasks[0].update(HasPendingInterruptions=True)),
        (40, lambda: cluster.tasks[0].update(State="Canceled")),
    ]
    done = drain(api, ["A"], time.deadline(60), interruptions="cancel")
    assert [task.id for task in done.cancelled] == ["ServerTasks-7"]
    assert len(cluster.sent("POST")) == 1


# -- before February 2018 a server does not drain its last node (https://github.com/OctopusDeploy/Issues/issues/4235)


@pytest.fixture(params=["refuses", "does nothing"])
def undrainable(cluster, request):
    """Node B as the last one that takes tasks."""
    node = cluster.nodes["B"]

    def change(put):
        if put.body["IsInMaintenanceMode"] and request.param == "refuses":
            return Answer({"ErrorMessage": "The last node cannot be drained."}, 400)
        node.update({**put.body, "IsInMaintenanceMode": False})
        return node

    cluster.answers[f"PUT /api/octopusservernodes/{node['Id']}"] = change
    return cluster


def test_a_node_that_the_server_does_not_drain_takes_no_tasks_by_its_cap(api, undrainable, time):
    done = drain(api, ["B"], time.deadline(60))
    assert (done.capped, done.changed) == (("B",), True)
    assert undrainable.nodes["B"] | {"IsInMaintenanceMode": False, "MaxConcurrentTasks": 0} == undrainable.nodes["B"]
    assert not next(node for node in list_nodes(api) if node.name == "B").takes_tasks


def test_it_gets_its_task_cap_back_and_another_keeps_its_own(api, undrainable, time):
    drain(api, ["B"], time.deadline(60))
    undrain(api, ["A", "B"], task_caps={"A": 9, "B": 7})
    assert [node["MaxConcurrentTasks"] for node in undrainable.nodes.values()] == [5, 7]
    undrainable.nodes["B"]["MaxConcurrentTasks"] = 0  # as somebody wants it
    undrain(api, ["A", "B"])
    assert undrainable.nodes["B"]["MaxConcurrentTasks"] == 0


def test_a_server_that_refuses_both_is_an_error_with_both_reasons(api, cluster, time):
    cluster.answers["PUT /api/octopusservernodes/OctopusServerNodes-B"] = Answer({"ErrorMessage": "No."}, 400)
    with pytest.raises(OctopusError, match=r"No\..*A task cap of 0.*could not be set either"):
        drain(api, ["B"], time.deadline(60))


def test_a_missing_permission_is_no_reason_to_try_another_way(api, cluster, time):
    cluster.answers["PUT /api/octopusservernodes/OctopusServerNodes-B"] = Answer({"ErrorMessage": "No."}, 403)
    with pytest.raises(OctopusError) as raised:
        drain(api, ["B"], time.deadline(60))
    assert raised.value.status == 403 and len(cluster.sent("PUT")) == 1


# -- after a start


def started(cluster, *, drained: dict[str, bool]) -> Done:
    for name, on in drained.items():
        cluster.nodes[name]["IsInMaintenanceMode"] = on
    done = Done({name: NodeResult() for name in drained})
    connections = [ConnectionOptions(name=name, host=f"{name}.example.com") for name in drained]
    _keep_drained(NodeRequest("started", keep_drained=True), connections, done, ApiOptions(cluster.url, "API-1", allow_http=True))
    return done


def test_a_node_that_has_started_undrained_is_drained_at_once_and_that_is_told(cluster):
    done = started(cluster, drained={"A": True, "B": False})
    assert all(node["IsInMaintenanceMode"] for node in cluster.nodes.values())
    assert [(one.was_drained, one.drained) for one in done.nodes.values()] == [(True, True), (False, True)]
    assert done.changed and "B: it was not drained any more" in done.as_result()["warnings"][0]


def test_nodes_that_are_as_they_were_need_no_change(cluster):
    done = started(cluster, drained={"A": True, "B": True})
    assert not done.changed and cluster.sent("PUT") == [] and "warnings" not in done.as_result()


def test_one_that_takes_no_tasks_by_its_cap_is_left_alone(cluster):
    cluster.nodes["B"]["MaxConcurrentTasks"] = 0
    assert not started(cluster, drained={"B": False}).changed and cluster.sent("PUT") == []


def test_a_server_that_cannot_be_asked_is_told_and_no_failure(cluster):
    for path in ("", "/summary"):
        cluster.answers[f"GET /api/octopusservernodes{path}"] = Answer({"ErrorMessage": "Not yet."}, 403)
    assert "Nobody could look whether A still take no tasks" in started(cluster, drained={"A": True}).as_result()["warnings"][0]


def test_one_that_refuses_to_be_drained_fails(cluster):
    cluster.answers["PUT /api/octopusservernodes/OctopusServerNodes-B"] = Answer({"ErrorMessage": "No."}, 400)
    with pytest.raises(OctopusError, match=r"No\."):
        started(cluster, drained={"B": False})
