# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The task ``Health``: what it reaches, what does not answer, and what machine policies then delete.

octopus.com/docs/infrastructure/deployment-targets/machine-policies; Octopus.Client: ``MachinePolicyResource``.
A polling target answers the servers that it polls only (octopus.com/docs/infrastructure/deployment-targets/tentacle/tentacle-communication):
to a clone it is unavailable. A Tentacle, and a worker's, talks only to a server whose certificate has a thumbprint that it trusts
(octopus.com/docs/security/octopus-tentacle-communication). With ``MachineIds`` it checks those alone (TaskRepository.cs of
https://github.com/OctopusDeploy/OctopusClients). Disabled ones are left out (https://github.com/OctopusDeploy/Issues/issues/1658).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from ..core.network import Network
from . import moments
from .documents import Document

if TYPE_CHECKING:
    from .node import Node
    from .server_tasks import Execution
    from .store import Store

HOURLY = 3600.0
DEFAULT = "MachinePolicies-1"
_POLLING: WeakKeyDictionary[Network, dict[str, set[str]]] = WeakKeyDictionary()
_TRUSTED: WeakKeyDictionary[Network, dict[str, set[str]]] = WeakKeyDictionary()


def polls(network: Network, uri: str, machines: set[str]) -> None:
    """A target out there that polls these machines."""
    _POLLING.setdefault(network, {})[uri.lower()] = {name.lower() for name in machines}


def trusts(network: Network, uri: str, thumbprint: str) -> None:
    """A target out there that trusts a server whose certificate has that thumbprint."""
    _TRUSTED.setdefault(network, {}).setdefault(uri.lower(), set()).add(thumbprint)


def answers(node: Node, uri: str | None) -> bool:
    """Whether a target answers the server of a node: it polls that machine, where it polls, and trusts that server, where it trusts any."""
    network, place = node.host.network, str(uri).lower()
    polled, trusted = _POLLING.get(network, {}).get(place), _TRUSTED.get(network, {}).get(place)
    if polled is not None and node.host.name.lower() not in polled:
        return False
    return trusted is None or (node.store.configuration("certificate") or {}).get("Thumbprint") in trusted


def span(text: str | None, default: float) -> float:
    """Seconds of a .NET time span, ``[d.]hh:mm:ss``."""
    if not text:
        return default
    days, _dot, rest = text.partition(".") if "." in text.partition(":")[0] else ("0", "", text)
    hours, minutes, seconds = (float(part) for part in rest.split(":"))
    return float(days) * 86400 + hours * 3600 + minutes * 60 + seconds


def interval(store: Store) -> float:
    """Lab seconds between two health checks: the shortest of all policies (*assumed*: one task checks all)."""
    found = [
        span((row.get("MachineHealthCheckPolicy") or {}).get("HealthCheckInterval"), HOURLY) for row in store.documents("MachinePolicy")
    ]
    return min(found, default=HOURLY)


def health(execution: Execution) -> None:
    node = execution.node
    chosen = (execution.task.get("Arguments") or {}).get("MachineIds")
    for table, what in (("Machine", "target"), ("Worker", "worker")):
        for one in node.store.documents(table):
            if one["IsDisabled"] or (chosen and one["Id"] not in chosen):
                continue
            answered = answers(node, one.get("Uri"))
            if answered and execution.contact(what, target=one["Name"], uri=one.get("Uri"), why="health"):
                execution.say(f"{one['Name']}: healthy")
                if one.get("HealthStatus") != "Healthy":
                    node.store.save(table, {**one, "HealthStatus": "Healthy", "UnavailableSince": None})
            else:
                execution.say(f"{one['Name']}: unavailable", "Warning")
                _unavailable(execution, table, one)
            execution.work(1)


def _unavailable(execution: Execution, table: str, machine: Document) -> None:
    """Remember since when, and delete it where its policy says so. Workers have no such policy here."""
    store, now = execution.node.store, execution.node.host.clock.now()
    since = moments.moment(machine.get("UnavailableSince")) or now
    if machine.get("HealthStatus") != "Unavailable":
        store.save(table, {**machine, "HealthStatus": "Unavailable", "UnavailableSince": moments.text(now)})
    policy = store.document("MachinePolicy", str(machine.get("MachinePolicyId") or DEFAULT)) or {}
    cleanup = policy.get("MachineCleanupPolicy") or {}
    if table != "Machine" or cleanup.get("DeleteMachinesBehavior") != "DeleteUnavailableMachines":
        return
    if now - since >= timedelta(seconds=span(cleanup.get("DeleteMachinesElapsedTimeSpan"), 0.0)) and store.remove(table, machine["Id"]):
        execution.contact("machine policy", target=machine["Name"], policy=policy["Name"])
        execution.say(f"{machine['Name']}: deleted by the policy {policy['Name']}", "Warning")
