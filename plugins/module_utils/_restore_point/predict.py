# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check mode: what a restore point would contain, and how much room it needs. Runs no job, since a job writes on the host."""

from __future__ import annotations

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.places import SIGNATURE
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost

from . import manifest as form
from .manifest import FOLDERS, MANIFEST
from .new_manifest import complete
from .node_config import NodeConfig
from .request import CreateRequest, Secret


def predict(request: CreateRequest, host: WindowsHost, secrets: dict[str, Secret], configs: dict[str, NodeConfig]) -> dict[str, Any]:
    """What would be created. A share is reached by jobs only, so what depends on its content is unknown.

    Returns:
        The module's result.

    Raises:
        OctopusError: A secret is not the one of the manifest.
        HostError: The host cannot be asked.
    """
    shared = disks.is_unc(request.place.root)
    size = (None if disks.is_unc(request.package.path) else files.size(host, request.package.path)) or request.package.size
    manifest = complete(request, secrets, configs, size, "")
    return {
        "changed": shared or not files.exists(host, request.place.file(SIGNATURE)),
        "restore_point": request.place.restore_point,
        "path": request.place.path,
        "manifest": manifest,
        "room": _room(manifest, size, None if shared else disks.free_bytes(host, request.place.root)),
        "contains": _contains(request, manifest, configs),
    }


def _room(manifest: dict[str, Any], package: int | None, free: int | None) -> dict[str, Any]:
    sizes = [folder.get("bytes") for folder in (manifest.get("folders") or {}).values() if isinstance(folder, dict)]
    known_sizes = [one for one in sizes if one is not None]
    backup = (manifest.get("database") or {}).get("backup") or {}
    needs = {
        "folders_bytes": sum(known_sizes) if len(known_sizes) == len(sizes) else None,
        "database_bytes": next((backup[name] for name in ("compressed_size", "size", "estimated_bytes") if backup.get(name)), None),
        "package_bytes": package,
    }
    known = [value for value in needs.values() if value is not None]
    needed = sum(known) if len(known) == len(needs) else None
    return {**needs, "needed_bytes": needed, "free_bytes": free, "enough": None if free is None or needed is None else free >= needed}


def _contains(request: CreateRequest, manifest: dict[str, Any], configs: dict[str, NodeConfig]) -> list[str]:
    backup = (manifest.get("database") or {}).get("backup") or {}
    return sorted(
        [
            *([MANIFEST, SIGNATURE] if request.finish else []),
            request.package.file,
            *(form.file_name(path) for path in backup.get("paths") or []),
            *(f"{FOLDERS}\\{name}" for name, folder in (manifest.get("folders") or {}).items() if folder.get("exists", True)),
            *([] if request.vault_key is None else [*request.files, *(form.config_file(name) for name in configs)]),
        ]
    )
