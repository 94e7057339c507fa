# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rollback to a restore point would lose, whether that needs consent, and the lines that show it. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS = ("tasks", "releases", "deployments", "events")  # of what octopus_database_info says what is newer
SYSTEM_USER = "system"  # whose events the server itself has written
# Verdicts of a run that ended with a rollback.
ROLLED_BACK = ("rolled_back", "failed_rolled_back")


@dataclass(frozen=True)
class Facts:
    """What is known before a rollback.

    Attributes:
        instance: The name of the instance.
        restore_point: The id of the restore point to roll back to.
        manifest: Its manifest, of which ``version`` and ``database.as_of`` count.
        database: What octopus_database_info returned, with ``newer``: since the restore point's moment. Where it failed, its result has
            ``msg`` instead: the database that a rollback replaces need not be readable.
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
        for kind, entry in _newer(facts).items()
        if entry and entry["count"]
    ]


def unknown(facts: Facts) -> dict[str, str]:
    """Of which kinds it cannot be told whether anything is newer, each with the reason. That is not the same as nothing."""
    if "newer" not in facts.database:
        why = str(facts.database.get("msg") or "the database was not read")
        return dict.fromkeys(KINDS, why)
    missing = "its table or its time is not in the database, or the login cannot see it"
    return {kind: missing for kind, entry in _newer(facts).items() if entry is None}


def written(facts: Facts) -> list[str]:
    """What users and API clients did since the restore point, as a person reads it; and what cannot be told of that.

    Until an upgrade is published, those who may do so in maintenance mode can have written something.
    """
    why = unknown(facts).get("events")
    if why is not None:
        return [f"whether anybody wrote something since {facts.as_of} cannot be told: {why}"]
    events = _newer(facts).get("events") or {}
    users = {user: count for user, count in (events.get("users") or {}).items() if user != SYSTEM_USER}
    named = [one for one in events.get("examples") or [] if one.get("user") in users]
    return [f"{count} events by {user}" for user, count in users.items()] + [f"{one['when']} {one['user']}: {one['name']}" for one in named]


def _newer(facts: Facts) -> Mapping[str, Any]:
    newer: Mapping[str, Any] = facts.database.get("newer") or {}
    return newer


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
    same = facts.database.get("version") == facts.version
    return facts.programs_only or (same and (was_rolled_back(facts) or not (lost(facts) or unknown(facts))))


def consent_needed(facts: Facts) -> bool:
    """Whether users would or could lose something. While a run has not let them back in, nothing is theirs."""
    published = facts.published or not facts.unfinished
    return published and bool(lost(facts) or unknown(facts)) and not facts.programs_only and not nothing_to_do(facts)


def refusal(facts: Facts) -> str:
    """What a rollback without consent fails with; empty where none is needed."""
    if not consent_needed(facts):
        return ""
    counted = ", ".join(f"{one['count']} {one['kind']}" for one in lost(facts))
    where = f" in {facts.database['database']} on {facts.database['server']}" if "newer" in facts.database else ""
    found = " and ".join(part for part in (counted and f"found {counted}", _untold(facts)) if part)
    return (
        f"Expected consent to lose what is newer than the restore point {facts.restore_point}, but {found}{where} since {facts.as_of}. "
        "Nothing was changed. "
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
    seen = [f"lost: {one['kind']} | {one['count']} | {one['first']} | {one['last']}" for one in lost(facts)]
    untold = [f"cannot be told: {kind} | {why}" for kind, why in unknown(facts).items()]
    return seen + untold or ["Nothing is newer than that; nothing is lost."]


def _untold(facts: Facts) -> str:
    kinds = unknown(facts)
    return f"whether there are newer {', '.join(kinds)} cannot be told ({'; '.join(dict.fromkeys(kinds.values()))})" if kinds else ""
