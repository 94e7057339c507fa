# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A seeded database on plain SQLite, for what needs no SQL Server around it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab.core.clock import Clock
from lab.core.faults import Faults
from lab.core.filesystem import Logon
from lab.core.ledger import Ledger
from lab.core.network import Machine, Network
from lab.octopus import folders, licence, versions
from lab.octopus.folders import Files
from lab.octopus.migrations import Upgrade
from lab.octopus.seed import Seeded, seed
from lab.octopus.store import Store

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
        values: dict[str, str | None] = {"PackagesDirectory": "C:\\Octopus\\Packages"} if "folder_values" not in options else options.pop("folder_values")
        values = {**dict.fromkeys(folders.names(version)), **values}
        roots = {name: folders.resolve(values, name, "C:\\Octopus") for name in folders.names(version)}
        options = {"license_xml": licence.text(), "nodes": ["OCTO01"], **options}
        self.seeded: Seeded = seed(
            self.connection, self.files, version=version, now=self.clock.now(), master_key=MASTER_KEY, number=1, roots=roots, folder_values=values,
            server_uri="http://octo01", size=0.3, **options,
        )
        self.said: list[str] = []

    def store(self, version: str) -> Store:
        return Store(
            lambda: PlainConnection(self.path), version, self.clock, fs=self.machine.fs, logon=self.logon, home="C:\\Octopus", master_key=MASTER_KEY,
        )

    def upgrade(self, version: str, **options: Any) -> int:
        values = {"others": [], **options}
        return Upgrade(
            self.connection, version, "OCTO01", self.machine.name, self.files, self.ledger, self.faults, self.clock.now, self.said.append,
            lambda seconds: None, **values,
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
