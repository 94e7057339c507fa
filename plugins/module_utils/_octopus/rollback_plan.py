# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rollback to a restore point would lose, whether that needs consent, and the lines that show it. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Verdicts of a run that ended with a rollback.
ROLLED_BACK = ("rolled_back", "failed_rolled_back")


@dataclass(frozen=True)
class Facts:
    """What is known before a rollback.

    Attributes:
        instance: The name of the instance.
        restore_point: The id of the restore point to roll back to.
        manifest: Its manifest, of which ``version`` and ``database.as_of`` count.
        database: What octopus_database_info returned, with ``newer``: since the restore point's moment.
        hosts: What octopus_info returned of the nodes.
        unfinished: Whether a run of the instance has not ended, which the rollback ends.
        published: Whether that run has let users back in.
        last_run: The record of the last run that ended.
        named: Whether the operator named the restore point.
        programs_only: Whether database and folders stay as they are.
    """

    instance: str
    restore_point: str
    manifest: Mapping[str, Any]
    database: Mapping[str, Any]
    hosts: Mapping[str, Any] = field(default_factory=dict)
    unfinished: bool = False
    published: bool = False
    last_run: Mapping[str, Any] = field(default_factory=dict)
    named: bool = False
    programs_only: bool = False

    @property
    def version(self) -> str:
        return str(self.manifest["version"])

    @property
    def as_of(self) -> str:
        """The moment that the rollback returns to."""
        return str(self.manifest["database"]["as_of"])


def lost(facts: Facts) -> list[dict[str, Any]]:
    """What is newer than the restore point: for each kind of which there is any, its count and the times of the first and the last."""
    return [
        {"kind": kind, "count": entry["count"], "first": entry["first"], "last": entry["last"]}
        for kind, entry in facts.database["newer"].items()
        if entry and entry["count"]
    ]


def was_rolled_back(facts: Facts) -> bool:
    """Whether the last run rolled back to this restore point.

    A server that runs writes something newer by itself, such as its scheduled tasks. So that a second run does not roll back once more
    because of these, the operator has to name the restore point for that.
    """
    return (
        not facts.unfinished
        and not facts.named
        and facts.last_run.get("verdict") in ROLLED_BACK
        and facts.last_run.get("restore_point") == facts.restore_point
    )


def nothing_to_do(facts: Facts) -> bool:
    """Whether the instance is as the restore point has it."""
    programs = {(host.get("program") or {}).get("version") for host in facts.hosts.values()}
    if facts.unfinished or programs != {facts.version}:
        return False
    return facts.programs_only or (facts.database["version"] == facts.version and (was_rolled_back(facts) or not lost(facts)))


def consent_needed(facts: Facts) -> bool:
    """Whether users would lose something. While a run has not let them back in, nothing is theirs."""
    published = facts.published or not facts.unfinished
    return published and bool(lost(facts)) and not facts.programs_only and not nothing_to_do(facts)


def refusal(facts: Facts) -> str:
    """What a rollback without consent fails with; empty where none is needed."""
    if not consent_needed(facts):
        return ""
    counted = ", ".join(f"{one['count']} {one['kind']}" for one in lost(facts))
    return (
        f"Expected consent to lose what is newer than the restore point {facts.restore_point}, but found {counted} in "
        f"{facts.database['database']} on {facts.database['server']} since {facts.as_of}. Nothing was changed. "
        "Set octopus_confirm_loss: true to roll back nevertheless, or octopus_restore_point to a newer one."
    )


def lines(facts: Facts) -> list[str]:
    """What the rollback does and loses, as a person reads it."""
    return [
        f"{facts.instance}: back to {facts.version}, as it was at {facts.as_of} (restore point {facts.restore_point})",
        *_consequences(facts),
    ]


def _consequences(facts: Facts) -> list[str]:
    if nothing_to_do(facts):
        if was_rolled_back(facts):
            return [
                "The instance was rolled back to it already; there is nothing to do.",
                "To roll back to it once more, set octopus_restore_point to it.",
            ]
        return ["The instance is as it was then; there is nothing to do."]
    if facts.programs_only:
        return ["Database and folders stay as they are; nothing is lost."]
    return [f"lost: {one['kind']} | {one['count']} | {one['first']} | {one['last']}" for one in lost(facts)] or [
        "Nothing is newer than that; nothing is lost."
    ]
