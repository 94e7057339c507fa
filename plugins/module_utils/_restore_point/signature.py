# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The signature of a restore point, and what counts as a signed one. No I/O.

The signature is ``{"id", "manifest_sha256"}``, encrypted with Ansible Vault: nobody without the vault password can make a restore point, or
change one unnoticed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.schema import moment_of
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.places import SIGNATURE
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.errors import SecretError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey, is_encrypted

from .manifest import MANIFEST, digest, file_name, parse, time_in_id
from .manifest_check import problems

_BEGINNING = datetime.min.replace(tzinfo=timezone.utc)


def signature_text(restore_point: str, manifest: str, vault_key: VaultKey | None) -> bytes:
    """The signature of a manifest's text; without a vault key it is plain text, which anybody could have written."""
    content = json.dumps({"id": restore_point, "manifest_sha256": digest(manifest)}).encode()
    return vault_key.encrypt(content) if vault_key else content + b"\n"


@dataclass(frozen=True)
class Found:
    """A folder in the backup root, with the text of the files that make it a restore point; None for a missing file."""

    path: str
    manifest: str | None = None
    signature: str | None = None
    marker: str | None = None

    @property
    def id(self) -> str:
        return file_name(self.path)

    @property
    def is_ours(self) -> bool:
        """Whether the folder names itself as this restore point, by the marker of its folders or by its manifest."""
        if self.marker is not None and self.marker.strip() == self.id:
            return True
        return (self.parsed or {}).get("id") == self.id

    @property
    def parsed(self) -> dict[str, Any] | None:
        """The manifest, whoever wrote it; None where it cannot be read."""
        try:
            return None if self.manifest is None else parse(self.manifest)
        except OctopusError:
            return None

    @property
    def claimed_moment(self) -> datetime:
        """Its time according to its manifest; equal to :attr:`Point.moment` where the signature is right."""
        try:
            return _moment_in(self.parsed or {}) or _BEGINNING
        except ValueError:  # no such day or hour; such a manifest does not count as signed
            return _BEGINNING


@dataclass(frozen=True)
class Point:
    """A restore point.

    Attributes:
        manifest: Its manifest; None where it cannot be read.
        reason: Why it does not count as signed; None where it does.
    """

    id: str
    path: str
    manifest: dict[str, Any] | None
    reason: str | None

    @property
    def is_signed(self) -> bool:
        return self.reason is None

    @property
    def moment(self) -> datetime:
        """Up to when its database has data; when its run began for an unsigned one; the beginning of time where neither is known."""
        known = _moment_in(self.manifest) if self.is_signed and self.manifest else None
        return known or time_in_id(self.id) or _BEGINNING

    def as_result(self) -> dict[str, Any]:
        """The entry that ``octopus_restore_point_info`` returns."""
        manifest = self.manifest or {}
        return {
            "id": self.id,
            "path": self.path,
            "signed": self.is_signed,
            **{name: manifest.get(name) for name in ("signed_at", "version", "operation", "run_id", "instance", "service_stopped")},
            "as_of": (manifest.get("database") or {}).get("as_of"),
            "bytes": size_of(manifest) if self.is_signed else None,
            "verified_at": _verified_at(manifest) if self.is_signed else None,
            "reason": self.reason,
        }


def size_of(manifest: Mapping[str, Any]) -> int:
    """How many bytes a signed restore point takes: backup, folders and package."""
    files = [one["bytes"] for one in manifest["database"]["backup"]["files"]]
    folders = [folder.get("bytes") or 0 for folder in manifest["folders"].values()]
    return sum([*files, *folders, manifest["package"].get("size") or 0])


def _verified_at(manifest: Mapping[str, Any]) -> str | None:
    """When its backup was verified by SQL Server: it is signed just after that. None where it was not."""
    return manifest.get("signed_at") if manifest["database"]["backup"].get("verified") else None


def _moment_in(manifest: Mapping[str, Any]) -> datetime | None:
    """The time that restore points are ordered by: SQL Server's, which all control nodes share, and where that is missing, when it was signed.

    Raises:
        ValueError: It is no time.
    """
    database = manifest.get("database")
    return moment_of(database.get("as_of") if isinstance(database, Mapping) else None) or moment_of(manifest.get("signed_at"))


def judge(found: Found, vault_key: VaultKey | None) -> Point:
    """Decrypt the signature and compare: only a restore point that was signed with this vault password and not altered since is signed.

    Args:
        found: The folder.
        vault_key: Decrypts the signature; None where plain text was asked for by name.
    """
    manifest = reason = None
    if found.manifest is None:
        reason = f"it has no {MANIFEST}: it was never finished"
    else:
        try:
            manifest = parse(found.manifest)
        except OctopusError as error:
            reason = error.message
    return Point(found.id, found.path, manifest, reason or _not_signed(found, manifest or {}, vault_key))


def newest_signed(found: Sequence[Found], vault_key: VaultKey | None) -> tuple[Point | None, list[Point]]:
    """Look for the newest signed restore point, and decrypt no more signatures than that takes.

    The time of a signed one is what its manifest says. In the order of what the manifests say, the first signed one is therefore the newest.

    Returns:
        The newest signed one, or None; and those that were judged before it, which are not signed.
    """
    unsigned: list[Point] = []
    for one in sorted(found, key=lambda one: (one.claimed_moment, one.id), reverse=True):
        point = judge(one, vault_key)
        if point.is_signed:
            return point, unsigned
        unsigned.append(point)
    return None, unsigned


def _not_signed(found: Found, manifest: dict[str, Any], vault_key: VaultKey | None) -> str | None:
    """Why it does not count as signed."""
    if found.signature is None:
        return f"it has no {SIGNATURE}: it was never finished"
    if manifest.get("id") != found.id:
        return f"its manifest is that of {manifest.get('id')!r}"
    encrypted = is_encrypted(found.signature.encode())
    if encrypted and vault_key is None:
        return f"its {SIGNATURE} is encrypted, but plaintext is true: give vault_password_file or vault_id"
    if not encrypted and vault_key is not None:
        return f"its {SIGNATURE} is not encrypted, so anybody could have written it; only plaintext: true accepts it"
    try:
        text = vault_key.decrypt(found.signature.encode(), f"{found.path}\\{SIGNATURE}").decode() if vault_key else found.signature
        content = parse(text)
    except (OctopusError, SecretError, UnicodeDecodeError) as error:
        return f"its {SIGNATURE} cannot be read: {error}"
    if content.get("id") != found.id:
        return f"its {SIGNATURE} is that of {content.get('id')!r}"
    if content.get("manifest_sha256") != digest(found.manifest or ""):
        return f"its {SIGNATURE} is that of another manifest, or {MANIFEST} was edited after it was signed"
    wrong = problems(manifest)
    return f"its manifest cannot be relied upon: {'; '.join(wrong[:5])}" if wrong else None
