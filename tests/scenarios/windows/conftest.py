# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Windows host of the lab with its WinRM service, and the collection's own client for it. They meet on the wire only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost
from lab.core.clock import Clock
from lab.core.faults import Faults
from lab.core.filesystem import Logon
from lab.core.ledger import Ledger
from lab.core.network import Network
from lab.windows.host import WindowsHost as LabHost
from lab.winrm.server import WinRMServer

ACCOUNT = "LAB\\octo-admin"
PASSWORD = "Lösung 1!"
JOB_ACCOUNT = "LAB\\octo-backup"
JOB_PASSWORD = "S3cret & more"
SYSTEM = Logon.batch("SYSTEM")
WAIT = 30.0


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


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes a world: ``make_world("octo-a", "octo-b", scale=…, has_curl=…)``."""
    made: list[World] = []

    def make(*names: str, scale: float = 50.0, **host: Any) -> World:
        clock = Clock(scale)
        ledger = Ledger(clock)
        network = Network(tmp_path / f"world{len(made)}", clock, ledger, Faults(ledger))
        network.add_account("octo-admin", PASSWORD)
        network.add_account("octo-backup", JOB_PASSWORD)
        world = World(network, {}, [])
        made.append(world)
        for name in names or ("octo-a",):
            lab_host = LabHost(name, network, **host)
            lab_host.boot()
            server = WinRMServer(lab_host, network)
            server.start()
            world.hosts[name] = lab_host
            world.servers.append(server)
        return world

    yield make
    for world in made:
        for server in world.servers:
            server.stop()
        for lab_host in world.hosts.values():
            lab_host.shutdown()
        world.network.close()
        assert [crash for lab_host in world.hosts.values() for crash in lab_host.crashes] == []


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()


@pytest.fixture
def client(world: World) -> Iterator[WindowsHost]:
    with world.client() as host:
        yield host
