# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The REST modules against the lab's server of each version."""

from __future__ import annotations

from typing import Any

import pytest
from lab.core.filesystem import Logon

from .conftest import VERSIONS, VIEWER, LabServer


@pytest.fixture(params=VERSIONS)
def server(request: Any, octopus_server: Any) -> LabServer:
    return octopus_server(request.param)


def requests_of(server: LabServer) -> set[str]:
    return {event["method"] for event in server.ledger.events("rest")}


def test_info_tells_everything_and_changes_nothing(server):
    result = server.module("octopus_info", gather=["server"])
    found = result["server"]
    assert found["version"] == server.version
    assert found["has_spaces"] == (not server.version.startswith("2018"))
    assert bool(found["spaces"]) == found["has_spaces"]
    assert [node["name"] for node in found["nodes"]] == ["OCTO-A"]
    assert {"logs", "artifacts", "packages"} <= set(found["folders"])
    assert ("imports" in found["folders"]) == (server.version > "2021")
    assert ("event_exports" in found["folders"]) == (server.version > "2023.3")
    assert set(found["folders"].values()) == {None}, "these servers have all folders below their home, which REST does not tell"
    assert found["license"]["is_compliant"] is True
    assert found["maintenance"] == {"enabled": False}
    assert result["changed"] is False
    assert requests_of(server) == {"GET"}


def test_maintenance_on_and_off(server):
    assert server.module("octopus_maintenance", state="enabled", check_mode=True)["changed"]
    assert not server.store.maintenance()
    assert server.module("octopus_maintenance", state="enabled")["changed"]
    assert server.store.maintenance()
    assert not server.module("octopus_maintenance", state="enabled")["changed"]
    assert server.module("octopus_maintenance", state="disabled") == {
        "changed": True,
        "enabled": False,
        "was_enabled": True,
        "invocation": {"module_args": {}},
    } | {"invocation": server.module("octopus_maintenance", state="disabled")["invocation"]}


def test_maintenance_refusal_names_user_and_permission(server):
    message = server.module("octopus_maintenance", api_key=VIEWER, state="enabled")["msg"]
    assert "AdministerSystem" in message
    assert VIEWER not in message


def test_a_wrong_key_is_told(server):
    assert "does not accept the API key" in server.module("octopus_maintenance", api_key="API-WRONG", state="enabled")["msg"]


def test_the_licence_is_backed_up(server, tmp_path):
    (tmp_path / "password").write_text("pw", encoding="utf-8")
    options = {"dest": str(tmp_path / "licence"), "vault_password_file": str(tmp_path / "password")}
    first = server.module("octopus_license_backup", **options)
    assert (first["changed"], first["is_compliant"]) == (True, True)
    assert not server.module("octopus_license_backup", **options)["changed"]


def test_baseline_and_verification(server):
    baseline = server.module("octopus_baseline_info")["baseline"]
    assert not baseline["unread"]
    samples = baseline["contents"]["samples"]
    assert all(samples[kind] for kind in ("task_logs", "packages", "logos", "artifacts")), {k: len(v) for k, v in samples.items()}
    assert {logo["of"] for logo in samples["logos"]} == {"projects", "tenants"}
    assert baseline["counts"]["Spaces-1"]["projects"] == baseline["contents"]["projects"]["opened"] >= 3
    assert baseline["counts"]["server"]["userroles"] == 3, "found by its link"
    result = server.module("octopus_verify", baseline=baseline)
    assert result["differences"] == []
    assert result["evidence"]["projects_read"] >= 3


def test_a_lost_package_folder_is_found(server):
    baseline = server.module("octopus_baseline_info")["baseline"]
    system = Logon.service("SYSTEM")
    path = "C:\\Octopus\\Packages"
    server.machine.fs.move(path, path + ".lost", system)
    result = server.module("octopus_verify", baseline=baseline)
    assert result["failed"]
    assert "package" in result["msg"]
