# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who manages a space, and whether its task queue runs. https://octopus.com/docs/administration/spaces"""

from __future__ import annotations

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .client import OctopusApi

_STOPPED, _MEMBERS = "TaskQueueStopped", "SpaceManagersTeamMembers"


def find(api: OctopusApi, wanted: str | None) -> dict[str, Any]:
    """Return a space by its id or name; without one, the default space.

    Raises:
        OctopusError: There is none, or it has no settings of the kind.
    """
    spaces = list(api.items("/api/spaces")) if api.has_spaces else []
    chosen = [space for space in spaces if (space.get("IsDefault") if wanted is None else wanted in (space["Id"], space["Name"]))]
    if not chosen:
        names = ", ".join(f"{space['Name']} ({space['Id']})" for space in spaces) or "none that the user of the API key may see"
        raise OctopusError(f"{api.url}: expected the space {wanted or 'that is the default'}, but found {names}.")
    found: dict[str, Any] = api.get(f"/api/spaces/{chosen[0]['Id']}")
    missing = [name for name in (_STOPPED, _MEMBERS) if name not in found]
    if missing:
        raise OctopusError(f"{api.url}: the space {found['Name']} does not have {', '.join(missing)}. Nothing was changed.")
    return found


def wanted(space: dict[str, Any], stopped: bool | None, manager: str | None) -> dict[str, Any]:
    """Return the properties to change.

    Args:
        space: The space as the server has it.
        stopped: Whether its task queue is to be stopped; None leaves it.
        manager: Id of a user who is to manage it; None adds nobody.
    """
    changes: dict[str, Any] = {}
    if stopped is not None and bool(space[_STOPPED]) is not stopped:
        changes[_STOPPED] = stopped
    members = list(space[_MEMBERS] or [])
    if manager is not None and manager not in members:
        changes[_MEMBERS] = [*members, manager]
    return changes


def change(api: OctopusApi, space: dict[str, Any], changes: dict[str, Any]) -> None:
    """Write the changes, and read them back.

    Raises:
        OctopusError: The server refuses them, or does not have them afterwards.
    """
    path = f"/api/spaces/{space['Id']}"
    api.put(path, {**space, **changes}, needs="SpaceEdit")
    after = api.get(path)
    kept = [name for name, value in changes.items() if after.get(name) != value]
    if kept:
        raise OctopusError(f"{api.url} accepted {', '.join(kept)} of the space {space['Name']}, and still reports the former value.")
