# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes into a restore point and what is there already: secrets, the nodes' configurations, a look into its folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.places import MARKER, SEAL
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import LocalFile
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import Sealer, is_sealed
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.parallel import on_each
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_word

from . import manifest as form
from .manifest import FOLDERS, MANIFEST, PACKAGES, Found
from .node_config import NodeConfig, capture
from .request import SECRETS, SealRequest, Secret
from .share import Share, certutil, listing, reach, show

# One id for the three jobs of a run, so that the first one finds whatever a killed run has left.
JOB = "seal"


def given_secret(path: str, sealer: Sealer | None) -> Secret:
    """Read a file of the control node, and open it: what does not open now will not open in a year.

    Raises:
        OctopusError: It is not there, does not open, or is sealed where it must not be, or not where it must.
    """
    content = LocalFile(path).read()
    if content is None:
        raise OctopusError(f"{path} is not there on the control node.")
    if sealer is None:
        if is_sealed(content):
            raise OctopusError(f"{path} is sealed, and plaintext is true. Give vault_password_file or vault_id instead.")
        return Secret(path, content, content)
    if not is_sealed(content):
        raise OctopusError(
            f"{path} is not sealed, so it is not put into a restore point. With plaintext: true it stays on the control node only."
        )
    return Secret(path, content, sealer.open(content, path))


def prepared_secret(request: SealRequest, there: There, name: str) -> Secret:
    """A secret that is in the restore point already, where another control node has put it.

    Raises:
        OctopusError: It is not there either, or does not open.
    """
    path, content = request.files[name], there.files.get(name)
    if content is None or request.sealer is None:
        raise OctopusError(f"{path} is not there on the control node, and {name} is not in the restore point {request.place.path} either.")
    sealed = content.encode()
    return Secret(path, sealed, request.sealer.open(sealed, f"{name} in the restore point {request.place.path}"))


def capture_all(request: SealRequest, connections: Sequence[ConnectionOptions]) -> dict[str, NodeConfig]:
    """Read each node's configuration.

    Raises:
        OctopusError: The manifest has a node that is not asked, or one of them does not answer; the message names each.
    """
    known = request.manifest.get("nodes") or {}
    missing = sorted(set(known) - {connection.name for connection in connections})
    if missing:
        raise OctopusError(f"The manifest has the node {', '.join(missing)}, and nodes does not: each node's configuration is kept.")
    for connection in connections:
        form.config_file(connection.name)
    found = on_each(connections, lambda host: capture(host, known.get(host.name) or {}, request.instance_name))
    failures = [outcome for outcome in found.values() if isinstance(outcome, Exception)]
    if failures:
        unknown = next((one for one in failures if not isinstance(one, (OctopusError, HostError))), None)
        raise unknown or OctopusError(" ".join(str(one) for one in failures))
    return {name: outcome for name, outcome in found.items() if isinstance(outcome, NodeConfig)}


@dataclass(frozen=True)
class There:
    """What a look into the restore point's folder found."""

    found: Found
    exists: bool
    listing: str
    packages: str
    package_sha256: str | None
    files: dict[str, str]
    folders: dict[str, bool]


def look(request: SealRequest, share: Share, nodes: list[str]) -> There:
    """Look into the restore point's folder, by one job.

    Raises:
        HostError: The job could not be run.
    """
    place = request.place
    kept = [*SECRETS, *(form.config_file(name) for name in nodes)]
    folders = [name for name in request.manifest.get("folders") or {} if form.is_folder(name)]
    package = place.file(request.package.file)
    answers = iter(
        share.run(
            JOB,
            place.path,
            [
                reach(place.path),
                show(place.file(MANIFEST)),
                show(place.file(SEAL)),
                show(place.file(f"{FOLDERS}\\{MARKER}")),
                listing(place.path),
                listing(place.file(PACKAGES)),
                f"if exist {batch_word(package)} {certutil(package)}",
                *(show(place.file(name)) for name in kept),
                *(reach(place.file(f"{FOLDERS}\\{name}")) for name in folders),
            ],
            timeout=request.timeout,
        )
    )
    exists = next(answers).code == 0
    found = Found(place.path, next(answers).file, next(answers).file, next(answers).file)
    return There(
        found,
        exists,
        next(answers).text,
        next(answers).text,
        files.hash_in(next(answers).text),
        {name: content for name in kept if (content := next(answers).file) is not None},
        {name: next(answers).code == 0 for name in folders},
    )
