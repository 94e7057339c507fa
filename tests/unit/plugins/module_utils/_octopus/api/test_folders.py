# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Server folders: set, relative, never set, and not there in this version."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.folders import (
    completed,
    configured_folders,
    resolved,
    server_folders,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.server_info import resolve_folders
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

VALUES = "GET /api/configuration/server-folders/values"


def test_those_that_the_version_has(api, server):
    server.answers[VALUES] = {"LogsDirectory": r"\\nas\octopus\TaskLogs", "PackagesDirectory": None, "ImportsDirectory": "", "Other": "x"}
    assert server_folders(api) == {"logs": r"\\nas\octopus\TaskLogs", "packages": None, "imports": None}


def test_a_server_that_does_not_report_them(api):
    assert server_folders(api) == {}


CONFIGURED = {"octopus.folders.logdirectory": r"D:\Logs", "Octopus.Folders.TelemetryDirectory": r"D:\T"}


@pytest.mark.parametrize("version", ["4.1.0", "4.1.10", "2018.10.7"])
def test_from_the_configuration_the_three_that_always_are(version):
    assert configured_folders(CONFIGURED, version) == {"logs": r"D:\Logs", "artifacts": None, "packages": None, "telemetry": r"D:\T"}


@pytest.mark.parametrize("version", ["3.2.1", "3.17.14", "4.0.12", None])
def test_a_version_that_names_no_folder_says_nothing_of_them(version):
    assert configured_folders({}, version) == {}
    assert configured_folders(CONFIGURED, version) == {"logs": r"D:\Logs", "telemetry": r"D:\T"}


def test_what_the_user_names_fills_in_what_the_product_does_not():
    given = {"logs": r"\\nas\logs", "packages": "D:/P"}
    assert completed({}, given) == given
    assert completed({"packages": "d:\\p\\", "artifacts": None}, given) == {"packages": "d:\\p\\", "artifacts": None, "logs": r"\\nas\logs"}
    with pytest.raises(OctopusError, match=r"folder packages to be D:/P, as given, but the server names E:\\P"):
        completed({"packages": r"E:\P"}, given)


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
    own["folders"], server["folders"] = {}, {}
    resolve_folders(server, hosts, {"packages": r"\\nas\packages"})
    assert server["folders"] == {"packages": r"\\nas\packages"}
