# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``Octopus.Migrator.exe`` reads from a database into files, and writes from files into a database.

octopus.com/docs/administration/data/data-migration: matched by name, existing documents are skipped or with ``--overwrite`` replaced, secrets are
decrypted with the master key and encrypted with the password, one transaction, the same version on both ends. Files by kind, such as
``Environments\\Development.json``, and ``metadata.json`` with ``Id Name Created DatabaseVersion Hello``: the folders docker/Volumes/octopus-server/Import
of OctopusDeploy/OctopusTentacle and Testing/Import of OctopusDeploy/Octopus-Docker. Triggers come along as they are (#5084, #6102), and so do
deployment targets and workers unless ``--ignore-machines`` (the page of partial-export). Names are looked up in all spaces, and a project lands in the
space that it came from (#5593). Names of folders other than those two, what ``DatabaseVersion`` holds, and the messages are *assumed*.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import crypto, versions
from .database import Connection
from .documents import Document, insert, update
from .project_transfer import OWN, key_of, referenced, renamed, with_secrets

if TYPE_CHECKING:
    from .store import Store

METADATA = "metadata.json"
HELLO = "Hello"
# Table -> folder. What the projects need comes before them, and what is theirs after them.
SHARED = {
    "Space": "Spaces",
    "ProjectGroup": "ProjectGroups",
    "Lifecycle": "Lifecycles",
    "DeploymentEnvironment": "Environments",
    "Account": "Accounts",
    "Feed": "Feeds",
    "LibraryVariableSet": "LibraryVariableSets",
    "Tenant": "Tenants",
    "WorkerPool": "WorkerPools",
    "Machine": "Machines",
    "Worker": "Workers",
}
OWNED = {
    "VariableSet": "VariableSets",
    "DeploymentProcess": "DeploymentProcesses",
    "Channel": "Channels",
    "Runbook": "Runbooks",
    "ProjectTrigger": "ProjectTriggers",
    "Release": "Releases",
    "Deployment": "Deployments",
}
FOLDERS = {**SHARED, "Project": "Projects", **OWNED}
_UNSAFE = re.compile(r'[<>:"/\\|?*]')


class MigratorError(Exception):
    """The message says why nothing was exported or imported."""


@dataclass(frozen=True)
class Ignored:
    """What an export leaves out."""

    history: bool = False
    deployments: bool = False
    machines: bool = False
    tenants: bool = False


# -- export


def export(store: Store, names: list[str], ignored: Ignored) -> dict[str, list[Document]]:
    """The documents of a partial export, by table.

    Raises:
        MigratorError: There is no project of a name, in whatever space.
    """
    projects = [one for one in store.documents("Project") if one["Name"] in names]
    missing = set(names) - {one["Name"] for one in projects}
    if missing:
        raise MigratorError(f"Could not find the project {', '.join(sorted(missing))}")
    ids = {one["Id"] for one in projects}
    own = {table: [one for one in store.documents(table) if one.get(name) in ids] for table, name in OWN.items()}
    own["ProjectTrigger"] = [one for one in store.documents("ProjectTrigger") if one.get("ProjectId") in ids]
    own["Deployment"] = [one for one in store.documents("Deployment") if one.get("ProjectId") in ids]
    if ignored.history:
        own["Release"] = []
    if ignored.history or ignored.deployments:
        own["Deployment"] = []
    sets = {one for project in projects for one in project.get("IncludedLibraryVariableSetIds") or []}
    own["VariableSet"] += [one for one in store.documents("VariableSet") if one.get("OwnerId") in sets]
    environments = {one.get("EnvironmentId") for one in own["Deployment"]}
    environments |= {one for trigger in own["ProjectTrigger"] for one in (trigger.get("Action") or {}).get("EnvironmentIds") or []}
    text = json.dumps({"projects": projects, **own}, default=str)
    machines = [] if ignored.machines else store.documents("Machine")
    return {
        "Space": referenced(store, "Space", {one.get("SpaceId") for one in projects}),
        "ProjectGroup": referenced(store, "ProjectGroup", {one.get("ProjectGroupId") for one in projects}),
        "Lifecycle": referenced(store, "Lifecycle", {one.get("LifecycleId") for one in [*projects, *own["Channel"]]}),
        "DeploymentEnvironment": referenced(store, "DeploymentEnvironment", environments),
        **{table: [one for one in store.documents(table) if f'"{one["Id"]}"' in text] for table in ("Account", "Feed")},
        "LibraryVariableSet": referenced(store, "LibraryVariableSet", sets),
        "Tenant": [] if ignored.tenants else [one for one in store.documents("Tenant") if set(one.get("ProjectIds") or []) & ids],
        "WorkerPool": [one for one in store.documents("WorkerPool") if not ignored.machines or f'"{one["Id"]}"' in text],
        "Machine": [one for one in machines if set(one.get("EnvironmentIds") or []) & environments],
        "Worker": [] if ignored.machines else store.documents("Worker"),
        "Project": projects,
        **own,
    }


def files(store: Store, found: dict[str, list[Document]], password: str, machine: str, now: Any) -> dict[str, bytes]:
    """The files of an export, by their paths below the folder."""
    key = key_of(password)
    sealed = with_secrets(found, lambda text: crypto.encrypt(key, store.secret(text)))
    kind = "Octopus.Migrator" if not versions.at_least(store.version, "2018.12") else "Octopus.Migrator.Core"
    out: dict[str, bytes] = {}
    for table, documents in sealed.items():
        for one in documents:
            name = _UNSAFE.sub("_", str(one.get("Name") or one["Id"]))
            path = f"{FOLDERS[table]}\\{name}.json"
            path = path if path not in out else f"{FOLDERS[table]}\\{name} ({one['Id']}).json"
            out[path] = json.dumps({"$type": f"{kind}.{table}", **one}, indent=2, default=str).encode()
    metadata = {
        "Id": str(uuid.uuid4()),
        "Name": machine,
        "Created": now.isoformat(),
        "DatabaseVersion": store.version,
        HELLO: crypto.encrypt(key, "Hello"),
    }
    return {**out, METADATA: json.dumps(metadata, indent=2).encode()}


# -- import


def check(metadata: bytes | None, password: str, version: str, ignore_version: bool) -> None:
    """
    Raises:
        MigratorError: It is no export, or one of another version, or has another password.
    """
    if metadata is None:
        raise MigratorError(f"Could not find {METADATA} in the import directory")
    found = json.loads(metadata)
    try:
        crypto.decrypt(key_of(password), found[HELLO])
    except crypto.CryptoError as error:
        raise MigratorError("The password is not correct for the data being imported") from error
    if found["DatabaseVersion"] != version and not ignore_version:
        raise MigratorError(f"The data was exported from version {found['DatabaseVersion']}, but this server has version {version}")


def load(
    store: Store, texts: dict[str, bytes], password: str, overwrite: bool, say: Callable[[str], None], *, dry_run: bool = False
) -> None:
    """Make the documents of an export. Ids only serve to find out what refers to what.

    Raises:
        MigratorError: A space of the export does not exist.
    """
    found: dict[str, list[Document]] = {table: [] for table in FOLDERS}
    tables = {folder: table for table, folder in FOLDERS.items()}
    for path, text in texts.items():
        folder = path.partition("\\")[0]
        if folder in tables:
            one = json.loads(text)
            one.pop("$type", None)
            found[tables[folder]].append(one)
    found = with_secrets(found, lambda text: store.sealed(crypto.decrypt(key_of(password), text)))
    spaces = {one["Id"]: _space(store, one) for one in found.pop("Space")}
    mapped: dict[str, str] = {}
    rows: list[tuple[str, Document, bool]] = []
    for table in (*SHARED, "Project"):
        for one in found.get(table, []):
            there = _there(store, table, one, spaces)
            say(f"{FOLDERS[table]}: {one['Name']} {'exists' if there else 'is new'}")
            if dry_run:
                continue
            mapped[one["Id"]] = there["Id"] if there else store.reserve(table)
            if table == "Project":
                mapped |= {one[name]: f"{prefix}-{mapped[one['Id']]}" for name, prefix in _SETS.items() if one.get(name)}
            if there is None or overwrite:
                rows.append((table, _placed(renamed(one, mapped), one, spaces, table), there is not None))
    if dry_run:
        return
    new = [one for table in OWNED for one in found[table]]
    mapped |= {one["Id"]: store.reserve(table) for table in OWNED for one in found[table] if one["Id"] not in mapped}
    taken = {one["Id"] for table in OWNED for one in store.documents(table)}
    say(f"{len(new)} documents of the projects")
    for table in OWNED:
        for one in found[table]:
            row = _placed(renamed(one, mapped), one, spaces, table)
            known = row["Id"] in taken or _there(store, table, {**one, **row}, spaces, own=True) is not None
            if not known:
                rows.append((table, row, False))
    store.run(lambda connection: _write(connection, rows))


def _write(connection: Connection, rows: list[tuple[str, Document, bool]]) -> None:
    for table, row, exists in rows:
        (update if exists else insert)(connection, table, row)


_SETS = {"VariableSetId": "variableset", "DeploymentProcessId": "deploymentprocess"}


def _placed(row: Document, one: Document, spaces: dict[str, str], table: str) -> Document:
    """A document in the space of that name."""
    row = {name: value for name, value in row.items() if name != "SpaceId"}
    return {**row, "SpaceId": spaces[one["SpaceId"]]} if one.get("SpaceId") in spaces and table != "Space" else row


def _space(store: Store, one: Document) -> str:
    """That the space has to exist is *assumed*."""
    there = next((other for other in store.documents("Space") if other["Name"] == one["Name"]), None)
    if there is None:
        raise MigratorError(f"Could not find the space {one['Name']}")
    return str(there["Id"])


def _there(store: Store, table: str, one: Document, spaces: dict[str, str], own: bool = False) -> Document | None:
    """The document of that name; of what belongs to a project, that of the same project."""
    if "Name" not in one:
        return None
    space = spaces.get(one.get("SpaceId") or "")
    owner = OWN.get(table, "ProjectId") if own else None
    return next(
        (
            other
            for other in store.documents(table, space)
            if other.get("Name") == one["Name"] and (owner is None or other.get(owner) == one.get(owner))
        ),
        None,
    )
