# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can break in the middle of an upgrade: the right error, nothing lost, and the service back or its state clearly told."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import pytest
from lab.estate import SINGLE, Lab
from patience import patient
from scenarios import exact
from scenarios.leftovers import leftovers, shells
from scenarios.operator import Operator, Run
from scenarios.world import World, look, lost_files, lost_rows

RUNNING, AUTOMATIC = 4, 2


@dataclass(frozen=True)
class Case:
    """A fault, and how the run has to end."""

    fault: str
    verdict: str
    says: tuple[str, ...] = ()
    machine: str | None = "octo01"
    times: int | None = 1
    skip: int = 0
    params: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.fault}-{self.verdict}"


CASES = [
    # given back: neither a program nor the database had changed
    Case("download.corrupt", "failed_before_outage", ("SHA-256", "2026.2.9853", "octo01"), machine="releases", times=None),
    Case(
        "task.stuck", "failed_service_returned", ("Deploy",), times=None, params={"task": "Deploy"}, variables={"octopus_drain_timeout": 3}
    ),
    Case("sql.kill_backup", "failed_service_returned", ("OctopusDeploy",), machine="sql01"),
    Case(
        "disk.full", "failed_service_returned", ("disk is full", "database.bak"), "sql01", None, params={"path": r"\\nas\octopus-backups"}
    ),
    # gone back to the restore point
    Case("msi.fail", "failed_rolled_back", ("1603", "octo01"), params={"phase": "install"}),
    Case("schema.fail", "failed_rolled_back", ("What was replaced is kept",)),
    Case("api.never", "failed_rolled_back", ("octo01", "What was replaced is kept"), variables={"octopus_start_timeout": 60}),
    Case("schema.fail", "failed_rolled_back", variables={"octopus_keep_failed": False}),
    # left stopped, and told so
    Case("schema.fail", "failed_stopped", ("database.bak", "rollback.yml"), variables={"octopus_on_failure": "stop"}),
    Case("service.hang_stop", "failed_stopped", ("octo01",), times=None, variables={"octopus_stop_timeout": 5, "octopus_start_timeout": 5}),
    Case("api.never", "failed_rollback", ("octo01", "database.bak"), times=None, variables={"octopus_start_timeout": 8}),
]
LEFT = ("failed_stopped", "failed_rollback", "failed_after_upgrade")  # with something to do for somebody


@pytest.mark.parametrize("case", CASES, ids=str)
def test_fault(case: Case, make_lab: Callable[..., Lab], operator_of: Callable[[Lab], Operator]) -> None:
    lab = make_lab(SINGLE, scale=40)
    instance = lab.instances["single"]
    operator = operator_of(lab)
    if case.fault == "task.stuck":
        _queue_deployment(lab)
    before = look(instance)
    lab.faults.arm(case.fault, case.machine, times=case.times, skip=case.skip, **case.params)
    run = operator.play("upgrade_inplace", **case.variables)
    lab.faults.disarm()
    after = look(instance)
    output = " ".join(run.output.split())

    assert lab.ledger.events("fault", action="met"), f"the fault was never met\n{run.output[-3000:]}"
    assert run.code != 0
    for words in case.says:
        assert words in output, run.output[-5000:]
    record = run.record("single")
    assert record["verdict"] == case.verdict, run.output[-5000:]
    assert record["error"]
    assert (record["finished"] is None) == (case.verdict in LEFT), "what leaves something to be done is not finished"
    _as_told(case.verdict, before, after)
    assert "out of service" in output if case.verdict in LEFT else "runs" in output
    if case.verdict not in LEFT:
        _nothing_left(lab, run, record)
    if case.verdict == "failed_rolled_back":
        _kept(lab, case, record)


def _nothing_left(lab: Lab, run: Run, record: dict[str, Any], old_shells: Collection[str] = ()) -> None:
    """No leftovers but what the record names, and no restore point but a sealed one."""
    instance = lab.instances["single"]
    assert leftovers(lab, instance, json.dumps(record), old_shells) == []
    assert "could not be cleaned up" not in run.output
    backups = lab.backup_share.volume.root / "single"
    kept = record["kept"] or {}
    known = {"runs", kept.get("folders", "").rpartition("\\")[2]}
    points = [path for path in backups.iterdir() if path.name not in known] if backups.is_dir() else []
    assert [path.name for path in points] == ([f"{record['run_id']}-{SINGLE.version}"] if record["backup"] else [])
    assert all((path / "restore-point.seal").is_file() for path in points)


def _kept(lab: Lab, case: Case, record: dict[str, Any]) -> None:
    """What the record says of the failed state is there; where nothing was to be kept, nothing is."""
    sql = lab.instances["single"].sql
    kept = record["kept"] or {}
    others = {one.name for one in sql.databases.values() if not one.is_system} - {SINGLE.database}
    assert others == {name for name in [kept.get("database")] if name}
    # Without a schema upgrade only programs change; folders that are as they were need not be kept.
    assert bool(others) == (case.fault != "msi.fail" and case.variables.get("octopus_keep_failed", True))
    folders = kept.get("folders", "").rpartition("\\")[2]
    there = [path.name for path in (lab.backup_share.volume.root / "single").glob("failed-*")]
    assert there == [name for name in [folders] if name]


@pytest.mark.parametrize("skip", [60, 220])
def test_a_dropped_connection_is_borne_or_told(skip: int, make_lab: Callable[..., Lab], operator_of: Callable[[Lab], Operator]) -> None:
    """Reading is done again over a new connection; a change that may or may not have happened is not: then the run says so."""
    lab = make_lab(SINGLE, scale=40)
    instance = lab.instances["single"]
    before = look(instance)
    lab.faults.arm("winrm.drop", "octo01", skip=skip, action="Receive")
    run = operator_of(lab).play("upgrade_inplace")
    after = look(instance)
    assert lab.ledger.events("fault", action="met")
    record = run.record("single")
    verdict = record["verdict"]
    assert (run.code == 0) == (verdict == "upgraded"), run.output[-3000:]
    assert run.code == 0 or "no WinRM answer" in run.output
    _as_told(verdict, before, after)
    if verdict not in LEFT:
        _nothing_left(lab, run, record, shells(instance))  # nobody can close the shell of a connection that broke


def _as_told(verdict: str, before: World, after: World) -> None:
    """Whether the world is as the verdict says."""
    if verdict in ("failed_stopped", "failed_rollback"):
        assert [loss for loss in lost_rows(before, after) if not loss.startswith("Configuration ")] == []
        assert lost_files(before, after) == []
        assert after.maintenance
        assert after.watchdogs == {"octo01": False}
    elif verdict == "upgraded":
        assert exact.not_upgraded(before, after, SINGLE.target) == []
    elif verdict == "failed_after_upgrade":
        assert after.programs == {"octo01": SINGLE.target}
        assert after.services == {"octo01": (RUNNING, AUTOMATIC)}
    else:
        assert exact.changed(before, after) == []


def test_what_was_left_stopped_goes_on_only_by_going_back(make_lab: Callable[..., Lab], operator_of: Callable[[Lab], Operator]) -> None:
    """A schema upgrade that failed is not tried again: the database may be changed in part. rollback.yml takes the same run back."""
    lab = make_lab(SINGLE, scale=40)
    instance, operator = lab.instances["single"], operator_of(lab)
    before = look(instance)
    lab.faults.arm("schema.fail", "octo01", committed=True)
    stopped = operator.play("upgrade_inplace", octopus_on_failure="stop")
    assert stopped.record("single")["verdict"] == "failed_stopped", stopped.output[-5000:]
    left = look(instance)
    assert exact.changed(before, left) != []

    mark = lab.ledger.mark()
    again = operator.play("upgrade_inplace")
    assert again.code != 0 and "Go back with rollback.yml" in " ".join(again.output.split()), again.output[-5000:]
    assert exact.changed(left, look(instance)) == []
    assert lab.ledger.events("octopus", since=mark, what="schema upgrade") == []

    back = operator.play("rollback")
    assert back.code == 0, back.output[-5000:]
    [record] = back.records("single")
    assert (record["verdict"], record["kept"] or {}) == ("rolled_back", {})
    assert exact.changed(before, look(instance)) == []
    _nothing_left(lab, back, record)


def test_what_passes_by_itself_is_borne(make_lab: Callable[..., Lab], operator_of: Callable[[Lab], Operator]) -> None:
    lab = make_lab(SINGLE, scale=40)
    before = look(lab.instances["single"])
    lab.faults.arm("msi.busy", "octo01", times=2)  # then the installation runs, and asks for a reboot
    lab.faults.arm("msi.reboot", "octo01")
    lab.faults.arm("api.slow_start", "octo01", seconds=60)
    run = operator_of(lab).play("upgrade_inplace")
    after = look(lab.instances["single"])
    assert run.code == 0, run.output[-5000:]
    assert {event["name"] for event in lab.ledger.events("fault", action="met")} == {"msi.busy", "msi.reboot", "api.slow_start"}
    assert run.record("single")["verdict"] == "upgraded"
    assert exact.not_upgraded(before, after, SINGLE.target) == []
    _nothing_left(lab, run, run.record("single"))


def _queue_deployment(lab: Lab) -> None:
    """Let a deployment run, by running the newest release again, as a user would over REST."""
    import requests

    instance = lab.instances["single"]
    session = requests.Session()
    session.headers["X-Octopus-ApiKey"] = instance.secrets.api_key
    space = "Spaces-1"
    ca = str(lab.ca_path)
    projects = session.get(f"{instance.url}/api/{space}/projects/all", verify=ca).json()
    enabled = next(project["Id"] for project in projects if not project["IsDisabled"])
    deployment = session.get(f"{instance.url}/api/{space}/deployments?projects={enabled}&take=1", verify=ca).json()["Items"][0]
    answer = session.post(
        f"{instance.url}/api/{space}/deployments",
        json={"ReleaseId": deployment["ReleaseId"], "EnvironmentId": deployment["EnvironmentId"]},
        verify=ca,
    )
    assert answer.status_code in (200, 201), answer.text
    lab.ledger.wait_for(
        lambda event: event.kind == "octopus" and event.get("what") == "task" and event.get("state") == "Executing", patient(30)
    )
