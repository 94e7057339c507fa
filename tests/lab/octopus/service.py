# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server process: the command ``run``, which the Windows service starts."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from ..tds.engine_api import SqlError
from . import bindings, live, register, scripts, starting, versions
from .folders import Files
from .installation import ConfigurationError, Installation
from .migrations import Upgrade, UpgradeFailed, UpgradeRefused
from .node import Node
from .starting import StartError
from .store import Store
from .web import WebServer, create_app

if TYPE_CHECKING:
    from ..windows.process import Process

# Lab seconds; *assumed*: a start of a small server takes some seconds before and some after the service counts as running.
SECONDS_TO_CONNECT = 3.0
SECONDS_TO_LOAD = 6.0
SECONDS_TO_STOP = 2.0


def run(process: Process, version: str, options: dict[str, str]) -> int:
    """Start, serve until the service is asked to stop, stop. Exit code 1: it did not start; the log says why."""
    host = process.host
    try:
        entry, _said = register.find(host, version, options.get("instance"))
        if entry is None:
            raise StartError(f"Instance {options.get('instance')} has not been configured on this machine")
        installation = Installation.load(host, entry.name, entry.config_path, process.logon)
        store = installation.store(version)
    except (StartError, ConfigurationError, register.RegisterError) as error:
        return _failed(process, version, None, error)
    node = Node(process, store, installation.node_name, version)
    try:
        try:
            process.sleep(SECONDS_TO_CONNECT)
            _check_schema(process, installation, store, version)
            target = installation.target
            alive = live.node(installation.server, target.database, node.name)
        except (StartError, ConfigurationError, SqlError) as error:
            return _failed(process, version, node, error)
        with alive:
            return _serve(process, installation, node)
    finally:
        store.close()


def _failed(process: Process, version: str, node: Node | None, error: Exception) -> int:
    text = "; ".join(one.message for one in (error, *error.more)) if isinstance(error, SqlError) else str(error)
    process.error(text)
    if node is not None:
        node.log(f"The server could not start: {text}", "FATAL")
    process.host.ledger.record("octopus", process.host.name, what="start failed", version=version, error=text)
    return 1


def _check_schema(process: Process, installation: Installation, store: Store, version: str) -> None:
    """
    Raises:
        StartError: The schema is older or newer than the binary. Before 3.13.9 an older one was upgraded here (OctopusDSC).
    """
    newer, todo = store.pool.run(lambda connection: (scripts.unknown(connection, version), scripts.pending(connection, version)))
    if newer:
        raise StartError(f"The database schema is newer than this version of Octopus Server ({version}). Downgrading is not supported.")
    if not todo:
        return
    if versions.has(version, "upgrade_command"):
        raise StartError(
            f"The database schema is out of date: {len(todo)} scripts have not been run. Run 'Octopus.Server.exe database --upgrade' "
            "before starting the service."
        )
    connection = installation.connect()
    try:
        host = process.host
        Upgrade(
            connection,
            version,
            installation.node_name,
            host.name,
            Files(host.fs, process.logon, installation.home),
            host.ledger,
            host.faults,
            host.clock.now,
            process.print,
            process.sleep,
            [],
            only_documented=host.network.only_documented,
            ground=installation.ground(),
        ).run()
    except (UpgradeFailed, UpgradeRefused) as error:
        raise StartError(str(error)) from error
    finally:
        connection.close()


def _serve(process: Process, installation: Installation, node: Node) -> int:
    host, version = process.host, node.version
    record = {"node": node.name, "instance": installation.name, "version": version}
    servers: list[WebServer] = []

    def stop_web() -> None:
        for server in servers:
            server.stop()

    try:
        process.service_running()
        process.sleep(SECONDS_TO_LOAD)
        starting.check(node.store, version, installation.ground())
        node.register()
        node.queue("SystemIntegrityCheck", "Check System Integrity")  # at every start (octopus.com/docs)
        with contextlib.ExitStack() as stack:
            stack.callback(stop_web)
            _open_web(process, installation, node, servers)
            node.log(f"Octopus Server {version} is running")
            host.ledger.record("octopus", host.name, what="started", **record)
            node.work()
            process.check()
        node.log("Stopping")
        node.end()
        process.sleep(SECONDS_TO_STOP)
        host.ledger.record("octopus", host.name, what="stopped", **record)
        return 0
    except (StartError, SqlError) as error:
        return _failed(process, version, node, error)
    finally:
        stop_web()
        if process.killed.is_set():
            node.end()


def _open_web(process: Process, installation: Installation, node: Node, servers: list[WebServer]) -> None:
    """Listen on every prefix's port; one on localhost listens on the host's address, as the lab's hosts have no loopback of their own.

    Raises:
        StartError: https without a certificate for the port, or the port is taken.
    """
    host = process.host
    if host.faults.hit("api.never", host.name) is not None:
        node.log("The web server does not come up")
        return
    slow = host.faults.hit("api.slow_start", host.name)
    if slow is not None and host.clock.sleep(float(slow.get("seconds", 60)), process.stop_requested):
        return
    process.check()
    app = create_app(
        node.store,
        node.name,
        node.version,
        host.clock,
        host.ledger,
        faults=host.faults,
        machine=host.name,
        newest=versions.NEWEST,
        only_documented=host.network.only_documented,
    )
    for scheme, port in sorted(
        {(url.scheme, url.port or (443 if url.scheme == "https" else 80)) for url in map(_url, installation.prefixes)}
    ):
        context = bindings.bound(host, port) if scheme == "https" else None
        if scheme == "https" and context is None:
            raise StartError(f"There is no certificate bound to port {port} on {host.name}.")
        try:
            blocked = partial(host.firewall.blocks, port)
            servers.append(WebServer(app, host.address, port, context, blocked).start())
        except OSError as error:
            raise StartError(f"Port {port} on {host.name} cannot be opened: {error}") from error


def _url(prefix: str) -> SplitResult:
    return urlsplit(prefix.replace("://*", "://any").replace("://+", "://any"))
