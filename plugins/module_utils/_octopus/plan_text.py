# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan as a person reads it in a minute. Pure functions, no I/O.

The order is that of the questions: what is it, may it begin, what stands in the way, how long are users locked out, what does it take, what now.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from . import outage
from .check import OK, UNKNOWN, VERDICTS, size
from .check_guide.entry import Phase
from .plan_document import BLOCKED, NOTHING, counts

WIDTH = 118
_COUNTED = "polling_tentacles"  # a check that only counts: what it has found is told though it is ok
_MOST_REASONS = 3  # of one version; the catalogue may have a dozen


def lines(plan: Mapping[str, Any]) -> list[str]:
    """Render a plan.

    Args:
        plan: The document (plan_document.py).
    """
    if plan["verdict"] == NOTHING:
        return [f"Plan of {plan['instance']}: it is at {plan['installed']} already; there is nothing to do."]
    return [
        f"Plan of {plan['instance']}: {plan['installed']} -> {plan['target']}",
        f"  {_verdict(plan['checks'])}",
        *_path(plan),
        *_place(plan),
        *_checks(plan["checks"]),
        *_effort(plan),
        *_section("Afterwards", plan["afterwards"]),
        *_section("Note", plan["notes"]),
        *_command(plan),
    ]


def _verdict(checks: Sequence[Mapping[str, Any]]) -> str:
    found = ", ".join(f"{number} {verdict}" for verdict, number in counts(list(checks)).items())
    stopping = sum(bool(check["blocks"]) for check in checks)
    return f"{f'{stopping} finding(s) stop it' if stopping else 'Nothing stops it'} ({found})"


def _path(plan: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield f"Upgrade path: {' -> '.join([plan['installed'], *(jump['to'] for jump in plan['path'])])}"
    undecided: dict[str, None] = {}
    told: set[str] = set()
    for jump in plan["path"]:
        if jump["to"] == plan["target"]:
            yield f"  {jump['to']}: the wanted version"
        else:
            reasons = jump["reasons"]
            yield from _wrapped(
                f"{jump['to']}: ", "; ".join(f"avoids {one['id']}" for one in reasons) or "no known jump asks for it by itself"
            )
            for one in reasons[:_MOST_REASONS]:
                yield from _wrapped("  - ", f"{one['id']}: {one['text']}", 4)
        for note in jump["notes"]:
            if note["id"] not in told:
                told.add(note["id"])
                yield from _wrapped(f"! {note['kind']}: ", f"{note['id']}: {note['text']}")
        undecided |= dict.fromkeys(jump["undecided"])
    if undecided:
        yield from _wrapped("? ", f"not known whether these concern this instance (see the guide on known jumps): {', '.join(undecided)}")


def _place(plan: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    names = [f"{one['name']}{' (coordinator)' if one['name'] == plan['coordinator'] else ''}" for one in plan["nodes"]]
    yield from _wrapped("Nodes: ", ", ".join(names), 0)
    database = plan["database"]
    used = f", {size(database['used_bytes'])} in use" if database["used_bytes"] is not None else ""
    version = f", SQL Server {database['sql_server']}" if database["sql_server"] else ""
    yield f"Database: {database['name']} on {database['server']}{version}{used}"
    if plan["restore_points"]:
        yield f"Restore points: {plan['restore_points']}"
    yield f"Running tasks now: {plan['running_tasks']}"
    for check in plan["checks"]:
        if check["name"] == _COUNTED and check["verdict"] == OK:
            yield from _wrapped("Tentacles: ", f"{check['found']}.", 0)


def _checks(checks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield ""
    yield "Checks"
    for phase in Phase:
        own = [check for check in checks if check["phase"] == phase.key]
        if not own:
            continue
        yield f"  {phase.value}"
        for check in sorted((one for one in own if one["verdict"] != OK), key=lambda one: VERDICTS.index(one["verdict"])):
            mark = f"{check['verdict']}{' (stops it)' if check['blocks'] and check['verdict'] == UNKNOWN else ''}"
            said = f"{check['name']} ({check['where']}): expected {check['expected']}, but found {check['found']}."
            yield from _wrapped(f"{mark:8} ", f"{said} {check['todo']}".rstrip(), 4)
        bad = {check["name"] for check in own if check["verdict"] != OK}
        fine = dict.fromkeys(check["name"] for check in own if check["verdict"] == OK and check["name"] not in bad)
        if fine:
            yield from _wrapped("ok       ", ", ".join(fine), 4)


def _effort(plan: Mapping[str, Any]) -> Iterator[str]:
    if plan["staged"]:
        yield ""
        yield "Staged onto the nodes before the outage"
        for version in dict.fromkeys(one["version"] for one in plan["staged"]):
            there = [one for one in plan["staged"] if one["version"] == version]
            bytes_of = next((one["bytes"] for one in there if one["bytes"]), None)
            where = ", ".join(f"{one['node']}{' (there already)' if one['there'] else ''}" for one in there)
            path = next((one["path"] for one in there if one["path"]), None)
            signature = next((one["signature"] for one in there if one["signature"]), None)
            told = f"{size(bytes_of) if bytes_of else 'of unknown size'}{f' as {path}' if path else ''} on {where}"
            yield from _wrapped(f"{version}: ", told + (f"; its signature is {signature}" if signature else ""))
    sizes = plan["sizes"]
    yield ""
    yield "Copied"
    if sizes["backup_bytes"] is not None:
        yield f"  database backup: about {size(sizes['backup_bytes'])}"
    for line in sizes["outlook"]:
        yield from _wrapped("", line)
    if plan["outage"]:
        yield ""
        yield from _wrapped("Estimated outage: ", _outage(plan["outage"]), 0)
    if plan.get("test_instance"):
        yield ""
        yield from _wrapped("Test instance: ", _tested(plan["test_instance"]), 0)


def _tested(found: Mapping[str, Any]) -> str:
    """How the last upgrade of a test instance ended."""
    path = "" if found["same_path"] else ", along another upgrade path than this one"
    return (
        f"the upgrade of {found['name']} {found['from']} -> {found['to']} ended {found['finished'][:16]}{path}: {found['verdict']}. "
        "It has some of the projects, so it is no rehearsal, and tells nothing about durations."
    )


def _outage(found: Mapping[str, Any]) -> str:
    if found["seconds"] is None:
        return f"unknown, since {found['explanation']}"
    if found["least"] == found["most"]:
        return f"{outage.text(found['seconds'])} (h:mm:ss), since {found['explanation']}"
    return f"{outage.text(found['least'])} to {outage.text(found['most'])} (h:mm:ss), {found['explanation']}"


def _section(title: str, texts: Sequence[str]) -> Iterator[str]:
    if texts:
        yield ""
        yield title
        for text in texts:
            yield from _wrapped("- ", text)


def _command(plan: Mapping[str, Any]) -> Iterator[str]:
    if plan["command"]:
        yield ""
        yield "Solve what stops it, or waive it by name in octopus_waivers, and plan again:" if plan["verdict"] == BLOCKED else "To go on:"
        yield f"  {plan['command']}"


def _wrapped(head: str, text: str, indent: int = 2) -> Iterator[str]:
    """Lines of at most WIDTH characters, the head before the first; long words such as paths stay whole, to be copied."""
    first = f"{' ' * indent}{head}"
    yield from textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]
