# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What octopus_instance does on hosts of whatever version: switches that are known, accounts that are the same, nodes in their order."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import watchdog
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import Configuration, OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance import setup as instance_setup
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.present import folder_shown
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.program import InstanceProgram
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.request import InstanceRequest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.results import InstanceResult, InstancesFailed, as_result
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.service import same_account
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import RunAs
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.scheduled_tasks import ScheduledTask
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

EXE = r"C:\Program Files\Octopus Deploy\Octopus\Octopus.Server.exe"
SECRET = "s3;kr1t"


def program(host: FakeHost) -> InstanceProgram:
    host.answers["reg query"] = (1, "")
    return InstanceProgram(OctopusHost(host), "A", RunAs(), "C:\\Work", [SECRET])


def test_a_switch_is_known_if_the_help_names_it() -> None:
    host = FakeHost({f"{EXE} path --help": "      --artifacts=VALUE   x\n      --taskLogs=VALUE"})
    there = program(host)
    assert there.knows("path", "TASKLOGS")
    assert not there.knows("path", "imports")
    assert len(host.ran(EXE)) == 1


def test_where_there_is_no_help_what_is_documented_is_believed() -> None:
    assert program(FakeHost({f"{EXE} path --help": (1, "?")})).knows("path", "imports")


@pytest.mark.parametrize(
    ("last", "said"),
    [(f"Cannot open with {SECRET}.", r"Cannot open with \*+\."), ("Server=a;Password='x y'", r"Server=a;Password=\*+"), ("", "First")],
)
def test_a_failure_is_quoted_without_secrets(last: str, said: str) -> None:
    host = FakeHost({f"{EXE} database": (100, f"First\n{last}\n")})
    with pytest.raises(OctopusError, match=f"database of A ended with 100: {said}$") as caught:
        program(host).run("database", "--masterKey=x")
    assert SECRET not in str(caught.value)
    assert "x y" not in str(caught.value)
    assert host.given[-1]["secret"] is True


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("LocalSystem", r"NT AUTHORITY\SYSTEM", True),
        ("SYSTEM", "localsystem", True),
        (r".\svc", "SVC", True),
        (r".\svc", r"OCTO-A\svc", True),
        (r"LAB\svc", r"lab\SVC", True),
        (r"LAB\svc", r"OTHER\svc", False),
        (r"LAB\svc", "LocalSystem", False),
        (r"NT AUTHORITY\NetworkService", r"NT AUTHORITY\NETWORK SERVICE", True),
    ],
)
def test_names_of_one_account(one: str, other: str, same: bool) -> None:
    assert same_account(one, other) is same


@pytest.mark.parametrize(
    ("arguments", "covered"),
    [
        ("checkservices --instances *", True),
        ('checkservices --instances="*"', True),
        ('checkservices --instances="Other,Octopus Two"', False),
        ('checkservices --instances "other, A"', True),
        ("checkservices --instances=a,b", True),
        ("checkservices --instances Other;A", True),
        ('checkservices --instances="Other; a"', True),
        ("checkservices --instances Other One;A --noninteractive", True),
        ("checkservices --instances Other;Octopus", False),
        ("checkservices", True),
    ],
)
def test_which_instances_a_watchdog_starts(arguments: str, covered: bool) -> None:
    assert watchdog.covers(ScheduledTask("w", True, EXE, arguments, 5, ""), "A") is covered


def connections(*names: str) -> list[ConnectionOptions]:
    return [ConnectionOptions(name=name, host=name) for name in names]


def test_the_first_node_goes_first_and_its_failure_spares_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def on_node(host: Any, _request: InstanceRequest, result: InstanceResult) -> None:
        seen.append(host.name)
        if host.name == "b":
            raise OctopusError("b: it broke.")
        result.verified = True

    monkeypatch.setattr(instance_setup, "_on_node", on_node)
    with pytest.raises(InstancesFailed, match=r"^b: it broke\.$") as caught:
        instance_setup.set_up(InstanceRequest("A", "present"), connections("b", "a", "c"))
    assert seen == ["b"]
    assert caught.value.result["nodes"]["a"]["verified"] is False
    seen.clear()
    with pytest.raises(InstancesFailed):
        instance_setup.set_up(InstanceRequest("A", "present"), connections("a", "b", "c"))
    assert seen[0] == "a"
    assert sorted(seen) == ["a", "b", "c"]


def test_what_cannot_be_true_of_several_nodes() -> None:
    with pytest.raises(OctopusError, match="would be the name of 2 nodes, a, b"):
        instance_setup.set_up(InstanceRequest("A", "present", node_name="N"), connections("a", "b"))
    with pytest.raises(OctopusError, match="No node to act on"):
        instance_setup.set_up(InstanceRequest("A", "present"), [])


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({"Octopus.Folders.ImportsDirectory": "D:\\I"}, "D:\\I"),
        ({"Octopus.Folders.ImportsDirectory": "E:\\I"}, "E:\\I"),
        ({"Octopus.Folders.Imports": "d:/i/"}, "D:\\I"),
        ({"Octopus.Folders.PackagesDirectory": "D:\\I"}, None),
        ({"Octopus.Folders.Imports": "E:\\I"}, None),
        ({}, None),
    ],
)
def test_a_folder_under_a_key_of_another_name(values: dict[str, str], shown: str | None) -> None:
    assert folder_shown(Configuration(values), "2026.2.9853", "imports", "D:\\I") == shown


def test_a_folder_that_is_not_shown_is_a_warning() -> None:
    results = {"a": InstanceResult("Octopus", unverified_folders=["imports"]), "b": InstanceResult("Octopus")}
    assert [text.partition(" were")[0] for text in as_result(results)["warnings"]] == ["a: the folders imports of Octopus"]
    assert "warnings" not in as_result({"b": results["b"]})
