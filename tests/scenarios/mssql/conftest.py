# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A SQL Server of the lab behind real ODBC drivers, and the modules run against it."""

from __future__ import annotations

import ctypes.util
import json
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module
from lab.core.clock import Clock
from lab.core.faults import Faults
from lab.core.filesystem import Logon
from lab.core.ledger import Event, Ledger
from lab.core.network import Machine, Network
from lab.sql.database import Database
from lab.sql.server import SqlServer
from lab.tds.server import TdsServer
from scenarios.mssql.clone import SQL_2017, Clone, new_clone

GIGABYTE = 1024**3
PASSWORD = "Sq1!p}w'd{é"  # with what connection strings and T-SQL quote
NAME = "sql01"


def _microsoft() -> str:
    """Microsoft's driver 18, from its Python package."""
    package = pytest.importorskip("mssql_python_odbc", reason="Microsoft's ODBC driver comes with the package mssql-python")
    root = Path(package.__file__).parent / "libs" / "linux" / "debian_ubuntu" / platform.machine() / "lib"
    found = sorted(root.glob("libmsodbcsql-18.*"))
    if not found:
        pytest.skip("Microsoft's ODBC driver has no library for this system")
    return str(found[0])


def _freetds() -> str:
    """FreeTDS by its registered name, as Debian's tdsodbc registers it."""
    if "FreeTDS" not in pytest.importorskip("pyodbc").drivers():
        pytest.skip("FreeTDS's ODBC driver is not registered")
    return "FreeTDS"


@pytest.fixture(params=["microsoft", "freetds"])
def driver(request: pytest.FixtureRequest) -> str:
    if not ctypes.util.find_library("odbc"):
        pytest.skip("unixODBC is not installed")
    return _microsoft() if request.param == "microsoft" else _freetds()


@dataclass
class World:
    """One server, and how modules are run against it."""

    network: Network
    machine: Machine
    sql: SqlServer
    tds: TdsServer
    folder: Path
    driver: str
    results: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ledger(self) -> Ledger:
        return self.network.ledger

    @property
    def faults(self) -> Faults:
        return self.network.faults

    @property
    def login(self) -> dict[str, Any]:
        return {
            "login_host": self.machine.address,
            "login_user": "backup",
            "login_password": PASSWORD,
            "driver": self.driver,
            "ca_path": str(self.network.authority.path),
            "login_timeout": 10,
        }

    def module(self, name: str, /, check_mode: bool = False, **params: Any) -> dict[str, Any]:
        """Run a module; its result must not hold the password."""
        result = run_module(name, check_mode, **(self.login | params))
        result.pop("invocation", None)
        assert PASSWORD not in json.dumps(result, ensure_ascii=False)
        self.results.append(result)
        return result

    def backup(self, check_mode: bool = False, **params: Any) -> dict[str, Any]:
        return self.module("mssql_backup", check_mode, **({"database": "Octopus", "path": ["D:\\Backup\\a.bak"]} | params))

    def database(self, name: str) -> Database:
        found = self.sql.database(name)
        assert found is not None, f"no database {name}"
        return found

    def is_file(self, path: str) -> bool:
        """Whether the server's service account sees that file."""
        return self.machine.fs.is_file(path, self.sql.logon)

    def write(self, path: str, data: bytes = b"no backup") -> None:
        self.machine.fs.write(path, data, Logon.network("administrator"))

    def backups(self, action: str, since: int = 0) -> list[Event]:
        return self.ledger.events("sql.backup", since=since, action=action)

    def logins(self, action: str, since: int = 0) -> list[Event]:
        return self.ledger.events("sql.session", since=since, action=action)


@pytest.fixture
def make_world(tmp_path: Path, driver: str) -> Iterator[Callable[..., World]]:
    """Make a world: ``make_world(names=of its certificate, self_signed=..., encrypt=..., progress_done=..., **options of SqlServer)``."""
    worlds: list[World] = []

    def make(
        *, names: tuple[str, ...] = (), self_signed: bool = False, progress_done: bool = True, encrypt: str = "on", **options: Any
    ) -> World:
        root = tmp_path / f"lab{len(worlds)}"
        clock = Clock(20.0)
        ledger = Ledger(clock)
        network = Network(root, clock, ledger, Faults(ledger))
        machine = Machine(NAME, network)
        machine.fs.add_drive("D", machine.root / "D")
        sql = SqlServer(machine, network, **options)
        machine.fs.mkdir("D:\\Backup", sql.logon)
        sql.add_login("backup", PASSWORD, roles={"sysadmin"})
        sql.create_database("Octopus", weight=GIGABYTE // 8)
        context = network.authority.server_context(root / "tls", *(names or (machine.address, NAME)), self_signed=self_signed)
        tds = TdsServer(
            sql, machine.address, 1433, context, encrypt, ledger=ledger, machine=NAME, faults=network.faults, progress_done=progress_done
        )
        tds.start()
        worlds.append(World(network, machine, sql, tds, root, driver))
        return worlds[-1]

    yield make
    for world in worlds:
        world.tds.stop()
        world.network.close()
        events = json.dumps([event.as_dict() for event in world.ledger.events()], default=str, ensure_ascii=False)
        assert PASSWORD not in events, "the lab saw the password in a statement"


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()


@pytest.fixture
def make_clone(make_world: Callable[..., World]) -> Callable[..., Clone]:
    """Make a copy of an instance's database: ``make_clone(version, SQL Server's version, database=..., age=seconds since the last heartbeat)``."""

    def make(version: str = "2025.3.14357", sql: str = SQL_2017, **options: Any) -> Clone:
        world = make_world(version=sql)
        return new_clone(world, version, **options)

    return make
