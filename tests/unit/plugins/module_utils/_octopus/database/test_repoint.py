# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who needs what when a clone takes the place of its source, and what tells a program from a person at the portal."""

from __future__ import annotations

import gzip
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import clients, endpoints, repoint, row_document
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.events import Entry

NOW = datetime(2026, 11, 23, 20, 0, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("style", "uri", "mode", "elsewhere", "same"),
    [
        ("TentaclePassive", "https://web01:10933/", None, "network", "network"),
        ("TentacleActive", "poll://abc/", None, "repoint", "name"),
        (None, "poll://abc/", None, "repoint", "name"),
        ("TentacleActive", "wss://octopus/x", None, "certificate", "certificate"),
        ("KubernetesTentacle", "poll://abc/", "Polling", "agent", "name"),
        ("KubernetesTentacle", "https://agent:10933/", "Listening", "network", "network"),
        ("KubernetesTentacle", None, None, "agent", "name"),  # the safe side
        ("Ssh", "ssh://linux01:22/", None, "network", "network"),
        ("AzureWebApp", None, None, "network", "network"),
        ("OfflineDrop", None, None, "nothing", "nothing"),
        ("None", None, None, "nothing", "nothing"),
        (None, None, None, "unknown", "unknown"),
        (None, "https://web01:10933/", None, "unknown", "unknown"),
    ],
)
def test_each_kind_of_target_needs_something_else(style: str | None, uri: str | None, mode: str | None, elsewhere: str, same: str) -> None:
    assert endpoints.need_of(style, uri, mode) == elsewhere
    assert endpoints.need_of(style, uri, mode, same_address=True) == same
    assert endpoints.says(elsewhere)


@pytest.mark.parametrize(
    ("kind", "elsewhere", "same"),
    [
        ("AzureOidc", "trust", "nothing"),
        ("AmazonWebServicesOidcAccount", "trust", "nothing"),
        ("SshKeyPair", "network", "network"),
        (None, "unknown", "unknown"),
    ],
)
def test_only_accounts_that_sign_in_by_the_servers_address_are_bound_to_it(kind: str | None, elsewhere: str, same: str) -> None:
    assert (endpoints.account_need(kind), endpoints.account_need(kind, same_address=True)) == (elsewhere, same)


def machine(number: int, thumbprint: str | None, need: str = "network", **more: Any) -> dict[str, Any]:
    own = {"kind": "target", "id": f"Machines-{number}", "name": f"m{number}", "space": None, "disabled": False, "style": "S", "uri": "u"}
    return own | {"thumbprint": thumbprint, "need": need} | more


def test_one_tentacle_may_be_several_registrations() -> None:
    first, second, third = endpoints.grouped(
        [machine(1, "ab"), machine(2, "AB", "repoint", kind="worker", uri="v"), machine(3, None), machine(4, None)]
    )
    assert (first["need"], first["uris"], first["styles"]) == ("repoint", ["u", "v"], ["S"])
    assert [one["name"] for one in first["registrations"]] == ["m1", "m2"]
    assert [len(one["registrations"]) for one in (second, third)] == [1, 1]


@pytest.mark.parametrize(
    ("service", "established", "agent", "program"),
    [
        (True, "Session cookie", "Mozilla/5.0", True),
        (False, "Session cookie", "OctopusClient-js/2020.2.2", False),  # a webhook sample of 2020: the portal
        (False, "session cookie", "curl/8.5.0", False),
        (None, "API key", None, True),
        (False, "", "Server", False),
        (None, None, "octo/9.1.7", True),
        (None, None, "Mozilla/5.0 (Windows NT 10.0)", False),
        (None, None, None, None),
        (False, None, "", None),
    ],
)
def test_what_tells_a_program(service: bool | None, established: str | None, agent: str | None, program: bool | None) -> None:
    assert clients.is_program(service, established, agent) is program


def used(user: str, agent: str | None, established: str | None, user_id: str = "Users-1") -> Entry:
    return Entry("Events-1", "Modified", NOW, "", user_id, user, (), agent, None, established)


def test_programs_are_grouped_and_people_left_out() -> None:
    found = clients.used(
        [
            used("ci", "octo/9", "API key"),
            used("ci", "octo/9", "API key"),
            used("dora", "Mozilla/5.0", "Session cookie"),
            used("system", "Server", "", "users-system"),
            used("old", None, None, "Users-2"),
        ],
        {"Users-1": False, "Users-2": True},
    )
    assert [(one["user"], one["events"], one["program"], one["service"]) for one in found] == [
        ("ci", 2, True, False),
        ("old", 1, True, True),
    ]


def test_what_is_unknown_is_said_and_not_left_out() -> None:
    nothing: dict[str, Any] = dict.fromkeys(("hosts", "accounts", "programs", "silent_services", "api_keys"))
    assert repoint.sentences({**nothing, "partial": False, "unknown": ["why"]}) == ["Unknown: why."]
    programs = [
        {"user": "ci", "agent": "octo/9", "program": True},
        {"user": "dora", "agent": None, "program": None},
    ]
    said = repoint.sentences({**nothing, "programs": programs, "partial": True, "unknown": []})
    assert said == [
        "Programs have used it as ci with octo/9: give them the new server's address.",
        "Whether programs have used it as dora is unknown: the events do not tell. Ask them.",
        "Only the newest 20000 events were looked at.",
    ]


@pytest.mark.parametrize(("last", "lately"), [(None, None), ("2026-11-23T20:00:00+00:00", True), ("2026-11-23T19:59:59+00:00", False)])
def test_when_a_key_was_used_is_unknown_where_nothing_says_so(last: str | None, lately: bool | None) -> None:
    assert clients.lately({"last_used": last}, NOW) is lately


def test_a_row_says_the_same_in_columns_and_in_json() -> None:
    inner = '{"Endpoint": {"Uri": "poll://a/", "Deep": {"Uri": "poll://b/"}}, "IsDisabled": true}'
    packed = gzip.compress(inner.encode("utf-16-le"))
    for row in ({"JSON": inner}, {"JSONBlob": packed}, {"JSON": None, "JSONBlob": gzip.compress(inner.encode())}):
        assert row_document.flat({"Id": "Machines-1", "IsDisabled": False, **row})["uri"] == "poll://a/"
        assert row_document.flat({"IsDisabled": False, **row})["isdisabled"] is False  # the column wins
    assert row_document.flat({"endpoint_uri": "poll://a/", "endpoint_deep_uri": "poll://b/"}) == {"uri": "poll://a/"}
    for broken in ({"JSON": "{"}, {"JSON": "[1]"}, {"JSONBlob": b"no gzip"}, {}):
        assert row_document.of(broken) == {}
