# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Seeded packages: small zip files in the built-in feed's folder, and their rows."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import TYPE_CHECKING

from .folders import package_path

if TYPE_CHECKING:
    from .seed import Seeding

IDS = ("Lab.WebShop", "Lab.Billing", "Lab.Intranet", "Lab.DataImport", "Lab.Tools", "Lab.Database", "Lab.Scripts", "Lab.Certificates")


def package_bytes(package_id: str, version: str, filling: bytes) -> bytes:
    """A package: a zip with a manifest and some filling."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        # A fixed time: the same seed gives the same bytes.
        archive.writestr(
            zipfile.ZipInfo(f"{package_id}.nuspec"),
            f"<package><metadata><id>{package_id}</id><version>{version}</version></metadata></package>",
        )
        archive.writestr(zipfile.ZipInfo("content.bin"), filling)
    return stream.getvalue()


def packages(seeding: Seeding) -> None:
    """About 200 packages of eight ids at size 1."""
    each = max(2, int(25 * seeding.size))
    for package_id in IDS:
        for build in range(1, each + 1):
            version = f"1.{build // 10}.{build}"
            data = package_bytes(package_id, version, seeding.random.randbytes(seeding.random.randint(200, 2000)))
            major, minor, patch = version.split(".")
            row = seeding.add(
                "NuGetPackage",
                Id=f"packages-{package_id}.{version}",
                PackageId=package_id,
                Version=version,
                Title=package_id,
                VersionMajor=int(major),
                VersionMinor=int(minor),
                VersionBuild=int(patch),
                PackageSizeBytes=len(data),
                Hash=hashlib.sha1(data, usedforsecurity=False).hexdigest(),
                FileExtension=".nupkg",
                FeedId="feeds-builtin",
                Published=seeding.ago(300 - build).isoformat(),
            )
            seeding.files.write(package_path(seeding.roots["PackagesDirectory"], row), data)
