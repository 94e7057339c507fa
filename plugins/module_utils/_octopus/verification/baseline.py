# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read of a server before, to compare it with what is read of it later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.spaces import space_paths
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from . import access, contents, counts, state
from .explain import newest
from .reader import Gaps, Reader

Baseline = dict[str, Any]


def read(api: OctopusApi, *, samples: int, seconds: float, former: Mapping[str, Any] | None = None) -> Baseline:
    """Read everything that a verification compares. Reads only.

    Args:
        api: The server.
        samples: How many files of each kind are read.
        seconds: For how long, at most.
        former: A baseline whose contents are taken over: files and projects are not read again.

    Raises:
        OctopusError: Something that is in every server may not be seen or cannot be counted.
    """
    reader, gaps = Reader(api, seconds), Gaps()
    starts = space_paths(api)
    found: Baseline = {"version": str(api.version), "newest": newest(reader), **_state(reader, starts, gaps, compacted=True)}
    if former:
        found["contents"] = former["contents"]
    else:
        projects = contents.open_projects(reader, starts, found["names"])
        chosen = contents.choose(reader, starts, found["names"], samples, gaps)
        found["contents"] = {"newest": found["newest"], "projects": projects, **chosen}
    refused = {key: why for key, why in {**gaps.failed, **gaps.left}.items() if counts.known(*_parted(key))}
    if refused:
        raise OctopusError(f"{api.url} does not let everything be counted: {'; '.join(dict.fromkeys(refused.values()))}")
    found["unread"] = {**gaps.failed, **gaps.left}
    return found


def read_now(api: OctopusApi, before: Mapping[str, Any], *, seconds: float) -> tuple[Baseline, Reader]:
    """Read it all again, with the samples of the baseline.

    Returns:
        What was read, with ``failed`` and ``left`` by name; and the reader, for what explains a difference.
    """
    reader, gaps = Reader(api, seconds), Gaps()
    starts = space_paths(api)
    now: Baseline = {"version": str(api.version), **_state(reader, starts, gaps, compacted=False)}
    then = before.get("contents", {})
    # Those that were there are opened one by one where a broken one keeps the list from being read.
    names = {space: {**before.get("names", {}).get(space, {}), **now["names"].get(space, {})} for space in starts}
    projects = contents.open_projects(reader, starts, names)
    samples = contents.again(reader, starts, then.get("samples", {}))
    sizes = {space: contents.wrong_sizes(reader, contents.index_of(reader, space, start, gaps)) for space, start in starts.items()}
    now["contents"] = {"projects": projects, "samples": samples, "sizes": sizes}
    return now | {"failed": gaps.failed, "left": gaps.left}, reader


def _state(reader: Reader, starts: Mapping[str, str], gaps: Gaps, *, compacted: bool) -> Baseline:
    found = {"counts": counts.count(reader, starts, gaps)}
    who, how = access.read(reader, gaps), state.read(reader, starts, gaps)
    if compacted:
        who, how = access.compact(who), state.compact(how)
    return {**found, **how, "access": who}


def _parted(key: str) -> tuple[str, str]:
    space, _slash, name = key.partition("/")
    return space, name
