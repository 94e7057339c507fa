# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands that set an instance up: create-instance, delete-instance, configure, path, license, admin.

octopus.com/docs/octopus-rest-api/octopus.server.exe-command-line, one page a command; version gates as in OctopusDSC.
"""

from __future__ import annotations

import base64
from typing import Any

from .. import bindings, connection_string, crypto, folders, register, versions
from ..documents import upsert
from ..installation import BEFORE_4, CONNECTION, FORCE_SSL, HOME, PORT, PREFIXES, Installation, node_name_key
from ..licence import LicenceError
from ..store import Store
from .parser import Call, Command, Failure, switches


def create_instance(call: Call) -> int:
    host, name = call.process.host, call.get("instance", register.DEFAULT)
    home = call.get("home") or ("C:\\Octopus" if name == register.DEFAULT else f"C:\\Octopus\\{name}")
    path = call.get("config") or f"{home}\\OctopusServer.config"
    known, said = register.entries(host, call.version)
    for line in said:
        call.process.print(line)
    if any(entry.name.lower() == name.lower() for entry in known):
        raise Failure(f"Instance {name} already exists.")
    installation = Installation(host, name, path, call.process.logon)
    if host.fs.exists(path, call.process.logon):
        installation = Installation.load(host, name, path, call.process.logon)
    installation.settings[HOME] = call.get("home") or path.rpartition("\\")[0]
    installation.settings[node_name_key(call.version)] = call.get("serverNodeName") or host.name.upper()
    installation.save()
    register.add(host, register.Entry(name, path), call.version)
    call.log(f"Created instance {name}")
    return 0


def delete_instance(call: Call) -> int:
    """Removes the registration; files and database stay."""
    options = dict(call.options)
    options.pop("config", None)
    entry = Call(call.process, call.version, options).entry()
    register.remove(call.process.host, entry.name)
    call.log(f"Deleted instance {entry.name}")
    return 0


def configure(call: Call) -> int:
    """From 4.0 on there has to be a database, and before, what goes there may be set first: the two orders of OctopusDSC."""
    installation = call.installation()
    early = not versions.at_least(call.version, "4.0")
    if not early:
        dummy = installation.target
    for option, key in (
        ("StorageConnectionString", CONNECTION),
        ("home", HOME),
        ("serverNodeName", node_name_key(call.version)),
        ("commsListenPort", PORT),
        ("webListenPrefixes", PREFIXES),
        ("webForceSSL", FORCE_SSL),
        ("hstsEnabled", "Octopus.WebPortal.HttpStrictTransportSecurityEnabled"),
        ("hstsMaxAge", "Octopus.WebPortal.HttpStrictTransportSecurityMaxAge"),
    ):
        if call.has(option):
            installation.settings[key] = call.get(option)
    if call.has("masterKey"):
        installation.seal_master_key(call.get("masterKey"))
    checks, telemetry = call.flag("upgradeCheck"), call.flag("sendTelemetry")
    telemetry = call.flag("upgradeCheckWithStatistics") if telemetry is None else telemetry
    if early and not _has_database(call, installation):
        given = (("AllowChecking", checks), ("IncludeStatistics", telemetry))
        installation.settings |= {BEFORE_4[name]: str(flag) for name, flag in given if flag is not None}
        checks = telemetry = None
    installation.save()
    if checks is not None or telemetry is not None:
        store = call.store(installation)
        value = store.configuration("upgrades") or {}
        value.update({name: flag for name, flag in (("AllowChecking", checks), ("IncludeStatistics", telemetry)) if flag is not None})
        store.save_configuration("upgrades", value)
        row = store.configuration("telemetry")
        if row is not None and telemetry is not None:
            store.save_configuration("telemetry", {**row, "Enabled": telemetry})
    for option, table, key in _SWITCHED:
        flag = call.flag(option)
        if flag is not None:
            _switch(call.store(installation), table, key, flag)
    call.log("Settings saved; restart the service for them to take effect")
    return 0


# Switch, table, row. The rows of Configuration have no public name (*assumed*).
_SWITCHED = (
    ("experiencesEnabled", "Configuration", "experiences"),
    ("dynamicExtensionsEnabled", "Configuration", "dynamic-extensions"),
    ("jiraIsEnabled", "ExtensionConfiguration", "jira-integration"),
    ("GitHubIsEnabled", "ExtensionConfiguration", "issuetracker-github"),
    ("AzureDevOpsIsEnabled", "ExtensionConfiguration", "issuetracker-azuredevops-v2"),
)


def _switch(store: Store, table: str, row: str, flag: bool) -> None:
    """Set IsEnabled of a row. That of an extension which was deleted comes back, disabled unless asked otherwise (JiraIntegration)."""
    there = store.document(table, row)
    if there is not None:
        store.save(table, {**there, "IsEnabled": flag})
    elif table == "Configuration" or flag:
        store.add(table, {"Id": row, "IsEnabled": flag})


def _has_database(call: Call, installation: Installation) -> bool:
    if not installation.settings.get(CONNECTION):
        return False
    server: Any = connection_string.find(call.process.host.network, installation.target.server)
    return any(name.lower() == installation.target.database.lower() for name in server.databases)


def path(call: Call) -> int:
    """Set once for the whole cluster: the folders are in the database."""
    store = call.store(call.installation())
    changed: dict[str, str | None] = {}
    if call.has("clusterShared"):
        root = call.get("clusterShared").rstrip("\\")
        changed = {name: f"{root}\\{folders.FOLDERS[name][2]}" for name in folders.names(call.version)}
    for name in folders.names(call.version):
        switch = folders.FOLDERS[name][1]
        if call.has(switch):
            changed[name] = call.get(switch)
    if not changed:
        raise Failure("No path was given.")
    store.save_folders(changed)
    for name, value in changed.items():
        call.log(f"{name} set to {value}")
    return 0


def set_master_key(call: Call) -> int:
    """Writes the key to the configuration only; no data is encrypted anew."""
    installation = call.installation()
    try:
        crypto.key_bytes(call.get("masterKey"))
    except crypto.CryptoError as error:
        raise Failure(str(error)) from error
    installation.seal_master_key(call.get("masterKey"))
    installation.save()
    call.log("The master key was saved")
    return 0


def ssl_certificate(call: Call) -> int:
    """Binds a certificate of the machine's store to a port. In the lab every host has one, of the lab's authority, under any thumbprint."""
    port = call.number("port")
    if not port or not call.has("thumbprint"):
        raise Failure("Please specify --port and --thumbprint.")
    bindings.bind(call.process.host, port)
    call.log(f"Bound the certificate {call.get('thumbprint')} to port {port}")
    return 0


def license_command(call: Call) -> int:
    if call.has("licenseBase64"):
        try:
            text = base64.b64decode(call.get("licenseBase64"), validate=True).decode("utf-8-sig")
        except ValueError as error:
            raise Failure("The license is not a valid Base64 text.") from error
    elif call.has("licenseFile"):
        text = call.process.host.fs.read(call.process.full(call.get("licenseFile")), call.process.logon).decode("utf-8-sig")
    else:
        raise Failure("Either --licenseBase64 or --licenseFile must be specified.")
    try:
        call.store(call.installation()).save_licence(text)
    except LicenceError as error:
        raise Failure(str(error)) from error
    call.log("The license was saved")
    return 0


def admin(call: Call) -> int:
    """A user of the group "Octopus Administrators"; with --apiKey and no password a service account.

    With both the account cannot log in (#6629): its password is not kept.
    """
    store, name = call.store(call.installation()), call.get("username")
    if not name:
        raise Failure("Please specify a username with --username.")
    user = next((one for one in store.documents("User") if one["Username"].lower() == name.lower()), None)
    if user is None:
        user = store.add(
            "User",
            {
                "Username": name,
                "DisplayName": name,
                "EmailAddress": call.get("email"),
                "IsActive": True,
                "IsService": call.has("apiKey") and not call.has("password"),
            },
        )
    for team in store.documents("Team"):
        if team["Id"] in ("teams-administrators", "teams-spacemanagers-Spaces-1") and user["Id"] not in team["MemberUserIds"]:
            store.save("Team", {**team, "MemberUserIds": [*team["MemberUserIds"], user["Id"]]})
    if call.has("password") and not call.has("apiKey"):
        store.save("User", {**user, "PasswordHash": crypto.hash_api_key(call.get("password"))})
    if call.has("apiKey"):
        hashed = crypto.hash_api_key(call.get("apiKey"))
        now = call.process.host.clock.now()
        row = {"Id": f"apikeys-{hashed[:20]}", "UserId": user["Id"], "ApiKeyHashed": hashed, "Created": now, "Purpose": "admin command"}
        store.run(lambda connection: upsert(connection, "ApiKey", row))
    call.log(f"The administrator {name} was saved")
    return 0


COMMANDS = (
    Command(
        "create-instance",
        "Registers a new instance of the Octopus service",
        create_instance,
        switches("home=@3.16.4 serverNodeName="),
        True,
    ),
    Command("delete-instance", "Deletes an instance of the Octopus service", delete_instance, (), True),
    Command(
        "configure",
        "Configure this Octopus instance",
        configure,
        switches(
            "home= serverNodeName= upgradeCheck= upgradeCheckWithStatistics=<2022.3 sendTelemetry=@2022.3 upgradeNotification="
            " commsListenPort= grpcListenPort=@2021.3 commsListenWebSocket= webListenPrefixes= webForceSSL= hstsEnabled=@3.13"
            " hstsMaxAge=@3.13 autoLoginEnabled= usernamePasswordIsEnabled=@3.5 webServer=@2020.1"
            # The docs' page has them; the versions of the first two are *assumed*, those of the others are their extensions'.
            " experiencesEnabled=@2023.1 dynamicExtensionsEnabled=@2023.1 jiraIsEnabled=@2019.2 GitHubIsEnabled=@2019.3"
            " AzureDevOpsIsEnabled=@2019.4"
            " StorageConnectionString=<4.0 masterKey=<4.0"
        ),
        True,
    ),
    Command(
        "path",
        "Set the file paths that Octopus will use for storage",
        path,
        switches(
            "nugetRepository= artifacts= taskLogs= clusterShared=@2020.2.15 cacheDirectory=@2020.1 imports=@2021.1 eventExports=@2023.3"
            " telemetry=@2021.1"
        ),
        True,
    ),
    Command(
        "set-master-key",
        "Sets the Master Key for this installation",
        set_master_key,
        switches("masterKey="),
        True,
        since="2022.4.6073",  # with key rotation (https://github.com/OctopusDeploy/Issues/issues/7870)
    ),
    Command(
        "ssl-certificate",
        "Bind an SSL/TLS certificate",
        ssl_certificate,
        switches("ip-address= port= thumbprint= certificate-store="),
        True,
    ),
    Command("license", "Import a license key", license_command, switches("licenseBase64= licenseFile= skipLicenseCheck@2018.8.9"), True),
    Command("admin", "Create admin user", admin, switches("username= email= password= apiKey=@2018.1 wait="), True),
)
