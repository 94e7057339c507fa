# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes into a restore point and what it holds already: secrets, the nodes' configurations, the content of its folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.places import MARKER, SIGNATURE
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import LocalFile
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey, is_encrypted
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.parallel import on_each
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_word

from . import manifest as form
from .manifest import FOLDERS, MANIFEST, PACKAGES
from .node_config import NodeConfig, capture
from .request import SECRETS, CreateRequest, Secret
from .share import Share, certutil, listing, reach, show
from .signature import Found

# One id for all jobs of a run, so that the first one finds whatever a killed run has left.
JOB = "create"


def given_secret(path: str, vault_key: VaultKey | None) -> Secret:
    """Read and decrypt a file of the control node: one that cannot be decrypted now cannot be decrypted in a year.

    Raises:
        OctopusError: It is missing, or is encrypted where it must not be, or the reverse.
        SecretError: It cannot be decrypted.
    """
    content = LocalFile(path).read()
    if content is None:
        raise OctopusError(f"There is no file {path} on the control node.")
    if vault_key is None:
        if is_encrypted(content):
            raise OctopusError(f"{path} is encrypted, but plaintext is true. Give vault_password_file or vault_id instead.")
        return Secret(path, content, content)
    if not is_encrypted(content):
        raise OctopusError(
            f"{path} is not encrypted, so it is not put into a restore point. With plaintext: true it stays on the control node only."
        )
    return Secret(path, content, vault_key.decrypt(content, path))


def staged_secret(request: CreateRequest, there: There, name: str) -> Secret:
    """A secret that is in the restore point already, staged by another control node.

    Raises:
        OctopusError: It is missing there too.
        SecretError: It cannot be decrypted.
    """
    path, content = request.files[name], there.files.get(name)
    if content is None or request.vault_key is None:
        raise OctopusError(f"Expected {path} on the control node, or {name} in the restore point {request.place.path}, but found neither.")
    encrypted = content.encode()
    return Secret(path, encrypted, request.vault_key.decrypt(encrypted, f"{name} in the restore point {request.place.path}"))


def capture_all(request: CreateRequest, connections: Sequence[ConnectionOptions]) -> dict[str, NodeConfig]:
    """Read each node's configuration.

    Raises:
        OctopusError: The manifest has a node without a connection, or a node does not answer; the message names each.
    """
    known = request.manifest.get("nodes") or {}
    missing = sorted(set(known) - {connection.name for connection in connections})
    if missing:
        raise OctopusError(
            f"Expected all nodes of the manifest in nodes, since each node's configuration is backed up, but {', '.join(missing)} is missing."
        )
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
    """The content of a restore point's folder."""

    found: Found
    exists: bool
    listing: str
    packages: str
    package_sha256: str | None
    files: dict[str, str]
    folders: dict[str, bool]


def look(request: CreateRequest, share: Share, nodes: list[str]) -> There:
    """Read the content of the restore point's folder, by one job.

    Raises:
        HostError: The job could not be run.
    """
    place = request.place
    secrets = [*SECRETS, *(form.config_file(name) for name in nodes)]
    folders = [name for name in request.manifest.get("folders") or {} if form.is_folder(name)]
    package = place.file(request.package.file)
    answers = iter(
        share.run(
            JOB,
            place.path,
            [
                reach(place.path),
                show(place.file(MANIFEST)),
                show(place.file(SIGNATURE)),
                show(place.file(f"{FOLDERS}\\{MARKER}")),
                listing(place.path),
                listing(place.file(PACKAGES)),
                f"if exist {batch_word(package)} {certutil(package)}",
                *(show(place.file(name)) for name in secrets),
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
        {name: content for name in secrets if (content := next(answers).file) is not None},
        {name: next(answers).code == 0 for name in folders},
    )
