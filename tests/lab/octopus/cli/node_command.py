# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command ``node``: drain, undrain, task cap (octopus.com/docs/octopus-rest-api/octopus.server.exe-command-line/node)."""

from __future__ import annotations

from .. import versions
from ..documents import Document
from ..store import Store
from .parser import UNEXPECTED, Call, Command, Failure, switches

RUNNING = ("Executing", "Cancelling")
POLL = 2.0


def _own(store: Store, name: str) -> Document:
    found = next((row for row in store.nodes() if row["Name"].lower() == name.lower()), None)
    if found is None:
        raise Failure(f"The node {name} is not registered in the database: it has never been started.")
    return found


def _running(store: Store, node: Document) -> list[Document]:
    return [task for task in store.where("ServerTask", ServerNodeId=node["Id"]) if task["State"] in RUNNING]


def node(call: Call) -> int:
    """The drain flag is kept in the database and survives restarts and upgrades. ``--wait`` is 0 by default: it does not wait."""
    installation = call.installation()
    store = call.open(installation) if call.has("skipDatabaseSchemaUpgradeCheck") else call.store(installation)
    row = _own(store, installation.node_name)
    cap, drain = call.number("taskCap"), call.flag("drain")
    if cap is not None:
        row["MaxConcurrentTasks"] = cap
    if drain is not None:
        row["IsInMaintenanceMode"] = drain
    store.save_node(row)
    host = call.process.host
    if drain is not None:
        host.ledger.record("octopus", host.name, what="drain", node=row["Name"], on=drain)
        call.log(f"The node {row['Name']} is {'draining' if drain else 'accepting tasks'}")
    if drain:
        _drained(call, store, row)
    return 0


def _drained(call: Call, store: Store, row: Document) -> None:
    wait = call.number("wait") or 0
    start = call.process.host.clock.seconds()
    while (left := _running(store, row)) and call.process.host.clock.seconds() - start < wait:
        call.process.sleep(POLL)
    if left and call.has("cancel-tasks"):
        if versions.between(call.version, "2019.1", "2019.4"):
            # https://github.com/OctopusDeploy/Issues/issues/5410; the exact range is *assumed*
            raise Failure("Object reference not set to an instance of an object.", UNEXPECTED)
        for task in left:
            store.save("ServerTask", {**task, "State": "Cancelling"})
            call.log(f"Cancelled {task['Id']}: {task['Description']}")
    elif left:
        call.log(f"{len(left)} tasks are still running")


COMMANDS = (
    Command(
        "node",
        "Configure settings related to this Octopus node",
        node,
        switches(
            "drain= wait= cancel-tasks cancel-wait=@2024.2 taskCap=@2018.6.13 skipDatabaseCompatibilityCheck@2020.1"
            " skipDatabaseSchemaUpgradeCheck@2020.1"
        ),
        elevated=True,
    ),
)
