# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The outcome of setting up or removing an instance on each node."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError


@dataclass(frozen=True)
class Change:
    """One thing that was or would be changed. Contains no secret."""

    what: str
    before: str | None
    after: str | None


@dataclass
class InstanceResult:
    """The state of a node as it is or would be. None where something does not exist or was not queried."""

    instance_name: str
    registered: bool = False
    config_path: str | None = None
    home: str | None = None
    server_node_name: str | None = None
    program_version: str | None = None
    database: dict[str, Any] | None = None
    connection_string: str | None = None
    master_key_fingerprint: str | None = None
    listen_prefixes: list[str] | None = None
    folders: dict[str, str | None] = field(default_factory=dict)
    skipped_folders: list[str] = field(default_factory=list)
    unverified_folders: list[str] = field(default_factory=list)
    service: dict[str, Any] | None = None
    thumbprint: str | None = None
    silenced: list[str] = field(default_factory=list)
    verified: bool = False
    removed: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list, repr=False)
    seconds: float = 0.0

    def change(self, what: str, before: object, after: object) -> None:
        self.changes.append(Change(what, _shown(before), _shown(after)))

    def as_result(self) -> dict[str, Any]:
        return asdict(self)


class InstancesFailed(OctopusError):
    """Some nodes failed. ``result`` tells what was found and done on all of them."""

    def __init__(self, message: str, results: dict[str, InstanceResult]) -> None:
        super().__init__(message)
        self.result = as_result(results)


def as_result(results: dict[str, InstanceResult], diff: bool = False) -> dict[str, Any]:
    """Return the module's result."""
    result: dict[str, Any] = {
        "changed": any(node.changes for node in results.values()),
        "nodes": {name: node.as_result() for name, node in results.items()},
    }
    warnings = [
        f"{name}: the folders {', '.join(node.unverified_folders)} of {node.instance_name} were set, but this version's show-configuration does not "
        "show them. Check them in the server's settings, or with octopus_quarantine and state: verified."
        for name, node in results.items()
        if node.unverified_folders
    ]
    if warnings:
        result["warnings"] = warnings
    if diff:
        result["diff"] = {"before": _lines(results, "before"), "after": _lines(results, "after")}
    return result


def _lines(results: dict[str, InstanceResult], when: str) -> str:
    rows = [(name, change.what, getattr(change, when)) for name, node in results.items() for change in node.changes]
    return "".join(f"{name}: {what}: {value}\n" for name, what, value in rows if value is not None)


def _shown(value: object) -> str | None:
    if value is None:
        return None
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
