# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One rule of Windows Firewall by netsh.exe: a port that is closed to everybody but some addresses.

The exit code tells whether a rule is there: what is printed is translated. Rules that block win over rules that allow, and nothing but a list of
addresses to block leaves some out: https://learn.microsoft.com/openspecs/windows_protocols/ms-fasp/702e3c23-c9d8-43db-8380-b4c670dd7f7d (order),
https://learn.microsoft.com/previous-versions/windows/it-pro/windows-server-2008-R2-and-2008/dd734783(v=ws.10) (netsh advfirewall firewall).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from . import registry
from .connection import WindowsHost
from .errors import HostError

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"

_RULE = ["netsh", "advfirewall", "firewall"]
# https://learn.microsoft.com/openspecs/windows_protocols/ms-gpfas (EnableFirewall of a profile); StandardProfile is the private one.
_PROFILES = "HKLM\\SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy"
PROFILES = ("DomainProfile", "StandardProfile", "PublicProfile")


def rule_name(what: str) -> str:
    """Return the name of the collection's rule for something, without what would have to be quoted."""
    return "octopus.upgrade-" + re.sub(r"[^A-Za-z0-9._-]", "_", what)


def others(allowed: Iterable[str]) -> str:
    """Return every address but the allowed ones, as netsh takes it in ``remoteip``.

    Args:
        allowed: Addresses, and networks with their prefix length.

    Raises:
        ValueError: One of them is neither.
    """
    networks = [ipaddress.ip_network(one) for one in allowed]
    out = []
    for version, last in ((4, 2**32 - 1), (6, 2**128 - 1)):
        kind = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
        free = 0
        for network in sorted((one for one in networks if one.version == version), key=lambda one: int(one.network_address)):
            if int(network.network_address) > free:
                out.append(_range(kind(free), kind(int(network.network_address) - 1)))
            free = max(free, int(network.broadcast_address) + 1)
        if free <= last:
            out.append(_range(kind(free), kind(last)))
    return ",".join(out)


def _range(first: Address, last: Address) -> str:
    return str(first) if first == last else f"{first}-{last}"


def exists(host: WindowsHost, name: str) -> bool:
    """Return whether there is a rule of that name."""
    return host.run([*_RULE, "show", "rule", f"name={name}"], idempotent=True).exit_code == 0


def close(host: WindowsHost, name: str, ports: Sequence[int], allowed: Iterable[str]) -> None:
    """Block TCP connections to the ports from all but the allowed addresses, by a rule that replaces one of the same name.

    Raises:
        ValueError: As :func:`others`.
        HostError: There is no such rule afterwards.
    """
    remote = others(allowed)
    remove(host, name)
    rule = [f"name={name}", "dir=in", "action=block", "protocol=TCP", f"localport={','.join(map(str, ports))}", f"remoteip={remote}"]
    result = host.run([*_RULE, "add", "rule", *rule, "profile=any", "enable=yes"])
    if result.exit_code or not exists(host, name):
        raise HostError(
            f"{host.where}: expected netsh to add the rule {name} to Windows Firewall, but it ended with {result.exit_code}: "
            f"{' '.join((result.stderr or result.stdout).split())}",
            host.name,
            result.exit_code,
        )


def remove(host: WindowsHost, name: str) -> bool:
    """Remove the rules of that name, and return whether there was one.

    Raises:
        HostError: There is one still.
    """
    if not exists(host, name):
        return False
    host.run([*_RULE, "delete", "rule", f"name={name}"], idempotent=True)
    if exists(host, name):
        raise HostError(
            f"{host.where}: expected no rule {name} in Windows Firewall, but it is there still, and closes the portal to users. Remove it by hand: "
            f"netsh advfirewall firewall delete rule name={name}",
            host.name,
        )
    return True


def disabled_profiles(host: WindowsHost) -> list[str]:
    """Return the profiles in which the firewall is off, or does not say: there a rule has no effect. A policy may say otherwise."""
    return [name for name in PROFILES if registry.get(host, f"{_PROFILES}\\{name}", "EnableFirewall") not in ("0x1", "1")]
