# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lay down Tentacles on a host as if they had been installed and registered for long."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import register
from .cli import HANDLER, tentacle
from .configuration import APPLICATIONS, CERTIFICATE, HOME, NO_LISTEN, PORT, THUMBPRINT, Configuration, Server

if TYPE_CHECKING:
    from ..windows.host import WindowsHost


def install_tentacle(
    host: WindowsHost,
    version: str,
    servers: Sequence[Server],
    *,
    instance: str = register.DEFAULT,
    listens: bool = False,
    service: bool = True,
) -> Configuration:
    """Install the program and one instance. A host that boots, or has booted and is told to, starts its service.

    Args:
        host: The host.
        version: Of the program, which all instances of a host share.
        servers: The trusted servers, as :func:`.configuration.server` makes them.
        instance: Name of the instance.
        listens: Whether it listens.
        service: Whether there is a Windows service.
    """
    host.programs[HANDLER] = tentacle
    host.registry.set(register.KEY, "InstallLocation", "REG_SZ", register.PROGRAM_FOLDER + "\\")
    host.add_program(register.program(host), HANDLER, version=version)
    home = "C:\\Octopus" if instance == register.DEFAULT else f"C:\\Octopus\\{instance}"
    if not host.fs.is_dir(home, host.system):
        host.fs.mkdir(home, host.system)
    settings = {
        HOME: home,
        APPLICATIONS: f"{home}\\Applications",
        CERTIFICATE: base64.b64encode(secrets.token_bytes(1200)).decode(),
        THUMBPRINT: secrets.token_hex(20).upper(),
        NO_LISTEN: str(not listens).lower(),
        PORT: "10933",
    }
    configuration = Configuration(host, f"{home}\\Tentacle.config", host.system, settings)
    configuration.servers = list(servers)
    configuration.save()
    register.add(host, register.Entry(instance, configuration.path), version)
    if service:
        name = register.service_name(instance)
        host.services.create(name, name, f'"{register.program(host)}" run --instance="{instance}"')
    return configuration
