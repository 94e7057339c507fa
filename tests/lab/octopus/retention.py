# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The task ``Retention``: what it deletes, rows and files. On a clone whose folders still are production's: production's files.

octopus.com/docs/administration/retention-policies; every 4 hours (#8134), by a schedule that can be set from 2023.1.10071 on (#9110).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from . import folders, moments
from .documents import Document

if TYPE_CHECKING:
    from .server_tasks import Execution
    from .store import Store

HOURS = 4 * 3600.0
CRON = re.compile(r"0 (?:\*/(\d+)|0) (?:\*/(\d+)|\*) \* \* \*")  # every so many minutes, or hours: all that the lab understands


def interval(store: Store) -> float:
    """Lab seconds between two runs. The lab heeds the setting in every version.

    Raises:
        ValueError: Another schedule than the lab understands.
    """
    cron = (store.configuration("retentionpolicies") or {}).get("CronExpression")
    if not cron:
        return HOURS
    found = CRON.fullmatch(cron)
    if found is None:
        raise ValueError(f"lab: a retention schedule is '0 */<minutes> * * * *' or '0 0 */<hours> * * *', not {cron!r}")
    minutes, hours = found.groups()
    return float(minutes) * 60 if minutes else float(hours or 1) * 3600


def run(execution: Execution) -> None:
    _releases(execution)
    _packages(execution)
    execution.work(5)


def _gone(execution: Execution, of: str, path: str) -> None:
    """Delete a file, if it is there; the event says whether it was."""
    files, host = execution.node.store.files, execution.node.host
    there = files.read(path) is not None
    if there:
        files.fs.remove(path, files.logon)
    host.ledger.record("retention", host.name, of=of, path=path, there=there, task=execution.task["Id"], node=execution.node.name)
    execution.say(f"Deleted {path}")


# -- packages of no release


def _packages(execution: Execution) -> None:
    store, now = execution.node.store, execution.node.host.clock.now()
    days = (store.document("Feed", "feeds-builtin") or {}).get("DeleteUnreleasedPackagesAfterDays")
    if not days:
        return
    kept, root = _released(store), store.folder("PackagesDirectory")
    for row in store.documents("NuGetPackage"):
        published = moments.moment(row.get("Published"))
        if published is None or now - published <= timedelta(days=float(days)):
            continue
        if (str(row["PackageId"]).lower(), str(row["Version"]).lower()) not in kept:
            _gone(execution, "package", folders.package_path(root, row))
            store.remove("NuGetPackage", row["Id"])


def _released(store: Store) -> set[tuple[str, str]]:
    """(package id, version) of everything that a release names; a release that names no id means its project's package."""
    own: dict[str, str] = {}
    for process in store.documents("DeploymentProcess"):
        own[process["OwnerId"]] = next((step["PackageId"] for step in process.get("Steps") or [] if step.get("PackageId")), "")
    return {
        (str(package.get("PackageId") or own.get(release["ProjectId"], "")).lower(), str(package["Version"]).lower())
        for release in store.documents("Release")
        for package in release.get("SelectedPackages") or []
    }


# -- releases


def _releases(execution: Execution) -> None:
    """By the first lifecycle phase-less policy only. What a dashboard shows is kept: the last release in each environment."""
    store, now = execution.node.store, execution.node.host.clock.now()
    policies = {row["Id"]: row.get("ReleaseRetentionPolicy") or {} for row in store.documents("Lifecycle")}
    lifecycle = {row["Id"]: row["LifecycleId"] for row in store.documents("Project")}
    last: dict[tuple[str, str], str] = {}
    deployments = store.documents("Deployment")
    for one in deployments:
        last[one["ProjectId"], one["EnvironmentId"]] = one["ReleaseId"]
    by_project: dict[str, list[Document]] = {}
    for release in store.documents("Release"):
        by_project.setdefault(release["ProjectId"], []).append(release)
    for project, releases in by_project.items():
        for release in _overdue(policies.get(lifecycle.get(project, ""), {}), releases, now):
            if release["Id"] not in last.values():
                _delete(execution, release, [one for one in deployments if one["ReleaseId"] == release["Id"]])


def _overdue(policy: dict[str, Any], releases: list[Document], now: datetime) -> list[Document]:
    if policy.get("ShouldKeepForever", True) or policy.get("Strategy") == "Forever":
        return []
    quantity = int(policy.get("QuantityToKeep", 0))
    releases = sorted(releases, key=lambda row: moments.moment(row["Assembled"]) or now)
    if policy.get("Unit") == "Items":
        return releases[: max(0, len(releases) - quantity)] if quantity else []
    return [row for row in releases if now - (moments.moment(row["Assembled"]) or now) > timedelta(days=quantity)]


def _delete(execution: Execution, release: Document, deployments: list[Document]) -> None:
    """With its deployments, their tasks, logs and artifacts; ``DeploymentHistory`` stays (octopus.com/docs, retention policies)."""
    store = execution.node.store
    for deployment in deployments:
        for artifact in store.documents("Artifact"):
            if deployment["Id"] in artifact["RelatedDocumentIds"]:
                _gone(execution, "artifact", folders.artifact_path(store.folder("ArtifactsDirectory"), artifact))
                store.remove("Artifact", artifact["Id"])
        task = store.document("ServerTask", str(deployment.get("TaskId")))
        if task is not None:
            _gone(execution, "log", folders.task_log_path(store.folder("LogsDirectory"), task))
            store.remove("ServerTask", task["Id"])
        store.remove("Deployment", deployment["Id"])
    store.remove("Release", release["Id"])
