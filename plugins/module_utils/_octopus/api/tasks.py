# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Server tasks: what runs now, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .client import OctopusApi
from .nodes import list_nodes

_TASKS = "/api/tasks"
RUNNING = ("Executing", "Cancelling")
QUEUED = "Queued"


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


def supports(api: OctopusApi, name: str) -> bool | None:
    """Whether this version has server tasks of that name; None where it does not list them (link ``TaskTypes``, TaskTypeResource)."""
    link = api.link("TaskTypes")
    types = api.find(link) if link else None
    return None if types is None else name.lower() in (str(one.get("Id")).lower() for one in types)


def run_task(api: OctopusApi, name: str, body: dict[str, Any], timeout: float) -> tuple[dict[str, Any], bool]:
    """Have a server task done, and wait until it has ended.

    One of that name that is queued or runs already is waited for instead: a run that broke off has left it, or the server runs it by itself.

    Args:
        api: The server.
        name: Name of the task, as the server's list of task types has it.
        body: The rest of what is posted: ``Description``, ``Arguments``, ``SpaceId``.
        timeout: Seconds.

    Returns:
        The task as the server has it, and whether it was queued here.

    Raises:
        OctopusError: It may not be queued, no node would take it, or it has not ended in time.
    """
    there = [row for row in api.items(_TASKS, name=name, active=True) if row.get("Name") == name and not row.get("IsCompleted")]
    if not there and all(not node.takes_tasks or node.offline for node in list_nodes(api)):
        raise OctopusError(
            f"{api.url}: expected a node that takes tasks, but all are drained or offline, so a task {name} would never begin."
        )
    row = there[0] if there else api.post(_TASKS, {"Name": name, **body}, needs="TaskCreate")
    deadline = Deadline(timeout, first=0.5, most=5.0)
    while not row.get("IsCompleted"):
        if not deadline.pause():
            break
        row = api.get(f"{_TASKS}/{row['Id']}")
    if row.get("IsCompleted"):
        return row, not there
    told = ""
    if row.get("State") == QUEUED and not there:
        api.post(f"{_TASKS}/{row['Id']}/cancel", needs="TaskCancel")  # our own, which nobody waits for any more
        told = " It was cancelled."
    raise OctopusError(
        f"{api.url}: the task {row['Id']} ({name}) has not ended within {timeout:g} seconds; it is {row.get('State')}.{told}"
    )
