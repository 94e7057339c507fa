# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A verification as a whole: read, compare, look for what explains a difference, and say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.tasks import find_task

from . import baseline, compare, explain
from .verdicts import WRONG, Difference


@dataclass(frozen=True)
class Verified:
    """What a verification found.

    Attributes:
        differences: All of them.
        evidence: What was read, in short.
    """

    differences: list[Difference] = field(default_factory=list)
    evidence: dict[str, Any] = field(default_factory=dict)


def verify(
    api: OctopusApi, before: Mapping[str, Any], *, seconds: float, waiting: Sequence[str] = (), copied_earlier: bool = False
) -> Verified:
    """Compare a server with its baseline. Reads only.

    Args:
        api: The server.
        before: What :func:`.baseline.read` returned; empty where there is none.
        seconds: For how long is read, at most.
        waiting: Ids of the tasks that waited for a person.
        copied_earlier: Whether the server is a copy that was made before the baseline.
    """
    now, reader = baseline.read_now(api, before, seconds=seconds)
    differences = compare.compare(before, now, copied_earlier)
    differences += compare.waiting({identity: find_task(api, identity) for identity in waiting})
    if any(one.verdict == WRONG for one in differences):
        early, late = before.get("contents", {}).get("newest", {}), before.get("newest", {})
        changes = explain.read(reader, early)
        differences = explain.explained(differences, changes, changes.after(late))
    read: dict[str, list[Any]] = {}
    for kind, old, new in now["contents"]["samples"]:
        if "sha256" in new:
            read.setdefault(kind, []).append({**old, **new})
    found = compare.evidence(before, now["contents"]["projects"], read)
    return Verified(differences, {**found, "seconds": round(reader.seconds, 1)})
