# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether an instance can be cut over to its clone, or go back to it, and what that means. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .version import Version

CUT_OVER, RESUME, RETURN, UNCHANGED, REFUSE = "cut_over", "resume", "return", "unchanged", "refuse"
MIGRATE, MIGRATE_RETURN = "migrate", "migrate_return"
_KINDS = ("releases", "deployments", "events")
_WAIVABLE = ("same_certificate", "accounts", "drift_unknown")


@dataclass(frozen=True)
class Facts:
    """What is known of both sides.

    Attributes:
        old_name: The instance that is left.
        new_name: The clone that takes its place.
        old: ``error`` where it could not be read; ``unfinished`` and ``last``, as octopus_run_info returns them, ``last_facts``, ``version``,
            ``thumbprint`` and ``url``.
        new: The same of the clone, with ``record``, that of its quarantine, ``running``, ``lifts``, for each item how many rows lifting that would
            restore, as octopus_quarantine returns it, and ``left``, what it would not.
        newer: What was done since, on the side that is left, as octopus_database_info returns it; empty where it is not known.
        since: Since when.
    """

    old_name: str
    new_name: str
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    newer: Mapping[str, Any] = field(default_factory=dict)
    since: str = ""
    fresh: bool = False
    certificate: str = "source"
    confirm_loss: bool = False
    waivers: Sequence[str] = ()


@dataclass(frozen=True)
class Plan:
    """What is to be done, what speaks against it, and what to show."""

    action: str
    blockers: list[dict[str, str]]
    waived: list[str]
    lines: list[str]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def plan(facts: Facts) -> Plan:
    """Plan the cut-over."""
    old = facts.old
    if _operation(old) == MIGRATE and _resumes(old) and _target(old, facts) == facts.new_name:
        return Plan(RESUME, [], [], [*_head(facts), f"the run {old['unfinished']['run_id']} has not ended, and is resumed"])
    if not old.get("unfinished") and _verdict(old) == "migrated" and _target(old, facts) == facts.new_name:
        return Plan(UNCHANGED, [], [], [f"{facts.old_name} was cut over to {facts.new_name} already; nothing to do"])
    found = [*_blocked(facts), *_not_a_clone(facts)]
    if not found:
        found = [*_misfits(facts), *_drift(facts)]
    return _decided(facts, CUT_OVER, found, [*_head(facts), *_means(facts)])


def plan_return(facts: Facts) -> Plan:
    """Plan the way back."""
    old, new = facts.old, facts.new
    head = [f"{facts.new_name} -> {facts.old_name}: the way back"]
    if old.get("error"):
        return _decided(facts, REFUSE, [("source", f"{facts.old_name} cannot be read: {old['error']}")], head)
    under_way = _operation(old) in (MIGRATE, MIGRATE_RETURN)
    if not under_way and old.get("unfinished"):
        return _decided(facts, REFUSE, _blocked(facts), head)
    done = not old.get("unfinished") and _verdict(old) == "migrated"
    if not under_way and not done and _operation(new) not in (MIGRATE, MIGRATE_RETURN):
        return Plan(UNCHANGED, [], [], [f"{facts.old_name} is not cut over; nothing to return from"])
    if _target(old, facts) not in ("", facts.new_name):
        return _decided(
            facts, REFUSE, [("other_clone", f"{facts.old_name} was cut over to {_target(old, facts)}, not to {facts.new_name}")], head
        )
    steps = list((new.get("unfinished") or {}).get("steps") or ())
    published = done or (under_way and (_verdict(new) == "migrated" or "migrate.publish" in steps))
    returning = any(step.startswith("return.") for step in steps)
    found = _drift(facts, back=True) if published and not returning and _operation(old) != MIGRATE_RETURN else []
    return _decided(facts, RETURN, found, [*head, *_said_of(facts)] if published else head)


def _decided(facts: Facts, action: str, found: Sequence[tuple[str, str]], lines: Sequence[str]) -> Plan:
    waived = [name for name, _why in found if name in _WAIVABLE and name in facts.waivers]
    blockers = [{"name": name, "why": why} for name, why in found if name not in waived]
    said = [*lines, *(f"waived: {name}" for name in waived), *(f"blocked ({one['name']}): {one['why']}" for one in blockers)]
    return Plan(REFUSE if blockers else action, blockers, waived, said)


def _operation(side: Mapping[str, Any]) -> str:
    return str((side.get("unfinished") or {}).get("operation") or "")


def _resumes(old: Mapping[str, Any]) -> bool:
    """Whether the unfinished run has changed something: else everything is read and decided anew."""
    return bool((old.get("unfinished") or {}).get("resumes"))


def _verdict(side: Mapping[str, Any]) -> str:
    return str((side.get("last") or {}).get("verdict") or "")


def _target(old: Mapping[str, Any], facts: Facts) -> str:
    """To which clone the old side was, or is being, cut over."""
    known = (old.get("unfinished") or {}).get("facts") or old.get("last_facts") or {}
    return str(known.get("migrate_to") or "")


def _blocked(facts: Facts) -> list[tuple[str, str]]:
    """What has to be finished or repaired first."""
    out = []
    if facts.old.get("error"):
        out.append(("source", f"{facts.old_name} is not ready: {facts.old['error']}"))
    for name, side in ((facts.old_name, facts.old), (facts.new_name, facts.new)):
        run = side.get("unfinished")
        if run and not (side is facts.old and run["operation"] == MIGRATE and not _resumes(side)):
            playbook = "migrate_return.yml" if run["operation"] in (MIGRATE, MIGRATE_RETURN) else run["playbook"]
            out.append(("unfinished_run", f"the {run['operation']} {run['run_id']} of {name} has not ended. Run {playbook} first"))
    if not facts.old.get("unfinished") and _verdict(facts.old) == "migrated":
        out.append(("migrated", f"{facts.old_name} was cut over to {_target(facts.old, facts)}. migrate_return.yml goes back"))
    return out


def _not_a_clone(facts: Facts) -> list[tuple[str, str]]:
    record = facts.new.get("record")
    if not record:
        return [("no_clone", f"{facts.new_name} is no clone under quarantine. Make it with refresh_clone.yml")]
    for how in ("lifted", "lifting"):
        if record.get(how):
            return [("no_clone", f"the quarantine of {facts.new_name} is lifted since {record[how]['at']}")]
    return []


def _misfits(facts: Facts) -> list[tuple[str, str]]:
    old, new = facts.old, facts.new
    out = []
    options = (new.get("record") or {}).get("options") or {}
    if not new.get("running") and not facts.fresh:
        out.append(("clone_running", f"the service of {facts.new_name} does not run. Start it, or make it anew with refresh_clone.yml"))
    other = "certificate" in (options.get("by_program") or ()) or (
        bool(old.get("thumbprint")) and bool(new.get("thumbprint")) and old["thumbprint"].lower() != new["thumbprint"].lower()
    )
    if other and facts.certificate == "source" and not facts.fresh:
        out.append(
            (
                "same_certificate",
                f"{facts.new_name} has a certificate of its own, which no Tentacle of {facts.old_name} trusts. Make it with "
                "octopus_clone_certificate: keep, or set octopus_migrate_certificate: own where no Tentacle has to trust it",
            )
        )
    if options.get("accounts") == "scrub":
        out.append(
            (
                "accounts",
                f"the secrets of the accounts were removed from {facts.new_name} (octopus_clone_accounts), and nothing brings them back",
            )
        )
    if old.get("version") and new.get("version") and Version.parse(new["version"]) < Version.parse(old["version"]) and not facts.fresh:
        out.append(("older_version", f"{facts.new_name} is at {new['version']}, older than {old['version']} of {facts.old_name}"))
    return out


def _counts(facts: Facts) -> dict[str, int]:
    return {kind: int(facts.newer[kind]["count"]) for kind in _KINDS if facts.newer.get(kind)}


def _drift(facts: Facts, back: bool = False) -> list[tuple[str, str]]:
    """What would be lost."""
    if facts.confirm_loss or (facts.fresh and not back):
        return []
    counts = _counts(facts)
    if not counts:
        since = "users were let in" if back else "the copy was made"
        return [("drift_unknown", f"what was done since {since} is unknown. Set octopus_confirm_loss: true where nothing was")]
    if any(counts.values()):
        told = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
        other = "" if back else ", or octopus_migrate_fresh: true"
        return [("drift", f"{told} since {facts.since} would be lost. Set octopus_confirm_loss: true to accept that{other}")]
    return []


def _head(facts: Facts) -> list[str]:
    old, new = facts.old.get("version") or "unknown version", facts.new.get("version") or "unknown version"
    return [f"{facts.old_name} ({old}) -> {facts.new_name} ({new})"]


def _said_of(facts: Facts) -> list[str]:
    counts = _counts(facts)
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "unknown"
    return [f"done since {facts.since or 'then'}: {told}{', all lost' if any(counts.values()) else ''}"]


def _means(facts: Facts) -> list[str]:
    lifts = facts.new.get("lifts") or {}
    lifted = ", ".join(f"{name} {counts['lift']}" for name, counts in lifts.items() if counts.get("lift"))
    left = facts.new.get("left") or []
    return [
        *(["a fresh copy is made of the stopped instance"] if facts.fresh else _said_of(facts)),
        f"lifted: {lifted or 'nothing'}",
        *([f"not lifted, to be set by hand: {', '.join(left)}"] if left else []),
        f"until users are let in to {facts.new_name}, every failure goes back to {facts.old_name}; afterwards migrate_return.yml does, and loses what "
        "was done since",
    ]
