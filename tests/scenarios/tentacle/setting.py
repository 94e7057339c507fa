# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Windows hosts of the lab with Tentacles, and the module run against one of them."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module
from lab.core.ledger import Event
from lab.core.network import Network
from lab.tentacle import register
from lab.tentacle.build import install_tentacle
from lab.tentacle.configuration import ACTIVE, CERTIFICATE, Configuration, Server, server
from lab.windows import services
from lab.windows.host import WindowsHost
from lab.winrm.server import WinRMServer
from patience import patient

OURS, FOREIGN = "AB" * 20, "CD" * 20
POLLING = server(OURS, ACTIVE, "https://octopus:10943/", "poll://known/")
UNKNOWN = server(FOREIGN, ACTIVE, "https://octopus:10943/", "poll://f/")
ADDED = server(OURS, ACTIVE, "https://octo-new:10943", "poll://known/")
BEFORE, AFTER = ["https://octopus:10943/"], ["https://octopus:10943/", "https://octo-new:10943"]
PASSWORD = "Pw!of-the-lab"
SERVICE = "OctopusDeploy Tentacle"
WORK = "C:\\ProgramData\\octopus.upgrade"


class Target:
    """A Windows host with Tentacles."""

    def __init__(self, network: Network, name: str) -> None:
        self.host = WindowsHost(name, network)
        self.winrm = WinRMServer(self.host, network)
        self.ledger = network.ledger
        self._trust = str(network.authority.path)
        self.secrets: list[str] = []

    def install(self, version: str, *servers: Server, **options: Any) -> Target:
        self.secrets.append(install_tentacle(self.host, version, servers, **options).settings[CERTIFICATE])
        return self

    def start(self) -> Target:
        self.host.boot()
        self.winrm.start()
        for name in self.host.services.names():
            self.ledger.wait_for(partial(self._polls, name), patient(60))
        return self

    def _polls(self, service: str, event: Event) -> bool:
        return event.kind == "tentacle" and event.machine == self.host.name and service == register.service_name(event["instance"])

    def move(self, check_mode: bool = False, name: str = "octopus_tentacle", **options: Any) -> dict[str, Any]:
        connection = {
            "name": self.host.name,
            "host": self.host.address,
            "port": 5986,
            "username": "operator",
            "password": PASSWORD,
            "transport": ["basic"],
            "ca_trust_path": self._trust,
        }
        given = {"thumbprint": OURS, "addresses": ["octo-new"], "timeout": int(patient(60))} if name == "octopus_tentacle" else {}
        result = run_module(name, check_mode, check_mode, connection=connection, **{**given, **options})
        assert not [secret for secret in (*self.secrets, PASSWORD) if secret in json.dumps(result)]
        return result

    def config(self, path: str = "C:\\Octopus\\Tentacle.config") -> bytes:
        return self.host.fs.read(path, self.host.system)

    def configuration(self, path: str = "C:\\Octopus\\Tentacle.config") -> Configuration:
        return Configuration.load(self.host, path, self.host.system)

    def servers(self, path: str = "C:\\Octopus\\Tentacle.config") -> list[Server]:
        return Configuration.load(self.host, path, self.host.system).servers

    def service(self, name: str = SERVICE) -> services.Service:
        return self.host.services.query(name)

    def polls(self) -> list[list[str]]:
        """What each start of a service has polled."""
        return [event["addresses"] for event in self.ledger.events("tentacle", self.host.name)]

    def copies(self) -> list[str]:
        return self.host.fs.listdir(WORK, self.host.system) if self.host.fs.is_dir(WORK, self.host.system) else []

    def ran(self, since: int = 0) -> list[str]:
        """The commands of the program that were run, but for those that only read."""
        ran = [event["argv"][1:] for event in self.ledger.events("process.start", self.host.name, since=since)]
        return [" ".join(words) for words in ran if words and words[0] in ("server-comms", "service", "configure", "clear-trusted-servers")]
