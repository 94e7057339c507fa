# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What names mean on a Windows host: addresses, DNS servers, domain controllers. Only reads.

A name is resolved on the host, since its own resolver decides where its connections go. ``ping`` asks that resolver, hosts file included, and prints the
address in brackets in every language, but one only; ``nslookup`` prints all that DNS has, and knows nothing else
(https://learn.microsoft.com/windows-server/administration/windows-commands/ping and …/nslookup). Of both, only the addresses are read.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator

from . import registry
from .connection import WindowsHost
from .errors import HostError

_SERVICES = "HKLM\\SYSTEM\\CurrentControlSet\\Services"
_INTERFACES = [f"{_SERVICES}\\{protocol}\\Parameters\\Interfaces" for protocol in ("Tcpip", "Tcpip6")]
# Automatic where the host has joined a domain, else manual: https://learn.microsoft.com/windows/win32/ad/netlogon-service
_NETLOGON, _AUTOMATIC = f"{_SERVICES}\\Netlogon", 2
_BRACKETS = re.compile(r"\[([0-9A-Fa-f.:]+(?:%\w+)?)\]")
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
_BLANK = re.compile(r"\r?\n[ \t]*\r?\n")


def is_address(text: str) -> bool:
    """Whether a text is an address, or a network with its prefix length."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def addresses(host: WindowsHost, name: str) -> list[str]:
    """Return all addresses that a name has on the host, in order.

    Args:
        host: The host.
        name: A host name, or an address, which stays as it is.

    Raises:
        HostError: It is no host name, or it has none.
    """
    if is_address(name):
        return [name]
    if not _NAME.fullmatch(name):
        raise HostError(f"{host.where}: expected the name of a host but found {name!r}.", host.name)
    found: set[str] = set()
    for family in ("-4", "-6"):
        # One millisecond: nobody has to answer.
        said = host.run(["ping", family, "-n", "1", "-w", "1", name], idempotent=True).stdout
        found.update(_plain(_BRACKETS.findall(said)[:1]))
    found.update(_in_dns(host, name))
    if not found:
        raise HostError(
            f"{host.where}: expected the host to know an address of {name}, but neither its own resolver nor DNS has one. Correct the name, or give "
            "its address.",
            host.name,
        )
    return sorted(found, key=_order)


def dns_servers(host: WindowsHost) -> list[str]:
    """Return the DNS servers of all interfaces; those that were set replace those that DHCP gave.

    Raises:
        HostError: The registry cannot be read.
    """
    found: set[str] = set()
    for key in _INTERFACES:
        given = registry.find_values(host, key, "DhcpNameServer")
        own = {name: text for name, text in registry.find_values(host, key, "NameServer").items() if text.strip()}
        for text in {**given, **own}.values():
            found.update(_plain(re.split(r"[\s,]+", text)))
    return sorted(found, key=_order)


def domain_controllers(host: WindowsHost) -> list[str]:
    """Return the addresses of the domain controllers that DNS has for the host's domain; none where the host is in no domain.

    Each controller registers an address under the name of its domain, and an SRV record:
    https://learn.microsoft.com/troubleshoot/windows-server/networking/verify-srv-dns-records-have-been-created

    Raises:
        HostError: The host is in a domain and none is found. Without them nobody could log on any more.
    """
    if int(registry.get(host, _NETLOGON, "Start") or "0", 0) != _AUTOMATIC:
        return []
    domain = (registry.get(host, f"{_SERVICES}\\Tcpip\\Parameters", "Domain") or "").strip()
    found: set[str] = set()
    if _NAME.fullmatch(domain):
        found.update(_in_dns(host, domain), _in_dns(host, f"_ldap._tcp.dc._msdcs.{domain}", "-type=SRV"))
    if not found:
        raise HostError(
            f"{host.where}: expected DNS to have the domain controllers of the host's domain {domain or '(no name found)'}, but found none. Without "
            "them nobody could log on once they cannot be reached. Correct DNS on the host.",
            host.name,
        )
    return sorted(found, key=_order)


def _in_dns(host: WindowsHost, name: str, *options: str) -> set[str]:
    """The addresses in what nslookup prints after the first empty line: before it is the DNS server that was asked."""
    # A name that ends in a dot is not tried with the host's own suffixes.
    said = host.run(["nslookup", *options, name.rstrip(".") + "." if "." in name else name], idempotent=True, timeout=90).stdout
    answer = _BLANK.split(said.strip(), maxsplit=1)
    return set(_plain(answer[1].split())) if len(answer) > 1 else set()


def _plain(texts: Iterable[str]) -> Iterator[str]:
    """Those that are addresses, without the interface of a link-local one."""
    for text in texts:
        try:
            yield str(ipaddress.ip_address(text.partition("%")[0]))
        except ValueError:
            continue


def _order(text: str) -> tuple[int, int]:
    address = ipaddress.ip_address(text)
    return address.version, int(address)
