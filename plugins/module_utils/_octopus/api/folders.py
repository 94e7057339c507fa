# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folders that a server keeps its files in, as the server itself reports them."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version

from .client import OctopusApi

_ABSOLUTE = re.compile(r"[A-Za-z]:[\\/]|[\\/]{2}")
_VALUES = "/api/configuration/server-folders/values"

# Name of the value over REST, and our name. Which of them there are depends on the version; LogsDirectory holds task logs.
_NAMES = {
    "LogsDirectory": "logs",
    "ArtifactsDirectory": "artifacts",
    "PackagesDirectory": "packages",
    "ImportsDirectory": "imports",
    "EventExportsDirectory": "event_exports",
    "TelemetryDirectory": "telemetry",
}

# The same in the output of show-configuration (https://octopus.com/docs/octopus-rest-api/octopus.server.exe-command-line/show-configuration).
CONFIGURATION_KEYS = {
    "Octopus.Folders.LogDirectory": "logs",
    "Octopus.Folders.ArtifactsDirectory": "artifacts",
    "Octopus.Folders.PackagesDirectory": "packages",
    "Octopus.Folders.ImportsDirectory": "imports",
    "Octopus.Folders.EventExportsDirectory": "event_exports",
    "Octopus.Folders.TelemetryDirectory": "telemetry",
}


# Where each is below the instance's home unless it was set
# (https://octopus.com/docs/administration/managing-infrastructure/server-configuration-and-file-storage).
_BELOW_HOME = {
    "logs": "TaskLogs",
    "artifacts": "Artifacts",
    "packages": "Packages",
    "imports": "Imports",
    "event_exports": "EventExports",
    "telemetry": "Telemetry",
}
IN_EVERY_VERSION = ("logs", "artifacts", "packages")
# Before it, neither the API nor show-configuration names any folder, even one that was set
# (https://github.com/OctopusDeploy/Issues/issues/3652, released in December 2017).
NAMED_SINCE = Version.parse("4.1.0")


def server_folders(api: OctopusApi) -> dict[str, str | None]:
    """Return the folders that this version has; None as the value of one that was never set, so that it is below the home.

    Nothing where this version does not report them.
    """
    return _known(api.find(_VALUES) or {}, _NAMES)


def configured_folders(configuration: dict[str, str], version: str | None) -> dict[str, str | None]:
    """Return the folders by the output of ``show-configuration``, which leaves out what was never set.

    Args:
        configuration: The settings.
        version: The program that told them; None where no program did. One that names no folders says nothing of what it leaves out.
    """
    named = version is not None and Version.parse(version) >= NAMED_SINCE
    return {**(dict.fromkeys(IN_EVERY_VERSION) if named else {}), **_known(configuration, CONFIGURATION_KEYS)}


def completed(folders: dict[str, str | None], given: dict[str, str]) -> dict[str, str | None]:
    """Add the folders that the user names to those that the product names.

    Raises:
        OctopusError: The product names another path.
    """
    for name, path in given.items():
        named = folders.get(name)
        if named and _plain(named) != _plain(path):
            raise OctopusError(
                f"Expected the server folder {name} to be {path}, as given, but the server names {named}. Omit it, or correct it."
            )
    return {**folders, **{name: path for name, path in given.items() if not folders.get(name)}}


def resolved(folders: dict[str, str | None], home: str | None) -> dict[str, str | None]:
    """Return absolute paths: what was never set, or set relative, is below the home. None stays where the home is unknown."""

    def one(name: str, value: str | None) -> str | None:
        path = value or _BELOW_HOME[name]
        if _ABSOLUTE.match(path):
            return path
        return home.rstrip("\\") + "\\" + path.lstrip(".\\/") if home else None

    return {name: one(name, value) for name, value in folders.items()}


def _plain(path: str) -> str:
    return path.replace("/", "\\").rstrip("\\").lower()


def _known(values: dict[str, Any], names: dict[str, str]) -> dict[str, str | None]:
    by_lower = {key.lower(): value for key, value in values.items()}
    return {ours: by_lower[theirs.lower()] or None for theirs, ours in names.items() if theirs.lower() in by_lower}
