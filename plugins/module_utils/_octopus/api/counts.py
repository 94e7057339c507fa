# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many there are of everything, per space and of the server as a whole."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._core.stopping import Pool

from .client import OctopusApi
from .spaces import space_paths

SERVER = "server"

# Collections that people fill. What the product ships with (user roles, teams, step templates) comes and goes with versions.
OF_SPACE = (
    "accounts",
    "artifacts",
    "certificates",
    "channels",
    "deployments",
    "environments",
    "feeds",
    "libraryvariablesets",
    "lifecycles",
    "machines",
    "packages",
    "projectgroups",
    "projects",
    "projecttriggers",
    "releases",
    "runbooks",
    "subscriptions",
    "tagsets",
    "tenants",
    "workerpools",
    "workers",
)
OF_SERVER = ("events", "tasks", "users")
_AT_ONCE = 4  # requests; counting stands within an outage window


def count(api: OctopusApi) -> dict[str, dict[str, int]]:
    """Return ``TotalResults`` of every collection that this version has, by space id, and of the server under ``server``.

    Raises:
        OctopusError: The key's user may not see one of them; the message says which permission that takes.
    """
    paths = [(space, name, f"{start}/{name}") for space, start in space_paths(api).items() for name in OF_SPACE]
    paths += [(SERVER, name, f"/api/{name}") for name in OF_SERVER]
    counts: dict[str, dict[str, int]] = {}
    with Pool(_AT_ONCE) as pool:
        totals = pool.map(lambda entry: api.total(entry[2]), paths)
        for (space, name, _path), total in zip(paths, totals, strict=True):
            if total is not None:
                counts.setdefault(space, {})[name] = total
    return counts
