# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node asked from itself: what its curl.exe is told, what its answers mean, and when there is no such way."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.http import Asked
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import NotAsked, OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.from_node import FromNode
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.health import local_url
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

CURL = r"C:\Windows\System32\curl.exe"
ERROR = NotAsked("GET https://octo-a/api: no trust.")
EXISTS = "ansible_collections.octopus.upgrade.plugins.module_utils._windows.files.exists"


def made(printed) -> tuple[FakeHost, FromNode]:
    host = FakeHost({CURL: printed})
    octopus = OctopusHost(host)
    octopus.one_instance = lambda _name: type("Entry", (), {"name": "OctopusServer"})
    octopus.configuration = lambda _name: type("Configuration", (), {"listen_prefixes": ["https://+:8443/octopus/"]})
    return host, FromNode(octopus, None)


def asked(method: str = "GET", body: str | None = None) -> Asked:
    return Asked(method, "/api/x?y=1", {"X-Octopus-ApiKey": "API-SECRET"}, body, 10.0, ERROR)


def test_everything_goes_through_its_standard_input(monkeypatch):
    host, way = made('{"a": 1}\n200 application/json; charset=utf-8')
    monkeypatch.setattr(EXISTS, lambda _host, _path: True)
    answer = way(asked("PUT", '{"quoted": "a\\\\b"}'))
    assert (answer.status, answer.content_type, answer.body) == (200, "application/json; charset=utf-8", b'{"a": 1}')
    assert host.ran(CURL) == [f"{CURL} -q --config -"]
    config = host.given[-1]["stdin"].splitlines()
    assert 'url = "https://localhost:8443/octopus/api/x?y=1"' in config
    assert 'request = "PUT"' in config
    assert 'header = "X-Octopus-ApiKey: API-SECRET"' in config
    assert 'data-raw = "{\\"quoted\\": \\"a\\\\\\\\b\\"}"' in config
    assert host.given[-1]["secret"] is True
    assert host.given[-1]["idempotent"] is False
    assert "no trust" in way.warning


@pytest.mark.parametrize(("code", "kind"), [(7, OctopusError), (63, NotAsked)])
def test_a_node_that_does_not_answer_itself_is_ill_and_one_that_says_too_much_is_not(monkeypatch, code, kind):
    _host, way = made((code, "curl: (7) Failed to connect to localhost port 8443"))
    monkeypatch.setattr(EXISTS, lambda _host, _path: True)
    with pytest.raises(OctopusError) as caught:
        way(asked())
    assert isinstance(caught.value, NotAsked) is (kind is NotAsked)


def test_windows_before_2019_cannot_be_asked_in_this_way(monkeypatch):
    _host, way = made("")
    monkeypatch.setattr(EXISTS, lambda _host, _path: False)
    with pytest.raises(NotAsked, match=r"no trust.*has no curl.exe"):
        way(asked())
    assert not way.warning


@pytest.mark.parametrize(
    ("prefixes", "wanted"),
    [
        (["https://octopus.example.com/", "http://*:8080/"], "http://localhost:8080"),
        (["https://octopus.example.com:444/x/"], "https://octopus.example.com:444/x"),
        ([], None),
    ],
)
def test_the_address_on_the_node(prefixes, wanted):
    assert local_url(prefixes) == wanted
