# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of what the product may not tell, as the arguments of a plan's check: unknown is neither green nor zero. Pure functions, no I/O."""

from __future__ import annotations

from typing import Any

from .api.folders import IN_EVERY_VERSION

NAMES = ("folders_known", "heartbeats_readable")


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
