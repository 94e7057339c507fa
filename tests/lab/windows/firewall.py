# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Windows Firewall of a host: rules that block TCP connections, to its ports or from it, by ranges of addresses. Nothing else of it is there.

* Rules that block win over rules that allow, so those that allow need not be there to know what is blocked:
  https://learn.microsoft.com/openspecs/windows_protocols/ms-fasp/702e3c23-c9d8-43db-8380-b4c670dd7f7d
* The ways to write addresses: https://learn.microsoft.com/windows/win32/api/netfw/nf-netfw-inetfwrule-get_remoteaddresses
* A blocked connection to the host is dropped without a word, so that its client waits:
  https://learn.microsoft.com/troubleshoot/windows-server/networking/disable-stealth-mode
* One that the host itself opens is refused at once, WSAEACCES: https://learn.microsoft.com/windows/win32/winsock/windows-sockets-error-codes-2 and
  NETWORK_ACCESS_DENIED in Chromium's net/base/net_error_list.h. Answers of a connection that was opened to the host belong to the inbound layer:
  https://learn.microsoft.com/windows/win32/fwp/ale-re-authorization
* What a host sends to itself is not filtered (*assumed*).
* Rules outlast a restart of the host: they are in its registry, in the grammar of [MS-GPFAS] 2.2.2.19
  (https://learn.microsoft.com/openspecs/windows_protocols/ms-gpfas), each under a new GUID (*assumed* for rules that netsh adds).
* A profile that is off, by the host's own EnableFirewall or by that of Group Policy, has no rules that act, and neither has one in which Group Policy
  sets AllowLocalPolicyMerge to 0 (same document). The hosts of the lab are in the domain profile.
"""

from __future__ import annotations

import ipaddress
import threading
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .registry import Registry

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
POLICY = "HKLM\\SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy"
RULES = f"{POLICY}\\FirewallRules"
GROUP_POLICY = "HKLM\\SOFTWARE\\Policies\\Microsoft\\WindowsFirewall\\DomainProfile"


@dataclass(frozen=True)
class Rule:
    """A rule that blocks. ``remote`` holds the first and the last address of each range; ``ports`` is empty for one that is about all ports."""

    name: str
    ports: frozenset[int]
    remote: tuple[tuple[Address, Address], ...]
    outbound: bool = False
    enabled: bool = True
    guid: str = field(default_factory=lambda: f"{{{str(uuid.uuid4()).upper()}}}")

    def covers(self, other: Address) -> bool:
        ranges = [(first, last) for first, last in self.remote if first.version == other.version]
        return any(int(first) <= int(other) <= int(last) for first, last in ranges)

    def text(self) -> str:
        """The rule as the registry has it."""
        fields = ["v2.30", "Action=Block", f"Active={str(self.enabled).upper()}", f"Dir={'Out' if self.outbound else 'In'}", "Protocol=6"]
        fields += [f"LPort={port}" for port in sorted(self.ports)]
        fields += [f"RA{first.version}={first if first == last else f'{first}-{last}'}" for first, last in self.remote]
        return "|".join([*fields, f"Name={self.name}", ""])


class Firewall:
    """The rules of one host."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
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
            self._registry.set(RULES, rule.guid, "REG_SZ", rule.text())

    def enable(self, name: str, on: bool) -> int:
        """Let all rules of that name act, or not, and return how many there are."""
        with self._lock:
            changed = {rule.guid: replace(rule, enabled=on) for rule in self._rules if rule.name.lower() == name.lower()}
            self._rules = [changed.get(rule.guid, rule) for rule in self._rules]
            for rule in changed.values():
                self._registry.set(RULES, rule.guid, "REG_SZ", rule.text())
            return len(changed)

    def delete(self, name: str) -> int:
        """Delete all rules of that name, and return how many there were."""
        with self._lock:
            gone = [rule for rule in self._rules if rule.name.lower() == name.lower()]
            self._rules = [rule for rule in self._rules if rule not in gone]
            for rule in gone:
                self._registry.delete_value(RULES, rule.guid)
            return len(gone)

    def named(self, name: str) -> list[Rule]:
        return [rule for rule in self.rules if rule.name.lower() == name.lower()]

    def blocks(self, port: int, client: str) -> bool:
        """Whether a connection of that client to the host's port is dropped."""
        address = ipaddress.ip_address(client)
        return self._acts() and any(
            rule.enabled and not rule.outbound and port in rule.ports and rule.covers(address) for rule in self.rules
        )

    def refuses(self, server: str) -> bool:
        """Whether a connection of the host to that address is refused."""
        address = ipaddress.ip_address(server)
        return self._acts() and any(rule.enabled and rule.outbound and rule.covers(address) for rule in self.rules)

    def _acts(self) -> bool:
        registry = self._registry
        enabled, own = registry.get(GROUP_POLICY, "EnableFirewall"), registry.get(f"{POLICY}\\DomainProfile", "EnableFirewall")
        merge = registry.get(GROUP_POLICY, "AllowLocalPolicyMerge")
        state = enabled or own
        return state is not None and bool(state[1]) and (merge is None or bool(merge[1]))


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
