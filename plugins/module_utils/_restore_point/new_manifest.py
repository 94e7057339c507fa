# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The manifest of a restore point, completed with what the module itself knows."""

from __future__ import annotations

import getpass
import socket
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.schema import moment_of
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import fingerprint
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files

from . import manifest as form
from .manifest import MASTER_KEY, NODES
from .node_config import NodeConfig
from .request import SECRETS, SealRequest, Secret


def complete(
    request: SealRequest, secrets: dict[str, Secret], configs: dict[str, NodeConfig], size: int | None, listed: str
) -> dict[str, Any]:
    """Return the caller's manifest with what the module itself knows: that wins.

    Args:
        request: Has the caller's.
        secrets: Those that are kept, by file name.
        configs: Each node's configuration.
        size: The package's in bytes; None where it is not known.
        listed: The restore point's folder, as ``dir`` lists it.

    Raises:
        OctopusError: A secret is another one than the manifest has.
    """
    manifest = dict(request.manifest)
    here = socket.gethostname()
    manifest |= {
        "format": form.FORMAT,
        "id": request.place.restore_point,
        "sealed_at": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "sealed_by": manifest.get("sealed_by") or f"{_user()}@{here}",
        "package": {"file": request.package.file, "version": request.package.version, "sha256": request.package.sha256, "size": size},
        "nodes": {
            name: {**config.facts, "config": _kept(request, form.config_file(name), local_config(request, name), config.content)}
            for name, config in configs.items()
        },
        "license": None,
    }
    for name, secret in secrets.items():
        key = SECRETS[name]
        there = manifest.get(key)
        given = there if isinstance(there, dict) else {}
        kept = _kept(request, name, secret.path, secret.plain)
        if given.get("fingerprint") not in (None, kept["fingerprint"]):
            raise OctopusError(f"{secret.path} is not the {key} that the manifest has: their fingerprints differ.")
        manifest[key] = {**given, **kept}
    database = dict(manifest.get("database") or {})
    backup = dict(database.get("backup") or {})
    names = [form.file_name(str(path)) for path in backup.get("paths") or []]
    backup["files"] = [{"name": name, "bytes": files.size_in(listed, name)} for name in names]
    manifest["database"] = {**database, "backup": backup}
    return manifest


def as_of(finished: Any, now: str | None) -> str | None:
    """Return the moment whose data a backup has, with its offset: a backup holds what was there when it ended, and msdb has that moment
    without an offset. ``now`` is the server's clock with one."""
    clock = moment_of(now)
    try:
        ended = datetime.fromisoformat(str(finished))
    except ValueError:
        return None
    if ended.tzinfo is not None:
        return ended.isoformat()
    return ended.replace(tzinfo=clock.tzinfo).isoformat() if clock is not None else None


def _kept(request: SealRequest, file: str, path: str, plain: bytes) -> dict[str, Any]:
    """Where a secret is: sealed in the restore point, or as plain text on this control node alone."""
    if request.sealer is not None:
        return {"file": file, "fingerprint": fingerprint(plain)}
    return {"file": None, "control_node": {"host": socket.gethostname(), "path": path}, "fingerprint": fingerprint(plain)}


def local_config(request: SealRequest, node: str) -> str:
    """Where a configuration stays as plain text: beside the master key, in a folder of the restore point's name."""
    return str(Path(request.files[MASTER_KEY]).parent / request.place.restore_point / NODES / f"{node}.config")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"
