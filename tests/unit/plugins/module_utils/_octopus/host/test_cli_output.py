# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Outputs of Octopus.Server.exe as different builds give them."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import cli_output

KEY = "k8JqzMpYb0VtZ1S5tWq9Yg=="  # of nobody


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('[{"InstanceName": "OctopusServer"}]', [{"InstanceName": "OctopusServer"}]),
        ('Migrating the instance from the registry...\n{"a": 1}\n', {"a": 1}),
        ('[INFO] 12:00 noise {not json}\n[2026] more\n{"a": [1, {"b": 2}]}', {"a": [1, {"b": 2}]}),
        ("[]", []),
    ],
)
def test_json_is_found_behind_noise(text, wanted):
    assert cli_output.json_payload(text, "it") == wanted


@pytest.mark.parametrize("text", ["", "no JSON here", '{"Password": "hunter2"', '{"a": 1} and then hunter2'])
def test_no_json_is_an_error_that_repeats_nothing(text):
    with pytest.raises(OctopusError, match="Expected JSON") as caught:
        cli_output.json_payload(text, "it")
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2018.10.7", "2018.10.7"),
        ('{"Version":"2025.4.10423"}', "2025.4.10423"),
        ("Octopus Deploy version 3.2.1\r\n", "3.2.1"),
        ("Octopus Server, built with .NET 4.5\n2021.1.8045-hotfix.1", "2021.1.8045-hotfix.1"),
        ("nothing", None),
    ],
)
def test_versions(text, wanted):
    assert cli_output.version_in(text) == wanted


def test_one_instance_may_come_without_a_list():
    one = {"InstanceName": "OctopusServer", "ConfigurationFilePath": r"C:\Octopus\OctopusServer.config"}
    wanted = ("OctopusServer", r"C:\Octopus\OctopusServer.config")
    assert cli_output.instances_in_json(one) == cli_output.instances_in_json([one]) == [wanted]
    assert cli_output.instances_in_json([{"InstanceName": "x"}]) == [("x", "")]


def test_an_instance_without_a_name_is_an_error():
    with pytest.raises(OctopusError, match="one has only Nom"):
        cli_output.instances_in_json([{"Nom": "x"}])


def test_instances_as_text_whatever_the_words():
    text = "Registered:\nInstance 'OctopusServer' uses configuration 'C:\\Octopus\\OctopusServer.config'.\nInstanz \"B 2\" in \"D:\\B\"\n"
    assert cli_output.instances_in_text(text) == [("OctopusServer", r"C:\Octopus\OctopusServer.config"), ("B 2", r"D:\B")]


def test_settings_flat_or_nested_are_the_same():
    wanted = {"Octopus.Home": r"C:\Octopus", "Octopus.WebPortal.ForceSsl": "false", "Octopus.Server.TaskCap": "5"}
    nested = {"Octopus": {"Home": r"C:\Octopus", "WebPortal": {"ForceSsl": False}, "Server": {"TaskCap": 5, "NodeName": None}}}
    assert cli_output.flat(nested) == cli_output.flat(wanted) == wanted


def test_settings_from_a_configuration_file():
    settings = '<set key="Octopus.Home">C:\\Octopus</set><set key="x"/>'
    text = f'\ufeff<?xml version="1.0" encoding="utf-8"?>\n<octopus-settings>{settings}</octopus-settings>'
    values = cli_output.settings_in_xml(text, "it")
    assert values == {"Octopus.Home": r"C:\Octopus", "x": ""}
    assert cli_output.setting(values, "Octopus.Absent", "octopus.HOME") == r"C:\Octopus"
    assert cli_output.setting(values, "x") is None


def test_a_broken_configuration_file_is_named():
    with pytest.raises(OctopusError, match=r"C:.x is not a configuration"):
        cli_output.settings_in_xml("<octopus-settings>", r"C:\x")


@pytest.mark.parametrize(
    "text",
    [KEY, f"{KEY}\r\n", f"Migrating the instance...\nloading\n{KEY}", f'{{"MasterKey": "{KEY}"}}', f"The key: '{KEY}'."],
)
def test_the_master_key_is_found(text):
    assert cli_output.master_key_in(text) == KEY


@pytest.mark.parametrize("text", ["", "no key", f"{KEY}\nAAAAAAAAAAAAAAAAAAAAAA=="])
def test_no_single_master_key_is_an_error_that_repeats_nothing(text):
    with pytest.raises(OctopusError, match="Expected one text") as caught:
        cli_output.master_key_in(text)
    assert KEY not in caught.value.message
