# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A SQL Server on a machine of its own, and sessions without a wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lab.core.clock import Clock
from lab.core.faults import Faults
from lab.core.ledger import Event, Ledger
from lab.core.network import Machine, Network
from lab.sql.database import Database
from lab.sql.server import SqlServer
from lab.sql.session import Session
from lab.tds.engine_api import LoginRequest, Parameters, SqlError
from lab_tests.sql.collector import Collector

PASSWORD = "Tr0ub4dor&3"


@dataclass
class Client:
    """A session and what a test does with it."""

    session: Session
    disconnected: list[bool] = field(default_factory=list)

    def run(self, sql: str, params: dict[str, Any] | None = None, out: Collector | None = None) -> Collector:
        """Run a batch; raises the error that ended it."""
        answer = out or Collector()
        self.session.batch(sql, params if isinstance(params, Parameters) else Parameters((params or {}).items()), answer)
        return answer

    def rows(self, sql: str, **params: Any) -> list[tuple[object, ...]]:
        return self.run(sql, params).rowsets[-1].rows

    def one(self, sql: str, **params: Any) -> Any:
        rows = self.rows(sql, **params)
        assert len(rows) == 1 and len(rows[0]) == 1, rows
        return rows[0][0]

    def fails(self, sql: str, **params: Any) -> SqlError:
        """The error that a batch ends with."""
        with pytest.raises(SqlError) as caught:
            self.run(sql, params)
        return caught.value


def numbers(error: SqlError) -> list[int]:
    return [error.number, *(one.number for one in error.more)]


class World:
    """A SQL Server and what is around it."""

    def __init__(self, root: Path, scale: float = 2000.0, **options: Any) -> None:
        self.clock = Clock(scale)
        self.ledger = Ledger(self.clock)
        self.faults = Faults(self.ledger)
        self.network = Network(root, self.clock, self.ledger, self.faults)
        self.root = root
        self.share = self.network.add_share("nas", "backups", root / "nas", {self.network.machine_account("sql01")})
        self.server = self.add_server("sql01", **options)
        self.fs = self.server.machine.fs

    def add_server(self, name: str, **options: Any) -> SqlServer:
        machine = Machine(name, self.network)
        machine.fs.add_drive("C", machine.root / "C")
        machine.fs.add_drive("D", machine.root / "D")
        server = SqlServer(machine, self.network, **options)
        machine.fs.mkdir("D:\\Backup", server.logon)
        server.add_login("boss", PASSWORD, roles={"sysadmin"})
        return server

    def connect(self, user: str = "boss", database: str = "", server: SqlServer | None = None, **options: Any) -> Client:
        disconnected: list[bool] = []
        request = LoginRequest(
            user, PASSWORD, database, host="client", program="test", disconnect=lambda: disconnected.append(True), **options
        )
        return Client((server or self.server).login(request), disconnected)

    def sample(self, name: str = "Shop", rows: int = 200, **options: Any) -> Database:
        """A database with a table of rows."""
        database = self.server.create_database(name, **options)
        connection = database.connect()
        connection.execute(
            'CREATE TABLE "Item" ("Id" "int" NOT NULL PRIMARY KEY, "Name" "nvarchar(50)" COLLATE NOCASE, "Note" "nvarchar(max)")'
        )
        connection.execute("BEGIN")
        connection.executemany('INSERT INTO "Item" VALUES (?, ?, ?)', [(n, f"Item {n}", "é'[]" * (n % 7)) for n in range(rows)])
        connection.execute("COMMIT")
        connection.close()
        return database

    def real(self, path: str) -> Path:
        return self.fs.real(path, self.server.logon)

    def events(self, kind: str, **match: Any) -> list[Event]:
        return self.ledger.events(kind, **match)


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(**options: Any) -> World:
        made.append(World(tmp_path / str(len(made)), **options))
        return made[-1]

    yield make
    for world in made:
        world.network.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()


@pytest.fixture
def boss(world: World) -> Client:
    return world.connect()
