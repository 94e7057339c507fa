# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of an upgrade: the rungs to climb, and named checks over what was found. Pure: nothing here asks anybody."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from .errors import OctopusError
from .version import Version

# An installation unpacks to about three times its MSI, and both lie on the drive at once (assumed; 2026.2's MSI is 1.4 GB).
INSTALL_FACTOR = 4
MEBIBYTE = 1024 * 1024


@dataclass
class Check:
    """One named finding: whether it is well, what was wanted and found, where, and what to do."""

    name: str
    ok: bool
    wanted: str
    found: str
    where: str
    todo: str = ""
    waived: bool = False

    @property
    def blocks(self) -> bool:
        return not self.ok and not self.waived

    def sentence(self) -> str:
        """One line for people."""
        return f"{self.name} ({self.where}): wanted {self.wanted}; found {self.found}. {self.todo}".rstrip()


@dataclass
class Facts:
    """What preflight read: the returns of octopus_info, octopus_database, and the check-mode runs of octopus_install and mssql_backup."""

    instance: str
    nodes: list[str]
    server: dict[str, Any]
    hosts: dict[str, dict[str, Any]]
    database: dict[str, Any]
    instance_name: str = ""
    packages: dict[str, dict[str, Any]] = field(default_factory=dict)
    backup: dict[str, Any] = field(default_factory=dict)

    def on(self, node: str) -> dict[str, Any]:
        """What was found of this instance on a node; empty where it is not there or cannot be told."""
        found = self.hosts.get(node, {}).get("instances") or []
        if self.instance_name:
            found = [one for one in found if one["name"].lower() == self.instance_name.lower()]
        return found[0] if len(found) == 1 else {}


def rungs(installed: str, wanted: str, ladder: list[str]) -> list[str]:
    """The versions still to climb through, in order; empty where ``installed`` is ``wanted``.

    Raises:
        OctopusError: The ladder does not rise, or does not end at ``wanted``; or one of them is no version.
    """
    steps = list(ladder) or [wanted]
    versions = [Version.parse(step) for step in steps]
    if versions[-1] != Version.parse(wanted):
        raise OctopusError(f"the last rung of octopus_ladder must be octopus_version {wanted}, but it is {steps[-1]}")
    for lower, upper in pairwise(versions):
        if not lower < upper:
            raise OctopusError(f"octopus_ladder must rise, but {upper} follows {lower}")
    have = Version.parse(installed)
    return [step for step, version in zip(steps, versions, strict=True) if version > have]


def checks(facts: Facts, wanted: str, climb: list[str], waivers: Collection[str] = ()) -> list[Check]:
    """Every named check over the facts, in the order in which they are worth reading."""
    found = [
        *_instance(facts),
        *_versions(facts, wanted),
        *_cluster(facts),
        *_license(facts),
        *_running(facts),
        *_space(facts, climb),
    ]
    for check in found:
        check.waived = not check.ok and check.name in waivers
    return found


def before(facts: Facts) -> dict[str, Any]:
    """How the instance was found, for giving it back like that: maintenance mode, drained nodes, nodes with a watchdog that is on."""
    drained = {str(row["name"]).lower() for row in facts.server.get("nodes") or [] if row.get("draining")}
    return {
        "maintenance": bool((facts.server.get("maintenance") or {}).get("enabled")),
        "drained": [node for node in facts.nodes if str(facts.on(node).get("node_name") or node).lower() in drained],
        "watched": [node for node in facts.nodes if (facts.hosts.get(node, {}).get("watchdog") or {}).get("enabled")],
    }


def unknown_waivers(found: list[Check], waivers: Collection[str]) -> list[str]:
    """Waivers that name no check: a typing error there would be noticed too late."""
    return sorted(set(waivers) - {check.name for check in found})


def as_dicts(found: list[Check]) -> list[dict[str, Any]]:
    return [asdict(check) for check in found]


def _instance(facts: Facts) -> Iterator[Check]:
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
            "no other instance on the host, since all of them share the program folder and are upgraded by one MSI run",
            ", ".join(others) or "none",
            node,
            "Stop and back up the others by hand, then waive this check by name.",
        )


def _versions(facts: Facts, wanted: str) -> Iterator[Check]:
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
        "Bring all nodes to the version of the database first (an earlier upgrade may have been left half done).",
    )
    yield Check(
        "target_not_older",
        Version.parse(wanted) >= Version.parse(api),
        f"octopus_version {wanted} at or above what is installed",
        api,
        facts.instance,
        "An upgrade never goes down. To go back to an older version, restore the backup that was taken with it.",
    )


def _same(one: str, other: str) -> bool:
    try:
        return Version.parse(one) == Version.parse(other)
    except OctopusError:
        return False


def _cluster(facts: Facts) -> Iterator[Check]:
    names = {str(facts.on(node).get("node_name") or node).lower(): node for node in facts.nodes}
    for row in facts.server.get("nodes") or []:
        known = str(row["name"]).lower() in names
        yield Check(
            "node_in_inventory",
            known or bool(row.get("offline")),
            "every node that is alive to be in the inventory, because all must be stopped for the schema upgrade",
            "known" if known else f"node {row['name']}, last seen {row.get('last_seen')}, is not in the inventory",
            str(row["name"]),
            f"Add it to the group octopus with octopus_instance: {facts.instance}, or delete the node if it is gone.",
        )
    for node in facts.nodes:
        state = (facts.on(node).get("service") or {}).get("state")
        yield Check(
            "service_running",
            state == "running",
            "the Octopus service running",
            f"service state {state}",
            node,
            "Start it, and see that it stays up, before upgrading it.",
        )


def _license(facts: Facts) -> Iterator[Check]:
    status = facts.server.get("license") or {}
    if status.get("is_compliant") is None:
        return
    yield Check(
        "license_compliant",
        bool(status["is_compliant"]),
        "a compliant licence (newer versions refuse to upgrade or to start without one)",
        str(status.get("summary") or ("compliant" if status["is_compliant"] else "not compliant")),
        facts.instance,
        "Renew the licence, or waive this check by name if the new version is known to take it.",
    )


def _running(facts: Facts) -> Iterator[Check]:
    for node in facts.nodes:
        busy = facts.hosts.get(node, {}).get("running_jobs") or []
        yield Check(
            "nothing_else_running",
            not busy,
            "no unfinished job of another run",
            ", ".join(map(str, busy)) or "none",
            node,
            "Another upgrade may be under way. Wait for it, or remove what an interrupted one left.",
        )
    yield Check(
        "may_see_sessions",
        bool(facts.database.get("sessions_visible", True)),
        "the SQL login to see other sessions, to prove that nobody is left on the database before it is changed",
        "only its own session is shown to it",
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


def _space(facts: Facts, climb: list[str]) -> Iterator[Check]:
    sizes = {version: int(package.get("size") or 0) for version, package in facts.packages.items()}
    if not climb:
        return
    packages = sum(sizes.values())
    needed = packages + max((sizes.get(version, 0) for version in climb), default=0) * (INSTALL_FACTOR - 1)
    for node in facts.nodes:
        for drive, free in sorted((facts.hosts.get(node, {}).get("free_bytes") or {}).items()):
            if not str(facts.hosts[node].get("system_drive") or "C:").lower().startswith(drive.lower()):
                continue
            yield Check(
                "space_on_node",
                int(free) >= needed,
                f"{_size(needed)} free on drive {drive} for {len(sizes)} packages and the installation",
                f"{_size(int(free))}",
                node,
                "Free some room there.",
            )
    for volume in facts.database.get("volumes") or []:
        used = int(facts.database.get("used_bytes") or 0)
        yield Check(
            "space_on_sql_server",
            int(volume["free"]) >= used,
            f"{_size(used)} free (as much as the database uses) on {volume['name']} for the migration scripts",
            _size(int(volume["free"])),
            facts.database.get("server") or "SQL Server",
            "Free some room there; some migrations need as much again as the data they change.",
        )
    free, wanted = facts.backup.get("free_bytes"), facts.backup.get("estimated_bytes")
    if free is not None and wanted is not None:
        yield Check(
            "space_for_backup",
            int(free) >= int(wanted),
            f"{_size(int(wanted))} free where the backup goes",
            _size(int(free)),
            ", ".join(facts.backup.get("paths") or []),
            "Free some room there, or name another octopus_backup_root.",
        )


def _size(value: int) -> str:
    if value >= 1024 * MEBIBYTE:
        return f"{value / (1024 * MEBIBYTE):.1f} GiB"
    return f"{value / MEBIBYTE:.1f} MiB"
