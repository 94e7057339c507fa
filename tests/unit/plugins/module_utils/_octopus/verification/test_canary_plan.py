# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which projects a canary refuses, and what its release is called."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.verification import canary_plan as plan

TEST = {"Id": "Environments-2", "Name": "Test"}


@pytest.mark.parametrize(
    ("project", "said"),
    [
        ({}, ""),
        ({"IsDisabled": True}, "disabled"),
        ({"IsVersionControlled": True}, "Git"),
        ({"PersistenceSettings": {"Type": "VersionControlled"}}, "Git"),
        ({"PersistenceSettings": {"Type": "Database"}, "TenantedDeploymentMode": "TenantedOrUntenanted"}, ""),
        ({"TenantedDeploymentMode": "Tenanted"}, "tenants"),
    ],
)
def test_a_project_that_needs_somebody(project: dict[str, Any], said: str) -> None:
    found = plan.project_refusals(project)
    assert [said in one for one in found] == ([True] if said else [])


def _process(*actions: dict[str, Any]) -> dict[str, Any]:
    return {"Steps": [{"Name": "Step", "Actions": [{"Name": "A", "ActionType": "Octopus.Script", **action}]} for action in actions]}


@pytest.mark.parametrize(
    ("process", "said"),
    [
        (_process({}), ""),
        ({"Steps": []}, "no step"),
        (_process({"IsDisabled": True}), "no step"),
        (_process({}, {"Name": "Sign off", "ActionType": "Octopus.Manual"}), "manual intervention (Sign off)"),
        (_process({}, {"ActionType": "Octopus.Manual", "IsDisabled": True}), ""),
        (_process({"Name": "Others", "ActionType": "Octopus.DeployRelease"}), "other projects (Others)"),
    ],
)
def test_a_process_that_waits_for_somebody(process: dict[str, Any], said: str) -> None:
    found = plan.process_refusals(process)
    assert [said in one for one in found] == ([True] if said else [])


def _phase(*optional: str, automatic: tuple[str, ...] = (), may_be_left_out: bool = False) -> dict[str, Any]:
    return {
        "Name": "-".join((*optional, *automatic)),
        "OptionalDeploymentTargets": list(optional),
        "AutomaticDeploymentTargets": list(automatic),
        "IsOptionalPhase": may_be_left_out,
    }


@pytest.mark.parametrize(
    ("phases", "said"),
    [
        ([], ""),
        ([_phase("Environments-1", "Environments-2")], ""),
        ([_phase("Environments-1"), _phase("Environments-2")], "no new release into Test"),
        ([_phase("Environments-1", may_be_left_out=True), _phase("Environments-2")], ""),
        ([_phase("Environments-1", may_be_left_out=True), _phase("Environments-3"), _phase("Environments-2")], "no new release into Test"),
        # Wherever it is: a canary that has succeeded would go on to it.
        ([_phase("Environments-2"), _phase(automatic=("Environments-3",))], "by itself in Environments-3"),
        ([_phase(automatic=("Environments-2",))], "by itself"),
        ([_phase()], ""),
    ],
)
def test_a_lifecycle_that_keeps_a_canary_out_or_goes_on_with_it(phases: list[dict[str, Any]], said: str) -> None:
    found = plan.lifecycle_refusals({"Name": "Slow", "Phases": phases}, TEST)
    assert [said in one for one in found] == ([True] if said else [])


@pytest.mark.parametrize(
    ("template", "version"),
    [
        ({"NextVersionIncrement": "1.0.13"}, "1.0.13"),
        ({}, "0.0.1"),
        (
            {
                "VersioningPackageStepName": "Deploy",
                "Packages": [
                    {"StepName": "Other", "VersionSelectedLastRelease": "9.9"},
                    {"StepName": "Deploy", "VersionSelectedLastRelease": "2.1"},
                ],
            },
            "2.1",
        ),
        ({"VersioningPackageStepName": "Deploy", "Packages": [{"ActionName": "Deploy", "VersionSelectedLastRelease": None}]}, "0.0.1"),
    ],
)
def test_the_version_is_the_next_one(template: dict[str, Any], version: str) -> None:
    assert plan.next_version(template) == version


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("1.0.13", "1.0.13-octopus-upgrade-canary.r1"),
        ("1.0.13-beta.2", "1.0.13-beta.2.octopus-upgrade-canary.r1"),
        ("1.0.13+build.7", "1.0.13-octopus-upgrade-canary.r1"),
        # What the server counts on from, where a canary was left.
        ("1.0.13-octopus-upgrade-canary.r0", "1.0.13-octopus-upgrade-canary.r1"),
        ("1.0.13-beta.2.octopus-upgrade-canary.r0", "1.0.13-beta.2.octopus-upgrade-canary.r1"),
    ],
)
def test_a_canary_is_known_by_its_version(version: str, name: str) -> None:
    assert plan.marked(version, "r1") == name
    assert plan.is_marked({"Version": name})
    assert not plan.is_marked({"Version": version.partition("octopus")[0] or version})


def test_packages_are_those_of_the_last_release() -> None:
    primary = {"StepName": "Deploy", "NuGetPackageId": "Shop", "VersionSelectedLastRelease": "1.4"}
    named = {"ActionName": "Script", "PackageId": "Tools", "PackageReferenceName": "tools", "VersionSelectedLastRelease": "2.0"}
    assert plan.selected_packages([primary, named], "Shop") == [
        {"ActionName": "Deploy", "StepName": "Deploy", "Version": "1.4"},
        {"ActionName": "Script", "StepName": "Script", "Version": "2.0", "PackageReferenceName": "tools"},
    ]
    with pytest.raises(OctopusError, match=r"package Shop \(step Deploy\).*Make one release by hand"):
        plan.selected_packages([{**primary, "VersionSelectedLastRelease": None}], "Shop")
