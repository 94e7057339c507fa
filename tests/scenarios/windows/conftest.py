# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Windows host of the lab with its WinRM service, and the collection's own client for it. They meet on the wire only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import connection
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from lab.core.clock import Clock
from lab.core.faults import Faults
from lab.core.ledger import Ledger
from lab.core.network import Network
from lab.windows.host import WindowsHost as LabHost
from lab.winrm.server import WinRMServer
from scenarios.windows.setting import JOB_PASSWORD, PASSWORD, World


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes a world: ``make_world("octo-a", "octo-b", scale=…, has_curl=…)``."""
    with _worlds(tmp_path) as make:
        yield make


@pytest.fixture(scope="module")
def make_shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., World]]:
    """As make_world, for all tests of a file."""
    with _worlds(tmp_path_factory.mktemp("shared")) as make:
        yield make


@contextmanager
def _worlds(folder: Path) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(*names: str, scale: float = 50.0, **host: Any) -> World:
        clock = Clock(scale)
        ledger = Ledger(clock)
        network = Network(folder / f"world{len(made)}", clock, ledger, Faults(ledger))
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

    try:
        yield make
    finally:
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
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests whose host stays away: nobody waits for it."""
    monkeypatch.setattr(connection, "_patience", lambda: Deadline(0))


@pytest.fixture
def client(world: World) -> Iterator[WindowsHost]:
    with world.client() as host:
        yield host
