# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_maintenance: idempotent, read back, nothing written in check mode."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.tests.unit.octopus_server import Answer, FakeServer
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

PATH = "/api/maintenanceconfiguration"


@pytest.fixture
def server():
    fake = FakeServer()
    fake.document(PATH, {"Id": "maintenance", "IsInMaintenanceMode": False, "Message": "kept"})
    yield fake
    fake.close()


def maintenance(server, state, **options):
    return run_module("octopus_maintenance", url=server.url + "/", api_key="API-SECRET", allow_http=True, state=state, **options)


def test_on_and_off_and_what_it_was(server):
    result = maintenance(server, "enabled")
    assert (result["changed"], result["enabled"], result["was_enabled"]) == (True, True, False)
    [put] = server.sent("PUT")
    assert put.body == {"Id": "maintenance", "IsInMaintenanceMode": True, "Message": "kept"}
    result = maintenance(server, "enabled")
    assert (result["changed"], result["enabled"], result["was_enabled"]) == (False, True, True)
    assert len(server.sent("PUT")) == 1
    assert maintenance(server, "disabled")["changed"]


def test_check_mode_says_what_it_would_do_and_writes_nothing(server):
    result = maintenance(server, "enabled", check_mode=True, diff=True)
    assert (result["changed"], result["enabled"]) == (True, True)
    assert result["diff"] == {"before": "maintenance mode: False\n", "after": "maintenance mode: True\n"}
    assert server.sent("PUT") == []


def test_a_server_that_accepts_and_does_nothing_is_found_out(server):
    server.answers[f"PUT {PATH}"] = {}
    result = maintenance(server, "enabled")
    assert result["failed"]
    assert "still reports it off" in result["msg"]


def test_refusal_names_the_permission_and_shows_no_key(server):
    server.answers[f"PUT {PATH}"] = Answer({"ErrorMessage": "You may not."}, 403)
    server.answers["GET /api/users/me"] = {"Username": "viewer"}
    result = maintenance(server, "enabled")
    assert "the user viewer may not do this: You may not. It takes the permission AdministerSystem." in result["msg"]
    assert "API-SECRET" not in str(result)


def test_a_server_without_maintenance_mode_is_named(server):
    del server.answers[f"GET {PATH}"]
    assert "(version 2018.10.7) has no maintenance mode" in maintenance(server, "enabled")["msg"]


def test_plain_http_with_a_key_is_refused_before_anything_is_sent(server):
    result = run_module("octopus_maintenance", url=server.url, api_key="API-SECRET", state="enabled")
    assert "allow_http" in result["msg"]
    assert server.requests == []
