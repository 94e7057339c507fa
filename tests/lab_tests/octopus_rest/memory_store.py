# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A store in memory: the REST API's ports and nothing else, so that its tests need no database."""

from __future__ import annotations

import copy
import threading
from typing import Any

from lab.octopus.licence import parse

Document = dict[str, Any]
PREFIXES = {"ServerTask": "ServerTasks", "DeploymentEnvironment": "Environments", "Deployment": "Deployments"}
PNG = b"\x89PNG\r\n\x1a\n" + b"logo" * 10


class MemoryStore:
    """Tables as lists of dicts, folders as dicts."""

    def __init__(self, *, spaces: bool = True) -> None:
        self.spaces = spaces
        self.tables: dict[str, dict[str, Document]] = {}
        self.configurations: dict[str, Document] = {"upgradeavailability": {"InstallationId": "00000000-1111-2222-3333-444444444444"}}
        self.keys: dict[str, str] = {}
        self.held: dict[str, set[tuple[str, str | None]]] = {}
        self.in_maintenance = False
        self.node_rows: dict[str, Document] = {}
        self.server_folders: dict[str, str | None] = {"LogsDirectory": "C:\\Octopus\\TaskLogs", "ArtifactsDirectory": None}
        self.licence_row: Document = {"LicenseText": "<License><Secret/></License>", "SerialNumber": "S-1", "IsCompliant": True}
        self.files: dict[str, bytes] = {}
        self.broken: list[Exception] = []  # the first is raised by the next look-up
        self._lock = threading.RLock()

    # -- what tests fill

    def put(self, table: str, document_id: str, **fields: Any) -> Document:
        document = {"Id": document_id, **fields}
        if self.spaces and table in OWNED:
            document.setdefault("SpaceId", "Spaces-1")
        self.tables.setdefault(table, {})[document_id] = document
        return document

    def user(self, name: str, key: str, *grants: tuple[str, str | None], active: bool = True) -> None:
        user_id = f"Users-{len(self.keys) + 1}"
        self.put("User", user_id, Username=name, DisplayName=name.title(), IsActive=active, IdentificationToken="never shown")
        self.keys[key] = user_id
        self.held[user_id] = set(grants)

    # -- the ports

    def documents(self, table: str, space: str | None = None) -> list[Document]:
        with self._lock:
            if self.broken:
                raise self.broken[0]
            return [copy.deepcopy(one) for one in self.tables.get(table, {}).values() if space is None or one.get("SpaceId") == space]

    def document(self, table: str, document_id: str) -> Document | None:
        return next((one for one in self.documents(table) if one["Id"].lower() == document_id.lower()), None)

    def count(self, table: str, space: str | None = None) -> int:
        return len(self.documents(table, space))

    def add(self, table: str, document: Document) -> Document:
        with self._lock:
            numbers = [int(one.rpartition("-")[2]) for one in self.tables.get(table, {})]
            document = {"Id": f"{PREFIXES.get(table, table + 's')}-{max(numbers, default=0) + 1}", **document}
            self.tables.setdefault(table, {})[document["Id"]] = document
            return copy.deepcopy(document)

    def save(self, table: str, document: Document) -> None:
        self.tables[table][document["Id"]] = copy.deepcopy(document)

    def remove(self, table: str, document_id: str) -> bool:
        return self.tables.get(table, {}).pop(document_id, None) is not None

    def configuration(self, document_id: str) -> Document | None:
        return copy.deepcopy(self.configurations.get(document_id))

    def save_configuration(self, document_id: str, value: Document) -> None:
        self.configurations[document_id] = value

    def maintenance(self) -> bool:
        return self.in_maintenance

    def set_maintenance(self, on: bool) -> None:
        self.in_maintenance = on

    def nodes(self) -> list[Document]:
        return [dict(row) for row in self.node_rows.values()]

    def save_node(self, node: Document) -> None:
        self.node_rows[node["Id"]] = dict(node)

    def remove_node(self, node_id: str) -> None:
        del self.node_rows[node_id]

    def folders(self) -> dict[str, str | None]:
        return self.server_folders

    def licence(self) -> Document:
        return self.licence_row

    def save_licence(self, text: str) -> None:
        parse(text)
        self.licence_row = {**self.licence_row, "LicenseText": text}

    def user_for_key(self, api_key: str) -> Document | None:
        user_id = self.keys.get(api_key)
        return self.document("User", user_id) if user_id else None

    def grants(self, user_id: str) -> set[tuple[str, str | None]]:
        return self.held.get(user_id, set())

    def task_log(self, task: Document) -> bytes | None:
        return self.files.get(task["Id"])

    def artifact(self, artifact: Document) -> bytes | None:
        return self.files.get(artifact["Id"])

    def package(self, package: Document) -> bytes | None:
        return self.files.get(package["Id"])

    def logo(self, owner: Document) -> tuple[bytes, str] | None:
        data = self.files.get(owner["Id"])
        return None if data is None else (data, "image/png")


OWNED = {
    "Project", "DeploymentEnvironment", "Machine", "Account", "Release", "Deployment", "Artifact", "NuGetPackage", "VariableSet",
    "ProjectTrigger", "Feed", "Tenant", "Subscription",
}  # fmt: skip

SYSTEM = (
    "AdministerSystem",
    *(f"{one}View" for one in ("User", "Space", "Task", "Event", "Team")),
    "SpaceEdit",
    "TaskCreate",
    "TaskCancel",
    "TaskEdit",
)
OF_SPACE = (
    *(f"{one}View" for one in ("Project", "Environment", "Machine", "Account", "Release", "Deployment", "Artifact", "Variable", "Trigger")),
    *(f"{one}View" for one in ("Task", "Event", "Feed", "Tenant", "Team")),
    *("ProjectEdit", "ProjectCreate", "ProjectDelete", "MachineEdit", "AccountEdit", "DeploymentCreate", "VariableEdit", "TriggerEdit"),
    *("BuiltInFeedDownload", "TaskCreate", "TaskCancel", "TaskEdit"),
)
ADMIN, DEPLOYER, NOBODY, GONE = "API-ADMIN", "API-DEPLOYER", "API-NOBODY", "API-GONE"


def filled(*, spaces: bool = True) -> MemoryStore:
    """Two spaces (or none), a few of everything, an administrator, a deployer, a user with no rights and one who left."""
    store = MemoryStore(spaces=spaces)
    where = ["Spaces-1", "Spaces-2"] if spaces else [None]
    if spaces:
        store.put("Space", "Spaces-1", Name="Default", IsDefault=True, Slug="default")
        store.put("Space", "Spaces-2", Name="Second", IsDefault=False, Slug="second")
    store.user("admin", ADMIN, *((one, None) for one in SYSTEM), *((one, space) for one in OF_SPACE for space in where))
    store.user("deployer", DEPLOYER, *((one, where[0]) for one in ("ProjectView", "ProjectEdit", "TaskView")))
    store.user("nobody", NOBODY)
    store.user("gone", GONE, ("AdministerSystem", None), active=False)
    store.put("DeploymentEnvironment", "Environments-1", Name="Production")
    for number in range(1, 36):
        store.put("Project", f"Projects-{number}", Name=f"Shop {number}", ProjectGroupId="ProjectGroups-1", IsDisabled=False)
    if spaces:
        store.put("Project", "Projects-90", Name="Elsewhere", SpaceId="Spaces-2")
    store.put("Release", "Releases-1", ProjectId="Projects-1", Version="1.0.0", Assembled="2018-11-02T10:00:00+00:00")
    store.put("Machine", "Machines-1", Name="web01", IsDisabled=False, EnvironmentIds=["Environments-1"], Roles=["web"])
    store.put("Account", "Accounts-1", Name="aws", AccountType="AmazonWebServicesAccount", AccessKey="AKIA", SecretKey="cipher|text")
    secret = {"Id": "2", "Name": "Secret", "Value": "cipher|text", "IsSensitive": True}
    plain = {"Id": "1", "Name": "Plain", "Value": "seen"}
    store.put("VariableSet", "variableset-Projects-1", OwnerId="Projects-1", Variables=[plain, secret])
    store.put("ProjectTrigger", "ProjectTriggers-1", Name="Nightly", ProjectId="Projects-1", IsDisabled=False)
    store.put("Artifact", "Artifacts-1", Filename="report.txt", ServerTaskId="ServerTasks-1")
    store.put("NuGetPackage", "packages-Shop.Web.1.0.0", PackageId="Shop.Web", Version="1.0.0")
    store.put("Event", "Events-1", Category="Created", SpaceId=where[0])
    store.put("EventRelatedDocument", "1", EventId="Events-1", RelatedDocumentId="Projects-1")
    for number, state in enumerate(("Success", "Failed", "Executing", "Queued"), 1):
        store.put(
            "ServerTask", f"ServerTasks-{number}", Name="Deploy", Description=f"Deploy release {number}", State=state, SpaceId=where[0],
            QueueTime=f"2018-11-02T10:0{number}:00.0000000 +00:00", StartTime=f"2018-11-02T10:0{number}:30+00:00", ProjectId="Projects-1",
            CompletedTime=f"2018-11-02T10:0{number}:55+00:00" if number < 3 else None,
            ServerNodeId="OctopusServerNodes-OCTO-A" if number < 4 else None, HasWarningsOrErrors=number == 2,
        )  # fmt: skip
    store.files.update({"ServerTasks-1": b"line one\nline two\n", "Artifacts-1": b"report", "packages-Shop.Web.1.0.0": b"PK package"})
    return store
