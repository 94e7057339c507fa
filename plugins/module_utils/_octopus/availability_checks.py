# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a rollback can take the database out of its availability group, and add it again. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql import availability
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier, quote_string

from .check import Check, unknown

REJOINABLE = "group_rejoinable"
_SEE = "Run GRANT VIEW ANY DEFINITION and GRANT VIEW SERVER STATE TO the login"


def removable(found: Mapping[str, Any] | None) -> Iterator[tuple[bool | None, str, str]]:
    """What stands in the way of taking the database out of its group: False or None, the finding, and what to do.

    Args:
        found: The group as octopus_database_info has it; None where the login does not see it.
    """
    if not found:
        yield None, unknown("the login does not see the availability group of the database"), _SEE
        return
    group = _group(found)
    problem = availability.not_removable(group)
    if problem:
        what, _dot, todo = problem.partition(". ")
        yield (None if group.may_alter is None and group.role == availability.PRIMARY else False), f"that {what}", todo


def rejoinable(around: Mapping[str, Any] | None, database: str, where: str) -> Iterator[Check]:
    """The check of whether the database gets back into its group by itself after a rollback. Without that the rollback ends in service all the
    same, and says what to do.

    Args:
        around: The surroundings as octopus_database_info has them; None where they were not read.
        database: The database.
        where: Its SQL Server.
    """
    if not around or not around["availability_group"] or not around.get("group"):
        return  # rollback_possible says so
    group = _group(around["group"])
    expected = f"every secondary of the availability group {group.name} to get its copy again by itself after a rollback"
    problems = [(one, found) for one in group.secondaries if (found := availability.not_seedable(one, database))]
    waive = f"Or waive {REJOINABLE}: a rollback that restores the database then leaves it out of the group, in service, and says which T-SQL adds it"
    if later := availability.not_joinable(group):
        what, _dot, todo = later.partition(". ")
        yield Check(REJOINABLE, False, expected, f"that {what}", where, f"{todo}. {waive}.")
    for one, found in problems:
        known = one.seeding != availability.AUTOMATIC or not one.problem
        told = f"that {found}" if known else unknown(found)
        yield Check(REJOINABLE, False if known else None, expected, told, where, f"{_todo(group, one)}. {waive}.")
    if not problems and not later:
        yield Check(REJOINABLE, True, expected, "that each does", where)


def before(database: Mapping[str, Any]) -> dict[str, Any]:
    """The group that a rollback returns the database to, and by what the copies of its secondaries are recognized; empty for none."""
    around = (database.get("rollback") or {}).get("surroundings") or {}
    found = around.get("group")
    if not around.get("availability_group") or not found:
        return {}
    return {"name": found["name"], "copies": {one["server"]: one["created"] for one in found["secondaries"] if one["created"]}}


def lines(around: Mapping[str, Any]) -> list[str]:
    """What the plan says of the group."""
    if not around.get("availability_group") or not around.get("group"):
        return []
    group = _group(around["group"])
    others = ", ".join(f"{one.server} ({one.seeding.lower()} seeding)" for one in group.secondaries) or "none"
    return [f"availability group: {group.name}, primary {group.primary or 'unknown'}, secondaries {others}"]


def _todo(group: availability.Group, one: availability.Secondary) -> str:
    if one.seeding != availability.AUTOMATIC:
        name, server = quote_identifier(group.name), quote_string(one.server)
        return (
            f"On the primary, run ALTER AVAILABILITY GROUP {name} MODIFY REPLICA ON {server} WITH (SEEDING_MODE = AUTOMATIC), and on {one.server} "
            f"ALTER AVAILABILITY GROUP {name} GRANT CREATE ANY DATABASE"
        )
    return f"Create the login on {one.server} with the same password and the server role dbcreator, and let the control node reach it"


def _group(found: Mapping[str, Any]) -> availability.Group:
    return availability.Group(**{**found, "secondaries": tuple(availability.Secondary(**one) for one in found["secondaries"])})
