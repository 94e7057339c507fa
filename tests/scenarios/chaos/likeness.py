# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a resumed run ends like an unbroken one: the same record, the same result of every step, the same changes of the world."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from scenarios import exact
from scenarios.chaos import journal
from scenarios.world import World

# What no two runs have in common, as it stands in results: times, sizes that depend on times, names, addresses, secrets of the lab.
MEASURED = {
    "seconds",
    "duration",
    "compressed_size",
    "outage_seconds",
    "outage_by_cause",
    "output_path",
    "fingerprint",
    "pid",
    "free_bytes",
    "media_set_id",
    "clock_offset_seconds",
    "last_seen_age_seconds",
    "packed",  # the baseline in a manifest; it is compared as the result of its own step
    "listing_sha256",  # it covers the times at which the lab has made the files; what the folders hold is compared as part of the world
}
PLAIN = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\d{8}T\d{6,}Z"), "<run>"),
    (re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"), "<uuid>"),
    (re.compile(r"127(\.\d+){3}"), "<address>"),
    (re.compile(r"[\w./-]*/octopus-runs/"), "<control node>/"),
    (re.compile(r"\b(\d+ files with )?\d+ bytes\b"), "<some> bytes"),  # of all folders, among them the logs of tasks
)
# What a running server adds by itself, more of it where a run took longer: tasks with their logs, and so a larger database.
LIVELY = re.compile(
    r"\.counts\.(server\.(tasks|events)|Spaces-\d+\.deployments)$|\.newest\.|\.last_seen$|\.dashboards\.|\.unhealthy\b"
    r"|\.differences\b|\.task_logs?(\[\d+\])?\.(sha256|bytes)$"
    r"|\.folders\.logs\.((copied_)?(files|bytes)|complete)$|\.backup\.files\b|(^|backup)\.(size|estimated_bytes|\w+_lsn)$"
)
# How an attempt found things, and what it had to do. It differs where a step began twice: the first attempt may have done the work.
ATTEMPT = re.compile(
    r"\.(changed|was_\w+|before|fetched|copied_files|copied_bytes|deleted_files|created_folders|backup_files|job|exit_code|log_path|log_tail"
    r"|obstacles|needed_bytes|replaced|scripts|found|state)\b"
)
RECORD = ("operation", "instance", "from_version", "to_version", "ladder", "restore_point", "backup", "evidence", "retained")


def ending(entries: list[journal.Entry], before: World, after: World) -> dict[str, Any]:
    """Return how a run ended, in JSON: its record, the results of its steps, how often each began, and what it has changed."""
    begun = [str(entry["step"]) for entry in entries if entry["event"] == "step"]
    record: dict[str, Any] = {"verdict": journal.verdict(entries), "steps": " ".join(dict.fromkeys(begun))}
    for entry in entries:
        record.update({name: entry[name] for name in RECORD if entry.get(name)})
    return {
        "record": dict(_plain(record)),
        "results": {step: dict(_plain(result)) for step, result in journal.results(entries).items()},
        "begun": dict(Counter(begun)),
        "world": sorted({_text(line) for line in exact.changed(before, after)}),
    }


def differences(unbroken: dict[str, Any], resumed: dict[str, Any], values: bool = True) -> list[str]:
    """Return where a resumed run did not end like an unbroken one, a line each.

    Args:
        unbroken: How a run ended that nobody disturbed.
        resumed: How the resumed one ended.
        values: Whether the values in record, results and world are compared too. Without, it is the verdict, the steps in their order, and
            which of them have a result: what no busy computer changes.
    """
    repeated = {step for step, times in resumed["begun"].items() if times > 1}
    old, new = unbroken["results"], resumed["results"]
    out = [f"the step {step} has a result in one of the runs only" for step in sorted(old.keys() ^ new.keys())]
    if not values:
        told, own = ({name: run["record"].get(name) for name in (".verdict", ".steps")} for run in (unbroken, resumed))
        return out + _compare("the record", told, own, False)
    out += _compare("the record", unbroken["record"], resumed["record"], bool(repeated))
    for step in (step for step in old if step in new):
        out += _compare(f"the result of {step}", old[step], new[step], step in repeated)
    out += [f"only the unbroken run leaves: {line}" for line in unbroken["world"] if line not in resumed["world"]]
    return out + [f"only the resumed run leaves: {line}" for line in resumed["world"] if line not in unbroken["world"]]


def _compare(what: str, old: dict[str, Any], new: dict[str, Any], repeated: bool) -> list[str]:
    # A second attempt has no value for what it did not have to do again.
    free = {name for name in {**old, **new} if repeated and (ATTEMPT.search(name) or new.get(name, "missing") is None)}
    return [
        f"{what}: {name.lstrip('.')} is {new.get(name, 'missing')!r} after it was resumed, {old.get(name, 'missing')!r} unbroken"
        for name in {**old, **new}
        if name not in free and old.get(name, "missing") != new.get(name, "missing")
    ]


def _plain(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every single value with its path, without what no two runs have in common. An empty list or dict is a value."""
    if isinstance(value, dict) and "folders" in value:  # whether a copy of folders has changed depends on the log of any task
        value = {name: part for name, part in value.items() if name != "changed"}
    if isinstance(value, (dict, list)) and value:
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            if name not in MEASURED:
                yield from _plain(part, f"{path}[{name}]" if isinstance(value, list) else f"{path}.{name}")
    elif not LIVELY.search(path):
        yield path, _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    for pattern, name in PLAIN:
        text = pattern.sub(name, text)
    return text
