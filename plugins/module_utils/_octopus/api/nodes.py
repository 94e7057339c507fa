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
_FLAG = "IsInMaintenanceMode"


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
    """Let a node take new tasks or not, and read back that it is so."""
    path = f"{_NODES}/{node.id}"
    document = api.get(path)
    api.put(path, {**document, _FLAG: draining}, needs="AdministerSystem")
    if bool(api.get(path)[_FLAG]) is not draining:
        raise OctopusError(
            f"{api.url} accepted to {'drain' if draining else 'undrain'} the node {node.name}, and reports that it is not so."
        )


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
