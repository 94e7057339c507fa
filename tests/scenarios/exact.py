# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two legitimate ends of an upgrade, exactly: as before, and upgraded. Each function names every difference; none is the end itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from scenarios.world import LIVELY, MIGRATED, OWN_STATE, Row, World, lost_files, lost_rows

UNFINISHED = {"Queued", "Executing", "Cancelling"}
SYSTEM_TASKS = {"SystemIntegrityCheck", "Health", "Retention"}
# A node's LastSeen is a column, or a table of its own; what a row's JSON still has of it, the first change of the node takes out.
OWN_PROPERTIES = OWN_STATE | {("OctopusServerNode", "LastSeen")}
TASK_LOG = re.compile(r"tasklogs\\servertasks-\d+\.txt$")


@dataclass(frozen=True)
class Own:
    """What a running server writes into a table by itself.

    Attributes:
        columns: Those of an existing row that may have another value.
        may_change: Whether that holds for this row, as it was and as it is.
        may_add: Whether a row that is new can be the server's own.
    """

    why: str
    columns: frozenset[str] = frozenset()
    may_change: Callable[[Row, Row], bool] = lambda old, new: True
    may_add: Callable[[Row, World, World], bool] = lambda row, before, after: False


def _own_task(row: Row, before: World, after: World) -> bool:
    if row["Name"] in SYSTEM_TASKS:
        return True
    triggers = [str(trigger["Name"]) for trigger in before.tables.get("ProjectTrigger", {}).values()]
    return row["Name"] == "Deploy" and any(str(row["Description"]).endswith(f"({name})") for name in triggers)


def _own_deployment(row: Row, before: World, after: World) -> bool:
    tasks = after.tables["ServerTask"]
    return row["TaskId"] not in before.tables["ServerTask"] and row["TaskId"] in tasks and _own_task(tasks[row["TaskId"]], before, after)


# Everything that is not named here must be as it was, to the last character. Where the lab's server writes it: lab/octopus/node.py
# (heartbeat, tasks at their times, triggers), server_tasks.py (how a task ends), documents.py (numbers of new documents).
# There is no OctopusServerInstallationHistory here: a server writes a row when it starts with another version than before.
OWN: dict[str, Own] = {
    "OctopusServerNode": Own("the heartbeat, before 2019.7", frozenset({"LastSeen"})),
    "OctopusServerNodeStatus": Own("the heartbeat, from 2019.7", frozenset({"LastSeen"})),
    "ServerTask": Own(
        "a task that had not ended goes on; a start queues an integrity check, time and triggers queue others",
        frozenset({"State", "StartTime", "CompletedTime", "ErrorMessage", "ServerNodeId", "HasWarningsOrErrors", "LastModified"}),
        may_change=lambda old, new: old["State"] in UNFINISHED,
        may_add=_own_task,
    ),
    "Deployment": Own("a trigger deploys", may_add=_own_deployment),
    "Event": Own(
        "a deployment ends",
        may_add=lambda row, before, after: row["Category"] in ("DeploymentSucceeded", "DeploymentFailed") and row["Username"] == "system",
    ),
    "KeyAllocation": Own(
        "numbers of new rows: they only grow",
        frozenset({"Allocated"}),
        may_change=lambda old, new: int(new["Allocated"]) > int(old["Allocated"]),
        may_add=lambda row, before, after: row["Id"] in ("ServerTask", "Deployment", "Event"),
    ),
}


def changed(before: World, after: World) -> list[str]:
    """What is not exactly as it was before."""
    out = [f"table {name} is gone" for name in before.tables.keys() - after.tables.keys()]
    out += [f"table {name} is new" for name in after.tables.keys() - before.tables.keys()]
    for table in sorted(before.tables.keys() & after.tables.keys()):
        out += _changed_rows(table, before, after)
    out += _changed_files(before, after)
    out += _changed_descriptions(before, after)
    for what in ("programs", "products", "program_files", "configuration", "registered", "settings", "database", "registry"):
        out += _compare(what, getattr(before, what), getattr(after, what))
    return out + _flags(before, after)


def not_upgraded(before: World, after: World, version: str) -> list[str]:
    """What is not exactly as an upgrade from ``before`` to that version leaves it."""
    out = [f"lost: {loss}" for loss in lost_rows(before, after)]
    for table in sorted(LIVELY & OWN.keys() & before.tables.keys() & after.tables.keys()):
        out += _changed_rows(table, before, after, migrated=True)
    out += [f"lost: file {path}" for path in lost_files(before, after)] + _changed_files(before, after)
    for what in ("configuration", "registered", "settings", "database"):
        out += _compare(what, getattr(before, what), getattr(after, what))
    for node in before.programs:
        out += _compare("program of", {node: version}, {node: after.programs.get(node)})
        out += _compare("product of", {node: [version]}, {node: after.products.get(node)})
    newest = max(after.tables["OctopusServerInstallationHistory"].values(), key=lambda row: str(row["Installed"]))
    if newest["Version"] != version:
        out.append(f"the installation history ends with {newest['Version']}")
    if "UpgradeLeftover" in after.tables:
        out.append("table UpgradeLeftover is there: a migration was left half done")
    return out + _flags(before, after)


# -- rows


def _changed_rows(table: str, before: World, after: World, migrated: bool = False) -> list[str]:
    """``migrated``: columns may have come and gone, and a migration may have filled some anew."""
    own = OWN.get(table, Own("nothing"))
    old_rows, new_rows = before.tables[table], after.tables[table]
    out = [f"{table} {key} is gone" for key in old_rows.keys() - new_rows.keys()]
    out += [f"{table} {key} is new" for key in new_rows.keys() - old_rows.keys() if not own.may_add(new_rows[key], before, after)]
    for key in sorted(old_rows.keys() & new_rows.keys()):
        old, new = old_rows[key], new_rows[key]
        if not migrated and old.keys() != new.keys():
            return [*out, f"{table} has other columns: {', '.join(sorted(old.keys() ^ new.keys()))}"]
        differ = [name for name in old if name in new and _value(table, name, old[name]) != _value(table, name, new[name])]
        differ = [name for name in differ if not migrated or name not in MIGRATED | {"JSON"}]
        free = own.columns if own.may_change(old, new) else frozenset()
        out += [f"{table} {key}.{name}: {_short(old[name])} -> {_short(new[name])}" for name in differ if name not in free]
    return out


def _value(table: str, column: str, value: Any) -> Any:
    """A value as it is compared: documents by their properties, without what a running server moves on in them."""
    if column != "JSON" or not isinstance(value, str) or not value.startswith("{"):
        return value
    return {name: part for name, part in json.loads(value).items() if (table, name) not in OWN_PROPERTIES}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


# -- everything else


def _changed_files(before: World, after: World) -> list[str]:
    """Each file at its own place with its own content. Only the log of a task may be new, or longer where the task had not ended."""
    out = [f"file {path} is gone" for path in before.files.keys() - after.files.keys()]
    out += [f"file {path} is new" for path in after.files.keys() - before.files.keys() if not TASK_LOG.search(path.lower())]
    running = {key.lower() for key, row in before.tables["ServerTask"].items() if row["State"] in UNFINISHED}
    for path in sorted(before.files.keys() & after.files.keys()):
        old, new = before.files[path], after.files[path]
        task = path.lower().rpartition("\\")[2].removesuffix(".txt")
        goes_on = TASK_LOG.search(path.lower()) and task in running and new.startswith(old)
        if old != new and not goes_on:
            out.append(f"file {path} has another content")
    logs = {folder for folder in after.folders if folder.lower().startswith("tasklogs")} | {"Logs"}
    out += [f"folder {folder} is gone" for folder in sorted(before.folders - after.folders)]
    return out + [f"folder {folder} is new" for folder in sorted(after.folders - before.folders - logs)]


def _changed_descriptions(before: World, after: World) -> list[str]:
    """When each file was written that is what it was; who owns each file and folder that was there before, and who may do what with it."""
    same = [path for path in before.files.keys() & after.files.keys() if before.files[path] == after.files[path]]
    out = [f"file {path} was written at another time" for path in sorted(same) if before.times.get(path) != after.times.get(path)]
    for what, old, new in (("rights", before.rights, after.rights), ("owner", before.owners, after.owners)):
        for path in sorted(old.keys() & new.keys()):
            if old[path] != new[path]:
                out.append(f"{what} of {path}: {old[path]} -> {new[path]}")
    return out


def _flags(before: World, after: World) -> list[str]:
    out: list[str] = []
    for what in ("services", "watchdogs", "maintenance", "drained"):
        old, new = getattr(before, what), getattr(after, what)
        if old != new:
            out.append(f"{what}: {old} -> {new}")
    return out


def _compare(what: str, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [f"{what} {name}: {_short(old.get(name))} -> {_short(new.get(name))}" for name in _differ(old, new)]


def _differ(old: dict[str, Any], new: dict[str, Any]) -> Iterable[str]:
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
