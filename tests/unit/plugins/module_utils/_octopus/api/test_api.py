# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The REST client: what it repeats, what it never does, and what it says when it cannot."""

from __future__ import annotations

import hashlib

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.links import absolute, plain
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.tests.unit.octopus_server import Answer, FakeServer


def times(*answers):
    """Answer with these one after the other, the last for ever."""
    left = list(answers)
    return lambda _request: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("octopus.example.com", "is no address"),
        ("ftp://octopus.example.com", "is no address"),
        ("http://octopus.example.com", "unencrypted"),
        ("https://user:hunter2@octopus.example.com", "holds a user or password"),
    ],
)
def test_addresses_that_cannot_work_or_give_the_key_away(url, message):
    with pytest.raises(OctopusError, match=message) as caught:
        ApiOptions(url, "API-SECRET")
    assert "API-SECRET" not in caught.value.message
    assert "hunter2" not in caught.value.message


def test_http_without_a_key_gives_nothing_away():
    assert ApiOptions("http://octopus.example.com").url


def test_the_key_is_sent_and_not_shown(api, server):
    assert str(api.version) == "2018.10.7"
    assert server.requests[0].headers["X-Octopus-ApiKey"] == "API-SECRET"
    assert "API-SECRET" not in repr(api.options)


@pytest.mark.parametrize("status", [429, 503])
def test_reading_is_repeated_when_the_server_is_busy(api, server, status):
    server.answers["GET /api/x"] = times(Answer({}, status, {"Retry-After": "0"}), {"ok": True})
    assert api.get("/api/x") == {"ok": True}
    assert len(server.sent("GET", "/api/x")) == 2


def test_writing_is_repeated_only_when_it_was_not_carried_out(api, server):
    server.answers["POST /api/x"] = times(Answer({}, 429, {"Retry-After": "0"}), {"Id": "1"})
    assert api.post("/api/x") == {"Id": "1"}
    server.answers["POST /api/y"] = times(Answer({"ErrorMessage": "gone"}, 503), {"Id": "1"})
    with pytest.raises(OctopusError, match="503: gone"):
        api.post("/api/y")
    assert len(server.sent("POST", "/api/y")) == 1


def test_absent_is_told_from_refused(api, server):
    assert api.find("/api/absent") is None
    server.answers["GET /api/broken"] = Answer({"ErrorMessage": "boom"}, 500)
    with pytest.raises(OctopusError, match="500: boom"):
        api.find("/api/broken")


def test_401_says_that_the_key_is_not_accepted(api, server):
    server.answers["GET /api/x"] = Answer({"ErrorMessage": "The API key you provided was not valid."}, 401)
    with pytest.raises(OctopusError, match=r"does not accept the API key .The API key you provided was not valid") as caught:
        api.get("/api/x")
    assert caught.value.status == 401


def test_403_names_user_and_permission(api, server):
    server.answers["GET /api/users/me"] = {"Username": "viewer"}
    server.answers["PUT /api/x"] = Answer({"ErrorMessage": "You do not have permission."}, 403)
    with pytest.raises(OctopusError, match=r"the user viewer may not .*You do not have permission.*AdministerSystem"):
        api.put("/api/x", {}, needs="AdministerSystem")


def test_a_portal_that_is_no_octopus_is_named(api, server):
    server.answers["GET /api"] = Answer(b"<html>", headers={"Content-Type": "text/html"})
    with pytest.raises(OctopusError, match="text/html instead of JSON: is this the address of an Octopus Server"):
        print(api.version)


def test_nobody_there(server):
    url = server.url
    other = FakeServer()
    other.close()
    with pytest.raises(OctopusError, match=r"no connection .*refused"):
        OctopusApi(ApiOptions(other.url, timeout=5), retries=0).get("/api")
    assert url != other.url


def test_too_slow_says_how_long_was_waited(server):
    import threading

    release = threading.Event()
    server.answers["GET /api/slow"] = lambda _request: release.wait(10) and {}
    try:
        with pytest.raises(OctopusError, match=r"no answer within 0\.1 s"):
            OctopusApi(ApiOptions(server.url, timeout=0.1), retries=0).get("/api/slow")
    finally:
        release.set()


def test_the_key_never_follows_a_redirect_to_another_server(api, server):
    other = FakeServer()
    try:
        server.answers["GET /api/x"] = Answer({}, 302, {"Location": f"{other.url}/api/x"})
        with pytest.raises(OctopusError, match=r"was redirected to .*The API key is not sent there"):
            api.get("/api/x")
        assert other.requests == []
    finally:
        other.close()


def test_redirects_within_the_server_are_followed(api, server):
    server.answers["GET /api/old"] = Answer({}, 302, {"Location": "/api/new"})
    server.answers["GET /api/new"] = {"ok": True}
    assert api.get("/api/old") == {"ok": True}
    server.answers["GET /api/round"] = Answer({}, 302, {"Location": "/api/round"})
    with pytest.raises(OctopusError, match="more than 5 times"):
        api.get("/api/round")


def test_a_netrc_file_is_not_used(api, server, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hunter2\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    api.get("/api")
    assert "Authorization" not in server.requests[-1].headers


def test_collections_are_read_page_by_page(api, server):
    server.collection("/api/things", [{"Id": str(number)} for number in range(250)])
    assert [row["Id"] for row in api.items("/api/things")] == [str(number) for number in range(250)]
    assert len(server.sent("GET", "/api/things")) == 3
    assert api.total("/api/things") == 250
    assert api.total("/api/nothing") is None


def test_downloads_are_hashed(api, server):
    content = bytes(range(256)) * 9000
    server.answers["GET /file"] = Answer(content, headers={"Content-Type": "image/png; x=y"})
    assert api.digest("/file") == (hashlib.sha256(content).hexdigest(), len(content), "image/png")


def test_text_is_utf8_unless_the_server_says_otherwise(api, server):
    server.answers["GET /raw"] = Answer("größer".encode(), headers={"Content-Type": "text/plain"})
    assert api.text("/raw") == "größer"


def test_a_certificate_file_that_is_not_there_is_named():
    with pytest.raises(OctopusError, match=r"Is ca_path ./nowhere. a file"):
        OctopusApi(ApiOptions("https://127.0.0.1:1", ca_path="/nowhere"), retries=0).get("/api")


@pytest.mark.parametrize(
    ("base", "path", "wanted"),
    [
        ("https://h", "/api", "https://h/api"),
        ("https://h/octopus", "/api", "https://h/octopus/api"),
        ("https://h/octopus", "/octopus/api/x", "https://h/octopus/api/x"),
        ("https://h/octopus", "~/api", "https://h/octopus/api"),
        ("https://h:8443", "api", "https://h:8443/api"),
    ],
)
def test_addresses_with_and_without_a_virtual_directory(base, path, wanted):
    assert absolute(base, path) == wanted


def test_templates_are_taken_off_links():
    assert plain("/api/projects{/id}{?skip,take}") == "/api/projects"
