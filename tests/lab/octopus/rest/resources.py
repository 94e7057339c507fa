# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every collection alike: a page, all, one, change, add, remove; and the lists below a project or a release."""

from __future__ import annotations

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from ..git import git_target
from .body import json_body, shown
from .catalogue import BY_ADDRESS, Collection, masked, merged
from .context import caller, grants, need, node, prefix, space, store
from .errors import ApiError, forbidden, invalid, not_found
from .paging import chosen, flag, names, page
from .ports import Document

api = Blueprint("resources", __name__)
TIMES = ("Assembled", "Created", "Occurred", "LastModifiedOn", "NotAfter", "NotBefore", "Published")
# Query parameter -> property that must be equal.
EQUAL = {
    "project": "ProjectId",
    "projectId": "ProjectId",
    "regarding": None,
    "user": "UserId",
    "feedType": "FeedType",
    "accountType": "AccountType",
}


def _collection(address: str, method: str = "GET") -> Collection:
    found = BY_ADDRESS.get(address.lower())
    if found is None or not node().at_least(*found.since):
        raise not_found()
    caller()
    if method != "GET" and not found.writable:
        raise ApiError(405, f"The method {method} is not allowed for {address}.")
    return found


def _where(collection: Collection) -> str | None:
    """The space whose documents are meant; None: the whole server's."""
    if not collection.owned or (collection.mixed and not g.get("space")):
        return None
    return space()


def _need(collection: Collection, method: str, where: str | None) -> None:
    permission = collection.permission(method)
    if collection.mixed and where is None and any(held == permission for held, _space in grants()):
        return
    if collection.address == "userroles" and method == "GET":
        return  # any user may read the roles (assumed)
    need(permission, where)


def shape(collection: Collection, document: Document) -> Document:
    body = masked(collection, document)
    for name in TIMES:
        if body.get(name):
            body[name] = shown(body[name])
    if not node().has_spaces:
        body.pop("SpaceId", None)
        if collection.address == "userroles":  # one list until OctopusClients 858c7032 of September 2018
            system, owned = body.pop("GrantedSpacePermissions", []), body.pop("GrantedSystemPermissions", [])
            body["GrantedPermissions"] = [*system, *owned]
    if collection.address == "projecttriggers" and not node().at_least(2018, 4):
        body.pop("IsDisabled", None)  # no trigger could be switched off before (https://github.com/OctopusDeploy/docs/pull/1560)
    if collection.address in ("machines", "workers"):
        body["Endpoint"] = _endpoint(document)
    if collection.address == "deploymentprocesses":
        body["Steps"] = [_step(step) for step in body.get("Steps") or []]
    start = f"/api/{document['SpaceId']}" if node().has_spaces and document.get("SpaceId") else "/api"
    own = f"{start}/{collection.address}/{document['Id']}"
    links = {"Self": own, **{name: own + path for name, path in collection.more_links}}
    for name, address, property_name in collection.references:
        if document.get(property_name):
            links[name] = f"{start}/{address}/{document[property_name]}"
    return {**body, "Links": links}


def _endpoint(document: Document) -> Document:
    """How it is reached, and which Tentacle the last health check has met there.

    ListeningTentacleEndpointResource and TentacleDetailsResource of https://github.com/OctopusDeploy/OctopusClients.
    """
    details = {"UpgradeLocked": False, "UpgradeSuggested": False, "UpgradeRequired": False, "Version": document.get("TentacleVersion")}
    return {
        "CommunicationStyle": document.get("CommunicationStyle") or "TentaclePassive",
        "Uri": document.get("Uri"),
        "Thumbprint": document.get("Thumbprint"),
        "TentacleVersionDetails": details,
    }


def _step(step: Document) -> Document:
    """A step with its action, as DeploymentStepResource and DeploymentActionResource of https://github.com/OctopusDeploy/OctopusClients have it.
    A step of the lab has one action, and its own properties are that one's."""
    action = {"Name": step.get("Name"), "ActionType": step.get("ActionType"), "Properties": step.get("Properties") or {}}
    return {**step, "Actions": [action | {"IsDisabled": False}]}


def _visible(collection: Collection, documents: list[Document]) -> list[Document]:
    """Of a mixed list only what the caller may see where it is owned."""
    if not collection.mixed:
        return documents
    held = grants()
    return [one for one in documents if (collection.view, None) in held or (collection.view, one.get("SpaceId")) in held]


def _filtered(collection: Collection, documents: list[Document]) -> list[Document]:
    documents = chosen(documents)
    for parameter, name in EQUAL.items():
        value = request.args.get(parameter)
        if not value:
            continue
        if name is not None:
            documents = [one for one in documents if one.get(name) == value]
        elif collection.address == "events":
            related = {row["EventId"] for row in store().documents("EventRelatedDocument") if row["RelatedDocumentId"] == value}
            documents = [one for one in documents if one["Id"] in related]
        else:
            documents = [one for one in documents if value in (one.get("ServerTaskId"), *(one.get("RelatedDocumentIds") or []))]
    projects, environments, roles, disabled = names("projects"), names("environments"), names("roles"), flag("isDisabled")
    return [
        one
        for one in documents
        if (not projects or one.get("ProjectId") in projects)
        and (not environments or one.get("EnvironmentId") in environments)
        and (not roles or roles & set(one.get("Roles") or []))
        and (disabled is None or bool(one.get("IsDisabled")) == disabled)
    ]


def listing(collection: Collection, documents: list[Document]) -> Document:
    return page(collection.item, _filtered(collection, documents), lambda one: shape(collection, one))


@api.get("/<address>")
def listed(address: str) -> Document:
    collection = _collection(address)
    where = _where(collection)
    _need(collection, "GET", where)
    documents = _visible(collection, store().documents(collection.table, where))
    if collection.address in ("events", "releases", "deployments"):
        documents = documents[::-1]  # newest first
    return listing(collection, documents)


@api.get("/<address>/all")
def every(address: str) -> ResponseReturnValue:
    collection = _collection(address)
    where = _where(collection)
    _need(collection, "GET", where)
    documents = _visible(collection, store().documents(collection.table, where))
    return jsonify([shape(collection, one) for one in _filtered(collection, documents)])


def find(collection: Collection, document_id: str, method: str = "GET") -> Document:
    """One document that the caller may see and treat so.

    Raises:
        ApiError: 404 not there, or in another space than the address says; 403 not allowed.
    """
    document = store().document(collection.table, document_id)
    where = g.get("space") and space()
    if document is None or (collection.owned and where and document.get("SpaceId") not in (where, None)):
        caller()
        raise not_found(document_id)
    owner = document.get("SpaceId") if node().has_spaces else None
    if collection.owned and not where and node().has_spaces and owner and not collection.mixed and owner != space():
        raise not_found(document_id)  # without a space in the address the default one is meant
    _need(collection, "GET", owner)
    if method != "GET":
        _need(collection, method, owner)
    return document


@api.get("/<address>/<document_id>")
def one(address: str, document_id: str) -> Document:
    collection = _collection(address)
    return shape(collection, find(collection, document_id))


@api.put("/<address>/<document_id>")
def change(address: str, document_id: str) -> Document:
    collection = _collection(address, "PUT")
    document = find(collection, document_id, "PUT")
    body = json_body()
    if body.get("Id", document["Id"]) != document["Id"]:
        raise invalid(f"The Id '{body['Id']}' of the body is not that of the address.")
    if "IsDisabled" in body and not isinstance(body["IsDisabled"], bool):
        raise invalid("IsDisabled is true or false.")
    changed = merged(collection, document, body)
    store().save(collection.table, changed)
    _commit(collection, changed)
    return shape(collection, changed)


def _commit(collection: Collection, document: Document) -> None:
    """A change of a version-controlled project is a commit that is pushed (octopus.com/docs/projects/version-control)."""
    if collection.address == "projects":
        project: Document | None = document
    elif collection.address == "deploymentprocesses":
        project = store().document("Project", document["OwnerId"])
    else:
        return
    settings = git_target(store(), project) if project else None
    if project and settings:
        here = node()
        here.ledger.record(
            "contact", here.machine, what="git", action="commit", node=here.name, uri=settings["Url"], project=project["Name"]
        )


@api.post("/<address>")
def add(address: str) -> ResponseReturnValue:
    collection = _collection(address, "POST")
    where = _where(collection)
    _need(collection, "POST", where)
    body = json_body()
    if not body.get("Name"):
        raise invalid("Please provide a name.")
    document = merged(collection, {}, body)
    if where:
        document["SpaceId"] = where
    document = store().add(collection.table, document)
    return jsonify(shape(collection, document)), 201, {"Location": f"{prefix()}/{collection.address}/{document['Id']}"}


@api.delete("/<address>/<document_id>")
def remove(address: str, document_id: str) -> Document:
    collection = _collection(address, "DELETE")
    document = find(collection, document_id, "DELETE")
    store().remove(collection.table, document_id)
    audit("Deleted", document)
    return {}


def audit(category: str, document: Document) -> None:
    """The audit log's event of a change. ``Deleted`` is what public scripts ask for (``events?eventCategories=Deleted&documentTypes=Machines``)."""
    name, user = document.get("Name") or document.get("Version") or document["Id"], caller()
    store().add(
        "Event",
        {
            "Category": category,
            "UserId": user["Id"],
            "Username": user.get("Username"),
            "Occurred": node().clock.now(),
            "Message": f"{document['Id']} {name} was {category.lower()}",
            "RelatedDocumentIds": [document["Id"]],
            "SpaceId": document.get("SpaceId"),
            # Webhook samples of 2017, 2020 and 2022; the words for a key are *assumed*. From December 2018 on also which program it was.
            "IdentityEstablishedWith": "API key" if g.get("by_key") else "Session cookie",
            **({"IsService": bool(user.get("IsService")), "UserAgent": request.user_agent.string} if node().has_spaces else {}),
        },
    )


# address of the owner -> list below it -> (address of the collection, property that names the owner)
BELOW = {
    "projects": {
        "triggers": ("projecttriggers", "ProjectId"),
        "releases": ("releases", "ProjectId"),
        "channels": ("channels", "ProjectId"),
        "runbooks": ("runbooks", "ProjectId"),
    },
    "releases": {"deployments": ("deployments", "ReleaseId")},
    "projectgroups": {"projects": ("projects", "ProjectGroupId")},
}


@api.get("/<any(machines, workers):address>/<document_id>/connection")
def connection(address: str, document_id: str) -> Document:
    """MachineConnectionStatus of https://github.com/OctopusDeploy/OctopusClients (octopus.com/docs/api/machines).

    *assumed*: its status is what the last health check left in the row, so that a copy has its source's; nothing is checked for the answer.
    """
    machine = find(_collection(address), document_id)
    status = {"Healthy": "Online", "Unavailable": "Offline"}.get(str(machine.get("HealthStatus")), "Unknown")
    return {
        "Id": document_id,
        "MachineId": document_id,
        "Status": status,
        "Logs": [],
        "CurrentTentacleVersion": machine.get("TentacleVersion"),
        "LastChecked": shown(machine.get("LastChecked")),
        "Links": {"Self": f"{prefix()}/{address}/{document_id}/connection"},
    }


@api.get("/<address>/<document_id>/<below>")
def owned(address: str, document_id: str, below: str) -> Document:
    collection = _collection(address)
    wanted = BELOW.get(collection.address, {}).get(below)
    if collection.address == "environments" and below == "machines":
        machines = BY_ADDRESS["machines"]
        environment = find(collection, document_id)
        need(machines.view, environment.get("SpaceId"))
        documents = store().documents(machines.table, environment.get("SpaceId"))
        return listing(machines, [one for one in documents if document_id in (one.get("EnvironmentIds") or [])])
    if wanted is None:
        raise not_found()
    items, name = _collection(wanted[0]), wanted[1]
    owner = find(collection, document_id)
    need(items.view, owner.get("SpaceId"))
    documents = store().documents(items.table, owner.get("SpaceId") if node().has_spaces else None)
    return listing(items, [one for one in documents if one.get(name) == document_id])


@api.get("/dashboard")
@api.get("/dashboard/dynamic")
def dashboard() -> Document:
    """The last deployment of each project to each environment."""
    where = space()
    need("DeploymentView", where)
    if not any(permission == "ProjectView" for permission, _space in grants()):
        raise forbidden("ProjectView")
    tasks = {task["Id"]: task for task in store().documents("ServerTask")}
    releases = {release["Id"]: release for release in store().documents("Release", where)}
    latest: dict[tuple[str, str, str | None], Document] = {}
    for deployment in store().documents("Deployment", where):
        latest[deployment.get("ProjectId", ""), deployment.get("EnvironmentId", ""), deployment.get("TenantId")] = deployment
    items = []
    for deployment in latest.values():
        task = tasks.get(deployment.get("TaskId") or "", {})
        items.append(
            {
                "Id": deployment["Id"],
                "ProjectId": deployment.get("ProjectId"),
                "EnvironmentId": deployment.get("EnvironmentId"),
                "TenantId": deployment.get("TenantId"),
                "ReleaseId": deployment.get("ReleaseId"),
                "ReleaseVersion": releases.get(deployment.get("ReleaseId") or "", {}).get("Version"),
                "TaskId": deployment.get("TaskId"),
                "State": task.get("State"),
                "IsCompleted": task.get("State") in ("Success", "Failed", "Canceled", "TimedOut"),
                "QueueTime": shown(task.get("QueueTime")),
                "CompletedTime": shown(task.get("CompletedTime")),
            }
        )
    brief = {
        key: [{"Id": one["Id"], "Name": one.get("Name")} for one in store().documents(table, where)]
        for key, table in (
            ("Projects", "Project"),
            ("ProjectGroups", "ProjectGroup"),
            ("Environments", "DeploymentEnvironment"),
            ("Tenants", "Tenant"),
        )
    }
    return {"Id": "Dashboard", **brief, "Items": items, "Links": {"Self": f"{prefix()}/dashboard"}}
