# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A seeded database on plain SQLite, for what needs no SQL Server around it."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from lab.core.clock import Clock
from lab.core.faults import Faults
from lab.core.filesystem import Logon
from lab.core.ledger import Ledger
from lab.core.network import Machine, Network
from lab.octopus import folders, licence, media, register, versions
from lab.octopus.build import install_instance
from lab.octopus.folders import Files
from lab.octopus.migrations import Upgrade
from lab.octopus.seed import Seeded, seed
from lab.octopus.store import Store
from lab.sql.server import SqlServer
from lab.windows import installer
from lab.windows.host import WindowsHost
from patience import patient

MASTER_KEY = "bGFiLW1hc3Rlci1rZXkhIQ=="


class PlainConnection:
    """What SqlServer.open gives, without the server."""

    def __init__(self, path: Path) -> None:
        self._inner = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    def execute(self, sql: str, params: Any = ()) -> Any:
        return self._inner.execute(sql, params)

    def executemany(self, sql: str, params: Any) -> Any:
        return self._inner.executemany(sql, params)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._inner.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._inner.execute("ROLLBACK")
            raise
        self._inner.execute("COMMIT")

    def close(self) -> None:
        self._inner.close()


class World:
    """Hosts with an instance on a SQL Server."""

    def __init__(self, root: Path, names: tuple[str, ...], version: str, scale: float = 200, **options: Any) -> None:
        self.clock = Clock(scale)
        self.ledger = Ledger(self.clock)
        self.faults = Faults(self.ledger)
        self.network = Network(root / "net", self.clock, self.ledger, self.faults)
        self.admin = self.network.add_account("octo-admin", "secret")
        self.sql = SqlServer(Machine("sql01", self.network), self.network)
        self.sql.add_login("octopus", "pa;ss", roles={"dbcreator"})
        self.hosts = [WindowsHost(name, self.network) for name in names]
        options = {"sql_login": "octopus", "sql_password": "pa;ss", "size": 0.2, **options}
        self.instance = install_instance(self.hosts, self.sql, version=version, **options)
        for host in self.hosts:
            host.boot()

    @property
    def host(self) -> WindowsHost:
        return self.hosts[0]

    def octopus(
        self, *words: str, host: WindowsHost | None = None, logon: Logon | None = None, program: str = "Octopus.Server.exe", **env: str
    ) -> Result:
        """Run the program as an administrator at a WinRM prompt."""
        host = host or self.host
        line = subprocess.list2cmdline([f"{register.PROGRAM_FOLDER}\\{program}", *words])
        logon = logon or Logon.network(self.admin)
        process = host.spawn(None, line, logon, env={**host.environment(logon), **env})
        code = process.wait(patient(30))
        assert code is not None, f"{line} does not end"
        return Result(code, process.output.take().decode("cp437"), process.errors.take().decode("cp437"))

    def msi(self, version: str, host: WindowsHost | None = None) -> int:
        """Install a version's MSI, as msiexec does."""
        run = installer.Run(host or self.host, lambda _seconds: None, lambda _line: None)
        return installer.install(run, media.build_msi(version), "C:\\", {})

    def get(self, path: str, host: WindowsHost | None = None, key: str | None = None) -> requests.Response:
        """A REST call to one node."""
        url = self.instance.urls[(host or self.host).name]
        return requests.get(f"{url}{path}", headers={"X-Octopus-ApiKey": key or self.instance.api_key}, timeout=patient(10))

    def started(self, since: int = 0) -> None:
        self.instance.wait_until_healthy(20, since)

    def wait(self, what: str, since: int = 0, **fields: Any) -> Any:
        """The first of the product's events that fits."""
        return self.ledger.wait_for(
            lambda event: (
                event.kind in ("octopus", "contact")
                and event.get("what") == what
                and all(event.get(name) == value for name, value in fields.items())
            ),
            20,
            since,
        )

    def pass_time(self, lab_seconds: float) -> None:
        """Let lab time pass, for what depends on nothing but time: a heartbeat that grows stale, a task that is not taken."""
        self.clock.sleep(lab_seconds)

    def until(self, condition: Callable[[], bool], timeout: float = 20) -> None:
        """Wait at most ``timeout`` real seconds for what no event tells."""
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, "it did not come true in time"
            self.clock.sleep(1)

    def close(self) -> None:
        for host in self.hosts:
            host.shutdown()
        self.network.close()
        assert [crash for host in self.hosts for crash in host.crashes] == []


@dataclass
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Any]:
    """Makes worlds: ``world("octo01", version="...", **options of install_instance)``."""
    made: list[World] = []

    def make(*names: str, version: str, **options: Any) -> World:
        made.append(World(tmp_path / str(len(made)), names, version, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Bench:
    """A machine, a seeded database, and what a test does to them."""

    def __init__(self, root: Path, version: str, **options: Any) -> None:
        self.clock = Clock(1000)
        self.ledger = Ledger(self.clock)
        self.faults = Faults(self.ledger)
        self.network = Network(root / "net", self.clock, self.ledger, self.faults)
        self.machine = Machine("octo01", self.network)
        self.machine.fs.add_drive("C", root / "C")
        self.logon = Logon.service("SYSTEM")
        self.files = Files(self.machine.fs, self.logon, "C:\\Octopus")
        self.path = root / "octopus.db"
        self.connection = PlainConnection(self.path)
        values: dict[str, str | None] = (
            {"PackagesDirectory": "C:\\Octopus\\Packages"} if "folder_values" not in options else options.pop("folder_values")
        )
        values = {**dict.fromkeys(folders.names(version)), **values}
        roots = {name: folders.resolve(values, name, "C:\\Octopus") for name in folders.names(version)}
        options = {"license_xml": licence.text(), "nodes": ["OCTO01"], **options}
        self.seeded: Seeded = seed(
            self.connection,
            self.files,
            version=version,
            now=self.clock.now(),
            master_key=MASTER_KEY,
            number=1,
            roots=roots,
            folder_values=values,
            server_uri="http://octo01",
            size=options.pop("size", 0.3),
            **options,
        )
        self.said: list[str] = []

    def store(self, version: str) -> Store:
        return Store(
            lambda: PlainConnection(self.path),
            version,
            self.clock,
            fs=self.machine.fs,
            logon=self.logon,
            home="C:\\Octopus",
            master_key=MASTER_KEY,
        )

    def upgrade(self, version: str, **options: Any) -> int:
        values = {"others": [], **options}
        return Upgrade(
            self.connection,
            version,
            "OCTO01",
            self.machine.name,
            self.files,
            self.ledger,
            self.faults,
            self.clock.now,
            self.said.append,
            lambda seconds: None,
            **values,
        ).run()

    def rows(self, sql: str) -> list[Any]:
        return self.connection.execute(sql).fetchall()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Any]:
    """Makes benches: ``bench(version, **seed options)``."""
    made: list[Bench] = []

    def make(version: str, **options: Any) -> Bench:
        assert versions.parse(version)
        made.append(Bench(tmp_path / str(len(made)), version, **options))
        return made[-1]

    yield make
    for one in made:
        one.connection.close()
        one.network.close()
