# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each node's configuration file and registration put back as a restore point has them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import fingerprint
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import Sealer
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.parallel import on_each

from .listing import VAULTS_AT_ONCE, choose
from .manifest import Point
from .node_config import PutBack, put_back
from .secrets import open_kept
from .share import Place, Share, show


@dataclass(frozen=True)
class ConfigureRequest:
    """The options of ``octopus_restore_point`` with ``state: configured``."""

    root: str
    restore_point: str | None
    sealer: Sealer | None
    work_root: str
    check_mode: bool = False


def configure(request: ConfigureRequest, share: Share, connections: Sequence[ConnectionOptions]) -> dict[str, Any]:
    """Put back what differs, on all nodes at once.

    Returns:
        What the module returns.

    Raises:
        OctopusError: The restore point is no sealed one, has no such node, or a node's file cannot be put back.
        HostError: The first node cannot read the restore point.
    """
    point = choose(share, request.root, request.restore_point, request.sealer)
    if not point.is_sealed:
        raise OctopusError(f"{share.host.where}: the restore point {point.path} is no sealed one: {point.why}. Nothing was changed.")
    manifest = point.manifest or {}
    strangers = sorted({connection.name for connection in connections} - set(manifest["nodes"]))
    if strangers:
        raise OctopusError(
            f"The restore point {point.path} has no configuration of {', '.join(strangers)}; it has those of "
            f"{', '.join(sorted(manifest['nodes']))}. Leave the others out of nodes. Nothing was changed."
        )
    contents = _open_all(request, share, point, [connection.name for connection in connections])

    def on_node(host: WindowsHost) -> PutBack:
        node = manifest["nodes"][host.name]
        return put_back(host, request.work_root, point.id, node=node, content=contents[host.name], check_mode=request.check_mode)

    done: dict[str, PutBack] = {}
    failures = []
    for name, outcome in on_each(connections, on_node).items():
        if isinstance(outcome, PutBack):
            done[name] = outcome
        elif isinstance(outcome, (OctopusError, HostError)):
            failures.append(outcome.message if name in outcome.message else f"{name}: {outcome.message}")
        else:
            raise outcome
    if failures:
        raise OctopusError(" ".join(failures))
    return {
        "changed": any(one.changed for one in done.values()),
        "restore_point": point.id,
        "path": point.path,
        "nodes": {name: one.as_result() for name, one in done.items()},
    }


def _open_all(request: ConfigureRequest, share: Share, point: Point, names: list[str]) -> dict[str, bytes]:
    """Open the nodes' configurations, all before the first one is put back."""
    place = Place(request.root, point.id)
    kept = {name: (point.manifest or {})["nodes"][name]["config"] for name in names}
    files = {name: one["file"] for name, one in kept.items() if one.get("file")}
    read = share.run("configurations", place.path, [show(place.file(file)) for file in files.values()]) if files else []
    texts = dict(zip(files, (answer.file for answer in read), strict=True))
    with ThreadPoolExecutor(VAULTS_AT_ONCE) as pool:
        opened = {name: pool.submit(open_kept, one, texts.get(name), request.sealer) for name, one in kept.items()}
    for name, future in opened.items():
        try:
            if fingerprint(future.result()) != kept[name]["fingerprint"]:
                raise OctopusError("it holds another content than the one that was sealed.")
        except OctopusError as error:
            raise OctopusError(
                f"The configuration of {name} in the restore point {point.path}: {error.message} Nothing was changed."
            ) from error
    return {name: future.result() for name, future in opened.items()}
