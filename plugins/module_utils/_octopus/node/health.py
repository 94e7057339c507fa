# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a node is healthy: its own API answers with the expected version, and the node does not report itself as offline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api import nodes
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version

_ANSWER_SECONDS = 10.0
_ANY = ("+", "*", "0.0.0.0", "[::]")  # noqa: S104 - recognised, not bound
_LOCAL = ("localhost", "127.0.0.1", "[::1]")


def node_url(prefixes: list[str], host: str) -> str | None:
    """Return the address at which this node answers, and not a load balancer.

    Args:
        prefixes: ``Octopus.WebPortal.ListenPrefixes`` of the node.
        host: The name or address at which the control node reaches the host.
    """

    def rank(prefix: str) -> tuple[int, bool]:
        name = _host_of(prefix)
        place = 0 if name in _ANY or name.split(".")[0] == host.lower().split(".")[0] else 1 if name in _LOCAL else 2
        return place, not prefix.lower().startswith("https:")

    best = min(filter(_host_of, prefixes), key=rank, default=None)
    if best is None:
        return None
    scheme, _slashes, rest = best.strip().partition("://")
    if _host_of(best) in (*_ANY, *_LOCAL):
        rest = _bracketed(host) + rest[len(_host_of(best)) :]
    return f"{scheme.lower()}://{rest.rstrip('/')}"


def _host_of(prefix: str) -> str:
    """Return the host in a prefix such as ``https://+:8443/octopus``; empty where there is none."""
    _scheme, slashes, rest = prefix.strip().partition("://")
    authority = rest.split("/")[0].lower() if slashes else ""
    return authority[: authority.index("]") + 1] if authority.startswith("[") and "]" in authority else authority.split(":")[0]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def wait_healthy(
    name: str,
    options: ApiOptions,
    expected: str | None,
    deadline: Deadline,
    gone: Callable[[], str | None] = lambda: None,
) -> str:
    """Wait until a node is healthy, and return its version.

    Args:
        name: The node's inventory name, for messages.
        options: The address of the node itself. The API key in it is not sent, because the requests need none.
        expected: The expected version; None for any.
        deadline: How long to wait.
        gone: Called from time to time; a text says why waiting is pointless.

    Raises:
        OctopusError: The time was up, or waiting is pointless. The message has the last answer.
    """
    last = "none"
    with OctopusApi(replace(options, api_key="", timeout=min(options.timeout, _ANSWER_SECONDS)), retries=0) as api:
        ask_whether_gone = 1.0
        while True:
            try:
                version, last = _look(api, expected)
                if version:
                    return version
            except OctopusError as error:
                last = error.message
            if deadline.elapsed >= ask_whether_gone:
                ask_whether_gone = deadline.elapsed * 2
                reason = gone()
                if reason:
                    raise OctopusError(f"{name}: {reason}, while waiting for {options.url}. Last answer: {last}.")
            if not deadline.pause():
                wanted = f"version {expected}" if expected else "an answer"
                raise OctopusError(
                    f"{name}: expected {wanted} from {options.url} within {deadline.seconds:.0f} s. Last answer: {last}. "
                    "Check that the control node can reach octopus_node_url, or the listen prefix that the address is derived from. "
                    r"See Logs\OctopusServer.txt in the home of the instance."
                )


def _look(api: OctopusApi, expected: str | None) -> tuple[str | None, str]:
    """Return the version if the node is healthy, and a description of the answer."""
    status, root = api.status("/api")
    if status != 200 or not isinstance(root, dict) or not root.get("Version"):
        said = root.get("ErrorMessage") or root.get("Description") if isinstance(root, dict) else None
        return None, f"status {status}{f': {said}' if said else ''}"
    version = root["Version"]
    if expected and Version.parse(version) != Version.parse(expected):
        return None, f"version {version}"
    pong = nodes.ping(api)
    if pong and pong.get("IsOffline"):
        return None, f"version {version}, and it reports itself as offline (last seen {pong.get('LastSeen')})"
    return version, f"version {version}"
