# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Windows service of an instance, started and stopped, and verified to be so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.cli import SERVER_EXE
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost, service_name
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import processes, registry, services
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.services import ServiceState


@dataclass(frozen=True)
class NodeService:
    """The service of one instance on one host, as it was found."""

    instance: str
    name: str
    state: str
    pid: int


def find(octopus: OctopusHost, instance: str | None) -> NodeService:
    """Return the service of an instance.

    Args:
        octopus: The host.
        instance: The instance; None for the only one.

    Raises:
        OctopusError: There is no such instance, no service for it, or several instances to choose from.
    """
    host = octopus.host
    chosen = instance or octopus.one_instance(None).name
    name = service_name(chosen)
    now = services.query(host, name)
    if now is None:
        there = ", ".join(_octopus_services(host)) or "none"
        raise OctopusError(
            f"{host.where}: expected a service {name!r} for the instance {chosen}, but found these services of Octopus Server: {there}. "
            "Check instance_name. Octopus.Server.exe service --install creates the service of an instance."
        )
    return NodeService(chosen, name, now.state, now.pid)


def start_type(host: WindowsHost, service: NodeService) -> str:
    """Return the start type of the service.

    Raises:
        OctopusError: The service does not exist any more.
    """
    config = services.config(host, service.name)
    if config is None:
        raise OctopusError(f"{host.where}: the service {service.name} does not exist any more.")
    return services.start_type(host, config)


def set_start_type(host: WindowsHost, service: NodeService, wanted: str) -> None:
    """Set the start type of the service, and verify it.

    Args:
        host: The host.
        service: The service.
        wanted: One of ``services.SETTABLE``.

    Raises:
        OctopusError: It is another one afterwards.
    """
    services.set_start_type(host, service.name, wanted)
    found = start_type(host, service)
    if found != wanted:
        raise OctopusError(
            f"{host.where}: expected the start type {wanted} of the service {service.name} after setting it, but found {found}. "
            "Find out what else changes it, such as a group policy."
        )


def stop(host: WindowsHost, service: NodeService, deadline: Deadline, tell: Callable[[str], object]) -> None:
    """Stop the service, and wait until its process and every process of the program that belongs to no other service are gone.

    Args:
        host: The host.
        service: The service.
        deadline: How long to wait.
        tell: Gets messages about the progress.

    Raises:
        OctopusError: The time was up. No process is killed.
    """
    while True:
        now = _query(host, service)
        if now.state == "stopped":
            break
        # It is stopped again if it is running again: a watchdog that was just checking may have started it.
        if now.state in ("running", "paused"):
            tell(f"{host.name}: stopping {service.name}")
            services.stop(host, service.name)
        if not deadline.pause():
            raise OctopusError(
                f"{host.where}: expected the service {service.name} to stop within {deadline.seconds:g} s, but it is {now.state} (process "
                f"{now.pid}). It was not killed, because that could damage its data. Find out what it is waiting for, end it, or set a longer "
                "timeout."
            )
    while True:
        left = _strays(host, service)
        if not left:
            return
        if not deadline.pause():
            raise OctopusError(
                f"{host.where}: the service {service.name} is stopped, but after {deadline.seconds:g} s {SERVER_EXE} is still running as process "
                f"{', '.join(map(str, left))}, which belongs to no service. Is somebody using the command line? Program files cannot be "
                "replaced while it is running."
            )


def start(host: WindowsHost, service: NodeService, deadline: Deadline, tell: Callable[[str], object]) -> None:
    """Start the service, and wait until Windows says that it is running.

    Args:
        host: The host.
        service: The service.
        deadline: How long to wait.
        tell: Gets messages about the progress.

    Raises:
        OctopusError: It stopped again, or the time was up.
    """
    asked = False
    while True:
        now = _query(host, service)
        if now.state == "running":
            return
        if now.state == "stopped":
            if asked:
                raise OctopusError(f"{host.where}: {_stopped(service, now)} during its start. {_where_to_look(host)}")
            tell(f"{host.name}: starting {service.name}")
            services.start(host, service.name)
            asked = True
        if not deadline.pause():
            raise OctopusError(
                f"{host.where}: expected the service {service.name} to run within {deadline.seconds:g} s, but it is {now.state}. "
                f"{_where_to_look(host)}"
            )


def why_down(host: WindowsHost, service: NodeService) -> str | None:
    """Return why the service is not running any more; None while it is."""
    now = _query(host, service)
    return _stopped(service, now) if now.state == "stopped" else None


def _query(host: WindowsHost, service: NodeService) -> ServiceState:
    now = services.query(host, service.name)
    if now is None:
        raise OctopusError(f"{host.where}: the service {service.name} does not exist any more.")
    return now


def _stopped(service: NodeService, now: ServiceState) -> str:
    return f"the service {service.name} stopped by itself (exit code {now.exit_code})"


def _where_to_look(host: WindowsHost) -> str:
    return rf"See Logs\OctopusServer.txt in the instance's home, and the event log of {host.name}."


def _octopus_services(host: WindowsHost) -> list[str]:
    """Return the names of all services of Octopus Server."""
    default = service_name("OctopusServer")
    return [name for name in registry.subkeys(host, services.KEY) if name == default or name.startswith(f"{default}: ")]


def _strays(host: WindowsHost, service: NodeService) -> list[int]:
    """Return the processes of the program that belong to no other instance's service."""
    found = {process.pid for process in processes.find(host, image=SERVER_EXE)}
    if not found:
        return []
    for name in _octopus_services(host):
        if name != service.name:
            other = services.query(host, name)
            found.discard(other.pid if other else 0)
    return sorted(found)
