# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers for the wire's tests, and how each client is told to reach one."""

from __future__ import annotations

import ctypes.util
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lab.core.clock import Clock
from lab.core.faults import Faults
from lab.core.ledger import Ledger
from lab.core.pki import Authority
from lab.tds.server import TdsServer
from lab_tests.tds.echo_engine import PASSWORD, EchoEngine
from patience import patient

WAIT = patient(20.0)  # seconds that a test waits for something that must happen, at most


def microsoft_driver() -> str | None:
    """Microsoft's ODBC driver inside the wheel mssql-python-odbc, of the folder whose libraries this system has."""
    mssql = pytest.importorskip("mssql_python_odbc", reason="Microsoft's ODBC driver comes from the package mssql-python")
    root = Path(mssql.__file__).parent / "libs" / "linux"
    found = sorted(root.glob(f"*/{platform.machine()}/lib/libmsodbcsql-*.so.*"), key=lambda path: "debian" not in str(path))
    return str(found[0]) if found else None


def freetds_driver() -> str | None:
    """FreeTDS's ODBC driver, as Debian's tdsodbc and others install it."""
    for folder in ("/usr/lib/x86_64-linux-gnu/odbc", "/usr/lib/aarch64-linux-gnu/odbc", "/usr/lib64", "/usr/lib/odbc"):
        if (path := Path(folder) / "libtdsodbc.so").exists():
            return str(path)
    return None


@pytest.fixture(scope="session")
def pyodbc():
    if not ctypes.util.find_library("odbc"):
        pytest.skip("unixODBC is not installed")
    module = pytest.importorskip("pyodbc")
    module.pooling = False
    return module


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca") / "ca.pem")


@dataclass
class World:
    """A server, its engine and its memory."""

    server: TdsServer
    engine: EchoEngine
    ledger: Ledger
    faults: Faults
    authority: Authority

    @property
    def port(self) -> int:
        return self.server.port

    def tds(self, action: str, **match: Any):
        """The ledger's session events of that action."""
        return self.ledger.events("sql.session", action=action, **match)

    def wait(self, action: str, since: int = 0):
        return self.ledger.wait_for(lambda event: event.kind == "sql.session" and event["action"] == action, WAIT, since)


NAMES = ("localhost", "127.0.0.1", "sql.lab")


def serve(
    authority: Authority, folder: Path, encrypt: str = "on", version: int = 16, *, names: Sequence[str] = NAMES, **options: Any
) -> World:
    """A running server on a free port of 127.0.0.1."""
    ledger = Ledger(Clock())
    faults = Faults(ledger)
    engine = EchoEngine((version, 0, 4135, 4))
    context = authority.server_context(folder, *names)
    server = TdsServer(engine, "127.0.0.1", 0, context, encrypt, ledger=ledger, machine="sql", faults=faults, **options)
    server.start()
    return World(server, engine, ledger, faults, authority)


@pytest.fixture
def make_world(authority: Authority, tmp_path: Path) -> Iterator[Callable[..., World]]:
    worlds: list[World] = []

    def make(encrypt: str = "on", version: int = 16, **options: Any) -> World:
        worlds.append(serve(authority, tmp_path / str(len(worlds)), encrypt, version, **options))
        return worlds[-1]

    yield make
    for world in worlds:
        world.server.stop()
        assert all(session.closed.is_set() for session in world.engine.sessions)


@pytest.fixture(scope="module")
def shared(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One server for tests that leave no trace in it."""
    world = serve(authority, tmp_path_factory.mktemp("server"))
    yield world
    world.server.stop()
    assert all(session.closed.is_set() for session in world.engine.sessions)


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()


DRIVERS = {"microsoft": microsoft_driver, "freetds": freetds_driver}


def dsn(driver: str, port: int, **options: str) -> str:
    """A connection string; options override."""
    path = DRIVERS[driver]()
    if path is None:
        pytest.skip(f"the {driver} ODBC driver is not installed")
    words = {"DRIVER": path, "UID": "sa", "PWD": f"{{{PASSWORD}}}", "DATABASE": "master"}
    if driver == "microsoft":
        words |= {"SERVER": f"127.0.0.1,{port}", "TrustServerCertificate": "yes"}
    else:
        words |= {"SERVER": "127.0.0.1", "PORT": str(port), "TDS_VERSION": "7.4", "ClientCharset": "UTF-8"}
    return ";".join(f"{name}={value}" for name, value in (words | options).items() if value)


@pytest.fixture(params=["microsoft", "freetds"])
def driver(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def connect(pyodbc, driver: str):
    """Connect the parameter's driver to a world: connect(world, **connection string words)."""
    opened = []

    def make(world: World, autocommit: bool = True, **options: str):
        opened.append(pyodbc.connect(dsn(driver, world.port, **options), autocommit=autocommit, timeout=patient(10)))
        return opened[-1]

    yield make
    for connection in opened:
        if not connection.closed:
            connection.close()


def run_python(source: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program of its own, where the environment must be set before a library is loaded."""
    return subprocess.run(
        [sys.executable, "-c", source, *arguments], env=environment, capture_output=True, text=True, timeout=patient(60), check=False
    )
