# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether this very server is as the later steps of an operation take it to be, by what octopus_compatibility_info has looked up. No I/O.

A contradiction blocks, since the step that depends on it would fail in the outage. What could not be looked up does not: most of it is what
nobody has made yet, or what the user of the API key may not see, and the step itself asks again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .check import Check, unknown
from .compatibility.probe import CONTRADICTION, DATABASE, NO_ROW, OK, PROGRAM, REST, UNKNOWN, WINDOWS

_MANY = 4


_Make = Callable[["bool | None", str, str], Check]


def _check(name: str, expected: str) -> _Make:
    def make(ok: bool | None, found: str, instance: str) -> Check:
        todo = "Run the playbook compatibility to see all that could be looked up."
        if ok is False:
            todo = (
                "Run the playbook compatibility, and attach its report to an issue. Waive this check by name where you know that the step "
                "succeeds."
            )
        return Check(name, ok, expected, found, instance, todo, blocking=ok is not None)

    return make


# By the part of the server that tells.
_CHECKS = {
    PROGRAM: _check("program_as_assumed", "the commands, switches and settings of the program that later steps use"),
    WINDOWS: _check("windows_as_assumed", "the service and the registered product, by which later steps find them"),
    REST: _check("rest_api_as_assumed", "the links, pages and properties of the REST API that later steps read"),
    DATABASE: _check("database_as_assumed", "the tables and columns of the database that later steps read"),
}


def checks(looked: Mapping[str, Any], instance: str) -> Iterator[Check]:
    """Yield a check for each part of the server.

    Args:
        looked: The result of octopus_compatibility_info with an operation, or of the task that has failed; empty where it was not asked.
        instance: The name of the instance.
    """
    if not looked or looked.get("skipped"):
        return
    probes = (looked.get("report") or {}).get("probes")
    for part, make in _CHECKS.items():
        if probes is None:
            yield make(None, unknown(str(looked.get("msg") or "it was not looked up")), instance)
        elif own := [one for one in probes if one["id"].startswith(f"{part}: ")]:
            yield _judged(make, own, instance)


def _judged(make: _Make, probes: list[Mapping[str, Any]], instance: str) -> Check:
    wrong = [_wrong(one) for one in probes if one["verdict"] == CONTRADICTION]
    # Where there is no row of a kind, no step reads one.
    unseen = [_unseen(one) for one in probes if one["verdict"] == UNKNOWN and one["reason"] != NO_ROW]
    fine = sum(one["verdict"] == OK for one in probes)
    if wrong:
        return make(False, _some(wrong) + (f"; and {unknown(_some(unseen))}" if unseen else ""), instance)
    if unseen:
        return make(None, unknown(_some(unseen)), instance)
    left = len(probes) - fine
    return make(True, f"all {fine} that were looked up" + (f"; of {left} more there is nothing yet" if left else ""), instance)


def _wrong(one: Mapping[str, Any]) -> str:
    return f"no {', '.join(one['missing'])} in {_subject(one)}, which {', '.join(one['needed_by'])} needs ({one['step']})"


def _unseen(one: Mapping[str, Any]) -> str:
    return f"{_subject(one)}: {one['reason']}"


def _subject(one: Mapping[str, Any]) -> str:
    return str(one["id"]).split(": ")[1]


def _some(texts: list[str]) -> str:
    # A page and its rows are unknown for one reason.
    told = list(dict.fromkeys(texts))
    return "; ".join(told[:_MANY]) + (f" and {len(told) - _MANY} more" if len(told) > _MANY else "")
