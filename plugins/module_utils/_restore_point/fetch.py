# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copy the encrypted secrets of a restore point to the control node, to set up an instance from it elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.errors import SecretError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import LocalFile
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey

from .listing import choose_signed
from .secret_files import read_secret
from .share import Place, Share, place_of, show


@dataclass(frozen=True)
class FetchRequest:
    """The options of ``octopus_restore_point_fetch``."""

    root: str
    restore_point: str | None
    dest: str
    vault_key: VaultKey | None
    check_mode: bool = False

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool) -> FetchRequest:
        """Read a module's parameters.

        Raises:
            OctopusError: They contradict each other.
        """
        root, restore_point = place_of(params["path"], params["root"], params["restore_point"])
        return cls(root, restore_point, params["dest"], VaultKey.from_params(params), check_mode)


def fetch(request: FetchRequest, share: Share) -> dict[str, Any]:
    """Copy the master key and the nodes' configurations, each verified against the manifest, as they are.

    Returns:
        The module's result.

    Raises:
        OctopusError: The restore point is not signed, or a secret cannot be decrypted or is not the one that was signed.
        HostError: The host cannot read it.
    """
    point = choose_signed(share, request.root, request.restore_point, request.vault_key)
    manifest = point.manifest or {}
    secrets = {"master_key": manifest["master_key"]} | {name: node["config"] for name, node in sorted(manifest["nodes"].items())}
    there = {name: one["file"] for name, one in secrets.items() if one.get("file")}
    place = Place(request.root, point.id)
    answers = share.run("fetch", place.path, [show(place.file(file)) for file in there.values()]) if there else []
    texts = {name: answer.file for name, answer in zip(there, answers, strict=True)}
    files: dict[str, str] = {}
    changed = False
    for name, one in secrets.items():
        try:
            read_secret(one, texts.get(name), request.vault_key)
        except (OctopusError, SecretError) as error:
            raise OctopusError(f"{share.host.where}: the {name} in {point.path}: {error.message} It was not copied.") from error
        if name not in there:  # plain text, on this control node already
            files[name] = one["control_node"]["path"]
            continue
        local = Path(request.dest) / point.id / there[name].replace("\\", "/")
        files[name] = str(local)
        content = str(texts[name]).encode()
        file = LocalFile(str(local))
        if file.read() != content:
            changed = True
            if not request.check_mode:
                file.write(content)
    return {
        "changed": changed,
        "restore_point": point.id,
        "path": point.path,
        "manifest": manifest,
        "fetched": {"master_key": files.pop("master_key"), "configurations": files},
    }
