# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of a rehearsal, which the upgrade of the source reads before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

# The fields of the rehearsal's run record that matter to the source's upgrade.
FIELDS = ("run_id", "from_version", "to_version", "ladder", "started", "verdict", "outage_seconds", "steps")
SIZES = ("data_bytes", "log_bytes")


def document(
    record: Mapping[str, Any],
    *,
    clone: str,
    clone_of: str,
    restore_point: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any] | None,
    now: datetime | None = None,
) -> dict[str, Any]:
    """Return the record of a rehearsal.

    Args:
        record: The record of the clone's upgrade.
        clone: The clone's instance.
        clone_of: The instance that it is a clone of.
        restore_point: The restore point from which the clone was made.
        before: The sizes of the clone's database before the upgrade.
        after: The sizes after it; None where the upgrade has failed.
        now: When the rehearsal ended, where the run has not finished.
    """
    finished = record.get("finished") or (now or datetime.now(timezone.utc)).isoformat()
    return {
        **{name: record[name] for name in FIELDS if name in record},
        "clone": clone,
        "clone_of": clone_of,
        "restore_point": restore_point,
        "finished": finished,
        "error": record.get("error") or "",
        "growth": growth(before, after),
    }


def of_test_instance(record: Mapping[str, Any], *, clone: str, clone_of: str, now: datetime | None = None) -> dict[str, Any]:
    """Return the record of a test instance's upgrade, without what would be a measure: its database has a part of the data.

    Args:
        record: The record of the upgrade.
        clone: The test instance.
        clone_of: The instance that its projects are from.
        now: When it ended, where the run has not finished.
    """
    whole = document(record, clone=clone, clone_of=clone_of, restore_point="", before={}, after=None, now=now)
    left = {name: value for name, value in whole.items() if name not in ("restore_point", "growth", "outage_seconds")}
    return {**left, "kind": "test_instance", "steps": []}


def growth(before: Mapping[str, Any], after: Mapping[str, Any] | None) -> dict[str, int]:
    """Return by how many bytes data and log have grown; empty where that is not known.

    Args:
        before: ``data_bytes`` and ``log_bytes`` before.
        after: The same after.
    """
    if not after or any(sizes.get(name) is None for sizes in (before, after) for name in SIZES):
        return {}
    return {name: max(after[name] - before[name], 0) for name in SIZES}
