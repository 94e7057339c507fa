# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Service and watchdog: queried, waited for, verified; never by words that Windows translates, never by force."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import watchdog
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node import services as node_services
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.services import NodeService
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost, service_state, watchdog_xml

STOPPED, STARTING, STOPPING, RUNNING = 1, 2, 3, 4
SERVICE = NodeService("OctopusServer", "OctopusDeploy", "running", 4711)
SERVICES = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services"


class Machine(FakeHost):
    """A host whose service takes five seconds to change its state; time passes only by waiting."""

    def __init__(self, state: int = RUNNING) -> None:
        super().__init__()
        self.now = 0.0
        self.state, self.until, self.then = state, 0.0, state
        self.processes = {4711} if state == RUNNING else set()
        self.others: dict[str, int] = {}
        self.dies = False
        self.answers |= {
            "sc queryex OctopusDeploy": self._query,
            "sc queryex OctopusDeploy: ": lambda line: service_state("x", RUNNING, self.others[line.removeprefix("sc queryex ")]),
            "sc stop OctopusDeploy": lambda _line: self._change(STOPPING, STOPPED),
            "sc start OctopusDeploy": lambda _line: self._change(STARTING, STOPPED if self.dies else RUNNING),
            "tasklist": lambda _line: "".join(f'"Octopus.Server.exe","{pid}","Services","0","9 K"\n' for pid in self.processes),
            r"reg query HKLM\SYSTEM\CurrentControlSet\Services": lambda _line: "".join(
                f"{SERVICES}\\{name}\n" for name in ("Octo", "OctopusDeploy", *self.others)
            ),
        }

    def deadline(self, seconds: float) -> Deadline:
        return Deadline(seconds, clock=lambda: self.now, sleep=lambda pause: setattr(self, "now", self.now + pause))

    def _change(self, state: int, then: int) -> str:
        self.state, self.then, self.until = state, then, self.now + 5
        return ""

    def _query(self, _line: str) -> str:
        if self.now >= self.until:
            self.state = self.then
            if self.state == STOPPED:
                self.processes.discard(4711)
        return service_state("OctopusDeploy", self.state, 4711 if self.state != STOPPED else 0, 1067 if self.dies else 0)


def told(_message: str) -> None:
    """Nobody listens."""


def test_stopped_is_when_service_and_process_are_gone():
    host = Machine()
    node_services.stop(host, SERVICE, host.deadline(60), told)
    assert 5 <= host.now < 10
    assert len(host.ran("sc stop")) == 1
    assert host.ran("tasklist") == ["tasklist /fo csv /nh /fi imagename eq Octopus.Server.exe"]


def test_what_is_stopped_already_is_not_told_again():
    host = Machine(STOPPED)
    node_services.stop(host, SERVICE, host.deadline(60), told)
    assert host.ran("sc stop") == []
    assert host.ran("tasklist")


def test_what_was_started_meanwhile_is_stopped_again():
    host = Machine()
    host.answers["sc stop OctopusDeploy"] = lambda _line: host._change(STOPPING, RUNNING if len(host.ran("sc stop")) == 1 else STOPPED)
    node_services.stop(host, SERVICE, host.deadline(60), told)
    assert len(host.ran("sc stop")) == 2


def test_a_service_that_hangs_is_named_with_state_and_process():
    host = Machine()
    host.answers["sc stop OctopusDeploy"] = lambda _line: host._change(STOPPING, STOPPING)
    with pytest.raises(OctopusError, match=r"octo-a .*OctopusDeploy to stop within 60 s, but it is stop_pending .process 4711."):
        node_services.stop(host, SERVICE, host.deadline(60), told)
    assert host.now == 60
    assert host.ran("taskkill") == []


def test_another_instances_process_is_no_stray():
    host = Machine()
    host.processes.add(5000)
    host.others = {"OctopusDeploy: B 2": 5000}
    node_services.stop(host, SERVICE, host.deadline(60), told)


def test_a_process_without_a_service_is_named():
    host = Machine()
    host.processes |= {5000, 6000}
    host.others = {"OctopusDeploy: B 2": 5000}
    with pytest.raises(OctopusError, match="still running as process 6000, which belongs to no service"):
        node_services.stop(host, SERVICE, host.deadline(60), told)


def test_started_is_when_it_runs():
    host = Machine(STOPPED)
    messages = []
    node_services.start(host, SERVICE, host.deadline(60), messages.append)
    assert 5 <= host.now < 10
    assert messages == ["octo-a: starting OctopusDeploy"]
    node_services.start(host, SERVICE, host.deadline(60), messages.append)
    assert len(host.ran("sc start")) == 1


def test_started_waits_for_a_stop_that_is_under_way():
    host = Machine()
    host._change(STOPPING, STOPPED)
    node_services.start(host, SERVICE, host.deadline(60), told)
    assert len(host.ran("sc start")) == 1


def test_a_service_that_stops_again_is_told_with_its_exit_code():
    host = Machine(STOPPED)
    host.dies = True
    with pytest.raises(OctopusError, match=r"stopped by itself .exit code 1067. during its start.*OctopusServer.txt"):
        node_services.start(host, SERVICE, host.deadline(60), told)
    assert "exit code 1067" in node_services.why_down(host, SERVICE)


def test_a_service_that_never_gets_there_is_told():
    host = Machine(STOPPED)
    host.answers["sc start OctopusDeploy"] = lambda _line: host._change(STARTING, STARTING)
    with pytest.raises(OctopusError, match="to run within 60 s, but it is start_pending"):
        node_services.start(host, SERVICE, host.deadline(60), told)


def test_an_instance_without_a_service_is_named_with_those_that_exist():
    host = Machine()
    host.others = {"OctopusDeploy: B 2": 1}
    host.answers["sc queryex OctopusDeploy: C"] = (1060, "")
    with pytest.raises(
        OctopusError,
        match=r"expected a service 'OctopusDeploy: C' .* found these services of Octopus Server: OctopusDeploy, OctopusDeploy: B 2",
    ):
        node_services.find(OctopusHost(host), "C")


def watched(enabled: bool = True, name: str = "Octopus Watchdog OctopusServer") -> FakeHost:
    host = FakeHost()
    state = {"enabled": enabled}

    def change(line: str) -> str:
        state["enabled"] = line.endswith("/enable")
        return ""

    host.answers = {
        "schtasks /query /tn ": (1, "ERROR"),
        f"schtasks /query /tn {name} /xml": lambda _line: watchdog_xml(state["enabled"]),
        f"schtasks /change /tn {name} ": change,
        "schtasks /query /fo csv /nh": f'"\\Microsoft\\x","N/A","Ready"\n"\\Octopus other","N/A","Ready"\n"{name}","N/A","Ready"\n',
        "schtasks /query /tn \\Octopus other /xml": watchdog_xml(arguments="backup"),
    }
    return host


@pytest.mark.parametrize("name", ["Octopus Watchdog OctopusServer", "\\My Octopus keeper"])
def test_the_watchdog_is_switched_and_what_it_was_is_told(name):
    host = watched(name=name)
    assert watchdog.switch(host, False) == {"exists": True, "task_name": name, "before": True, "after": False}
    assert watchdog.switch(host, False)["before"] is False
    assert len(host.ran("schtasks /change")) == 1
    assert watchdog.info(host) == {"exists": True, "enabled": False, "task_name": name, "interval_minutes": 5}


def test_check_mode_leaves_the_watchdog():
    host = watched()
    assert watchdog.switch(host, False, check_mode=True) == {
        "exists": True,
        "task_name": "Octopus Watchdog OctopusServer",
        "before": True,
        "after": False,
    }
    assert host.ran("schtasks /change") == []


def test_a_watchdog_that_stays_is_found_out():
    host = watched()
    host.answers["schtasks /change /tn Octopus Watchdog OctopusServer "] = ""
    with pytest.raises(OctopusError, match="was disabled, but its state has not changed"):
        watchdog.switch(host, False)


def test_no_watchdog_is_no_change():
    host = FakeHost({"schtasks /query /tn ": (1, ""), "schtasks /query /fo csv /nh": '"\\Octopus other","",""\n'})
    assert watchdog.switch(host, True)["exists"] is False
    assert watchdog.info(host) is None
