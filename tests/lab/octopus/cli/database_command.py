# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command ``database``: connect, create, upgrade (octopus.com/docs/octopus-rest-api/octopus.server.exe-command-line/database)."""

from __future__ import annotations

from typing import Any

from ...tds.engine_api import SqlError
from .. import connection_string, crypto, live, scripts
from ..database import Connection
from ..folders import Files
from ..installation import BEFORE_4, CONNECTION, MASTER_KEY, Installation
from ..migrations import Upgrade, UpgradeFailed, UpgradeRefused
from ..new_database import fill
from ..seed import create_schema
from .parser import Call, Command, Failure, switches

SECONDS_TO_CREATE = 20.0


def database(call: Call) -> int:
    """In the order of the switches' meaning: connection string and key first, then create or upgrade."""
    if call.has("delete"):
        raise Failure("lab: unsupported switch --delete: nothing in the lab may drop a database this way")
    installation = call.installation()
    if call.has("connectionString"):
        try:
            connection_string.parse(call.get("connectionString"))
        except ValueError as error:
            raise Failure(str(error)) from error
        installation.settings[CONNECTION] = call.get("connectionString")
    if call.has("create"):
        if MASTER_KEY not in installation.settings:
            # It is saved before anything is encrypted with it; *assumed*, since a program that is killed leaves a useless database otherwise.
            installation.seal_master_key(call.get("masterKey") if call.has("masterKey") else crypto.new_master_key())
            installation.save()
        _create(call, installation)
    if call.has("masterKey"):
        _set_key(call, installation)
    if call.has("connectionString") or call.has("masterKey") or call.has("create"):
        installation.save()
        call.log("Configuration saved")
    if call.has("upgrade") or call.has("create"):
        _upgrade(call, installation)
    elif call.has("connectionString"):
        call.store(installation).maintenance()  # whoever joins must have the version of the database's last server
    if call.has("grant"):
        call.log(f"Granted db_owner to {call.get('grant')}")
        call.process.host.ledger.record("octopus", call.process.host.name, what="grant", account=call.get("grant"))
    return 0


def _set_key(call: Call, installation: Installation) -> None:
    key = call.get("masterKey")
    try:
        crypto.key_bytes(key)
    except crypto.CryptoError as error:
        raise Failure(str(error)) from error
    store = call.open(installation)
    check_key(store.documents("Certificate"), key)
    installation.seal_master_key(key)


def check_key(certificates: list[dict[str, Any]], key: str) -> None:
    """Whether the key opens the server's certificate; that the product looks at this one is *assumed*.

    Raises:
        Failure: It is the key of another database.
    """
    for row in certificates:
        if row.get("CertificateData"):
            try:
                crypto.decrypt(key, row["CertificateData"])
            except crypto.CryptoError as error:
                raise Failure(f"The master key does not match this database: {error}") from error


def _create(call: Call, installation: Installation) -> None:
    """An empty database where there is none; an existing one is joined."""
    host, target = call.process.host, installation.target
    server: Any = connection_string.find(host.network, target.server)
    if not any(name.lower() == target.database.lower() for name in server.databases):
        login = connection_string.login_of(host.network, target, host.name, call.process.logon)
        found = server.find_login(login)
        if found is None or not found.may("CREATE ANY DATABASE"):
            raise SqlError(262, "CREATE DATABASE permission denied in database 'master'.", 14)
        server.create_database(target.database, users={login: ["db_owner"]})
        call.log(f"Created database {target.database}")

    def work(connection: Connection) -> None:
        if scripts.journal(connection):
            return
        call.process.sleep(SECONDS_TO_CREATE)
        host, now = call.process.host, call.process.host.clock.now()
        # What was configured before there was a database, until 4.0.
        settings = {name: installation.settings.pop(key) == "True" for name, key in BEFORE_4.items() if key in installation.settings}
        with connection.transaction():
            create_schema(connection, call.version, now, host.network.only_documented)
            fill(connection, call.version, now, installation.master_key, settings)

    call.open(installation).pool.run(work)


def _upgrade(call: Call, installation: Installation) -> None:
    process, host = call.process, call.process.host
    target = installation.target
    server = connection_string.find(host.network, target.server)
    busy = live.upgrading(server, target.database)
    if busy:
        # Two upgrades at once lock each other out: #3147, #3626. The second one is the victim here.
        process.sleep(5)
        raise Failure("Upgrade failed: Transaction (Process ID 61) was deadlocked on lock resources with another process (1205).")
    connection = installation.connect()
    others = [name for name in live.running(server, target.database) if name.lower() != installation.node_name.lower()]
    own = installation.node_name in live.running(server, target.database)
    upgrade = Upgrade(
        connection,
        call.version,
        installation.node_name,
        host.name,
        Files(host.fs, process.logon, installation.home),
        host.ledger,
        host.faults,
        host.clock.now,
        call.log,
        process.sleep,
        [*others, *([installation.node_name] if own else [])],
        skip_license_check=call.has("skipLicenseCheck"),
        only_documented=host.network.only_documented,
        ground=installation.ground(),
    )
    with live.upgrade(server, target.database, installation.node_name):
        try:
            upgrade.run()
        except (UpgradeRefused, UpgradeFailed) as error:
            raise Failure(str(error)) from error
        finally:
            connection.close()


COMMANDS = (
    Command(
        "database",
        "Create, upgrade or delete the database",
        database,
        switches(
            "connectionString= masterKey= create upgrade@3.13.9 skipLicenseCheck@2018.8.9 skipDatabaseCompatibilityCheck@3.17 grant= delete"
        ),
        elevated=True,
        since="3.0",
    ),
)
