# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a clone's host has to reach, as the host itself resolves it, and what it must not. Only reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.connection_string import is_local
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import computer_name
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, firewall, names, outbound_rule
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError

LOOPBACK = ("127.0.0.1", "::1")
SQL_PORT = 1433
# Nobody's address (RFC 5737): without the rule a try to reach it times out.
NOBODY = ("192.0.2.1", 443)


@dataclass(frozen=True)
class Wanted:
    """What a host may reach, and what is tried.

    Attributes:
        remote: All other addresses, as netsh takes them.
        reasons: Why each address or network is allowed.
        sql: Addresses and port of SQL Server; the port is None where only a named instance is known, and there is no address where it is the host itself.
        outside: Addresses and ports that have to be blocked.
        warnings: What could not be taken into account.
    """

    remote: str
    reasons: dict[str, str]
    sql: tuple[list[str], int | None]
    outside: list[tuple[str, int]]
    warnings: list[str] = field(default_factory=list)


def wanted_of(host: WindowsHost, params: dict[str, Any]) -> Wanted:
    """Find out what the host may reach.

    Args:
        host: The host.
        params: As octopus_outbound has them.

    Raises:
        InvalidValue: Everything is allowed.
        HostError: A name has no address on the host.
    """
    server, port = data_source(params["sql_server"])
    sql = [] if is_local(server, computer_name(host)) else names.addresses(host, server)
    reasons = dict.fromkeys(LOOPBACK, "the host itself")

    def allow(found: Sequence[str], why: str) -> None:
        for address in found:
            reasons.setdefault(address, why)

    allow(sql, "SQL Server")
    for name in dict.fromkeys(_file_servers(params["shares"])):
        allow(names.addresses(host, name), f"the file server {name}")
    allow(names.dns_servers(host), "a DNS server")
    allow(names.domain_controllers(host), "a domain controller")
    allow([host.client_address] if host.client_address else [], "the control node")
    for one in params["allowed"]:
        allow(names.addresses(host, one), f"allowed as {one}")
    try:
        remote = firewall.others(reasons)
    except ValueError as error:
        raise InvalidValue(f"Expected host names, addresses, and networks such as 10.1.2.0/24 in allowed, but {error}.") from error
    if not remote:
        raise InvalidValue(
            "Expected something to be left that is blocked, but allowed has every address. To block nothing, leave the rule out."
        )
    outside, warnings = _outside(host, params["outside"], remote)
    if sql and port is None:
        warnings.append(
            f"whether {server} can be reached was not tried: the port of a named instance is not known. The start of the clone shows it."
        )
    return Wanted(remote, reasons, (sql, port), outside, warnings)


def _outside(host: WindowsHost, urls: Sequence[str], remote: str) -> tuple[list[tuple[str, int]], list[str]]:
    """What to try that has to be blocked: of each URL the first address that is not allowed, and an address that is nobody's."""
    found, warnings = [], []
    for url in urls:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            known = names.addresses(host, str(parts.hostname))
        except HostError:
            warnings.append(f"{parts.hostname} was not tried: the host knows no address of it.")
            continue
        blocked = [address for address in known if outbound_rule.covers(remote, address)]
        found += [(address, port) for address in blocked[:1]]
        if len(blocked) < len(known):
            warnings.append(
                f"{parts.hostname} is not blocked: {', '.join(sorted(set(known) - set(blocked)))} is allowed for another reason."
            )
    if outbound_rule.covers(remote, NOBODY[0]):
        found.append(NOBODY)
    return found, warnings


def data_source(text: str) -> tuple[str, int | None]:
    r"""Return host and TCP port of SQL Server as a connection string names it; no port for a named instance (``db\NAME``) without one.

    Raises:
        InvalidValue: The port is no number.
    """
    name, comma, port = text.strip().removeprefix("tcp:").partition(",")
    server, instance, _named = name.partition("\\")
    if comma and not (port.strip().isascii() and port.strip().isdigit()):
        raise InvalidValue(f"Expected a number as the port of SQL Server in {text!r}.")
    return server.strip(), int(port) if comma else (None if instance else SQL_PORT)


def _file_servers(paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        if disks.is_unc(path):
            yield path.replace("/", "\\").lstrip("\\").partition("\\")[0]
