# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The service control manager and sc.exe."""

from __future__ import annotations

import re
import threading

import pytest
from lab.core.filesystem import WinError
from lab.windows.host import WindowsHost
from lab.windows.process import Process
from lab.windows.services import AUTO, DEMAND, RUNNING, START_PENDING, STOP_PENDING, STOPPED
from patience import patient


class Gates:
    """Lets a test hold the service in its transitions."""

    def __init__(self) -> None:
        self.start, self.stop = threading.Event(), threading.Event()

    def handler(self, proc: Process) -> int:
        while not self.start.wait(0.01):
            proc.check()
        proc.service_running()
        while not proc.stop_requested.wait(0.01):
            proc.check()
        while not self.stop.wait(0.01):
            proc.check()
        return 0


@pytest.fixture(name="gates")
def _gates(host: WindowsHost) -> Gates:
    gates = Gates()
    host.programs["svc"] = gates.handler
    host.add_program("C:\\Program Files\\svc.exe", "svc")
    host.services.create("OctopusDeploy", "Octopus Deploy", '"C:\\Program Files\\svc.exe" run', "LAB\\svc", DEMAND)
    return gates


def _state(result) -> int:
    match = re.search(r"^        STATE              : (\d)", result.out, re.M)
    assert match, result
    return int(match[1])


def test_a_life_through_all_states(run, host: WindowsHost, gates: Gates) -> None:
    assert _state(run("sc query OctopusDeploy")) == STOPPED
    started = run("sc start octopusdeploy")
    assert (started.code, _state(started)) == (0, START_PENDING)
    assert run("sc start OctopusDeploy").code == 1056
    assert run("sc stop OctopusDeploy").code == 1061
    gates.start.set()
    assert host.services.wait("OctopusDeploy", RUNNING, patient(5))
    listed = run('tasklist /fo csv /nh /fi "imagename eq svc.exe"')
    queried = re.search(r"^        PID                : (\d+)", run("sc queryex OctopusDeploy").out, re.M)
    assert queried is not None and queried[1] in listed.out
    stopping = run("sc stop OctopusDeploy")
    assert (stopping.code, _state(stopping)) == (0, STOP_PENDING)
    assert _state(run("sc query OctopusDeploy")) == STOP_PENDING
    gates.stop.set()
    assert host.services.wait("OctopusDeploy", STOPPED, patient(5))
    assert run("sc stop OctopusDeploy").code == 1062
    assert run('tasklist /fo csv /nh /fi "imagename eq svc.exe"').out.startswith("INFO: No tasks")
    states = [event["state"] for event in host.ledger.events("service.state", name="OctopusDeploy".lower())]
    states += [event["state"] for event in host.ledger.events("service.state", name="OctopusDeploy")]
    assert sorted(states) == sorted(["START_PENDING", "RUNNING", "STOP_PENDING", "STOPPED"])


def test_no_such_service(run) -> None:
    result = run("sc query nope")
    assert (result.code, result.err) == (1060, "")
    assert "EnumQueryServicesStatus:OpenService FAILED 1060" in result.out


def test_disabled(run, gates: Gates) -> None:
    assert run("sc config OctopusDeploy start= disabled").code == 0
    assert re.search(r"START_TYPE +: 4 ", run("sc qc OctopusDeploy").out)
    assert run("sc start OctopusDeploy").code == 1058
    assert run("sc config OctopusDeploy start= delayed-auto").code == 0
    assert re.search(r"START_TYPE +: 2 .*DELAYED", run("sc qc OctopusDeploy").out)
    assert run("sc config OctopusDeploy start= auto").code == 0
    assert "DELAYED" not in run("sc qc OctopusDeploy").out
    assert run("sc config OctopusDeploy start=auto").code == 1, "the value is an argument of its own"


def test_qc_shows_the_line_and_the_account(run, gates: Gates) -> None:
    out = run("sc qc OctopusDeploy").out
    assert '        BINARY_PATH_NAME   : "C:\\Program Files\\svc.exe" run\r\n' in out
    assert "        SERVICE_START_NAME : LAB\\svc\r\n" in out


def test_settings_lie_in_the_registry(run, gates: Gates) -> None:
    result = run("reg query HKLM\\SYSTEM\\CurrentControlSet\\Services\\OctopusDeploy /v ImagePath /reg:64")
    assert '    ImagePath    REG_EXPAND_SZ    "C:\\Program Files\\svc.exe" run' in result.lines


def test_killed_and_started_again(run, host: WindowsHost, gates: Gates) -> None:
    gates.start.set()
    pid = host.services.start("OctopusDeploy")
    assert host.services.wait("OctopusDeploy", RUNNING, patient(5))
    assert run(f"taskkill /f /pid {pid}").code == 0
    assert host.services.wait("OctopusDeploy", STOPPED, patient(5))
    assert host.services.query("OctopusDeploy").exit_code == 1067
    assert run(f"taskkill /f /pid {pid}").code == 128
    assert host.services.start("OctopusDeploy") != pid


def test_a_stop_that_hangs_until_the_process_is_killed(run, host: WindowsHost, gates: Gates) -> None:
    gates.start.set()
    gates.stop.set()
    pid = host.services.start("OctopusDeploy")
    assert host.services.wait("OctopusDeploy", RUNNING, patient(5))
    host.faults.arm("service.hang_stop", service="OctopusDeploy")
    assert run("sc stop OctopusDeploy").code == 0
    assert not host.services.wait("OctopusDeploy", STOPPED, 0.2)
    assert run(f"taskkill /f /pid {pid}").code == 0
    assert host.services.wait("OctopusDeploy", STOPPED, patient(5))


def test_a_stop_that_takes_long(run, host: WindowsHost, gates: Gates) -> None:
    gates.start.set()
    gates.stop.set()
    host.services.start("OctopusDeploy")
    assert host.services.wait("OctopusDeploy", RUNNING, patient(5))
    host.faults.arm("service.hang_stop", seconds=20)
    before = host.clock.seconds()
    host.services.stop("OctopusDeploy")
    assert host.services.wait("OctopusDeploy", STOPPED, patient(5))
    assert host.clock.seconds() - before >= 20


def test_a_start_that_fails(run, host: WindowsHost, gates: Gates) -> None:
    host.faults.arm("service.fail_start")
    assert run("sc start OctopusDeploy").code == 0
    assert host.services.wait("OctopusDeploy", STOPPED, patient(5))
    assert "WIN32_EXIT_CODE    : 1067" in run("sc query OctopusDeploy").out


def test_boot_starts_the_automatic_ones(host: WindowsHost, gates: Gates) -> None:
    gates.start.set()
    gates.stop.set()
    host.services.config("OctopusDeploy", Start=AUTO)
    host.restart()
    assert host.services.wait("OctopusDeploy", RUNNING, patient(5))


def test_delete_waits_for_the_stop(run, host: WindowsHost, gates: Gates) -> None:
    gates.start.set()
    gates.stop.set()
    host.services.start("OctopusDeploy")
    assert host.services.wait("OctopusDeploy", RUNNING, patient(5))
    assert run("sc delete OctopusDeploy").code == 0
    assert run("sc delete OctopusDeploy").code == 1072
    process = next(one for one in host.processes() if one.service_name)
    host.services.stop("OctopusDeploy")
    assert process.wait(patient(5)) == 0
    with host.services.changed:
        assert host.services.changed.wait_for(lambda: not host.services.names(), patient(5))
    with pytest.raises(WinError) as caught:
        host.services.query("OctopusDeploy")
    assert caught.value.code == 1060


def test_query_lists(run, gates: Gates) -> None:
    assert "SERVICE_NAME: OctopusDeploy" not in run("sc query").out
    assert "SERVICE_NAME: OctopusDeploy" in run("sc query state= all").out
    assert run("sc qdescription OctopusDeploy").err.startswith("lab: unsupported sc.exe")
