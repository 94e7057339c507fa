# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API keys of the user whose key is used. No answer tells which of them that is."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .client import OctopusApi
from .links import plain


def own_keys(api: OctopusApi) -> list[str]:
    """Return the ids of all API keys of the user whose key is used, in order.

    ``/api/users/me`` has the link ``ApiKeys`` since the first versions of Octopus.Client (UserResource); ``/api/users/{id}/apikeys`` is what the
    vendor's API reference names. Keys themselves are not returned by it.

    Raises:
        OctopusError: The server does not tell, or names none: the key that is used is one, so its answer is not what was asked for.
    """
    user = api.get("/api/users/me")
    path = plain((user.get("Links") or {}).get("ApiKeys") or f"/api/users/{user['Id']}/apikeys")
    found = sorted(str(item["Id"]) for item in api.items(path) if item.get("Id"))
    if not found:
        raise OctopusError(f"Expected {api.url} to list the API keys of {user.get('Username') or user['Id']} at {path}, but it lists none.")
    return found
