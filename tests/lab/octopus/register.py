# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where Octopus Server is on a host: the program, its instances, their services.

Program folder and instance register: octopus.com/docs/administration/managing-infrastructure/managing-multiple-instances and
https://github.com/OctopusDeploy/OctopusDSC. The register was in the registry and moved to files; the files' form is *assumed* from
Tentacle, which shares the code.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..core.filesystem import WinError
from . import versions

if TYPE_CHECKING:
    from ..windows.host import WindowsHost

KEY = "HKLM\\SOFTWARE\\Octopus\\OctopusServer"
FOLDER = "C:\\ProgramData\\Octopus\\OctopusServer\\Instances"
PROGRAM_FOLDER = "C:\\Program Files\\Octopus Deploy\\Octopus"
DEFAULT = "OctopusServer"
EXE = "Octopus.Server.exe"
STRAY_FILES_CURED = "2025.4.10061"  # #9755


class RegisterError(Exception):
    """The register of instances cannot be read."""


@dataclass(frozen=True)
class Entry:
    name: str
    config_path: str


def program_folder(host: WindowsHost) -> str:
    """The value ``InstallLocation``, else the default."""
    found = host.registry.get(KEY, "InstallLocation")
    return str(found[1]).rstrip("\\") if found else PROGRAM_FOLDER


def program(host: WindowsHost) -> str:
    return f"{program_folder(host)}\\{EXE}"


def service_name(instance: str) -> str:
    """``OctopusDeploy`` for the default instance, else ``OctopusDeploy: <instance>``."""
    return "OctopusDeploy" if instance.lower() == DEFAULT.lower() else f"OctopusDeploy: {instance}"


def entries(host: WindowsHost, version: str) -> tuple[list[Entry], list[str]]:
    """The instances, and what a command says while it looks them up: newer versions move the register from registry to files.

    Raises:
        RegisterError: A file there is none of an instance (#9755).
    """
    old = [
        Entry(name, str(found[1]))
        for name in host.registry.subkeys(KEY)
        if (found := host.registry.get(f"{KEY}\\{name}", "ConfigurationFilePath")) is not None
    ]
    if not versions.has(version, "instance_files"):
        return old, []
    files = {entry.name.lower(): entry for entry in _files(host, version)}
    said = []
    for entry in old:
        if entry.name.lower() not in files:
            add(host, entry, version)
            files[entry.name.lower()] = entry
            said.append(f"Migrated instance '{entry.name}' from the registry to {FOLDER}")
    return list(files.values()), said


def _files(host: WindowsHost, version: str) -> list[Entry]:
    if not host.fs.is_dir(FOLDER, host.system):
        return []
    out = []
    for name in host.fs.listdir(FOLDER, host.system):
        try:
            data = json.loads(host.fs.read(f"{FOLDER}\\{name}", host.system))
            out.append(Entry(data["Name"], data["ConfigurationFilePath"]))
        except (ValueError, KeyError, TypeError, WinError) as error:
            if not versions.at_least(version, STRAY_FILES_CURED):
                raise RegisterError(f"The file {FOLDER}\\{name} is not an instance's: {error}") from error
    return out


def _file(name: str) -> str:
    """Its name in the register: blanks become hyphens, all in lower case (OctopusTentacle's instance store, which the server shares)."""
    return f"{FOLDER}\\{name.replace(' ', '-').lower()}.config"


def find(host: WindowsHost, version: str, name: str | None) -> tuple[Entry | None, list[str]]:
    """The instance of that name; without a name the default one, or the only one."""
    known, said = entries(host, version)
    wanted = (name or DEFAULT).lower()
    found = next((entry for entry in known if entry.name.lower() == wanted), None)
    if found is None and name is None and len(known) == 1:
        found = known[0]
    return found, said


def add(host: WindowsHost, entry: Entry, version: str) -> None:
    """Register an instance, as that version does."""
    if not versions.has(version, "instance_files"):
        host.registry.set(f"{KEY}\\{entry.name}", "ConfigurationFilePath", "REG_SZ", entry.config_path)
        return
    if not host.fs.is_dir(FOLDER, host.system):
        host.fs.mkdir(FOLDER, host.system)
    data = json.dumps({"Name": entry.name, "ConfigurationFilePath": entry.config_path}, indent=2)
    host.fs.write(_file(entry.name), data.encode(), host.system)


def remove(host: WindowsHost, name: str) -> None:
    host.registry.delete_key(f"{KEY}\\{name}")
    path = _file(name)
    if host.fs.exists(path, host.system):
        host.fs.remove(path, host.system)
