# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of an upgrade: the versions to go through, named checks of what was found, and the lines that show it. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._windows.services import SETTABLE

from . import (
    asked_checks,
    availability_checks,
    clock_check,
    clone_checks,
    package_checks,
    path_checks,
    rollback_checks,
    room_checks,
    unknowns,
)
from .check import Check, unknown
from .errors import OctopusError
from .verification import verdicts
from .version import Version

# The name of every check: what may be waived, whether or not the check applies to this instance or at this point.
NAMES = (
    "instance_found",
    "only_instance_on_host",
    "versions_agree",
    "target_not_older",
    *path_checks.NAMES,
    "node_in_inventory",
    "service_running",
    *asked_checks.NAMES,
    "license_compliant",
    "nothing_else_running",
    "may_see_sessions",
    "nothing_else_on_database",
    *room_checks.NAMES,
    *rollback_checks.NAMES,
    *package_checks.NAMES,
    "rehearsed",
    "clocks_agree",
    *unknowns.NAMES,
    *clone_checks.NAMES,
    *verdicts.NAMES,  # told after an upgrade, and waived with the others before it
)


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
        rehearsal: What octopus_rehearsal_info returned; None where that was not asked yet, empty where it was skipped.
        rehearsal_required: Whether the upgrade needs a rehearsal.
        rehearsal_days: How many days old it may be.
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


def checks(facts: Facts, target: str, path: list[str], waivers: Collection[str] = (), way: Iterable[Check] = ()) -> list[Check]:
    """Every named check of the facts, the most important first.

    Args:
        facts: What preflight read.
        target: The version to end at.
        path: The versions to go through.
        waivers: Names of checks whose findings are accepted.
        way: The checks of the upgrade path (path_checks.py).
    """
    found = [
        *_instance(facts),
        *_versions(facts, target),
        *way,
        *_cluster(facts),
        *asked_checks.checks({node: facts.on(node) for node in facts.nodes}, facts.database, path),
        *_license(facts),
        *_running(facts),
        *_room(facts, path),
        *rollback_checks.checks(
            facts.database, keeps=facts.rollback_keeps, path=path, rejoins=facts.availability_group == REMOVE_AND_REJOIN
        ),
        *(package_checks.checks(facts.packages, facts.server["version"], facts.nodes) if path else []),
        *_rehearsal(facts, path),
        *_clocks(facts),
        Check(**unknowns.folders(facts.server, facts.instance)),
        Check(**unknowns.heartbeats(facts.database, facts.instance)),
        *([Check(**unknowns.interruptions(facts.server, facts.interventions, facts.instance))] if path or facts.stops_service else []),
    ]
    for check in found:
        check.waived = check.ok is not True and check.name in waivers
    return found


def before(facts: Facts) -> dict[str, Any]:
    """The state to return the instance in: maintenance mode, drained nodes, nodes whose watchdog is on, start types that can be set."""
    drained = {str(row["name"]).lower() for row in facts.server.get("nodes") or [] if row.get("draining")}
    return {
        "maintenance": bool((facts.server.get("maintenance") or {}).get("enabled")),
        "drained": [node for node in facts.nodes if str(facts.on(node).get("node_name") or node).lower() in drained],
        "watched": [node for node in facts.nodes if (facts.hosts.get(node, {}).get("watchdog") or {}).get("enabled")],
        "start_types": {
            node: kind for node in facts.nodes if (kind := (facts.on(node).get("service") or {}).get("start_type")) in SETTABLE
        },
        # In the manifest, so that a rollback knows the group although the database is no longer in it, from whichever control node.
        **({"availability_group": group} if (group := availability_checks.before(facts.database)) else {}),
    }


def unknown_waivers(waivers: Collection[str], rows: Iterable[str] = ()) -> list[str]:
    """Waivers that name no check: a typing error would otherwise be noticed too late.

    Args:
        waivers: The names.
        rows: Ids of rows that the user added to the catalogue of upgrade jumps.
    """
    return sorted(set(waivers) - set(NAMES) - set(rows))


def as_dicts(found: list[Check]) -> list[dict[str, Any]]:
    return [asdict(check) for check in found]


def refusal(instance: str, found: list[Check]) -> str:
    """What a plan with blockers fails with, each blocker on its line; empty where there is none."""
    blockers = [check for check in found if check.blocks]
    if not blockers:
        return ""
    lines = "\n".join(f"- {check.sentence()}" for check in blockers)
    return f"Preflight of instance {instance} found {len(blockers)} blocker(s); nothing was changed.\n{lines}"


@dataclass(frozen=True)
class Setting:
    """What the lines name besides the facts.

    Attributes:
        coordinator: The node on which Ansible runs the instance's tasks.
        database: The database, and its SQL Server.
        backup_folder: The folder of the instance's restore points.
        restore_point: The id of the restore point that the upgrade would create.
        path: What to know of the upgrade path.
    """

    coordinator: str = ""
    database: str = ""
    backup_folder: str = ""
    restore_point: str | None = None
    path: tuple[str, ...] = ()


def lines(facts: Facts, installed: str, path: list[str], found: list[Check], setting: Setting) -> list[str]:
    """The plan as a person reads it."""
    if not path:
        return [f"{facts.instance} is at {installed} already; there is nothing to do."]
    coordinator = f" (coordinator {setting.coordinator})" if setting.coordinator else ""
    waived = sorted({check.name for check in found if check.waived})
    return [
        f"{facts.instance}: {' -> '.join([installed, *path])}",
        *setting.path,
        f"nodes: {', '.join(facts.nodes)}{coordinator}",
        f"database: {setting.database or facts.database.get('database')}",
        *([f"backup: {setting.backup_folder} as {setting.restore_point}"] if setting.backup_folder else []),
        f"running tasks now: {len(facts.server.get('running_tasks') or [])}",
        *[
            f"{'cancelled' if facts.interventions == 'cancel' else 'left waiting'}: {unknowns.asked(one)}"
            for one in facts.server.get("interruptions") or []
        ],
        *([f"rehearsal: {rehearsal_text(facts.rehearsal)}"] if facts.rehearsal is not None else []),
        *rollback_checks.lines(facts.database),
        f"waived: {', '.join(waived) or 'nothing'}",
    ]


def rehearsal_text(rehearsal: dict[str, Any]) -> str:
    """How the newest rehearsal of this upgrade went."""
    if "outlook" not in rehearsal:
        return "not looked up in check mode"
    outlook = rehearsal["outlook"]
    if not outlook:
        return "none of this upgrade"
    outage = f", outage {outlook['outage_seconds']} s" if outlook["succeeded"] else ""
    return f"{outlook['verdict']} on {outlook['clone']} {outlook['age_days']} days ago{outage}"


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
            "no other instance on the host, since all of them share the program folder and are upgraded by one MSI",
            ", ".join(others) or "none",
            node,
            "Stop and back up the others by hand, then waive this check by name.",
        )


def _versions(facts: Facts, target: str) -> Iterator[Check]:
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


def _cluster(facts: Facts) -> Iterator[Check]:
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


def _license(facts: Facts) -> Iterator[Check]:
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


def _running(facts: Facts) -> Iterator[Check]:
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


def _clocks(facts: Facts) -> Iterator[Check]:
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


def _room(facts: Facts, path: list[str]) -> Iterator[Check]:
    yield from room_checks.on_nodes(facts.nodes, facts.hosts, facts.packages, path)
    yield from room_checks.on_sql_server(facts.database, path)
    yield from room_checks.for_backup(facts.backup, facts.rehearsal)
    yield from room_checks.for_rollback(facts.database, facts.rehearsal, keeps=facts.rollback_keeps, path=path)


def _rehearsal(facts: Facts, path: list[str]) -> Iterator[Check]:
    if facts.rehearsal is None or not path or not facts.rehearsal_required:
        return
    outlook = facts.rehearsal.get("outlook") or {}
    yield Check(
        "rehearsed",
        bool(outlook.get("succeeded")) and outlook["age_days"] <= facts.rehearsal_days,
        f"a rehearsal of {facts.server['version']} -> {' -> '.join(path)} that succeeded in the last {facts.rehearsal_days} days",
        rehearsal_text(facts.rehearsal),
        facts.instance,
        "octopus_require_rehearsal asks for one: run upgrade_clone.yml on a clone of it, or waive this check with octopus_waivers: [rehearsed].",
    )
