# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The secrets of a restore point brought to the control node, sealed as they are there: for who sets up an instance from it elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import LocalFile, fingerprint
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import Sealer

from .listing import choose
from .secrets import open_kept
from .share import Place, Share, show


@dataclass(frozen=True)
class FetchRequest:
    """The options of ``octopus_restore_point`` with ``state: fetched``."""

    root: str
    restore_point: str | None
    dest: str
    sealer: Sealer | None
    check_mode: bool = False


def fetch(request: FetchRequest, share: Share) -> dict[str, Any]:
    """Copy the master key and the nodes' configurations; each is opened and compared with the manifest, and copied as it is.

    Returns:
        What the module returns.

    Raises:
        OctopusError: The restore point is no sealed one, or what it keeps does not open or is not what was sealed.
        HostError: The host cannot read it.
    """
    point = choose(share, request.root, request.restore_point, request.sealer)
    if not point.is_sealed:
        raise OctopusError(f"{share.host.where}: the restore point {point.path} is no sealed one: {point.why}. Nothing was copied.")
    manifest = point.manifest or {}
    kept = {"master_key": manifest["master_key"]} | {name: node["config"] for name, node in sorted(manifest["nodes"].items())}
    there = {name: one["file"] for name, one in kept.items() if one.get("file")}
    place = Place(request.root, point.id)
    answers = share.run("fetch", place.path, [show(place.file(file)) for file in there.values()]) if there else []
    texts = {name: answer.file for name, answer in zip(there, answers, strict=True)}
    files: dict[str, str] = {}
    changed = False
    for name, one in kept.items():
        opened = open_kept(one, texts.get(name), request.sealer)
        if fingerprint(opened) != one["fingerprint"]:
            raise OctopusError(f"{share.host.where}: the {name} in {point.path} is another than the one that was sealed.")
        if name not in there:  # plain, on this control node already
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
