# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults are chosen by what a step really did, whatever it is called."""

from __future__ import annotations

from typing import Any

import pytest
from lab.core.faults import FAULTS
from lab.core.ledger import Event
from scenarios.chaos.effects import HOLD, Break, Moment, breaks, failures, moments
from scenarios.chaos.survey import steps_of


def _event(kind: str, machine: str = "octo01", **fields: Any) -> Event:
    return Event(0, 0.0, kind, machine, fields)


COMMAND = _event("winrm.command", command="cmd.exe", arguments="/c ver")
STATEMENT = _event("sql", "sql01", sql="SELECT 1", login="octopus_upgrade")
READ = _event("rest", method="GET", path="/api/tasks", status=200, user="admin")
CHANGE = _event("rest", method="PUT", path="/api/maintenanceconfiguration", status=200, user="admin")
DOWNLOAD = _event("http", "releases", method="GET", path="/octopus/Octopus.msi", status=200)
JOB = _event("task.run", name="\\octopus.upgrade\\install-2026.2.9853-8c20772bc0", account="SYSTEM", by="LAB\\admin")
BACKUP = _event("sql.backup", "sql01", action="start", database="OctopusDeploy")
RESTORE = _event("sql.restore", "sql01", action="start", database="OctopusDeploy")
SCHEMA = _event("octopus", what="schema upgrade", action="start", version="2026.2.9853")
MSI = _event("msi", action="install", product="Octopus", version="2026.2.9853", exit_code=0)
START = _event("service.state", name="OctopusDeploy", state="START_PENDING", by="sc")
STOP = _event("service.state", name="OctopusDeploy", state="STOP_PENDING", by="sc")
BACKGROUND = [
    _event("sql", "sql01", sql="SELECT 1", login="octopus"),
    _event("task.run", name="\\Octopus Watchdog OctopusServer", account="SYSTEM", by="trigger"),
    _event("service.state", name="OctopusDeploy", state="START_PENDING", by="boot"),
    _event("octopus", what="trigger", task="ServerTasks-1"),
    _event("http", "releases", method="HEAD", path="/octopus/Octopus.msi", status=200),
    _event("process.start", argv=["x"]),
]


@pytest.mark.parametrize(
    ("event", "fault"),
    [(COMMAND, "winrm.drop"), (STATEMENT, "sql.refuse"), (READ, "api.error"), (CHANGE, "api.error"), (DOWNLOAD, "download.fail")],
)
def test_each_connection_is_broken_in_its_own_way(event: Event, fault: str) -> None:
    [found] = breaks([*BACKGROUND, event], 0)
    assert (found.fault, found.machine) == (fault, event.machine)


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        (SCHEMA, Break("schema.fail", "octo01")),
        (MSI, Break("msi.fail", "octo01", params={"phase": "install"})),
        (BACKUP, Break("sql.kill_backup", "sql01")),
        (START, Break("service.fail_start", "octo01", params={"service": "OctopusDeploy"})),
        (JOB, Break("job.vanish", "octo01", params={"task": "\\octopus.upgrade\\install-2026.2.9853"})),
        (CHANGE, Break("api.error", "octo01", params={"path": "/api/maintenanceconfiguration", "method": "PUT", "status": 500})),
    ],
)
def test_each_remote_step_fails_in_its_own_way(event: Event, wanted: Break) -> None:
    assert failures([*BACKGROUND, COMMAND, event]) == [wanted]


def test_a_service_that_hangs_stops_in_the_end() -> None:
    [found] = failures([STOP])
    assert found.fault == "service.hang_stop" and found.hold


def test_a_restore_is_killed_as_soon_as_the_lab_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAULTS, "sql.kill_restore", "a fault of a later lab")
    assert failures([RESTORE]) == [Break("sql.kill_restore", "sql01")]
    monkeypatch.delitem(FAULTS, "sql.kill_restore")
    assert failures([RESTORE]) == []


def test_what_runs_by_itself_is_no_part_of_a_step() -> None:
    assert (breaks(BACKGROUND, 0), failures(BACKGROUND), moments(BACKGROUND)) == ([], [], [])


def test_the_most_telling_failure_and_moment_come_first() -> None:
    events = [COMMAND, JOB, SCHEMA]
    assert [one.fault for one in failures(events)] == ["schema.fail", "job.vanish"]
    assert [one.kind for one in moments(events)] == ["octopus", "task.run"]


def test_turns_take_another_connection_and_another_way() -> None:
    assert [breaks([COMMAND, STATEMENT, READ], turn)[0].fault for turn in range(3)] == ["winrm.drop", "sql.refuse", "api.error"]
    ways = [breaks([COMMAND], turn)[0] for turn in range(3)]
    assert [way.fault for way in ways] == ["winrm.drop", "winrm.drop", "winrm.refuse"]
    assert [way.params.get("executed") for way in ways] == [True, False, None]
    assert ways[2].times is None and ways[2].hold == HOLD


def test_every_fault_exists_in_the_lab() -> None:
    events = [COMMAND, STATEMENT, READ, CHANGE, DOWNLOAD, JOB, BACKUP, RESTORE, SCHEMA, MSI, START, STOP]
    assert {one.fault for turn in range(3) for one in (*breaks(events, turn), *failures(events))} <= set(FAULTS)


def test_a_moment_knows_its_event_in_another_lab() -> None:
    [moment] = moments([JOB])
    assert moment.is_it(_event("task.run", name="\\octopus.upgrade\\install-2026.2.9853-0000000000", account="SYSTEM", by="x"))
    assert not moment.is_it(_event("task.run", name="\\octopus.upgrade\\schema-8c20772bc0"))
    assert not moment.is_it(_event("task.run", "octo02", name="\\octopus.upgrade\\install-2026.2.9853-0000000000"))
    [service] = moments([STOP])
    assert service == Moment("service.state", "octo01", {"name": "OctopusDeploy", "state": "STOP_PENDING"})
    assert not service.is_it(START)


def test_a_step_has_what_happened_until_the_next_one() -> None:
    events = [COMMAND, STATEMENT, STATEMENT, READ]
    steps = steps_of({"one": 1, "two": 3}, events, 4, ["one", "two"])
    assert [(step.name, [one.fault for one in step.breaks]) for step in steps] == [("one", ["sql.refuse"]), ("two", ["api.error"])]
    [two] = steps_of({"one": 1, "two": 3}, events, 4, ["two"])
    assert [one.fault for one in two.breaks] == ["api.error"]
