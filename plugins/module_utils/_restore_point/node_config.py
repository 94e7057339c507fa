# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node's OctopusServer.config, read and put back. It holds a SQL password: never in an argument, never unsealed but where it was."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import cli_output, config_file
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import Configuration, OctopusHost, computer_name
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.registration import create
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import fingerprint
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost, text_of


@dataclass(frozen=True)
class NodeConfig:
    """What a node says of itself, for the manifest, and the bytes of its configuration file."""

    facts: dict[str, Any]
    content: bytes = field(repr=False)


def capture(host: WindowsHost, known: dict[str, Any], instance_name: str | None) -> NodeConfig:
    """Read a node's configuration file, and what the manifest has to say of the node and does not say yet.

    Args:
        host: The node.
        known: What the manifest has of it.
        instance_name: The instance, where the manifest has none.

    Raises:
        OctopusError: There is no such instance, or its file cannot be read as it is.
        HostError: The host cannot do it.
    """
    facts = dict(known)
    if not (facts.get("instance_name") and facts.get("config_path")):
        entry = OctopusHost(host).one_instance(facts.get("instance_name") or instance_name)
        facts["instance_name"], facts["config_path"] = entry.name, entry.config_path
    path = str(facts["config_path"] or "")
    content = config_file.read(host, path)
    if content is None:
        raise OctopusError(f"{host.where}: the configuration file {path!r} of the instance {facts['instance_name']} is not there.")
    if not facts.get("server_node_name"):
        settings = cli_output.settings_in_xml(text_of(content), f"{host.where}: {path}")
        facts["server_node_name"] = Configuration(settings).node_name or computer_name(host)
    return NodeConfig(facts, content)


@dataclass(frozen=True)
class PutBack:
    """What was done on a node, or would be."""

    config_path: str
    restored: bool
    kept: str | None
    registered: bool

    @property
    def changed(self) -> bool:
        return self.restored or self.registered

    def as_result(self) -> dict[str, Any]:
        return {"config_path": self.config_path, "restored": self.restored, "kept": self.kept, "registered": self.registered}


def put_back(host: WindowsHost, work_root: str, restore_point: str, *, node: dict[str, Any], content: bytes, check_mode: bool) -> PutBack:
    """Register the instance where it is not, and have the configuration file hold what the restore point kept.

    Args:
        host: The node.
        work_root: The collection's folder on it, which only administrators have rights on.
        restore_point: The id, which the old file's new name gets.
        node: The node in the manifest.
        content: The configuration file as it was.
        check_mode: Only tell.

    Raises:
        OctopusError: It cannot be done, or was done and does not hold.
        HostError: The host cannot do it.
    """
    name, path = node["instance_name"], node["config_path"]
    registered = _register(host, name, path, check_mode)
    now = config_file.read(host, path)
    if now is not None and fingerprint(now) == node["config"]["fingerprint"]:
        return PutBack(path, False, None, registered)
    aside = f"{path}.before-rollback-{restore_point}"
    if not check_mode:
        config_file.write(host, work_root, path, content, aside)
    return PutBack(path, True, aside if now is not None else None, registered)


def _register(host: WindowsHost, name: str, path: str, check_mode: bool) -> bool:
    """The register was in the registry and moved to files, so an older program may not find what a newer one has moved."""
    octopus = OctopusHost(host)
    entry = next((entry for entry in octopus.instances() if entry.name.lower() == name.lower()), None)
    if entry is not None:
        if entry.config_path.lower() != path.lower():
            raise OctopusError(
                f"{host.where}: the instance {name} is registered with the configuration file {entry.config_path}, and the restore point has "
                f"{path}. Nothing was changed: remove that registration with delete-instance if it is not the one in use."
            )
        return False
    if check_mode:
        return True
    create(octopus, name, path)
    return True
