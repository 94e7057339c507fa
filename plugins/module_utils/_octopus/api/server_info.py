# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that ``octopus_info`` tells of a server, over REST and without changing anything."""

from __future__ import annotations

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from . import maintenance, readiness
from .client import OctopusApi
from .folders import completed, resolved, server_folders
from .interruptions import pending
from .licenses import has_license, license_status
from .nodes import list_nodes
from .spaces import list_spaces
from .tasks import running_tasks


def server_info(api: OctopusApi, ready: bool = False) -> dict[str, Any]:
    """Return facts of one server.

    Args:
        api: The server.
        ready: Whether it is also asked for what somebody should know before an upgrade.

    Raises:
        OctopusError: The server cannot be reached, or the key may not read what every version has.
    """
    root = api.root
    running = running_tasks(api)
    return {
        "version": root["Version"],
        "installation_id": root.get("InstallationId"),
        "has_spaces": api.has_spaces,
        "spaces": list_spaces(api),
        "maintenance": {"enabled": maintenance.is_enabled(api)},
        "nodes": [node.as_dict() for node in list_nodes(api)],
        "running_tasks": [task.as_dict() for task in running],
        "interruptions": [one.as_dict() for one in pending(api, running)],
        "license": {**license_status(api).as_dict(), "installed": has_license(api)},
        "folders": resolved(server_folders(api), None),
        "user": _user(api),
        **({"readiness": readiness.read(api)} if ready else {}),
    }


def resolve_folders(server: dict[str, Any], hosts: dict[str, dict[str, Any]], given: dict[str, str] | None = None) -> None:
    """Fill in folders that the server itself cannot name absolutely: those below the home, which the hosts know.

    A server that reports no folders at all has those of its configuration.

    Args:
        server: What the server told, which is changed.
        hosts: What the hosts told.
        given: Folders that the user names, for a version that names none.

    Raises:
        OctopusError: The user and the server name different folders.
    """
    instances = [instance for host in hosts.values() for instance in host["instances"] if instance.get("home")]
    nodes = {node["name"].casefold() for node in server["nodes"]}
    own = [instance for instance in instances if (instance["node_name"] or "").casefold() in nodes]
    if own:
        server["folders"] = resolved(server["folders"], own[0]["home"]) or own[0]["folders"]
    server["folders"] = completed(server["folders"], given or {})


def _user(api: OctopusApi) -> str | None:
    """Return the name of the key's user: who is refused something is otherwise hard to tell."""
    try:
        user = api.find("/api/users/me")
    except OctopusError as error:
        if error.status == 403:
            return None
        raise
    return user and user.get("Username")
