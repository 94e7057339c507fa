# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_install and the modules for folders: options that are refused before a host is contacted. With hosts: tests/scenarios/windows."""

from __future__ import annotations

import pytest

pytest.importorskip("winrm")
pytest.importorskip("requests")

from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

CONNECTION = {"name": "octo-a", "host": "127.0.0.1", "port": 1, "username": "u", "password": "S3cret-1", "transport": ["ntlm"], "proxy": ""}
LOCAL = "C:\\media\\Octopus.{version}-x64.msi"


def test_a_version_is_required():
    assert "version" in run_module("octopus_install", connections=[CONNECTION])["msg"]
    assert "missing: version" in run_module("octopus_install", connections=[CONNECTION], state="staged")["msg"]


def test_a_version_has_to_be_one():
    assert "'latest' is not a version" in run_module("octopus_install", connections=[CONNECTION], version="latest")["msg"]


def test_without_nodes_there_is_nothing_to_do():
    assert "No node to act on" in run_module("octopus_install", version="2025.4.10423")["msg"]
    backup = run_module("octopus_folders_backup", folders={"logs": "C:\\a"}, dest="D:\\b\\c")
    assert "There is no WinRM connection" in backup["msg"]


def test_each_node_that_cannot_be_reached_is_named():
    connections = [CONNECTION, {**CONNECTION, "name": "octo-b"}]
    result = run_module("octopus_install", connections=connections, version="2025.4.10423", source=LOCAL)
    assert result["failed"]
    for name in ("octo-a", "octo-b"):
        assert f"{name} (127.0.0.1:1): no WinRM answer" in result["msg"]
    assert set(result["nodes"]) == {"octo-a", "octo-b"}
    assert "S3cret-1" not in str(result)


@pytest.mark.parametrize("state", ["staged", "present"])
def test_a_publisher_that_nobody_can_confirm_is_refused_before_a_host_is_contacted(tmp_path, state: str):
    given = {"connections": [CONNECTION], "version": "2025.4.10423", "source": LOCAL, "state": state, "publishers": ["Vendor"]}
    result = run_module("octopus_install", **given, copies=str(tmp_path))
    assert f"there is no copy {tmp_path}/Octopus.2025.4.10423-x64.msi" in result["msg"]
    assert "Nothing was changed" in result["msg"]
    assert "no WinRM answer" in run_module("octopus_install", **given, copies=str(tmp_path), needs_signature=False)["msg"]


def test_a_property_with_a_quote():
    result = run_module("octopus_install", connections=[CONNECTION], version="2025.4.10423", source=LOCAL, properties={"A": 'x"'})
    assert "properties: the value of A of 2 characters contains a double quote" in result["msg"]


@pytest.mark.parametrize(
    ("module", "options", "missing"),
    [
        ("octopus_folders_backup", {}, "dest, folders"),
        ("octopus_folders_restore", {"folders": {}}, "restore_point, source"),
        ("octopus_folders_clone", {"dest": "D:\\a"}, "restore_point"),
        (
            "octopus_folders_clone",
            {"dest": "D:\\a", "restore_point": "one"},
            "state is present but all of the following are missing: folders",
        ),
        ("octopus_retained_folders", {}, "path, restore_point"),
    ],
)
def test_what_each_module_for_folders_needs(module: str, options: dict, missing: str):
    assert missing in run_module(module, connection=CONNECTION, **options)["msg"]
