# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore each node's configuration file and registration from a restore point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.errors import SecretError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.parallel import on_each

from .listing import choose_signed
from .node_config import Restored, restore
from .secret_files import read_secret
from .share import Place, Share, place_of, show
from .signature import Point


@dataclass(frozen=True)
class ConfigureRequest:
    """The options of ``octopus_restore_point_configure``."""

    root: str
    restore_point: str | None
    vault_key: VaultKey | None
    work_root: str
    check_mode: bool = False

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool) -> ConfigureRequest:
        """Read a module's parameters.

        Raises:
            OctopusError: They contradict each other.
        """
        root, restore_point = place_of(params["path"], params["root"], params["restore_point"])
        return cls(root, restore_point, VaultKey.from_params(params), params["work_root"], check_mode)


def configure(request: ConfigureRequest, share: Share, connections: Sequence[ConnectionOptions]) -> dict[str, Any]:
    """Restore what differs, on all nodes at once.

    Returns:
        The module's result.

    Raises:
        OctopusError: The restore point is not signed, does not have a node, or a node's file cannot be restored.
        HostError: The first node cannot read the restore point.
    """
    point = choose_signed(share, request.root, request.restore_point, request.vault_key)
    manifest = point.manifest or {}
    strangers = sorted({connection.name for connection in connections} - set(manifest["nodes"]))
    if strangers:
        raise OctopusError(
            f"Expected only nodes of the restore point {point.path} ({', '.join(sorted(manifest['nodes']))}), but found "
            f"{', '.join(strangers)}. Leave those out of nodes. Nothing was changed."
        )
    contents = _read_all(request, share, point, [connection.name for connection in connections])

    def on_node(host: WindowsHost) -> Restored:
        node = manifest["nodes"][host.name]
        return restore(host, request.work_root, point.id, node=node, content=contents[host.name], check_mode=request.check_mode)

    done: dict[str, Restored] = {}
    failures = []
    for name, outcome in on_each(connections, on_node).items():
        if isinstance(outcome, Restored):
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


def _read_all(request: ConfigureRequest, share: Share, point: Point, names: list[str]) -> dict[str, bytes]:
    """Decrypt the nodes' configurations, all before the first one is restored."""
    place = Place(request.root, point.id)
    entries = {name: (point.manifest or {})["nodes"][name]["config"] for name in names}
    files = {name: one["file"] for name, one in entries.items() if one.get("file")}
    answers = share.run("configurations", place.path, [show(place.file(file)) for file in files.values()]) if files else []
    texts = dict(zip(files, (answer.file for answer in answers), strict=True))
    contents = {}
    for name, entry in entries.items():
        try:
            contents[name] = read_secret(entry, texts.get(name), request.vault_key)
        except (OctopusError, SecretError) as error:
            raise OctopusError(
                f"The configuration of {name} in the restore point {point.path}: {error.message} Nothing was changed."
            ) from error
    return contents
