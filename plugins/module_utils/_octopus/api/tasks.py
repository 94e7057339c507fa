# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Server tasks: what runs now, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .client import OctopusApi

_TASKS = "/api/tasks"
RUNNING = ("Executing", "Cancelling")


@dataclass(frozen=True)
class Task:
    """One server task. ``node`` is the id or name of the node that runs it, as the server gives it; None while queued."""

    id: str
    name: str
    description: str
    state: str
    node: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return what a module returns of it."""
        return {"id": self.id, "name": self.name, "description": self.description, "state": self.state, "node": self.node}

    def __str__(self) -> str:
        where = f" on {self.node}" if self.node else ""
        return f"{self.id} ({self.description or self.name}, {self.state}{where})".strip()


def running_tasks(api: OctopusApi) -> list[Task]:
    """Return the tasks of all spaces, the server's own included, that a node is working on."""
    query: dict[str, Any] = {"running": True}
    if api.has_spaces:
        query["includeSystem"] = True
    return [
        Task(row["Id"], row.get("Name", ""), row.get("Description") or "", row["State"], row.get("ServerNode") or row.get("ServerNodeId"))
        for row in api.items(_TASKS, **query)
        # The filter has counted queued tasks as running in some versions, and is unknown to others.
        if row.get("State") in RUNNING
    ]


def cancel(api: OctopusApi, task: Task) -> None:
    """Ask the server to stop a task; it then ends in its own time."""
    api.post(f"{_TASKS}/{task.id}/cancel", needs="TaskCancel")
