# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Octopus.Server.exe: commands, switches by version, exit codes, what it refuses."""

from __future__ import annotations

import base64
import json
import xml.etree.ElementTree as ET
from datetime import date
from typing import Any

import pytest
from lab.core.filesystem import Logon
from lab.octopus import crypto, licence, register
from lab.octopus.build import register_programs
from lab.octopus.cli import limit
from lab.octopus.media import build_msi
from lab.windows import installer, services
from lab.windows.host import WindowsHost
from patience import patient

QUIET = ("--nologo", "--noconsolelogging")


def test_reading_commands(world: Any) -> None:
    here = world("octo01", version="2021.1.8045")
    assert here.octopus("version", *QUIET).out == "2021.1.8045\r\n"
    assert json.loads(here.octopus("version", "--FORMAT", "json", *QUIET).out) == {"Version": "2021.1.8045"}
    assert (
        here.octopus("list-instances", *QUIET).out == "Instance 'OctopusServer' uses configuration 'C:\\Octopus\\OctopusServer.config'.\r\n"
    )
    assert json.loads(here.octopus("show-master-key", "--format=json", *QUIET).out) == {"MasterKey": here.instance.master_key}
    flat = json.loads(here.octopus("show-configuration", "--format=json", *QUIET).out)
    assert (
        "Password=" in flat["Octopus.Storage.ExternalDatabaseConnectionString"]
        and flat["Octopus.Folders.LogDirectory"] == "C:\\Octopus\\TaskLogs"
    )
    assert "Octopus.Storage.MasterKey" not in flat
    assert (flat["Octopus.Communications.ServicesPort"], flat["Octopus.WebPortal.ForceSSL"], flat["Octopus.Server.TaskCap"]) == (
        10943,
        False,
        5,
    )
    assert flat["Octopus.Watchdog.Instances"] is None and "<License" in flat["Octopus.Server.License"]
    tree = json.loads(here.octopus("show-configuration", "--format=json-hierarchical", *QUIET).out)
    assert tree["Octopus"]["Server"]["NodeName"] == "OCTO01"
    root = ET.fromstring(here.octopus("show-configuration", *QUIET).out)
    assert {item.get("key"): item.text for item in root} == {key: None if value is None else str(value) for key, value in flat.items()}
    assert here.octopus("show-configuration", "--format=json", "--file=C:\\Windows\\Temp\\c.json").code == 0
    assert json.loads(here.host.fs.read("C:\\Windows\\Temp\\c.json", here.host.system)) == flat
    assert len(here.octopus("show-thumbprint", *QUIET).out.strip()) == 40
    assert here.octopus("new-certificate", *QUIET).code == 1, "neither in the place of the old one nor to a file"
    before = here.octopus("show-thumbprint", *QUIET).out
    assert before.strip() in here.octopus("new-certificate", "--replace").out
    assert here.octopus("show-thumbprint", *QUIET).out not in ("", before)
    assert here.octopus("version", *QUIET, program="Octopus.Migrator.exe").out == "2021.1.8045\r\n"


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("2018.10.7", ("path", "--clusterShared=X:\\")),
        ("2020.5.7", ("path", "--imports=C:\\I")),
        ("2022.2.8552", ("path", "--eventExports=C:\\E")),
        ("2021.1.8045", ("database", "--upgrade", "--no-such-switch")),
        ("2021.1.8045", ("node", "--drain=perhaps")),
        ("2021.1.8045", ("show-configuration", "--format=yaml")),
        ("2021.1.8045", ("database", "--delete")),
        ("2021.1.8045", ("show-configuration", "--instance=Nowhere")),
    ],
)
def test_what_ends_with_1(world: Any, version: str, words: tuple[str, ...]) -> None:
    result = world("octo01", version=version).octopus(*words)
    assert result.code == 1 and result.err


def test_help_unknown_commands_and_prompts_that_are_not_elevated(world: Any) -> None:
    here = world("octo01", version="2020.5.7")
    assert here.octopus("no-such-command").code == 2
    text = here.octopus("path", "--help").out
    assert "--clusterShared=VALUE" in text and "--imports" not in text
    assert "show-master-key" in here.octopus("help").out
    assert "OCTOPUS_SERVICE_PASSWORD" in here.octopus("service", "--help").out
    limit(here.host, "LAB\\vic")
    assert here.octopus("show-master-key", logon=Logon.network("LAB\\vic")).code == 42


def test_the_first_command_of_a_new_binary_says_something_before_the_json(world: Any) -> None:
    here = world("octo01", version="2018.10.7")
    here.started()
    assert here.octopus("service", "--stop").code == 0
    assert here.msi("2021.1.8045") == 0
    out = here.octopus("list-instances", "--format=json", *QUIET).out
    assert not out.startswith("[") and json.loads(out[out.index("[") :])[0]["InstanceName"] == "OctopusServer"
    assert here.octopus("list-instances", "--format=json", *QUIET).out.startswith("[")
    assert here.octopus("show-configuration").code == 1, "the schema is older than the binary"
    assert here.octopus("show-master-key").code == 0


def test_a_stray_file_among_the_instances(world: Any) -> None:
    here = world("octo01", version="2021.1.8045")
    here.started()
    here.host.fs.write(f"{register.FOLDER}\\readme.txt", b"hello", here.host.system)
    assert here.octopus("list-instances").code == 1


def test_a_second_node_joins_with_the_master_key_only(world: Any) -> None:
    here = world("octo01", version="2021.1.8045", sql_login="octopus", sql_password="pa;ss")
    here.started()
    other = WindowsHost("octo02", here.network)
    here.hosts.append(other)
    register_programs(other)
    installer.seed(other, build_msi("2021.1.8045"))
    other.boot()
    source = here.octopus("show-configuration", "--format=json", *QUIET).out
    target = json.loads(source)["Octopus.Storage.ExternalDatabaseConnectionString"]
    assert here.octopus("create-instance", "--instance=OctopusServer", "--config=C:\\Octopus\\OctopusServer.config", host=other).code == 0
    wrong = here.octopus("database", "--masterKey=" + crypto.new_master_key(), f"--connectionString={target}", host=other)
    assert wrong.code == 1 and "does not match" in wrong.err
    assert "pa;ss" not in wrong.err + wrong.out
    assert here.octopus("database", "--masterKey", here.instance.master_key, "--connectionString", target, host=other).code == 0
    assert here.octopus("configure", "--webListenPrefixes=http://localhost:8080/", host=other).code == 0
    assert here.octopus("service", "--install", "--reconfigure", "--start", host=other).code == 0
    here.wait("started", node="OCTO02")
    here.instance.urls["octo02"] = f"http://{other.address}:8080"
    assert here.get("/api", other).headers["Octopus-Node"] == "OCTO02"
    copied = here.host.fs.read("C:\\Octopus\\OctopusServer.config", here.host.system)
    other.fs.write("C:\\Octopus\\OctopusServer.config", copied, other.system)
    assert here.octopus("show-master-key", host=other).code == 1, "a copied file is of no use on another machine"


def test_integrated_security_does_not_pass_the_double_hop(world: Any) -> None:
    here = world("octo01", version="2021.1.8045", sql_login=None)
    here.started()
    refused = here.octopus("show-configuration")
    assert refused.code == 100 and "ANONYMOUS LOGON" in refused.err
    assert here.octopus("show-configuration", logon=Logon.batch("SYSTEM")).code == 0


def test_licence_admin_path_and_configure_change_the_database(world: Any) -> None:
    here = world("octo01", version="2021.1.8045", license_xml=None)
    here.started()
    text = licence.text(valid_to=date(2030, 1, 1), serial="1-2-3-4")
    assert here.octopus("license", "--licenseBase64", base64.b64encode(text.encode()).decode()).code == 0
    assert here.octopus("license", "--licenseBase64", "bm8=").code == 1
    assert here.octopus("admin", "--username=robot", "--apiKey=API-ROBOT").code == 0
    assert here.get("/api/users/me", key="API-ROBOT").json()["Username"] == "robot"
    assert here.octopus("path", "--clusterShared=C:\\Shared", "--taskLogs=C:\\Logs").code == 0
    values = here.get("/api/configuration/server-folders/values").json()
    assert values["LogsDirectory"] == "C:\\Logs" and values["PackagesDirectory"] == "C:\\Shared\\Packages"
    assert here.octopus("configure", "--upgradeCheck=false").code == 0
    with here.instance.store() as store:
        assert store.licence()["SerialNumber"] == "1-2-3-4"
        assert store.configuration("upgrades")["AllowChecking"] is False


@pytest.mark.parametrize(("version", "code"), [("2022.2.8552", 2), ("2022.4.6073", 1)])
def test_the_command_for_the_master_key_alone_came_with_key_rotation(world: Any, version: str, code: int) -> None:
    assert world("octo01", version=version).octopus("set-master-key", "--masterKey=short").code == code


@pytest.mark.parametrize(("version", "named"), [("4.0.12", False), ("2018.10.7", True)])
def test_before_4_1_nothing_names_the_folders(world: Any, version: str, named: bool) -> None:
    here = world("octo01", version=version)
    here.started()
    flat = json.loads(here.octopus("show-configuration", "--format=json", *QUIET).out)
    assert ("Octopus.Folders.PackagesDirectory" in flat) is named
    assert here.get("/api/configuration/server-folders/values").status_code == (200 if named else 404)


def test_a_world_without_assumptions_shows_the_documented_folders_only(world: Any) -> None:
    here = world("octo01", version="2026.2.9853")
    here.host.network.only_documented = True
    flat = json.loads(here.octopus("show-configuration", "--format=json", *QUIET).out)
    assert {key.split(".")[-1] for key in flat if "Folders" in key} == {"LogDirectory", "ArtifactsDirectory", "PackagesDirectory"}


def test_the_watchdogs_task_as_schtasks_shows_it(world: Any) -> None:
    here = world("octo01", version="2018.10.7", watchdog=True)
    process = here.host.spawn(None, 'schtasks.exe /query /tn "Octopus Watchdog OctopusServer" /xml', here.host.system)
    assert process.wait(patient(10)) == 0
    text = process.output.take().decode("utf-8", "replace").replace("\0", "")
    assert "checkservices" in text and "PT5M" in text
    flat = json.loads(here.octopus("show-configuration", "--format=json", *QUIET).out)
    assert flat["Octopus.Storage.NodeName"] == "OCTO01" and "Octopus.Server.NodeName" not in flat


def test_the_service_account(world: Any) -> None:
    here = world("octo01", version="2021.1.8045")
    account = here.network.add_account("octo-service", "pw")
    assert here.octopus("service", "--reconfigure", f"--username={account}", OCTOPUS_SERVICE_PASSWORD="wrong").code == 1
    assert here.octopus("service", "--reconfigure", f"--username={account}", OCTOPUS_SERVICE_PASSWORD="pw").code == 0
    assert here.host.services.query("OctopusDeploy").account == account
    assert here.octopus("service", "--install", "--instance=Other").code == 1


def test_a_second_instance_has_its_own_service(world: Any) -> None:
    here = world("octo01", version="2021.1.8045")
    here.started()
    target = json.loads(here.octopus("show-configuration", "--format=json", *QUIET).out)["Octopus.Storage.ExternalDatabaseConnectionString"]
    assert here.octopus("create-instance", "--instance=Test").code == 0
    fresh = target.replace("OctopusDeploy", "OctopusTest")
    assert here.octopus("database", "--instance=Test", f"--connectionString={fresh}", "--create").code == 0
    assert here.octopus("configure", "--instance=Test", "--webListenPrefixes=https://localhost:8099/").code == 0
    assert here.octopus("ssl-certificate", "--instance=Test", "--port=8099", "--thumbprint=AB12").code == 0
    mark = here.ledger.mark()
    assert here.octopus("service", "--instance=Test", "--install", "--start").code == 0
    here.wait("started", mark, instance="Test")
    assert here.host.services.query("OctopusDeploy: Test").state == services.RUNNING
    assert here.octopus("service", "--instance=*", "--stop").code == 0
    assert here.host.services.query("OctopusDeploy").state == services.STOPPED
    assert here.octopus("checkservices", "--instances=Test").code == 0
    assert here.host.services.query("OctopusDeploy: Test").state != services.STOPPED
    assert here.octopus("delete-instance", "--instance=Test").code == 0
    assert "Test" not in here.octopus("list-instances", *QUIET).out


def test_a_wrong_master_key_stops_the_next_start(world: Any) -> None:
    here = world("octo01", version="2023.4.8432")
    here.started()
    assert here.octopus("service", "--stop").code == 0
    assert here.octopus("set-master-key", "--masterKey=short").code == 1
    assert here.octopus("set-master-key", "--masterKey", crypto.new_master_key()).code == 0
    mark = here.ledger.mark()
    here.octopus("service", "--start")
    assert "could not be decrypted" in here.wait("start failed", mark)["error"]
    assert here.host.services.wait("OctopusDeploy", services.STOPPED, patient(20)), "until then it counts as started"
    assert here.octopus("set-master-key", "--masterKey", here.instance.master_key).code == 0
    mark = here.ledger.mark()
    assert here.octopus("service", "--start").code == 0
    here.started(mark)
