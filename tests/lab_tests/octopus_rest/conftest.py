# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab's clock, ledger and faults, and a running API over a store in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from lab.core.clock import Clock
from lab.core.faults import Faults
from lab.core.ledger import Ledger
from lab.core.network import Network
from lab.octopus.web import WebServer, create_app
from lab_tests.octopus_rest.memory_store import ADMIN, MemoryStore, filled
from patience import patient


class Server:
    """A running node and a client with an administrator's key."""

    def __init__(self, store: Any, version: str, clock: Clock, ledger: Ledger, faults: Faults, **options: Any) -> None:
        self.store, self.clock, self.ledger, self.faults = store, clock, ledger, faults
        self.app = create_app(store, "OCTO-A", version, clock, ledger, faults=faults, machine="octo-a", **options)
        self.web = WebServer(self.app, "127.0.0.1", 0).start()
        self.session = requests.Session()

    def call(self, method: str, path: str, key: str | None = ADMIN, **options: Any) -> requests.Response:
        headers = {"X-Octopus-ApiKey": key} if key else {}
        return self.session.request(method, self.web.url + path, headers=headers, timeout=patient(20), **options)

    def get(self, path: str, key: str | None = ADMIN, **query: Any) -> requests.Response:
        return self.call("GET", path, key, params=query)

    def json(self, path: str, key: str | None = ADMIN, **query: Any) -> Any:
        response = self.get(path, key, **query)
        assert response.status_code == 200, response.text
        return response.json()

    def stop(self) -> None:
        self.session.close()
        self.web.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def ledger(clock: Clock) -> Ledger:
    return Ledger(clock)


@pytest.fixture
def faults(ledger: Ledger) -> Faults:
    return Faults(ledger)


@pytest.fixture
def network(tmp_path: Any, clock: Clock, ledger: Ledger, faults: Faults) -> Iterator[Network]:
    net = Network(tmp_path / "lab", clock, ledger, faults)
    yield net
    net.close()


@pytest.fixture
def serve(clock: Clock, ledger: Ledger, faults: Faults) -> Iterator[Callable[..., Server]]:
    """Start a node of a version over a filled store."""
    servers: list[Server] = []

    def start(version: str = "2023.4.8432", store: Any = None, **options: Any) -> Server:
        with_spaces = int(version.split(".", maxsplit=1)[0]) >= 2019
        store = store or filled(spaces=with_spaces)
        for name in ("OCTO-A", "OCTO-B") if isinstance(store, MemoryStore) else ():
            row = {"Id": f"OctopusServerNodes-{name}", "Name": name, "LastSeen": clock.now() + timedelta(hours=1), "MaxConcurrentTasks": 5}
            store.node_rows.setdefault(row["Id"], {**row, "IsInMaintenanceMode": False})
        server = Server(store, version, options.pop("clock", clock), ledger, faults, **options)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    return serve()
