# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server that answers every question with something private: what is seen of it, and that nothing private is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.compatibility import of_program, of_server, report
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.compatibility.probe import (
    DATABASE,
    NO_HELP,
    NO_ROW,
    NOT_ASKED,
    PROGRAM,
    REFUSED,
    REST,
    UPGRADE,
    WINDOWS,
    judge_all,
    of_operation,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.compatibility.reader import (
    Look,
    add_database,
    add_host,
    look_at_api,
    look_at_host,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_files import MARK
from ansible_collections.octopus.upgrade.tests.unit.octopus_server import Answer, FakeServer
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost, service_state, watchdog_xml

EXE = r"C:\Zorblax\Octopus.Server.exe"
COMMANDS = ["version", "list-instances", "show-configuration", "show-master-key", "database", "zorblax-command"]
# In no word of the product's, and recognizable however it is cut or spelt.
SECRET = "zorblax"


def help_of(command: str) -> str:
    if command == "version":
        return "Usage: zorblax\n\n"
    switches = ["--instance=VALUE", "-f, --format=VALUE   ZORBLAX text", "--zorblaxSwitch", "OCTOPUS_ZORBLAX=1 --upgrade"]
    return f"Usage: Zorblax {command}\n\n" + "".join(f"      {switch}\n" for switch in switches)


def all_help(line: str) -> str:
    listed = "Where <command> is one of:\n\n" + "".join(f"  {name.ljust(24)}does things to zorblax\n" for name in COMMANDS)
    return f"{MARK}\n".join([listed, *(help_of(command) for command in of_program.HELPED)])


@pytest.fixture
def host() -> FakeHost:
    settings = {
        "Octopus.Storage.ExternalDatabaseConnectionString": f"Server=zorblax;Password={SECRET}",
        "Octopus.Home": r"C:\Zorblax",
        "Octopus.WebPortal.ListenPrefixes": "https://zorblax.example.com",
        "Octopus.Zorblax.Setting": SECRET,
        "Octopus.Server.License": SECRET,
    }
    entry = {"InstanceName": "Zorblax", "ConfigurationFilePath": r"D:\Zorblax\zorblax.config"}
    product = "HKEY_LOCAL_MACHINE\\SOFTWARE\\X\\{0-1}\n    DisplayName    REG_SZ    Octopus Deploy Server Zorblax\n"
    return FakeHost(
        {
            "reg query HKLM\\SOFTWARE\\Octopus\\OctopusServer /v InstallLocation": "HKEY_LOCAL_MACHINE\\SOFTWARE\\Octopus\\OctopusServer\n"
            "    InstallLocation    REG_SZ    C:\\Zorblax\n",
            f"{EXE} version": '{"Version": "2025.3.14357-zorblax"}',
            f'"{EXE}" "help"': all_help,
            f"{EXE} list-instances": json.dumps([entry]),
            f"{EXE} show-configuration": json.dumps(settings),
            "reg query HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall": product,
            "reg query HKLM\\SOFTWARE\\X\\{0-1}": "HKEY_LOCAL_MACHINE\\SOFTWARE\\X\\{0-1}\n    DisplayVersion    REG_SZ    zorblax\n",
            "reg query HKEY_LOCAL_MACHINE\\SOFTWARE\\X\\{0-1}": "HKEY_LOCAL_MACHINE\\SOFTWARE\\X\\{0-1}\n    DisplayVersion    REG_SZ    zorblax\n",
            "reg query HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion": "HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\n"
            "    CurrentBuildNumber    REG_SZ    17763\n",
            "sc queryex OctopusDeploy: Zorblax": service_state("OctopusDeploy: Zorblax", 4),
            "schtasks /query /tn Octopus Watchdog OctopusServer": (1, "ERROR"),
            "schtasks /query /fo csv": '"\\Octopus Zorblax","N/A","Ready"\n',
            "schtasks /query /tn \\Octopus Zorblax": watchdog_xml(arguments="checkservices --instances zorblax"),
        }
    )


def private(path: str) -> dict[str, Any]:
    """A document in which everything is private but the names that are looked for."""
    return {
        "Id": SECRET,
        "Name": SECRET,
        "ZorblaxProperty": SECRET,
        "Links": {"Self": SECRET, "Zorblax": SECRET},
        "IsInMaintenanceMode": path,
    }


@pytest.fixture
def server() -> Any:
    fake = FakeServer()
    fake.answers["GET /api"] = {
        "Version": "2025.3.14357-zorblax",
        "InstallationId": SECRET,
        "Zorblax": 1,
        "Links": {"Spaces": SECRET, "Zorblax": SECRET},
    }
    page = {"Items": [private("row")], "TotalResults": 4711, "ZorblaxPage": SECRET}
    fake.answers["GET /api/spaces"] = {"Items": [{"Id": "Spaces-zorblax", "Name": SECRET}], "TotalResults": 1}
    for name in of_server.OF_SPACE:
        fake.answers[f"GET /api/Spaces-zorblax/{name}"] = page
    fake.answers |= {f"GET /api/{name}": page for name in of_server.OF_SERVER}
    fake.answers["GET /api/octopusservernodes"] = page | {"TotalResults": 1}  # these are all read
    fake.answers |= {f"GET {path}": private(path) for path in (*of_server.DOCUMENTS, of_server.FOLDERS)}
    yield fake
    fake.close()


def database() -> dict[str, Any]:
    return {
        "server": "ZORBLAX",
        "server_version": "15.0.4430.1",
        "database": SECRET,
        "names": {
            "version": "2025.3.14357-zorblax",
            "tables": {"Machine": ["Id", "IsDisabled", "ZorblaxColumn"], "Worker": []},
            "configuration": ["maintenance", "zorblax-setting"],
            "rows": {"maintenance": ["IsInMaintenanceMode", "ZorblaxProperty"], "smtp": None},
        },
    }


def look_at(host: FakeHost, server: FakeServer | None, facts: dict[str, Any]) -> Look:
    look = Look()
    look_at_host(OctopusHost(host), None, look)  # type: ignore[arg-type]  # a stand-in
    if server:
        with OctopusApi(ApiOptions(server.url, SECRET, allow_http=True), retries=0) as api:
            look_at_api(api, look)
    add_database(facts, look)
    return look


def test_nothing_private_is_in_the_report(host: FakeHost, server: FakeServer) -> None:
    look = look_at(host, server, database())
    everything = {name.lower() for subjects in look.seen.names.values() for names in subjects.values() for name in names}
    planted = {
        "zorblaxswitch",
        "octopus_zorblax",
        "zorblax-command",
        "octopus.zorblax.setting",
        "zorblaxproperty",
        "zorblaxpage",
        "zorblaxcolumn",
    }
    assert planted <= everything, "otherwise this test proves nothing"
    document = report.document(judge_all((*of_program.PROBES, *of_server.PROBES), look.seen), look.seen, look.environment)
    assert SECRET not in json.dumps(document).lower() and "4711" not in json.dumps(document)
    assert document["versions"] == dict.fromkeys(["program", "windows", "rest", "database"], "2025.3.14357")
    assert document["environment"] == {"sql_server": 15, "windows": 17763}
    assert look.problems == []


def test_names_are_seen_and_no_value_is_kept(host: FakeHost, server: FakeServer) -> None:
    seen = look_at(host, server, database()).seen
    assert seen.names[PROGRAM][of_program.COMMANDS] == set(COMMANDS)
    assert seen.names[PROGRAM]["database"] == {"instance", "format", "zorblaxSwitch", "upgrade", "OCTOPUS_ZORBLAX"}
    assert seen.reasons[PROGRAM]["version"] == NO_HELP
    assert seen.names[PROGRAM]["create-instance"] == frozenset(), "the list of commands does not have it"
    assert "Octopus.Home" in seen.names[PROGRAM][of_program.KEYS]
    assert seen.names[WINDOWS] == {
        of_program.FOLDER: {"InstallLocation"},
        of_program.PRODUCT: {"DisplayName", "DisplayVersion"},
        of_program.SERVICE: {"service"},
        of_program.WATCHDOG: {"another-name"},
    }
    assert seen.names[REST]["row of projects"] == {"Id", "Name", "ZorblaxProperty", "Links", "IsInMaintenanceMode"}
    assert (seen.names[DATABASE]["Worker"], seen.reasons[DATABASE]["row smtp"]) == (frozenset(), NO_ROW)
    kept = json.dumps([sorted(names) for subjects in seen.names.values() for names in subjects.values()])
    assert "Password" not in kept and "example.com" not in kept


def test_what_may_not_be_seen_is_told_from_what_is_not_there(host: FakeHost, server: FakeServer) -> None:
    server.answers["GET /api/users/me"] = Answer({"ErrorMessage": "no"}, 403)
    server.answers["GET /api/Spaces-zorblax/accounts"] = Answer({"ErrorMessage": "no"}, 403)
    del server.answers["GET /api/Spaces-zorblax/runbooks"]
    server.answers["GET /api/Spaces-zorblax/feeds"] = {"Items": [], "TotalResults": 0}
    look = look_at(host, server, database())
    reasons, names = look.seen.reasons[REST], look.seen.names[REST]
    assert (reasons["/api/users/me"], reasons["page of accounts"], reasons["row of feeds"]) == (REFUSED, REFUSED, NO_ROW)
    assert "accounts" in names[of_server.COLLECTIONS] and "runbooks" not in names[of_server.COLLECTIONS]
    assert len(look.problems) == 2


def test_a_server_that_does_not_answer_is_unknown_and_the_rest_is_seen(host: FakeHost, server: FakeServer) -> None:
    server.answers["GET /api"] = Answer({}, 500)
    host.answers[f"{EXE} show-configuration"] = (1, "broken")
    look = look_at(host, server, {"msg": "the login failed"})
    findings = judge_all((*of_program.PROBES, *of_server.PROBES), look.seen)
    assert {finding.verdict for finding in findings if finding.probe.part in (REST, DATABASE)} == {"unknown"}
    assert look.seen.reasons[PROGRAM][of_program.KEYS] == NOT_ASKED
    assert look.seen.names[PROGRAM]["database"]
    assert len(look.problems) == 3


def test_a_login_that_sees_no_table_says_nothing_of_them(host: FakeHost) -> None:
    facts = database()
    facts["names"] |= {"version": None, "tables": {"Machine": [], "Worker": []}, "configuration": None, "rows": {"maintenance": None}}
    seen = look_at(host, None, facts).seen
    assert seen.reasons[DATABASE]["Machine"] == REFUSED
    assert "contradiction" not in {finding.verdict for finding in judge_all(of_server.PROBES, seen)}


# -- for one operation


def found_before() -> dict[str, Any]:
    """What octopus_info has of the host."""
    instance = {"name": "Zorblax", "config_path": "D:\\z.config", "home": "C:\\Zorblax", "database": {"database": SECRET}}
    return {
        "program": {"path": "C:\\Zorblax", "version": "2025.3.14357"},
        "instances": [{**instance, "service": {"name": "OctopusDeploy: Zorblax", "state": "running"}}, {"name": "Other"}],
    }


def test_what_is_known_of_a_host_is_not_asked_again(host: FakeHost) -> None:
    look = Look(only=of_operation(of_program.PROBES, UPGRADE))
    add_host(found_before(), "zorblax", look)
    asked = [command for command in of_program.HELPED if command in ("show-master-key", "database")]
    listed = "Commands:\n\n  database          does things\n  show-master-key   does things\n"
    host.answers[f'"{EXE}" "help"'] = f"{MARK}\n".join([listed, *map(help_of, asked)])
    look_at_host(OctopusHost(host), "zorblax", look)  # type: ignore[arg-type]  # a stand-in
    assert look.problems == []
    # The list has neither version nor list-instances, and both have answered.
    findings = judge_all(look.only or (), look.seen)
    assert len(findings) > 8 and {finding.verdict for finding in findings} == {"ok"}, findings
    assert [line.count("--help") for line in host.commands if EXE in line] == [len(asked)], host.commands
    assert not host.ran("sc ") and not host.ran("schtasks") and not host.ran("reg query HKLM\\SOFTWARE\\Microsoft\\Windows NT")


def test_a_host_that_nobody_has_read_is_asked_itself(host: FakeHost) -> None:
    look = Look(only=of_operation(of_program.PROBES, UPGRADE))
    add_host({}, None, look)
    look_at_host(OctopusHost(host), None, look)  # type: ignore[arg-type]  # a stand-in
    assert look.seen.versions[PROGRAM] == "2025.3.14357-zorblax"
    assert "Octopus.Home" in look.seen.names[PROGRAM][of_program.KEYS] and look.seen.names[WINDOWS][of_program.SERVICE]


def test_of_the_api_only_what_an_operation_depends_on_is_read(server: FakeServer) -> None:
    look = Look(only=of_operation(of_server.PROBES, "backup"))
    with OctopusApi(ApiOptions(server.url, SECRET, allow_http=True), retries=0) as api:
        look_at_api(api, look)
    assert {request.path for request in server.requests} == {"/api", "/api/maintenanceconfiguration", "/api/licenses/licenses-current"}
