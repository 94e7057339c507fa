# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server knows of Tentacles, and whether it reaches them.

A health check of chosen machines tells: the task ``Health`` with ``MachineIds`` (TaskRepository.cs of https://github.com/OctopusDeploy/OctopusClients),
after which each has a ``HealthStatus``. It leaves disabled ones out (https://github.com/OctopusDeploy/Issues/issues/1658), and a stopped task queue
does not begin it. Then only the link ``Connection`` of a machine is left (https://octopus.com/docs/api/machines). Its log is of the connections, not
of health checks (https://github.com/OctopusDeploy/Issues/issues/3275), its status may be that of the copied database
(https://github.com/OctopusDeploy/Issues/issues/139), and a server asks for none by answering it. So it is told, and proves nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.links import plain
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.nodes import list_nodes
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.spaces import DEFAULT_SPACE
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.tasks import run_task
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

LISTENING, POLLING, KUBERNETES = "TentaclePassive", "TentacleActive", "KubernetesTentacle"
_REACHED, _LOST = ("Healthy", "HasWarnings"), ("Unavailable", "Unhealthy", "Unknown")
_ATTEMPTS = 3  # a health check that somebody else has begun is waited for, and need not be of our machines
_NEEDS = {
    POLLING: "It polls, and no host of the inventory has it: let it poll the new server on its own host.",
    LISTENING: "Nothing on its host; firewalls have to let the new server in.",
    KUBERNETES: "Keep the name of its first server address, or install the agent anew under its name.",
}


@dataclass(frozen=True)
class Machine:
    """A deployment target or worker as a server has it. ``path`` is that of its document, ``stopped`` whether its space's task queue is."""

    id: str
    name: str
    kind: str
    space: str
    path: str
    thumbprint: str
    style: str
    enabled: bool
    stopped: bool
    connection: str | None

    def facts(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "kind": self.kind,
            "space": self.space,
            "thumbprint": self.thumbprint,
            "style": self.style,
        }


def machines(api: OctopusApi) -> Iterator[Machine]:
    """Read the targets and workers of all spaces that the key's user can see."""
    spaces = list(api.items("/api/spaces")) if api.has_spaces else [{"Id": DEFAULT_SPACE}]
    for space in spaces:
        start = f"/api/{space['Id']}" if api.has_spaces else "/api"
        for address, kind in (("machines", "target"), ("workers", "worker")):
            if kind == "worker" and api.link("Workers") is None:
                continue  # before 2018.7
            for row in api.items(f"{start}/{address}"):
                yield _machine(row, kind, space, f"{start}/{address}/{row['Id']}")


def _machine(row: dict[str, Any], kind: str, space: dict[str, Any], path: str) -> Machine:
    endpoint = row.get("Endpoint") or {}
    agent = endpoint.get("TentacleEndpointConfiguration") or {}
    link = (row.get("Links") or {}).get("Connection")
    return Machine(
        row["Id"],
        row.get("Name") or row["Id"],
        kind,
        space["Id"],
        path,
        str(endpoint.get("Thumbprint") or agent.get("Thumbprint") or row.get("Thumbprint") or "").upper(),
        endpoint.get("CommunicationStyle") or "None",
        not row.get("IsDisabled"),
        bool(space.get("TaskQueueStopped")),
        plain(link) if link else None,
    )


def needs(machine: Machine) -> str:
    """Say what a machine needs that no host of the inventory has."""
    return _NEEDS.get(machine.style, "Nothing on the target; network and trusts as for any other server.")


def unchecked(machine: Machine, takes_tasks: bool) -> str | None:
    """Say why a health check would tell nothing of a machine; None where it does."""
    if not machine.enabled:
        return "It is disabled, and a health check leaves it out."
    if machine.stopped:
        return "The task queue of its space is stopped, so no health check begins."
    if not takes_tasks:
        return "Every node is drained or offline, so no health check begins."
    return None


def verify(api: OctopusApi, chosen: Collection[Machine], timeout: float, check_mode: bool) -> list[dict[str, Any]]:
    """Have the server check the health of some machines, and say of each whether it reaches it.

    Args:
        api: The server.
        chosen: The machines.
        timeout: Seconds for each health check.
        check_mode: Whether nothing may be queued.

    Returns:
        For each machine its facts, ``verified`` (None where that cannot be told), ``reason``, and the connection as the server has it.

    Raises:
        OctopusError: The server refuses, or a health check does not end.
    """
    takes_tasks = any(node.takes_tasks and not node.offline for node in list_nodes(api))
    why = {one.id: unchecked(one, takes_tasks) for one in chosen}
    if check_mode:
        why = {identity: reason or "In check mode no health check is queued." for identity, reason in why.items()}
    asked = [one for one in chosen if why[one.id] is None]
    for space in sorted({one.space for one in asked}):
        _check(api, space, [one.id for one in asked if one.space == space], timeout)
    return [_verdict(api, one, why[one.id]) for one in chosen]


def _check(api: OctopusApi, space: str, identities: list[str], timeout: float) -> None:
    span = f"{int(timeout) // 3600:02}:{int(timeout) // 60 % 60:02}:{int(timeout) % 60:02}"
    body: dict[str, Any] = {
        "Description": f"Check the health of {len(identities)} machines that are to reach this server",
        "Arguments": {"Timeout": span, "MachineTimeout": span, "MachineIds": identities},
    }
    if api.has_spaces:
        body["SpaceId"] = space
    for _attempt in range(_ATTEMPTS):
        if run_task(api, "Health", body, timeout)[1]:
            return  # how it ended matters not: each machine has its own status
    raise OctopusError(f"{api.url}: other health checks were running {_ATTEMPTS} times, so the machines in {space} were not checked.")


def _verdict(api: OctopusApi, machine: Machine, why: str | None) -> dict[str, Any]:
    connection = (api.find(machine.connection) if machine.connection else None) or {}
    told = {"connection": {"status": connection.get("Status"), "last_checked": connection.get("LastChecked")}}
    if why:
        return {**machine.facts(), "verified": None, "reason": why, **told}
    status = str(api.get(machine.path).get("HealthStatus"))
    if status not in _REACHED + _LOST:
        return {**machine.facts(), "verified": None, "reason": f"The server does not tell its health ({status}).", **told}
    return {**machine.facts(), "verified": status in _REACHED, "reason": f"A health check has found it {status}.", **told}
