# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What preflight has read, for the checks and the plan. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

REMOVE_AND_REJOIN = "remove_and_rejoin"


@dataclass
class Facts:
    """What preflight read.

    Attributes:
        instance: The name of the instance, for messages.
        nodes: The inventory names of its nodes.
        server: What octopus_info returned of the server.
        hosts: What octopus_info returned of the hosts.
        database: What octopus_database_info returned.
        instance_name: The name of the instance on its hosts, where they have several.
        packages: For each version, what octopus_install returned of its MSI on each node in check mode.
        backup: What mssql_backup returned in check mode.
        looked: What went wrong with each look ahead: its name and the message, empty where nothing did (looked_checks.py).
        compatibility: What octopus_compatibility_info returned for the operation; empty where that was not asked yet.
        rehearsal: What octopus_rehearsal_info returned; None where that was not asked yet, empty where it was skipped.
        rehearsal_required: Whether the upgrade needs a rehearsal.
        rehearsal_days: How many days old it may be; 0 where rehearsals do not matter, as for a clone.
        clock_tolerance: How many seconds the clocks may differ.
        interventions: What becomes of tasks that wait for a person: refuse, leave or cancel.
        rollback_keeps: Whether a rollback keeps the failed database, and restores beside it.
        availability_group: ``remove_and_rejoin`` where a rollback takes the database out of its availability group, and adds it again; else
            ``refuse``.
        stops_service: Whether the nodes are stopped though nothing is upgraded, for a backup.
    """

    instance: str
    nodes: list[str]
    server: dict[str, Any]
    hosts: dict[str, dict[str, Any]]
    database: dict[str, Any]
    instance_name: str = ""
    packages: dict[str, dict[str, Any]] = field(default_factory=dict)
    backup: dict[str, Any] = field(default_factory=dict)
    looked: dict[str, str] = field(default_factory=dict)
    compatibility: dict[str, Any] = field(default_factory=dict)
    rehearsal: dict[str, Any] | None = None
    rehearsal_required: bool = False
    rehearsal_days: int = 30
    clock_tolerance: int = 60
    interventions: str = "refuse"
    rollback_keeps: bool = True
    availability_group: str = "refuse"
    stops_service: bool = False

    def on(self, node: str) -> dict[str, Any]:
        """What was found of this instance on a node; empty where it is missing or ambiguous."""
        found = self.hosts.get(node, {}).get("instances") or []
        if self.instance_name:
            found = [one for one in found if one["name"].lower() == self.instance_name.lower()]
        return found[0] if len(found) == 1 else {}

    def each(self) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
        """Each node, what was found of its host, and of the instance there."""
        for node in self.nodes:
            yield node, self.hosts.get(node, {}), self.on(node)

    @property
    def rejoins(self) -> bool:
        """Whether a rollback takes the database out of its availability group, and adds it again."""
        return self.availability_group == REMOVE_AND_REJOIN
