# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Before and after: what a server has now against what it had, tolerant of what versions change and of nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import NotAsked, OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version

from . import samples
from .client import OctopusApi
from .counts import SERVER, count
from .links import plain
from .spaces import space_paths
from .tasks import RUNNING, find_task

# Audit events older than the retention period are moved to files from here on
# (https://octopus.com/docs/security/users-and-teams/auditing/archived-audit-log-files), so there may be fewer after an upgrade.
_EVENTS_ARCHIVED_SINCE = Version.parse("2022.3")

# States of a task whose question was answered.
_ANSWERED = (*RUNNING, "Queued", "Success")

Difference = dict[str, Any]


def baseline(api: OctopusApi, wanted: int) -> dict[str, Any]:
    """Return counts and samples, for :func:`compare` later. Reads only."""
    return {"version": str(api.version), "counts": count(api), "samples": samples.take(api, wanted)}


def compare(api: OctopusApi, before: dict[str, Any]) -> tuple[list[Difference], dict[str, Any]]:
    """Count and read again.

    Returns:
        The differences, of which those with ``lost`` true are a loss; and what was read.
    """
    differences = _counts(before, count(api), api.version)
    reread, unreadable = _samples(api, before["samples"])
    return differences + unreadable, reread


def still_waiting(api: OctopusApi, identities: list[str]) -> list[Difference]:
    """Compare tasks that waited for a person: one that was answered since is no loss; one that is gone, failed or was cancelled is."""
    found = []
    for identity in identities:
        task = find_task(api, identity)
        if task is None or not task.waiting:
            after = task.state if task else "gone"
            found.append(_difference(SERVER, f"task {identity}", "waiting for a person", after, after not in _ANSWERED))
    return found


def evidence(read: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the short form for a report: how many projects were opened, and one of each other kind."""

    def one(kind: str) -> dict[str, Any] | None:
        return read[kind][0] if read.get(kind) else None

    return {
        "projects_read": len(read.get("projects", [])),
        "task_log": one("task_logs"),
        "package": one("packages"),
        "logo": one("logos"),
        "artifact": one("artifacts"),
    }


def _counts(before: dict[str, Any], now: dict[str, dict[str, int]], version: Version) -> list[Difference]:
    found = []
    archived = Version.parse(before["version"]) < _EVENTS_ARCHIVED_SINCE <= version
    for space, entities in before["counts"].items():
        for entity, number in entities.items():
            after = now.get(space, {}).get(entity)
            if after == number:
                continue
            lost = (after is None or after < number) and not (archived and space == SERVER and entity == "events" and after is not None)
            found.append(_difference(space, entity, number, after, lost))
    return found


def _samples(api: OctopusApi, before: dict[str, list[dict[str, Any]]]) -> tuple[dict[str, list[dict[str, Any]]], list[Difference]]:
    starts = space_paths(api)
    kinds: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = {
        "projects": lambda old: _project(api, starts[old["space"]], old),
        "task_logs": lambda old: _content(api, f"/api/tasks/{old['id']}/raw", old),
        "packages": lambda old: _package(api, starts[old["space"]], old),
        "logos": lambda old: _content(api, f"{starts[old['space']]}/projects/{old['project']}/logo", old),
        "artifacts": lambda old: _content(api, f"{starts[old['space']]}/artifacts/{old['id']}/content", old),
    }
    read: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    found: list[Difference] = []
    for kind, again in kinds.items():
        for old in before.get(kind, []):
            space = old.get("space", SERVER)
            what = f"{kind[:-1].replace('_', ' ')} {old.get('name') or old.get('id') or old.get('project')}"
            if space not in (SERVER, *starts):
                found.append(_difference(space, what, "readable", f"no space {space}", True))
                continue
            try:
                new = again(old)
            except NotAsked as error:
                found.append(_difference(space, what, "readable", f"not asked: {error.message}", False))
                continue
            except OctopusError as error:
                found.append(_difference(space, what, "readable", error.message, True))
                continue
            if new is None:
                found.append(_difference(space, what, "readable", "empty or gone", True))
                continue
            read[kind].append({**old, **new})
            found += _changed(kind, space, what, old, new)
    return read, found


def _changed(kind: str, space: str, what: str, old: dict[str, Any], new: dict[str, Any]) -> list[Difference]:
    """Compare contents: packages, artifacts and a project's own logo must be the same; logs and shipped pictures may be shown anew."""
    if old.get("sha256") == new.get("sha256"):
        return []
    must = kind in ("packages", "artifacts") or (kind == "logos" and old.get("own", False))
    return [_difference(space, what, f"SHA-256 {old['sha256']}", f"SHA-256 {new['sha256']}", must)]


def _project(api: OctopusApi, start: str, old: dict[str, Any]) -> dict[str, Any]:
    return {"name": samples.read_project(api, start, old["id"])["Name"]}


def _content(api: OctopusApi, path: str, old: dict[str, Any]) -> dict[str, Any] | None:
    sha256, size, content_type = api.digest(path)
    if "content_type" in old and old["content_type"].startswith("image/") and not content_type.startswith("image/"):
        return None
    return {"sha256": sha256, "bytes": size, "content_type": content_type} if size else None


def _package(api: OctopusApi, start: str, old: dict[str, Any]) -> dict[str, Any] | None:
    """Find a package by name and version: its id in the API is another before and after Spaces."""
    for row in api.items(f"{start}/packages", nuGetPackageId=old["id"]):
        if row["Version"] == old["version"]:
            return _content(api, plain(row["Links"]["Raw"]), old)
    return None


def _difference(space: str, what: str, before: Any, after: Any, lost: bool) -> Difference:
    return {"space": space, "what": what, "before": before, "after": after, "lost": lost}


def describe(difference: Difference) -> str:
    """One difference as a person reads it."""
    return f"{difference['space']}: {difference['what']}: {difference['before']} before, {difference['after']} now"
