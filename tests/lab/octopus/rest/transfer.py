# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Project export and import over the API, from 2021.1.

Paths, bodies and answers: projectExportRequest, projectImportRequest and projectImportPreview of OctopusDeploy/message-contracts.ts, and the scripts
ExportProjects and ImportProjects of OctopusDeploy/OctopusDeploy-Api. That a Space Manager is asked for: octopus.com/docs/projects/export-import.
The answer to an upload has ``Id`` and ``FileName`` (ProjectImportFile of the former); what is answered to a wrong password is *assumed*.
"""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from .. import project_transfer, versions
from .body import json_body
from .context import caller, node, space, store
from .errors import ApiError, invalid, not_found
from .ports import Document

api = Blueprint("transfer", __name__)
PATH = "/projects/import-export"


def _manager() -> str:
    """The space, for one of its managers.

    Raises:
        ApiError: 404 before 2021.1, 403 for everybody else.
    """
    user, where = caller(), space()
    if not versions.has(node().version, "project_export") or where is None:
        raise not_found()
    held = {
        one["TeamId"]
        for one in store().documents("ScopedUserRole")
        if one["SpaceId"] == where and one["UserRoleId"] == "userroles-spacemanager"
    }
    if not any(user["Id"] in team["MemberUserIds"] for team in store().documents("Team") if team["Id"] in held):
        raise ApiError(403, "You do not have permission to perform this action. Only a space manager can export and import projects.")
    return where


def _password(body: Document) -> str:
    given = (body.get("Password") or {}).get("NewValue")
    if not given:
        raise invalid("Please provide a password.")
    return str(given)


def _task(name: str, description: str, arguments: Document, password: str, where: str) -> str:
    here = node()
    task = here.store.add(
        "ServerTask",
        {
            "Name": name,
            "Description": description,
            "Arguments": arguments,
            "Sealed": here.store.sealed(password),
            "State": "Queued",
            "QueueTime": here.clock.now().isoformat(),
            "SpaceId": where,
            "ServerNodeId": None,
            "HasWarningsOrErrors": False,
            "ErrorMessage": None,
        },
    )
    return str(task["Id"])


@api.post(f"{PATH}/export")
def export() -> ResponseReturnValue:
    where, body = _manager(), json_body()
    ids = body.get("IncludedProjectIds")
    known = {project["Id"] for project in store().documents("Project", where)}
    if not isinstance(ids, list) or not ids or not set(ids) <= known:
        raise invalid("Please select the projects to export.")
    task = _task(project_transfer.EXPORT, f"Export {len(ids)} projects", {"ProjectIds": ids}, _password(body), where)
    return jsonify({"ProjectIds": ids, "TaskId": task}), 201


@api.get(f"{PATH}/import-files")
def files() -> Document:
    _manager()
    return {"ProjectImportFiles": [{"Id": identity, "FileName": name} for identity, name in _uploads().items()]}


def _uploads() -> dict[str, str]:
    """Id and file name of what was uploaded."""
    return dict((store().configuration("project-import-files") or {}).get("Files") or {})


@api.post(f"{PATH}/import-files")
def upload() -> ResponseReturnValue:
    _manager()
    file = request.files.get("fileData")
    if file is None or not file.filename:
        raise invalid("Please provide a file.")
    identity = f"{uuid.uuid4().hex}.zip"
    store().save_import(identity, file.read())
    store().save_configuration("project-import-files", {"Files": {**_uploads(), identity: str(file.filename)}})
    return jsonify({"Id": identity, "FileName": str(file.filename)}), 201


def _source(body: Document) -> tuple[str, bytes]:
    """The file that an import names: its name in the folder of imports, and its bytes."""
    source = body.get("ImportSource") or {}
    if source.get("Type") != "upload":
        raise invalid(f"lab: unsupported source of an import: {source.get('Type')!r}")
    wanted, known = source.get("UploadedFileId"), _uploads()
    # The vendor's script sends the file's name.
    identity = wanted if wanted in known else next((one for one, name in reversed(known.items()) if name == wanted), None)
    data = store().import_file(identity) if identity else None
    if identity is None or data is None:
        raise invalid("The uploaded file was not found.")
    return identity, data


@api.post(f"{PATH}/import/preview")
def preview() -> Any:
    where, body = _manager(), json_body()
    _name, data = _source(body)
    try:
        found = project_transfer.read(data, _password(body))
    except project_transfer.Refused as error:
        raise invalid(str(error)) from error
    return project_transfer.preview(found, {project["Name"] for project in store().documents("Project", where)})


@api.post(f"{PATH}/import")
def import_projects() -> ResponseReturnValue:
    where, body = _manager(), json_body()
    name, _data = _source(body)
    task = _task(project_transfer.IMPORT, "Import projects", {"File": name}, _password(body), where)
    return jsonify({"TaskId": task}), 201
