# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Estates: whole worlds of instances, put together and started; what tests, the demo and ``python -m lab`` use."""

from __future__ import annotations

import base64
import contextlib
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path

from .core.clock import Clock
from .core.faults import Faults
from .core.filesystem import Logon
from .core.ledger import Ledger
from .core.network import Machine, Network
from .inventory import write_inventory
from .octopus import bindings, connection_string
from .octopus.build import InstanceHandle, install_instance, register_programs
from .octopus.feed import ReleaseSite
from .octopus.load_balancer import LoadBalancer
from .octopus.media import build_msi
from .octopus.store import Store
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
    wanted: str = ""  # what the inventory says of it; empty: itself
    ladder_given: bool = True  # whether the inventory has the ladder
    seed: int = 1
    watchdog: bool = True
    sql_driver: str = "auto"
    dangers: bool = False  # all that a clone must not do is due within minutes (octopus/seed_dangers.py)


@dataclass(frozen=True)
class CloneSpec:
    """Where a clone of an instance can be made: hosts that have Windows and WinRM, and nothing of Octopus.

    Attributes:
        source: Name of the instance that it will be a clone of; it is given to the same :class:`Lab`.
        sql: Its SQL Server: None: the source's; the name of one that another instance or clone has; else a new one of that name.
        on_source_folders: Whether its service accounts may write to the share that the source's folders are on. It is so where
            source and clone run under one account, and that is when a clone can do harm there.
        projects: The projects of the source that a test instance is to have; empty where a clone is to be made. Its login ``octopus`` may create
            databases then.
    """

    name: str
    source: str
    nodes: tuple[str, ...]
    sql: str | None = None
    sql_version: str | None = None  # of a new one; None: the source's
    transport: str = "basic"
    connection: str = "winrm"
    has_curl: bool = True
    sql_driver: str = "auto"
    on_source_folders: bool = True
    projects: tuple[str, ...] = ()


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
# One step on one node: what tests take that are about something else than the ladder. Its operator wants what is newest.
SINGLE = InstanceSpec("single", "2025.3.14357", ("octo01",), "sql01", wanted="latest", seed=3)
# An instance that does all that a clone must not do, and where a clone can be made.
DANGEROUS = replace(SINGLE, dangers=True)
COPY = CloneSpec("copy", SINGLE.name, ("octo-copy",), sql="sql-copy")
ESTATES: dict[str, tuple[InstanceSpec | CloneSpec, ...]] = {
    "demo": (DEMO,),
    "cluster": (CLUSTER,),
    "fleet": (DEMO, CLUSTER),
    "clone": (DANGEROUS, COPY),
}


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


@dataclass
class LabClone:
    """The place of one clone. Whoever uses the lab installs and starts Octopus there; :meth:`Lab.stop` ends what runs.

    ``url`` answers as soon as Octopus listens on :data:`WEB_PORT` with https: the machines have their certificates. ``folders_root`` is
    where its server folders may be: a local folder, or with several nodes a share of its own. What it takes over from the source is
    the same in ``secrets``: API key, master key, and the password of the login ``octopus``.
    """

    spec: CloneSpec
    source: LabInstance
    hosts: list[WindowsHost]
    sql: SqlServer
    tds: TdsServer
    secrets: Secrets
    url: str
    folders_root: str
    winrm: list[WinRMServer]
    balancer: LoadBalancer | None = None

    def host(self, name: str) -> WindowsHost:
        return next(host for host in self.hosts if host.name == name)

    def store(self, database: str, version: str | None = None) -> Store:
        """A look into a database of its SQL Server, for tests. Close it: its sessions are real ones."""
        return Store(
            lambda: self.sql.open(database, login="octopus_upgrade", host="LAB-TEST", program="lab test"),
            version or self.source.spec.version,
            self.hosts[0].clock,
            fs=self.hosts[0].fs,
            logon=Logon.service("SYSTEM"),
            master_key=self.secrets.master_key,
        )


class Lab:
    """A lab: ``with Lab(folder, DEMO) as lab: ...`` starts it and stops it.

    Args:
        specs: Instances, which are in :attr:`instances` by their names, and places for clones of them, which are in :attr:`clones`.
        root: An empty folder; all drives, shares and databases lie in it.
        scale: Lab seconds per real second.
        only_documented: Whether no key, property or message exists that only the lab's own assumption supports.
    """

    def __init__(self, root: Path, *specs: InstanceSpec | CloneSpec, scale: float = 20.0, only_documented: bool = False) -> None:
        if len({spec.name for spec in specs}) < len(specs):
            raise ValueError("two of the specifications have the same name")
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.clock = Clock(scale)
        self._ledger_path = root / "ledger.jsonl"
        self.ledger = Ledger(self.clock, self._ledger_path)
        self.faults = Faults(self.ledger)
        self.network = Network(root, self.clock, self.ledger, self.faults)
        self.network.only_documented = only_documented
        self.vault_password = secrets.token_urlsafe(24)
        self.nas = Machine("nas", self.network)
        self.backup_share = self.network.add_share("nas", BACKUP_SHARE, root / "nas" / BACKUP_SHARE, set())
        self.releases = ReleaseSite("releases", self.network)
        for version, release in RELEASES.items():
            self.releases.add(version, build_msi(version), release.released)
        self._servers: dict[str, _Sql] = {}
        self.instances = {spec.name: self._build(spec) for spec in specs if isinstance(spec, InstanceSpec)}
        self.clones = {spec.name: self._clone(spec) for spec in specs if isinstance(spec, CloneSpec)}

    @property
    def ledger_path(self) -> Path:
        """The ledger's file, with everything that has happened until now."""
        self.ledger.flush()
        return self._ledger_path

    @property
    def ca_path(self) -> Path:
        return self.network.authority.path

    def __enter__(self) -> Lab:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def start(self) -> Lab:
        self.releases.start()
        for server in self._servers.values():
            server.tds.start()
        for place in self._places():
            for host, winrm in zip(place.hosts, place.winrm, strict=True):
                host.boot()
                winrm.start()
        for instance in self.instances.values():
            instance.handle.wait_until_healthy()
        for place in self._places():
            if place.balancer:
                place.balancer.start()
        return self

    def stop(self) -> None:
        """End everything, also what was started on clones; one that does not end does not keep the rest from ending."""
        with contextlib.ExitStack() as stack:  # the last one first
            stack.callback(self.ledger.close)
            stack.callback(self.network.close)
            stack.callback(self.releases.stop)
            for server in self._servers.values():
                stack.callback(server.tds.stop)
            for place in self._places():
                for host, winrm in zip(place.hosts, place.winrm, strict=True):
                    stack.callback(host.shutdown)
                    stack.callback(winrm.stop)
                if place.balancer:
                    stack.callback(place.balancer.stop)

    def _places(self) -> list[LabInstance | LabClone]:
        return [*self.instances.values(), *self.clones.values()]

    def write_inventory(self, folder: Path) -> Path:
        """The inventory that an operator of this estate would have; its secrets are sealed with Ansible Vault."""
        return write_inventory(self, folder)

    # -- building

    def _build(self, spec: InstanceSpec) -> LabInstance:
        own = Secrets()
        self.network.add_account(f"{spec.name}-admin", own.winrm_password)
        if spec.sql in self._servers:
            raise ValueError(f"there is a SQL Server {spec.sql} already")
        server = self._server(spec.sql, spec.sql_version, own)
        hosts = [WindowsHost(name, self.network, has_curl=spec.has_curl) for name in spec.nodes]
        balancer = self._balancer(spec.name, hosts)
        folders = self._folders(spec.name, hosts)
        handle = install_instance(
            hosts,
            server.sql,
            version=spec.version,
            database=spec.database,
            sql_login="octopus",
            sql_password=own.octopus_sql_password,
            sql_address=server.sql.machine.address,
            folders_root=folders,
            master_key=own.master_key,
            api_key=own.api_key,
            web_port=WEB_PORT,
            scheme="https",
            tls_names=[balancer.address] if balancer else [],
            seed=spec.seed,
            watchdog=spec.watchdog,
            dangers=spec.dangers,
        )
        return LabInstance(
            spec,
            hosts,
            server.sql,
            server.tds,
            handle,
            own,
            f"https://{(balancer or hosts[0]).address}:{WEB_PORT}",
            [WinRMServer(host, self.network) for host in hosts],
            balancer,
        )

    def _clone(self, spec: CloneSpec) -> LabClone:
        source = self.instances.get(spec.source)
        if source is None:
            raise ValueError(f"there is no instance {spec.source} for {spec.name} to be a clone of")
        own = Secrets(
            api_key=source.secrets.api_key,
            octopus_sql_password=source.secrets.octopus_sql_password,
            master_key=source.secrets.master_key,
        )
        self.network.add_account(f"{spec.name}-admin", own.winrm_password)
        server = self._servers.get(spec.sql or source.spec.sql) or self._server(
            str(spec.sql), spec.sql_version or source.spec.sql_version, own
        )
        own.sql_password = server.password
        if spec.projects and (login := server.sql.find_login("octopus")):
            login.roles.add("dbcreator")
        hosts = [WindowsHost(name, self.network, has_curl=spec.has_curl) for name in spec.nodes]
        balancer = self._balancer(spec.name, hosts)
        folders = self._folders(spec.name, hosts)
        source_share = self.network.shares.get(("nas", f"octopus-{spec.source}".lower()))
        for host in hosts:
            register_programs(host)
            bindings.bind(host, WEB_PORT, *([balancer.address] if balancer else []))
            if source_share is not None and spec.on_source_folders:
                source_share.allow.add(self.network.machine_account(host.name))
        return LabClone(
            spec,
            source,
            hosts,
            server.sql,
            server.tds,
            own,
            f"https://{(balancer or hosts[0]).address}:{WEB_PORT}",
            folders,
            [WinRMServer(host, self.network) for host in hosts],
            balancer,
        )

    def _server(self, name: str, version: str, own: Secrets) -> _Sql:
        """A new SQL Server, with the logins ``octopus_upgrade`` (a sysadmin) and ``octopus``."""
        machine = WindowsHost(name, self.network)
        machine.fs.add_drive("D", machine.root / "D")
        sql = SqlServer(machine, self.network, version=version, edition="Standard Edition (64-bit)", engine_edition=2)
        sql.add_login("octopus_upgrade", own.sql_password, roles={"sysadmin"})
        sql.add_login("octopus", own.octopus_sql_password)
        connection_string.register_sql(self.network, sql)
        tds = TdsServer(
            sql,
            machine.address,
            1433,
            self.network.authority.server_context(self.root / "tls" / name, machine.address, name),
            ledger=self.ledger,
            machine=name,
            faults=self.faults,
        )
        self.backup_share.allow.add(self.network.machine_account(name))
        self._servers[name] = _Sql(sql, tds, own.sql_password)
        return self._servers[name]

    def add_sql_server(self, name: str, instance: LabInstance) -> SqlServer:
        """Start another SQL Server with the logins of an instance's own, such as for a secondary replica."""
        server = self._server(name, instance.spec.sql_version, instance.secrets)
        server.tds.start()
        return server.sql

    def _balancer(self, name: str, hosts: list[WindowsHost]) -> LoadBalancer | None:
        if len(hosts) == 1:
            return None
        return LoadBalancer(f"lb-{name}", self.network, [(host.name, host.address, WEB_PORT) for host in hosts], port=WEB_PORT)

    def _folders(self, name: str, hosts: list[WindowsHost]) -> str:
        """Where the server folders are to be: with several nodes, a share of their own. The nodes may write to the backup share."""
        accounts = {self.network.machine_account(host.name) for host in hosts}
        self.backup_share.allow |= accounts
        if len(hosts) == 1:
            return "C:\\Octopus"
        return self.network.add_share("nas", f"octopus-{name}", self.root / "nas" / f"octopus-{name}", accounts).unc


@dataclass(frozen=True)
class _Sql:
    """A SQL Server of the lab, and the password of its login ``octopus_upgrade``."""

    sql: SqlServer
    tds: TdsServer
    password: str = field(repr=False)
