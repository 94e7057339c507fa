# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Octopus.Server.exe and its instances on a host, old builds and broken ones included."""

from __future__ import annotations

import json

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.cli import ServerCli
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost, service_name
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

EXE = r"C:\Octopus Program\Octopus.Server.exe"
KEY = "k8JqzMpYb0VtZ1S5tWq9Yg=="
LOCATION = "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Octopus\\OctopusServer\n    InstallLocation    REG_SZ    C:\\Octopus Program\\\n\n"
FILE = r"""<octopus-settings>
  <set key="Octopus.Storage.ExternalDatabaseConnectionString">Server=db;Database=Octopus;User ID=octopus;Password=hunter2</set>
  <set key="Octopus.Storage.NodeName">OCTO-A-OLD</set><set key="Octopus.Home">C:\Octopus</set>
</octopus-settings>"""
TWO = [
    {"InstanceName": "OctopusServer", "ConfigurationFilePath": r"C:\Octopus\OctopusServer.config"},
    {"InstanceName": "B 2", "ConfigurationFilePath": r"D:\B\OctopusServer.config"},
]


@pytest.fixture
def host():
    return FakeHost(
        {
            "reg query HKLM\\SOFTWARE\\Octopus\\OctopusServer /v InstallLocation": LOCATION,
            f"{EXE} list-instances --format=json": "Migrated an instance.\n" + json.dumps(TWO),
            'type "C:\\Octopus\\OctopusServer.config"': FILE,
        }
    )


def test_the_program_is_where_the_installer_says(host):
    assert OctopusHost(host).cli.program == EXE


def test_without_the_installers_word_it_is_in_the_usual_folder(host):
    host.answers["reg query"] = host.answers.pop("reg query HKLM\\SOFTWARE\\Octopus\\OctopusServer /v InstallLocation")
    host.answers["reg query"] = (1, "ERROR")
    assert OctopusHost(host).cli.program == r"C:\Program Files\Octopus Deploy\Octopus\Octopus.Server.exe"


def test_instances_are_listed_once(host):
    octopus = OctopusHost(host)
    assert [entry.name for entry in octopus.instances()] == ["OctopusServer", "B 2"]
    assert octopus.one_instance("b 2").config_path == r"D:\B\OctopusServer.config"
    assert len(host.ran(f"{EXE} list-instances")) == 1


def test_instances_are_listed_again_after_a_registration(host):
    octopus = OctopusHost(host)
    octopus.instances()
    host.answers[f"{EXE} list-instances --format=json"] = json.dumps(TWO[:1])
    octopus.forget_instances()
    assert [entry.name for entry in octopus.instances()] == ["OctopusServer"]


def test_a_choice_is_not_made_for_the_user(host):
    with pytest.raises(OctopusError, match=r"one instance of Octopus Server but found 2 .*OctopusServer, B 2.*instance_name"):
        OctopusHost(host).one_instance(None)
    with pytest.raises(OctopusError, match="expected an instance 'C' of Octopus Server but found OctopusServer, B 2"):
        OctopusHost(host).one_instance("C")


def test_older_builds_know_no_format(host):
    host.answers[f"{EXE} list-instances"] = "Instance 'OctopusServer' uses configuration 'C:\\Octopus\\OctopusServer.config'.\n"
    host.answers[f"{EXE} list-instances --format=json"] = (1, "Unrecognized command line argument: --format=json")
    assert OctopusHost(host).one_instance(None).config_path == r"C:\Octopus\OctopusServer.config"


def test_a_program_that_fails_is_quoted(host):
    host.answers[f"{EXE} list-instances"] = (100, "It broke.\nCould not load X.")
    host.answers.pop(f"{EXE} list-instances --format=json")
    with pytest.raises(OctopusError, match=r"octo-a .*Octopus.Server.exe list-instances ended with 100: Could not load X."):
        OctopusHost(host).instances()


def test_configuration_from_the_program(host):
    host.answers[f"{EXE} show-configuration --instance=OctopusServer --format=json --noconsolelogging"] = json.dumps(
        {"Octopus.Server.NodeName": "OCTO-A", "Octopus.WebPortal.ListenPrefixes": "http://localhost/, https://+:443/"}
    )
    found = OctopusHost(host).configuration("OctopusServer")
    assert (found.node_name, found.listen_prefixes, found.error) == ("OCTO-A", ["http://localhost/", "https://+:443/"], None)


def test_configuration_of_an_older_build_is_xml(host):
    command = f"{EXE} show-configuration --instance=OctopusServer"
    host.answers[command] = lambda line: FILE if line == command else (1, "Unrecognized option")
    found = ServerCli(host, r"C:\Octopus Program").show_configuration("OctopusServer")
    assert found["Octopus.Home"] == r"C:\Octopus"


def test_without_a_database_the_file_has_the_most_important(host):
    host.answers[f"{EXE} show-configuration"] = (100, "Login failed for Server=db;Database=Octopus;Password=hunter2")
    found = OctopusHost(host).configuration("OctopusServer")
    assert (found.home, found.node_name) == (r"C:\Octopus", "OCTO-A-OLD")
    assert "show-configuration ended with 100" in found.error
    assert "hunter2" not in found.error
    assert "hunter2" not in repr(found)


def test_the_nodes_name_is_in_the_file_or_the_hosts(host):
    octopus = OctopusHost(host)
    assert octopus.node_name(octopus.one_instance("OctopusServer")) == "OCTO-A-OLD"
    host.answers['type "C:\\Octopus\\OctopusServer.config"'] = "<octopus-settings/>"
    host.answers["hostname"] = "OCTO-A\n"
    assert octopus.node_name(octopus.one_instance("OctopusServer")) == "OCTO-A"


def test_the_master_key_is_asked_for_secretly(host):
    host.answers[f"{EXE} show-master-key --instance=OctopusServer"] = f"noise\n{KEY}\n"
    assert ServerCli(host, r"C:\Octopus Program").show_master_key("OctopusServer") == KEY
    assert host.given[-1]["secret"] is True
    assert all(KEY not in command for command in host.commands)


def test_a_refused_master_key_says_why_and_never_repeats_a_key(host):
    host.answers[f"{EXE} show-master-key"] = (42, f"Not elevated.\nkey {KEY}")
    with pytest.raises(OctopusError, match="ended with 42") as caught:
        ServerCli(host, r"C:\Octopus Program").show_master_key("OctopusServer")
    assert KEY not in caught.value.message


@pytest.mark.parametrize(
    ("instance", "name"), [("OctopusServer", "OctopusDeploy"), ("octopusserver", "OctopusDeploy"), ("B 2", "OctopusDeploy: B 2")]
)
def test_service_names(instance, name):
    assert service_name(instance) == name
