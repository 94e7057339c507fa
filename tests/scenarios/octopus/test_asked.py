# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node whose certificate is for another name, of another authority or expired: what preflight says, and how it is asked nevertheless."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node import health
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module
from lab.core.pki import Authority
from lab.octopus import bindings

from .conftest import LabNode

PORT = 8443
PORTAL = {"portal_url": "https://octopus.example.com"}


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "stranger.pem")


def restarted(node: LabNode, *names: str, **certificate: Any) -> LabNode:
    """The node after a restart with a certificate for these names alone."""
    assert "failed" not in node.module("octopus_node", state="stopped")
    bindings.bind_only(node.host, PORT, *names, **certificate)
    before = node.network.ledger.mark()
    assert "failed" not in node.module("octopus_node", state="started", health=False)
    node.handle.wait_until_healthy(since=before)
    return node


def answers(node: LabNode, **options: Any) -> dict[str, Any]:
    ca_path = str(node.network.authority.path)
    return node.module("octopus_info", gather=["hosts", "answers"], ca_path=ca_path, **options)["hosts"]["octo01"]["instances"][0][
        "answers"
    ]


def test_what_preflight_says_of_each_certificate(octopus_node, stranger):
    node = octopus_node()
    assert answers(node) == {"ok": True, "version": "2020.5.7", "found": "version 2020.5.7"}
    restarted(node, "octopus.example.com")
    assert answers(node, **PORTAL)["ok"] is True
    assert "not for the name in this address" in answers(node)["found"]
    restarted(node, node.host.address, days=-1)
    assert "expired: renew it" in answers(node)["found"]
    restarted(node, node.host.address, authority=stranger)
    assert answers(node)["ok"] is None
    assert "ca_path" in answers(node)["found"]


def test_a_node_that_the_control_node_distrusts_is_asked_from_itself(octopus_node, stranger):
    node = octopus_node()
    before = run_module("octopus_baseline_info", **node.api)["baseline"]
    assert node.module("octopus_maintenance", state="enabled", **node.api)["changed"]
    assert node.module("octopus_node", state="drained", **node.api)["changed"]
    node.module("octopus_node", state="stopped")
    bindings.bind_only(node.host, PORT, node.host.address, authority=stranger)
    started = node.module("octopus_node", state="started", expected_version="2020.5.7", **node.api)
    assert started["nodes"]["octo01"]["version"] == "2020.5.7", started
    results = [
        started,
        node.module("octopus_info", **node.api),
        node.module("octopus_verify", baseline=before, **node.api),
        node.module("octopus_node", state="undrained", **node.api),
        node.module("octopus_maintenance", state="disabled", **node.api),
    ]
    for result in results:
        assert "failed" not in result, result
        assert "asked from the node itself" in result["warnings"][0]
    assert results[1]["server"]["version"] == "2020.5.7"
    assert results[3]["changed"] and results[4]["changed"]
    assert not [event for event in node.network.ledger.events() if node.api["api_key"] in str(event)], "the key is in no command line"


def test_windows_before_2019_counts_as_started_while_the_service_runs(octopus_node, stranger, monkeypatch):
    monkeypatch.setattr(health, "SETTLED_SECONDS", 2.0)
    node = octopus_node(has_curl=False)
    node.module("octopus_node", state="stopped")
    bindings.bind_only(node.host, PORT, node.host.address, authority=stranger)
    started = node.module("octopus_node", state="started", expected_version="2020.5.7", **node.api)
    assert started["nodes"]["octo01"]["service_state"] == "running"
    assert started["nodes"]["octo01"]["version"] is None
    assert "nobody could ask" in started["warnings"][0]
    refused = node.module("octopus_maintenance", state="disabled", **node.api)
    assert (refused["failed"], refused["not_asked"]) == (True, True)


def test_a_node_that_does_not_answer_itself_is_not_healthy(octopus_node):
    node = octopus_node()
    node.module("octopus_node", state="stopped")
    node.network.faults.arm("api.never")
    trusting_nobody = {**node.api, "ca_path": str(node.network.root / "none.pem")}
    result = node.module("octopus_node", state="started", timeout=3, **trusting_nobody)
    assert result["failed"], result


VERSION_KEY = "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion"


def test_what_a_node_says_before_an_installation(octopus_node):
    node = octopus_node()
    asked = {**node.api, "gather": ["server", "hosts", "readiness"]}
    quiet = node.module("octopus_info", **asked)
    assert quiet["hosts"]["octo01"]["readiness"] == {"reboot_pending": [], "installation_in_progress": False}
    ready = quiet["server"]["readiness"]
    assert len(ready["tasks_queued"]) == 1 and {one["version"] for one in ready["machines"] if one["name"].endswith("web-01")} == {
        "6.3.605"
    }
    node.host.registry.create(f"{VERSION_KEY}\\Component Based Servicing\\RebootPending")
    node.host.registry.create(f"{VERSION_KEY}\\Installer\\InProgress")
    renames = ["\\??\\C:\\Program Files\\Octopus Deploy\\Octopus\\a.dll", ""]
    node.host.registry.set(
        "HKLM\\SYSTEM\\CurrentControlSet\\Control\\Session Manager", "PendingFileRenameOperations", "REG_MULTI_SZ", renames
    )
    found = node.module("octopus_info", **asked)["hosts"]["octo01"]["readiness"]
    assert found["installation_in_progress"] is True
    assert [why.partition(" ")[0] for why in found["reboot_pending"]] == ["Windows", "files"]
    assert "readiness" not in node.module("octopus_info", **node.api)["hosts"]["octo01"], "it is asked where it is needed"
