# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of a test instance, and whose the instance and the database are that were found. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .new_database import Look, Mark

OPERATION = "test_instance"
# What a run records: that of a creation, and that of a removal.
MADE, REMOVED = "test_instance", "test_instance_removed"


@dataclass(frozen=True)
class Run:
    """A run of the instance that has not ended.

    Attributes:
        unfinished: Whether there is one.
        run_id: Its id.
        operation: What it does.
        facts: What it has recorded.
    """

    unfinished: bool = False
    run_id: str = ""
    operation: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def made(self) -> Mapping[str, Any]:
        """What a creation that has not ended has recorded; empty where there is none."""
        return self.facts.get(MADE) or {} if self.unfinished and self.operation == OPERATION else {}

    @property
    def removed(self) -> Mapping[str, Any]:
        """What a removal that has not ended has recorded; empty where there is none."""
        return self.facts.get(REMOVED) or {} if self.unfinished and self.operation == OPERATION else {}


@dataclass(frozen=True)
class Facts:
    """What is known of a test instance.

    Attributes:
        instance: Its name in the inventory.
        test_of: That of its source.
        instance_name: Its name on its host.
        nodes: Its nodes in the inventory.
        hosts: What octopus_info has found on them.
        run: A run that has not ended.
        server: Its SQL Server, as in its connection string.
        database: Its database.
        mark: What octopus_instance_create has written beside its configuration; None where there is nothing.
        look: What SQL Server says of the database.
        url: Its address.
        projects: The projects that it is to have.
        space: The space of the source that they are in; empty for the default one.
        source: What the source says over its API: ``version``, ``thumbprint``.
        addresses: Where Ansible reaches its nodes.
        source_nodes: The source's nodes in the inventory.
        source_addresses: Where Ansible reaches those.
        source_url: The source's address.
        there: The projects that it has; None where it was not asked.
        force: Whether it is made anew although it is there.
    """

    instance: str
    test_of: str
    instance_name: str
    nodes: Sequence[str]
    hosts: Mapping[str, Any]
    run: Run
    server: str
    database: str
    mark: Mark | None
    look: Look
    url: str = ""
    projects: Sequence[str] = ()
    space: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)
    addresses: Sequence[str] = ()
    source_nodes: Sequence[str] = ()
    source_addresses: Sequence[str] = ()
    source_url: str = ""
    there: Sequence[str] | None = None
    force: bool = False

    @property
    def instances(self) -> list[dict[str, Any]]:
        """Every instance on its nodes."""
        return [dict(one) for host in self.hosts.values() for one in host.get("instances") or []]

    @property
    def here(self) -> dict[str, Any]:
        """The instance on its host; empty where there is none."""
        return next((one for one in self.instances if one["name"].lower() == self.instance_name.lower()), {})

    @property
    def having(self) -> list[str]:
        """The hosts that have it."""
        wanted = self.instance_name.lower()
        return [name for name, host in self.hosts.items() if any(one["name"].lower() == wanted for one in host.get("instances") or [])]

    @property
    def running(self) -> bool:
        return (self.here.get("service") or {}).get("state") == "running"

    @property
    def place(self) -> str:
        return f"{self.database} on {self.server}"


# -- whose it is


def owned(facts: Facts) -> bool:
    """Whether the instance on the host, and the database, are those that octopus_instance_create has made; False where there is no instance.

    Raises:
        OctopusError: They are somebody else's, so that nothing may be changed.
    """
    if not facts.here:
        return False
    recorded = facts.run.made or facts.run.removed
    has = str((facts.here.get("database") or {}).get("database") or "")
    if has and has.lower() != facts.database.lower():
        why = f"it uses the database {has}"
    elif facts.mark is None and not recorded:
        why = "it was not created as a test instance"
    elif facts.mark is not None and (facts.mark.server.lower(), facts.mark.database.lower()) != (
        facts.server.lower(),
        facts.database.lower(),
    ):
        why = f"it was created with the database {facts.mark.database} on {facts.mark.server}"
    elif facts.mark is not None and facts.look.created is not None and facts.look.created < facts.mark.free_at:
        why = f"its database was created at {facts.look.created}, before the name was found to be free at {facts.mark.free_at}"
    else:
        return True
    raise OctopusError(
        f"Expected on {facts.nodes[0]} no instance {facts.instance_name}, or the test instance {facts.instance} with the database {facts.place}, "
        f"but found another one: {why}. Nothing of it was changed. Give the test instance a host of its own, or another octopus_instance_name."
    )


def refuse_source(facts: Facts) -> None:
    """Refuse to work where the source is.

    Raises:
        OctopusError: The source is not named or not in the inventory, or a host or the address is the source's.
    """
    if not facts.source_nodes:
        raise OctopusError(
            f"Expected octopus_test_of of {facts.instance} to be the octopus_instance of hosts in the group octopus, but found "
            f"{facts.test_of or 'none'}. Nothing was changed."
        )
    addresses = {one.lower() for one in facts.addresses} & {one.lower() for one in facts.source_addresses}
    shared = sorted({*facts.nodes} & {*facts.source_nodes} | addresses)
    if shared:
        raise OctopusError(
            f"Expected a host for the test instance {facts.instance} that does not run {facts.test_of}, but {', '.join(shared)} is one of its nodes. "
            "Nothing was changed. Give the test instance another host."
        )
    if facts.url.rstrip("/").lower() == facts.source_url.rstrip("/").lower():
        raise OctopusError(
            f"Expected octopus_url of {facts.instance} to be an address of its own, but {facts.url} is that of {facts.test_of}. Nothing was changed."
        )
    if len(facts.nodes) != 1:
        raise OctopusError(f"Expected one node for the test instance {facts.instance}, but found {', '.join(facts.nodes) or 'none'}.")
