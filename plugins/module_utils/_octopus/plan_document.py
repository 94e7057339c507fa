# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan as a document: what plan_text.py renders, what is written to octopus_plan_file, and what an approved plan is compared by. No I/O.

``docs/plan.schema.json`` describes it. It holds no secret: what is read of hosts and databases has none, and nothing else goes in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from . import outage, unknowns
from .check import VERDICTS, Check
from .check_guide.catalogue import phase_of
from .path.row import Kind
from .path.solver import Path
from .plan_facts import Facts

FORMAT = 1
READY, BLOCKED, NOTHING = "ready", "blocked", "nothing_to_do"
_CHECK = ("name", "where", "expected", "found", "todo")


@dataclass(frozen=True)
class Setting:
    """What a plan names besides the facts.

    Attributes:
        coordinator: The node on which Ansible runs the instance's tasks.
        sql: The SQL Server of the database, and its name.
        backup_folder: The folder of the instance's restore points.
        restore_point: The id of the restore point that this run would create.
        copies: What octopus_folders_backup returned in check mode.
        commands: The command that goes on from here, and the one that makes this plan again.
        notes: What else somebody should know, each a sentence.
        now: The time.
    """

    coordinator: str = ""
    sql: Mapping[str, str] | None = None
    backup_folder: str = ""
    restore_point: str | None = None
    copies: Mapping[str, Any] | None = None
    commands: Mapping[str, str] | None = None
    notes: tuple[str, ...] = ()
    now: datetime | None = None


def document(facts: Facts, target: str, way: Path, found: list[Check], setting: Setting) -> dict[str, Any]:
    """Return the plan.

    Args:
        facts: What preflight read.
        target: The version to end at.
        way: The upgrade path.
        found: Every check.
        setting: What it names besides.
    """
    path = [str(version) for version in way.versions]
    blocked = any(check.blocks for check in found)
    return {
        "format": FORMAT,
        "made": (setting.now or datetime.now(timezone.utc)).isoformat(timespec="seconds"),
        "verdict": BLOCKED if blocked else READY if path else NOTHING,
        "instance": facts.instance,
        "installation_id": facts.server.get("installation_id"),
        "installed": facts.server["version"],
        "target": target,
        "path": [_jump(jump) for jump in way.jumps],
        "coordinator": setting.coordinator,
        "nodes": [_node(facts, node) for node in facts.nodes],
        "database": _database(facts, setting),
        "restore_points": setting.backup_folder,
        "restore_point": setting.restore_point,
        "running_tasks": len(facts.server.get("running_tasks") or []),
        "checks": _checks(found),
        "staged": _staged(facts, path),
        "sizes": _sizes(facts, setting),
        "outage": outage.estimate(path, facts.database.get("used_bytes"), facts.rehearsal) if path else None,
        "test_instance": _tested((facts.rehearsal or {}).get("tested")),
        "afterwards": _afterwards(facts, target, setting) if path else [],
        "notes": list(setting.notes),
        "command": (setting.commands or {}).get("again" if blocked else "upgrade"),
    }


def _tested(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """How the last upgrade of a test instance ended."""
    if not found:
        return None
    names = {"name": "test_instance", "from": "from_version", "to": "to_version"}
    return {**{name: found[own] for name, own in names.items()}, **{name: found[name] for name in ("verdict", "finished", "same_path")}}


def _jump(jump: Any) -> dict[str, Any]:
    """One part of the path, with the reason of its end and what to know of it."""
    noted = [one.row for one in jump.crossings if not one.blocks and one.holds and not one.row.answered]
    return {
        "from": str(jump.origin),
        "to": str(jump.target),
        "reasons": [{"id": row.id, "text": f"{row.problem}."} for row in jump.avoids],
        "notes": [
            {"id": row.id, "kind": "slow" if row.kind is Kind.SLOW else "note", "text": f"{row.problem}. {row.way}."} for row in noted
        ],
        "undecided": [one.row.id for one in jump.crossings if not one.blocks and one.holds is None and not one.row.answered],
    }


def _node(facts: Facts, node: str) -> dict[str, Any]:
    host = facts.hosts.get(node, {})
    return {
        "name": node,
        "node_name": facts.on(node).get("node_name"),
        "windows": (host.get("os") or {}).get("name"),
        "version": (host.get("program") or {}).get("version"),
        "free_bytes": dict(host.get("free_bytes") or {}),
    }


def _database(facts: Facts, setting: Setting) -> dict[str, Any]:
    sql = setting.sql or {}
    return {
        "server": str(sql.get("host") or facts.database.get("server") or ""),
        "name": str(sql.get("database") or facts.database.get("database") or ""),
        "sql_server": facts.database.get("server_version"),
        "used_bytes": facts.database.get("used_bytes"),
    }


def _checks(found: list[Check]) -> list[dict[str, Any]]:
    """Every check once; findings of one check at one place stay apart, since each has something of its own to do."""
    return [
        {
            **{name: getattr(check, name) for name in _CHECK},
            "phase": phase_of(check.name).key,
            "verdict": check.verdict,
            "blocks": check.blocks,
        }
        for check in found
    ]


def _staged(facts: Facts, path: list[str]) -> list[dict[str, Any]]:
    """What is put onto each node before the outage: the packages of the path, and of the installed version for a rollback."""
    rows = []
    for version in [*path, facts.server["version"]] if path else []:
        for node, package in sorted((facts.packages.get(version) or {}).items()):
            rows.append(
                {
                    "version": version,
                    "node": node,
                    "path": package.get("path"),
                    "bytes": package.get("size"),
                    "sha256": package.get("sha256"),
                    "signature": (package.get("signature") or {}).get("verdict"),
                    "there": package.get("fetched") is False,
                }
            )
    return rows


def _sizes(facts: Facts, setting: Setting) -> dict[str, Any]:
    folders = ((setting.copies or {}).get("folders") or {}).items()
    return {
        "backup_bytes": facts.backup.get("estimated_bytes"),
        "folders": {
            name: {"files": one.get("copied_files"), "bytes": one.get("copied_bytes"), "path": one.get("source")} for name, one in folders
        },
        "outlook": list((setting.copies or {}).get("outlook") or []),
    }


def _afterwards(facts: Facts, target: str, setting: Setting) -> list[str]:
    """What is different once the upgrade has been published."""
    point = f" {setting.backup_folder}\\{setting.restore_point}" if setting.restore_point and setting.backup_folder else ""
    drained = [str(row["name"]) for row in facts.server.get("nodes") or [] if row.get("draining")]
    kept = [
        "maintenance mode on" if (facts.server.get("maintenance") or {}).get("enabled") else "",
        f"{', '.join(drained)} drained" if drained else "",
    ]
    same = ", ".join(word for word in kept if word)
    waiting = [unknowns.asked(one) for one in facts.server.get("interruptions") or []]
    fate = "cancelled" if facts.interventions == "cancel" else "left waiting"
    return [
        f"Octopus Server {target} runs on {', '.join(facts.nodes)}. No older version opens its database: only a rollback returns to "
        f"{facts.server['version']}.",
        f"There is a new restore point{point}, and the packages stay on the nodes.",
        f"Maintenance mode, drained nodes, start types and watchdog are as they were before{f': {same}' if same else ''}.",
        *(f"{fate}: {one}" for one in waiting),
    ]


def counts(checks: list[Mapping[str, Any]]) -> dict[str, int]:
    """How many checks there are of each verdict, the worst first; those without any left out."""
    found = [str(check["verdict"]) for check in checks]
    return {verdict: found.count(verdict) for verdict in VERDICTS if verdict in found}
