# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How an instance is said to be, and what to do next, whatever could be read of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import status
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.status import Read

NOW = datetime(2026, 11, 25, 14, 0, tzinfo=timezone.utc)
POINT = {
    "id": "20261123T210000Z-2025.3.14357",
    "path": r"\\nas\backups\prod\20261123T210000Z-2025.3.14357",
    "signed": True,
    "signed_at": "2026-11-23T21:14:09Z",
    "as_of": "2026-11-23T21:05:10+01:00",
    "version": "2025.3.14357",
    "bytes": 3 * 1024**3,
    "verified_at": "2026-11-23T21:14:09Z",
}
LAST = {
    "run_id": "R0",
    "verdict": "upgraded",
    "from_version": "2025.3.14357",
    "to_version": "2026.2.9853",
    "finished": "2026-11-23T22:00:00+00:00",
    "outage_seconds": 3751.2,
}
LOCK = {"run_id": "R1", "owner": "anna@ctrl1", "operation": "upgrade", "since": "2026-11-25T13:00:00+00:00", "gone": False}


def node(state: str = "running", **more: Any) -> dict[str, Any]:
    service = {"name": "OctopusDeploy", "instance": "OctopusServer", "state": state, "start_type": "auto"}
    return {"error": None, "version": "2026.2.9853", "services": [service], "watchdog": {"enabled": True}, "running_jobs": [], **more}


def unfinished(**more: Any) -> dict[str, Any]:
    return {
        "run_id": "R1",
        "operation": "upgrade",
        "playbook": "upgrade_inplace.yml",
        "resumes": True,
        "only_stopped": False,
        "facts": {},
        "record": {"steps": [{"name": "apply.2026.2.9853.schema", "start": "2026-11-25T13:56:00+00:00"}], "error": None},
        **more,
    }


def read(**more: Any) -> Read:
    """A cluster in service."""
    usual = Read(
        "prod",
        ["octo-a", "octo-b"],
        NOW,
        run={"lock": None, "unfinished": None, "last": LAST, "retained": []},
        windows={"services": {"octo-a": node(), "octo-b": node()}},
        api={"server": {"version": "2026.2.9853", "maintenance": {"enabled": False}, "nodes": [{"name": "OCTO-A", "draining": False}]}},
        points={"restore_points": [POINT, {"id": "x", "signed": False}]},
    )
    return replace(usual, **more)


def runs(**more: Any) -> dict[str, Any]:
    return {"lock": None, "unfinished": None, "last": LAST, "retained": [], **more}


def test_an_instance_in_service() -> None:
    found = read()
    assert (status.state(found), status.next_steps(found)) == ("in service", [])
    assert status.lines(found) == [
        "prod: in service, at 2026.2.9853",
        "  nodes: octo-a running (watchdog on), octo-b running (watchdog on)",
        "  run: none",
        "  maintenance mode: off",
        "  last run: upgraded 2025.3.14357 -> 2026.2.9853, 2026-11-23 22:00:00Z (40 h ago), outage 01:02:31",
        "  restore points: 1 signed, 1 unsigned; newest 2025.3.14357 of 2026-11-23 20:05:10Z (41 h ago), 3.0 GiB, verified 2026-11-23 21:14:09Z "
        r"(40 h ago), \\nas\backups\prod\20261123T210000Z-2025.3.14357",
        "  next: nothing",
    ]


def test_a_run_that_is_alive_is_waited_for() -> None:
    found = read(
        run=runs(lock=LOCK, unfinished=unfinished()),
        windows={"services": {"octo-a": node("stopped"), "octo-b": {"error": "gone"}}},
        api={"msg": "x"},
    )
    assert status.state(found) == "run in progress"
    [step] = status.next_steps(found)
    assert step.startswith("Wait until the run R1 has ended.") and "upgrade_inplace.yml with octopus_break_lock: R1" in step
    told = status.lines(found)
    assert told[1] == "  nodes: octo-a stopped (watchdog on), octo-b unknown"
    assert told[2] == (
        "  run: upgrade R1, at apply.2026.2.9853.schema since 2026-11-25 13:56:00Z (4 min ago), locked by anna@ctrl1 since 2026-11-25 13:00:00Z (60 min ago)"
    )
    assert told[3] == "  maintenance mode: unknown"


@pytest.mark.parametrize(
    ("lock", "more", "said"),
    [
        (None, {}, "Run upgrade_inplace.yml again to resume it, or rollback.yml to roll back."),
        (LOCK | {"gone": True}, {}, "Run upgrade_inplace.yml again to resume it, or rollback.yml to roll back."),
        (LOCK, {"guarded": True, "roll_back_first": True}, "The guard has acted"),
        (None, {"published": True, "roll_back_first": True}, "Run upgrade_inplace.yml again to finish it. Do not restore a backup"),
        (None, {"schema_failed": True, "roll_back_first": True}, "Run rollback.yml: the database may be changed in part"),
        (None, {"roll_back_first": True}, "Run upgrade_inplace.yml again: it restores service or rolls back first"),
        (None, {"only_stopped": True}, "Run upgrade_inplace.yml again to resume it, or rollback.yml to restore service."),
        (None, {"resumes": False}, "Nothing was changed. Run upgrade_inplace.yml again"),
        (None, {"operation": "backup", "playbook": "backup.yml"}, "Run backup.yml again to resume it."),
    ],
)
def test_a_run_that_has_stopped_is_resumed_or_rolled_back(lock: dict[str, Any] | None, more: dict[str, Any], said: str) -> None:
    found = read(run=runs(lock=lock, unfinished=unfinished(**more)))
    assert status.state(found) == "run unfinished"
    [step] = status.next_steps(found)
    assert step.startswith(said)
    assert "stopped at apply.2026.2.9853.schema" in status.lines(found)[2]


def test_an_error_is_told_in_one_line() -> None:
    record = {"steps": [], "error": "apply: it broke\nand more"}
    told = status.lines(read(run=runs(unfinished=unfinished(record=record))))
    assert told[2] == "  run: upgrade R1, nobody works on it, failed: apply: it broke"


@pytest.mark.parametrize(
    ("more", "state", "said"),
    [
        ({"windows": {"services": {"octo-a": node("stopped"), "octo-b": node("stopped")}}, "api": {"msg": "no connection"}}, "out of service",
         ["Find out why the service is stopped on octo-a, and start it.", "Find out why the service is stopped on octo-b, and start it."]),
        ({"windows": {"services": {"octo-a": node(), "octo-b": {"error": "no route"}}}}, "degraded", ["Reach octo-b: no route"]),
        ({"windows": {"msg": "no route"}, "api": {"msg": "no connection"}}, "unknown",
         ["Reach octo-a: no route", "Reach octo-b: no route", "Find out why the REST API does not answer: no connection"]),
        ({"windows": {"services": {"octo-a": node(running_jobs=["schema-1"]), "octo-b": node()}}}, "in service",
         ["Wait for what still runs there: schema-1 on octo-a."]),
        ({"api": {"msg": "no connection"}}, "degraded", ["Find out why the REST API does not answer: no connection"]),
        ({"api": {"server": {"version": "1", "maintenance": {"enabled": True}, "nodes": [{"name": "OCTO-A", "draining": True}]}}}, "degraded",
         ["Maintenance mode is on, and no run has left it on: turn it off, unless somebody is at work.", "Undrain OCTO-A, unless somebody is at work."]),
        ({"points": {"msg": "the share is gone"}}, "in service", ["Find out why the restore points cannot be read: the share is gone"]),
        ({"points": {"restore_points": [{"id": "x", "signed": False}]}}, "in service", ["Run backup.yml: there is no signed restore point."]),
        ({"run": runs(retained=[{"run_id": "R0", "due": True}, {"run_id": "R9", "due": False}])}, "in service",
         ["Run rollback_cleanup.yml: what was retained of R0 is due for removal."]),
        ({"run": {"msg": "no route"}}, "degraded", ["Find out why the runs cannot be read: no route"]),
    ],
)  # fmt: skip
def test_what_is_wrong_without_a_run(more: dict[str, Any], state: str, said: list[str]) -> None:
    found = read(**more)
    assert (status.state(found), status.next_steps(found)) == (state, said)
    told = status.lines(found)
    assert told[-len(said)] == f"  next: {said[0]}" and len(told) == 6 + len(said)


def test_nothing_could_be_read() -> None:
    found = Read("prod", ["octo-a"], NOW)
    assert status.state(found) == "unknown"
    told = status.lines(found)
    assert told[0] == "prod: unknown" and [line.rpartition(": ")[2] for line in told[2:6]] == ["unknown"] * 4


def test_the_service_of_another_instance_is_not_taken_for_this_one() -> None:
    two = node(services=[{"instance": "OctopusServer", "state": "running"}, {"instance": "B", "state": "stopped"}])
    one = read(nodes=["octo-a"], windows={"services": {"octo-a": two}})
    assert one.services() == {}
    assert replace(one, instance_name="b").services() == {"octo-a": "stopped"}
    by_run = replace(one, run=runs(unfinished=unfinished(facts={"preflight_here": {"name": "OctopusServer"}})))
    assert by_run.services() == {"octo-a": "running"}


def test_the_first_run_and_the_first_restore_point() -> None:
    told = status.lines(read(run=runs(last=None), points={"restore_points": []}))
    assert told[4:6] == ["  last run: none", "  restore points: none"]
    told = status.lines(
        read(run=runs(last={"verdict": "backed_up", "from_version": "1.2.3", "outage_seconds": None, "finished": "nonsense"}))
    )
    assert told[4] == "  last run: backed_up 1.2.3, an unknown time, outage none"


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172800, "2 days"), (172799, "47 h")]
)
def test_ages(seconds: float, text: str) -> None:
    assert status.age(seconds) == text
