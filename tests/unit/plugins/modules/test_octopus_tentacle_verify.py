# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_tentacle_verify: which machines are checked, where nothing can be told, and what the others need."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.tests.unit.octopus_server import ROOT, FakeServer
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

OWN, ONE, TWO, AGENT = "AB" * 20, "01" * 20, "02" * 20, "03" * 20


class Server(FakeServer):
    """A server with two spaces; its health checks end at once."""

    def __init__(self) -> None:
        super().__init__()
        links = {**ROOT["Links"], "Spaces": "/api/spaces{/id}", "Workers": "/api/Spaces-1/workers{/id}"}
        self.answers["GET /api"] = {**ROOT, "Version": "2025.3.14357", "Links": links}
        self.answers["GET /api/configuration/certificates/certificate-global"] = {"Thumbprint": OWN.lower()}
        self.spaces = [{"Id": "Spaces-1", "Name": "Default", "TaskQueueStopped": False}, {"Id": "Spaces-2", "Name": "Second"}]
        self.collection("/api/spaces", self.spaces)
        self.node = {"Id": "OctopusServerNodes-a", "Name": "OCTO-A", "IsOffline": False, "IsInMaintenanceMode": False}
        self.answers["GET /api/octopusservernodes/summary"] = {"Nodes": [self.node]}
        self.target = machine("Machines-1", ONE, "Spaces-1/machines")
        self.worker = machine("Workers-1", ONE, "Spaces-2/workers")
        agent = {"CommunicationStyle": "KubernetesTentacle", "TentacleEndpointConfiguration": {"Thumbprint": AGENT}}
        self.other = {"Id": "Machines-3", "Name": "agent", "Endpoint": agent}
        self.collection("/api/Spaces-1/machines", [self.target, machine("Machines-2", TWO, "Spaces-1/machines"), self.other])
        self.collection("/api/Spaces-1/workers", [])
        self.collection("/api/Spaces-2/machines", [])
        self.collection("/api/Spaces-2/workers", [self.worker])
        self.collection("/api/tasks", [])
        self.answers["POST /api/tasks"] = {"Id": "ServerTasks-7", "Name": "Health", "State": "Failed", "IsCompleted": True}
        self.answers["GET /api/Spaces-1/machines/Machines-1/connection"] = {"Status": "Online", "LastChecked": "2026-11-30T00:00:00Z"}


def machine(identity, thumbprint, path):
    endpoint = {"CommunicationStyle": "TentacleActive", "Thumbprint": thumbprint}
    links = {"Connection": f"/api/{path}/{identity}/connection"}
    return {"Id": identity, "Name": identity.lower(), "Endpoint": endpoint, "IsDisabled": False, "HealthStatus": "Healthy", "Links": links}


@pytest.fixture
def server():
    fake = Server()
    yield fake
    fake.close()


def verify(server, **options):
    given = {"url": server.url, "api_key": "API-SECRET", "allow_http": True, "thumbprints": [ONE.lower()], "timeout": 20}
    return run_module("octopus_tentacle_verify", **(given | options))


def verified(result):
    return {one["id"]: one["verified"] for one in result["machines"]}


def test_those_of_the_tentacle_are_checked_in_each_space_and_no_other(server):
    server.worker["HealthStatus"] = "Unavailable"
    result = verify(server, thumbprints=[ONE.lower(), "0f" * 20])
    assert "failed" not in result and result["changed"] is False
    assert (result["thumbprint"], result["unknown"]) == (OWN, ["0F" * 20])
    assert verified(result) == {"Machines-1": True, "Workers-1": False}
    asked = [(one.body["SpaceId"], one.body["Name"], one.body["Arguments"]) for one in server.sent("POST", "/api/tasks")]
    times = {"Timeout": "00:00:20", "MachineTimeout": "00:00:20"}
    assert asked == [
        ("Spaces-1", "Health", {**times, "MachineIds": ["Machines-1"]}),
        ("Spaces-2", "Health", {**times, "MachineIds": ["Workers-1"]}),
    ]
    needs = {one["id"]: one["needs"] for one in result["others"]}
    assert needs.keys() == {"Machines-2", "Machines-3"}
    assert "no host of the inventory" in needs["Machines-2"] and "first server address" in needs["Machines-3"]


def test_nothing_is_told_of_what_no_health_check_reaches(server):
    """Whatever the copied rows say: they are the former server's."""
    server.target["IsDisabled"] = True
    server.spaces[1]["TaskQueueStopped"] = True
    result = verify(server)
    assert verified(result) == {"Machines-1": None, "Workers-1": None}
    assert "disabled" in result["machines"][0]["reason"] and "task queue" in result["machines"][1]["reason"]
    assert result["machines"][0]["connection"] == {"status": "Online", "last_checked": "2026-11-30T00:00:00Z"}
    assert not server.sent("POST")


def test_nothing_is_queued_in_check_mode_or_where_no_node_would_take_it(server):
    assert verified(verify(server, check_mode=True)) == {"Machines-1": None, "Workers-1": None}
    server.node["IsInMaintenanceMode"] = True
    assert "drained" in verify(server)["machines"][0]["reason"]
    assert not server.sent("POST")


def test_a_health_status_that_nobody_knows_is_no_pass(server):
    server.target["HealthStatus"] = None
    assert verified(verify(server))["Machines-1"] is None


def test_a_health_check_of_somebody_else_is_waited_for_and_never_taken_for_ours(server):
    foreign = {"Id": "ServerTasks-5", "Name": "Health", "State": "Executing", "IsCompleted": False}
    server.collection("/api/tasks", [foreign])
    server.answers["GET /api/tasks/ServerTasks-5"] = {**foreign, "State": "Success", "IsCompleted": True}
    result = verify(server)
    assert result["failed"] and "were not checked" in result["msg"]
    assert not server.sent("POST")
