# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The manifest of a new restore point: the caller's, completed by the module."""

from __future__ import annotations

import getpass
import socket
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.schema import moment_of
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.verification.packing import packed
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import fingerprint
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files

from . import manifest as form
from .manifest import MASTER_KEY, NODES
from .node_config import NodeConfig
from .request import SECRETS, CreateRequest, Secret


def complete(
    request: CreateRequest, secrets: dict[str, Secret], configs: dict[str, NodeConfig], size: int | None, listed: str
) -> dict[str, Any]:
    """The caller's manifest with what the module itself knows, which takes precedence.

    Args:
        request: Has the caller's manifest.
        secrets: Secrets, by file name.
        configs: Each node's configuration.
        size: Size of the package in bytes; None where it is not known.
        listed: Output of ``dir`` for the restore point's folder.

    Raises:
        OctopusError: A secret is not the one that the manifest names.
    """
    manifest = dict(request.manifest)
    here = socket.gethostname()
    manifest |= {
        "format": form.FORMAT,
        "id": request.place.restore_point,
        "signed_at": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "signed_by": manifest.get("signed_by") or f"{_user()}@{here}",
        "package": {"file": request.package.file, "version": request.package.version, "sha256": request.package.sha256, "size": size},
        "nodes": {
            name: {**config.facts, "config": _entry(request, form.config_file(name), local_config(request, name), config.content)}
            for name, config in configs.items()
        },
        "license": None,
    }
    for name, secret in secrets.items():
        key = SECRETS[name]
        there = manifest.get(key)
        given = there if isinstance(there, dict) else {}
        entry = _entry(request, name, secret.path, secret.plain)
        if given.get("fingerprint") not in (None, entry["fingerprint"]):
            raise OctopusError(f"{secret.path} is not the {key} of the manifest: their fingerprints differ.")
        manifest[key] = {**given, **entry}
    database = dict(manifest.get("database") or {})
    backup = dict(database.get("backup") or {})
    names = [form.file_name(str(path)) for path in backup.get("paths") or []]
    backup["files"] = [{"name": name, "bytes": files.size_in(listed, name)} for name in names]
    manifest["database"] = {**database, "backup": backup}
    if manifest.get("baseline"):
        manifest["baseline"] = packed(manifest["baseline"])
    return manifest


def as_of(finished: Any, now: str | None) -> str | None:
    """The time, with its offset, up to which a backup has data.

    A backup holds the data at its end, and msdb records that time without an offset.

    Args:
        finished: The time in msdb.
        now: The server's clock, with its offset.
    """
    clock = moment_of(now)
    try:
        ended = datetime.fromisoformat(str(finished))
    except ValueError:
        return None
    if ended.tzinfo is not None:
        return ended.isoformat()
    return ended.replace(tzinfo=clock.tzinfo).isoformat() if clock is not None else None


def _entry(request: CreateRequest, file: str, path: str, plain: bytes) -> dict[str, Any]:
    """The manifest's entry of a secret: encrypted in the restore point, or as plain text on this control node alone."""
    if request.vault_key is not None:
        return {"file": file, "fingerprint": fingerprint(plain)}
    return {"file": None, "control_node": {"host": socket.gethostname(), "path": path}, "fingerprint": fingerprint(plain)}


def local_config(request: CreateRequest, node: str) -> str:
    """The path of a configuration that stays as plain text: beside the master key, in a folder named after the restore point."""
    return str(Path(request.files[MASTER_KEY]).parent / request.place.restore_point / NODES / f"{node}.config")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"
