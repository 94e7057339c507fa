# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the server itself says of its state, its tasks and its targets that somebody should know before an upgrade. Pure functions, no I/O.

All of them are warnings: each is something that an upgrade bears, and that may not be meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from .check import Check, unknown
from .database.schema import moment_of
from .errors import OctopusError
from .plan_facts import Facts
from .version import Version

_SOON = timedelta(days=30)
_MANY = 5
# The oldest Tentacle that the vendor's page has as compatible, by the server's version: https://octopus.com/docs/support/compatibility
_SPACES, _OLDEST = Version.parse("2019.1"), Version.parse("4.0")
_POLLING = "TentacleActive"


def checks(facts: Facts, target: str, now: datetime | None = None) -> Iterator[Check]:
    """Yield the checks.

    Args:
        facts: What preflight read.
        target: The version to end at.
        now: The time, for what ends soon.
    """
    now = now or datetime.now(timezone.utc)
    yield from _left_behind(facts)
    yield from _registered(facts)
    yield from _license(facts, now)
    readiness = facts.server.get("readiness")
    if readiness is not None:
        # By the clock of SQL Server, which is that of the queue.
        yield _queued(facts, readiness, moment_of(facts.database.get("now")) or now)
        yield _integrity(facts, readiness)
        yield from _tentacles(facts, readiness, target)


def _left_behind(facts: Facts) -> Iterator[Check]:
    maintenance = facts.server.get("maintenance")
    if maintenance is not None:
        on = bool(maintenance.get("enabled"))
        yield Check(
            "maintenance_off",
            not on,
            "maintenance mode off, as it is again after the upgrade",
            "that it is on, and will be left on" if on else "that it is",
            facts.instance,
            "Turn it off if nobody has meant that: an upgrade that broke off may have left it so.",
            blocking=False,
        )
    drained = [str(row["name"]) for row in facts.server.get("nodes") or [] if row.get("draining") and not row.get("offline")]
    yield Check(
        "nodes_undrained",
        not drained,
        "no node that is drained, as it is again after the upgrade",
        f"that {', '.join(drained)} {'is' if len(drained) == 1 else 'are'}, and will be left so" if drained else "none",
        facts.instance,
        "Turn draining off if nobody has meant that.",
        blocking=False,
    )


def _registered(facts: Facts) -> Iterator[Check]:
    known = {str(row["name"]).lower() for row in facts.server.get("nodes") or []}
    if not known:
        return
    for node, _host, instance in facts.each():
        name = str(instance.get("node_name") or node)
        yield Check(
            "node_registered",
            name.lower() in known,
            "every node of the inventory to be one of this server's",
            "that it is" if name.lower() in known else f"that the server has no node {name}, but {', '.join(sorted(known))}",
            node,
            "It may belong to another instance, or its service has never started with this database. Check octopus_instance of the host.",
            blocking=False,
        )


def _license(facts: Facts, now: datetime) -> Iterator[Check]:
    expires = moment_of((facts.server.get("license") or {}).get("expires"))
    if expires is None or expires.year <= 1:  # the row licence-format of the catalogue says that
        return
    yield Check(
        "license_lasts",
        expires > now + _SOON,
        f"a licence that does not end within {_SOON.days} days",
        f"that it ends on {expires:%Y-%m-%d}",
        facts.instance,
        "Renew it before the upgrade: without one that is valid, newer versions refuse to upgrade or to start.",
        blocking=False,
    )


def _queued(facts: Facts, readiness: Mapping[str, Any], now: datetime) -> Check:
    """Of the queue, what waits for a node; what is scheduled for later is none of it."""
    queue = readiness.get("tasks_queued")
    due = [str(task["task"]) for task in queue or [] if (moment_of(task.get("due")) or now) <= now]
    later = f" ({len(queue) - len(due)} scheduled for later)" if queue and len(queue) > len(due) else ""
    return Check(
        "no_tasks_queued",
        None if queue is None else not due,
        "no task in the queue, since what does not begin before the outage runs at the new version",
        unknown("the server does not say") if queue is None else f"{_some(due) or 'none'}{later}",
        facts.instance,
        "Choose another moment, or cancel those that must not run at the new version.",
        blocking=False,
    )


def _integrity(facts: Facts, readiness: Mapping[str, Any]) -> Check:
    found = readiness.get("integrity_check")
    clean = None if not found else found["state"] == "Success" and not found["warnings"]
    told = unknown("the server does not say") if found is None else unknown("this server has none that it ran")
    if found:
        told = (
            f"{found['state']}{' with warnings' if found['warnings'] else ''} on {found['completed'] or 'an unknown date'}, {found['task']}"
        )
    return Check(
        "integrity_checked",
        clean,
        "a System Integrity Check that ended without warnings",
        told,
        facts.instance,
        "Run it (Configuration, Diagnostics), and solve what its log says. Indexes and columns that differ from the product's stop schema upgrades.",
        blocking=False,
    )


def _tentacles(facts: Facts, readiness: Mapping[str, Any], target: str) -> Iterator[Check]:
    machines = readiness.get("machines")
    if machines is None:
        for name, expected in (
            ("tentacles_supported", f"Tentacles that {target} works with"),
            ("polling_tentacles", "the Tentacles to be known"),
        ):
            told = unknown("the user of the API key may not see targets")
            yield Check(name, None, expected, told, facts.instance, "Grant the user MachineView and WorkerView.", blocking=False)
        return
    tentacles = [one for one in machines if str(one.get("style") or "").startswith("Tentacle")]
    versions = {one["name"]: _version(one.get("version")) for one in tentacles}
    old = [f"{name} {version}" for name, version in versions.items() if version is not None and version < _OLDEST]
    unsaid = [name for name, version in versions.items() if version is None]
    if Version.parse(target) >= _SPACES:
        told = f"older: {_some(old)}" if old else unknown(f"no version of {_some(unsaid)}") if unsaid else f"{len(tentacles)} that are"
        yield Check(
            "tentacles_supported",
            False if old else None if unsaid else True,
            f"Tentacles of {_OLDEST} or later, which {target} works with",
            told,
            facts.instance,
            "Upgrade them before the server." if old else "A health check makes them known.",
            blocking=False,
        )
    polling = [one for one in tentacles if one.get("style") == _POLLING]
    yield Check(
        "polling_tentacles",
        True,
        "the Tentacles to be known",
        f"{len(polling)} polling and {len(tentacles) - len(polling)} listening, of {len(machines)} targets and workers. Polling ones come back by "
        "themselves once each node that they poll listens again",
        facts.instance,
        blocking=False,
    )


def _version(text: Any) -> Version | None:
    try:
        return Version.parse(str(text)) if text else None
    except OctopusError:
        return None


def _some(names: list[str]) -> str:
    return ", ".join(names[:_MANY]) + (f" and {len(names) - _MANY} more" if len(names) > _MANY else "")
