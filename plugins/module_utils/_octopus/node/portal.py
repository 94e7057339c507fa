# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The portal of a node, closed to everybody but the control node by Windows Firewall, and opened again.

Maintenance mode lets administrators and their API keys in, and what they write between backup and publish is lost with a rollback.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import firewall
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost

from .health import ask, node_url, open_node

_DISCARD = 9  # nothing is sent: only the route is asked for


def ports(prefixes: Sequence[str]) -> list[int]:
    """Return the TCP ports of listen prefixes such as ``https://+:8443/``.

    Raises:
        OctopusError: There is none.
    """
    parts = [urlsplit(prefix.replace("://*", "://any").replace("://+", "://any")) for prefix in prefixes]
    found = sorted({one.port or (443 if one.scheme.lower() == "https" else 80) for one in parts if one.hostname})
    if not found:
        raise OctopusError("The configuration has no listen prefix, so the ports of the portal are not known.")
    return found


def own_addresses(names: Sequence[str]) -> list[str]:
    """Return the addresses from which this computer reaches others, as far as it knows: behind NAT or a proxy they see another one."""
    found = set()
    for name in names:
        for family, kind, _protocol, _name, where in socket.getaddrinfo(name, _DISCARD, type=socket.SOCK_DGRAM):
            with socket.socket(family, kind) as probe:
                try:
                    probe.connect(where)
                except OSError:
                    continue  # no route for this family
                found.add(str(probe.getsockname()[0]).partition("%")[0])
    return sorted(found)


def rule(instance: str) -> str:
    """Return the name of the rule of an instance."""
    return firewall.rule_name(instance)


def close(
    host: WindowsHost, instance: str, allowed: Sequence[str], portal_url: str | None, options_for: Callable[[str], ApiOptions]
) -> list[str]:
    """Close the portal to all but the control node and the allowed addresses, and ask it whether the control node gets through.

    Args:
        host: The node, whose service runs.
        instance: The instance.
        allowed: Further addresses and networks.
        portal_url: Address of the web portal.
        options_for: Gives the options for the address of the node.

    Returns:
        Warnings.

    Raises:
        OctopusError: The control node does not get through, and the portal is open again; or an address is none.
        HostError: The host refuses.
    """
    prefixes = OctopusHost(host).configuration(instance).listen_prefixes
    url = host.options.url or node_url(prefixes, host.options.host, portal_url)
    if url is None:
        raise OctopusError(f"{host.where}: the configuration of {instance} has no listen prefix to ask the node at.")
    own = own_addresses([host.options.host, str(urlsplit(url).hostname)])
    name = rule(instance)
    try:
        firewall.close(host, name, ports(prefixes), [*own, *allowed])
    except ValueError as error:
        raise OctopusError(f"octopus_isolate_allow: expected addresses and networks such as 10.1.2.0/24, but {error}.") from error
    try:
        with open_node(options_for(url)) as api:
            version, found = ask(api)
    except OctopusError as error:
        version, found = None, error.message
    if version is None:
        firewall.remove(host, name)
        raise OctopusError(
            f"{host.where}: expected to reach {url} through the firewall rule {name}, which lets {', '.join([*own, *allowed])} in, but found: {found} "
            "The rule is removed again. Add the address that the node sees the control node at (of a proxy or NAT) to octopus_isolate_allow, or "
            "leave octopus_isolate_until_published out."
        )
    off = firewall.disabled_profiles(host)
    return [f"{host.name}: Windows Firewall is off in {', '.join(off)}, where the rule {name} closes nothing."] if off else []
