# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Before and after: what a server has now against what it had, tolerant of what versions change and of nothing else. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.spaces import DEFAULT_SPACE
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.tasks import RUNNING, Task
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version

from . import access, state
from .counts import SERVER, known
from .verdicts import ACCESS, CONTENTS, COUNTS, DASHBOARD, EXPECTED, NODES, PROJECTS, ROUTES, SUSPICIOUS, WAITING, WRONG, Difference

# Audit events older than the retention period are moved to files from here on
# (https://octopus.com/docs/security/users-and-teams/auditing/archived-audit-log-files), so there may be fewer after an upgrade.
_EVENTS_ARCHIVED_SINCE = Version.parse("2022.3")
# States of a task whose question was answered.
_ANSWERED = (*RUNNING, "Queued", "Success")
# What a gap of the reading is a part of, where it is not a collection.
_PARTS = {
    "dashboard": DASHBOARD,
    "unscoped route": ROUTES,
    "scoped route": ROUTES,
    "teams": ACCESS,
    "userroles": ACCESS,
    "scopeduserroles": ACCESS,
    "nodes": NODES,
}

Snapshot = Mapping[str, Any]


def compare(before: Snapshot, now: Snapshot, copied_earlier: bool = False) -> list[Difference]:
    """Return every difference between a baseline and what was read now.

    Args:
        before: The baseline; empty where there is none: then only what is broken in itself is found.
        now: What :func:`.baseline.read_now` returned.
        copied_earlier: Whether it was read of a copy that was made before the baseline, and lacks what the server has run and noted since.
    """
    upgraded = bool(before) and before["version"] != now["version"]
    into_spaces = upgraded and Version.parse(now["version"]).has_spaces and not Version.parse(before["version"]).has_spaces
    return [
        *_gaps(before, now, upgraded),
        *_counts(before, now, upgraded, copied_earlier),
        *_names(before, now),
        *_projects(before.get("contents", {}), now["contents"]["projects"], (before.get("names", {}), now["names"])),
        *_samples(now["contents"]["samples"], upgraded),
        *_sizes(before.get("contents", {}), now["contents"]["sizes"]),
        *access.compare(before.get("access", {}), now["access"], upgraded=upgraded, into_spaces=into_spaces),
        *state.compare(before, now, now["version"]),
    ]


def waiting(tasks: Mapping[str, Task | None]) -> list[Difference]:
    """Compare tasks that waited for a person: one that was answered since is no loss; one that is gone, failed or was cancelled is.

    Args:
        tasks: How each is now; None where the server has it no more.
    """
    found = []
    for identity, task in tasks.items():
        if task is None or not task.waiting:
            after = task.state if task else "gone"
            verdict = EXPECTED if after in _ANSWERED else WRONG
            found.append(Difference(WAITING, SERVER, f"task {identity}", "waiting for a person", after, verdict, related=identity))
    return found


def _gaps(before: Snapshot, now: Snapshot, upgraded: bool) -> Iterator[Difference]:
    """What could not be read now, and could before."""
    for key, why in now["failed"].items():
        space, _slash, name = key.partition("/")
        if key in before.get("unread", {}):
            yield Difference(_check(name), space, name, "unreadable", why, EXPECTED, "it could not be read before either")
        else:
            serious = known(space, name) or name in _PARTS or not upgraded
            yield Difference(_check(name), space, name, "readable", why, WRONG if serious else SUSPICIOUS)
    for key, why in now["left"].items():
        space, _slash, name = key.partition("/")
        yield Difference(_check(name), space, name, "readable", why, SUSPICIOUS)


def _check(name: str) -> str:
    return _PARTS.get(name, COUNTS)


def _counts(before: Snapshot, now: Snapshot, upgraded: bool, copied_earlier: bool) -> Iterator[Difference]:
    archived = bool(before) and Version.parse(before["version"]) < _EVENTS_ARCHIVED_SINCE <= Version.parse(now["version"])
    unread = now["failed"] | now["left"]
    for space, entities in before.get("counts", {}).items():
        for entity, number in entities.items():
            after = now["counts"].get(space, {}).get(entity)
            if after is None and space == SERVER:  # before Spaces, everything is at the server itself
                after = now["counts"].get(DEFAULT_SPACE, {}).get(entity)
            if after == number or f"{space}/{entity}" in unread:
                continue
            verdict, why = WRONG, ""
            if after is not None and after > number:
                verdict = EXPECTED
            elif copied_earlier and entity in ("events", "tasks") and after is not None:
                verdict, why = EXPECTED, "the copy was made before"
            elif archived and (space, entity) == (SERVER, "events") and after is not None:
                verdict, why = EXPECTED, "older events are archived to files from 2022.3 on"
            elif after is None and upgraded and space in (SERVER, *now["counts"]):
                verdict, why = SUSPICIOUS, "this version has no such address"
            elif not known(space, entity):
                verdict, why = (EXPECTED, "the product ships with some") if upgraded else (SUSPICIOUS, "")
            yield Difference(COUNTS, space, entity, number, "not there" if after is None else after, verdict, why)


def _names(before: Snapshot, now: Snapshot) -> Iterator[Difference]:
    for space, kinds in before.get("names", {}).items():
        for kind, names in kinds.items():
            there = now["names"].get(space, {}).get(kind)
            for key, name in names.items() if there is not None else ():
                if key not in there:
                    yield Difference(COUNTS, space, f"{kind[:-1]} {name}", "there", "gone", related=key)


def _projects(before: Snapshot, now: Snapshot, names: Sequence[Snapshot]) -> Iterator[Difference]:
    known_failures = before.get("projects", {}).get("failed", {})
    # Those of before too: one that is broken may keep the list from being read.
    of = {key: (space, name) for one in names for space, kinds in one.items() for key, name in kinds.get("projects", {}).items()}
    for key, message in now["failed"].items():
        space, name = of.get(key, (SERVER, key))
        if key in known_failures:
            yield Difference(
                PROJECTS, space, f"project {name}", "cannot be opened", message, EXPECTED, "it could not be opened before either"
            )
        else:
            yield Difference(PROJECTS, space, f"project {name}", "can be opened", message, related=key)
    if now["left"]:
        total = now["opened"] + now["left"] + len(now["failed"])
        yield Difference(PROJECTS, SERVER, "projects", f"all {total} opened", f"{now['left']} not opened: {now['why']}", SUSPICIOUS)


def _samples(samples: Sequence[tuple[str, Snapshot, Snapshot]], upgraded: bool) -> Iterator[Difference]:
    """Compare contents: packages, artifacts and a picture of their own must be the same; logs and shipped pictures may be shown anew."""
    others = Counter(_group(old) for kind, old, new in samples if kind == "logos" and new.get("sha256", "") not in ("", old["sha256"]))
    for kind, old, new in samples:
        space = old.get("space", SERVER)
        name = old.get("name") or f"{old['id']} {old.get('version', '')}".strip()
        what = f"{kind[:-1].replace('_', ' ')} {old['of'][:-1] + ' ' if 'of' in old else ''}{name}"
        related = "" if kind == "packages" else old["id"]
        if "left" in new:
            yield Difference(CONTENTS, space, what, "readable", new["left"], SUSPICIOUS)
        elif "error" in new:
            yield Difference(CONTENTS, space, what, "readable", new["error"], related=related)
        elif old["sha256"] != new["sha256"]:
            verdict, why = WRONG, ""
            if kind == "task_logs" or old.get("own") is False:
                verdict, why = EXPECTED, "it may be shown anew"
            elif kind == "logos" and old["own"] is None and upgraded and others[_group(old)] == 1:
                verdict, why = SUSPICIOUS, "it may be a picture that the product ships with"
            yield Difference(CONTENTS, space, what, f"SHA-256 {old['sha256']}", f"SHA-256 {new['sha256']}", verdict, why, related)


def _group(logo: Snapshot) -> tuple[str, str]:
    """The logos of which at most one can be the server's where all of them differ."""
    return logo.get("space", ""), logo.get("of", "")


def _sizes(before: Snapshot, now: Snapshot) -> Iterator[Difference]:
    """Packages whose file has another size than the index says; what was so before is no difference."""
    for space, sizes in now.items():
        former = before.get("sizes", {}).get(space, {"checked": 0, "all": False, "wrong": {}})
        for key, (listed, sent) in sizes["wrong"].items():
            if former["wrong"].get(key) == [listed, sent]:
                continue
            found = f"{sent} bytes" if sent else "no file"
            verdict, why = (WRONG, "") if former["all"] else (SUSPICIOUS, "nothing is known of it before")
            yield Difference(CONTENTS, space, f"package {key}", f"{listed} bytes by the index", found, verdict, why)


def evidence(before: Snapshot, projects: Snapshot, samples: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Return the short form for a report: how many projects were opened, and one of each other kind."""

    def one(kind: str) -> Any | None:
        return samples[kind][0] if samples.get(kind) else None

    return {
        "compared_with": before.get("version"),
        "projects_read": projects["opened"],
        "files_read": sum(len(kind) for kind in samples.values()),
        "task_log": one("task_logs"),
        "package": one("packages"),
        "logo": one("logos"),
        "artifact": one("artifacts"),
    }
