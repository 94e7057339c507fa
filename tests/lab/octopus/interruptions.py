# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deployments that wait for a person at a manual intervention.

The task stays ``Executing`` with ``HasPendingInterruptions``, and goes on waiting on its node after a restart
(https://github.com/OctopusDeploy/Issues/issues/6372, 4846; that a restart does not end it is *assumed* from them). The table's columns are
*assumed*; the properties are those of InterruptionResource in https://github.com/OctopusDeploy/OctopusClients.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from .documents import Document

if TYPE_CHECKING:
    from .store import Store

TABLE = "Interruption"


def waits(task: Document) -> bool:
    """Whether a task waits for a person."""
    return task.get("State") == "Executing" and bool(task.get("HasPendingInterruptions"))


def ask(store: Store, now: datetime, title: str = "Approve the release") -> Document:
    """Have a deployment that waits: a copy of the newest one, on the first node. Returns its task."""
    deployed = [task for task in store.documents("ServerTask") if task["Name"] == "Deploy"][-1]
    fresh: dict[str, Any] = {
        name: value for name, value in deployed.items() if name not in ("Id", "CompletedTime", "ErrorMessage", "LogFile")
    }
    node = store.nodes()[0]["Id"]
    started = {"State": "Executing", "HasPendingInterruptions": True, "QueueTime": now, "StartTime": now, "ServerNodeId": node}
    task = store.add("ServerTask", {**fresh, **started})
    team = store.documents("Team")[0]
    asked = {"TaskId": task["Id"], "IsPending": True, "Title": title, "ResponsibleTeamIds": [team["Id"]], "SpaceId": task.get("SpaceId")}
    store.add(TABLE, {**asked, "Created": now, "RelatedDocumentIds": [task["Id"]]})
    return task
