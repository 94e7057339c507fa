# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Windows service of an instance, started and stopped, with proof that it is so."""

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

_SERVICES = r"HKLM\SYSTEM\CurrentControlSet\Services"


@dataclass(frozen=True)
class NodeService:
    """The service of one instance on one host, as it was found."""

    instance: str
    name: str
    state: str
    pid: int


def find(host: WindowsHost, instance: str | None) -> NodeService:
    """Return the service of an instance; without a name, of the only one.

    Raises:
        OctopusError: There is no such instance, no service for it, or several instances to choose from.
    """
    chosen = instance or OctopusHost(host).one_instance(None).name
    name = service_name(chosen)
    now = services.query(host, name)
    if now is None:
        there = ", ".join(_octopus_services(host)) or "none"
        raise OctopusError(
            f"{host.where} has no service {name!r} for the instance {chosen}; its services of Octopus Server: {there}. "
            "Is instance_name right? Octopus.Server.exe service --install makes a service for an instance."
        )
    return NodeService(chosen, name, now.state, now.pid)


def stop(host: WindowsHost, service: NodeService, deadline: Deadline, tell: Callable[[str], object]) -> None:
    """Stop the service, and wait until its process, and every process of the program that belongs to no other service, is gone.

    Raises:
        OctopusError: It is not so in time. Nothing is ended by force.
    """
    while True:
        now = _query(host, service)
        if now.state == "stopped":
            break
        # Asked again when it runs again: a watchdog that was just under way may have started it.
        if now.state in ("running", "paused"):
            tell(f"{host.name}: stopping {service.name}")
            services.stop(host, service.name)
        if not deadline.pause():
            raise OctopusError(
                f"{host.where}: the service {service.name} was told to stop, and is {now.state} (process {now.pid}) after "
                f"{deadline.seconds:g} s. It was not ended by force, which could harm its data. See what it waits for, end it, or give it "
                "a longer timeout."
            )
    while True:
        left = _strays(host, service)
        if not left:
            return
        if not deadline.pause():
            raise OctopusError(
                f"{host.where}: the service {service.name} is stopped, and {SERVER_EXE} still runs as process "
                f"{', '.join(map(str, left))}, which belongs to no service, after {deadline.seconds:g} s. "
                "Is somebody using the command line? Program files cannot be replaced while it runs."
            )


def start(host: WindowsHost, service: NodeService, deadline: Deadline, tell: Callable[[str], object]) -> None:
    """Start the service, and wait until Windows says that it runs.

    Raises:
        OctopusError: It stops again, or does not get there in time.
    """
    asked = False
    while True:
        now = _query(host, service)
        if now.state == "running":
            return
        if now.state == "stopped":
            if asked:
                raise OctopusError(f"{host.where}: {_stopped(service, now)} while it started. {_where_to_look(host)}")
            tell(f"{host.name}: starting {service.name}")
            services.start(host, service.name)
            asked = True
        if not deadline.pause():
            raise OctopusError(
                f"{host.where}: the service {service.name} is {now.state} instead of running after {deadline.seconds:g} s. "
                f"{_where_to_look(host)}"
            )


def why_down(host: WindowsHost, service: NodeService) -> str | None:
    """Return why the service does not run any more; None while it does."""
    now = _query(host, service)
    return _stopped(service, now) if now.state == "stopped" else None


def _query(host: WindowsHost, service: NodeService) -> ServiceState:
    now = services.query(host, service.name)
    if now is None:
        raise OctopusError(f"{host.where}: the service {service.name} is there no more.")
    return now


def _stopped(service: NodeService, now: ServiceState) -> str:
    return f"the service {service.name} stopped by itself (exit code {now.exit_code})"


def _where_to_look(host: WindowsHost) -> str:
    return rf"Its reason stands in Logs\OctopusServer.txt of the instance's home and in the event log of {host.name}."


def _octopus_services(host: WindowsHost) -> list[str]:
    """Return the names of all services of Octopus Server."""
    default = service_name("OctopusServer")
    return [name for name in registry.subkeys(host, _SERVICES) if name == default or name.startswith(f"{default}: ")]


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
