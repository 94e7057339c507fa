# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the world still matches a plan that was approved. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .check import BLOCKER, OK, UNKNOWN, WAIVED, WARNING, Check
from .check_guide.catalogue import is_momentary
from .plan_document import BLOCKED

NAME = "plan_approved"
# What was only not looked up is no worse than a warning: the upgrade looks, and refuses by itself.
_RANK = {OK: 0, WAIVED: 1, WARNING: 2, UNKNOWN: 2, BLOCKER: 3}
_STOPS = 3
Plan = Mapping[str, Any]


def check(approved: Plan, now: Plan, path: str) -> Check:
    """The check of an approved plan.

    Args:
        approved: The plan that was approved, as plan_file.py has read it.
        now: The plan as it is made now.
        path: Where the approved one is, for the message.
    """
    found = list(differences(approved, now))
    return Check(
        NAME,
        not found,
        f"what was approved in {path}, made {approved['made']}",
        "; ".join(found) or "that",
        str(now["instance"]),
        "Look at each difference; make a new plan with octopus_plan_file, and have that approved.",
    )


def differences(approved: Plan, now: Plan) -> Iterator[str]:
    """Each thing that is another one than was approved, or has got worse."""
    if approved["verdict"] == BLOCKED:
        yield "that the approved plan itself has findings that stop it"
    for key, what in (
        ("instance", "the instance"),
        ("installation_id", "the server's installation id"),
        ("installed", "the installed version"),
    ):
        yield from _differs(what, approved.get(key), now.get(key))
    yield from _differs("the target", approved["target"], now["target"])
    yield from _differs("the upgrade path", _path(approved), _path(now))
    yield from _differs("the nodes", _names(approved["nodes"]), _names(now["nodes"]))
    for key, what in (("server", "the SQL Server"), ("name", "the database")):
        yield from _differs(what, approved["database"].get(key), now["database"].get(key))
    yield from _differs("the folder of the restore points", approved.get("restore_points"), now.get("restore_points"))
    yield from _packages(approved["staged"], now["staged"])
    yield from _worse(approved["checks"], now["checks"])


def _differs(what: str, before: Any, after: Any) -> Iterator[str]:
    if before != after:
        yield f"{what} (then {before or 'not known'}; now {after or 'not known'})"


def _path(plan: Plan) -> str:
    return " -> ".join([str(plan["installed"]), *(str(jump["to"]) for jump in plan["path"])])


def _names(nodes: Sequence[Plan]) -> str:
    return ", ".join(sorted(str(node["name"]) for node in nodes))


def _packages(before: Sequence[Plan], after: Sequence[Plan]) -> Iterator[str]:
    """Hashes that are others now. One that nobody stated when the plan was approved may be known by now, as the package was staged since."""
    known = {(one["version"], one["node"]): one["sha256"] for one in before}
    for one in after:
        was, now = known.get((one["version"], one["node"])), one["sha256"]
        if was and was != now:
            yield f"the package of {one['version']} on {one['node']} had the SHA-256 {was}, and has {now or 'an unknown one'}"


def _worse(before: Sequence[Plan], after: Sequence[Plan]) -> Iterator[str]:
    """Verdicts that are worse now, of checks whose findings do not come and go by themselves; of a check at one place the worst counts."""
    was, now = _ranks(before), _ranks(after)
    for (name, where), rank in now.items():
        if name == NAME or (is_momentary(name) and rank < _STOPS):
            continue
        if rank > was.get((name, where), 0):
            yield f"{name} ({where}) was {_told(before, name, where)}, and is {_told(after, name, where)}"


def _ranks(checks: Sequence[Plan]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for one in checks:
        key = (str(one["name"]), str(one["where"]))
        found[key] = max(found.get(key, 0), _rank(one))
    return found


def _rank(check: Plan) -> int:
    return _STOPS if check["blocks"] else _RANK.get(str(check["verdict"]), _STOPS)


def _told(checks: Sequence[Plan], name: str, where: str) -> str:
    own = [one for one in checks if (str(one["name"]), str(one["where"])) == (name, where)]
    return str(max(own, key=_rank)["verdict"]) if own else "not found"
