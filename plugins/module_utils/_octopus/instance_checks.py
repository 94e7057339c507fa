# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the instance is whole, healthy and at rest. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Iterator

from . import clock_check
from .check import Check, unknown
from .errors import OctopusError
from .plan_facts import Facts
from .version import Version


def instance(facts: Facts) -> Iterator[Check]:
    for node in facts.nodes:
        there = [one["name"] for one in facts.hosts.get(node, {}).get("instances") or []]
        yield Check(
            "instance_found",
            bool(facts.on(node)),
            f"instance {facts.instance_name}" if facts.instance_name else "one Octopus Server instance",
            f"{len(there)}: {', '.join(there)}" if there else "none",
            node,
            "Name it with octopus_instance_name." if len(there) > 1 else "Take the host out of the group, or install it there.",
        )
        others = [name for name in there if name != facts.on(node).get("name")]
        yield Check(
            "only_instance_on_host",
            not others,
            "no other instance on the host, since all of them share the program folder and are upgraded by one MSI",
            ", ".join(others) or "none",
            node,
            "Stop and back up the others by hand, then waive this check by name.",
        )


def versions(facts: Facts, target: str) -> Iterator[Check]:
    api = facts.server["version"]
    programs = {node: (facts.hosts.get(node, {}).get("program") or {}).get("version") or "unknown" for node in facts.nodes}
    schema = facts.database.get("version") or "unknown"
    everywhere = {"web portal": api, "database": schema, **programs}
    yield Check(
        "versions_agree",
        all(_same(version, api) for version in everywhere.values()),
        "one version everywhere",
        ", ".join(f"{place} {version}" for place, version in everywhere.items()),
        facts.instance,
        "Bring all nodes to the version of the database first (an earlier upgrade may not have finished).",
    )
    yield Check(
        "target_not_older",
        Version.parse(target) >= Version.parse(api),
        f"octopus_version {target} not to be older than what is installed",
        api,
        facts.instance,
        "An upgrade never goes to an older version. To return to one, roll back to the restore point that was created with it.",
    )


def _same(one: str, other: str) -> bool:
    try:
        return Version.parse(one) == Version.parse(other)
    except OctopusError:
        return False


def cluster(facts: Facts) -> Iterator[Check]:
    names = {str(facts.on(node).get("node_name") or node).lower(): node for node in facts.nodes}
    for row in facts.server.get("nodes") or []:
        known = str(row["name"]).lower() in names
        yield Check(
            "node_in_inventory",
            known or bool(row.get("offline")),
            "every running node to be in the inventory, because all must be stopped for the schema upgrade",
            "known" if known else f"node {row['name']}, last seen {row.get('last_seen')}, is not in the inventory",
            str(row["name"]),
            f"Add it to the group octopus with octopus_instance: {facts.instance}, or delete the node if it is gone.",
        )
    for node in facts.nodes:
        state = (facts.on(node).get("service") or {}).get("state")
        yield Check(
            "service_running",
            state == "running",
            "the Octopus service to run",
            f"the service state {state}",
            node,
            "Start it, and check that it stays up, before upgrading it.",
        )


def license(facts: Facts) -> Iterator[Check]:
    status = facts.server.get("license") or {}
    compliant = status.get("is_compliant")
    found = unknown("the server does not say") if compliant is None else "compliant" if compliant else "not compliant"
    yield Check(
        "license_compliant",
        compliant,
        "a compliant licence (newer versions refuse to upgrade or to start without one)",
        str(status.get("summary") or found),
        facts.instance,
        "Renew the licence, or waive this check by name if the new version is known to take it.",
    )


def running(facts: Facts) -> Iterator[Check]:
    for node in facts.nodes:
        busy = facts.hosts.get(node, {}).get("running_jobs") or []
        yield Check(
            "nothing_else_running",
            not busy,
            "no unfinished job of another run",
            ", ".join(map(str, busy)) or "none",
            node,
            "Another upgrade may be running. Wait for it, or remove what an interrupted one has left.",
        )
    visible = facts.database.get("sessions_visible")
    yield Check(
        "may_see_sessions",
        visible,
        "the SQL login to see other sessions, to verify that nobody is connected to the database before it is changed",
        "that it sees only its own" if visible is False else "that it does" if visible else unknown("it was not asked"),
        facts.database.get("server") or "SQL Server",
        "Grant it VIEW SERVER STATE, or waive this check by name.",
    )
    operations = facts.database.get("operations") or []
    yield Check(
        "nothing_else_on_database",
        not operations,
        "no backup, restore or integrity check on the database",
        ", ".join(map(str, operations)) or "none",
        facts.instance,
        "Wait until it has ended.",
    )


def clocks(facts: Facts) -> Iterator[Check]:
    found = clock_check.offsets(facts.hosts, facts.database)
    spread = clock_check.spread(found)
    yield Check(
        "clocks_agree",
        None if spread is None else spread <= facts.clock_tolerance,
        f"the clocks of control node, nodes and SQL Server within {facts.clock_tolerance} s, since the newest run and restore point are told by time",
        f"ahead of the control node: {clock_check.text(found)}",
        facts.instance,
        "Synchronize them (w32tm /resync on Windows, chrony on the control node), or set octopus_clock_tolerance.",
    )
