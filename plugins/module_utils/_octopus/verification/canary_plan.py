# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a canary release would be, and why a project cannot have one. Reads only.

Addresses, links and properties: ProjectRepository, DeploymentProcessRepository, ReleaseTemplateResource, SelectedPackage, PhaseResource and
DeploymentActionResource in https://github.com/OctopusDeploy/OctopusClients.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.links import plain
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.nodes import list_nodes
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

# In the version of every canary release, followed by what no other has: by it a later run knows what an interrupted one has left.
MARK = "octopus-upgrade-canary"
_NAMES = 10  # how many a message lists of those that there are
# Steps that wait for a person, and steps whose effects nobody here could remove.
_MANUAL, _DEPLOY_RELEASE = "octopus.manual", "octopus.deployrelease"


@dataclass(frozen=True)
class Wanted:
    """What the user asks for: names, as the portal shows them; an empty text for what the server's defaults decide."""

    project: str
    environment: str
    space: str = ""
    channel: str = ""
    version: str = ""


@dataclass(frozen=True)
class Plan:
    """What would be made.

    Attributes:
        start: The path below which the space's collections are.
        project: Its document.
        environment: Its document.
        channel: Its document; None on a server that has no channels.
        version: The version of the release, without :data:`MARK`.
        packages: What the release selects of each package, as ``SelectedPackages`` takes it.
    """

    start: str
    project: dict[str, Any]
    environment: dict[str, Any]
    channel: dict[str, Any] | None
    version: str
    packages: list[dict[str, str]]

    @property
    def releases(self) -> str:
        """The path of the releases of the project."""
        return f"{self.start}/projects/{self.project['Id']}/releases"

    @property
    def what(self) -> str:
        return f"project {self.project['Name']}, environment {self.environment['Name']}"


def make_plan(api: OctopusApi, wanted: Wanted) -> Plan:
    """Read all that a canary release is made from.

    Raises:
        OctopusError: Something of it is not there or may not be read, no node would deploy it, or the project is refused.
    """
    start = _space(api, wanted.space)
    _check_nodes(api)
    project = _named(api, f"{start}/projects", wanted.project, "project")
    environment = _named(api, f"{start}/environments", wanted.environment, "environment")
    channel = _channel(api, f"{start}/projects/{project['Id']}/channels", wanted.channel)
    # Before the process is read: that of a version-controlled project is at another address for each branch.
    reasons = project_refusals(project)
    if not reasons:
        process = api.get(_link(project, "DeploymentProcess", f"{start}/deploymentprocesses/{project.get('DeploymentProcessId')}"))
        lifecycle = api.get(f"{start}/lifecycles/{(channel or {}).get('LifecycleId') or project['LifecycleId']}")
        reasons = [*process_refusals(process), *lifecycle_refusals(lifecycle, environment)]
    if reasons:
        raise OctopusError(
            f"{api.url}: expected {project['Name']} to be a project that can be deployed as a canary, but {'; and '.join(reasons)}. "
            "Nothing was made. Name another project: one of its own for this, with a script step that runs on the server."
        )
    own = _link(process, "Template", f"{start}/deploymentprocesses/{process['Id']}/template")
    template = api.get(own, channel=channel["Id"] if channel else None)
    if template.get("GitResources"):  # ReleaseTemplateGitResource in OctopusDeploy/go-octopusdeploy
        names = ", ".join(sorted({str(one.get("ActionName")) for one in template["GitResources"]}))
        raise OctopusError(
            f"{api.url}: expected {project['Name']} to be a project that can be deployed as a canary, but it has steps that take a script from Git "
            f"({names}), so a release would need a branch of each. Nothing was made. Name another project."
        )
    packages = selected_packages(template.get("Packages") or [], project["Name"])
    return Plan(start, project, environment, channel, wanted.version or next_version(template), packages)


def _check_nodes(api: OctopusApi) -> None:
    """Refuse a server none of whose nodes takes tasks. Who may not see the nodes waits until the deadline."""
    try:
        nodes = list_nodes(api)
    except OctopusError as error:
        if error.status != 403:
            raise
        return
    if nodes and all(node.draining or node.offline for node in nodes):
        raise OctopusError(
            f"{api.url}: expected a node that takes tasks, but all are drained or offline, so a canary would wait for ever. "
            "Undrain a node first; an upgrade deploys its canary once it is published."
        )


def _link(document: Mapping[str, Any], name: str, otherwise: str) -> str:
    link = (document.get("Links") or {}).get(name)
    return plain(link) if link else otherwise


def _space(api: OctopusApi, name: str) -> str:
    """Return the path of a space, the default one where none is named.

    Raises:
        OctopusError: There is none, or its task queue is stopped.
    """
    if not api.has_spaces:
        return "/api"
    spaces = list(api.items("/api/spaces"))
    for space in spaces:
        if name.casefold() in (space["Id"].casefold(), space["Name"].casefold()) if name else space.get("IsDefault"):
            if space.get("TaskQueueStopped"):
                raise OctopusError(
                    f"{api.url}: expected the task queue of the space {space['Name']} to run, but it is stopped, so a canary would wait for "
                    "ever. Start it in the settings of the space, or name another space."
                )
            return f"/api/{space['Id']}"
    known = _listed(spaces)
    wanted = f"a space {name!r}" if name else "a default space"
    raise OctopusError(f"{api.url}: expected {wanted}, but the user of the API key sees {known}. Name the space of the project.")


def _named(api: OctopusApi, path: str, name: str, kind: str) -> dict[str, Any]:
    rows = list(api.items(path))
    for row in rows:
        if name.casefold() == row["Name"].casefold():
            return row
    raise OctopusError(f"{api.url}{path}: expected a {kind} {name!r}, but the user of the API key sees {_listed(rows)}.")


def _channel(api: OctopusApi, path: str, name: str) -> dict[str, Any] | None:
    """Return the channel of a name, or the default one; None where this version has none (before 3.2) and none is named."""
    if api.find(path, skip=0, take=1) is None and not name:
        return None
    if name:
        return _named(api, path, name, "channel")
    channels = list(api.items(path))
    return next((one for one in channels if one.get("IsDefault")), channels[0] if len(channels) == 1 else None)


def _listed(rows: Iterable[Mapping[str, Any]]) -> str:
    names = sorted(str(row["Name"]) for row in rows)
    return ", ".join(names[:_NAMES]) + (f" and {len(names) - _NAMES} more" if len(names) > _NAMES else "") if names else "none"


# -- why not


def project_refusals(project: Mapping[str, Any]) -> list[str]:
    """Return why a project cannot be deployed without its user's help."""
    found = []
    if project.get("IsDisabled"):
        found.append("it is disabled")
    if project.get("IsVersionControlled") or (project.get("PersistenceSettings") or {}).get("Type") == "VersionControlled":
        found.append("its process is kept in Git, so a release would need a branch")
    if project.get("TenantedDeploymentMode") == "Tenanted":
        found.append("it is deployed for tenants only")
    return found


def process_refusals(process: Mapping[str, Any]) -> list[str]:
    """Return what in a process would wait for a person, or do what cannot be removed. A disabled step does nothing."""
    actions = [action for step in process.get("Steps") or [] for action in step.get("Actions") or [] if not action.get("IsDisabled")]

    def names(kind: str) -> str:
        return ", ".join(str(action.get("Name")) for action in actions if str(action.get("ActionType")).lower() == kind)

    found = []
    if not actions:
        found.append("it has no step that is enabled")
    if manual := names(_MANUAL):
        found.append(f"it has a manual intervention ({manual}), which would wait for a person")
    if other := names(_DEPLOY_RELEASE):
        found.append(f"it deploys releases of other projects ({other}), which would stay")
    return found


def lifecycle_refusals(lifecycle: Mapping[str, Any], environment: Mapping[str, Any]) -> list[str]:
    """Return why a lifecycle keeps a new release from an environment, or would deploy it to others by itself.

    A phase deploys to its automatic environments when a release is created, or when the phase before is done
    (https://octopus.com/docs/releases/lifecycles; the server's own log of that: https://github.com/OctopusDeploy/Issues/issues/7395). A release may
    go to the environments of the first phase, and to those of a phase before which all are optional
    (https://github.com/OctopusDeploy/Issues/issues/9810).
    """
    phases = lifecycle.get("Phases") or []
    name = lifecycle.get("Name")
    automatic = [str(phase.get("Name")) for phase in phases if phase.get("AutomaticDeploymentTargets")]
    if automatic:
        return [f"its lifecycle {name} deploys by itself in {', '.join(automatic)}, and would do so with the canary"]
    allowed: set[str] = set()
    for phase in phases:
        targets = phase.get("OptionalDeploymentTargets") or []
        if not targets:
            return []  # any environment that no other phase has: the server decides
        allowed |= set(targets)
        if not phase.get("IsOptionalPhase"):
            break
    if phases and environment["Id"] not in allowed:
        return [f"its lifecycle {name} lets no new release into {environment['Name']}"]
    return []


# -- as what


def next_version(template: Mapping[str, Any]) -> str:
    """Return the version that the server would give the next release.

    ``NextVersionIncrement`` is empty where the version is that of a package (``VersioningPackageStepName``).
    """
    packages = template.get("Packages") or []
    step = template.get("VersioningPackageStepName")
    by_package = [
        one.get("VersionSelectedLastRelease") for one in packages if step and step in (one.get("ActionName"), one.get("StepName"))
    ]
    return str(template.get("NextVersionIncrement") or next(filter(None, by_package), None) or "0.0.1")


def marked(version: str, stamp: str) -> str:
    """Return the version of a canary: a pre-release of the given one, marked.

    Args:
        version: ``1.2.3``, or with parts after a hyphen or a plus sign.
        stamp: What no other canary has: a letter, then letters and digits.
    """
    base = version.partition("+")[0]
    base = base.partition(MARK)[0].rstrip("-.")  # the server counts on from a canary that was left
    return f"{base}{'.' if '-' in base else '-'}{MARK}.{stamp}"


def is_marked(release: Mapping[str, Any]) -> bool:
    """Return whether a release is a canary."""
    return f"{MARK}." in str(release.get("Version"))


def selected_packages(packages: Iterable[Mapping[str, Any]], project: str) -> list[dict[str, str]]:
    """Return what a release selects: of each package what the last release has.

    Raises:
        OctopusError: The last release has no version of one, or there is no release yet.
    """
    selected = []
    for package in packages:
        action = str(package.get("ActionName") or package.get("StepName"))
        version = package.get("VersionSelectedLastRelease")
        if not version:
            raise OctopusError(
                f"Expected a release of {project} whose version of the package {package.get('PackageId') or package.get('NuGetPackageId')} "
                f"(step {action}) a canary can take, but there is none. Make one release by hand, or name a project without packages."
            )
        # Older servers know it as StepName; SelectedPackage of OctopusClients sends both.
        one = {"ActionName": action, "StepName": action, "Version": str(version)}
        reference = package.get("PackageReferenceName")
        selected.append(one | ({"PackageReferenceName": str(reference)} if reference else {}))
    return selected
