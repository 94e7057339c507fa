# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a server has worked with a database since its backup, by version, schema scripts and heartbeats. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return in what a database differs from what was read of it at its backup, in words; none where nothing has worked with it since.

    What is not known of either moment counts as a difference. Heartbeats are compared with each other, so no clock matters.

    Args:
        then: ``version``, ``schema_scripts`` and ``node_rows``, as octopus_database_info returned them before the backup.
        now: The same, read now.
    """
    pairs = [
        ("version", then.get("version"), now.get("version")),
        ("number of schema scripts", then.get("schema_scripts"), now.get("schema_scripts")),
    ]
    before, after = _heartbeats(then), _heartbeats(now)
    if before is None or after is None:
        pairs.append(("heartbeats", None, None))
    else:
        names = sorted({*before, *after})
        pairs += [(f"last heartbeat of {node}", before.get(node, "none"), after.get(node, "none")) for node in names]
    return [
        f"{what}: unknown" if None in (old, new) else f"{what}: expected {old}, found {new}"
        for what, old, new in pairs
        if old is None or old != new
    ]


def _heartbeats(facts: Mapping[str, Any]) -> dict[str, str | None] | None:
    rows = facts.get("node_rows")
    return {row["name"]: row["last_seen"] for row in rows} if rows else None
