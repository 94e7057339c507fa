# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Server folders: set, relative, never set, and not there in this version."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.folders import configured_folders, resolved, server_folders
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.server_info import resolve_folders

VALUES = "GET /api/configuration/server-folders/values"


def test_those_that_the_version_has(api, server):
    server.answers[VALUES] = {"LogsDirectory": r"\\nas\octopus\TaskLogs", "PackagesDirectory": None, "ImportsDirectory": "", "Other": "x"}
    assert server_folders(api) == {"logs": r"\\nas\octopus\TaskLogs", "packages": None, "imports": None}


def test_a_server_that_does_not_report_them(api):
    assert server_folders(api) == {}


def test_from_the_configuration_the_three_that_always_are():
    assert configured_folders({"octopus.folders.logdirectory": r"D:\Logs", "Octopus.Folders.TelemetryDirectory": r"D:\T"}) == {
        "logs": r"D:\Logs",
        "artifacts": None,
        "packages": None,
        "telemetry": r"D:\T",
    }


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (None, r"C:\Octopus\TaskLogs"),
        ("Logs", r"C:\Octopus\Logs"),
        (r".\Logs", r"C:\Octopus\Logs"),
        (r"D:\Logs", r"D:\Logs"),
        ("D:/Logs", "D:/Logs"),
        (r"\\nas\logs", r"\\nas\logs"),
        ("//nas/logs", "//nas/logs"),
    ],
)
def test_paths_are_absolute_where_the_home_is_known(value, wanted):
    assert resolved({"logs": value}, "C:\\Octopus\\") == {"logs": wanted}


def test_without_a_home_what_is_not_absolute_stays_open():
    assert resolved({"logs": None, "artifacts": "A", "packages": r"D:\P"}, None) == {"logs": None, "artifacts": None, "packages": r"D:\P"}


def test_the_host_of_a_node_of_the_server_gives_the_home():
    server = {"folders": {"logs": None}, "nodes": [{"name": "OCTO-B"}]}
    other = {"home": r"C:\Other", "node_name": "ELSE", "folders": {}}
    own = {"home": r"C:\Octopus", "node_name": "octo-b", "folders": {"logs": "from the configuration"}}
    hosts = {"a": {"instances": [other, {"name": "not looked at"}]}, "b": {"instances": [own]}}
    resolve_folders(server, hosts)
    assert server["folders"] == {"logs": r"C:\Octopus\TaskLogs"}
    server["folders"] = {}
    resolve_folders(server, hosts)
    assert server["folders"] == {"logs": "from the configuration"}
