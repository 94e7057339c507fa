# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can break in the middle of an upgrade: the right error, nothing lost, and the service back or its state clearly told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from lab.estate import SINGLE, Lab
from scenarios.operator import Operator
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
    Case("msi.fail", "failed_service_returned", ("1603", "octo01"), params={"phase": "install"}),
    # left stopped, and told so
    Case("schema.fail", "failed_stopped", ("database.bak",)),
    Case("api.never", "failed_stopped", ("octo01", "database.bak"), times=None, variables={"octopus_start_timeout": 8}),
    Case("service.hang_stop", "failed_stopped", ("octo01",), times=None, variables={"octopus_stop_timeout": 5, "octopus_start_timeout": 5}),
]


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
    _nothing_lost(before, after)
    assert record["error"]
    _as_told(case.verdict, before, after)
    assert "out of service" in output if case.verdict == "failed_stopped" else "runs" in output


@pytest.mark.parametrize("skip", [60, 220])
def test_a_dropped_connection_is_borne_or_told(skip: int, make_lab: Callable[..., Lab], operator_of: Callable[[Lab], Operator]) -> None:
    """Reading is done again over a new connection; a change that may or may not have happened is not: then the run says so."""
    lab = make_lab(SINGLE, scale=40)
    before = look(lab.instances["single"])
    lab.faults.arm("winrm.drop", "octo01", skip=skip, action="Receive")
    run = operator_of(lab).play("upgrade_inplace")
    after = look(lab.instances["single"])
    assert lab.ledger.events("fault", action="met")
    verdict = run.record("single")["verdict"]
    assert (run.code == 0) == (verdict == "upgraded"), run.output[-3000:]
    assert run.code == 0 or "no WinRM answer" in run.output
    _nothing_lost(before, after)
    _as_told(verdict, before, after)


def _as_told(verdict: str, before: World, after: World) -> None:
    """Whether the world is as the verdict says."""
    if verdict == "failed_stopped":
        assert after.maintenance
        assert after.watchdogs == {"octo01": False}
    elif verdict == "upgraded":
        _in_service(before, after, SINGLE.target)
    elif verdict == "failed_after_upgrade":
        assert after.programs == {"octo01": SINGLE.target}
        assert after.services == {"octo01": (RUNNING, AUTOMATIC)}
    else:
        _in_service(before, after, SINGLE.version)
        assert after.configuration == before.configuration


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
    _nothing_lost(before, after)
    _in_service(before, after, SINGLE.target)


def _in_service(before: World, after: World, version: str) -> None:
    assert after.programs == {"octo01": version}
    assert after.services == {"octo01": (RUNNING, AUTOMATIC)}
    assert (after.maintenance, after.drained, after.watchdogs) == (before.maintenance, before.drained, before.watchdogs)


def _nothing_lost(before: World, after: World) -> None:
    assert [loss for loss in lost_rows(before, after) if not loss.startswith("Configuration ")] == []
    assert lost_files(before, after) == []


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
    lab.ledger.wait_for(lambda event: event.kind == "octopus" and event.get("what") == "task" and event.get("state") == "Executing", 30)
