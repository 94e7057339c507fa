# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Windows Firewall of a host: rules that block TCP connections to ports from ranges of addresses. Nothing else of it is there.

* Rules that block win over rules that allow, so those that allow need not be there to know what is blocked:
  https://learn.microsoft.com/openspecs/windows_protocols/ms-fasp/702e3c23-c9d8-43db-8380-b4c670dd7f7d
* The ways to write addresses: https://learn.microsoft.com/windows/win32/api/netfw/nf-netfw-inetfwrule-get_remoteaddresses
* A blocked connection is dropped without a word, so that its client waits:
  https://learn.microsoft.com/troubleshoot/windows-server/networking/disable-stealth-mode
* Rules outlast a restart of the host.
"""

from __future__ import annotations

import ipaddress
import threading
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Rule:
    """A rule that blocks. ``remote`` holds the first and the last address of each range."""

    name: str
    ports: frozenset[int]
    remote: tuple[tuple[Address, Address], ...]

    def blocks(self, port: int, client: Address) -> bool:
        ranges = [(first, last) for first, last in self.remote if first.version == client.version]
        return port in self.ports and any(int(first) <= int(client) <= int(last) for first, last in ranges)


class Firewall:
    """The rules of one host."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []

    @property
    def rules(self) -> list[Rule]:
        with self._lock:
            return list(self._rules)

    def add(self, rule: Rule) -> None:
        """Two rules may have the same name."""
        with self._lock:
            self._rules.append(rule)

    def delete(self, name: str) -> int:
        """Delete all rules of that name, and return how many there were."""
        with self._lock:
            kept = [rule for rule in self._rules if rule.name.lower() != name.lower()]
            gone, self._rules = len(self._rules) - len(kept), kept
            return gone

    def named(self, name: str) -> list[Rule]:
        return [rule for rule in self.rules if rule.name.lower() == name.lower()]

    def blocks(self, port: int, client: str) -> bool:
        address = ipaddress.ip_address(client)
        return any(rule.blocks(port, address) for rule in self.rules)


def ranges(text: str) -> tuple[tuple[Address, Address], ...]:
    """Read ``remoteip``.

    Raises:
        ValueError: An address, network or range is none.
    """
    found: list[tuple[Address, Address]] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if dash:
            found.append((ipaddress.ip_address(first), ipaddress.ip_address(last)))
            if found[-1][0].version != found[-1][1].version or int(found[-1][0]) > int(found[-1][1]):
                raise ValueError(part)
        else:
            network = ipaddress.ip_network(part)
            found.append((network.network_address, network.broadcast_address))
    return tuple(found)
