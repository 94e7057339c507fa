# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real reads: a server that counts its projects may still be unable to open them, or have lost the files that belong to them.

Known cases: projects that cannot be opened after an upgrade (https://github.com/OctopusDeploy/Issues/issues/6711), logos that stop the
server (https://github.com/OctopusDeploy/Issues/issues/6780), packages that an upgrade moved
(https://github.com/OctopusDeploy/Issues/issues/5262).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .client import OctopusApi
from .links import plain
from .spaces import space_paths

_MANY = 25  # projects; all are read when there are not more
_TRIES = 20  # candidates of which a file is looked for: an index may list files that were lost long ago

Sample = dict[str, Any]


def take(api: OctopusApi, wanted: int) -> dict[str, list[Sample]]:
    """Read ``wanted`` of each kind (projects: up to 25), and return what was read with hashes, to be read again later.

    Raises:
        OctopusError: A project cannot be opened, or something may not be read.
    """
    projects: list[Sample] = []
    logos: list[Sample] = []
    packages: list[Sample] = []
    artifacts: list[Sample] = []
    for space, start in space_paths(api).items():
        projects += _projects(api, space, start)
        logos += _logos(api, start, [project for project in projects if project["space"] == space], wanted)
        packages += _first(wanted, _candidates(api, f"{start}/packages"), partial(_package, api, space))
        artifacts += _first(wanted, _candidates(api, f"{start}/artifacts"), partial(_artifact, api, space))
    return {
        "projects": projects,
        "task_logs": _task_logs(api, wanted),
        "packages": packages,
        "logos": logos,
        "artifacts": artifacts,
    }


def read_project(api: OctopusApi, start: str, project_id: str) -> dict[str, Any]:
    """Open a project as the portal does, with its deployment process where the project itself links to one."""
    project = api.get(f"{start}/projects/{project_id}")
    process = project.get("Links", {}).get("DeploymentProcess")
    if process and plain(process) == process:
        api.get(process)
    return project


def _projects(api: OctopusApi, space: str, start: str) -> list[Sample]:
    total = api.total(f"{start}/projects") or 0
    rows = list(api.items(f"{start}/projects"))
    step = max(1, -(-total // _MANY))
    read = [read_project(api, start, row["Id"]) for row in rows[::step]]
    return [{"space": space, "id": project["Id"], "name": project["Name"]} for project in read]


def _logos(api: OctopusApi, start: str, projects: list[Sample], wanted: int) -> list[Sample]:
    """Prefer a project's own picture. A picture that several have is what the server shows where there is none, and may change."""
    found = []
    for project in projects:
        logo = _file(api, f"{start}/projects/{project['id']}/logo")
        if logo:
            found.append({"space": project["space"], "project": project["id"], **logo})
    hashes = [logo["sha256"] for logo in found]
    for logo in found:
        logo["own"] = len(set(hashes)) < len(hashes) and hashes.count(logo["sha256"]) == 1
    return sorted(found, key=lambda logo: not logo["own"])[:wanted]


def _package(api: OctopusApi, space: str, row: dict[str, Any]) -> Sample | None:
    content = _file(api, plain(row["Links"]["Raw"]))
    return content and {"space": space, "id": row.get("PackageId") or row["NuGetPackageId"], "version": row["Version"], **content}


def _artifact(api: OctopusApi, space: str, row: dict[str, Any]) -> Sample | None:
    content = _file(api, plain(row["Links"]["Content"]))
    return content and {"space": space, "id": row["Id"], "name": row.get("Filename"), **content}


def _task_logs(api: OctopusApi, wanted: int) -> list[Sample]:
    """Old ones: a new log may still be in memory or in the right place by chance."""
    total = api.total("/api/tasks") or 0
    page = api.get("/api/tasks", skip=max(0, total - _TRIES), take=_TRIES)
    oldest_first = [row for row in reversed(page["Items"]) if row.get("IsCompleted")]

    def log(row: dict[str, Any]) -> Sample | None:
        content = _file(api, f"/api/tasks/{row['Id']}/raw")
        return content and {"id": row["Id"], "description": row.get("Description"), **content}

    return _first(wanted, iter(oldest_first), log)


def _candidates(api: OctopusApi, path: str) -> Iterator[dict[str, Any]]:
    """Yield a few rows from all over a collection; none where this version has no such collection."""
    total = api.total(path) or 0
    tries = min(total, _TRIES)
    for number in range(tries):
        # From the middle on: the first and the last are the likeliest to be special.
        page = api.get(path, skip=(total // 2 + number * max(1, total // tries)) % total, take=1)
        yield from page["Items"]


def _first(wanted: int, rows: Iterator[dict[str, Any]], read: Callable[[dict[str, Any]], Sample | None]) -> list[Sample]:
    found: list[Sample] = []
    for row in rows:
        if len(found) == wanted:
            break
        sample = read(row)
        if sample and sample not in found:
            found.append(sample)
    return found


def _file(api: OctopusApi, path: str) -> Sample | None:
    """Download one file; None where the server has lost it or it is empty."""
    try:
        sha256, size, content_type = api.digest(path)
    except OctopusError as error:
        if error.status == 404:
            return None
        raise
    return {"sha256": sha256, "bytes": size, "content_type": content_type} if size else None
