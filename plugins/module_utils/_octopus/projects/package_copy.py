# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copy packages from the built-in feed of one server to that of another, one at a time, and never over one that is there.

Requests as in the script SyncPackages of https://github.com/OctopusDeploy/OctopusDeploy-Api.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.links import plain
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .used_packages import Package

_PUSH = "BuiltInFeedPush"
_CONFLICT = 409
NAMED = 50  # packages that a message names
_NAME = re.compile(r"[\w.+-]+", re.ASCII)


@dataclass(frozen=True)
class Feed:
    """The built-in feed of a space. ``start`` is the path below which the collections of the space are."""

    api: OctopusApi
    start: str

    def path(self, package: Package) -> str:
        """Where a package is, whether or not it exists."""
        return f"{self.start}/packages/packages-{quote(package.id, safe='')}.{quote(package.version, safe='')}"

    def find(self, package: Package) -> dict[str, Any] | None:
        """Return what the feed says of a package; None where it has none."""
        found: dict[str, Any] | None = self.api.find(self.path(package))
        return found

    def raw(self, row: dict[str, Any], package: Package) -> str:
        """Where the file of a package is."""
        link = (row.get("Links") or {}).get("Raw")
        return plain(link) if link else f"{self.path(package)}/raw"


def outlook(source: Feed, packages: Iterable[Package]) -> dict[str, Any]:
    """Return how many packages there are to copy, their bytes, and which the source does not have. Nothing is changed.

    Raises:
        OctopusError: They may not be read.
    """
    missing: list[str] = []
    found: list[dict[str, Any]] = []
    for package in sorted(packages):
        row = source.find(package)
        if row is None:
            missing.append(str(package))
            continue
        if not found:
            source.api.size(source.raw(row, package))  # whether the key may download at all
        found.append(row)
    return {"packages": len(found), "bytes": sum(int(row.get("PackageSizeBytes") or 0) for row in found), "missing": missing[:NAMED]}


def copy(source: Feed, target: Feed, packages: Iterable[Package], tell: Callable[[str, float], object]) -> dict[str, Any]:
    """Copy what the target does not have; return what was done.

    Args:
        source: What has them.
        target: What gets them.
        packages: What to copy.
        tell: Is told how far it is.

    Raises:
        OctopusError: One cannot be downloaded or pushed, or does not arrive as it was sent. Those before have arrived.
    """
    wanted = sorted(packages)
    copied = existing = size = 0
    missing, different = [], []
    for at, package in enumerate(wanted):
        tell(f"copying packages, {at} of {len(wanted)}", at / len(wanted) * 100)
        row = source.find(package)
        if row is None:
            missing.append(str(package))
            continue
        has = target.find(package)
        if has is None:
            sent = _send(source, target, package, row)
            copied, size = copied + 1, size + sent
            continue
        existing += 1
        if _unlike(has, row.get("Hash"), row.get("PackageSizeBytes")):
            different.append(str(package))
    return {
        "packages": copied + existing,
        "copied": copied,
        "existing": existing,
        "bytes": size,
        "missing": missing[:NAMED],
        "different": different[:NAMED],
    }


def _send(source: Feed, target: Feed, package: Package, row: dict[str, Any]) -> int:
    """Copy one package; return its bytes."""
    name = f"{package.id}.{package.version}{row.get('FileExtension') or '.nupkg'}"
    if not _NAME.fullmatch(name):
        raise OctopusError(f"{source.api.url}: expected a file name of letters, digits, dots, '-', '+' and '_' for the package {package}.")
    # On disk, since packages have gigabytes.
    with tempfile.TemporaryFile() as file:
        sha1, sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
        for chunk in source.api.chunks(source.raw(row, package)):
            file.write(chunk)
            sha1.update(chunk)
            sha256.update(chunk)
        size = file.tell()
        wrong = _differs(row.get("Hash"), sha1.hexdigest(), sha256.hexdigest()) or _bytes(row, size)
        if wrong:
            raise OctopusError(
                f"{source.api.url}: expected the file of the package {package} to be as the feed says, but {wrong}. It was not copied. "
                "Push it there anew, or leave its releases out."
            )
        try:
            target.api.upload(f"{target.start}/packages/raw?replace=false", name, file, needs=_PUSH, field="fileData")
        except OctopusError as error:
            if error.status != _CONFLICT:
                raise
            # Somebody else has pushed it meanwhile; what is there is compared all the same.
    arrived = target.find(package)
    if arrived is None:
        raise OctopusError(f"{target.api.url}: the package {package} was pushed, but the built-in feed does not have it.")
    wrong = _differs(arrived.get("Hash"), sha1.hexdigest(), sha256.hexdigest()) or _bytes(arrived, size)
    if wrong:
        raise OctopusError(
            f"{target.api.url}: expected the package {package} to arrive as it was sent, but {wrong}. Remove it there, and run this again."
        )
    return size


def _differs(told: Any, sha1: str, sha256: str) -> str:
    """How a hash that a feed tells differs from that of the bytes; empty where it does not, or is of another kind."""
    own = {len(sha1): sha1, len(sha256): sha256}.get(len(str(told or "")))
    return f"its hash is {own} and not {told}" if own and own != str(told).lower() else ""


def _bytes(row: dict[str, Any], size: int) -> str:
    told = row.get("PackageSizeBytes")
    return f"it has {size} bytes and not {told}" if told is not None and int(told) != size else ""


def _unlike(row: dict[str, Any], digest: Any, size: Any) -> bool:
    """Whether what two feeds tell of a package differs."""
    pairs = ((row.get("Hash"), digest), (row.get("PackageSizeBytes"), size))
    return any(one is not None and other is not None and str(one).lower() != str(other).lower() for one, other in pairs)
