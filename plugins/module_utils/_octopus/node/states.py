# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes drained, stopped and started, all at once, and verified by their hosts and their own APIs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.nodes import Node, find_node, list_nodes
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import NotAsked, OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import watchdog
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import firewall
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.parallel import failures, on_each
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.services import DISABLED, MANUAL

from . import drain as draining
from . import portal
from . import services as node_services
from .from_node import FromNode, open_api
from .health import node_url, wait_healthy
from .results import Done, NodeRequest, NodeResult, NodesFailed
from .services import NodeService
from .start_log import explained

OptionsFor = Callable[[str], ApiOptions]


def bring_to_state(
    request: NodeRequest, connections: Sequence[ConnectionOptions], options_for: OptionsFor, api_options: ApiOptions | None
) -> Done:
    """Bring all nodes to the wanted state at once.

    Args:
        request: The wanted state.
        connections: The nodes.
        options_for: Gives the options for the address of a node, without the API key, which is not needed there.
        api_options: The server as a whole, for draining.

    Raises:
        NodesFailed: Some nodes did not reach the state; the message says why for each.
        OctopusError: The REST API refuses, or tasks are still running.
    """
    if not connections:
        raise OctopusError("No node to act on. Set nodes, or run the task for a Windows host.")
    results = {connection.name: NodeResult() for connection in connections}
    done = Done(results)
    if request.watchdog == "disabled" or request.state in ("stopped", "started"):
        _everywhere(connections, done, lambda host: _on_host(host, request, results[host.name], options_for))
    if request.state in ("drained", "undrained"):
        _over_rest(request, connections, done, api_options)
    if request.state == "started" and request.keep_drained and not request.check_mode:
        _keep_drained(request, connections, done, api_options)
    if request.portal:
        _everywhere(connections, done, lambda host: _switch_portal(host, request, results[host.name], options_for))
    if request.watchdog == "enabled":
        _everywhere(connections, done, lambda host: _switch_watchdog(host, request, results[host.name]))
    return done


def _everywhere(connections: Sequence[ConnectionOptions], done: Done, work: Callable[[WindowsHost], None]) -> None:
    """Do something on every node, in a thread for each; fail only when all have ended.

    Raises:
        NodesFailed: Some nodes failed; the message says why for each.
    """
    failed = failures(on_each(connections, work))
    if failed:
        raise NodesFailed(" ".join(failed), done)


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


def _switch_portal(host: WindowsHost, request: NodeRequest, result: NodeResult, options_for: OptionsFor) -> None:
    service = node_services.find(OctopusHost(host), request.instance_name)
    there = firewall.exists(host, portal.rule(service.instance))
    result.was_portal, result.portal = "closed" if there else "open", request.portal
    if request.check_mode:
        return
    if request.portal == "open":
        firewall.remove(host, portal.rule(service.instance))
    else:
        result.warnings += portal.close(host, service.instance, request.portal_allowed, request.portal_url, options_for)


def _stop(host: WindowsHost, request: NodeRequest, result: NodeResult) -> None:
    service = node_services.find(OctopusHost(host), request.instance_name)
    result.was_service_state, result.service_state = service.state, "stopped"
    # Before it is stopped: nobody, neither a restart of the host nor a monitoring tool, starts it again in between.
    _set_start_type(host, service, request, result)
    if not request.check_mode:
        result.service_state = service.state
        node_services.stop(host, service, Deadline(request.timeout), request.tell)
        result.service_state = "stopped"


def _start(host: WindowsHost, request: NodeRequest, result: NodeResult, options_for: OptionsFor) -> None:
    octopus = OctopusHost(host)  # one for the whole start, so that the program is not asked twice for its instances
    service = node_services.find(octopus, request.instance_name)
    result.was_service_state, result.service_state = service.state, "running"
    _set_start_type(host, service, request, result, to_start=True)
    if request.check_mode:
        return
    begun = time.monotonic()
    try:
        _until_healthy(octopus, service, request, result, options_for)
    except NotAsked:
        raise
    except OctopusError as error:
        raise explained(error, octopus, service.instance, time.monotonic() - begun) from error


def _until_healthy(octopus: OctopusHost, service: NodeService, request: NodeRequest, result: NodeResult, options_for: OptionsFor) -> None:
    host, deadline = octopus.host, Deadline(request.timeout)
    result.service_state = service.state
    node_services.start(host, service, deadline, request.tell)
    result.service_state = "running"
    if request.start_types.get(host.name) == DISABLED:
        _set_start_type(host, service, request, result)
    if not request.health:
        return
    url = host.options.url or _own_url(octopus, service.instance, request.portal_url)
    request.tell(f"{host.name}: the service is running, waiting for {url}")
    way = FromNode(octopus, service.instance)
    result.version = wait_healthy(
        host.name,
        options_for(url),
        request.expected_version,
        Deadline(deadline.left),
        gone=lambda: node_services.why_down(host, service),
        other_way=way,
        warn=result.warnings.append,
    )
    result.warnings += [way.warning] if way.warning else []


def _set_start_type(host: WindowsHost, service: NodeService, request: NodeRequest, result: NodeResult, to_start: bool = False) -> None:
    """Set the start type where one is wanted. A service that is to be started cannot be disabled until it is running."""
    wanted = request.start_types.get(host.name)
    if wanted is None:
        return
    found = node_services.start_type(host, service)
    result.was_start_type = result.was_start_type or found
    now = MANUAL if to_start and wanted == DISABLED and service.state != "running" else wanted
    if found != now and not request.check_mode:
        node_services.set_start_type(host, service, now)
    result.start_type = wanted if request.check_mode else now


def _own_url(octopus: OctopusHost, instance: str, portal_url: str | None) -> str:
    """Derive the address of the node itself from its configuration.

    Raises:
        OctopusError: The configuration has no listen prefix.
    """
    configuration = octopus.configuration(instance)
    host = octopus.host
    url = node_url(configuration.listen_prefixes, host.options.host, portal_url)
    if url is None:
        raise OctopusError(
            f"{host.where}: expected a listen prefix in the configuration of the instance {instance} but found none, so the address of the node "
            "is unknown. Set octopus_node_url for this host."
        )
    return url


def _over_rest(request: NodeRequest, connections: Sequence[ConnectionOptions], done: Done, api_options: ApiOptions | None) -> None:
    if api_options is None:
        raise OctopusError(f"state: {request.state} uses the REST API, so it needs url and api_key.")
    start = time.monotonic()
    drained, caps = request.state == "drained", {}
    with open_api(api_options, connections, request.instance_name, done.warnings) as api:
        names = _node_names(connections, list_nodes(api), request, done)
        if drained:
            outcome = draining.drain(
                api,
                list(names.values()),
                Deadline(request.timeout),
                request.on_timeout,
                request.interruptions,
                check_mode=request.check_mode,
                tell=request.tell,
            )
            before = outcome.before
            done.warnings += [f"{name}: the server does not drain it, so its task cap is 0 instead" for name in outcome.capped]
            done.cancelled, done.left_running, done.left_waiting = outcome.cancelled, outcome.left_running, outcome.left_waiting
        else:
            caps = {names[name]: int(cap) for name, cap in request.task_caps.items() if name in names}
            before = draining.undrain(api, list(names.values()), request.check_mode, caps)
    for inventory_name, node_name in names.items():
        result = done.nodes[inventory_name]
        was = before[node_name]
        result.was_drained, result.drained = was.draining or (was.task_cap == 0 and node_name in caps), drained
        result.seconds += round(time.monotonic() - start, 3)


def _keep_drained(request: NodeRequest, connections: Sequence[ConnectionOptions], done: Done, api_options: ApiOptions | None) -> None:
    """Look whether the nodes that were started are drained, and drain those that are not.

    Raises:
        OctopusError: The server refuses to drain one, so that it would run tasks.
    """
    if api_options is None:
        raise OctopusError("keep_drained uses the REST API, so it needs url and api_key.")
    with open_api(api_options, connections, request.instance_name, done.warnings) as api:
        try:
            known = list_nodes(api)
            found = {name: find_node(known, node, api.url) for name, node in _node_names(connections, known, request, done).items()}
        except OctopusError as error:  # they were drained before they were stopped, and are healthy now
            done.warnings.append(f"Nobody could look whether {', '.join(done.nodes)} still take no tasks: {error}")
            return
        for name, node in found.items():
            result = done.nodes[name]
            result.was_drained, result.drained = not node.takes_tasks, True
            if node.takes_tasks:
                draining.stop_queue(api, node)
                result.warnings.append(f"{name}: it was not drained any more when it had started, and is again")


def _node_names(connections: Sequence[ConnectionOptions], known: list[Node], request: NodeRequest, done: Done) -> dict[str, str]:
    """Return the name of each node on the server. A host whose name differs from that of its node is asked for the node's name."""
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
