# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Octopus.Migrator.exe: help by version, what partial-export writes, and what import makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

EXE = "Octopus.Migrator.exe"
FOLDER = "C:\\Export"
PASSWORD = "a-Password-of-letters-1"
QUIET = (f"--directory={FOLDER}", f"--password={PASSWORD}", "--nologo")


def migrate(here: Any, *words: str) -> Any:
    return here.octopus(*words, program=EXE)


def documents(here: Any) -> dict[str, Any]:
    found = here.host.fs.walk(FOLDER, here.host.system)
    return {path: json.loads(Path(real).read_bytes()) for path, real in found}


@pytest.mark.parametrize(
    ("version", "has", "lacks"),
    [
        ("3.17.14", ("--ignore-machines", "--ignore-deployments"), ("--ignore-history", "--projectGroup", "--inline-scripts", "--clean")),
        ("2018.10.7", ("--ignore-history", "--projectGroup", "--clean"), ("--inline-scripts",)),
        ("2020.5.7", ("--ignore-history", "--projectGroup", "--inline-scripts"), ()),
    ],
)
def test_help_tells_the_switches_of_the_version(world: Any, version: str, has: tuple[str, ...], lacks: tuple[str, ...]) -> None:
    here = world("octo01", version=version)
    shown = migrate(here, "help", "partial-export").out
    assert [one for one in has if one not in shown] == [] and [one for one in lacks if one in shown] == []
    assert "partial-export" in migrate(here, "help").out and "--dry-run" in migrate(here, "help", "import").out
    for switch in lacks:
        assert migrate(here, "partial-export", *QUIET, "--project=Billing", switch).code == 1


def test_what_is_exported(world: Any) -> None:
    here = world("octo01", version="2018.10.7")
    assert migrate(here, "partial-export", *QUIET, "--project=Web Shop", "--project=Billing").code == 0
    found = documents(here)
    metadata = found.pop("metadata.json")
    assert set(metadata) == {"Id", "Name", "Created", "DatabaseVersion", "Hello"} and metadata["Name"] == "OCTO01"
    assert "Environments\\Production.json" in found and "Projects\\Web Shop.json" in found and "Projects\\Intranet.json" not in found
    # Targets and triggers come along, and secrets under the password.
    assert any(path.startswith("Machines\\") for path in found) and found["ProjectTriggers\\Redeploy.json"]["IsDisabled"] is False
    assert "Password=p1" not in json.dumps(found) and any(path.startswith("Releases\\") for path in found)
    clean = ("--clean", "--ignore-history", "--ignore-machines")
    assert migrate(here, "partial-export", *QUIET, "--project=Web Shop", *clean).code == 0
    kinds = {path.partition("\\")[0] for path in documents(here)}
    assert not kinds & {"Machines", "Workers", "Releases", "Deployments"} and "ProjectTriggers" in kinds
    assert migrate(here, "partial-export", *QUIET, "--project=Nothing").code == 1


def test_one_project_only_before_2018_10(world: Any) -> None:
    here = world("octo01", version="3.17.14")
    assert migrate(here, "partial-export", *QUIET, "--project=Web Shop", "--project=Billing").code == 0
    assert [path for path in documents(here) if path.startswith("Projects\\")] == ["Projects\\Billing.json"]


def test_a_project_of_a_name_in_two_spaces_is_exported_twice(world: Any) -> None:
    here = world("octo01", version="2020.5.7")
    with here.instance.store() as store:
        store.add("Space", {"Id": "Spaces-2", "Name": "Second", "Slug": "second", "IsDefault": False, "TaskQueueStopped": False})
        first = store.where("Project", Name="Billing")[0]
        store.add("Project", {**first, "Id": "Projects-99", "SpaceId": "Spaces-2"})
    assert migrate(here, "partial-export", *QUIET, "--project=Billing").code == 0
    assert len([path for path in documents(here) if path.startswith("Projects\\")]) == 2  # 5593


def test_import_matches_by_name(world: Any) -> None:
    """Into the database that it came from: what exists stays; what was removed comes back, with its secrets and its enabled trigger."""
    here = world("octo01", version="2018.10.7")
    assert migrate(here, "partial-export", *QUIET, "--project=Web Shop", "--ignore-history", "--ignore-machines").code == 0
    with here.instance.store() as store:
        old = store.where("Project", Name="Web Shop")[0]
        for table, name in (
            ("ProjectTrigger", "ProjectId"),
            ("Channel", "ProjectId"),
            ("VariableSet", "OwnerId"),
            ("DeploymentProcess", "OwnerId"),
        ):
            for one in store.where(table, **{name: old["Id"]}):
                store.remove(table, one["Id"])
        store.remove("Project", old["Id"])
        groups = store.count("ProjectGroup")
    wrong = migrate(here, "import", f"--directory={FOLDER}", "--password=another-one", "--nologo")
    assert wrong.code == 1 and "password" in wrong.err
    assert migrate(here, "import", *QUIET, "--dry-run").code == 0
    with here.instance.store() as store:
        assert store.where("Project", Name="Web Shop") == []
    assert migrate(here, "import", *QUIET).code == 0
    assert migrate(here, "import", *QUIET).code == 0, "a second time, when everything exists"
    with here.instance.store() as store:
        (new,) = store.where("Project", Name="Web Shop")
        (values,) = store.where("VariableSet", OwnerId=new["Id"])
        assert new["Id"] != old["Id"] and new["VariableSetId"] == values["Id"]
        assert store.secret(values["Variables"][0]["Value"]) == "Server=db;Password=p1"
        (trigger,) = store.where("ProjectTrigger", ProjectId=new["Id"])
        assert trigger["IsDisabled"] is False and store.count("ProjectGroup") == groups
        assert store.where("Channel", ProjectId=new["Id"])[0]["LifecycleId"] == "Lifecycles-1"


def test_import_refuses_another_version(world: Any) -> None:
    here = world("octo01", version="2018.10.7")
    assert migrate(here, "partial-export", *QUIET, "--project=Billing").code == 0
    path = here.host.fs.real(f"{FOLDER}\\metadata.json", here.host.system)
    path.write_text(json.dumps({**json.loads(path.read_text()), "DatabaseVersion": "2018.9.1"}))
    refused = migrate(here, "import", *QUIET)
    assert refused.code == 1 and "2018.9.1" in refused.err
