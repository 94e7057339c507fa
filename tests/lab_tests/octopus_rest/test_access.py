# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys, permissions, maintenance mode, headers, errors, limits, what the ledger keeps."""

from __future__ import annotations

import pytest
from lab.core.clock import Clock
from lab_tests.octopus_rest.memory_store import ADMIN, DEPLOYER, GONE, NOBODY


@pytest.mark.parametrize(("key", "says"), [(None, "logged in"), ("API-WRONG", "was not valid"), (GONE, "was not valid")])
def test_without_a_good_key_401(server, key, says):
    answer = server.get("/api/users/me", key=key)
    assert answer.status_code == 401
    assert says in answer.json()["ErrorMessage"]


def test_a_missing_permission_is_named(server):
    answer = server.get("/api/maintenanceconfiguration", key=DEPLOYER)
    assert answer.status_code == 403
    assert answer.json()["ErrorMessage"].endswith("Missing permission: AdministerSystem")
    assert server.get("/api/Spaces-1/machines", key=DEPLOYER).json()["ErrorMessage"].endswith("Missing permission: MachineView")


def test_permissions_are_per_space(server):
    assert server.get("/api/Spaces-1/projects", key=DEPLOYER).status_code == 200
    assert server.get("/api/Spaces-2/projects", key=DEPLOYER).status_code == 403
    assert server.get("/api/spaces/second/projects").json()["TotalResults"] == 1
    assert server.get("/api/Spaces-7/projects").status_code == 404
    assert [space["Id"] for space in server.json("/api/spaces/all", key=DEPLOYER)] == ["Spaces-1"]


def test_me_and_my_permissions(server):
    me = server.json("/api/users/me")
    assert me["Username"] == "admin"
    assert "never shown" not in str(me)
    held = server.json(me["Links"]["Permissions"])
    assert "AdministerSystem" in held["SystemPermissions"]
    assert {one["SpaceId"] for one in held["SpacePermissions"]["ProjectView"]} == {"Spaces-1", "Spaces-2"}
    assert server.get(me["Links"]["Permissions"], key=NOBODY).status_code == 403


def test_the_node_that_answers_is_named_also_with_an_error(server):
    for answer in (server.get("/api"), server.get("/api/nothing"), server.get("/api/users/me", key=None)):
        assert answer.headers["Octopus-Node"] == "OCTO-A"


def test_errors_are_json(server):
    for answer in (server.get("/api/Spaces-1/projects/Projects-9999"), server.get("/nowhere"), server.call("PATCH", "/api")):
        assert answer.status_code in (404, 405)
        assert set(answer.json()) == {"ErrorMessage", "Errors"}
    wrong = server.get("/api/tasks", skip="-1")
    assert wrong.status_code == 400
    assert wrong.json()["Errors"] == ["The value '-1' of 'skip' is not a number of at least 0."]


def test_a_database_that_is_gone_fails_the_request_not_the_server(server):
    server.store.broken = [RuntimeError("Cannot open database")]
    answer = server.get("/api/users")
    assert (answer.status_code, "Cannot open database" in answer.json()["ErrorMessage"]) == (500, True)
    server.store.broken = []
    assert server.get("/api/users").status_code == 200


# -- maintenance mode


def test_maintenance_takes_a_boolean_from_an_administrator(server):
    path = "/api/maintenanceconfiguration"
    assert server.json(path)["IsInMaintenanceMode"] is False
    assert server.call("PUT", path, json={"Id": "maintenance", "IsInMaintenanceMode": "true"}).status_code == 400
    assert server.call("PUT", path, data="IsInMaintenanceMode=true").status_code == 400
    assert server.call("PUT", path, DEPLOYER, json={"IsInMaintenanceMode": True}).status_code == 403
    assert server.store.in_maintenance is False
    assert server.call("PUT", path, json={"Id": "maintenance", "IsInMaintenanceMode": True}).json()["IsInMaintenanceMode"] is True
    assert server.json(path)["IsInMaintenanceMode"] is True
    assert [event["on"] for event in server.ledger.events("octopus", what="maintenance mode")] == [True]


def test_in_maintenance_only_administrators_write(server):
    project = server.json("/api/Spaces-1/projects/Projects-1", key=DEPLOYER)
    server.store.in_maintenance = True
    refused = server.call("PUT", "/api/Spaces-1/projects/Projects-1", DEPLOYER, json=project)
    assert (refused.status_code, "maintenance mode" in refused.json()["ErrorMessage"]) == (503, True)
    assert server.call("PUT", "/api/Spaces-1/projects/Projects-1", ADMIN, json=project).status_code == 200
    assert server.get("/api/Spaces-1/projects/Projects-1", key=DEPLOYER).status_code == 200
    server.store.in_maintenance = False
    assert server.call("PUT", "/api/Spaces-1/projects/Projects-1", DEPLOYER, json=project).status_code == 200


# -- limits, faults, ledger


def test_rate_limiting(serve):
    server = serve("2026.3.100", rate_limit=5, clock=Clock(0.001))  # time stands still, as far as a bucket can tell
    codes = [server.get("/api").status_code for dummy in range(6)]
    assert codes == [200] * 5 + [429]
    answer = server.get("/api")
    assert int(answer.headers["Retry-After"]) >= 1
    server.app.extensions["lab.limiter"].per_minute = None
    assert server.get("/api").status_code == 200


def test_named_faults(server):
    server.faults.arm("api.error", "octo-a", times=1, skip=1, path="/api/tasks", status=502)
    assert server.get("/api").status_code == 200
    assert [server.get("/api/tasks").status_code for dummy in range(3)] == [200, 502, 200]
    server.faults.arm("api.error", "other", times=None, status=500)
    assert server.get("/api").status_code == 200
    server.faults.arm("api.limit", times=1, retry_after=3)
    limited = server.get("/api")
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "3")
    assert server.get("/api").status_code == 200


def test_the_ledger_keeps_who_did_what_and_never_a_key(server):
    server.get("/api/Spaces-1/projects", key=DEPLOYER)
    server.get("/api/users/me", key="API-WRONG")
    server.call("PUT", "/api/maintenanceconfiguration", json={"IsInMaintenanceMode": True})
    events = [{name: event[name] for name in ("method", "path", "status", "user")} for event in server.ledger.events("rest", "octo-a")]
    assert events == [
        {"method": "GET", "path": "/api/Spaces-1/projects", "status": 200, "user": "deployer"},
        {"method": "GET", "path": "/api/users/me", "status": 401, "user": ""},
        {"method": "PUT", "path": "/api/maintenanceconfiguration", "status": 200, "user": "admin"},
    ]
    assert "API-" not in str([event.as_dict() for event in server.ledger.events()])
