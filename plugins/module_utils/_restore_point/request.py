# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore point is sealed with: the options of ``octopus_restore_point``, and the secrets that the caller gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import Sealer
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import RunAs

from . import manifest as form
from .manifest import LICENSE, MASTER_KEY
from .share import Place, place_of

# What the manifest has of each file that the caller gives.
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
class SealRequest:
    """The options of ``octopus_restore_point`` that say what a restore point holds. ``finish``: seal it, not only prepare it."""

    place: Place
    manifest: dict[str, Any]
    package: Package
    files: dict[str, str]
    sealer: Sealer | None
    finish: bool = True
    instance_name: str | None = None
    run_as: RunAs = field(default_factory=RunAs)
    work_root: str = r"C:\ProgramData\octopus.upgrade"
    timeout: float = 3600
    check_mode: bool = False
    tell: Progress = field(default_factory=Progress)

    @classmethod
    def from_params(cls, params: dict[str, Any], sealer: Sealer | None, check_mode: bool) -> SealRequest:
        """Read a module's parameters.

        Raises:
            OctopusError: They lack something, or contradict each other.
        """
        root, restore_point = place_of(params["path"], params["root"], params["restore_point"])
        if restore_point is None:
            raise OctopusError("Nothing says which restore point to make: give path, or root and restore_point.")
        manifest = dict(params["manifest"] or {})
        if manifest.get("id") not in (None, restore_point):
            raise OctopusError(f"manifest is that of {manifest['id']!r}, and the restore point is {restore_point!r}.")
        given = params["package"]
        package = Package(given["path"].replace("/", "\\"), (given["sha256"] or "").lower(), given["version"], given["size"])
        if not form.is_sha256(package.sha256) and not (check_mode and not package.sha256):
            raise OctopusError(f"package.sha256 {given['sha256']!r} is no SHA-256: 64 hex digits.")
        unknown = sorted(set(params["files"] or {}) - set(SECRETS))
        if unknown or MASTER_KEY not in (params["files"] or {}):
            raise OctopusError(
                f"files takes {MASTER_KEY}, which it has to have, and {LICENSE}: each a file on the control node"
                f"{', not ' + ', '.join(unknown) if unknown else ''}."
            )
        return cls(
            Place(root, restore_point),
            manifest,
            package,
            {name: str(Path(path).expanduser().absolute()) for name, path in params["files"].items()},
            sealer,
            params["state"] == "sealed",
            params["instance_name"],
            RunAs(params["job_user"], params["job_password"]),
            params["work_root"],
            params["timeout"],
            check_mode,
            Progress(),
        )


@dataclass(frozen=True)
class Secret:
    """A secret that the caller gives: its file's content, and what is in it."""

    path: str
    content: bytes = field(repr=False)
    plain: bytes = field(repr=False)
