# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Octopus.Migrator.exe: what it is given by its help, which projects are refused, and what an import refuses before anything is changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.projects import migrator
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.projects.migrator import Place, Program
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.projects.migrator_export import folder_of
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.projects.migrator_import import MigratorImport, ProjectsImport
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job, RunAs
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost, service_state

HELP_3 = """
      --directory=VALUE      Directory for exported files
      --password=VALUE
      --project=VALUE
      --ignore-deployments
      --ignore-machines
      --help
"""
HELP_2018 = HELP_3 + "      --projectGroup=VALUE\n      --ignore-history\n      --clean\n"
HELP_2020 = HELP_2018 + "      --inline-scripts=VALUE\n"
IMPORT = "--directory=VALUE --password=VALUE --dry-run --overwrite"
EXE = "C:\\Octopus\\Octopus.Migrator.exe"
PASSWORD = "a-password-of-letters"


def program(text: str, imports: str = IMPORT) -> Program:
    return Program(EXE, migrator.listed(text), migrator.listed(imports))


@pytest.mark.parametrize(
    ("text", "runs", "has", "lacks"),
    [
        (HELP_3, [["Web Shop"], ["Billing"]], ["--ignore-deployments"], ["--ignore-history", "--inline-scripts"]),
        (HELP_2018, [["Web Shop", "Billing"]], ["--ignore-history"], ["--ignore-deployments", "--inline-scripts"]),
        (HELP_2020, [["Web Shop", "Billing"]], ["--ignore-history", "--inline-scripts=LeaveInline"], ["--ignore-deployments"]),
    ],
)
def test_an_export_gets_what_the_help_lists(text: str, runs: list[list[str]], has: list[str], lacks: list[str]) -> None:
    found = program(text)
    migrator.refuse(found, "octo-a")
    assert migrator.groups(found, ["Web Shop", "Billing", "Web Shop"]) == runs
    missing = migrator.not_carried(found, runs)
    assert any("by itself" in one for one in missing) is (len(runs) > 1)
    assert missing[0].startswith("releases") is ("--ignore-history" in has)
    line = migrator.export_line(found, "OctopusServer", "C:\\x", runs[0])
    assert [f'"--project={name}"' in line for name in runs[0]] == [True] * len(runs[0])
    assert [one for one in ["--ignore-machines", *has] if f'"{one}"' not in line] == [] and [one for one in lacks if one in line] == []
    assert '"--password=%octopus_migrator_password%"' in line and PASSWORD not in line


def test_a_project_of_any_name_is_one_argument() -> None:
    line = migrator.export_line(program(HELP_2018), "OctopusServer", "C:\\x", ["100 % & more", "A^B|C"])
    assert '"--project=100 %% & more" "--project=A^B|C"' in line
    with pytest.raises(ValueError, match="double quote"):
        migrator.export_line(program(HELP_2018), "OctopusServer", "C:\\x", ['a" & whoami'])


def test_an_import_is_tried_first() -> None:
    first, second = migrator.import_line(program(HELP_2018), "OctopusServer", "C:\\x\\1").strip("()").split(" && ")
    assert "--dry-run" in first and "--dry-run" not in second and "--overwrite" not in second


@pytest.mark.parametrize(
    ("text", "imports", "said"),
    [
        (HELP_2018.replace("--ignore-machines", ""), IMPORT, "--ignore-machines"),
        (HELP_3.replace("--ignore-deployments", ""), IMPORT, "--ignore-history or --ignore-deployments"),
        ("", IMPORT, "--directory"),
        (HELP_2018, IMPORT.replace("--dry-run", ""), "--dry-run of import"),
    ],
)
def test_a_program_without_what_is_needed_is_refused(text: str, imports: str, said: str) -> None:
    with pytest.raises(OctopusError, match=f"to list {said}.*Nothing was changed"):
        migrator.refuse(program(text, imports), "octo-a")


@pytest.mark.parametrize("password", ["", "too-short", "%PATH%-and-some-more", 'with"a-quote-and-more', "with a blank and more", "x" * 129])
def test_a_password_that_a_command_line_cannot_have_is_refused(password: str) -> None:
    with pytest.raises(OctopusError, match="letters, digits") as caught:
        migrator.check_password(password)
    assert not password or password not in str(caught.value)
    migrator.check_password(PASSWORD)


KNOWN = [Place("Web Shop", "Spaces-1"), Place("Billing", "Spaces-1"), Place("billing", "Spaces-2"), Place("Own", "Spaces-2")]


@pytest.mark.parametrize(
    ("projects", "said"),
    [
        (["Web Shop", "Nothing"], "Nothing do not exist"),
        (["Billing"], r"Billing \(Default, Second\)"),
        (["Own"], r"in the default space, but found Own \(Second\)"),
        (["Infra"], "Infra are version-controlled"),
    ],
)
def test_projects_that_would_not_be_the_ones_that_are_meant_are_refused(projects: list[str], said: str) -> None:
    known, names = [*KNOWN, Place("Infra", "Spaces-1", git=True)], {"Spaces-1": "Default", "Spaces-2": "Second"}
    with pytest.raises(OctopusError, match=f"{said}.*Nothing was exported"):
        migrator.check_names(projects, known, "Spaces-1", names)
    migrator.check_names(["Web Shop"], known, "Spaces-1", names)


@pytest.mark.parametrize("path", ["export", "C:\\", "\\\\nas\\share", "\\\\nas\\share\\"])
def test_a_folder_is_a_folder_of_its_own(path: str) -> None:
    with pytest.raises(OctopusError, match="Expected a"):
        folder_of(path)
    assert folder_of("//nas/share/x/") == "\\\\nas\\share\\x\\octopus-migrator-export"


def test_the_password_is_read_once_and_its_file_is_gone_before_anything_else() -> None:
    job = Job(FakeHost(), "C:\\work", "migrator-1")  # type: ignore[arg-type]  # a stand-in
    read, deleted = migrator.password_lines(job)
    assert read == '(set /p octopus_migrator_password=<"C:\\work\\jobs\\migrator-1\\migrator-input.txt")'
    assert deleted == 'del /f /q "C:\\work\\jobs\\migrator-1\\migrator-input.txt"'


# -- an import

CONFIG = '<octopus-settings><set key="Octopus.Storage.ExternalDatabaseConnectionString">Server=sql;Database=Octopus test</set></octopus-settings>'
SERVER = "C:\\Program Files\\Octopus Deploy\\Octopus\\Octopus.Server.exe"
GOOD: dict[str, Any] = {
    "reg": (1, ""),
    f"{SERVER} list-instances": '[{"InstanceName": "OctopusServer", "ConfigurationFilePath": "C:\\\\Octopus\\\\OctopusServer.config"}]',
    f"{SERVER} version": "2018.10.7",
    'type "C:\\Octopus\\OctopusServer.config"': CONFIG,
    "sc queryex OctopusDeploy": service_state("OctopusDeploy", 1),
}
REQUEST = MigratorImport("\\\\nas\\x\\y", PASSWORD, ("Web Shop",), "2018.10.7", None, "Octopus test", RunAs(), "C:\\work")


@pytest.mark.parametrize(
    ("answers", "changed", "said"),
    [
        ({"sc queryex OctopusDeploy": service_state("OctopusDeploy", 4, 7)}, {}, "to be stopped"),
        ({"sc queryex OctopusDeploy": service_state("OctopusDeploy", 2, 7)}, {}, "start_pending"),
        ({}, {"database": "Octopus"}, "to use the database Octopus, but it uses Octopus test"),
        ({}, {"source_version": "2018.10.6"}, "the version 2018.10.6"),
        ({f"{SERVER} version": (1, "")}, {}, "but found none"),
    ],
)
def test_an_import_refuses_what_is_not_the_new_instance(answers: dict[str, Any], changed: dict[str, Any], said: str) -> None:
    host = FakeHost({**GOOD, **answers})
    with pytest.raises(OctopusError, match=f"{said}.*Nothing was imported"):
        ProjectsImport(host, replace(REQUEST, **changed)).check()  # type: ignore[arg-type]  # a stand-in
    assert not host.ran("schtasks") and not any("Migrator" in one for one in host.commands)
