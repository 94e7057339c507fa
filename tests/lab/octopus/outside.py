# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server reaches outside its host, or would, if Windows Firewall of the host let it.

A polling target opens the connection itself (octopus.com/docs/infrastructure/deployment-targets/tentacle/tentacle-communication), so a rule about what
the host opens does not concern it. What is no machine of the lab has an address of TEST-NET-3 (RFC 5737).
"""

from __future__ import annotations

import ipaddress
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from ..core.network import Network
    from .node import Node

# Those that need no connection: a script on the server itself, a row that is deleted, a release that is made.
AT_HOME = ("server", "machine policy", "release")


def contact(node: Node, what: str, **fields: Any) -> bool:
    """Record that the product reaches something, and return whether it does: a firewall may refuse."""
    server = address(node.host.network, what, fields)
    refused = server is not None and node.host.refuses(server)
    told = {**fields, "address": server} if refused else fields
    node.host.ledger.record("refused" if refused else "contact", node.host.name, what=what, node=node.name, **told)
    return not refused


def address(network: Network, what: str, fields: dict[str, Any]) -> str | None:
    """The address that the host would connect to; None where it opens no connection."""
    uri = str(fields.get("uri") or fields.get("smtp") or "")
    if what in AT_HOME or uri.lower().startswith("poll:"):
        return None
    name = (urlsplit(uri).hostname if "://" in uri else uri.partition(":")[0]) or what
    known = network.address_of(name)
    if known:
        return known
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return f"203.0.113.{zlib.crc32(name.lower().encode()) % 254 + 1}"
