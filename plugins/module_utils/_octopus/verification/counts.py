# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many there are of everything that the API lists, per space and of the server as a whole."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .reader import Gaps, Reader

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
# A collection as the root document and that of a space link to it: "/api/Spaces-1/projects{/id}{?name,skip,ids,take}". Real ones of 3.2.1,
# 2019.7.12 (Octopus.Client.Tests/CannedResponses in OctopusDeploy/OctopusClients) and 2023.1.9626 have this form.
_COLLECTION = re.compile(r"/api(?:/(?P<space>Spaces-\d+))?/(?P<name>[a-z-]+)\{/id\}\{\?[^}]*\bskip\b")

Counts = dict[str, dict[str, int]]


def known(space: str, name: str) -> bool:
    """Whether people fill the collection, so that fewer is a loss."""
    return name in (OF_SERVER if space == SERVER else OF_SPACE)


def linked(links: Mapping[str, str]) -> dict[str, set[str]]:
    """Return the names of the collections among some links: ``space`` for those of a space, ``server`` for the others."""
    found: dict[str, set[str]] = {"space": set(), SERVER: set()}
    for link in links.values():
        match = _COLLECTION.search(link)
        if match:
            found["space" if match["space"] else SERVER].add(match["name"])
    return found


def count(reader: Reader, starts: Mapping[str, str], gaps: Gaps) -> Counts:
    """Return ``TotalResults`` of every collection that this version has, by space id, and of the server under ``server``.

    Args:
        reader: Reads the server.
        starts: The path below which the collections of each space are.
        gaps: Gets what cannot be counted.
    """
    api = reader.api
    paths = [(space, name, f"{start}/{name}") for space, start in starts.items() for name in OF_SPACE]
    paths += [(SERVER, name, f"/api/{name}") for name in OF_SERVER]
    more = linked(api.root.get("Links", {}))
    homes = _homes(reader, starts) if api.has_spaces else {}
    for space, start in starts.items():
        names = linked(homes[space])["space"] if space in homes else more["space"]
        paths += [(space, name, f"{start}/{name}") for name in sorted(names - set(OF_SPACE))]
    server = more[SERVER] - set(OF_SERVER) - set(OF_SPACE)
    paths += [(SERVER, name, f"/api/{name}") for name in sorted(server)]
    found = reader.each(paths, lambda entry: api.total(entry[2]))
    counts: Counts = {}
    for (space, name, _path), total in found.read:
        if total is not None:
            counts.setdefault(space, {})[name] = total
    gaps.take(found, lambda entry: f"{entry[0]}/{entry[1]}")
    return counts


def _homes(reader: Reader, starts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The links of each space's own document (link ``SpaceHome``, SpaceRootResource in OctopusDeploy/OctopusClients), where there is one."""
    found = reader.each(starts.items(), lambda entry: reader.api.find(entry[1]))
    return {space: document["Links"] for (space, _start), document in found.read if isinstance(document, dict) and document.get("Links")}
