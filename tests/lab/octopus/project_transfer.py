# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Project export and import: what goes into the file, and what becomes of it on the server that reads it.

What comes along and what does not: octopus.com/docs/projects/export-import, octopus.com/docs/octopus-cloud/migrations (deployments are shells).
Version-controlled projects from 2025.2.5601 (same page). That an id which is not in the file stops the import: #7391, #7728, #9349. The layout of
the file, the names of the tasks (no public source has them) and how long they take are *assumed*.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from . import crypto, folders, versions
from .documents import Document

if TYPE_CHECKING:
    from .server_tasks import Execution
    from .store import Store

EXPORT, IMPORT = "ExportProjects", "ImportProjects"
GIT_SINCE = "2025.2.5601"
FILE = "Octopus-Export.json"
SECONDS = 6.0
# What a project's own documents are, by table: the property with the project's id.
OWN = {"Channel": "ProjectId", "DeploymentProcess": "OwnerId", "VariableSet": "OwnerId", "Runbook": "ProjectId", "Release": "ProjectId"}


class Refused(Exception):
    """The message says why a file cannot be read."""


def key_of(password: str) -> str:
    return base64.b64encode(hashlib.sha256(password.encode()).digest()[:16]).decode()


def is_git(project: Document) -> bool:
    return (project.get("PersistenceSettings") or {}).get("Type") == "VersionControlled"


# -- export


def export(store: Store, project_ids: list[str], password: str) -> bytes:
    """The file of an export. Targets, workers, triggers, users, packages, logs, artifacts and events are not in it."""
    projects = [project for project in store.documents("Project") if project["Id"] in project_ids]
    space = projects[0].get("SpaceId") if projects else None
    own = {table: [one for one in store.documents(table, space) if one.get(name) in project_ids] for table, name in OWN.items()}
    lifecycles = {project.get("LifecycleId") for project in projects} | {one.get("LifecycleId") for one in own["Channel"]}
    sets = {one for project in projects for one in project.get("IncludedLibraryVariableSetIds") or []}
    libraries = [one for one in store.documents("LibraryVariableSet", space) if one["Id"] in sets]
    library_values = [one for one in store.documents("VariableSet", space) if one.get("OwnerId") in sets]
    deployed = {one.get("EnvironmentId") for one in store.documents("Deployment", space) if one.get("ProjectId") in project_ids}
    text = json.dumps({"projects": projects, **own}, default=str)
    found: dict[str, Any] = {
        "Version": store.version,
        "Canary": crypto.encrypt(key_of(password), "octopus"),
        "Project": projects,
        **own,
        "LibraryVariableSet": libraries,
        "ProjectGroup": referenced(store, "ProjectGroup", {project.get("ProjectGroupId") for project in projects}),
        "Lifecycle": referenced(store, "Lifecycle", lifecycles),
        "DeploymentEnvironment": referenced(store, "DeploymentEnvironment", deployed),
        "Tenant": [one for one in store.documents("Tenant", space) if set(one.get("ProjectIds") or []) & set(project_ids)],
        # Accounts, certificates and external feeds that are named somewhere in the projects' documents, with their secrets.
        **{table: [one for one in store.documents(table, space) if f'"{one["Id"]}"' in text] for table in ("Account", "Feed")},
        "Deployment": [
            {name: one.get(name) for name in ("Id", "Name", "Created", "ProjectId", "ReleaseId", "EnvironmentId", "ChannelId")}
            for one in store.documents("Deployment", space)
            if one.get("ProjectId") in project_ids
        ],
    }
    found["VariableSet"] = [*found["VariableSet"], *library_values]
    sealed = with_secrets(found, lambda text: crypto.encrypt(key_of(password), store.secret(text)))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(FILE, json.dumps(sealed, default=str))
    return out.getvalue()


def referenced(store: Store, table: str, ids: set[Any]) -> list[Document]:
    return [one for one in store.documents(table) if one["Id"] in ids]


def with_secrets(found: Document, change: Any) -> Document:
    """The file's documents with each sensitive value changed."""
    sets = [
        {
            **one,
            "Variables": [{**value, "Value": change(value["Value"])} if _sealed(value) else value for value in one.get("Variables") or []],
        }
        for one in found["VariableSet"]
    ]
    more = {
        table: [{**one, "Password": change(one["Password"])} if one.get("Password") else one for one in found[table]]
        for table in ("Account", "Feed")
    }
    return {**found, "VariableSet": sets, **more}


def _sealed(variable: Document) -> bool:
    return bool(variable.get("IsSensitive") and variable.get("Value"))


# -- import


def read(data: bytes, password: str) -> Document:
    """
    Raises:
        Refused: It is no export, or has another password.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            found: Document = json.loads(file.read(FILE))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise Refused("The file is not a project export.") from error
    try:
        crypto.decrypt(key_of(password), found["Canary"])
    except crypto.CryptoError as error:
        raise Refused("The password is not the one that the projects were exported with.") from error
    return found


def preview(found: Document, taken: set[str]) -> Document:
    """``import/preview``: ProjectImportPreview of OctopusDeploy/message-contracts.ts. That projects which exist are left out is *assumed*."""

    def names(table: str) -> list[str]:
        return [one["Name"] for one in found[table]]

    return {
        "Accounts": [{"Name": one["Name"], "Type": one.get("AccountType")} for one in found["Account"]],
        "Certificates": [],
        "Environments": names("DeploymentEnvironment"),
        "Feeds": [{"Name": one["Name"], "Type": one.get("FeedType")} for one in found["Feed"]],
        "Lifecycles": names("Lifecycle"),
        "Projects": [
            {
                "Name": project["Name"],
                "Channels": [one["Name"] for one in found["Channel"] if one["ProjectId"] == project["Id"]],
                "Runbooks": [one["Name"] for one in found["Runbook"] if one["ProjectId"] == project["Id"]],
            }
            for project in found["Project"]
            if project["Name"] not in taken
        ],
        "WorkerPools": [],
    }


def import_file(store: Store, found: Document, password: str, space: str, say: Any) -> list[str]:
    """Make the documents of a file in a space; shared ones are matched by name. Return the names of the projects.

    Raises:
        Refused: It is of a newer server, or refers to something that is not in it.
    """
    if versions.parse(found["Version"]) > versions.parse(store.version):
        raise Refused(f"The export is of version {found['Version']}, which is newer than this server ({store.version}).")
    sealed = store.sealed
    found = with_secrets(found, lambda text: sealed(crypto.decrypt(key_of(password), text)))
    taken = {project["Name"] for project in store.documents("Project", space)}
    wanted = [project for project in found["Project"] if project["Name"] not in taken]
    for project in found["Project"]:
        if project["Name"] in taken:
            say(f"The project {project['Name']} already exists and was not imported", "Warning")
    ids = {project["Id"] for project in wanted}
    mapped: dict[str, str] = {}
    for table in ("ProjectGroup", "Lifecycle", "DeploymentEnvironment", "Account", "Feed", "LibraryVariableSet", "Tenant"):
        for one in found[table]:
            mapped[one["Id"]] = matched(store, table, one, space)
    for project in wanted:
        mapped[project["Id"]] = store.reserve("Project")
        for table, prefix in (("VariableSet", "variableset"), ("DeploymentProcess", "deploymentprocess")):
            for one in found[table]:
                if one.get("OwnerId") == project["Id"]:
                    mapped[one["Id"]] = f"{prefix}-{mapped[project['Id']]}"
    for table in ("Channel", "Runbook", "Release", "Deployment"):
        mapped |= {one["Id"]: store.reserve(table) for one in found[table] if one.get("ProjectId") in ids}
    _check(found, wanted, mapped)
    rows: list[tuple[str, Document]] = []
    for project in wanted:
        # What the product makes of the two is in no public source.
        rows.append(("Project", {**project, "AutoCreateRelease": bool(project.get("AutoCreateRelease")), "LogoContentType": None}))
        for table, name in {**OWN, "Deployment": "ProjectId"}.items():
            rows += [(table, one) for one in found[table] if one.get(name) == project["Id"]]
    for table, one in rows:
        new = renamed(one, mapped)
        store.add(table, {**new, "SpaceId": space} if space else new)
    for project in wanted:
        say(f"Imported the project {project['Name']}", "Info")
    return [project["Name"] for project in wanted]


def matched(store: Store, table: str, one: Document, space: str) -> str:
    """The document of that name in the space, made where there is none; library sets and tenants are merged."""
    there = next((other for other in store.documents(table, space) if other["Name"] == one["Name"]), None)
    if there is not None:
        return str(there["Id"])
    made = {name: value for name, value in one.items() if name not in ("Id", "SpaceId", "ProjectIds", "VariableSetId", "Phases")}
    return str(store.add(table, {**made, "SpaceId": space})["Id"])


def _check(found: Document, wanted: list[Document], mapped: dict[str, str]) -> None:
    """Everything that looks like an id has to be in the file: the cause of most failures that are known (#9349 and others)."""
    for project in wanted:
        for one in found["Release"]:
            missing = one.get("MissingReference") if one.get("ProjectId") == project["Id"] else None
            if missing and missing not in mapped:
                raise Refused(f"Found unmapped Ids in document {one['Id']} of the project {project['Name']}: {missing}")


def renamed(value: Any, mapped: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: renamed(one, mapped) for name, one in value.items() if name != "SpaceId"}
    if isinstance(value, list):
        return [renamed(one, mapped) for one in value]
    return mapped.get(value, value) if isinstance(value, str) else value


# -- the tasks


def run_export(execution: Execution) -> None:
    """
    Raises:
        Refused: A project cannot be exported.
    """
    store, task = execution.node.store, execution.task
    password = store.secret(str(task["Sealed"]))
    ids = list((task.get("Arguments") or {})["ProjectIds"])
    execution.say("Export projects")
    execution.work(SECONDS)
    git = [one["Name"] for one in store.documents("Project") if one["Id"] in ids and is_git(one)]
    if git and not versions.at_least(store.version, GIT_SINCE):
        raise Refused(f"Version controlled projects cannot be exported: {', '.join(git)}")
    data = export(store, ids, password)
    now = execution.node.host.clock.now()
    row = {
        "Filename": f"Octopus-Export-{now:%Y%m%d%H%M%S}.zip",
        "Created": now,
        "RelatedDocumentIds": [task["Id"]],
        "SpaceId": task["SpaceId"],
    }
    artifact = store.add("Artifact", row)
    store.files.write(folders.artifact_path(store.folder("ArtifactsDirectory"), artifact), data)
    execution.say(f"Exported {len(ids)} projects")


def run_import(execution: Execution) -> None:
    """
    Raises:
        Refused: The file cannot be imported; the log says why, as a fatal line.
    """
    store, task = execution.node.store, execution.task
    password = store.secret(str(task["Sealed"]))
    execution.say("Import projects")
    execution.work(SECONDS)
    data = store.files.read(f"{store.folder('ImportsDirectory')}\\{task['Arguments']['File']}")
    try:
        import_file(store, read(data or b"", password), password, str(task["SpaceId"]), execution.say)
    except Refused as error:
        execution.say(str(error), "Fatal")
        raise
