# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Project export and import of Octopus Server: where they are, which projects can take part, and what they leave behind.

https://octopus.com/docs/projects/export-import; paths and bodies as in the scripts ExportProjects and ImportProjects of
https://github.com/OctopusDeploy/OctopusDeploy-Api, answers as in https://github.com/OctopusDeploy/message-contracts.ts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.links import plain
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.spaces import DEFAULT_SPACE
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version

SINCE = Version.parse("2021.1")
GIT_SINCE = Version.parse("2025.2.5601")
NEEDS = "of a Space Manager of that space; no narrower role can export or import projects"
_PATHS = {
    "ExportProjects": "export",
    "ImportProjects": "import",
    "ProjectImportFiles": "import-files",
    "ProjectImportPreview": "import/preview",
}
# What no export has. Releases and deployments come along so that promotion works, and no more.
NOT_CARRIED = (
    "deployment targets and workers (worker pools arrive empty)",
    "triggers and subscriptions",
    "users, API keys and members of teams",
    "packages",
    "task logs, artifacts, audit events and runbook runs (releases and deployments arrive as shells)",
    "machine policies, proxies and tenants' and projects' logos",
    "environments that only the default lifecycle leads to",
)
# Tasks that are no import, by name: BuiltInTasks of https://github.com/OctopusDeploy/OctopusClients, without those of the Migrator.
_OTHER_TASKS = (
    "AdHocScript",
    "Backup",
    "Deploy",
    "Health",
    "Retention",
    "RunbookRun",
    "SyncCommunityActionTemplates",
    "SystemIntegrityCheck",
    "TestAzureAccount",
    "TestEmail",
    "UpdateCalamari",
    "Upgrade",
)
_FATAL = "fatal"
_LINES = 20


@dataclass(frozen=True)
class Project:
    """A project of a space. ``git`` says whether it is version-controlled."""

    id: str
    name: str
    git: bool


def find_space(api: OctopusApi, wanted: str | None) -> dict[str, Any]:
    """Return a space by its id or name; without one, the default space.

    Raises:
        OctopusError: There is none, or the server has no project export.
    """
    if api.version < SINCE:
        raise OctopusError(
            f"{api.url} has version {api.version}. Projects are exported and imported over the API from 2021.1 on. Before, only "
            "Octopus.Migrator.exe does that; use octopus_migrator_export."
        )
    spaces = list(api.items("/api/spaces"))
    for space in spaces:
        if (wanted is None and space.get("IsDefault")) or wanted in (space["Id"], space["Name"]):
            return space
    names = ", ".join(f"{space['Name']} ({space['Id']})" for space in spaces) or "none that the user of the API key may see"
    raise OctopusError(f"{api.url}: expected the space {wanted or 'that is the default'}, but found {names}.")


def is_offered(api: OctopusApi) -> bool:
    """Whether the server exports and imports projects over its API: by its links, and where it has none, by what the vendor's scripts use."""
    if not api.has_spaces:
        return False
    space = next((str(one["Id"]) for one in api.items("/api/spaces") if one.get("IsDefault")), DEFAULT_SPACE)
    links = {**(api.root.get("Links") or {}), **((api.find(f"/api/{space}") or {}).get("Links") or {})}
    return "ExportProjects" in links or api.find(f"/api/{space}/projects/import-export/import-files") is not None


def address(api: OctopusApi, space: str, link: str) -> str:
    """Return the path of a request, by the links of the space and of the root; where neither has it, the one that the vendor's scripts use."""
    home = api.find(f"/api/{space}") or {}
    for links in (home.get("Links") or {}, api.root.get("Links") or {}):
        if links.get(link):
            path = plain(links[link])
            # The root's links lead into the default space.
            rest = path.partition("/projects/import-export/")[2]
            return f"/api/{space}/projects/import-export/{rest}" if rest else path
    return f"/api/{space}/projects/import-export/{_PATHS[link]}"


def projects_of(api: OctopusApi, space: str) -> dict[str, Project]:
    """Return the projects of a space, by name."""
    found = {}
    for row in api.items(f"/api/{space}/projects"):
        kind = (row.get("PersistenceSettings") or {}).get("Type")
        found[row["Name"]] = Project(row["Id"], row["Name"], bool(row.get("IsVersionControlled")) or kind == "VersionControlled")
    return found


def chosen(known: Mapping[str, Project], names: Sequence[str], version: Version, allow_git: bool) -> list[Project]:
    """Return the projects that are to be exported.

    Args:
        known: The projects of the space, by name.
        names: The wanted ones.
        version: Of the server.
        allow_git: Whether version-controlled projects are wanted.

    Raises:
        OctopusError: One does not exist, or cannot be exported.
    """
    missing = [name for name in names if name not in known]
    if missing:
        raise OctopusError(
            f"Expected the projects {', '.join(names)}, but {', '.join(missing)} do not exist in the space, or the user of the API key may not "
            "see them. Nothing was exported."
        )
    wanted = [known[name] for name in dict.fromkeys(names)]
    git = [project.name for project in wanted if project.git]
    if git and version < GIT_SINCE:
        raise OctopusError(
            f"The projects {', '.join(git)} are version-controlled, and this server ({version}) cannot export them: that came with {GIT_SINCE}. "
            "Nothing was exported. Leave them out."
        )
    if git and not allow_git:
        raise OctopusError(
            f"The projects {', '.join(git)} are version-controlled. An imported one writes to the same repository as the original. Nothing was "
            "exported. Leave them out, or set allow_git: true and change the repository before anybody edits the project."
        )
    return wanted


def secret(password: str) -> dict[str, Any]:
    """Return a sensitive value as the API takes it."""
    return {"HasValue": True, "NewValue": password}


def task_of(asked: Any, api: OctopusApi, path: str) -> str:
    """Return the id of the task in the answer to a request that has one started.

    Raises:
        OctopusError: There is none.
    """
    task = asked.get("TaskId") if isinstance(asked, dict) else None
    if not task:
        raise OctopusError(f"POST {api.url}{path}: expected the id of a task in the answer, but found none.")
    return str(task)


def wait(api: OctopusApi, space: str, task_id: str, timeout: float) -> dict[str, Any]:
    """Wait for the end of a task, and return it.

    Raises:
        OctopusError: It did not end in time, or did not succeed. The message has what its log says.
    """
    deadline = Deadline(timeout, first=0.5, most=5.0)
    row = api.get(f"/api/{space}/tasks/{task_id}")
    while not row.get("IsCompleted"):
        if not deadline.pause():
            raise OctopusError(
                f"{api.url}: the task {task_id} ({row.get('Description')}) is {row.get('State')} after {timeout:g} seconds. It goes on; run this "
                "again to wait for it. A stopped task queue of the space, or nodes that drain, keep it from beginning."
            )
        row = api.get(f"/api/{space}/tasks/{task_id}")
    if row.get("State") != "Success":
        log = api.text(f"/api/{space}/tasks/{task_id}/raw").splitlines()
        said = " | ".join(telling(log)) or row.get("ErrorMessage") or "no message"
        raise TransferFailed(f"{api.url}: the task {task_id} ({row.get('Description')}) is {row.get('State')}: {said}")
    return row


def wait_for_others(api: OctopusApi, space: str, timeout: float) -> None:
    """Wait until no task of the space is queued or runs that may be an import. No public source has the name of that task.

    Raises:
        OctopusError: One has not ended in time.
    """
    deadline = Deadline(timeout, first=0.5, most=5.0)
    while busy := [row for row in api.items(f"/api/{space}/tasks", active=True) if may_be_transfer(row)]:
        if not deadline.pause():
            told = ", ".join(f"{row['Id']} ({row.get('Description') or row.get('Name')}, {row.get('State')})" for row in busy[:5])
            raise OctopusError(
                f"{api.url}: expected no other task in the space that may be an import, begun from another control node, but after {timeout:g} "
                f"seconds there is still {told}. Nothing was imported. Wait for its end or cancel it, and run this again. A stopped task queue of "
                "the space keeps it from beginning."
            )


def may_be_transfer(row: Mapping[str, Any]) -> bool:
    """Whether a task of the server has not ended and may be an export or an import."""
    return not row.get("IsCompleted") and str(row.get("Name")) not in _OTHER_TASKS


class TransferFailed(OctopusError):
    """The server's task has ended without success."""


def telling(log: Iterable[str]) -> list[str]:
    """Return the lines of a task's log that say why it failed: the fatal ones, which alone name the document; else the last ones."""
    lines = [line.strip() for line in log if line.strip()]
    return [line for line in lines if _FATAL in line.lower()][:_LINES] or lines[-3:]


def arrivals(wanted: Sequence[str], before: Iterable[str], after: Iterable[str]) -> tuple[list[str], list[str], list[str]]:
    """Return which projects of a file were imported, which were there before, and which are missing."""
    had, has = set(before), set(after)
    return (
        [name for name in wanted if name in has and name not in had],
        [name for name in wanted if name in had],
        [name for name in wanted if name not in has],
    )
