# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Releases and deployments: what a new one is made from, where it may go, and what its removal takes along.

Addresses, links and properties: DeploymentProcessRepository, ReleaseRepository, ReleaseTemplateResource, DeploymentTemplateResource,
DeploymentResource and SelectedPackage in https://github.com/OctopusDeploy/OctopusClients. The words of refusals are *assumed*.
"""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from .body import json_body
from .catalogue import BY_ADDRESS, merged
from .context import need, node, prefix, space, store
from .errors import invalid
from .ports import Document
from .resources import audit, find, shape

api = Blueprint("releases", __name__)
RELEASES, DEPLOYMENTS = BY_ADDRESS["releases"], BY_ADDRESS["deployments"]
LAST_NUMBER = re.compile(r"(\d+)(?!.*\d)")
FINAL = ("Success", "Failed", "Canceled", "TimedOut")
# https://github.com/OctopusDeploy/Issues/issues/7179: "tasks must be completed or cancelled in order to delete them". Before, they went on.
REFUSES_RUNNING = (2021, 3, 12372)


def _newest_first(project_id: str) -> list[Document]:
    return [one for one in store().documents("Release") if one.get("ProjectId") == project_id][::-1]


@api.get("/deploymentprocesses/<process_id>/template")
def template(process_id: str) -> Document:
    """Link ``Template`` of a process: the next version, and the packages that a release selects a version of."""
    process = find(BY_ADDRESS["deploymentprocesses"], process_id)
    releases = _newest_first(str(process.get("OwnerId")))
    last = str(releases[0]["Version"]) if releases else None
    selected = {one.get("ActionName"): one.get("Version") for one in (releases[0].get("SelectedPackages") or [] if releases else [])}
    packages = [
        {
            "StepName": step["Name"],
            "ActionName": step["Name"],
            "PackageReferenceName": "",
            "PackageId": step["PackageId"],
            "FeedId": "feeds-builtin",
            "FeedName": "Octopus Server (built-in)",
            "VersionSelectedLastRelease": selected.get(step["Name"]),
            "IsResolvable": True,
        }
        for step in process.get("Steps") or []
        if step.get("PackageId")
    ]
    return {
        "DeploymentProcessId": process["Id"],
        "LastReleaseVersion": last,
        # The last number of the last version goes up (octopus.com/docs/releases/release-versioning); a first release is 0.0.1.
        "NextVersionIncrement": LAST_NUMBER.sub(lambda found: str(int(found[1]) + 1), last) if last else "0.0.1",
        "VersioningPackageStepName": None,
        "Packages": packages,
        "Links": {"Self": f"{prefix()}/deploymentprocesses/{process['Id']}/template"},
    }


def _allowed(release: Document) -> list[Document]:
    """The environments that a new release may go to: those of the lifecycle's first phase, and of later ones after optional phases
    (https://github.com/OctopusDeploy/Issues/issues/9810). Without phases: all (*assumed*)."""
    channel = store().document("Channel", str(release.get("ChannelId"))) or {}
    project = store().document("Project", str(release.get("ProjectId"))) or {}
    lifecycle = store().document("Lifecycle", str(channel.get("LifecycleId") or project.get("LifecycleId"))) or {}
    environments = store().documents("DeploymentEnvironment", release.get("SpaceId") if node().has_spaces else None)
    phases = lifecycle.get("Phases") or []
    allowed: set[str] = set()
    for phase in phases:
        allowed |= {*(phase.get("AutomaticDeploymentTargets") or []), *(phase.get("OptionalDeploymentTargets") or [])}
        if not phase.get("IsOptionalPhase"):
            break
    return [one for one in environments if not phases or one["Id"] in allowed]


@api.get("/releases/<release_id>/deployments/template")
def deployment_template(release_id: str) -> Document:
    """Link ``DeploymentTemplate`` of a release: where it may be deployed to now."""
    release = find(RELEASES, release_id)
    own = f"{prefix()}/releases/{release['Id']}"
    targets = [
        {"Id": one["Id"], "Name": one["Name"], "Links": {"Preview": f"{own}/deployments/preview/{one['Id']}"}} for one in _allowed(release)
    ]
    return {"PromoteTo": targets, "TenantPromotions": [], "Links": {"Self": f"{own}/deployments/template"}}


@api.post("/releases")
def create() -> ResponseReturnValue:
    where = space()
    need(RELEASES.permission("POST"), where)
    release = merged(RELEASES, {}, json_body()) | ({"SpaceId": where} if where else {})
    project = store().document("Project", str(release.get("ProjectId")))
    if project is None:
        raise invalid("Please select a project.")
    version = release.get("Version")
    if not version:
        raise invalid("Please provide a version number.")
    if any(one["Version"] == version for one in _newest_first(project["Id"])):
        raise invalid(f"Release version '{version}' already exists. Please specify a different version number.")
    process = store().document("DeploymentProcess", str(project.get("DeploymentProcessId"))) or {}
    selected = {one.get("ActionName") or one.get("StepName") for one in release.get("SelectedPackages") or [] if one.get("Version")}
    missing = [step["Name"] for step in process.get("Steps") or [] if step.get("PackageId") and step["Name"] not in selected]
    if missing:
        raise invalid(*(f"No package version was specified for the step '{name}'." for name in missing))
    release.setdefault("Assembled", node().clock.now().isoformat())
    release = store().add("Release", release)
    audit("Created", release)
    return jsonify(shape(RELEASES, release)), 201, {"Location": f"{prefix()}/releases/{release['Id']}"}


@api.post("/deployments")
def deploy() -> ResponseReturnValue:
    """A deployment and the task that carries it out."""
    where = space()
    need(DEPLOYMENTS.permission("POST"), where)
    body = json_body()
    release = store().document("Release", str(body.get("ReleaseId")))
    environment = store().document("DeploymentEnvironment", str(body.get("EnvironmentId")))
    if release is None or environment is None:
        raise invalid("Please select a release and an environment.")
    project = store().document("Project", release["ProjectId"]) or {}
    if project.get("IsDisabled"):
        raise invalid(f"The project '{project.get('Name')}' is disabled.")
    if environment["Id"] not in [one["Id"] for one in _allowed(release)]:
        raise invalid(f"The release cannot be deployed to {environment.get('Name')} by its lifecycle.")
    now = node().clock.now().isoformat()
    common: dict[str, Any] = {
        "ProjectId": release["ProjectId"],
        "EnvironmentId": environment["Id"],
        "TenantId": body.get("TenantId"),
        "SpaceId": where,
    }
    deployment = store().add(
        "Deployment",
        {
            "Name": f"Deploy to {environment.get('Name')}",
            "ReleaseId": release["Id"],
            "ChannelId": release.get("ChannelId"),
            "Created": now,
            "UseGuidedFailure": bool(body.get("UseGuidedFailure")),
            "Comments": body.get("Comments"),
            **common,
        },
    )
    task = store().add(
        "ServerTask",
        {
            "Name": "Deploy",
            "Description": f"Deploy {project.get('Name')} release {release.get('Version')} to {environment.get('Name')}",
            "Arguments": {"DeploymentId": deployment["Id"]},
            "State": "Queued",
            "QueueTime": body.get("QueueTime") or now,
            "ServerNodeId": None,
            "HasWarningsOrErrors": False,
            "ErrorMessage": None,
            **common,
        },
    )
    deployment["TaskId"] = task["Id"]
    store().save("Deployment", deployment)
    return jsonify(shape(DEPLOYMENTS, deployment)), 201


def _refuse_running(deployments: list[Document]) -> None:
    if not node().at_least(*REFUSES_RUNNING):
        return
    for one in deployments:
        task = store().document("ServerTask", str(one.get("TaskId")))
        if task is not None and task.get("State") not in FINAL:
            raise invalid(f"The task {task['Id']} is {task['State']}. It must be completed or cancelled first.")


@api.delete("/releases/<release_id>")
def remove_release(release_id: str) -> Document:
    """With its deployments (https://github.com/OctopusDeploy/Issues/issues/5660). Their tasks stay (*assumed*)."""
    release = find(RELEASES, release_id, request.method)
    deployments = [one for one in store().documents("Deployment") if one.get("ReleaseId") == release["Id"]]
    _refuse_running(deployments)
    for one in deployments:
        store().remove("Deployment", one["Id"])
    store().remove("Release", release["Id"])
    audit("Deleted", release)
    return {}


@api.delete("/deployments/<deployment_id>")
def remove_deployment(deployment_id: str) -> Document:
    deployment = find(DEPLOYMENTS, deployment_id, request.method)
    _refuse_running([deployment])
    store().remove("Deployment", deployment["Id"])
    audit("Deleted", deployment)
    return {}
