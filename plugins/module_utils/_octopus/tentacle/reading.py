# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Tentacles of one Windows host, read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import config_file
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import services
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError

from .cli import TentacleCli, service_name
from .configuration import TentacleConfiguration, parse


@dataclass(frozen=True)
class Instance:
    """One instance of a host as it was found.

    Attributes:
        name: Its name.
        config_path: Its configuration file.
        content: That file, which contains the encrypted private key.
        configuration: What it says; None where it cannot be read.
        error: Why it cannot be read.
        service: The state of its service; None where there is none.
    """

    name: str
    config_path: str
    content: bytes | None = field(repr=False)
    configuration: TentacleConfiguration | None
    error: str | None
    service: services.ServiceState | None

    @property
    def service_name(self) -> str:
        return service_name(self.name)

    @property
    def service_state(self) -> str | None:
        return self.service.state if self.service else None

    def facts(self) -> dict[str, Any]:
        """Return what a module reports of it. Contains no secret: a thumbprint and a subscription are none."""
        found = self.configuration
        return {
            "name": self.name,
            "config_path": self.config_path,
            "error": self.error,
            "home": found.home if found else None,
            "thumbprint": found.thumbprint if found else None,
            "listens": found.listens if found else None,
            "port": found.port if found and found.listens else None,
            "polled": found.polled if found else None,
            "trusted_servers": [
                {
                    "thumbprint": entry.thumbprint,
                    "communication": entry.communication,
                    "address": entry.address,
                    "subscription": entry.subscription,
                }
                for entry in found.trusted
            ]
            if found
            else None,
            "service": {"name": self.service_name, "state": self.service_state},
        }


def chosen(host: WindowsHost, cli: TentacleCli, names: Sequence[str]) -> list[tuple[str, str]]:
    """Return name and configuration file of the instances with those names, in any letter case; without names, of all.

    Raises:
        OctopusError: One of them does not exist, or there is none at all.
    """
    known = cli.list_instances()
    listed = ", ".join(name for name, _path in known) or "none"
    missing = [name for name in names if name.lower() not in {one.lower() for one, _path in known}]
    if missing:
        raise OctopusError(f"{host.where}: expected the instances {', '.join(missing)} of Tentacle but found {listed}.")
    if not known:
        raise OctopusError(f"{host.where}: Tentacle is installed, but no instance of it is registered.")
    wanted = {name.lower() for name in names}
    return [(name, path) for name, path in known if not wanted or name.lower() in wanted]


def look(host: WindowsHost, name: str, path: str) -> Instance:
    """Read one instance. What cannot be read is said in it, so that the others of the host are read all the same.

    Raises:
        HostError: The host failed.
    """
    content, configuration, error = None, None, None
    try:
        content = config_file.read(host, path)
        if content is None:
            error = f"Its configuration file {path} does not exist."
        else:
            configuration = parse(content, f"{host.where}: {path}")
    except OctopusError as failure:
        error = failure.message
    except HostError as failure:
        if failure.code is None:
            raise  # the host itself
        error = failure.message  # such as certutil's about an empty file, which a program that is killed leaves
    return Instance(name, path, content, configuration, error, services.query(host, service_name(name)))


def read(host: WindowsHost, names: Sequence[str]) -> dict[str, Any]:
    """Return what a module reports of the Tentacles of a host.

    Args:
        host: The host.
        names: The instances; none for all.

    Raises:
        OctopusError: There is no such instance, or the program failed.
        HostError: The host failed.
    """
    cli = TentacleCli(host)
    instances = [look(host, name, path).facts() for name, path in chosen(host, cli, names)]
    return {"program": cli.program, "version": cli.version(), "instances": instances}
