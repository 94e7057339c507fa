# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a manifest has to say so that a restore point can be relied upon. No I/O."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.schema import moment_of
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version

from .manifest import FORMAT, OPERATIONS, file_name, is_folder, is_id, is_node, is_sha256

_FILE = re.compile(r"(?:(?:packages|nodes)\\)?[A-Za-z0-9][A-Za-z0-9 ._-]{0,150}")
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")


def problems(manifest: dict[str, Any]) -> list[str]:
    """What is missing or wrong in a manifest, by the names of its keys; empty for one that can be relied upon."""
    look = _Look(manifest)
    look(
        "format",
        manifest.get("format") == FORMAT,
        f"is {manifest.get('format')!r}, but this version of the collection reads {FORMAT}",
    )
    look("id", is_id(manifest.get("id")), "is not an id")
    for name in ("instance", "run_id", "signed_by", "coordinator"):
        look(name, _is_text(manifest.get(name)), "is missing")
    look("operation", manifest.get("operation") in OPERATIONS, f"is none of {', '.join(OPERATIONS)}")
    look("signed_at", moment_of(manifest.get("signed_at")) is not None, "is not a time")
    look("version", _is_version(manifest.get("version")), "is not a version")
    look("service_stopped", isinstance(manifest.get("service_stopped"), bool), "is neither true nor false")
    look("before", isinstance(manifest.get("before"), dict), "is missing")
    nodes = look.dict("nodes")
    look("nodes", bool(nodes), "names no node")
    for name, node in nodes.items():
        _node_problems(look, name, node)
    _database_problems(look, look.dict("database"))
    for name, folder in look.dict("folders").items():
        where = f"folders.{name}"
        look(where, is_folder(name), "cannot be the name of a folder")
        good = (
            isinstance(folder, dict)
            and isinstance(folder.get("exists"), bool)
            and _is_count(folder.get("files"))
            and _is_count(folder.get("bytes"))
        )
        look(where, good, "lacks exists, files or bytes")
        listed = folder.get("listing_sha256") if isinstance(folder, dict) else None
        look(f"{where}.listing_sha256", listed is None or is_sha256(listed), "is not a SHA-256")
    package = look.dict("package")
    look("package.file", _is_file(package.get("file")), "is not the name of a file in the restore point")
    look("package.version", package.get("version") == manifest.get("version"), "is not the version of the restore point")
    look("package.sha256", is_sha256(package.get("sha256")), "is not a SHA-256")
    look("package.size", _is_count(package.get("size")), "is not a size")
    _secret_problems(look, "master_key", look.dict("master_key"))
    if manifest.get("license") is not None:
        _secret_problems(look, "license", look.dict("license"))
    return look.found


def _node_problems(look: _Look, name: str, node: Any) -> None:
    where = f"nodes.{name}"
    look(where, is_node(name), "cannot be part of a file's name")
    if not isinstance(node, dict):
        look(where, False, "is empty")
        return
    look(f"{where}.instance_name", _is_text(node.get("instance_name")), "is missing")
    look(f"{where}.config_path", _is_text(node.get("config_path")), "is missing")
    _secret_problems(look, f"{where}.config", _object(node.get("config")))


def _database_problems(look: _Look, database: dict[str, Any]) -> None:
    look("database.name", _is_text(database.get("name")), "is missing")
    backup = _object(database.get("backup"))
    paths, files = backup.get("paths"), backup.get("files")
    look("database.backup.paths", isinstance(paths, list) and bool(paths) and all(_is_text(path) for path in paths), "names no file")
    good = (
        isinstance(files, list)
        and bool(files)
        and all(isinstance(one, dict) and _is_file(one.get("name")) and _is_count(one.get("bytes")) for one in files)
    )
    look("database.backup.files", good, "names no file with its size")
    if good and isinstance(files, list) and isinstance(paths, list):
        look("database.backup.files", [one["name"] for one in files] == [file_name(path) for path in paths], "are not those of paths")


def _secret_problems(look: _Look, where: str, secret: dict[str, Any]) -> None:
    """A secret is encrypted in the restore point, or left on a control node."""
    look(f"{where}.fingerprint", _matches(_FINGERPRINT, secret.get("fingerprint")), "is not a fingerprint")
    here = secret.get("control_node")
    on_control_node = isinstance(here, dict) and _is_text(here.get("host")) and _is_text(here.get("path"))
    look(
        f"{where}.file",
        _is_file(secret.get("file")) if secret.get("file") is not None else on_control_node,
        "names neither a file nor a control node",
    )


class _Look:
    """Notes what is wrong."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        self._manifest = manifest
        self.found: list[str] = []

    def __call__(self, key: str, good: bool, what: str) -> None:
        if not good:
            self.found.append(f"{key} {what}")

    def dict(self, key: str) -> dict[str, Any]:
        """An object of the manifest; an empty one, and a note, where there is none."""
        value = self._manifest.get(key)
        if isinstance(value, dict):
            return value
        self(key, False, "is missing")
        return {}


def _object(value: Any) -> dict[str, Any]:
    """A JSON object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_file(value: Any) -> bool:
    return _matches(_FILE, value) and not value.endswith((".", " "))


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_version(value: Any) -> bool:
    try:
        Version.parse(value if isinstance(value, str) else "")
    except (OctopusError, ValueError):
        return False
    return True
