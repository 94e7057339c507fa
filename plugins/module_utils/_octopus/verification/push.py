# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A push as a build server does it, read back and removed.

Addresses: BuiltInPackageRepositoryRepository in OctopusDeploy/OctopusClients (``packages/raw`` with a form, ``DELETE packages/{id}``), and
https://octopus.com/docs/packaging-applications/package-repositories/built-in-repository.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.links import plain
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

# No project has a package of that name, so no trigger and no automatic release waits for it.
PACKAGE = "octopus.upgrade.push-test"
_WORDS = "Pushed by octopus.upgrade to see whether a build server can push. It can be removed.\n"


def package(stamp: str) -> tuple[str, bytes]:
    """Return the version and the content of a package.

    Args:
        stamp: Digits that no other push has.
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("README.txt", f"{_WORDS}{stamp}\n")
    return f"1.0.{stamp}", stream.getvalue()


def try_push(builder: OctopusApi, administrator: OctopusApi, space: str, stamp: str) -> dict[str, Any]:
    """Push a package with one key; read it back and remove it with another.

    What an earlier test that broke off has left is removed too.

    Args:
        builder: The server, with the key of the build server.
        administrator: The server, with a key that may remove packages.
        space: Id of the space; without meaning before 2019.1.
        stamp: As in :func:`package`.

    Raises:
        OctopusError: It cannot be pushed, is another one when it is read back, or cannot be removed.
    """
    start = f"/api/{space}" if administrator.has_spaces else "/api"
    remove_all(administrator, start)
    version, content = package(stamp)
    try:
        builder.upload(f"{start}/packages/raw", f"{PACKAGE}.{version}.zip", content, needs="BuiltInFeedPush")
        rows = [row for row in administrator.items(f"{start}/packages", nuGetPackageId=PACKAGE) if row["Version"] == version]
        if not rows:
            raise OctopusError(f"{administrator.url} took the package {PACKAGE} {version}, and does not list it.")
        sha256, size, _type = administrator.digest(plain(rows[0]["Links"]["Raw"]))
        if sha256 != hashlib.sha256(content).hexdigest():
            raise OctopusError(f"{administrator.url} took {len(content)} bytes as {PACKAGE} {version}, and returns {size} others.")
    finally:
        remove_all(administrator, start)
    return {"id": PACKAGE, "version": version, "bytes": size, "sha256": sha256}


def remove_all(api: OctopusApi, start: str) -> int:
    """Remove the packages of such tests; return how many there were."""
    rows = [
        row
        for row in api.items(f"{start}/packages", nuGetPackageId=PACKAGE)
        if (row.get("PackageId") or row.get("NuGetPackageId")) == PACKAGE
    ]
    for row in rows:
        api.delete(f"{start}/packages/{row['Id']}", needs="BuiltInFeedAdminister")
    return len(rows)
