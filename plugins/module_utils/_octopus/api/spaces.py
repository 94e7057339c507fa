# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Spaces, or none: Octopus has had them since 2019.1. What existed before is in the space ``Spaces-1`` afterwards."""

from __future__ import annotations

from typing import Any

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
