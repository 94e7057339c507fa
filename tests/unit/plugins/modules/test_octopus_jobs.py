# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_jobs: options that are refused before a host is contacted. With hosts: tests/scenarios/windows."""

from __future__ import annotations

import pytest

pytest.importorskip("winrm")

from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

CONNECTION = {"name": "octo-a", "host": "127.0.0.1", "port": 1, "username": "u", "password": "S3cret-1", "transport": ["ntlm"], "proxy": ""}


def test_an_installation_is_never_cancelled():
    assert "install is never cancelled" in run_module("octopus_jobs", connections=[CONNECTION], state="absent", cancel=["install"])["msg"]


@pytest.mark.parametrize("module", ["octopus_jobs", "octopus_jobs_info"])
def test_without_nodes_there_is_nothing_to_do(module: str):
    assert "No node to act on" in run_module(module)["msg"]


def test_each_node_that_cannot_be_reached_is_named():
    connections = [CONNECTION, {**CONNECTION, "name": "octo-b"}]
    result = run_module("octopus_jobs", connections=connections, state="absent")
    listed = run_module("octopus_jobs_info", connections=connections)
    assert result["failed"]
    assert listed["failed"]
    for name in ("octo-a", "octo-b"):
        assert f"{name} (127.0.0.1:1): no WinRM answer" in result["msg"]
        assert f"{name} (127.0.0.1:1): no WinRM answer" in listed["msg"]
        assert result["nodes"][name]["remaining"] is None
    assert (result["changed"], result["remaining"]) == (False, 0)
    assert "S3cret-1" not in str(result) + str(listed)
