# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The manifest of a restore point, and its seal: their form alone, no host, no file.

The manifest is JSON in ASCII with sorted keys and Windows line ends, so that ``certutil -hashfile`` shows the hash that the seal holds.
The seal is ``{"id", "manifest_sha256"}``, sealed with Ansible Vault: who cannot seal cannot make a restore point, nor change one.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.schema import moment_of
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.places import SEAL
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import Sealer, is_sealed

FORMAT = 1
MANIFEST = "restore-point.json"
MASTER_KEY, LICENSE = "master-key.vault", "license.vault"
FOLDERS, PACKAGES, NODES = "folders", "packages", "nodes"
PURPOSES = ("upgrade", "backup")
REMOVING = ".removing"

# What becomes part of a path or of a command: nothing that a shell or a file system gives a meaning to.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")
_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
_FOLDER = re.compile(r"[a-z][a-z0-9_]{0,40}")
_FILE = re.compile(r"(?:(?:packages|nodes)\\)?[A-Za-z0-9][A-Za-z0-9 ._-]{0,150}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_TIME_IN_ID = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z(?:-|$)")
# What writes it to a Windows host takes no longer line (files.write_text).
_LONGEST_LINE = 8000


# -- ids and names


def check_id(restore_point: str) -> str:
    """Return an id that can be the name of a folder and part of a command.

    Raises:
        OctopusError: It cannot.
    """
    if not _ID.fullmatch(restore_point) or restore_point.endswith((".", REMOVING)):
        raise OctopusError(f"restore_point {restore_point!r} is no id of a restore point: letters, digits and . _ - only.")
    return restore_point


def time_in_id(restore_point: str) -> datetime | None:
    """Return the moment that an id such as ``20261125T132400Z-2025.3.14357`` begins with."""
    found = _TIME_IN_ID.match(restore_point)
    try:
        if found is None:
            return None
        year, month, day, hour, minute, second = (int(part) for part in found.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
    except ValueError:
        return None


def config_file(node: str) -> str:
    r"""Return where a node's configuration is kept, below the restore point.

    Raises:
        OctopusError: The node's inventory name cannot be that of a file.
    """
    if not _NODE.fullmatch(node):
        raise OctopusError(f"The node's inventory name {node!r} cannot be part of a file's name: letters, digits and . _ - only.")
    return f"{NODES}\\{node}.config.vault"


def package_file(name: str) -> str:
    """Return where the package is kept, below the restore point."""
    return f"{PACKAGES}\\{name}"


# -- form


def text_of(manifest: dict[str, Any]) -> str:
    """Return the manifest as it is written, with Windows line ends.

    Raises:
        OctopusError: A value cannot be written.
    """
    try:
        lines = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=True, allow_nan=False).split("\n")
    except (TypeError, ValueError) as error:
        raise OctopusError(f"The manifest cannot be written as JSON: {error}") from error
    long = next((line for line in lines if len(line) > _LONGEST_LINE), None)
    if long is not None:
        raise OctopusError(
            f"The manifest has a value of {len(long)} characters ({long.strip()[:60]} ...), and {_LONGEST_LINE} is what can be written."
        )
    return "".join(f"{line}\r\n" for line in lines)


def digest(text: str) -> str:
    """Return the SHA-256 of a manifest's file, whatever line ends it was read with."""
    return hashlib.sha256("\r\n".join(text.replace("\r\n", "\n").split("\n")).encode()).hexdigest()


def parse(text: str) -> dict[str, Any]:
    """Read a manifest.

    Raises:
        OctopusError: It is none; the message says why.
    """
    try:
        found = json.loads(text, object_pairs_hook=_unique)
    except ValueError as error:
        raise OctopusError(f"{MANIFEST} is no manifest: {error}") from error
    if not isinstance(found, dict):
        raise OctopusError(f"{MANIFEST} is no manifest: it holds a {type(found).__name__}, not an object.")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # The last of two equal keys would win, and a reader might see the first.
    names = [name for name, _value in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidValue(f"the key {twice!r} is there twice")
    return dict(pairs)


# -- content


def problems(manifest: dict[str, Any]) -> list[str]:
    """Return what a manifest lacks or says wrongly, by the names of its keys; nothing where it can be relied upon."""
    look = _Look(manifest)
    look(
        "format",
        manifest.get("format") == FORMAT,
        f"is {manifest.get('format')!r}, and {FORMAT} is what this version of the collection reads",
    )
    restore_point = manifest.get("id")
    look("id", isinstance(restore_point, str) and _ID.fullmatch(restore_point) is not None, "is no id")
    for name in ("instance", "run_id", "sealed_by", "coordinator"):
        look(name, _is_text(manifest.get(name)), "is missing")
    look("purpose", manifest.get("purpose") in PURPOSES, f"is none of {', '.join(PURPOSES)}")
    look("sealed_at", moment_of(manifest.get("sealed_at")) is not None, "is no time")
    look("version", _is_version(manifest.get("version")), "is no version")
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
    package = look.dict("package")
    look("package.file", _is_file(package.get("file")), "is no name of a file in the restore point")
    look("package.version", package.get("version") == manifest.get("version"), "is not the version of the restore point")
    look("package.sha256", is_sha256(package.get("sha256")), "is no SHA-256")
    look("package.size", _is_count(package.get("size")), "is no size")
    _kept_problems(look, "master_key", look.dict("master_key"))
    if manifest.get("license") is not None:
        _kept_problems(look, "license", look.dict("license"))
    return look.found


def _node_problems(look: _Look, name: str, node: Any) -> None:
    where = f"nodes.{name}"
    look(where, _NODE.fullmatch(name) is not None, "cannot be part of a file's name")
    if not isinstance(node, dict):
        look(where, False, "is empty")
        return
    look(f"{where}.instance_name", _is_text(node.get("instance_name")), "is missing")
    look(f"{where}.config_path", _is_text(node.get("config_path")), "is missing")
    _kept_problems(look, f"{where}.config", _object(node.get("config")))


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


def _kept_problems(look: _Look, where: str, kept: dict[str, Any]) -> None:
    """A secret: sealed in the restore point, or left on a control node."""
    look(f"{where}.fingerprint", _matches(_FINGERPRINT, kept.get("fingerprint")), "is no fingerprint")
    here = kept.get("control_node")
    on_control_node = isinstance(here, dict) and _is_text(here.get("host")) and _is_text(here.get("path"))
    look(
        f"{where}.file",
        _is_file(kept.get("file")) if kept.get("file") is not None else on_control_node,
        "says neither a file nor a control node",
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
        """Return an object of the manifest; an empty one, and a note, where there is none."""
        value = self._manifest.get(key)
        if isinstance(value, dict):
            return value
        self(key, False, "is missing")
        return {}


def file_name(path: str) -> str:
    """Return the last part of a path of Windows or Linux."""
    return re.split(r"[\\/]", path)[-1]


def _object(value: Any) -> dict[str, Any]:
    """Return a JSON object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_file(value: Any) -> bool:
    return _matches(_FILE, value) and not value.endswith((".", " "))


def is_sha256(value: Any) -> bool:
    """Whether it is a SHA-256 in small hex digits."""
    return _matches(_SHA256, value)


def is_folder(name: str) -> bool:
    """Whether it can be the name of a folder's copy."""
    return _FOLDER.fullmatch(name) is not None


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_version(value: Any) -> bool:
    try:
        Version.parse(value if isinstance(value, str) else "")
    except (OctopusError, ValueError):
        return False
    return True


# -- the seal


def seal_text(restore_point: str, manifest: str, sealer: Sealer | None) -> bytes:
    """Return the seal of a manifest's text; without a sealer it is not sealed, and anybody could have made it."""
    content = json.dumps({"id": restore_point, "manifest_sha256": digest(manifest)}).encode()
    return sealer.seal(content) if sealer else content + b"\n"


@dataclass(frozen=True)
class Found:
    """A folder below the backup root, and the text of what makes it a restore point; None for what is not there."""

    path: str
    manifest: str | None = None
    seal: str | None = None
    marker: str | None = None

    @property
    def id(self) -> str:
        return file_name(self.path)

    @property
    def is_ours(self) -> bool:
        """Whether the folder says of itself that it is this restore point: by the mark of its folders, or by its manifest."""
        if self.marker is not None and self.marker.strip() == self.id:
            return True
        try:
            return self.manifest is not None and parse(self.manifest).get("id") == self.id
        except OctopusError:
            return False


@dataclass(frozen=True)
class Point:
    """A restore point: its manifest, as far as it can be read, and why it is not a sealed one; None where it is."""

    id: str
    path: str
    manifest: dict[str, Any] | None
    why: str | None

    @property
    def is_sealed(self) -> bool:
        return self.why is None

    @property
    def moment(self) -> datetime:
        """When it was sealed; for one that is not, when its run began; the beginning of time where nothing says."""
        sealed_at = moment_of(self.manifest.get("sealed_at")) if self.is_sealed and self.manifest else None
        return sealed_at or time_in_id(self.id) or datetime.min.replace(tzinfo=timezone.utc)

    def as_result(self) -> dict[str, Any]:
        """Return what ``listed`` tells of it."""
        told = self.manifest or {}
        return {
            "id": self.id,
            "path": self.path,
            "sealed": self.is_sealed,
            **{name: told.get(name) for name in ("sealed_at", "version", "purpose", "run_id", "instance", "service_stopped")},
            "as_of": (told.get("database") or {}).get("as_of"),
            "why": self.why,
        }


def judge(found: Found, sealer: Sealer | None) -> Point:
    """Open the seal and compare: only what was sealed with this vault password, and not altered since, is a sealed restore point.

    Args:
        found: What lies there.
        sealer: Opens the seal; None where plain text was asked for by name.
    """
    manifest = why = None
    if found.manifest is None:
        why = f"it has no {MANIFEST}: it was never finished"
    else:
        try:
            manifest = parse(found.manifest)
        except OctopusError as error:
            why = error.message
    return Point(found.id, found.path, manifest, why or _not_sealed(found, manifest or {}, sealer))


def _not_sealed(found: Found, manifest: dict[str, Any], sealer: Sealer | None) -> str | None:
    if found.seal is None:
        return f"it has no {SEAL}: it was never finished"
    if manifest.get("id") != found.id:
        return f"its manifest is that of {manifest.get('id')!r}"
    sealed = is_sealed(found.seal.encode())
    if sealed and sealer is None:
        return f"its {SEAL} is sealed, and plaintext is true: give vault_password_file or vault_id"
    if not sealed and sealer is not None:
        return f"its {SEAL} is not sealed, so anybody could have made it; only plaintext: true takes it"
    try:
        content = parse(sealer.open(found.seal.encode(), f"{found.path}\\{SEAL}").decode() if sealer else found.seal)
    except (OctopusError, UnicodeDecodeError) as error:
        return f"its {SEAL} does not open: {error}"
    if content.get("id") != found.id:
        return f"its {SEAL} is that of {content.get('id')!r}"
    if content.get("manifest_sha256") != digest(found.manifest or ""):
        return f"its {SEAL} is that of another manifest, or {MANIFEST} was edited after it was sealed"
    wrong = problems(manifest)
    return f"its manifest cannot be relied upon: {'; '.join(wrong[:5])}" if wrong else None
