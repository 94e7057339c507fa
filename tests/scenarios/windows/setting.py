# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A network of Windows hosts with their WinRM services, and the people on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost
from lab.core.filesystem import Logon
from lab.core.ledger import Ledger
from lab.core.network import Network
from lab.windows.host import WindowsHost as LabHost
from lab.winrm.server import WinRMServer
from patience import patient

ACCOUNT = "LAB\\octo-admin"
PASSWORD = "Lösung 1!"
JOB_ACCOUNT = "LAB\\octo-backup"
JOB_PASSWORD = "S3cret & more"
SYSTEM = Logon.batch("SYSTEM")
ROOT = "C:\\ProgramData\\octopus.upgrade"
WAIT = patient(30.0)


@dataclass
class World:
    """A network with one or several hosts."""

    network: Network
    hosts: dict[str, LabHost]
    servers: list[WinRMServer]

    @property
    def ledger(self) -> Ledger:
        return self.network.ledger

    def params(self, name: str = "octo-a", **options: Any) -> dict[str, Any]:
        """The options of a connection: NTLM with message encryption over HTTP."""
        address = self.hosts[name].address
        return {
            "name": name,
            "host": address,
            "port": 5985,
            "transport": ["ntlm"],
            "username": ACCOUNT,
            "password": PASSWORD,
            "proxy": "",
            **options,
        }

    def options(self, name: str = "octo-a", **options: Any) -> ConnectionOptions:
        return ConnectionOptions.from_params(self.params(name, **options))

    def client(self, name: str = "octo-a", **options: Any) -> WindowsHost:
        return WindowsHost(self.options(name, **options))
