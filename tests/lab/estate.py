# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Estates: whole worlds of instances, put together and started; what tests, the demo and ``python -m lab`` use."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from .core.clock import Clock
from .core.faults import Faults
from .core.ledger import Ledger
from .core.network import Machine, Network
from .inventory import write_inventory
from .octopus.build import InstanceHandle, install_instance
from .octopus.feed import ReleaseSite
from .octopus.load_balancer import LoadBalancer
from .octopus.media import build_msi
from .octopus.versions import RELEASES
from .sql.server import SqlServer
from .tds.server import TdsServer
from .windows.host import WindowsHost
from .winrm.server import WinRMServer

BACKUP_SHARE = "octopus-backups"
WEB_PORT = 8443


@dataclass(frozen=True)
class InstanceSpec:
    """What one instance of an estate is like."""

    name: str
    version: str
    nodes: tuple[str, ...]
    sql: str
    database: str = "OctopusDeploy"
    sql_version: str = "14.0.3456.2"  # SQL Server 2017
    transport: str = "basic"  # over HTTPS; or ntlm, over HTTP with message encryption
    connection: str = "winrm"  # or psrp
    has_curl: bool = True
    ladder: tuple[str, ...] = ()
    target: str = "2026.2.9853"
    seed: int = 1
    watchdog: bool = True
    sql_driver: str = "auto"


DEMO = InstanceSpec("demo", "2018.10.7", ("octo01",), "sql01", ladder=("2021.1.8045", "2025.3.14357", "2026.2.9853"))
CLUSTER = InstanceSpec(
    "cluster",
    "2020.5.7",
    ("octo-a", "octo-b"),
    "sql02",
    database="Octopus [HA]",
    sql_version="15.0.4430.1",
    transport="ntlm",
    ladder=("2025.3.14357", "2026.2.9853"),
    seed=2,
)
# One step on one node: what tests take that are about something else than the ladder.
SINGLE = InstanceSpec("single", "2025.3.14357", ("octo01",), "sql01", seed=3)
ESTATES: dict[str, tuple[InstanceSpec, ...]] = {"demo": (DEMO,), "cluster": (CLUSTER,), "fleet": (DEMO, CLUSTER)}


@dataclass
class Secrets:
    """The secrets of one instance, new for each lab, so that finding one anywhere means a leak."""

    api_key: str = field(default_factory=lambda: "API-" + secrets.token_hex(14).upper(), repr=False)
    sql_password: str = field(default_factory=lambda: "Sq1!" + secrets.token_urlsafe(15), repr=False)
    octopus_sql_password: str = field(default_factory=lambda: "Oc2!" + secrets.token_urlsafe(15), repr=False)
    winrm_password: str = field(default_factory=lambda: "Wr3!" + secrets.token_urlsafe(15), repr=False)
    master_key: str = field(default_factory=lambda: base64.b64encode(secrets.token_bytes(16)).decode(), repr=False)


@dataclass
class LabInstance:
    """One running instance: its specification, machines and secrets."""

    spec: InstanceSpec
    hosts: list[WindowsHost]
    sql: SqlServer
    tds: TdsServer
    handle: InstanceHandle
    secrets: Secrets
    url: str
    winrm: list[WinRMServer]
    balancer: LoadBalancer | None = None

    def host(self, name: str) -> WindowsHost:
        return next(host for host in self.hosts if host.name == name)


class Lab:
    """A lab: ``with Lab(folder, DEMO) as lab: ...`` starts it and stops it.

    :param root: an empty folder; all drives, shares and databases lie in it.
    :param scale: lab seconds per real second.
    """

    def __init__(self, root: Path, *specs: InstanceSpec, scale: float = 20.0) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.clock = Clock(scale)
        self.ledger_path = root / "ledger.jsonl"
        self.ledger = Ledger(self.clock, self.ledger_path)
        self.faults = Faults(self.ledger)
        self.network = Network(root, self.clock, self.ledger, self.faults)
        self.vault_password = secrets.token_urlsafe(24)
        self.nas = Machine("nas", self.network)
        self.backup_share = self.network.add_share("nas", BACKUP_SHARE, root / "nas" / BACKUP_SHARE, set())
        self.releases = ReleaseSite("releases", self.network)
        for version, release in RELEASES.items():
            self.releases.add(version, build_msi(version), release.released)
        self.instances = {spec.name: self._build(spec) for spec in specs}

    @property
    def ca_path(self) -> Path:
        return self.network.authority.path

    def __enter__(self) -> Lab:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def start(self) -> Lab:
        self.releases.start()
        for instance in self.instances.values():
            instance.tds.start()
            for host, server in zip(instance.hosts, instance.winrm, strict=True):
                host.boot()
                server.start()
        for instance in self.instances.values():
            instance.handle.wait_until_healthy()
            if instance.balancer:
                instance.balancer.start()
        return self

    def stop(self) -> None:
        for instance in self.instances.values():
            if instance.balancer:
                instance.balancer.stop()
            for host, server in zip(instance.hosts, instance.winrm, strict=True):
                server.stop()
                host.shutdown()
            instance.tds.stop()
        self.releases.stop()
        self.network.close()
        self.ledger.close()

    def write_inventory(self, folder: Path) -> Path:
        """The inventory that an operator of this estate would have; its secrets are sealed with Ansible Vault."""
        return write_inventory(self, folder)

    # -- building

    def _build(self, spec: InstanceSpec) -> LabInstance:
        own = Secrets()
        self.network.add_account(f"{spec.name}-admin", own.winrm_password)
        sql_machine = WindowsHost(spec.sql, self.network)
        sql_machine.fs.add_drive("D", sql_machine.root / "D")
        sql = SqlServer(sql_machine, self.network, version=spec.sql_version, edition="Standard Edition (64-bit)", engine_edition=2)
        sql.add_login("octopus_upgrade", own.sql_password, roles={"sysadmin"})
        sql.add_login("octopus", own.octopus_sql_password)
        tds = TdsServer(
            sql,
            sql_machine.address,
            1433,
            self.network.authority.server_context(self.root / "tls" / spec.sql, sql_machine.address, spec.sql),
            ledger=self.ledger,
            machine=spec.sql,
            faults=self.faults,
        )
        hosts = [WindowsHost(name, self.network, has_curl=spec.has_curl) for name in spec.nodes]
        balancer = None
        if len(hosts) > 1:
            balancer = LoadBalancer(f"lb-{spec.name}", self.network, [(host.name, host.address, WEB_PORT) for host in hosts], port=WEB_PORT)
        for machine in (*spec.nodes, spec.sql):
            self.backup_share.allow.add(self.network.machine_account(machine))
        folders = "C:\\Octopus"
        if len(hosts) > 1:
            share = self.network.add_share(
                "nas",
                f"octopus-{spec.name}",
                self.root / "nas" / f"octopus-{spec.name}",
                {self.network.machine_account(name) for name in spec.nodes},
            )
            folders = share.unc
        handle = install_instance(
            hosts,
            sql,
            version=spec.version,
            database=spec.database,
            sql_login="octopus",
            sql_password=own.octopus_sql_password,
            sql_address=sql_machine.address,
            folders_root=folders,
            master_key=own.master_key,
            api_key=own.api_key,
            web_port=WEB_PORT,
            scheme="https",
            tls_names=[balancer.address] if balancer else [],
            seed=spec.seed,
            watchdog=spec.watchdog,
        )
        address = balancer.address if balancer else hosts[0].address
        return LabInstance(
            spec,
            hosts,
            sql,
            tds,
            handle,
            own,
            f"https://{address}:{WEB_PORT}",
            [WinRMServer(host, self.network) for host in hosts],
            balancer,
        )
