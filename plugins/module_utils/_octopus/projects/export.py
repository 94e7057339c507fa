# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Export of projects to a file on the control node, which leaves nothing on the server."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.links import plain
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import LocalFile, fingerprint

from . import transfer
from .pending import Pending


@dataclass(frozen=True)
class ExportRequest:
    """The wanted export."""

    projects: tuple[str, ...]
    password: str = field(repr=False)
    dest: str
    space: str | None = None
    allow_git: bool = False
    timeout: float = 1800.0
    check_mode: bool = False


def export(api: OctopusApi, request: ExportRequest) -> dict[str, Any]:
    """Export the projects; return the module's result.

    Raises:
        OctopusError: A project cannot be exported, or the server failed.
        SecretError: The file cannot be written.
    """
    space = transfer.find_space(api, request.space)
    known = transfer.projects_of(api, space["Id"])
    wanted = transfer.chosen(known, request.projects, api.version, request.allow_git)
    result: dict[str, Any] = {
        "changed": True,
        "version": str(api.version),
        "space": {"id": space["Id"], "name": space["Name"]},
        "projects": [project.name for project in wanted],
        "git_projects": [project.name for project in wanted if project.git],
        "not_carried": list(transfer.NOT_CARRIED),
        "dest": request.dest,
    }
    if request.check_mode:
        return {**result, "task": None, "size": None, "sha256": None}
    # The file opens with the password that the task was given, so another password means another task.
    ids = sorted(project.id for project in wanted)
    pending = Pending(
        request.dest, "export", {"url": api.url, "space": space["Id"], "projects": ids, "password": fingerprint(request.password.encode())}
    )
    noted = pending.read()
    if noted and "artifact" in noted:
        return {**result, **_cleared(api, space["Id"], request.dest, pending, noted)}
    if noted is None or api.find(f"/api/{space['Id']}/tasks/{noted['task']}") is None:
        path = transfer.address(api, space["Id"], "ExportProjects")
        asked = api.post(path, {"IncludedProjectIds": ids, "Password": transfer.secret(request.password)}, needs=transfer.NEEDS)
        noted = {"task": transfer.task_of(asked, api, path)}
        pending.write(noted)
    try:
        transfer.wait(api, space["Id"], noted["task"], request.timeout)
    except transfer.TransferFailed:
        pending.clear()  # the next run asks for another one
        raise
    artifact = _artifact(api, space["Id"], noted["task"])
    content = api.content(plain(artifact["Links"]["Content"]))
    _check(content, api, artifact)
    LocalFile(request.dest).write(content)
    noted |= {"artifact": artifact["Id"], "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    pending.write(noted)
    return {**result, **_cleared(api, space["Id"], request.dest, pending, noted)}


def discard(api: OctopusApi, dest: str, check_mode: bool) -> bool:
    """Remove an export: the file, and what an interrupted run has left on the server. Return whether there was anything.

    Raises:
        OctopusError: The task of the interrupted run has not ended, or the server does not remove what is left.
    """
    pending = Pending(dest, "export", {})
    note = pending.found()
    there = LocalFile(dest).read() is not None
    if check_mode or (note is None and not there):
        return note is not None or there
    if note is not None:
        _clear_away(api, note)
        pending.clear()
    Path(dest).unlink(missing_ok=True)
    Pending(dest, "import", {}).clear()
    return True


def _clear_away(api: OctopusApi, note: dict[str, Any]) -> None:
    """Remove the artifact of the task that a note names."""
    what, task = note["what"], note["noted"]["task"]
    if what.get("url") != api.url:
        raise OctopusError(f"The task {task} was begun on {what.get('url')}, and not on {api.url}. Nothing was removed.")
    path = f"/api/{what['space']}"
    row = api.find(f"{path}/tasks/{task}")
    if row is None:
        return
    if not row.get("IsCompleted"):
        raise OctopusError(
            f"{api.url}: the task {task} ({row.get('Description')}) has not ended. Run this again when it has. Nothing was removed."
        )
    for artifact in list(api.items(f"{path}/artifacts", regarding=task)):
        api.delete(f"{path}/artifacts/{artifact['Id']}", needs="ArtifactDelete")


def _cleared(api: OctopusApi, space: str, dest: str, pending: Pending, noted: dict[str, Any]) -> dict[str, Any]:
    """Remove the artifact, which holds the projects' secrets and would be kept as long as its task. The file has been written.

    Raises:
        OctopusError: The file is not the one that was written, or the server does not remove the artifact.
    """
    content = LocalFile(dest).read()
    if content is None or hashlib.sha256(content).hexdigest() != noted["sha256"]:
        raise OctopusError(
            f"Expected {dest} to be the export of the task {noted['task']}, but it was removed or replaced. Remove {pending.path_of_note}."
        )
    path = f"/api/{space}/artifacts/{noted['artifact']}"
    if api.find(path) is not None:
        api.delete(path, needs="ArtifactDelete")
    pending.clear()
    return {"task": noted["task"], "size": noted["size"], "sha256": noted["sha256"]}


def _artifact(api: OctopusApi, space: str, task: str) -> dict[str, Any]:
    """Return the artifact that is the export.

    Raises:
        OctopusError: There is none, or several.
    """
    found = [row for row in api.items(f"/api/{space}/artifacts", regarding=task) if str(row.get("Filename", "")).lower().endswith(".zip")]
    if len(found) != 1:
        raise OctopusError(f"{api.url}: expected one zip file among the artifacts of the task {task}, but found {len(found)}.")
    return found[0]


def _check(content: bytes, api: OctopusApi, artifact: dict[str, Any]) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            broken = file.testzip()
    except zipfile.BadZipFile as error:
        raise OctopusError(f"{api.url}: the artifact {artifact['Id']} is no zip file: {error}") from error
    if broken:
        raise OctopusError(f"{api.url}: the artifact {artifact['Id']} is damaged: {broken}")
