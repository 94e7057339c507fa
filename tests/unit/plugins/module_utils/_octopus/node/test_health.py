# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Health of a node: its own address, the right version, not offline, and the last answer in the error."""

from __future__ import annotations

import json

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.http import Answered
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import NotAsked, OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.answers import ask_each
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.health import (
    SETTLED_SECONDS,
    counts_as_started,
    node_url,
    wait_healthy,
)
from ansible_collections.octopus.upgrade.tests.unit.octopus_server import ROOT, Answer

PING = "GET /api/octopusservernodes/ping"


@pytest.mark.parametrize(
    ("prefixes", "wanted"),
    [
        (["http://localhost/"], "http://octo-a"),
        (["http://localhost:8080/octopus/"], "http://octo-a:8080/octopus"),
        (["http://*:8080/", "https://+:8443/"], "https://octo-a:8443"),
        (["https://octopus.example.com/", "http://localhost:8080/"], "http://octo-a:8080"),
        (["https://octopus.example.com/"], "https://octopus.example.com"),
        (["https://octopus.example.com/", "https://Octo-A.lab.example/"], "https://Octo-A.lab.example"),
        (["http://[::1]:80/"], "http://octo-a:80"),
        ([], None),
        (["nonsense"], None),
    ],
)
def test_the_address_of_the_node_itself(prefixes, wanted):
    assert node_url(prefixes, "octo-a") == wanted


def test_a_prefix_with_the_portals_name_is_asked_at_the_hosts_own_address():
    portal = "https://octopus.example.com"
    assert node_url(["https://octopus.example.com:8443/", "http://localhost:80/"], "octo-a", portal) == "https://octo-a:8443"
    assert node_url(["https://octopus.example.com/", "https://+:444/"], "octo-a", portal) == "https://octo-a:444"


def test_an_ipv6_host_is_put_in_brackets():
    assert node_url(["http://+:8080/"], "fd00::7") == "http://[fd00::7]:8080"


@pytest.fixture
def wait(server):
    """Wait for the fake server; time passes only by waiting."""
    now = [0.0]

    def healthy(expected="2018.10.7", **options):
        deadline = Deadline(60, clock=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
        return wait_healthy("octo-a", ApiOptions(server.url, "API-SECRET", allow_http=True), expected, deadline, **options)

    healthy.now = now
    return healthy


def test_up_at_once_and_the_key_is_not_sent(server, wait):
    server.answers[PING] = {"IsOffline": False}
    assert wait() == "2018.10.7"
    assert wait.now == [0.0]
    assert all("X-Octopus-ApiKey" not in request.headers for request in server.requests)


@pytest.mark.parametrize("ping", [Answer({}, 404), Answer({"IsOffline": False, "IsInMaintenanceMode": True}, 418)])
def test_a_server_without_ping_and_a_drained_node_are_healthy(server, wait, ping):
    server.answers[PING] = ping
    assert wait() == "2018.10.7"


def test_waits_for_version_and_for_not_being_offline(server, wait):
    server.answers["GET /api"] = lambda _request: {**ROOT, "Version": "2018.10.7" if wait.now[0] < 10 else "2021.1.8045"}
    server.answers[PING] = lambda _request: Answer({"IsOffline": wait.now[0] < 20}, 418 if wait.now[0] < 20 else 200)
    assert wait("2021.1.8045") == "2021.1.8045"
    assert 20 <= wait.now[0] < 30


@pytest.mark.parametrize(
    ("answers", "last"),
    [
        ({}, "Last answer: version 2018.10.7."),
        ({"GET /api": Answer({"ErrorMessage": "Upgrading the database"}, 503)}, "Last answer: status 503: Upgrading the database."),
        ({"GET /api": Answer(b"starting", 503)}, "Last answer: status 503."),
    ],
)
def test_the_error_tells_the_last_answer(server, wait, answers, last):
    server.answers |= answers
    with pytest.raises(OctopusError) as caught:
        wait("2021.1.8045")
    assert last in caught.value.message
    assert "expected version 2021.1.8045 from" in caught.value.message
    assert wait.now[0] == 60


def test_a_node_that_is_gone_is_not_waited_for(server, wait):
    with pytest.raises(OctopusError, match="octo-a: the service stopped by itself, while waiting"):
        wait("2021.1.8045", gone=lambda: "the service stopped by itself")
    assert wait.now[0] < 5


@pytest.fixture
def unasked(wait, server, monkeypatch):
    """Wait for a node that the control node cannot ask."""

    def why(*_args):
        return NotAsked("no trust")

    monkeypatch.setattr("ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.http.why", why)
    server.close()
    return wait


def test_a_node_that_only_itself_can_ask_is_healthy_when_it_says_so(unasked):
    def other_way(asked):
        version = "2018.10.7" if unasked.now[0] < 10 else "2021.1.8045"
        return Answered(200, "application/json", json.dumps({"Version": version}).encode())

    assert unasked("2021.1.8045", other_way=other_way) == "2021.1.8045"
    assert unasked.now[0] >= 10


def test_a_node_that_nobody_can_ask_counts_as_started_while_its_service_runs(unasked):
    told = []
    assert unasked("2021.1.8045", warn=told.append) is None
    assert unasked.now[0] == 60, "the whole timeout, which is shorter than a service has to run"
    assert "nobody could ask whether it is healthy: no trust" in told[0]


def test_a_node_that_nobody_can_ask_and_whose_service_has_stopped_has_failed(unasked):
    with pytest.raises(OctopusError, match="the service stopped by itself"):
        unasked("2021.1.8045", gone=lambda: "the service stopped by itself" if unasked.now[0] > 30 else None)


@pytest.mark.parametrize(("seconds", "counts"), [(0, False), (SETTLED_SECONDS - 1, False), (SETTLED_SECONDS, True)])
def test_how_long_a_service_has_to_run(seconds, counts):
    assert counts_as_started(seconds) is counts


def test_preflight_asks_as_the_wait_does(server, monkeypatch):
    server.answers["GET /api/octopusservernodes/ping"] = {"IsOffline": True, "LastSeen": "long ago"}
    hosts = {
        "octo-a": {"instances": [{"url": server.url}, {"name": "Other"}]},
        "octo-b": {"instances": [{"url": None}]},
    }
    ask_each(hosts, ApiOptions)
    offline, other = hosts["octo-a"]["instances"]
    assert offline["answers"]["ok"] is False
    assert "offline (last seen long ago)" in offline["answers"]["found"]
    assert "answers" not in other
    assert hosts["octo-b"]["instances"][0]["answers"]["ok"] is False
    server.answers["GET /api/octopusservernodes/ping"] = {"IsOffline": False}
    ask_each(hosts, ApiOptions)
    assert hosts["octo-a"]["instances"][0]["answers"] == {"ok": True, "version": "2018.10.7", "found": "version 2018.10.7"}
    hosts["octo-a"]["instances"][0]["url"] = "https://octo-a.invalid"
    ask_each(hosts, ApiOptions)
    assert hosts["octo-a"]["instances"][0]["answers"]["ok"] is None
