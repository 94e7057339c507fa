# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which packages of the built-in feed the releases and the processes of projects use.

A process's template says which package each action takes, and from which feed (ReleaseTemplatePackage of OctopusDeploy/OctopusClients); a release
selects a version for each action (``SelectedPackages``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.links import plain
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

BUILT_IN = "BuiltIn"
# Names the packages of one process, by action and reference: (id of the package, id of its feed).
Taken = dict[tuple[str, str], tuple[str, str]]


@dataclass(frozen=True, order=True)
class Package:
    """One version of a package."""

    id: str
    version: str

    def __str__(self) -> str:
        return f"{self.id} {self.version}"


@dataclass
class Used:
    """What projects use.

    Attributes:
        packages: Of the built-in feed.
        unknown: Versions that a release has selected for an action whose package cannot be told, as a person reads it.
    """

    packages: set[Package] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)


def read(api: OctopusApi, start: str, names: Sequence[str]) -> Used:
    """Return what the releases of the projects have selected, and of each package of their processes the version that was pushed last.

    Args:
        api: The server.
        start: The path below which the collections of the space are.
        names: The projects.

    Raises:
        OctopusError: A project does not exist, or something may not be read.
    """
    projects = {str(row["Name"]): row for row in api.items(f"{start}/projects")}
    absent = [name for name in names if name not in projects]
    if absent:
        raise OctopusError(
            f"{api.url}: expected the projects {', '.join(names)}, but {', '.join(absent)} do not exist in the space, or the user of the API key "
            "may not see them. Nothing was copied."
        )
    feeds = {str(row["Id"]) for row in api.items(f"{start}/feeds") if row.get("FeedType") == BUILT_IN}
    used = Used()
    templates: dict[str, Taken | None] = {}
    for project in (projects[name] for name in dict.fromkeys(names)):
        now = _template(api, start, project.get("DeploymentProcessId"), templates) or {}
        for release in api.items(f"{start}/projects/{project['Id']}/releases"):
            # The process as it was then: the action may take another package now.
            then = _template(api, start, release.get("ProjectDeploymentProcessSnapshotId"), templates)
            found, unknown = selected(release, now if then is None else then, feeds)
            used.packages |= found
            used.unknown |= {f"{project['Name']} {release.get('Version')}: {one}" for one in unknown}
        for package in {package for package, feed in now.values() if feed in feeds}:
            newest = last_pushed(api.items(f"{start}/packages", nuGetPackageId=package), package)
            used.packages |= {newest} if newest else set()
    return used


def _template(api: OctopusApi, start: str, process: str | None, known: dict[str, Taken | None]) -> Taken | None:
    """What the actions of a process take; None where there is no such process, as for a version-controlled project."""
    if not process:
        return None
    if process not in known:
        row = api.find(f"{start}/deploymentprocesses/{process}")
        link = ((row or {}).get("Links") or {}).get("Template")
        found = api.find(plain(link) if link else f"{start}/deploymentprocesses/{process}/template") if row else None
        known[process] = None if found is None else taken(found.get("Packages") or [])
    return known[process]


def taken(rows: Iterable[Mapping[str, Any]]) -> Taken:
    """Return which package each action takes. One whose id has a variable in it is not known before a release is deployed."""
    return {
        _key(row): (str(row["PackageId"]), str(row.get("FeedId"))) for row in rows if row.get("PackageId") and "#{" not in row["PackageId"]
    }


def selected(release: Mapping[str, Any], actions: Taken, feeds: Iterable[str]) -> tuple[set[Package], list[str]]:
    """Return the packages of the built-in feed that a release has selected, and what cannot be told."""
    found, unknown = set(), []
    for row in release.get("SelectedPackages") or []:
        version = str(row.get("Version") or "")
        package, feed = actions.get(_key(row), ("", ""))
        if version and not package:
            unknown.append(f"the package of the step {_key(row)[0] or 'without a name'} in version {version}")
        elif version and feed in feeds:
            found.add(Package(package, version))
    return found, unknown


def last_pushed(rows: Iterable[Mapping[str, Any]], package: str) -> Package | None:
    """Return the version that was pushed last; None where there is none."""
    own = [row for row in rows if str(row.get("PackageId") or row.get("NuGetPackageId")).lower() == package.lower()]
    newest = max(own, key=lambda row: str(row.get("Published") or ""), default=None)
    return Package(str(newest.get("PackageId") or newest.get("NuGetPackageId")), str(newest["Version"])) if newest else None


def _key(row: Mapping[str, Any]) -> tuple[str, str]:
    return str(row.get("ActionName") or row.get("StepName") or ""), str(row.get("PackageReferenceName") or "")
