# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lay down an instance on hosts and a SQL Server as if it had been installed and used for long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

from ..core.filesystem import Logon
from ..core.ledger import Event
from ..windows import installer, services
from . import bindings, connection_string, crypto, folders, licence, machine_policy, media, register
from .cli import HANDLER, octopus_server
from .cli.service_command import create_watchdog
from .database import Connection
from .documents import select
from .folders import Files
from .installation import CONNECTION, FORCE_SSL, HOME, PORT, PREFIXES, Installation, node_name_key
from .seed import Seeded
from .seed import seed as seed_database
from .seed_dangers import polling_uri
from .store import Store

if TYPE_CHECKING:
    from ..sql.server import SqlServer
    from ..windows.host import WindowsHost

LICENCE_ENDS = date(2027, 12, 31)


@dataclass
class InstanceHandle:
    """One instance, for tests: where it is, its keys, and a look into its database that does not go through its API."""

    name: str
    hosts: list[WindowsHost]
    sql: SqlServer
    database: str
    version: str
    seeded: Seeded
    home: str
    login: str
    master_key: str = field(repr=False)
    urls: dict[str, str] = field(default_factory=dict)

    @property
    def api_key(self) -> str:
        """Of the administrator."""
        return self.seeded.api_key

    @property
    def limited_key(self) -> str:
        """Of a user who may only look at projects."""
        return self.seeded.limited_key

    @property
    def service(self) -> str:
        """The Windows service's name."""
        return register.service_name(self.name)

    def store(self, version: str | None = None) -> Store:
        """The database and folders, as the first node's SYSTEM sees them. Close it: its sessions are real ones."""
        host = self.hosts[0]

        def connect() -> Connection:
            connection: Connection = self.sql.open(self.database, login=self.login, host="LAB-TEST", program="lab test")
            return connection

        return Store(
            connect,
            version or self.version,
            host.clock,
            fs=host.fs,
            logon=Logon.service("SYSTEM"),
            home=self.home,
            master_key=self.master_key,
        )

    def start(self) -> InstanceHandle:
        """Start the service on every node that does not run it."""
        for host in self.hosts:
            if host.services.query(self.service).state == services.STOPPED:
                host.services.start(self.service)
        return self

    def wait_until_healthy(self, timeout: float = 60.0, since: int = 0) -> None:
        """Wait until every node has started.

        Args:
            timeout: Real seconds.
            since: Number of the ledger's first event that counts.

        Raises:
            TimeoutError: A node did not start in time.
            RuntimeError: A node refused to start.
        """
        for host in self.hosts:
            event = host.ledger.wait_for(partial(_ended_start, host.name), timeout, since)
            if event["what"] != "started":
                raise RuntimeError(f"{host.name}: {event.get('error')}")


def _ended_start(machine: str, event: Event) -> bool:
    return event.kind == "octopus" and event.machine == machine and event.get("what") in ("started", "start failed")


def install_instance(
    hosts: Sequence[WindowsHost],
    sql: SqlServer,
    *,
    version: str,
    instance_name: str = register.DEFAULT,
    database: str = "OctopusDeploy",
    sql_login: str | None = None,
    sql_password: str = "",
    sql_address: str | None = None,
    folders_root: str = "C:\\Octopus",
    master_key: str | None = None,
    license_xml: str | None = "",
    api_key: str | None = None,
    limited_key: str | None = None,
    web_port: int = 8080,
    scheme: str = "http",
    tls_names: Sequence[str] = (),
    seed: int = 1,
    size: float = 1.0,
    weight: int = 0,
    watchdog: bool = False,
    watchdog_minutes: int = 5,
    service_account: str = "LocalSystem",
    **seeding: Any,
) -> InstanceHandle:
    """Install, configure, fill; nothing is started.

    Args:
        sql_login: SQL login of the instance (it must exist, with ``sql_password``); None: integrated security.
        sql_address: How the connection string names the SQL Server; None: its machine's name.
        folders_root: What the server folders are below: local, or a share that every node's service account may write to.
        license_xml: Its licence; empty: one that covers all versions of the lab; None: none at all.
        size: How many packages and deployments there are; 1.0: some 200 and 60.
        weight: Bytes that the database has beyond its rows, for backups that take their time.
        scheme: http, or https with a certificate of the lab for the node's name and address and for ``tls_names``.
        seeding: Passed on to :func:`lab.octopus.seed.seed`.
    """
    home = "C:\\Octopus" if instance_name == register.DEFAULT else f"C:\\Octopus\\{instance_name}"
    key = master_key or crypto.new_master_key(f"{instance_name}{seed}".encode())
    connection_string.register_sql(hosts[0].network, sql)
    target = _connection_string(sql_address or sql.machine.name, database, sql_login, sql_password)
    users = [sql_login] if sql_login else [_windows_login(host, service_account) for host in hosts]
    for user in users:
        if sql.find_login(user) is None:
            sql.add_login(user)  # a Windows login
    sql.create_database(database, users={user: ["db_owner"] for user in users}, weight=weight)
    for host in hosts:
        register_programs(host)
        if not host.fs.exists(register.program(host), host.system):
            installer.seed(host, media.build_msi(version))
        _configure(
            host,
            version=version,
            name=instance_name,
            home=home,
            target=target,
            key=key,
            prefix=f"{scheme}://+:{web_port}/",
            account=service_account,
        )
        if scheme == "https":
            bindings.bind(host, web_port, *tls_names)
        if watchdog:
            create_watchdog(host, "*", watchdog_minutes)
    first = hosts[0]
    machine_policy.polls(first.network, polling_uri(first.name), {host.name for host in hosts})
    connection = sql.open(database, login=users[0], host=first.name.upper(), program=connection_string.PROGRAM)
    values: dict[str, str | None] = {name: f"{folders_root}\\{folders.FOLDERS[name][2]}" for name in folders.names(version)}
    try:
        seeded = seed_database(
            connection,
            Files(first.fs, Logon.service("SYSTEM" if service_account == "LocalSystem" else service_account), home),
            version=version,
            nodes=[host.name.upper() for host in hosts],
            now=first.clock.now(),
            master_key=key,
            number=seed,
            roots={name: folders.resolve(values, name, home) for name in values},
            folder_values=values,
            license_xml=licence.text(valid_to=LICENCE_ENDS) if license_xml == "" else license_xml,
            server_uri=f"{scheme}://{first.address}:{web_port}",
            api_key=api_key,
            limited_key=limited_key,
            size=size,
            only_documented=first.network.only_documented,
            **seeding,
        )
        _trust(connection, first)
    finally:
        connection.close()
    urls = {host.name: f"{scheme}://{host.address}:{web_port}" for host in hosts}
    return InstanceHandle(instance_name, list(hosts), sql, database, version, seeded, home, users[0], key, urls)


def _trust(connection: Connection, host: WindowsHost) -> None:
    """The targets and workers out there trust the server that they are registered with."""
    thumbprint = next(row["Thumbprint"] for row in select(connection, "Configuration", 'WHERE "Id" = ?', ("certificate",)))
    for one in (*select(connection, "Machine"), *select(connection, "Worker")):
        if one.get("Uri"):
            machine_policy.trusts(host.network, one["Uri"], thumbprint)


def _windows_login(host: WindowsHost, account: str) -> str:
    """Who a service of that account is at the SQL Server."""
    return host.network.machine_account(host.name) if account == "LocalSystem" else account


def register_programs(host: WindowsHost) -> None:
    """Make the host able to run Octopus programs, installed or to be installed."""
    host.programs[HANDLER] = octopus_server


def _connection_string(address: str, database: str, login: str | None, password: str) -> str:
    who = f"User ID={login};Password={connection_string.quote(password)}" if login else "Integrated Security=True"
    return f"Server={address};Database={connection_string.quote(database)};{who};Encrypt=True;TrustServerCertificate=True"


def _configure(
    host: WindowsHost,
    *,
    version: str,
    name: str,
    home: str,
    target: str,
    key: str,
    prefix: str,
    account: str,
) -> None:
    path = f"{home}\\OctopusServer.config"
    installation = Installation(
        host,
        name,
        path,
        host.system,
        {
            HOME: home,
            node_name_key(version): host.name.upper(),
            CONNECTION: target,
            PREFIXES: prefix,
            PORT: "10943",
            FORCE_SSL: "False",
        },
    )
    installation.seal_master_key(key)
    installation.save()
    register.add(host, register.Entry(name, path), version)
    service = register.service_name(name)
    host.services.create(service, service, f'"{register.program(host)}" run --instance="{name}"', account)
