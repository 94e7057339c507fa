# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Spaces, or none: Octopus has had them since 2019.1. What existed before is in the space ``Spaces-1`` afterwards."""

from __future__ import annotations

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .client import OctopusApi

DEFAULT_SPACE = "Spaces-1"


def list_spaces(api: OctopusApi) -> list[dict[str, Any]]:
    """Return id and name of every space that the key's user can see; none before 2019.1."""
    if not api.has_spaces:
        return []
    return [{"id": space["Id"], "name": space["Name"]} for space in api.items("/api/spaces")]


def space_paths(api: OctopusApi) -> dict[str, str]:
    """Return the path below which each space's collections are; a server without spaces is one space, ``Spaces-1``.

    The id is part of the path even for the default space: that one can be disabled, and paths without an id then fail.
    """
    if not api.has_spaces:
        return {DEFAULT_SPACE: "/api"}
    return {space["id"]: f"/api/{space['id']}" for space in list_spaces(api)}


def space_path(api: OctopusApi, wanted: str | None) -> str:
    """Return the path below which the collections of one space are, by its id or name; without one, of the default space.

    Raises:
        OctopusError: There is no such space.
    """
    if not api.has_spaces and wanted in (None, DEFAULT_SPACE):
        return "/api"
    spaces = list(api.items("/api/spaces")) if api.has_spaces else []
    for space in spaces:
        if (wanted is None and space.get("IsDefault")) or wanted in (space["Id"], space["Name"]):
            return f"/api/{space['Id']}"
    names = ", ".join(f"{space['Name']} ({space['Id']})" for space in spaces) or "none that the user of the API key may see"
    raise OctopusError(f"{api.url}: expected the space {wanted or 'that is the default'}, but found {names}.")
