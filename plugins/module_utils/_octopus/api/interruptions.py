# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks that wait for a person: a manual intervention, or a failure that somebody guides.

Such a task is ``Executing`` with ``HasPendingInterruptions``, and holds its node's drain until somebody answers. Resource and filters:
https://github.com/OctopusDeploy/OctopusClients (InterruptionResource, InterruptionRepository).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .client import OctopusApi
from .tasks import Task

_NOT_SHOWN = (403, 404)


@dataclass(frozen=True)
class Interruption:
    """A task that waits, what it asks, and the teams that may answer. Empty where the user of the API key may not see that."""

    task: str
    description: str
    project: str
    title: str = ""
    teams: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def pending(api: OctopusApi, tasks: list[Task]) -> list[Interruption]:
    """Return what these tasks wait for; none for a task that waits for nobody."""
    found: list[Interruption] = []
    for task in tasks:
        if task.waiting:
            start = f"/api/{task.space}" if task.space else "/api"
            project = _name(api, f"{start}/projects/{task.project}") if task.project else ""
            plain = Interruption(task.id, task.description or task.name, project or task.project)
            rows = _rows(api, f"{start}/interruptions", task)
            found += [
                Interruption(plain.task, plain.description, plain.project, row.get("Title") or "", _teams(api, row)) for row in rows
            ] or [plain]
    return found


def _rows(api: OctopusApi, path: str, task: Task) -> list[dict[str, Any]]:
    try:
        rows = list(api.items(path, regarding=task.id, pendingOnly=True))
    except OctopusError as error:
        if error.status in _NOT_SHOWN:
            return []
        raise
    return [row for row in rows if row.get("IsPending", True) and row.get("TaskId", task.id) == task.id]


def _teams(api: OctopusApi, row: dict[str, Any]) -> list[str]:
    return [_name(api, f"/api/teams/{team}") or team for team in row.get("ResponsibleTeamIds") or []]


def _name(api: OctopusApi, path: str) -> str:
    """Return the name of a document; empty where it is not shown."""
    try:
        return str((api.find(path) or {}).get("Name") or "")
    except OctopusError as error:
        if error.status in _NOT_SHOWN:
            return ""
        raise
