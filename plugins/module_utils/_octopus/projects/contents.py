# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a test instance has: its projects, and nothing that could act on its own or on a machine of the source's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api import certificate
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.spaces import space_paths
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version

# Collection -> what it holds, for a message.
_ACTING = {"machines": "deployment targets", "workers": "workers"}
_WORKERS_SINCE = Version.parse("2018.7")  # https://octopus.com/blog/octopus-release-2018.7


def read(api: OctopusApi) -> dict[str, Any]:
    """Return what the server has in all spaces. A number is null where the server has no such collection.

    Raises:
        OctopusError: The server does not answer, or the key may not read something.
    """
    projects: list[str] = []
    live: list[str] = []
    counted: dict[str, int | None] = {}
    triggers: int | None = None
    for path in space_paths(api).values():
        projects += [str(row["Name"]) for row in api.items(f"{path}/projects")]
        for name in _ACTING:
            found = api.total(f"{path}/{name}")
            counted[name] = None if found is None and counted.get(name) is None else (counted.get(name) or 0) + (found or 0)
        if api.find(f"{path}/projecttriggers", take=1) is not None:
            rows = list(api.items(f"{path}/projecttriggers"))
            triggers = (triggers or 0) + len(rows)
            live += [str(row.get("Name") or row["Id"]) for row in rows if not row.get("IsDisabled")]
    return {
        "version": str(api.version),
        "thumbprint": certificate.thumbprint(api),
        "projects": sorted(projects),
        **counted,
        "triggers": triggers,
        "live_triggers": live,
    }


def wrong(found: Mapping[str, Any], projects: Sequence[str], own: str | None, others: Sequence[str], nothing_else: bool) -> list[str]:
    """Return what is not as it has to be.

    Args:
        found: What :func:`read` returned.
        projects: The projects that have to be there.
        own: Thumbprint of the instance's certificate; None where it is not known.
        others: Thumbprints that it must not have.
        nothing_else: Whether nothing but the projects may be there, as after the import.
    """
    out = []
    if found["thumbprint"] in [one.upper() for one in others]:
        out.append(
            f"the certificate has the thumbprint {found['thumbprint']}, which another server has too: that server's Tentacles trust it"
        )
    if own and found["thumbprint"] != own.upper():
        out.append(f"the certificate has the thumbprint {found['thumbprint']} instead of {own.upper()}: this is another server")
    missing = [name for name in projects if name not in found["projects"]]
    if missing:
        out.append(f"the projects {', '.join(missing)} are missing")
    if not nothing_else:
        return out
    more = [name for name in found["projects"] if name not in projects]
    if more:
        out.append(f"the projects {', '.join(more)} are there, which nobody has asked for")
    for name, words in _ACTING.items():
        if found[name] is None and name == "workers" and Version.parse(found["version"]) < _WORKERS_SINCE:
            continue
        if found[name] is None:
            out.append(f"the server does not tell how many {words} it has")
        elif found[name]:
            out.append(f"there are {found[name]} {words}")
    if found["triggers"] is None:
        out.append("the server does not tell which triggers it has")
    if found["live_triggers"]:
        out.append(f"the triggers {', '.join(found['live_triggers'])} are enabled")
    return out
