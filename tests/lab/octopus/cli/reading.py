# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands that only read: version, list-instances, show-configuration, show-master-key, show-thumbprint.

octopus.com/docs/octopus-rest-api/octopus.server.exe-command-line, one page a command.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import Any

from .. import folders, register, versions
from ..installation import CONNECTION, FORCE_SSL, HOME, MASTER_KEY, PORT, Installation, node_name_key
from ..store import Store
from .parser import Call, Command, Failure, switches
from .service_command import watchdog_settings


def _format(call: Call, *known: str) -> str:
    chosen = call.get("format", known[0]).lower()
    if chosen not in [one.lower() for one in known]:
        raise Failure(f"The format '{call.get('format')}' is not supported. Supported formats are: {', '.join(known)}.")
    return chosen


def version(call: Call) -> int:
    text = call.version
    call.process.print(json.dumps({"Version": text}) if _format(call, "text", "json") == "json" else text)
    return 0


def list_instances(call: Call) -> int:
    """JSON: ``InstanceName`` (the docs' own script reads it) and ``ConfigurationFilePath`` (as Tentacle's)."""
    try:
        entries, said = register.entries(call.process.host, call.version)
    except register.RegisterError as error:
        raise Failure(str(error)) from error
    for line in said:
        call.process.print(line)
    if _format(call, "text", "json") == "json":
        call.process.print(json.dumps([{"InstanceName": one.name, "ConfigurationFilePath": one.config_path} for one in entries], indent=2))
        return 0
    for one in entries:
        call.process.print(f"Instance '{one.name}' uses configuration '{one.config_path}'.")
    return 0


def settings(call: Call, installation: Installation, store: Store) -> dict[str, Any]:
    """Every setting under its dotted key. One that has its default value may be missing, as in the product.

    Keys and types are those of a real output of 2019 in https://github.com/OctopusDeploy/OctopusDSC: numbers, booleans and nulls are no
    texts, and the licence is among them. The watchdog's are in OctopusTentacle's WatchdogConfiguration.cs, and since 3.17 (OctopusDSC).
    """
    host, own = call.process.host, installation.settings
    out: dict[str, Any] = {key: value for key, value in own.items() if key != MASTER_KEY}
    out[CONNECTION], out[HOME] = own.get(CONNECTION, ""), installation.home
    out[node_name_key(call.version)] = installation.node_name
    if str(out.get(PORT) or "").isdecimal():
        out[PORT] = int(out[PORT])
    if FORCE_SSL in out:
        out["Octopus.WebPortal.ForceSSL"] = out.pop(FORCE_SSL).lower() == "true"
    out["Octopus.Server.TaskCap"] = 5
    if versions.has(call.version, "license_shown"):
        out["Octopus.Server.License"] = store.licence()["LicenseText"]
    if versions.at_least(call.version, "3.17"):
        out |= watchdog_settings(host)
    for name, value in store.folders().items():
        if value and _names_folder(call, name):
            out[folders.FOLDERS[name][0]] = value
    upgrades = store.configuration("upgrades") or {}
    out["Octopus.Upgrades.AllowChecking"] = bool(upgrades.get("AllowChecking", True))
    out["Octopus.Upgrades.IncludeStatistics"] = bool(upgrades.get("IncludeStatistics", True))
    return dict(sorted(out.items()))


def _names_folder(call: Call, name: str) -> bool:
    if not versions.has(call.version, "folders_named"):
        return False
    # The keys of imports, event exports and telemetry are in no public source.
    return name in folders.DOCUMENTED or not call.process.host.network.only_documented


def _hierarchy(flat: dict[str, Any]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for key, value in flat.items():
        place = root
        *parents, last = key.split(".")
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return root


def show_configuration(call: Call) -> int:
    """Default XML; since 3.5.0. It reads the database, so it fails where the schema is not this version's (*assumed*)."""
    chosen = _format(call, "XML", "json", "json-hierarchical")
    installation = call.installation()
    flat = settings(call, installation, call.store(installation))
    if chosen == "xml":
        root = ET.Element("octopus-settings")
        for key, value in flat.items():
            ET.SubElement(root, "set", {"key": key}).text = "" if value is None else str(value)
        ET.indent(root)
        text = ET.tostring(root, encoding="unicode")
    else:
        text = json.dumps(flat if chosen == "json" else _hierarchy(flat), indent=2)
    if call.has("file"):
        call.process.host.fs.write(call.process.full(call.get("file")), text.encode(), call.process.logon)
        call.log(f"Configuration written to {call.get('file')}")
    else:
        call.process.print(text)
    return 0


def show_master_key(call: Call) -> int:
    key = call.installation().master_key
    call.process.print(json.dumps({"MasterKey": key}) if _format(call, "text", "json") == "json" else key)
    return 0


def show_thumbprint(call: Call) -> int:
    """Of the certificate that Tentacles trust; it lies in the database."""
    chosen = _format(call, "text", "json")
    found = (call.store(call.installation()).configuration("certificate") or {}).get("Thumbprint")
    if not found:
        raise Failure("The server has no certificate.")
    if call.has("export-file"):
        call.process.host.fs.write(call.process.full(call.get("export-file")), found.encode(), call.process.logon)
        return 0
    call.process.print(json.dumps({"Thumbprint": found}) if chosen == "json" else found)
    return 0


COMMANDS = (
    Command("version", "Show the Octopus Server version information", version, switches("format=")),
    Command("list-instances", "Lists all installed Octopus instances", list_instances, switches("format=")),
    Command(
        "show-configuration",
        "Outputs the server configuration",
        show_configuration,
        switches("file= format="),
        elevated=True,
        since="3.5",
    ),
    Command("show-master-key", "Displays the Master Key for this installation", show_master_key, switches("format="), elevated=True),
    Command(
        "show-thumbprint", "Shows the squid and thumbprint of the server", show_thumbprint, switches("export-file= format="), elevated=True
    ),
)
