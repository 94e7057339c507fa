# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where Tentacle is on a host: the program, its instances, their services.

Product.wxs: program folder and the value ``InstallLocation``. ApplicationInstanceStore.cs: an instance is a JSON file below ``%ProgramData%``, and
before that a key of the registry, which newer versions read too. ServiceName.cs: the service. That the files came with 6.0 is *assumed*.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..octopus import versions
from ..octopus.cli.parser import Failure

if TYPE_CHECKING:
    from ..windows.host import WindowsHost

KEY = "HKLM\\SOFTWARE\\Octopus\\Tentacle"
FOLDER = "C:\\ProgramData\\Octopus\\Tentacle\\Instances"
PROGRAM_FOLDER = "C:\\Program Files\\Octopus Deploy\\Tentacle"
DEFAULT = "Tentacle"
EXE = "Tentacle.exe"
FILES_SINCE = "6.0"


@dataclass(frozen=True)
class Entry:
    name: str
    config_path: str


def program(host: WindowsHost) -> str:
    found = host.registry.get(KEY, "InstallLocation")
    return (str(found[1]).rstrip("\\") if found else PROGRAM_FOLDER) + f"\\{EXE}"


def service_name(instance: str) -> str:
    return "OctopusDeploy Tentacle" if instance == DEFAULT else f"OctopusDeploy Tentacle: {instance}"


def entries(host: WindowsHost) -> list[Entry]:
    """All instances, by name: those with a file, and those of the registry without one."""
    found = []
    if host.fs.is_dir(FOLDER, host.system):
        for name in host.fs.listdir(FOLDER, host.system):
            data = json.loads(host.fs.read(f"{FOLDER}\\{name}", host.system))
            found.append(Entry(data["Name"], data["ConfigurationFilePath"]))
    names = {entry.name for entry in found}
    for name in host.registry.subkeys(KEY):
        path = host.registry.get(f"{KEY}\\{name}", "ConfigurationFilePath")
        if path is not None and name not in names:
            found.append(Entry(name, str(path[1])))
    return sorted(found, key=lambda entry: entry.name)


def find(host: WindowsHost, name: str) -> Entry:
    """One instance, by its name in any letter case.

    Raises:
        Failure: There is none.
    """
    known = entries(host)
    found = next((entry for entry in known if entry.name.lower() == name.lower()), None)
    if found is None:
        listed = ", ".join(entry.name for entry in known)
        raise Failure(f"Instance {name} of tentacle has not been configured on this machine. Available instances: {listed}.")
    return found


def add(host: WindowsHost, entry: Entry, version: str) -> None:
    """Register an instance, as that version does."""
    if not versions.at_least(version, FILES_SINCE):
        host.registry.set(f"{KEY}\\{entry.name}", "ConfigurationFilePath", "REG_SZ", entry.config_path)
        return
    if not host.fs.is_dir(FOLDER, host.system):
        host.fs.mkdir(FOLDER, host.system)
    data = json.dumps({"Name": entry.name, "ConfigurationFilePath": entry.config_path}, indent=2)
    host.fs.write(f"{FOLDER}\\{entry.name.replace(' ', '-').lower()}.config", data.encode(), host.system)
