# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of an upgrade: every named check of what was found, the state to return to, and what stands in the way. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._windows.services import SETTABLE

from . import (
    asked_checks,
    assumption_checks,
    availability_checks,
    database_checks,
    host_checks,
    instance_checks,
    looked_checks,
    package_checks,
    path_checks,
    rehearsal_checks,
    rollback_checks,
    room_checks,
    server_checks,
    unknowns,
)
from .check import UNLISTED, Check, waive
from .check_guide.catalogue import GUIDE
from .plan_facts import Facts
from .verification import verdicts

# The name of every check: what may be waived, whether or not the check applies to this instance or at this point.
# Those of the verification are told after an upgrade, and waived with the others before it.
NAMES = (*GUIDE, *(name for name in path_checks.NAMES if name not in GUIDE), *verdicts.NAMES)


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
        *instance_checks.instance(facts),
        *instance_checks.versions(facts, target),
        *way,
        *instance_checks.cluster(facts),
        *asked_checks.checks({node: facts.on(node) for node in facts.nodes}, facts.database, path),
        *instance_checks.license(facts),
        *instance_checks.running(facts),
        *_room(facts, path),
        *rollback_checks.checks(facts.database, keeps=facts.rollback_keeps, path=path, rejoins=facts.rejoins),
        *(package_checks.checks(facts.packages, facts.server["version"], facts.nodes, facts.instance) if path else []),
        *looked_checks.checks(facts),
        *assumption_checks.checks(facts.compatibility, facts.instance),
        *rehearsal_checks.checks(facts, path),
        *instance_checks.clocks(facts),
        Check(**unknowns.folders(facts.server, facts.instance)),
        Check(**unknowns.heartbeats(facts.database, facts.instance)),
        *([Check(**unknowns.interruptions(facts.server, facts.interventions, facts.instance))] if path or facts.stops_service else []),
        *(host_checks.checks(facts, path) if path else []),
        *(database_checks.checks(facts.database) if path else []),
        *(server_checks.checks(facts, target) if path else []),
    ]
    waive(found, waivers)
    return found


def _room(facts: Facts, path: list[str]) -> Iterator[Check]:
    yield from room_checks.on_nodes(facts.nodes, facts.hosts, facts.packages, path)
    yield from room_checks.on_sql_server(facts.database, path)
    yield from room_checks.for_backup(facts.backup, facts.rehearsal)
    yield from room_checks.for_rollback(facts.database, facts.rehearsal, keeps=facts.rollback_keeps, path=path)


def before(facts: Facts) -> dict[str, Any]:
    """The state to return the instance in: maintenance mode, drained nodes, task caps, nodes whose watchdog is on, start types that can be set."""
    rows = {str(row["name"]).lower(): row for row in facts.server.get("nodes") or []}
    own = {node: rows.get(str(facts.on(node).get("node_name") or node).lower()) or {} for node in facts.nodes}
    return {
        "maintenance": bool((facts.server.get("maintenance") or {}).get("enabled")),
        "drained": [node for node, row in own.items() if row.get("draining")],
        # Of those that cannot be drained: before February 2018 a server does not drain its last node.
        "task_caps": {node: row["task_cap"] for node, row in own.items() if row.get("task_cap") and not row.get("draining")},
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
    known = {*NAMES, *rows}
    # The names of what is found in a clone have what was found in them: only its quarantine can tell whether one is right.
    return sorted(name for name in set(waivers) - known if not name.startswith(f"{UNLISTED}:"))


def refusal(instance: str, found: Iterable[Check]) -> str:
    """What a plan with blockers fails with, each blocker on its line; empty where there is none."""
    blockers = [check for check in found if check.blocks]
    if not blockers:
        return ""
    lines = "\n".join(f"- {check.sentence()}" for check in blockers)
    return f"Preflight of instance {instance} found {len(blockers)} blocker(s); nothing was changed.\n{lines}"
