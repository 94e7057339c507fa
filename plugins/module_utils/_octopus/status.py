# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of an instance now, and what to do next, from what could be read of it. Pure functions, no I/O.

Each part may be missing, because it could not be read: what is missing is said to be unknown, and hides nothing of the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from .check import size
from .database.schema import moment_of

RUN_IN_PROGRESS, RUN_UNFINISHED = "run in progress", "run unfinished"
IN_SERVICE, DEGRADED, OUT_OF_SERVICE, UNKNOWN = "in service", "degraded", "out of service", "unknown"
MIGRATED = "migrated"  # to a clone, and stopped for good
STATES = (IN_SERVICE, DEGRADED, OUT_OF_SERVICE, MIGRATED, RUN_IN_PROGRESS, RUN_UNFINISHED, UNKNOWN)
_ROLLS_BACK = ("upgrade", "rollback")


@dataclass(frozen=True)
class Read:
    """What was read, each as the module has returned it; a result that only has ``msg`` could not be read.

    Attributes:
        instance: The instance.
        nodes: The inventory names of its nodes, the coordinator first.
        now: The time of the control node.
        instance_name: Its name on the hosts; empty where they have no other.
        run: What octopus_run_info returned.
        windows: What octopus_info returned of services.
        api: What octopus_info returned of the server.
        points: What octopus_restore_point_info returned.
    """

    instance: str
    nodes: Sequence[str]
    now: datetime
    instance_name: str = ""
    run: Mapping[str, Any] = field(default_factory=dict)
    windows: Mapping[str, Any] = field(default_factory=dict)
    api: Mapping[str, Any] = field(default_factory=dict)
    points: Mapping[str, Any] = field(default_factory=dict)

    @property
    def unfinished(self) -> Mapping[str, Any]:
        return self.run.get("unfinished") or {}

    @property
    def lock(self) -> Mapping[str, Any]:
        return self.run.get("lock") or {}

    @property
    def last(self) -> Mapping[str, Any]:
        return self.run.get("last") or {}

    @property
    def server(self) -> Mapping[str, Any]:
        return self.api.get("server") or {}

    @property
    def is_worked_on(self) -> bool:
        """Whether a process holds the lock that may be alive. The guard has acted only where none has been for long."""
        return bool(self.lock) and not self.lock.get("gone") and not self.unfinished.get("guarded")

    def services(self) -> dict[str, str]:
        """Return the state of the instance's service on each node that has told one."""
        found = {}
        for node in self.nodes:
            name = self._name()
            there = [one for one in self._of(node).get("services") or [] if not name or one["instance"].lower() == name.lower()]
            if len(there) == 1:
                found[node] = str(there[0]["state"])
        return found

    def jobs(self) -> list[str]:
        """Return the jobs that run on the nodes."""
        return [f"{job} on {node}" for node in self.nodes for job in self._of(node).get("running_jobs") or []]

    def drained(self) -> list[str]:
        return [str(row["name"]) for row in self.server.get("nodes") or [] if row.get("draining")]

    def signed(self) -> list[Mapping[str, Any]]:
        return [one for one in self.points.get("restore_points") or [] if one.get("signed")]

    def of_windows(self, node: str) -> Mapping[str, Any]:
        """What Windows told on a node; with ``error`` where it did not."""
        found = (self.windows.get("services") or {}).get(node)
        return found or {"error": self.windows.get("msg") or "it was not asked"}

    def _of(self, node: str) -> Mapping[str, Any]:
        found = self.of_windows(node)
        return {} if found.get("error") else found

    def _name(self) -> str:
        known = (self.unfinished.get("facts") or {}).get("preflight_here") or {}
        return self.instance_name or str(known.get("name") or "")


def state(read: Read) -> str:
    """Return how the instance is, one of :data:`STATES`."""
    if read.is_worked_on:
        return RUN_IN_PROGRESS
    if read.unfinished:
        return RUN_UNFINISHED
    found = list(read.services().values())
    running = [one for one in found if one == "running"]
    if not found:
        return IN_SERVICE if read.server else UNKNOWN
    if not running:
        return MIGRATED if read.last.get("verdict") == MIGRATED else OUT_OF_SERVICE
    whole = len(running) == len(read.nodes) and bool(read.server)
    closed = bool((read.server.get("maintenance") or {}).get("enabled")) or bool(read.drained())
    return IN_SERVICE if whole and not closed and "unfinished" in read.run else DEGRADED


def next_steps(read: Read) -> list[str]:
    """Return what somebody has to do, the most important first; nothing where there is nothing to do."""
    if read.is_worked_on:
        run = read.lock.get("run_id")
        return [
            f"Wait until the run {run} has ended. If you are certain that {read.lock.get('owner')} no longer works on it, run "
            f"{read.unfinished.get('playbook') or 'its playbook'} with octopus_break_lock: {run}."
        ]
    if "unfinished" not in read.run:
        first = [f"Find out why the runs cannot be read: {read.run.get('msg') or 'they were not asked for'}"]
        return first + _of_service(read)
    if read.unfinished:
        return [_resume(read.unfinished)]
    if read.last.get("verdict") == MIGRATED:
        return [_migrated(read)]
    return _of_service(read) + _of_points(read) + _of_retained(read)


def _migrated(read: Read) -> str:
    target = (read.run.get("last_facts") or {}).get("migrate_to") or "its clone"
    running = [node for node, one in read.services().items() if one == "running"]
    if running:
        return f"Stop the service on {', '.join(running)} now: {target} has taken the place of {read.instance}, and both deploy to the same targets."
    return f"Nothing: {target} has taken its place. migrate_return.yml goes back; else take it out of the inventory."


def _resume(run: Mapping[str, Any]) -> str:
    playbook = run.get("playbook")
    if run.get("published"):
        return f"Run {playbook} again to finish it. Do not restore a backup: users may be working."
    if run.get("guarded"):
        return f"The guard has acted, since the control node was gone. Run {playbook} again: it restores service or rolls back first."
    if run.get("schema_failed"):
        return "Run rollback.yml: the database may be changed in part, so the upgrade is not tried again."
    if run.get("roll_back_first") and run.get("operation") != "migrate":
        return f"Run {playbook} again: it restores service or rolls back first, where it was interrupted."
    if not run.get("resumes"):
        return f"Nothing was changed. Run {playbook} again whenever you like."
    if run.get("operation") == "migrate":
        return f"Run {playbook} again to resume it, or migrate_return.yml to go back."
    if run.get("operation") not in _ROLLS_BACK:
        return f"Run {playbook} again to resume it."
    back = "to restore service" if run.get("only_stopped") else "to roll back"
    return f"Run {playbook} again to resume it, or rollback.yml {back}."


def _of_service(read: Read) -> list[str]:
    found = read.services()
    down = [node for node, one in found.items() if one != "running"]
    steps = [f"Find out why the service is {found[node]} on {node}, and start it." for node in down]
    steps += [f"Reach {node}: {told['error']}" for node in read.nodes if (told := read.of_windows(node)).get("error")]
    if jobs := read.jobs():
        steps.append(f"Wait for what still runs there: {', '.join(jobs)}.")
    if not read.server and len(down) < len(read.nodes):
        steps.append(f"Find out why the REST API does not answer: {read.api.get('msg') or 'it was not asked'}")
    if (read.server.get("maintenance") or {}).get("enabled"):
        steps.append("Maintenance mode is on, and no run has left it on: turn it off, unless somebody is at work.")
    if drained := read.drained():
        steps.append(f"Undrain {', '.join(drained)}, unless somebody is at work.")
    return steps


def _of_points(read: Read) -> list[str]:
    if "restore_points" not in read.points:
        return [f"Find out why the restore points cannot be read: {read.points.get('msg') or 'they were not asked for'}"]
    return [] if read.signed() else ["Run backup.yml: there is no signed restore point."]


def _of_retained(read: Read) -> list[str]:
    kept = [one for one in read.run.get("retained") or [] if one.get("due")]
    runs = ", ".join(str(one["run_id"]) for one in kept)
    return [f"Run rollback_cleanup.yml: what was retained of {runs} is due for removal."] if kept else []


# -- as a person reads it


def lines(read: Read) -> list[str]:
    """Return the block of one instance: its state first, what to do last."""
    todo = next_steps(read)
    version = read.server.get("version") or _only({read.of_windows(node).get("version") for node in read.nodes} - {None})
    told = [
        f"{read.instance}: {state(read)}{f', at {version}' if version else ''}",
        f"  nodes: {', '.join(_node(read, node) for node in read.nodes)}",
        f"  run: {_run(read)}",
        f"  maintenance mode: {_maintenance(read)}{_drained(read)}",
        f"  last run: {_last(read)}",
        f"  restore points: {_points(read)}",
        f"  next: {todo[0] if todo else 'nothing'}",
    ]
    return told + [f"        {step}" for step in todo[1:]]


def _only(values: set[Any]) -> Any:
    return next(iter(values)) if len(values) == 1 else None


def _node(read: Read, node: str) -> str:
    told = read.of_windows(node)
    if told.get("error"):
        return f"{node} unknown"
    watchdog = told.get("watchdog")
    watched = "no watchdog" if not watchdog else f"watchdog {'on' if watchdog.get('enabled') else 'off'}"
    return f"{node} {read.services().get(node, 'without the service')} ({watched})"


def _run(read: Read) -> str:
    if "unfinished" not in read.run:
        return "unknown"
    run, lock = read.unfinished, read.lock
    if not run and not lock:
        return "none"
    parts = [f"{run.get('operation') or lock.get('operation') or 'unknown operation'} {run.get('run_id') or lock.get('run_id')}"]
    steps = (run.get("record") or {}).get("steps") or []
    if steps:
        parts.append(f"{'at' if read.is_worked_on else 'stopped at'} {steps[-1]['name']} since {_since(steps[-1]['start'], read.now)}")
    if lock:
        gone = ", whose process has ended" if lock.get("gone") else ""
        parts.append(f"locked by {lock.get('owner')}{gone} since {_since(lock.get('since'), read.now)}")
    else:
        parts.append("nobody works on it")
    if error := (run.get("record") or {}).get("error"):
        parts.append(f"failed: {str(error).splitlines()[0]}")
    return ", ".join(parts)


def _maintenance(read: Read) -> str:
    known = (read.server.get("maintenance") or {}).get("enabled")
    return "unknown" if known is None else "on" if known else "off"


def _drained(read: Read) -> str:
    return f", drained: {', '.join(read.drained())}" if read.drained() else ""


def _last(read: Read) -> str:
    if "last" not in read.run:
        return "unknown"
    if not read.last:
        return "none"
    last = read.last
    versions = [str(version) for version in (last.get("from_version"), last.get("to_version")) if version]
    outage = last.get("outage_seconds")
    what = " ".join([str(last.get("verdict")), *([" -> ".join(versions)] if versions else [])])
    return f"{what}, {_since(last.get('finished'), read.now)}, outage {'none' if outage is None else duration(outage)}"


def _points(read: Read) -> str:
    if "restore_points" not in read.points:
        return "unknown"
    every, signed = read.points["restore_points"], read.signed()
    if not signed:
        return f"none signed, {len(every)} unsigned" if every else "none"
    newest = signed[0]
    verified = newest.get("verified_at")
    facts = [
        f"{newest.get('version')} of {_since(newest.get('as_of') or newest.get('signed_at'), read.now)}",
        size(int(newest["bytes"])) if newest.get("bytes") is not None else "size unknown",
        f"verified {_since(verified, read.now)}" if verified else "not verified",
        str(newest.get("path")),
    ]
    others = f", {len(every) - len(signed)} unsigned" if len(every) > len(signed) else ""
    return f"{len(signed)} signed{others}; newest {', '.join(facts)}"


def _since(text: Any, now: datetime) -> str:
    """Return a time with its age; ``an unknown time`` where it is none."""
    when = moment_of(text)
    if when is None:
        return "an unknown time"
    # In the time zone of the ids of runs and restore points.
    return f"{when.astimezone(timezone.utc):%Y-%m-%d %H:%M:%SZ} ({age((now - when).total_seconds())} ago)"


def age(seconds: float) -> str:
    """Return an age in the largest unit of which there are two."""
    left = max(0, round(seconds))
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if left >= 2 * length:
            return f"{left // length} {unit}"
    return f"{left} s"


def duration(seconds: float) -> str:
    """Return seconds as hh:mm:ss."""
    left = round(seconds)
    return f"{left // 3600:02d}:{left % 3600 // 60:02d}:{left % 60:02d}"
