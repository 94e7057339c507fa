# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import of exported projects into a space: previewed first, then carried out, then compared with what was to arrive."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import LocalFile

from . import transfer
from .pending import Pending


@dataclass(frozen=True)
class ImportRequest:
    """The wanted import.

    Attributes:
        src: The file on the control node.
        projects: The projects that have to be in it; None where whatever is in it is wanted.
        source_version: The version of the server that it was exported from.
    """

    src: str
    password: str = field(repr=False)
    projects: tuple[str, ...] | None = None
    space: str | None = None
    source_version: str | None = None
    timeout: float = 3600.0
    check_mode: bool = False


def import_projects(api: OctopusApi, request: ImportRequest) -> dict[str, Any]:
    """Import the projects; return the module's result.

    Raises:
        OctopusError: The file cannot be imported, or the server failed.
    """
    space = transfer.find_space(api, request.space)
    check_version(api.version, request.source_version)
    result: dict[str, Any] = {
        "changed": False,
        "version": str(api.version),
        "space": {"id": space["Id"], "name": space["Name"]},
        "imported": [],
        "existing": [],
        "preview": None,
        "task": None,
        "uploaded_file": None,
        "not_carried": list(transfer.NOT_CARRIED),
    }
    content = LocalFile(request.src).read()
    if content is None:
        raise OctopusError(f"There is no file {request.src} on the control node.")
    pending = Pending(request.src, "import", {"url": api.url, "space": space["Id"], "sha256": hashlib.sha256(content).hexdigest()})
    noted = pending.read()
    if noted is not None and api.find(f"/api/{space['Id']}/tasks/{noted['task']}") is None:
        noted = None
    if noted is None and not request.check_mode:
        # Another control node may have begun one: its note is there.
        transfer.wait_for_others(api, space["Id"], request.timeout)
    known = set(transfer.projects_of(api, space["Id"]))
    if noted is None:
        if request.projects and set(request.projects) <= known:
            return {**result, "existing": list(request.projects)}
        noted = _begin(api, space["Id"], request, content, known)
        if request.check_mode or not noted["wanted"]:
            told = {name: noted[name] for name in ("preview", "uploaded_file", "existing")}
            return {**result, **told, "changed": bool(noted["wanted"]), "imported": noted["wanted"] if request.check_mode else []}
        noted["task"] = _start(api, space["Id"], request, noted["uploaded_file"])
        pending.write(noted)
    elif request.check_mode:
        return {**result, "changed": True, "imported": noted["wanted"], "preview": noted["preview"], "task": noted["task"]}
    try:
        transfer.wait(api, space["Id"], noted["task"], request.timeout)
    except transfer.TransferFailed as error:
        pending.clear()  # the next run asks for another one
        raise OctopusError(
            f"{error} The projects to import were {', '.join(noted['wanted'])}. Import one alone to find the one that fails; those that arrived are "
            "left out the next time."
        ) from error
    imported, _existing, missing = transfer.arrivals(noted["wanted"], noted["known"], transfer.projects_of(api, space["Id"]))
    pending.clear()
    if missing:
        raise OctopusError(
            f"{api.url}: the task {noted['task']} succeeded, but the projects {', '.join(missing)} have not arrived in the space {space['Name']}."
        )
    told = {name: noted[name] for name in ("preview", "uploaded_file", "existing", "task")}
    return {**result, **told, "changed": True, "imported": imported}


def check_version(version: Version, source: str | None) -> None:
    """Refuse a server that is older than the source.

    Raises:
        OctopusError: It is.
    """
    if source is not None and version < Version.parse(source):
        raise OctopusError(
            f"The projects were exported from {source}, and this server has {version}. A server imports projects of its own version or an older one "
            "only. Nothing was imported. Install the same version on both, and upgrade after the import."
        )


def _begin(api: OctopusApi, space: str, request: ImportRequest, content: bytes, known: set[str]) -> dict[str, Any]:
    """Upload the file and have the server preview it; return what to note. Nothing is imported.

    Raises:
        OctopusError: The password is wrong, or a wanted project is not in the file.
    """
    name = Path(request.src).name
    path = transfer.address(api, space, "ProjectImportFiles")
    made = api.upload(path, name if name.lower().endswith(".zip") else f"{name}.zip", content, needs=transfer.NEEDS, field="fileData")
    # Octopus.Client has an Id; the vendor's own script does without the answer and gives the name.
    uploaded = str((made or {}).get("Id") or (made or {}).get("FileName") or name)
    preview = api.post(transfer.address(api, space, "ProjectImportPreview"), _body(uploaded, request.password), needs=transfer.NEEDS)
    there = [str(project["Name"]) for project in (preview or {}).get("Projects") or []]
    missing = [one for one in request.projects or () if one not in there and one not in known]
    if missing:
        raise OctopusError(
            f"Expected the projects {', '.join(missing)} in {request.src}, but its preview has {', '.join(there) or 'none'}."
        )
    return {
        "preview": preview,
        "uploaded_file": uploaded,
        # A project of a name that the space has is not imported.
        "wanted": [one for one in there if one not in known],
        "existing": [one for one in dict.fromkeys([*(request.projects or ()), *there]) if one in known],
        "known": sorted(known),
    }


def _start(api: OctopusApi, space: str, request: ImportRequest, uploaded: str) -> str:
    path = transfer.address(api, space, "ImportProjects")
    return transfer.task_of(api.post(path, _body(uploaded, request.password), needs=transfer.NEEDS), api, path)


def _body(uploaded: str, password: str) -> dict[str, Any]:
    return {"ImportSource": {"Type": "upload", "UploadedFileId": uploaded}, "Password": transfer.secret(password)}
