# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A portal that is closed to all but the control node, which has to get through the rule itself."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node import portal
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost


class Firewall:
    """What was asked of Windows Firewall."""

    def __init__(self) -> None:
        self.rules: dict[str, tuple[list[int], list[str]]] = {}
        self.off: list[str] = []

    def close(self, _host: Any, name: str, ports: list[int], allowed: list[str]) -> None:
        if "nonsense" in allowed:
            raise ValueError("'nonsense' is no address")
        self.rules[name] = (ports, allowed)

    def remove(self, _host: Any, name: str) -> bool:
        return self.rules.pop(name, None) is not None

    def disabled_profiles(self, _host: Any) -> list[str]:
        return self.off


@pytest.fixture
def walls(monkeypatch: pytest.MonkeyPatch) -> Firewall:
    found = Firewall()
    for name in ("close", "remove", "disabled_profiles"):
        monkeypatch.setattr(portal.firewall, name, getattr(found, name))

    class Octopus:
        def __init__(self, _host: Any) -> None:
            self.listen_prefixes = ["https://+:8443/octopus", "http://localhost/"]

        def configuration(self, _instance: str) -> Any:
            return self

    monkeypatch.setattr(portal, "OctopusHost", Octopus)
    monkeypatch.setattr(portal, "own_addresses", lambda _names: ["10.9.9.9"])
    answering(monkeypatch, ("2025.3.1", "version 2025.3.1"))
    return found


def answering(monkeypatch: pytest.MonkeyPatch, answer: tuple[str | None, str] | OctopusError) -> None:
    @contextmanager
    def opened(_options: ApiOptions) -> Any:
        yield None

    def ask(_api: Any) -> tuple[str | None, str]:
        if isinstance(answer, OctopusError):
            raise answer
        return answer

    monkeypatch.setattr(portal, "open_node", opened)
    monkeypatch.setattr(portal, "ask", ask)


def close(*allowed: str) -> list[str]:
    return portal.close(FakeHost(), "Octopus Server", allowed, "https://octopus.example.com", ApiOptions)


def test_every_port_of_the_portal_is_closed_to_all_but_the_control_node(walls: Firewall) -> None:
    assert close("10.1.0.0/16") == []
    assert walls.rules == {"octopus.upgrade-Octopus_Server": ([80, 8443], ["10.9.9.9", "10.1.0.0/16"])}


@pytest.mark.parametrize("answer", [OctopusError("timed out."), (None, "status 503")])
def test_a_control_node_that_does_not_get_through_opens_it_again(walls: Firewall, monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    """Behind NAT or a proxy, the node sees another address than the control node knows of itself."""
    answering(monkeypatch, answer)
    with pytest.raises(OctopusError, match=r"10\.9\.9\.9 .*octopus_isolate_allow"):
        close()
    assert walls.rules == {}


def test_what_is_no_address_is_told(walls: Firewall) -> None:
    with pytest.raises(OctopusError, match=r"octopus_isolate_allow: .*nonsense"):
        close("nonsense")
    assert walls.rules == {}


def test_a_firewall_that_is_off_is_warned_of(walls: Firewall) -> None:
    walls.off = ["PublicProfile"]
    [warning] = close()
    assert "PublicProfile" in warning and "closes nothing" in warning


def test_prefixes_without_a_port() -> None:
    assert portal.ports(["https://octopus.example.com/", "http://*/", "HTTPS://+:444/x"]) == [80, 443, 444]
    with pytest.raises(OctopusError, match="listen prefix"):
        portal.ports(["nonsense"])


def test_the_own_address_is_that_of_the_route() -> None:
    assert portal.own_addresses(["127.0.0.1"]) == ["127.0.0.1"]
