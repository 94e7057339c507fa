# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a node is healthy: its own API answers with the expected version, and the node does not report itself as offline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api import nodes
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.http import OtherWay
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import NotAsked, OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version

_ANSWER_SECONDS = 10.0
# How long a service that can be asked in no way has to run before it counts as healthy: one that cannot use its database or its licence
# ends before (assumed).
SETTLED_SECONDS = 120.0
_ANY = ("+", "*", "0.0.0.0", "[::]")  # noqa: S104 - recognised, not bound
_LOCAL = ("localhost", "127.0.0.1", "[::1]")


def node_url(prefixes: list[str], host: str, portal_url: str | None = None) -> str | None:
    """Return the address at which this node answers, and not a load balancer.

    Args:
        prefixes: ``Octopus.WebPortal.ListenPrefixes`` of the node.
        host: The name or address at which the control node reaches the host.
        portal_url: Address of the web portal. A prefix with its name is asked at the host's own address, for that name.
    """
    portal = (urlsplit(portal_url).hostname if portal_url else None) or ""

    def rank(prefix: str) -> tuple[int, bool]:
        name = _host_of(prefix)
        own = name in _ANY or name.split(".")[0] == host.lower().split(".")[0]
        place = 0 if own else 1 if name == portal else 2 if name in _LOCAL else 3
        return place, not prefix.lower().startswith("https:")

    best = min(filter(_host_of, prefixes), key=rank, default=None)
    if best is None:
        return None
    return _address(best, _bracketed(host), (*_ANY, *_LOCAL, portal))


def local_url(prefixes: list[str]) -> str | None:
    """Return the address at which the node itself reaches its portal; None where it has no listen prefix."""
    best = min(filter(_host_of, prefixes), key=lambda prefix: _host_of(prefix) not in (*_ANY, *_LOCAL), default=None)
    return None if best is None else _address(best, "localhost", _ANY)


def _address(prefix: str, host: str, replaced: tuple[str, ...]) -> str:
    """Return the address of a prefix, with the host in place of one of the names that are replaced."""
    scheme, _slashes, rest = prefix.strip().partition("://")
    if _host_of(prefix) in replaced:
        rest = host + rest[len(_host_of(prefix)) :]
    return f"{scheme.lower()}://{rest.rstrip('/')}"


def _host_of(prefix: str) -> str:
    """Return the host in a prefix such as ``https://+:8443/octopus``; empty where there is none."""
    _scheme, slashes, rest = prefix.strip().partition("://")
    authority = rest.split("/")[0].lower() if slashes else ""
    return authority[: authority.index("]") + 1] if authority.startswith("[") and "]" in authority else authority.split(":")[0]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def open_node(options: ApiOptions, other_way: OtherWay | None = None) -> OctopusApi:
    """Open the API of one node, as everything does that asks whether it is healthy.

    Args:
        options: The address of the node itself. The API key in it is not sent, because the requests need none.
        other_way: Asks where the control node cannot for a reason of its own.
    """
    return OctopusApi(replace(options, api_key="", timeout=min(options.timeout, _ANSWER_SECONDS)), retries=0, other_way=other_way)


def ask(api: OctopusApi, expected: str | None = None) -> tuple[str | None, str]:
    """Return the version if the node is healthy, and a description of the answer.

    Raises:
        NotAsked: The control node could not ask.
        OctopusError: There was no answer.
    """
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


def counts_as_started(seconds: float) -> bool:
    """Return whether a service that runs, and cannot be asked whether it is healthy, is taken to be.

    Rolling it back would ask the same question, and leave it out of service when it cannot be answered either.

    Args:
        seconds: How long it has been running since it could not be asked.
    """
    return seconds >= SETTLED_SECONDS


def wait_healthy(
    name: str,
    options: ApiOptions,
    expected: str | None,
    deadline: Deadline,
    *,
    gone: Callable[[], str | None] = lambda: None,
    other_way: OtherWay | None = None,
    warn: Callable[[str], object] = lambda _message: None,
) -> str | None:
    """Wait until a node is healthy, and return its version; None where nobody could ask, but its service keeps running.

    Args:
        name: The node's inventory name, for messages.
        options: The address of the node itself.
        expected: The expected version; None for any.
        deadline: How long to wait.
        gone: Called from time to time; a text says why waiting is pointless.
        other_way: Asks where the control node cannot for a reason of its own.
        warn: Gets what could not be asked.

    Raises:
        OctopusError: The time was up, or waiting is pointless. The message has the last answer.
    """
    last = "none"
    not_asked_since: float | None = None
    with open_node(options, other_way) as api:
        ask_whether_gone = 1.0
        while True:
            try:
                version, last = ask(api, expected)
                not_asked_since = None
                if version:
                    return version
            except NotAsked as error:
                last = error.message
                not_asked_since = deadline.elapsed if not_asked_since is None else not_asked_since
            except OctopusError as error:
                last, not_asked_since = error.message, None
            if deadline.elapsed >= ask_whether_gone:
                ask_whether_gone = deadline.elapsed * 2
                _check_running(name, options, gone, last)
            time_left = deadline.pause()
            if not_asked_since is not None and (not time_left or counts_as_started(deadline.elapsed - not_asked_since)):
                _check_running(name, options, gone, last)
                warn(f"{name}: the service runs according to Windows, but nobody could ask whether it is healthy: {last}")
                return None
            if not time_left:
                wanted = f"version {expected}" if expected else "an answer"
                raise OctopusError(
                    f"{name}: expected {wanted} from {options.url} within {deadline.seconds:.0f} s. Last answer: {last}. "
                    "Check that the control node can reach octopus_node_url, or the listen prefix that the address is derived from. "
                    r"See Logs\OctopusServer.txt in the home of the instance."
                )


def _check_running(name: str, options: ApiOptions, gone: Callable[[], str | None], last: str) -> None:
    reason = gone()
    if reason:
        raise OctopusError(f"{name}: {reason}, while waiting for {options.url}. Last answer: {last}.")
