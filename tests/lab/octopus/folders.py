# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server's folders: where they are, and what lies in them.

They are set for the whole cluster, in the database (octopus.com/docs/octopus-rest-api/octopus.server.exe-command-line/path), so whoever
joins the database, a clone too, inherits them. Their names in the API: ``/api/configuration/server-folders/values``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..core.filesystem import FileSystem, Logon, WinError
from . import versions
from .documents import Document

ROW = "server-folders"  # the row of Configuration; its id is *assumed*
# API name: (key of show-configuration, switch of "path", folder below home, feature that brought it). The keys of the last three
# are *assumed*.
FOLDERS: dict[str, tuple[str, str, str, str | None]] = {
    "LogsDirectory": ("Octopus.Folders.LogDirectory", "taskLogs", "TaskLogs", None),
    "ArtifactsDirectory": ("Octopus.Folders.ArtifactsDirectory", "artifacts", "Artifacts", None),
    "PackagesDirectory": ("Octopus.Folders.PackagesDirectory", "nugetRepository", "Packages", None),
    "ImportsDirectory": ("Octopus.Folders.ImportsDirectory", "imports", "Imports", "imports"),
    "TelemetryDirectory": ("Octopus.Folders.TelemetryDirectory", "telemetry", "Telemetry", "telemetry"),
    "EventExportsDirectory": ("Octopus.Folders.EventExportsDirectory", "eventExports", "EventExports", "event_exports"),
}

DOCUMENTED = ("LogsDirectory", "ArtifactsDirectory", "PackagesDirectory")  # keys in a real output of 2019 (OctopusDSC)


def names(version: str) -> list[str]:
    """Those that a version has."""
    return [name for name, (_key, _switch, _default, feature) in FOLDERS.items() if feature is None or versions.has(version, feature)]


def resolve(values: Document, name: str, home: str) -> str:
    """A folder's full path: as set, or relative to home, or its default below home."""
    value = str(values.get(name) or FOLDERS[name][2]).replace("/", "\\")
    return value if value[1:2] == ":" or value.startswith("\\\\") else f"{home.rstrip(chr(92))}\\{value}"


def package_file(package: Document) -> str:
    """The file's name in its package's folder."""
    return str(package.get("FileName") or f"{package['PackageId']}.{package['Version']}{package.get('FileExtension', '.nupkg')}")


def package_path(root: str, package: Document) -> str:
    """Where a package lies: below ``Spaces-1\\feeds-builtin`` from 2019.1 (Script0180BuiltInFeedMigration)."""
    space = package.get("SpaceId")
    base = f"{root}\\{space}\\feeds-builtin" if space else root
    return f"{base}\\{package['PackageId']}\\{package_file(package)}"


def task_log_path(root: str, task: Document) -> str:
    return f"{root}\\{task.get('LogFile') or task['Id'].lower() + '.txt'}"


def artifact_path(root: str, artifact: Document) -> str:
    """``<artifacts>\\<id>\\<name>``; how the product names them is *assumed*."""
    return f"{root}\\{artifact['Id']}\\{artifact['Filename']}"


def logo_path(root: str, owner: Document) -> str:
    """Logos are kept in the artifacts folder (octopus.com/docs/administration/data/backup-and-restore); the file's name is *assumed*."""
    return f"{root}\\Logos\\{owner['Id']}.png"


class Files:
    """Reading and writing below the server's folders, as one account on one machine."""

    def __init__(self, fs: FileSystem, logon: Logon, home: str) -> None:
        self.fs, self.logon, self.home = fs, logon, home

    def read(self, path: str) -> bytes | None:
        """The file's bytes; None: it is not there.

        Raises:
            WinError: It is there and cannot be read, or its share is unreachable.
        """
        try:
            return self.fs.read(path, self.logon)
        except WinError as error:
            if error.code in (2, 3):
                return None
            raise

    def write(self, path: str, data: bytes) -> None:
        self.make(path.rpartition("\\")[0])
        self.fs.write(path, data, self.logon)

    def remove(self, path: str) -> None:
        if self.fs.exists(path, self.logon):
            self.fs.remove(path, self.logon)

    def append(self, path: str, data: bytes) -> None:
        self.make(path.rpartition("\\")[0])
        self.fs.write(path, data, self.logon, append=True)

    def make(self, folder: str) -> None:
        if not self.fs.exists(folder, self.logon):
            try:
                self.fs.mkdir(folder, self.logon)
            except WinError as error:
                if error.code != 183:  # another node made it meanwhile
                    raise

    def walk(self, folder: str) -> Iterator[tuple[str, Any]]:
        return self.fs.walk(folder, self.logon)
