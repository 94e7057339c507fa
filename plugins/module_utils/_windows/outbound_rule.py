# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One rule of Windows Firewall that lets a host open TCP connections to some addresses only, and what would make it ineffective.

A rule that blocks wins over every rule that allows, so the rule names all other addresses (see :mod:`.firewall`). It decides about connections that
the host opens: a connection that was opened to the host, such as WinRM's, belongs to the inbound layer for as long as it lives
(https://learn.microsoft.com/windows/win32/fwp/ale-re-authorization). Only TCP: DHCP, neighbour discovery, time and DNS by UDP go on, without which
the host would lose its address.

netsh prints translated sentences, so a rule is read where Windows keeps it, in the registry, in the grammar of [MS-GPFAS] 2.2.2.19
(https://learn.microsoft.com/openspecs/windows_protocols/ms-gpfas): ``v2.30|Action=Block|Active=TRUE|Dir=Out|Protocol=6|RA4=…|RA6=…|Name=…|``.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

from . import firewall, registry
from .connection import WindowsHost
from .errors import HostError

_NETSH = ["netsh", "advfirewall", "firewall"]
_POLICY = "HKLM\\SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy"
_RULES = f"{_POLICY}\\FirewallRules"
_MANAGED = f"{_POLICY}\\Mdm"
_GROUP_POLICY = "HKLM\\SOFTWARE\\Policies\\Microsoft\\WindowsFirewall"
_DIGITS = 12
# The keys of each profile: Group Policy has another name for the private one in newer templates than in older ones.
_PROFILES = {"domain": ("DomainProfile",), "private": ("PrivateProfile", "StandardProfile"), "public": ("PublicProfile",)}
_FIELDS = {"Action": {"Block"}, "Active": {"TRUE"}, "Dir": {"Out"}, "Protocol": {"6"}}
_HARMLESS = {"RA4", "RA6", "Name", "Desc", "EmbedCtxt"}

Span = tuple[int, int, int]
"""IP version, first and last address."""


@dataclass(frozen=True)
class Rule:
    """A rule as the registry has it: its name, and its fields without the name."""

    name: str
    fields: tuple[tuple[str, str], ...]

    @property
    def active(self) -> bool:
        return ("Active", "TRUE") in self.fields

    def differs(self, remote: str) -> str:
        """Return what makes the rule another one than an active block of TCP to these addresses and nothing else; empty where nothing does.

        Args:
            remote: As ``remoteip`` of netsh has them.
        """
        found = dict(self.fields)
        for name, wanted in _FIELDS.items():
            if found.get(name) not in wanted:
                return f"{name} is {found.get(name, 'missing')}"
        # Whatever else there is can only narrow the rule: to a program, a service, ports, a profile.
        narrowing = sorted({name for name, _value in self.fields} - set(_FIELDS) - _HARMLESS)
        if narrowing:
            return f"it is limited by {', '.join(narrowing)}"
        try:
            same = spans(",".join(value for name, value in self.fields if name in ("RA4", "RA6"))) == spans(remote)
        except ValueError as error:
            return f"its addresses cannot be read ({error})"
        return "" if same else "it has other addresses"


def name_of(instance: str, remote: str) -> str:
    """Return the name of an instance's rule with these addresses. One with others has another name, so that both can be there at once."""
    return f"{firewall.rule_name(f'outbound-{instance}')}-{hashlib.sha256(remote.encode()).hexdigest()[:_DIGITS]}"


def spans(text: str) -> list[Span]:
    """Return addresses, networks and ranges as the fewest ranges, in order.

    Raises:
        ValueError: One of them is neither.
    """
    found: list[Span] = []
    for one in filter(None, (part.strip() for part in text.split(","))):
        first, dash, last = one.partition("-")
        if dash:
            ends = (ipaddress.ip_address(first), ipaddress.ip_address(last))
        else:
            network = ipaddress.ip_network(one)
            ends = (network.network_address, network.broadcast_address)
        if ends[0].version != ends[1].version or int(ends[0]) > int(ends[1]):
            raise ValueError(f"{one!r} is no range of addresses")
        found.append((ends[0].version, int(ends[0]), int(ends[1])))
    merged: list[Span] = []
    for version, low, high in sorted(found):
        if merged and merged[-1][0] == version and low <= merged[-1][2] + 1:
            merged[-1] = (version, merged[-1][1], max(high, merged[-1][2]))
        else:
            merged.append((version, low, high))
    return merged


def covers(remote: str, address: str) -> bool:
    """Whether a rule with these addresses blocks connections to one."""
    wanted = ipaddress.ip_address(address)
    return any(version == wanted.version and low <= int(wanted) <= high for version, low, high in spans(remote))


def parse(text: str) -> Rule:
    """Parse a rule of the registry. Values have no ``|``."""
    fields = tuple((name, value) for name, equals, value in (part.partition("=") for part in text.split("|")) if equals)
    return Rule(next((value for name, value in fields if name == "Name"), ""), tuple(one for one in fields if one[0] != "Name"))


def find(host: WindowsHost, instance: str) -> list[Rule]:
    """Return the rules of an instance, effective or not, and none of anybody else's.

    Raises:
        HostError: The registry cannot be read.
    """
    beginning = firewall.rule_name(f"outbound-{instance}") + "-"
    own = re.compile(re.escape(beginning) + f"[0-9a-f]{{{_DIGITS}}}")
    found = [parse(data) for data in registry.find_data(host, _RULES, beginning).values()]
    return [rule for rule in found if own.fullmatch(rule.name)]


def add(host: WindowsHost, name: str, remote: str) -> None:
    """Add the rule, for all profiles, and read it back.

    Raises:
        HostError: It is not there afterwards, or is another one.
    """
    what = ["dir=out", "action=block", "protocol=TCP", f"remoteip={remote}", "profile=any", "enable=yes"]
    result = host.run([*_NETSH, "add", "rule", f"name={name}", *what])
    rules = [parse(data) for data in registry.find_data(host, _RULES, name).values()]
    differing = [rule.differs(remote) for rule in rules if rule.name == name]
    if result.exit_code or not differing or any(differing):
        said = " ".join((result.stderr or result.stdout).split())
        found = next(filter(None, differing), "") if differing else "none is there"
        raise HostError(
            f"{host.where}: expected netsh to add the outbound rule {name} to Windows Firewall, but it ended with {result.exit_code}"
            f"{f', and {found}' if found else ''}: {said or 'there was no message'}",
            host.name,
            result.exit_code,
        )


def enable(host: WindowsHost, name: str, on: bool) -> None:
    """Let the rules of a name act, or not.

    Raises:
        HostError: netsh refuses.
    """
    host.run([*_NETSH, "set", "rule", f"name={name}", "new", f"enable={'yes' if on else 'no'}"], check=True, idempotent=True)


def delete(host: WindowsHost, name: str) -> None:
    """Delete the rules of a name.

    Raises:
        HostError: There is one still.
    """
    result = host.run([*_NETSH, "delete", "rule", f"name={name}"])
    if registry.find_data(host, _RULES, name):
        raise HostError(
            f"{host.where}: expected no rule {name} in Windows Firewall any more, but netsh ended with {result.exit_code} and it is there still. "
            f"Delete it by hand: netsh advfirewall firewall delete rule name={name}",
            host.name,
            result.exit_code,
        )


def obstacles(host: WindowsHost) -> list[str]:
    """Return what keeps rules of the host from acting, as far as its registry tells: a profile that is off or silent, or a policy that ignores them.

    Raises:
        HostError: The registry cannot be read.
    """
    # https://learn.microsoft.com/openspecs/windows_protocols/ms-gpfas: EnableFirewall, AllowLocalPolicyMerge. What manages a host over MDM
    # (https://learn.microsoft.com/windows/client-management/mdm/firewall-csp) keeps the same below a key of its own.
    looked = ((_GROUP_POLICY, "EnableFirewall"), (_GROUP_POLICY, "AllowLocalPolicyMerge"), (_POLICY, "EnableFirewall"))
    group, merge, local = (_lower(registry.find_values(host, key, value)) for key, value in looked)
    merge |= _lower(registry.find_values(host, _MANAGED, "AllowLocalPolicyMerge"))
    return judge(local, group, merge)


def judge(local: Mapping[str, str], group: Mapping[str, str], merge: Mapping[str, str]) -> list[str]:
    """Return what keeps local rules from acting.

    Args:
        local: ``EnableFirewall`` of the host and of what manages it, by key in lower case.
        group: ``EnableFirewall`` of Group Policy.
        merge: ``AllowLocalPolicyMerge`` of both.
    """
    out = []
    for profile, names in _PROFILES.items():
        keys = [f"{base}\\{name}".lower() for base in (_GROUP_POLICY, _MANAGED, _POLICY) for name in names]
        state = next((value for key in keys if (value := group.get(key, local.get(key))) is not None), None)
        if state is None or not _number(state):
            out.append(f"Windows Firewall {'does not say whether it is on' if state is None else 'is off'} in the {profile} profile")
        if any(key in merge and not _number(merge[key]) for key in keys):
            out.append(f"a policy lets no rules of the host act in the {profile} profile (AllowLocalPolicyMerge is 0)")
    return out


def _number(text: str) -> int:
    """A REG_DWORD as reg.exe prints it; 0, the unsafe reading, for anything else."""
    try:
        return int(text, 0)
    except ValueError:
        return 0


def _lower(found: Mapping[str, str]) -> dict[str, str]:
    return {registry.short(key).lower(): value for key, value in found.items()}
