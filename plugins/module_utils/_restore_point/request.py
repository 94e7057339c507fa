# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The content of a restore point as the caller gives it: options of ``octopus_restore_point`` and ``octopus_restore_point_stage``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import RunAs

from . import manifest as form
from .manifest import LICENSE, MASTER_KEY
from .share import Place, place_of

# The options that both modules share; documented in the fragment octopus.upgrade.restore_point.content.
CONTENT_SPEC: dict[str, Any] = {
    "nodes": {"type": "list", "elements": "str"},
    "manifest": {"type": "dict"},
    "package": {
        "type": "dict",
        "options": {
            "path": {"type": "str", "required": True},
            "version": {"type": "str", "required": True},
            "sha256": {"type": "str"},
            "size": {"type": "int"},
        },
    },
    "files": {"type": "dict"},
    "instance_name": {"type": "str"},
    "timeout": {"type": "float", "default": 14400},
}

# The key in the manifest of each file that the caller gives.
SECRETS = {MASTER_KEY: "master_key", LICENSE: "license"}


@dataclass(frozen=True)
class Package:
    """The installed version's package, staged on the first node."""

    path: str
    sha256: str
    version: str
    size: int | None = None

    @property
    def file(self) -> str:
        return form.package_file(form.file_name(self.path))


@dataclass(frozen=True)
class CreateRequest:
    """What a restore point is to hold.

    Attributes:
        files: Encrypted secrets on the control node, by their names in the restore point.
        vault_key: Decrypts and encrypts; None where secrets stay on the control node as plain text.
        finish: Whether it is completed and signed, not only staged.
        journal: The run's journal on the first node, and where it is copied before the signature is written; None for no copy.
    """

    place: Place
    manifest: dict[str, Any]
    package: Package
    files: dict[str, str]
    vault_key: VaultKey | None
    finish: bool = True
    instance_name: str | None = None
    run_as: RunAs = field(default_factory=RunAs)
    work_root: str = r"C:\ProgramData\octopus.upgrade"
    timeout: float = 3600
    check_mode: bool = False
    tell: Progress = field(default_factory=Progress)
    journal: tuple[str, str] | None = None

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool, *, finish: bool) -> CreateRequest:
        """Read a module's parameters.

        Raises:
            OctopusError: An option is missing, or they contradict each other.
        """
        root, restore_point = place_of(params["path"], params["root"], params["restore_point"])
        if restore_point is None:
            raise OctopusError(
                "Expected the restore point to create, but found neither path nor root with restore_point. Give one of the two."
            )
        manifest = dict(params["manifest"] or {})
        if manifest.get("id") not in (None, restore_point):
            raise OctopusError(f"Expected the manifest of {restore_point!r}, but found that of {manifest['id']!r}.")
        given = params["package"]
        if not given:
            raise OctopusError("Expected the package of the installed version in package, but found none.")
        package = Package(given["path"].replace("/", "\\"), (given["sha256"] or "").lower(), given["version"], given["size"])
        if not form.is_sha256(package.sha256) and not (check_mode and not package.sha256):
            raise OctopusError(f"Expected a SHA-256 (64 hex digits) as package.sha256, but found {given['sha256']!r}.")
        unknown = sorted(set(params["files"] or {}) - set(SECRETS))
        if unknown or MASTER_KEY not in (params["files"] or {}):
            raise OctopusError(
                f"Expected {MASTER_KEY}, and {LICENSE} if there is one, in files, but found {', '.join(sorted(params['files'] or {})) or 'none'}."
            )
        return cls(
            Place(root, restore_point),
            manifest,
            package,
            {name: str(Path(path).expanduser().absolute()) for name, path in params["files"].items()},
            VaultKey.from_params(params),
            finish,
            params["instance_name"],
            RunAs(params["job_user"], params["job_password"]),
            params["work_root"],
            params["timeout"],
            check_mode,
            Progress(),
            _journal(params),
        )


def _journal(params: dict[str, Any]) -> tuple[str, str] | None:
    """Where the journal is, and where it is copied."""
    if not params.get("journal_copy"):
        return None
    return params["journal"]["path"].replace("/", "\\"), params["journal_copy"].replace("/", "\\")


@dataclass(frozen=True)
class Secret:
    """A secret that the caller gives: the content of its file, and the secret itself."""

    path: str
    content: bytes = field(repr=False)
    plain: bytes = field(repr=False)
