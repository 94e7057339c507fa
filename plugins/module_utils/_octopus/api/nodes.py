# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The nodes of a server as the server sees them, and draining: a drained node takes no new tasks.

The API calls draining ``IsInMaintenanceMode`` of a node, which is not the maintenance mode of the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .client import OctopusApi

_NODES = "/api/octopusservernodes"
_FLAG, _CAP = "IsInMaintenanceMode", "MaxConcurrentTasks"


class DrainRefused(OctopusError):
    """The server does not drain a node, as before February 2018 the last one that was not drained (https://github.com/OctopusDeploy/Issues/issues/4235)."""


@dataclass(frozen=True)
class Node:
    """One row of the server's node list. What a version does not report is None."""

    id: str
    name: str
    draining: bool
    offline: bool | None
    last_seen: str | None
    running_task_count: int | None
    version: str | None
    task_cap: int | None = None

    @property
    def takes_tasks(self) -> bool:
        """Whether it takes tasks from the queue."""
        return not self.draining and self.task_cap != 0

    def as_dict(self) -> dict[str, Any]:
        """Return what a module returns of it."""
        return {
            "id": self.id,
            "name": self.name,
            "draining": self.draining,
            "offline": self.offline,
            "last_seen": self.last_seen,
            "running_task_count": self.running_task_count,
            "version": self.version,
            "task_cap": self.task_cap,
        }


def rows(api: OctopusApi) -> list[dict[str, Any]]:
    """Return the nodes as the server has them. The summary has the most; servers that lack it have at least the collection."""
    summary = api.find(f"{_NODES}/summary") if api.link("OctopusServerClusterSummary") else None
    return list(summary["Nodes"] if summary else api.items(_NODES))


def list_nodes(api: OctopusApi) -> list[Node]:
    """Return every node."""
    return [
        Node(
            id=row["Id"],
            name=row["Name"],
            draining=bool(row.get(_FLAG)),
            offline=row.get("IsOffline"),
            last_seen=row.get("LastSeen"),
            running_task_count=row.get("RunningTaskCount"),
            version=row.get("Version"),
            task_cap=row.get(_CAP),
        )
        for row in rows(api)
    ]


def find_node(nodes: list[Node], name: str, url: str) -> Node:
    """Return the node of that name, in whatever case.

    Raises:
        OctopusError: There is none; the message lists those that there are.
    """
    for node in nodes:
        if node.name.casefold() == name.casefold():
            return node
    known = ", ".join(node.name for node in nodes) or "none"
    raise OctopusError(f"{url} knows no node {name!r}; it knows {known}. Is this host a node of that instance?")


def set_draining(api: OctopusApi, node: Node, draining: bool) -> None:
    """Let a node take new tasks or not, and read back that it is so.

    Raises:
        DrainRefused: The server answers that it does not drain the node.
        OctopusError: Another refusal, such as for want of a permission.
    """
    path = f"{_NODES}/{node.id}"
    document = api.get(path)
    try:
        api.put(path, {**document, _FLAG: draining}, needs="AdministerSystem")
    except OctopusError as error:
        if not draining or error.status is None or error.status in (401, 403, 404):
            raise
        raise DrainRefused(error.message, error.status) from error
    if bool(api.get(path)[_FLAG]) is not draining:
        raise (DrainRefused if draining else OctopusError)(
            f"{api.url} accepted to {'drain' if draining else 'undrain'} the node {node.name}, and reports that it is not so."
        )


def set_task_cap(api: OctopusApi, node: Node, cap: int) -> None:
    """Set how many tasks a node runs at once, and read back that it is so. With 0 it takes none (https://github.com/OctopusDeploy/Issues/issues/3703).

    Raises:
        OctopusError: The server refuses, or reports another number.
    """
    path = f"{_NODES}/{node.id}"
    api.put(path, {**api.get(path), _CAP: cap}, needs="AdministerSystem")
    if api.get(path).get(_CAP) != cap:
        raise OctopusError(f"{api.url} accepted a task cap of {cap} for the node {node.name}, and reports another one.")


def ping(api: OctopusApi) -> dict[str, Any] | None:
    """Ask the answering node about itself; needs no key. None where this version has no such thing.

    200 in service, 418 while draining or offline, both with the same document
    (https://octopus.com/docs/administration/high-availability/load-balancing).
    """
    status, document = api.status(f"{_NODES}/ping")
    if status in (200, 418) and isinstance(document, dict):
        return document
    if status in (401, 403, 404, 405):
        return None
    raise OctopusError(f"{api.url}{_NODES}/ping was answered with status {status}.", status)
