# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can break in the middle of an upgrade: the right error, nothing lost, and the service back or its state clearly told.

One whole run for each end that a failure can have. Which failure leads to which end is decided by a pure function, and tested there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._run.exit_status import STATUS
from lab.estate import SINGLE, WEB_PORT, Lab
from lab.octopus import bindings
from lab.windows import services
from patience import patient
from scenarios import exact
from scenarios.leftovers import leftovers, shells
from scenarios.operator import Operator, Run
from scenarios.portal import Proxy
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
    Case("download.corrupt", "failed_before_outage", ("SHA-256", "2026.2.9853", "octo01"), machine="releases", times=None),
    # Neither a program nor the database had changed.
    Case(
        "disk.full", "failed_service_restored", ("disk is full", "database.bak"), "sql01", None, params={"path": r"\\nas\octopus-backups"}
    ),
    # Those that are rolled back: rollback/test_automatic.py, and with nothing kept of the failed state rollback/test_isolated.py.
    # Stopped for good, and so is the attempt to start it again; one that is to be left stopped: rollback/test_automatic.py.
    Case("service.hang_stop", "failed_stopped", ("octo01",), times=None, variables={"octopus_stop_timeout": 5, "octopus_start_timeout": 5}),
    Case("api.never", "rollback_failed", ("octo01", "database.bak"), times=None, variables={"octopus_start_timeout": 8}),
    # The second time that maintenance mode is switched, which is after the verification.
    Case(
        "api.error",
        "failed_after_upgrade",
        ("Do not restore the backup",),
        times=None,
        skip=1,
        params={"path": "/api/maintenanceconfiguration", "method": "PUT", "status": 500},
    ),
]
OUT = ("failed_stopped", "rollback_failed")  # of service
LEFT = (*OUT, "failed_after_upgrade")  # with something to do for somebody


@pytest.mark.parametrize("case", CASES, ids=str)
def test_fault(case: Case, make_lab: Callable[..., Lab], operator_of: Callable[[Lab], Operator]) -> None:
    lab = make_lab(SINGLE, scale=40)
    instance = lab.instances["single"]
    operator = operator_of(lab)
    before = look(instance)
    lab.faults.arm(case.fault, case.machine, times=case.times, skip=case.skip, **case.params)
    run = operator.play("upgrade_inplace", callbacks="octopus.upgrade.exit_status", **case.variables)
    lab.faults.disarm()
    after = look(instance)
    output = " ".join(run.output.split())

    assert lab.ledger.events("fault", action="met"), f"the fault was never met\n{run.output[-3000:]}"
    assert run.code == STATUS[case.verdict], run.output[-3000:]
    for words in case.says:
        assert words in output, run.output[-5000:]
    record = run.record("single")
    assert record["verdict"] == case.verdict, run.output[-5000:]
    assert record["error"]
    assert (record["finished"] is None) == (case.verdict in LEFT), "what leaves something to be done is not finished"
    _as_told(case.verdict, before, after)
    told = run.failures("octo01")
    assert ("is out of service" in told) == (case.verdict in OUT), told
    assert case.verdict in OUT or "runs" in told
    if case.verdict not in LEFT:
        _nothing_left(lab, run, record)


def _nothing_left(lab: Lab, run: Run, record: dict[str, Any], old_shells: Collection[str] = ()) -> None:
    """No leftovers but what the record names, and no restore point but a signed one."""
    instance = lab.instances["single"]
    assert leftovers(lab, instance, json.dumps(record), old_shells) == []
    assert "could not be cleaned up" not in run.output
    backups = lab.backup_share.volume.root / "single"
    kept = record["retained"] or {}
    known = {"runs", kept.get("folders", "").rpartition("\\")[2]}
    points = [path for path in backups.iterdir() if path.name not in known] if backups.is_dir() else []
    assert [path.name for path in points] == ([f"{record['run_id']}-{SINGLE.version}"] if record["backup"] else [])
    assert all((path / "restore-point.signature").is_file() for path in points)


def test_a_dropped_connection_is_borne_or_told(make_lab: Callable[..., Lab], operator_of: Callable[[Lab], Operator]) -> None:
    """Reading is done again over a new connection; a change that may or may not have happened is not: then the run says so."""
    lab = make_lab(SINGLE, scale=40)
    instance = lab.instances["single"]
    before = look(instance)
    lab.faults.arm("winrm.drop", "octo01", skip=110, action="Receive")  # within the run
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
    if verdict in ("failed_stopped", "rollback_failed"):
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


def test_what_passes_by_itself_is_borne(make_lab: Callable[..., Lab], operator_of: Callable[[Lab], Operator]) -> None:
    """And a certificate for the public name only, as bought ones are: the node is asked at its address, for that name.

    Source: https://github.com/OctopusDeploy/Issues/issues/2913
    """
    lab = make_lab(SINGLE, scale=40)
    handle = lab.instances["single"].handle
    host = handle.hosts[0]
    proxy = Proxy("portal", lab.network, [(host.name, host.address, WEB_PORT)], port=WEB_PORT).start()
    try:
        bindings.bind_only(host, WEB_PORT, proxy.address)
        host.services.stop(handle.service)
        assert host.services.wait(handle.service, services.STOPPED, patient(30))
        restarted = lab.ledger.mark()
        handle.start().wait_until_healthy(since=restarted)
        before = look(lab.instances["single"])
        lab.faults.arm("msi.busy", "octo01", times=2)  # then the installation runs, and asks for a reboot
        lab.faults.arm("msi.reboot", "octo01")
        lab.faults.arm("api.slow_start", "octo01", seconds=60)
        run = operator_of(lab).play("upgrade_inplace", octopus_url=proxy.url)
        after = look(lab.instances["single"])
    finally:
        proxy.stop()
    assert run.code == 0, run.output[-5000:]
    assert {event["name"] for event in lab.ledger.events("fault", action="met")} == {"msi.busy", "msi.reboot", "api.slow_start"}
    assert run.record("single")["verdict"] == "upgraded"
    assert exact.not_upgraded(before, after, SINGLE.target) == []
    _nothing_left(lab, run, run.record("single"))
