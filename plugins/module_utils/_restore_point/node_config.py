# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node's OctopusServer.config, read and restored. It holds a SQL password: never in an argument, never in plain text except at its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import cli_output, config_file, connection_string
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import Configuration, OctopusHost, computer_name
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.registration import create
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import fingerprint
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost, text_of


@dataclass(frozen=True)
class NodeConfig:
    """A node's entry in the manifest, and the bytes of its configuration file."""

    facts: dict[str, Any]
    content: bytes = field(repr=False)


def capture(host: WindowsHost, known: dict[str, Any], instance_name: str | None) -> NodeConfig:
    """Read a node's configuration file, and what is missing in its entry in the manifest.

    Args:
        host: The node.
        known: Its entry in the manifest so far.
        instance_name: The instance, where the entry has none.

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
        raise OctopusError(f"{host.where}: there is no configuration file {path!r} of the instance {facts['instance_name']}.")
    settings = cli_output.settings_in_xml(text_of(content), f"{host.where}: {path}")
    text = Configuration(settings).connection_string
    if text:  # what a clone asks before it is begun; the file itself is encrypted
        facts["integrated_security"] = connection_string.parse(text).integrated
    if not facts.get("server_node_name"):
        facts["server_node_name"] = Configuration(settings).node_name or computer_name(host)
    return NodeConfig(facts, content)


@dataclass(frozen=True)
class Restored:
    """What was done on a node, or would be.

    Attributes:
        backup_file: The new name of the file that was replaced; None where there was none.
    """

    config_path: str
    restored: bool
    backup_file: str | None
    registered: bool

    @property
    def changed(self) -> bool:
        return self.restored or self.registered

    def as_result(self) -> dict[str, Any]:
        return {"config_path": self.config_path, "restored": self.restored, "backup_file": self.backup_file, "registered": self.registered}


def restore(host: WindowsHost, work_root: str, restore_point: str, *, node: dict[str, Any], content: bytes, check_mode: bool) -> Restored:
    """Register the instance where it is not registered, and restore the configuration file where it differs.

    Args:
        host: The node.
        work_root: The collection's folder on it, where only administrators have rights.
        restore_point: The id, which becomes part of the old file's new name.
        node: The node in the manifest.
        content: The configuration file of the restore point.
        check_mode: Only predict.

    Raises:
        OctopusError: It cannot be done, or is not in place afterwards.
        HostError: The host cannot do it.
    """
    name, path = node["instance_name"], node["config_path"]
    registered = _register(host, name, path, check_mode)
    now = config_file.read(host, path)
    if now is not None and fingerprint(now) == node["config"]["fingerprint"]:
        return Restored(path, False, None, registered)
    aside = f"{path}.before-rollback-{restore_point}"
    if not check_mode:
        config_file.write(host, work_root, path, content, aside)
    return Restored(path, True, aside if now is not None else None, registered)


def _register(host: WindowsHost, name: str, path: str, check_mode: bool) -> bool:
    """Newer programs moved registrations from the registry to files, where an older program does not find them."""
    octopus = OctopusHost(host)
    entry = next((entry for entry in octopus.instances() if entry.name.lower() == name.lower()), None)
    if entry is not None:
        if entry.config_path.lower() != path.lower():
            raise OctopusError(
                f"{host.where}: expected the instance {name} to be registered with the configuration file {path} of the restore point, but found "
                f"{entry.config_path}. Nothing was changed: remove that registration with delete-instance if it is not in use."
            )
        return False
    if check_mode:
        return True
    create(octopus, name, path)
    return True
