# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_jobs: options that are refused before a host is asked. On hosts: tests/scenarios/windows."""

from __future__ import annotations

import pytest

pytest.importorskip("winrm")

from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

CONNECTION = {"name": "octo-a", "host": "127.0.0.1", "port": 1, "username": "u", "password": "S3cret-1", "transport": ["ntlm"], "proxy": ""}


def test_an_installation_is_never_ended():
    assert "install is never ended" in run_module("octopus_jobs", connections=[CONNECTION], state="settled", cancel=["install"])["msg"]


def test_without_nodes_there_is_nothing_to_do():
    assert "There is no node to act on" in run_module("octopus_jobs")["msg"]


def test_each_node_that_cannot_be_reached_is_named():
    result = run_module("octopus_jobs", connections=[CONNECTION, {**CONNECTION, "name": "octo-b"}], state="settled")
    assert result["failed"]
    for name in ("octo-a", "octo-b"):
        assert f"{name} (127.0.0.1:1): no WinRM answer" in result["msg"]
        assert result["nodes"][name]["unsettled"] is None
    assert (result["changed"], result["unsettled"]) == (False, 0)
    assert "S3cret-1" not in str(result)
