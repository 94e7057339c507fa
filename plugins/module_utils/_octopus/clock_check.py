# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the clocks of control node, nodes and SQL Server agree. Pure functions, no I/O.

Runs and restore points are named after the control node's time, and the newest is the one that sorts last; the age of heartbeats and of
backups is SQL Server's; files have their node's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def offsets(hosts: Mapping[str, Mapping[str, Any]], database: Mapping[str, Any]) -> dict[str, int | None]:
    """Return how many seconds each clock is ahead of the control node's; None where that is not known.

    Args:
        hosts: What octopus_info returned of the hosts.
        database: What octopus_database_info returned.
    """
    found = {node: facts.get("clock_offset_seconds") for node, facts in hosts.items()}
    return {**found, str(database.get("server") or "SQL Server"): database.get("clock_offset_seconds")}


def spread(found: Mapping[str, int | None]) -> int | None:
    """Return how many seconds lie between the earliest and the latest clock, the control node's included; None where one is not known."""
    known = [0, *(offset for offset in found.values() if offset is not None)]
    return None if None in found.values() else max(known) - min(known)


def text(found: Mapping[str, int | None]) -> str:
    """The clocks for people."""
    return ", ".join(f"{name} {'unknown' if offset is None else f'{offset:+} s'}" for name, offset in found.items())
