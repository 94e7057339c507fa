# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folders that a server keeps its files in, as the server itself reports them."""

from __future__ import annotations

from typing import Any

from .api import OctopusApi

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


def server_folders(api: OctopusApi) -> dict[str, str] | None:
    """Return the folders that this version has and that are set; None where it does not report them at all."""
    values = api.find(_VALUES)
    return None if values is None else _known(values, _NAMES)


def configured_folders(configuration: dict[str, str]) -> dict[str, str]:
    """Return the folders that the output of ``show-configuration`` names."""
    return _known(configuration, CONFIGURATION_KEYS)


def _known(values: dict[str, Any], names: dict[str, str]) -> dict[str, str]:
    by_lower = {key.lower(): value for key, value in values.items()}
    return {ours: by_lower[theirs.lower()] for theirs, ours in names.items() if by_lower.get(theirs.lower())}
