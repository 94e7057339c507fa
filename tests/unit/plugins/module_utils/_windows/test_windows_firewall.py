# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rule that closes a port to everybody but some addresses."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import firewall
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost, Printed

SHOW, ADD, DELETE = (f"netsh advfirewall firewall {verb} rule name=r" for verb in ("show", "add", "delete"))
NONE = (1, "Es wurden keine Regeln gefunden.")


class Rules(FakeHost):
    """A host with rules of one name, on which netsh may do nothing."""

    def __init__(self, present: bool, adds: bool = True, deletes: bool = True) -> None:
        self.present = present

        def show(_command: str) -> Printed:
            return "Regelname: r" if self.present else NONE

        def add(_command: str) -> Printed:
            self.present = self.present or adds
            return "OK." if adds else (1, "Der angegebene Wert ist ungueltig.")

        def delete(_command: str) -> Printed:
            self.present = not deletes
            return "OK."

        super().__init__({SHOW: show, ADD: add, DELETE: delete})


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        ([], "0.0.0.0-255.255.255.255,::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        (["10.1.2.3"], "0.0.0.0-10.1.2.2,10.1.2.4-255.255.255.255,::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        (
            ["10.1.2.0/24", "fd00::7", "10.1.2.9", "10.1.3.0"],
            "0.0.0.0-10.1.1.255,10.1.3.1-255.255.255.255,::-fd00::6,fd00::8-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ),
        (["0.0.0.0", "255.255.255.255", "::/0"], "0.0.0.1-255.255.255.254"),
    ],
)
def test_all_other_addresses(allowed: list[str], expected: str) -> None:
    assert firewall.others(allowed) == expected


@pytest.mark.parametrize("allowed", [["10.1.2.3"], ["10.0.0.0/8", "192.168.1.1", "fd00::/8"], ["0.0.0.0/1"]])
def test_no_allowed_address_is_among_the_others_and_each_neighbour_is(allowed: list[str]) -> None:
    ranges = [tuple(map(ipaddress.ip_address, part.split("-"))) for part in firewall.others(allowed).split(",")]

    def blocked(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        return any(first.version == address.version and int(first) <= int(address) <= int(last) for first, last in ranges)

    for network in map(ipaddress.ip_network, allowed):
        assert not blocked(network.network_address) and not blocked(network.broadcast_address)
        assert blocked(network.broadcast_address + 1)


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="proxy"):
        firewall.others(["proxy.example.com"])


def test_the_rule_is_added_once_and_seen() -> None:
    host = Rules(present=True)  # of an earlier attempt, with other addresses
    firewall.close(host, "r", [443, 8443], ["10.1.2.3"])
    [added] = host.ran(ADD)
    assert "dir=in action=block protocol=TCP localport=443,8443 remoteip=0.0.0.0-10.1.2.2,10.1.2.4-" in added
    assert len(host.ran(DELETE)) == 1


def test_a_rule_that_is_not_there_afterwards_is_an_error() -> None:
    with pytest.raises(HostError, match="ungueltig"):
        firewall.close(Rules(present=False, adds=False), "r", [443], [])


def test_an_address_that_is_none_changes_nothing() -> None:
    host = Rules(present=True)
    with pytest.raises(ValueError, match="x"):
        firewall.close(host, "r", [443], ["x"])
    assert host.commands == []


def test_removing_says_whether_there_was_one_and_looks() -> None:
    assert firewall.remove(Rules(present=True), "r") is True
    host = Rules(present=False)
    assert firewall.remove(host, "r") is False
    assert host.ran(DELETE) == []
    with pytest.raises(HostError, match="Remove it by hand: netsh advfirewall firewall delete rule name=r"):
        firewall.remove(Rules(present=True, deletes=False), "r")


def test_a_name_needs_no_quotes() -> None:
    assert firewall.rule_name('Octopus "a" & b') == "octopus.upgrade-Octopus__a____b"


def test_profiles_that_are_off_or_silent() -> None:
    key = "reg query HKLM\\SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy"
    value = "\r\nHKEY_LOCAL_MACHINE\\X\r\n    EnableFirewall    REG_DWORD    0x%d\r\n"
    host = FakeHost({f"{key}\\DomainProfile": value % 1, f"{key}\\StandardProfile": value % 0, f"{key}\\PublicProfile": (1, "ERROR: ...")})
    assert firewall.disabled_profiles(host) == ["StandardProfile", "PublicProfile"]
