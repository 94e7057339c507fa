# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The start type of a service that is stopped or started: set before, verified, put back as it was."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node import states
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.results import NodeRequest, NodeResult
from ansible_collections.octopus.upgrade.plugins.modules import octopus_node
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost, service_config, service_state

NUMBERS = {"auto": 2, "demand": 3, "disabled": 4, "delayed-auto": 2}
KEY = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\OctopusDeploy"


class Machine(FakeHost):
    """A host whose service changes its state at once."""

    def __init__(self, state: int, kind: str) -> None:
        super().__init__()
        self.state, self.kind = state, kind
        self.obeys = True
        self.answers |= {
            "sc queryex OctopusDeploy": lambda _line: service_state("OctopusDeploy", self.state, 4711 if self.state == 4 else 0),
            "sc qc OctopusDeploy": lambda _line: service_config("OctopusDeploy", NUMBERS[self.kind]),
            f"reg query HKLM\\{KEY.partition(chr(92))[2]}": lambda _line: (
                f"{KEY}\n    DelayedAutostart    REG_DWORD    0x{int(self.kind == 'delayed-auto')}\n"
            ),
            "sc config OctopusDeploy start= ": self._configure,
            "sc stop OctopusDeploy": lambda _line: self._change(1),
            "sc start OctopusDeploy": lambda _line: (1058, "") if self.kind == "disabled" else self._change(4),
            "tasklist": "",
        }

    def _change(self, state: int) -> str:
        self.state = state
        return ""

    def _configure(self, line: str) -> str:
        if self.obeys:
            self.kind = line.rpartition(" ")[2]
        return ""


def request(state: str, kind: str | None, check_mode: bool = False) -> NodeRequest:
    start_types = {"octo-a": kind} if kind else {}
    return NodeRequest(state, instance_name="OctopusServer", health=False, start_types=start_types, check_mode=check_mode)


@pytest.mark.parametrize("before", ["auto", "delayed-auto", "manual"])
def test_a_stopped_service_is_disabled_and_a_started_one_is_as_it_was(before):
    host = Machine(4, {"manual": "demand"}.get(before, before))
    stopped, again, started = NodeResult(), NodeResult(), NodeResult()
    states._stop(host, request("stopped", "disabled"), stopped)
    assert (host.kind, stopped.was_start_type, stopped.start_type, stopped.changed) == ("disabled", before, "disabled", True)
    places = [line for line in host.commands if line.startswith(("sc config", "sc stop"))]
    assert places == ["sc config OctopusDeploy start= disabled", "sc stop OctopusDeploy"], "disabled before it is stopped"
    states._stop(host, request("stopped", "disabled"), again)
    assert not again.changed
    states._start(host, request("started", before), started, None)
    assert (host.state, started.was_start_type, started.start_type) == (4, "disabled", before)
    assert host.kind == {"manual": "demand"}.get(before, before)


def test_a_service_that_was_disabled_is_started_and_disabled_again():
    host, result = Machine(1, "disabled"), NodeResult()
    states._start(host, request("started", "disabled"), result, None)
    assert (host.state, host.kind, result.was_start_type, result.start_type) == (4, "disabled", "disabled", "disabled")
    assert [line for line in host.commands if line.startswith("sc config")] == [
        "sc config OctopusDeploy start= demand",
        "sc config OctopusDeploy start= disabled",
    ]


def test_check_mode_and_other_nodes_change_no_start_type():
    host, result = Machine(4, "auto"), NodeResult()
    states._stop(host, request("stopped", "disabled", check_mode=True), result)
    assert (host.kind, result.was_start_type, result.start_type) == ("auto", "auto", "disabled")
    states._stop(host, request("stopped", None), left := NodeResult())
    assert (host.kind, left.start_type) == ("auto", None)


def test_a_start_type_that_does_not_stay_is_found_out():
    host = Machine(4, "auto")
    host.obeys = False
    with pytest.raises(OctopusError, match=r"expected the start type disabled of the service OctopusDeploy .* but found auto"):
        states._stop(host, request("stopped", "disabled"), NodeResult())
    assert host.state == 4


def test_a_start_type_that_cannot_be_set_is_refused():
    defaults = {name: spec.get("default") for name, spec in octopus_node.SPEC["argument_spec"].items()}
    with pytest.raises(InvalidValue, match="in start_types, but found off"):
        NodeRequest.from_params({**defaults, "start_types": {"octo-a": "off"}}, False)
