# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes drained, stopped, started, all at once, each proven by what its host and its own API say."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.nodes import Node, list_nodes
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import watchdog
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.parallel import on_each

from . import drain as draining
from . import services as node_services
from .health import node_url, wait_healthy
from .results import Done, NodeRequest, NodeResult, NodesFailed

OptionsFor = Callable[[str], ApiOptions]


def bring_about(
    request: NodeRequest, connections: Sequence[ConnectionOptions], options_for: OptionsFor, api_options: ApiOptions | None
) -> Done:
    """Do what was asked for, on all nodes at once.

    Args:
        request: What.
        connections: The nodes.
        options_for: Gives the options for the address of a node; without the key, which is not needed there.
        api_options: The server as a whole, for draining.

    Raises:
        NodesFailed: Some nodes did not get there; the message tells each one's reason.
        OctopusError: The REST API refuses, or tasks still run.
    """
    if not connections:
        raise OctopusError("There is no node to act on: give nodes, or run the task for a Windows host.")
    results = {connection.name: NodeResult() for connection in connections}
    done = Done(results)
    if request.watchdog == "disabled" or request.state in ("stopped", "started"):
        _everywhere(connections, done, lambda host: _on_host(host, request, results[host.name], options_for))
    if request.state in ("drained", "undrained"):
        _over_rest(request, connections, done, api_options)
    if request.watchdog == "enabled":
        _everywhere(connections, done, lambda host: _switch_watchdog(host, request, results[host.name]))
    return done


def _everywhere(connections: Sequence[ConnectionOptions], done: Done, work: Callable[[WindowsHost], None]) -> None:
    """Do something on every node, in a thread each; fail only when all have ended."""
    failures = []
    for name, outcome in on_each(connections, work).items():
        if isinstance(outcome, (OctopusError, HostError)):
            failures.append(outcome.message if name in outcome.message else f"{name}: {outcome.message}")
        elif isinstance(outcome, BaseException):
            raise outcome
    if failures:
        raise NodesFailed(" ".join(failures), done)


def _on_host(host: WindowsHost, request: NodeRequest, result: NodeResult, options_for: OptionsFor) -> None:
    start = time.monotonic()
    if request.watchdog == "disabled":
        _switch_watchdog(host, request, result)
    if request.state == "stopped":
        _stop(host, request, result)
    elif request.state == "started":
        _start(host, request, result, options_for)
    result.seconds = round(time.monotonic() - start, 3)


def _switch_watchdog(host: WindowsHost, request: NodeRequest, result: NodeResult) -> None:
    result.watchdog = watchdog.switch(host, request.watchdog == "enabled", check_mode=request.check_mode)


def _stop(host: WindowsHost, request: NodeRequest, result: NodeResult) -> None:
    service = node_services.find(host, request.instance_name)
    result.was_service_state, result.service_state = service.state, "stopped"
    if not request.check_mode:
        result.service_state = service.state
        node_services.stop(host, service, Deadline(request.timeout), request.tell)
        result.service_state = "stopped"


def _start(host: WindowsHost, request: NodeRequest, result: NodeResult, options_for: OptionsFor) -> None:
    service = node_services.find(host, request.instance_name)
    result.was_service_state, result.service_state = service.state, "running"
    if request.check_mode:
        return
    deadline = Deadline(request.timeout)
    result.service_state = service.state
    node_services.start(host, service, deadline, request.tell)
    result.service_state = "running"
    if not request.health:
        return
    url = host.options.url or _own_url(host, service.instance)
    request.tell(f"{host.name}: the service runs, waiting for {url}")
    result.version = wait_healthy(
        host.name,
        options_for(url),
        request.expected_version,
        Deadline(deadline.left),
        gone=lambda: node_services.why_down(host, service),
    )


def _own_url(host: WindowsHost, instance: str) -> str:
    """Make the address of the node itself from its configuration."""
    configuration = OctopusHost(host).configuration(instance)
    url = node_url(configuration.listen_prefixes, host.options.host)
    if url is None:
        raise OctopusError(
            f"{host.where}: the configuration of the instance {instance} names no listen prefix, so where the node answers is unknown. "
            "Set octopus_node_url for this host."
        )
    return url


def _over_rest(request: NodeRequest, connections: Sequence[ConnectionOptions], done: Done, api_options: ApiOptions | None) -> None:
    if api_options is None:
        raise OctopusError(f"state {request.state} goes over the REST API: give url and api_key.")
    start = time.monotonic()
    drained = request.state == "drained"
    with OctopusApi(api_options) as api:
        names = _node_names(connections, list_nodes(api), request, done)
        if drained:
            outcome = draining.drain(
                api,
                list(names.values()),
                Deadline(request.timeout),
                request.on_timeout,
                check_mode=request.check_mode,
                tell=request.tell,
            )
            before = outcome.before
            done.cancelled, done.left_running = outcome.cancelled, outcome.left_running
        else:
            before = draining.undrain(api, list(names.values()), request.check_mode)
    for inventory_name, node_name in names.items():
        result = done.nodes[inventory_name]
        result.was_drained, result.drained = before[node_name].draining, drained
        result.seconds += round(time.monotonic() - start, 3)


def _node_names(connections: Sequence[ConnectionOptions], known: list[Node], request: NodeRequest, done: Done) -> dict[str, str]:
    """Return the server's name of each node. A host that is called otherwise than its node is asked for it."""
    by_name = {node.name.casefold(): node.name for node in known}
    names: dict[str, str] = {}
    unknown = []
    for connection in connections:
        found = by_name.get(connection.name.casefold()) or by_name.get(connection.host.split(".")[0].casefold())
        if found:
            names[connection.name] = found
        else:
            unknown.append(connection)
    if unknown:
        found_on: dict[str, str] = {}

        def ask(host: WindowsHost) -> None:
            octopus = OctopusHost(host)
            found_on[host.name] = octopus.node_name(octopus.one_instance(request.instance_name))

        _everywhere(unknown, done, ask)
        names |= found_on
    return {connection.name: names[connection.name] for connection in connections}
