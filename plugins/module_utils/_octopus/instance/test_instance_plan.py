# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be done so that there is a test instance, or none any more. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .test_instance_facts import Facts, owned, refuse_source

CREATE, RESUME, REPLACE, UNCHANGED = "create", "resume", "replace", "unchanged"


def plan(facts: Facts) -> dict[str, Any]:
    """Plan the creation of a test instance.

    Raises:
        OctopusError: It is impossible or unsafe, or nothing may be changed without ``force``.
    """
    refuse_source(facts)
    if not facts.projects:
        raise OctopusError(
            f"Expected octopus_test_projects of {facts.instance} to name the projects of {facts.test_of}, but it names none."
        )
    action = _action(facts)
    if action in (CREATE, REPLACE):
        others = [one["name"] for one in facts.instances if one["name"].lower() != facts.instance_name.lower()]
        if others:
            raise OctopusError(
                f"Expected a host of its own for the test instance {facts.instance}, but {facts.nodes[0]} has {', '.join(others)} too. All instances "
                "of a host share one program. Nothing was changed."
            )
    made = dict(facts.run.made) or {
        "version": str(facts.source["version"]),
        "thumbprint": str(facts.source["thumbprint"]),
        "projects": list(facts.projects),
        "space": facts.space,
        "database": facts.database,
        "replaced": facts.look.created if action == REPLACE else None,
    }
    # What is replaced is dropped once: the database that is created anew has another time.
    replaced = made["replaced"] is not None
    drop = facts.database if replaced and made["replaced"] == facts.look.created else ""
    return {
        "action": action,
        "replaces": replaced,
        "having": facts.having if replaced else [],
        "drop": drop,
        "made": made,
        "lines": _lines(facts, action, made),
    }


def _action(facts: Facts) -> str:
    run = facts.run
    if run.removed:
        raise OctopusError(f"The removal {run.run_id} of {facts.instance} has not ended. Run remove_test_instance.yml to finish it first.")
    if run.made:
        changed = [name for name, now in (("projects", list(facts.projects)), ("space", facts.space)) if run.made[name] != now]
        if changed:
            raise OctopusError(
                f"The run {run.run_id} of {facts.instance} has not ended, and was begun with other {' and '.join(changed)}: "
                f"{', '.join(run.made['projects'])} in the space {run.made['space'] or 'that is the default'}. Finish it with those, or run "
                "remove_test_instance.yml first."
            )
        return RESUME
    if run.unfinished:
        if facts.force:
            raise OctopusError(
                f"The {run.operation} {run.run_id} of {facts.instance} has not ended. Run this without octopus_test_force to finish it, or run "
                "remove_test_instance.yml first."
            )
        return UNCHANGED  # the upgrade that follows resumes it
    if not owned(facts):
        if facts.look.created is not None:
            raise OctopusError(
                f"Expected no database {facts.place}, but it exists, and {facts.nodes[0]} has no instance that uses it. Nothing was changed. Choose "
                "another name in octopus_test_database, or drop it if nobody needs it."
            )
        return CREATE
    if facts.force:
        return REPLACE
    found = _unusable(facts)
    if found:
        raise OctopusError(f"Expected the test instance {facts.instance} to run and to be complete, but {found}. Nothing was changed.")
    missing = [name for name in facts.projects if name not in (facts.there or ())]
    if missing:
        raise OctopusError(
            f"Expected the test instance {facts.instance} to have {', '.join(facts.projects)}, but it does not have {', '.join(missing)}. Nothing was "
            "changed. Set octopus_test_force to make it anew; what was done in it is lost."
        )
    return UNCHANGED


def _unusable(facts: Facts) -> str:
    """Why a test instance that is there cannot be left as it is, and what to do; empty where it can."""
    anew = "or set octopus_test_force to make it anew"
    if not facts.mark or not facts.mark.complete:
        return f"it is not complete. Remove it with remove_test_instance.yml, {anew}"
    if not facts.running:
        return f"its service does not run. Start it, {anew}"
    if facts.there is None:
        return (
            "there is no API key by which it could be asked. Copy the folder test-instance from the control node that has made it, make another key "
            f"with octopus_api_key, {anew}"
        )
    return ""


def _lines(facts: Facts, action: str, made: Mapping[str, Any]) -> list[str]:
    head = f"{facts.instance}, a test instance of {facts.test_of}"
    if action == UNCHANGED:
        return [f"{head}: nothing to do before its upgrade"]
    words = {CREATE: "to be created", RESUME: f"to be finished (run {facts.run.run_id})", REPLACE: "to be removed and created anew"}
    return [
        f"{head}: {words[action]} at {made['version']}",
        f"database {facts.place}",
        f"projects {', '.join(made['projects'])}",
    ]


# -- removal


def removal(facts: Facts) -> dict[str, Any]:
    """Plan the removal of a test instance.

    Raises:
        OctopusError: The instance or its database is somebody else's.
    """
    recorded = facts.run.removed
    ours = owned(facts)
    created = facts.look.created
    drop = ""
    if created is not None and ours and (facts.mark is not None or recorded.get("created") == created):
        drop = facts.database
    elif created is not None and not ours and recorded.get("database") == facts.database and recorded.get("created") == created:
        drop = facts.database  # an interrupted removal has removed the instance before
    remains = [
        *([f"the instance {facts.instance_name} on {', '.join(facts.having)}"] if ours else []),
        *([f"the database {drop}"] if drop else []),
        *([f"the unfinished run {facts.run.run_id}"] if facts.run.unfinished else []),
    ]
    return {
        "action": RESUME if recorded else "remove" if remains else UNCHANGED,
        "having": facts.having if ours else [],
        "drop": drop,
        "removed": dict(recorded) or {"database": drop, "created": created if drop else None},
        "remains": remains,
        "lines": [f"{facts.instance}: {'to be removed' if remains else 'nothing to remove'}", *remains],
    }
