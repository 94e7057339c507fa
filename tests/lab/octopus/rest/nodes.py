# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes of the cluster: list, ping, drain, delete.

Shapes: page "Octopus Server Nodes" of https://octopus.com/docs/api; a real ping's answer is in
https://github.com/OctopusDeploy/Issues/issues/7964. Here ``IsInMaintenanceMode`` means draining.
"""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from ..moments import moment
from .body import boolean, json_body, shown
from .context import caller, need, node, store
from .errors import ApiError, invalid, not_found
from .paging import chosen, page
from .ports import Document
from .tasks import RUNNING

api = Blueprint("nodes", __name__)
OFFLINE_SECONDS = 60.0  # without a heartbeat; assumed: the vendor gives no number


def is_offline(row: Document) -> bool:
    """Whether a node has not been seen for a minute of lab time."""
    seen = moment(row.get("LastSeen"))
    return seen is None or (node().clock.now() - seen).total_seconds() > OFFLINE_SECONDS


def _has_summary() -> bool:
    """Before the split of the node table the collection itself has each node's state (OctopusClients 8e78c9e8 of 2019-02-27; #5348)."""
    return node().at_least(2019, 3)


def _plain(row: Document) -> Document:
    own = f"/api/octopusservernodes/{row['Id']}"
    body = {
        "Id": row["Id"],
        "Name": row["Name"],
        "MaxConcurrentTasks": row.get("MaxConcurrentTasks", 5),
        "IsInMaintenanceMode": bool(row.get("IsInMaintenanceMode")),
        "Links": {"Self": own, "Node": own, "Details": f"{own}/details"},
    }
    if not node().at_least(2020, 3):
        body["Rank"] = row.get("Rank", "Leader")
    if not _has_summary():
        body["LastSeen"] = shown(row.get("LastSeen"))
        if node().at_least(2018, 10):  # #5176, of the end of 2018
            body["IsOffline"] = is_offline(row)
    return body


def _with_state(row: Document) -> Document:
    body = {**_plain(row), "LastSeen": shown(row.get("LastSeen")), "IsOffline": is_offline(row)}
    # A real 2022.4.3963's ping tells it (#7964); the page of the nodes does since 2024.2.329 (#8636). That it is 2022.3 everywhere is assumed.
    since = (2024, 2, 329) if node().only_documented else (2022, 3)
    if node().at_least(*since):
        body["Version"] = row.get("Version") or (node().version if row["Name"] == node().name else None)
    return body


def _running(row: Document) -> list[Document]:
    return [task for task in store().documents("ServerTask") if task.get("State") in RUNNING and task.get("ServerNodeId") == row["Id"]]


def _find(node_id: str) -> Document:
    found = next((row for row in store().nodes() if row["Id"].lower() == node_id.lower()), None)
    if found is None:
        raise not_found(node_id)
    return found


@api.get("/octopusservernodes")
def listed() -> Document:
    need("AdministerSystem")
    return page("OctopusServerNode", chosen(store().nodes()), _plain)


@api.get("/octopusservernodes/all")
def every() -> list[Document]:
    caller()
    return [_plain(row) for row in store().nodes()]


@api.get("/octopusservernodes/ping")
def ping() -> ResponseReturnValue:
    """Needs no key: 200 in service, 418 while draining or offline."""
    here = node()
    row = next((one for one in here.store.nodes() if one["Name"].lower() == here.name.lower()), None)
    if row is None:
        # It was deleted under a running server: its next heartbeat would bring it back (assumed).
        raise ApiError(418, f"The node {here.name} is not registered.")
    body = _with_state(row)
    body["Links"]["Self"] = "/api/octopusservernodes/ping"
    return jsonify(body), 418 if body["IsOffline"] or body["IsInMaintenanceMode"] else 200


@api.get("/octopusservernodes/summary")
def summary() -> Document:
    need("AdministerSystem")
    if not _has_summary():
        return _plain(_find("summary"))
    running = [task.get("ServerNodeId") for task in store().documents("ServerTask") if task.get("State") in RUNNING]
    rows = [{**_with_state(row), "RunningTaskCount": running.count(row["Id"])} for row in store().nodes()]
    return {"Nodes": rows, "Links": {"Self": "/api/octopusservernodes/summary"}}


@api.get("/octopusservernodes/<node_id>")
def one(node_id: str) -> Document:
    need("AdministerSystem")
    return _plain(_find(node_id))


@api.get("/octopusservernodes/<node_id>/details")
def details(node_id: str) -> Document:
    """``RunningTasks`` is a number (OctopusServerNodeDetailsResource in OctopusDeploy/OctopusClients)."""
    need("AdministerSystem")
    row = _find(node_id)
    own = f"/api/octopusservernodes/{row['Id']}"
    return {"Id": row["Id"], "RunningTasks": len(_running(row)), "Links": {"Self": f"{own}/details", "Node": own}}


@api.put("/octopusservernodes/<node_id>")
def change(node_id: str) -> Document:
    """Drain, undrain, task cap."""
    need("AdministerSystem")
    row = _find(node_id)
    body = json_body()
    if body.get("Id", row["Id"]) != row["Id"]:
        raise invalid(f"The Id '{body['Id']}' of the body is not that of the address.")
    changed = dict(row)
    if "IsInMaintenanceMode" in body:
        changed["IsInMaintenanceMode"] = boolean(body, "IsInMaintenanceMode")
        others = [one for one in store().nodes() if one["Id"] != row["Id"] and not one.get("IsInMaintenanceMode")]
        if changed["IsInMaintenanceMode"] and not others and not node().at_least(2018, 2):
            # https://github.com/OctopusDeploy/Issues/issues/4235, of February 2018; that 2018.2 brought the cure, status and words are assumed.
            raise invalid("At least one node has to take tasks.")
    cap = body.get("MaxConcurrentTasks", row.get("MaxConcurrentTasks", 5))
    if isinstance(cap, bool) or not isinstance(cap, int) or cap < 0:
        raise invalid("MaxConcurrentTasks is a number of at least 0.")
    changed["MaxConcurrentTasks"] = cap
    store().save_node(changed)
    if bool(row.get("IsInMaintenanceMode")) != changed["IsInMaintenanceMode"]:
        here = node()
        here.ledger.record("octopus", here.machine, what="drain", node=row["Name"], on=changed["IsInMaintenanceMode"])
    return _plain(changed)


@api.delete("/octopusservernodes/<node_id>")
def delete(node_id: str) -> Document:
    """Only an offline node; broken from 2018.4.5 to 2019.2.2 (https://github.com/OctopusDeploy/Issues/issues/5536)."""
    need("AdministerSystem")
    row = _find(node_id)
    if node().at_least(2018, 4, 5) and not node().at_least(2019, 2, 3):
        raise ApiError(500, "Object reference not set to an instance of an object.")
    if not is_offline(row):
        raise invalid(f"The node '{row['Name']}' is online. Only an offline node can be deleted.")
    store().remove_node(row["Id"])
    return {}
