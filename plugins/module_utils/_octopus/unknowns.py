# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of what the product may not tell or people have to answer, as the arguments of a plan's check. Pure functions, no I/O."""

from __future__ import annotations

from typing import Any

from .api.folders import IN_EVERY_VERSION

NAMES = ("folders_known", "heartbeats_readable", "nobody_asked")


def folders(server: dict[str, Any], instance: str) -> dict[str, Any]:
    """Whether every server folder of every version is known, since what is not backed up cannot be restored."""
    known = server.get("folders") or {}
    missing = [name for name in IN_EVERY_VERSION if not known.get(name)]
    return {
        "name": "folders_known",
        "ok": not missing,
        "expected": "the paths of the server folders, which a restore point copies",
        "found": f"no path of {', '.join(missing)}" if missing else ", ".join(str(known[name]) for name in IN_EVERY_VERSION),
        "where": instance,
        "todo": "Before 4.1 neither the REST API nor the command line names them. Give them in octopus_folders, as Octopus Manager shows them.",
    }


def heartbeats(database: dict[str, Any], instance: str) -> dict[str, Any]:
    """Whether it can be told that every node is down before the schema is upgraded: by sessions, or by heartbeats."""
    readable = bool(database.get("heartbeats_readable", True))
    return {
        "name": "heartbeats_readable",
        "ok": readable or bool(database.get("sessions_visible")),
        "expected": "heartbeats of the nodes in a column that is known, or a SQL login that sees sessions, to tell that no node runs",
        "found": "heartbeats in a known column" if readable else "neither a known column nor a login that sees sessions",
        "where": database.get("server") or instance,
        "todo": "Grant the SQL login VIEW SERVER STATE.",
    }


def interruptions(server: dict[str, Any], policy: str, instance: str) -> dict[str, Any]:
    """Whether a task waits for a person. Draining would wait for the answer too, and stopping a node could lose the task."""
    waiting = server.get("interruptions") or []
    return {
        "name": "nobody_asked",
        "ok": not waiting or policy != "refuse",
        "expected": "no task that waits for a person's answer",
        "found": "; ".join(asked(one) for one in waiting) or "none",
        "where": instance,
        "todo": "Have them answered, or set octopus_interventions to leave (they go on waiting after the upgrade) or to cancel.",
    }


def asked(interruption: dict[str, Any]) -> str:
    """One task that waits, as a person reads it."""
    project = f" of project {interruption['project']}" if interruption["project"] else ""
    title = f" at {interruption['title']!r}" if interruption["title"] else ""
    who = " or ".join(interruption["teams"])
    return (
        f"{interruption['task']} ({interruption['description']}){project} waits{title} for {f'team {who}' if who else 'whoever may answer'}"
    )
