# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What explains that something is gone or changed: the audit log, and the server's own retention.

An administrator, whom maintenance mode lets in, may delete something while an upgrade runs. That is no reason to roll it back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .reader import Reader
from .verdicts import ACCESS, CONTENTS, COUNTS, DISABLED, SUSPICIOUS, WRONG, Difference

_PAGE = 100
_MOST = 1000  # events that are read; of an older baseline nothing is explained beyond those
_NUMBER = re.compile(r"-(\d+)$")
_CHECKS = (ACCESS, CONTENTS, COUNTS, DISABLED)
# What the server deletes by its retention policies (https://octopus.com/docs/administration/retention-policies).
_RETAINED = ("artifacts", "deployments", "packages", "releases", "tasks", "runbookruns", "runbooksnapshots")
# Deleting one of these also deletes what belongs to it.
_WITH = {
    "Projects": (
        "artifacts",
        "channels",
        "deployments",
        "deploymentprocesses",
        "projecttriggers",
        "releases",
        "runbooks",
        "tasks",
        "variables",
    ),
    "Releases": ("artifacts", "deployments"),
    "Environments": ("deployments",),
    "Tenants": ("deployments",),
    "Users": (),
}


@dataclass(frozen=True)
class Changes:
    """What happened to a server since its baseline.

    Attributes:
        events: The newer events of the audit log, each with ``Category``, ``Username`` and ``RelatedDocumentIds`` (EventResource in
            OctopusDeploy/OctopusClients).
        retention: The id of a retention task that has run since; empty where there is none.
    """

    events: tuple[dict[str, Any], ...] = ()
    retention: str = ""

    def after(self, since: dict[str, int]) -> Changes:
        """Return those that are newer than what :func:`newest` returned at another time."""
        event, task = since.get("events", 0), since.get("tasks", 0)
        newer = tuple(one for one in self.events if (_number(one["Id"]) or 0) > event)
        return Changes(newer, self.retention if (_number(self.retention) or 0) > task else "")


def newest(reader: Reader) -> dict[str, int]:
    """Return the number of the newest event and of the newest task, as far as they can be seen."""
    found = reader.each(["events", "tasks"], lambda name: reader.api.get(f"/api/{name}", skip=0, take=1)["Items"])
    numbers = {name: _number(rows[0]["Id"]) for name, rows in found.read if rows}
    return {name: number for name, number in numbers.items() if number is not None}


def read(reader: Reader, since: dict[str, int]) -> Changes:
    """Read what happened since. What cannot be read explains nothing.

    Args:
        reader: Reads the server.
        since: What :func:`newest` returned at that time.
    """
    try:
        events = _newer(reader, "/api/events", since.get("events"))
        tasks = [row for row in _newer(reader, "/api/tasks", since.get("tasks"), name="Retention") if row.get("Name") == "Retention"]
    except OctopusError:
        return Changes()
    return Changes(tuple(events), tasks[0]["Id"] if tasks else "")


def explained(differences: Iterable[Difference], changes: Changes, later: Changes) -> list[Difference]:
    """Return the differences, those that are wrong and explained as suspicious ones.

    Args:
        differences: All of them.
        changes: What happened since the contents were read.
        later: What happened since the rest was read, which explains the rest.
    """
    return [
        _explained(one, changes if one.check == CONTENTS else later) if one.verdict == WRONG and one.check in _CHECKS else one
        for one in differences
    ]


def _explained(difference: Difference, changes: Changes) -> Difference:
    if difference.related:
        own = [event for event in changes.events if difference.related in (event.get("RelatedDocumentIds") or [])]
        if own:
            return replace(difference, verdict=SUSPICIOUS, why=f"{own[0].get('Category')} by {own[0].get('Username')} since")
    name = difference.what.rpartition(" ")[2] if difference.check == CONTENTS else difference.what
    if difference.check == COUNTS and isinstance(difference.before, int) and isinstance(difference.after, int):
        deleted = [event for event in changes.events if event.get("Category") == "Deleted" and _deletes(event, difference.what)]
        own_kind = [event for event in deleted if _is_of(event, difference.what)]
        if deleted and (len(own_kind) >= difference.before - difference.after or len(own_kind) < len(deleted)):
            return replace(difference, verdict=SUSPICIOUS, why=f"{len(deleted)} deleted since, the last by {deleted[0].get('Username')}")
        if changes.retention and name in _RETAINED:
            return replace(difference, verdict=SUSPICIOUS, why=f"the retention task {changes.retention} has run since")
    if difference.check == CONTENTS and difference.after == "no longer listed" and changes.retention:
        return replace(difference, verdict=SUSPICIOUS, why=f"the retention task {changes.retention} has run since")
    return difference


def _deletes(event: dict[str, Any], collection: str) -> bool:
    """Whether the event is of the deletion of one of a collection, or of something that takes some of them along."""
    return _is_of(event, collection) or any(collection in _WITH.get(kind, ()) for kind in _kinds(event))


def _is_of(event: dict[str, Any], collection: str) -> bool:
    return any(kind.lower() == collection for kind in _kinds(event))


def _kinds(event: dict[str, Any]) -> set[str]:
    """``Projects`` of ``Projects-12``; the documents of an event include those that the deleted one belonged to."""
    return {str(one).rpartition("-")[0] for one in event.get("RelatedDocumentIds") or []}


def _newer(reader: Reader, path: str, since: int | None, **query: Any) -> list[dict[str, Any]]:
    """Return the rows that are newer, the newest first, as the server lists them; none where it is not known since when."""
    found: list[dict[str, Any]] = []
    while since is not None and len(found) < _MOST:
        rows = reader.api.get(path, skip=len(found), take=_PAGE, **query)["Items"]
        newer = [row for row in rows if (_number(row["Id"]) or 0) > since]
        found += newer
        if len(newer) < len(rows) or len(rows) < _PAGE:
            break
    return found


def _number(identity: str) -> int | None:
    match = _NUMBER.search(identity)
    return int(match[1]) if match else None
