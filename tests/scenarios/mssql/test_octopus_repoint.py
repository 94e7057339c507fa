# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who has to learn a new address, as the databases of several generations tell it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from lab.octopus import relational, versions
from scenarios.mssql.clone import Clone

THUMBPRINT, OTHER = "AB" * 20, "CD" * 20
POLL = "poll://xy1k3kq5lbxlxp2bdx7h/"


def _plant(clone: Clone) -> None:
    """One polling Tentacle that is a target and, where there are workers, a worker; an agent in Kubernetes; and programs."""
    registered: dict[str, Any] = {"IsDisabled": False, "Thumbprint": THUMBPRINT}
    endpoint = {"CommunicationStyle": "TentacleActive", "Uri": POLL, "Thumbprint": THUMBPRINT}
    clone.add("Machine", Id="Machines-50", Name="roaming", Endpoint=endpoint, **registered)
    if versions.has(clone.version, "workers"):
        clone.add("Worker", Id="Workers-50", Name="roaming-worker", Endpoint=endpoint, **registered)
    polling = {"CommunicationMode": "Polling", "Uri": "poll://k/", "Thumbprint": OTHER}
    agent = {"CommunicationStyle": "KubernetesTentacle", "TentacleEndpointConfiguration": polling}
    clone.add("Machine", Id="Machines-51", Name="cluster", IsDisabled=False, Endpoint=agent)
    clone.add("Account", Id="Accounts-50", Name="Cloud", AccountType="AzureOidc")
    now = clone.world.network.clock.now()
    clone.add("User", Id="Users-50", Username="monitoring", IsActive=True, IsService=True)
    clone.change("ApiKey", "apikeys-3", LastUsedTimeStamp=now - timedelta(days=1))
    known = versions.has(clone.version, "spaces")
    number = max(row["AutoId"] for row in clone.rows("Event").values())
    for user, name, established, program in (
        ("Users-4", "ci", "API key", "octo/9.1.7"),
        ("Users-4", "ci", "API key", "octo/9.1.7"),
        ("Users-1", "admin", "API key", "curl/8.5.0"),
        ("Users-2", "dora", "Session cookie", "Mozilla/5.0 (Windows NT 10.0)"),
        ("users-system", "system", "", "Server"),
    ):
        number += 1
        event: dict[str, Any] = {"Id": f"Events-{number}", "AutoId": number, "UserId": user, "Username": name, "Category": "Modified"}
        more = {"UserAgent": program, "IsService": name == "ci"} if known else {}
        clone.add("Event", **event, Occurred=now - timedelta(hours=1), Message="", IdentityEstablishedWith=established, **more)


@pytest.mark.parametrize(
    ("version", "driver"), [("2018.4.1", "freetds"), ("2022.2.8552", "microsoft"), ("2025.3.14357", "microsoft")], indirect=["driver"]
)
def test_who_has_to_be_re_pointed(make_clone: Callable[..., Clone], version: str) -> None:
    clone = make_clone(version)
    _plant(clone)
    secrets = {
        row[name]
        for table, name in (("ApiKey", "ApiKeyHashed"), ("Account", "Password"))
        for row in clone.rows(table).values()
        if name in row
    }
    if versions.at_least(version, relational.SINCE):  # what its JSON had has become columns
        connection = clone.world.sql.open(clone.database, login="backup")
        relational.make_relational(connection)
        connection.close()
    before = clone.everything()
    result = clone.world.module("octopus_repoint_info", database=clone.database)
    assert not result.get("failed") and not result["changed"], result
    assert clone.everything() == before
    assert len(secrets) > 3 and not any(secret in json.dumps(result) for secret in secrets)

    hosts = {host["thumbprint"]: host for host in result["hosts"]}
    roaming = hosts[THUMBPRINT]
    assert (roaming["need"], roaming["styles"], roaming["uris"]) == ("repoint", ["TentacleActive"], [POLL])
    workers = ["worker"] if versions.has(version, "workers") else []
    assert [one["kind"] for one in roaming["registrations"]] == ["target", *workers]
    assert (hosts[OTHER]["need"], hosts[OTHER]["styles"]) == ("agent", ["KubernetesTentacle"])
    listening = [one["registrations"][0]["name"] for one in result["hosts"] if one["need"] == "network"]
    assert len([name for name in listening if "-web-" in name]) == 8
    # The seed's workers do not say how they communicate.
    assert [one["registrations"][0]["kind"] for one in result["hosts"] if one["need"] == "unknown"] == workers * 2
    needs = {one["name"]: one["need"] for one in result["accounts"]}
    assert (needs["Cloud"], needs["Bastion"]) == ("trust", "network")

    known = versions.has(version, "spaces")
    programs = {(one["user"], one["agent"], one["events"], one["service"]) for one in result["programs"] if one["program"]}
    assert programs == {("ci", "octo/9.1.7" if known else None, 2, True), ("admin", "curl/8.5.0" if known else None, 1, False)}
    assert not [one for one in result["programs"] if one["user"] == "system"]
    assert result["silent_services"] == ["monitoring"]
    (used,) = [one for one in result["api_keys"] if one["used_lately"]]
    assert (used["id"], used["user"], used["purpose"]) == ("apikeys-3", "ci", "Automation")
    assert len(result["api_keys"]) == 3 and [one["last_used"] for one in result["api_keys"]].count(None) == 2
    assert any("roaming" in line and "octopus_tentacle" in line for line in result["lines"]), result["lines"]

    kept = clone.world.module("octopus_repoint_info", database=clone.database, same_address=True)
    assert {host["thumbprint"]: host["need"] for host in kept["hosts"]}[THUMBPRINT] == "name"
    assert {one["name"]: one["need"] for one in kept["accounts"]}["Cloud"] == "nothing"


@pytest.mark.parametrize("driver", ["microsoft"], indirect=True)
def test_what_has_another_name_is_unknown(make_clone: Callable[..., Clone]) -> None:
    clone = make_clone()
    for table, column in (("Machine", "Name"), ("Account", "Name"), ("User", "Username"), ("ApiKey", "UserId"), ("Event", "Category")):
        clone.write(f'ALTER TABLE "{table}" RENAME COLUMN "{column}" TO "Other"')
    result = clone.world.module("octopus_repoint_info", database=clone.database)
    assert [result[name] for name in ("hosts", "accounts", "programs", "silent_services", "api_keys")] == [None] * 5
    assert len(result["unknown"]) == 5 and result["lines"] == [f"Unknown: {'; '.join(result['unknown'])}."]
    assert "positive" in clone.world.module("octopus_repoint_info", database=clone.database, days=0)["msg"]
