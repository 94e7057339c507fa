# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What somebody should know of a server before an upgrade: its queue, its last integrity check, its targets. Only reads.

What the user of the API key may not see is None: it is not known, and not nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .client import OctopusApi
from .spaces import space_paths

Found = TypeVar("Found")

_NOT_SHOWN = (403, 404)
_QUEUED = "Queued"
_INTEGRITY = "SystemIntegrityCheck"  # BuiltInTasks.cs of https://github.com/OctopusDeploy/OctopusClients
_COLLECTIONS = ("machines", "workers")
_MOST = 100  # more than that is many, whatever the number


def read(api: OctopusApi) -> dict[str, Any]:
    """Return what is known.

    Raises:
        OctopusError: The server cannot be reached.
    """
    return {
        "tasks_queued": _shown(lambda: _queued(api)),
        "integrity_check": _shown(lambda: _integrity(api)),
        "machines": _shown(lambda: _machines(api)),
    }


def _shown(look: Callable[[], Found]) -> Found | None:
    try:
        return look()
    except OctopusError as error:
        if error.status in _NOT_SHOWN:
            return None
        raise


def _tasks(api: OctopusApi, **query: Any) -> dict[str, Any]:
    return api.get("/api/tasks", skip=0, **({"includeSystem": True} if api.has_spaces else {}), **query)


def _queued(api: OctopusApi) -> list[dict[str, Any]] | None:
    """The oldest hundred of the queue, scheduled ones among them; None where this version does not know the filter."""
    rows = _tasks(api, states=_QUEUED, take=_MOST)["Items"]
    if any(row.get("State") != _QUEUED for row in rows):
        return None
    return [{"task": row["Id"], "description": row.get("Description") or row.get("Name"), "due": row.get("QueueTime")} for row in rows]


def _integrity(api: OctopusApi) -> dict[str, Any] | None:
    """The newest check that has ended; empty where the list has none, None where this version does not know the filter."""
    rows = _tasks(api, name=_INTEGRITY, take=10)["Items"]
    if any(row.get("Name") != _INTEGRITY for row in rows):
        return None
    ended = next((row for row in rows if row.get("IsCompleted")), None)
    if ended is None:
        return {}
    return {
        "task": ended["Id"],
        "state": ended.get("State"),
        "warnings": bool(ended.get("HasWarningsOrErrors")),
        "completed": str(ended.get("CompletedTime") or "")[:10] or None,
    }


def _machines(api: OctopusApi) -> list[dict[str, Any]]:
    found = []
    for start in space_paths(api).values():
        for collection in _COLLECTIONS:
            if collection == "workers" and api.link("Workers") is None:
                continue  # there are none before 2018.7
            found += [_machine(row) for row in api.items(f"{start}/{collection}")]
    return found


def _machine(row: dict[str, Any]) -> dict[str, Any]:
    """Of a target or worker what matters: EndpointResource and TentacleDetailsResource of https://github.com/OctopusDeploy/OctopusClients."""
    endpoint = row.get("Endpoint") or {}
    return {
        "name": row.get("Name"),
        "style": endpoint.get("CommunicationStyle"),
        "version": (endpoint.get("TentacleVersionDetails") or {}).get("Version"),
    }
