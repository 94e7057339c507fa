# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers of four versions over the product's own store, filled as the estates are; no Windows, no SQL Server."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module
from lab.core.clock import Clock
from lab.core.faults import Faults
from lab.core.filesystem import Logon
from lab.core.ledger import Ledger
from lab.core.network import Machine, Network
from lab.octopus import folders, licence
from lab.octopus.build import install_instance
from lab.octopus.folders import Files
from lab.octopus.seed import seed
from lab.octopus.store import Store
from lab.octopus.web import WebServer, create_app
from lab.sql.server import SqlServer
from lab.windows.host import WindowsHost
from lab.winrm.server import WinRMServer

ADMIN, VIEWER = "API-REALADMIN", "API-REALVIEWER"
MASTER_KEY = "bGFiLW1hc3Rlci1rZXkhIQ=="
HOME = "C:\\Octopus"
ON_ONE_HOST = ("octopus_masterkey_backup", "octopus_maintenance", "octopus_verify")
VERSIONS = ["2018.10.7", "2020.5.7", "2025.3.14357", "2026.2.9853"]


class _Connection:
    """What the lab's SqlServer.open gives, on plain SQLite."""

    def __init__(self, path: Path) -> None:
        self._inner = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.execute = self._inner.execute
        self.executemany = self._inner.executemany
        self.close = self._inner.close

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")


@dataclass
class LabServer:
    """A running server; ``module`` runs a module of the collection against it."""

    version: str
    web: WebServer
    store: Store
    machine: Machine
    ledger: Ledger
    faults: Faults

    def module(self, name: str, api_key: str = ADMIN, **options: Any) -> dict[str, Any]:
        return run_module(name, url=self.web.url, api_key=api_key, allow_http=True, **options)


@pytest.fixture
def lab_network(tmp_path: Path) -> Iterator[Network]:
    clock = Clock(1000.0)
    ledger = Ledger(clock)
    network = Network(tmp_path / "lab", clock, ledger, Faults(ledger))
    yield network
    network.close()


@pytest.fixture
def octopus_server(tmp_path: Path, lab_network: Network) -> Iterator[Callable[..., LabServer]]:
    """Start a server of a version."""
    running: list[LabServer] = []

    def start(version: str, size: float = 0.6) -> LabServer:
        machine = Machine(f"octo{len(running):02}", lab_network)
        folder = tmp_path / machine.name
        machine.fs.add_drive("C", folder / "C")
        logon = Logon.service("SYSTEM")
        path = folder / "octopus.db"
        values: dict[str, str | None] = dict.fromkeys(folders.names(version))
        connection = _Connection(path)
        seed(
            connection,
            Files(machine.fs, logon, HOME),
            version=version,
            nodes=["OCTO-A"],
            now=lab_network.clock.now(),
            master_key=MASTER_KEY,
            number=7,
            roots={name: folders.resolve(values, name, HOME) for name in values},
            folder_values=values,
            license_xml=licence.text(),
            server_uri="https://octo01",
            api_key=ADMIN,
            limited_key=VIEWER,
            size=size,
        )
        connection.close()
        store = Store(lambda: _Connection(path), version, lab_network.clock, fs=machine.fs, logon=logon, home=HOME, master_key=MASTER_KEY)
        store.heartbeat("OCTO-A", version)
        app = create_app(store, "OCTO-A", version, lab_network.clock, lab_network.ledger, faults=lab_network.faults, machine=machine.name)
        server = LabServer(version, WebServer(app, "127.0.0.1", 0).start(), store, machine, lab_network.ledger, lab_network.faults)
        running.append(server)
        return server

    yield start
    for server in running:
        server.web.stop()
        server.store.close()


@dataclass
class LabNode:
    """A whole node: Windows with Octopus Server on it, reached through WinRM; ``module`` runs a module against it."""

    host: WindowsHost
    network: Network
    handle: Any
    master_key: str

    @property
    def connection(self) -> dict[str, Any]:
        return {
            "name": self.host.name,
            "host": self.host.address,
            "port": 5986,
            "username": "operator",
            "password": "Pw!of-the-lab",
            "transport": ["basic"],
            "ca_trust_path": str(self.network.authority.path),
        }

    @property
    def api(self) -> dict[str, Any]:
        return {"url": f"https://{self.host.address}:8443", "api_key": ADMIN, "ca_path": str(self.network.authority.path)}

    def module(self, name: str, **options: Any) -> dict[str, Any]:
        where = {"connection": self.connection} if name in ON_ONE_HOST else {"connections": [self.connection]}
        return run_module(name, **where, **options)


@pytest.fixture
def octopus_node(tmp_path: Path) -> Iterator[Callable[..., LabNode]]:
    """Start a node of a version, whose database is the lab's SQL Server."""
    started: list[tuple[LabNode, WinRMServer]] = []
    clock = Clock(50.0)
    ledger = Ledger(clock)
    network = Network(tmp_path / "lab", clock, ledger, Faults(ledger))
    network.add_account("operator", "Pw!of-the-lab")

    def start(version: str = "2020.5.7", has_curl: bool = True) -> LabNode:
        machine = WindowsHost("sql01", network)
        machine.fs.add_drive("D", machine.root / "D")
        sql = SqlServer(machine, network, version="15.0.4430.1", edition="Standard Edition (64-bit)", engine_edition=2)
        sql.add_login("octopus", "Sq1!of-the-lab")
        host = WindowsHost("octo01", network, has_curl=has_curl)
        handle = install_instance(
            [host],
            sql,
            version=version,
            database="Octopus",
            sql_login="octopus",
            sql_password="Sq1!of-the-lab",
            sql_address=machine.address,
            folders_root=HOME,
            master_key=MASTER_KEY,
            api_key=ADMIN,
            web_port=8443,
            scheme="https",
            seed=1,
            watchdog=True,
        )
        server = WinRMServer(host, network)
        host.boot()
        server.start()
        handle.wait_until_healthy()
        node = LabNode(host, network, handle, MASTER_KEY)
        started.append((node, server))
        return node

    yield start
    for node, server in started:
        server.stop()
        node.host.shutdown()
    network.close()
