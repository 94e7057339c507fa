# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a step really does, by the lab's ledger, and from that: what can break in it, and when it is in the middle of its work.

Nothing here knows a step's name, so that a step that is new is broken in its own way without anybody adding it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lab.core.faults import FAULTS
from lab.core.ledger import Event

JOBS = "\\octopus.upgrade\\"
LOGIN = "octopus_upgrade"
JOB_ENDS = "job.vanish"  # by the beginning of the task's name: the rest is a hash of paths and addresses, which differ from lab to lab
HOLD = 2.0  # real seconds that something stays away, where it comes back by itself
AWAY, WRONG = 503, 500
HANG = 30.0  # real seconds that a service which hangs needs to stop; see matrix.VARIABLES


@dataclass(frozen=True)
class Break:
    """A fault of the lab, as it is armed.

    Attributes:
        hold: Real seconds after its first occasion until it is taken back; None: when its ``times`` are over.
    """

    fault: str
    machine: str | None
    times: int | None = 1
    skip: int = 0
    params: dict[str, Any] = field(default_factory=dict)
    hold: float | None = None

    def __str__(self) -> str:
        params = [f"{name}={value}" for name, value in self.params.items()]
        skip = [f"after {self.skip}"] if self.skip else []
        hold = [f"for {self.hold:g} s"] if self.hold else []
        return " ".join([f"{self.fault}@{self.machine}", *params, *skip, *hold])


@dataclass(frozen=True)
class Moment:
    """An event of the ledger that shows a step at work. ``fields`` are equal, ``begins`` names a field and how it begins."""

    kind: str
    machine: str
    fields: dict[str, Any] = field(default_factory=dict)
    begins: tuple[str, str] | None = None

    def is_it(self, event: Event) -> bool:
        if event.kind != self.kind or event.machine != self.machine:
            return False
        if any(event.get(name) != value for name, value in self.fields.items()):
            return False
        return self.begins is None or str(event.get(self.begins[0], "")).startswith(self.begins[1])

    def __str__(self) -> str:
        words = [str(value) for value in self.fields.values()] + ([self.begins[1]] if self.begins else [])
        return " ".join([self.kind, *words])


def breaks(events: Sequence[Event], turn: int) -> list[Break]:
    """Connections that the step uses, each with a way to break it; ``turn`` varies which comes first and how it breaks."""
    found: list[Break] = []
    commands = _first(event for event in events if event.kind == "winrm.command")
    if commands:
        found.append(_winrm(commands.machine, turn))
    statement = _first(event for event in events if event.kind == "sql" and event.get("login") == LOGIN)
    if statement:
        found.append(Break("sql.refuse", statement.machine))
    call = _first(event for event in events if event.kind == "rest" and event.get("user"))
    if call:
        found.append(_rest(call, AWAY if turn % 2 else WRONG))
    download = _first(event for event in events if event.kind == "http" and event["method"] == "GET")
    if download:
        found.append(Break("download.fail", download.machine))
    return _turned([one for one in found if one.fault in FAULTS], turn)


def failures(events: Sequence[Event]) -> list[Break]:
    """Ways in which what the step does on the other side can fail, the most telling first."""
    found: list[Break] = []
    for event in events:
        if event.kind == "octopus" and event.get("what") == "schema upgrade" and event.get("action") == "start":
            found.append(Break("schema.fail", event.machine))
        elif event.kind == "msi":
            found.append(Break("msi.fail", event.machine, params={"phase": event["action"]}))
        elif event.kind in ("sql.backup", "sql.restore") and event["action"] == "start":
            found.append(Break(f"sql.kill_{event.kind.removeprefix('sql.')}", event.machine))
        elif event.kind == "service.state" and _asked(event) and event["state"] == "START_PENDING":
            found.append(Break("service.fail_start", event.machine, params={"service": event["name"]}))
        elif event.kind == "service.state" and _asked(event) and event["state"] == "STOP_PENDING":
            found.append(Break("service.hang_stop", event.machine, params={"service": event["name"]}, hold=HANG))
    found += [Break(JOB_ENDS, event.machine, params={"task": _stem(event["name"])}) for event in events if _is_job(event)]
    changes = [event for event in events if event.kind == "rest" and event.get("user") and event["method"] != "GET"]
    found += [_rest(event, WRONG) for event in changes]
    return [one for one in found if one.fault in FAULTS]


def moments(events: Sequence[Event]) -> list[Moment]:
    """When the step is in the middle of something that goes on without the controller, the most telling first."""
    found: list[tuple[int, Moment]] = []
    for event in events:
        if event.kind == "octopus" and event.get("what") == "schema upgrade" and event.get("action") == "start":
            found.append((0, Moment("octopus", event.machine, {"what": "schema upgrade", "action": "start"})))
        elif event.kind in ("sql.backup", "sql.restore") and event["action"] == "start":
            found.append((1, Moment(event.kind, event.machine, {"action": "start"})))
        elif event.kind == "service.state" and _asked(event) and event["state"].endswith("_PENDING"):
            found.append((2, Moment("service.state", event.machine, {"name": event["name"], "state": event["state"]})))
        elif _is_job(event):
            found.append((3, Moment("task.run", event.machine, begins=("name", _stem(event["name"])))))
        elif event.kind == "rest" and event.get("user") and event["method"] != "GET":
            found.append((4, Moment("rest", event.machine, {"method": event["method"], "path": event["path"]})))
    return [moment for _rank, moment in sorted(found, key=lambda one: one[0])]


def _winrm(machine: str, turn: int) -> Break:
    """A connection that breaks before or after what it was asked for was done; or a host that is away for a while."""
    if turn % 3 == 2:
        return Break("winrm.refuse", machine, times=None, hold=HOLD)
    # Twice: reading is done again once, then that is broken too.
    return Break("winrm.drop", machine, times=1 + turn % 3, skip=turn % 3 * 2, params={"action": "Command", "executed": turn % 3 == 0})


def _rest(event: Event, status: int) -> Break:
    """An API that says no to one request; or (503) that is away for a while, as one is whose load balancer has no node."""
    params = {"path": event["path"], "method": event["method"], "status": status}
    if status == AWAY:
        return Break("api.error", event.machine, None, params=params, hold=HOLD)
    return Break("api.error", event.machine, params=params)


def _asked(event: Event) -> bool:
    """Whether somebody asked for it: not the boot, not the watchdog."""
    return event.get("by") == "sc"


def _is_job(event: Event) -> bool:
    return event.kind == "task.run" and str(event["name"]).startswith(JOBS)


def _stem(name: str) -> str:
    """A job's name without what makes it unlike another with other parameters, such as a host's address."""
    return name.rpartition("-")[0] or name


def _turned(found: list[Break], turn: int) -> list[Break]:
    place = turn % len(found) if found else 0
    return found[place:] + found[:place]


def _first(events: Iterable[Event]) -> Event | None:
    return next(iter(events), None)
