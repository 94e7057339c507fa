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
    """One server task.

    Attributes:
        node: The id or name of the node that runs it, as the server gives it; None while queued.
        waiting: Whether it waits for a person's answer.
        project: Id of its project, empty without one.
        space: Id of its space, empty without one.
    """

    id: str
    name: str
    description: str
    state: str
    node: str | None
    waiting: bool = False
    project: str = ""
    space: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return what a module returns of it."""
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "state": self.state,
            "node": self.node,
            "waiting": self.waiting,
        }

    def __str__(self) -> str:
        where = f" on {self.node}" if self.node else ""
        what = ", waits for a person" if self.waiting else ""
        return f"{self.id} ({self.description or self.name}, {self.state}{where}{what})".strip()


def running_tasks(api: OctopusApi) -> list[Task]:
    """Return the tasks of all spaces, the server's own included, that a node is working on."""
    query: dict[str, Any] = {"running": True}
    if api.has_spaces:
        query["includeSystem"] = True
    return [
        _task(row)
        for row in api.items(_TASKS, **query)
        # The filter has counted queued tasks as running in some versions, and is unknown to others.
        if row.get("State") in RUNNING
    ]


def find_task(api: OctopusApi, identity: str) -> Task | None:
    """Return one task; None where the server has it no more."""
    row = api.find(f"{_TASKS}/{identity}")
    return _task(row) if row else None


def _task(row: dict[str, Any]) -> Task:
    return Task(
        row["Id"],
        row.get("Name", ""),
        row.get("Description") or "",
        row["State"],
        row.get("ServerNode") or row.get("ServerNodeId"),
        bool(row.get("HasPendingInterruptions")),
        row.get("ProjectId") or "",
        row.get("SpaceId") or "",
    )


def cancel(api: OctopusApi, task: Task) -> None:
    """Ask the server to stop a task; it then ends in its own time."""
    api.post(f"{_TASKS}/{task.id}/cancel", needs="TaskCancel")
