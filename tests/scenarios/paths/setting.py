# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database of some version on the lab's SQL Server, put on newer builds without Windows and playbooks around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import path_checks
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.conditions import CONDITIONS
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.solver import Path as UpgradePath
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module
from lab.core.clock import Clock
from lab.core.faults import Faults
from lab.core.filesystem import Logon
from lab.core.ledger import Ledger
from lab.core.network import Machine, Network
from lab.octopus import folders, licence, starting, versions
from lab.octopus.defects import Ground
from lab.octopus.folders import Files
from lab.octopus.migrations import Upgrade, UpgradeFailed, UpgradeRefused
from lab.octopus.seed import seed
from lab.octopus.store import Store
from lab.sql.database import Database
from lab.sql.server import SqlServer
from lab.tds.server import TdsServer

NODE, NAME, HOME = "OCTO01", "OctopusDeploy", "C:\\Octopus"
PASSWORD = "Sq1!probe"
MASTER_KEY = "bGFiLW1hc3Rlci1rZXkhIQ=="
RELEASES = tuple(versions.RELEASES)


@dataclass
class Instance:
    """One instance: its SQL Server, its database, its folders.

    Args:
        server: Options of the SQL Server.
        packages: The package folder, as the database names it.
        ptm: Whether the licence counts targets by their type.
        seeding: Options of the seed.
    """

    root: Path
    version: str
    server: dict[str, Any] = field(default_factory=dict)
    level: int | None = None
    collation: str | None = None
    packages: str | None = None
    ptm: bool = False
    seeding: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = Clock(1000)
        self.ledger = Ledger(self.clock)
        self.network = Network(self.root / "net", self.clock, self.ledger, Faults(self.ledger))
        self.machine = Machine("octo01", self.network)
        for drive in ("C", "P"):
            self.machine.fs.add_drive(drive, self.root / drive)
        self.logon = Logon.service("SYSTEM")
        self.files = Files(self.machine.fs, self.logon, HOME)
        place = Machine("sql01", self.network)
        self.sql = SqlServer(place, self.network, **self.server)
        self.sql.add_login("octopus", "pa;ss")
        self.sql.add_login("probe", PASSWORD, roles={"sysadmin"})
        self.database: Database = self.sql.create_database(
            NAME, users={"octopus": ["db_owner"]}, collation=self.collation, level=self.level
        )
        context = self.network.authority.server_context(self.root / "tls", place.address, "sql01")
        self.tds = TdsServer(
            self.sql, place.address, 1433, context, ledger=self.ledger, machine="sql01", faults=self.network.faults
        ).start()
        self.connection = self.sql.open(NAME, login="octopus", program="product")
        values = {**dict.fromkeys(folders.names(self.version)), "PackagesDirectory": self.packages}
        seed(
            self.connection,
            self.files,
            version=self.version,
            nodes=[NODE],
            now=self.clock.now(),
            master_key=MASTER_KEY,
            number=1,
            roots={name: folders.resolve(values, name, HOME) for name in values},
            folder_values=values,
            license_xml=licence.text(ptm=self.ptm),
            server_uri="http://octo01",
            size=0.05,
            **self.seeding,
        )

    def close(self) -> None:
        self.connection.close()
        self.tds.stop()
        self.network.close()

    def execute(self, *statements: str) -> None:
        """Change rows, as whoever has lived with this database has."""
        for statement in statements:
            self.connection.execute(statement)

    # -- the collection

    def conditions(self) -> dict[str, bool | None]:
        """What the probes say of this database. What no probe can tell here is known not to hold."""
        found = run_module(
            "octopus_database_info",
            login_host=self.tds.address,
            login_user="probe",
            login_password=PASSWORD,
            driver="auto",
            ca_path=str(self.network.authority.path),
            database=NAME,
            gather=["conditions"],
        )
        assert not found.get("failed"), found
        return {**dict.fromkeys(CONDITIONS, False), **found["conditions"]}

    def path(self, target: str, ladder: tuple[str, ...] = (), **options: Any) -> UpgradePath:
        """The upgrade path, as octopus_plan finds or judges it."""
        options = {"conditions": self.conditions(), "releases": RELEASES, **options}
        return path_checks.find(self.version, target, ladder, **options)

    # -- the product

    def go(self, version: str) -> str:
        """Upgrade the schema and start; what the product says where that fails, empty where it does not."""
        said: list[str] = []
        ground = Ground.of(self.sql, self.database)
        upgrade = Upgrade(
            self.connection,
            version,
            NODE,
            self.machine.name,
            self.files,
            self.ledger,
            self.network.faults,
            self.clock.now,
            said.append,
            lambda _seconds: None,
            [],
            ground=ground,
        )
        try:
            upgrade.run()
        except (UpgradeFailed, UpgradeRefused) as error:
            return "\n".join([*said, str(error)])
        connect = partial(self.sql.open, NAME, login="octopus", program="product")
        with Store(connect, version, self.clock, fs=self.machine.fs, logon=self.logon, home=HOME, master_key=MASTER_KEY) as store:
            try:
                starting.check(store, version, ground)
            except starting.StartError as error:
                return str(error)
            store.add("OctopusServerInstallationHistory", {"Node": NODE, "Version": version, "Installed": self.clock.now()})
        self.version = version
        return ""

    def walk(self, path: UpgradePath) -> dict[str, str]:
        """Go through every version of a path; what failed, by its version."""
        for version in path.versions:
            if failed := self.go(str(version)):
                return {str(version): failed}
        return {}
