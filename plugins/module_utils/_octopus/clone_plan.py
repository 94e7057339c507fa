# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a clone is made from, where it goes, what it replaces, and what there is to remove. Pure functions, no I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from . import clone_checks
from .check import Check
from .errors import OctopusError
from .folders.copies import MADE_WHEN_NEEDED

LIVE, NEWEST = "live", "newest"
DEFAULT_PORT = 1433
_LAST_FOLDER = re.compile(r"[\\/][^\\/]+$")


@dataclass(frozen=True)
class Run:
    """A run of the clone that has not ended, and what earlier ones have left.

    Attributes:
        unfinished: Whether there is one.
        run_id: Its id.
        operation: What it does; ``clone`` for a refresh.
        error: What it failed with; empty where it was interrupted.
        facts: What it has recorded: ``clone_new``, ``clone_old``, ``clone_stale`` and ``clone_sql``.
        left_over: What earlier runs could not remove.
    """

    unfinished: bool = False
    run_id: str = ""
    operation: str = ""
    error: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    left_over: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True)
class Facts:
    """What is known of a clone. Without ``removing``, see the options of octopus_clone_plan.

    Attributes:
        removing: Whether the clone is to be removed. A removal that was interrupted may have left the instance on some of its nodes only.
    """

    instance: str
    clone_of: str
    instance_name: str
    host: str
    nodes: Sequence[str]
    hosts: Mapping[str, Any]
    run: Run
    removing: bool = False
    run_id: str = ""
    clone_from: str = LIVE
    source_nodes: Sequence[str] = ()
    source_restore_point: str = ""
    source_error: str = ""
    unusable: bool = False
    verified: Mapping[str, Any] | None = None
    quarantine: Mapping[str, Any] | None = None
    force: bool = False
    sql_host: str = ""
    sql_port: int | None = None
    sql_server: str = ""
    database: str = ""
    folder_root: str = ""
    sql_backup_folder: str = ""
    sql_separator: str = "\\"
    waivers: Sequence[str] = ()
    outbound: Sequence[str] = ()

    @property
    def having(self) -> list[str]:
        """The hosts that have the instance."""
        return [name for name, host in self.hosts.items() if self._on(host)]

    @property
    def here(self) -> dict[str, Any]:
        """The instance on the clone's host, or, to remove it, on the first node that has it; empty where there is none."""
        if self.removing:
            return next((self._on(self.hosts[name]) for name in self.having), {})
        return self._on(self.hosts.get(self.host) or {})

    def _on(self, host: Mapping[str, Any]) -> dict[str, Any]:
        return next((dict(one) for one in host.get("instances") or [] if one["name"] == self.instance_name), {})

    @property
    def old_database(self) -> str:
        """The database of that instance; empty where there is none."""
        return str((self.here.get("database") or {}).get("database") or "")


# -- what it is made from


def resumes(facts: Facts) -> bool:
    """Whether an unfinished refresh is resumed. A failed one is not: what it has left is removed once another clone works."""
    run = facts.run
    return run.unfinished and run.operation == "clone" and "clone_new" in run.facts and not run.error and not facts.unusable


def restore_point(facts: Facts, check_mode: bool) -> str:
    """The restore point to make the clone from; empty for the newest.

    Raises:
        OctopusError: The clone names no source, or the source has no restore point of this run (not in check mode, where none is created).
    """
    if not facts.clone_of:
        raise OctopusError(
            f"Expected the variable octopus_clone_of for the clone {facts.instance}, the octopus_instance of its source, but found none. Set it."
        )
    if resumes(facts):
        return str(facts.run.facts["clone_new"]["restore_point"])
    if facts.clone_from != LIVE:
        return "" if facts.clone_from == NEWEST else facts.clone_from
    if not facts.source_restore_point and not check_mode:
        hint = "" if facts.source_error else " Let the run include the source too (--limit), or set octopus_clone_from to newest."
        raise OctopusError(
            f"Expected a restore point of {facts.clone_of}, as it is now, for its clone {facts.instance}, but found: "
            f"{facts.source_error or 'none was created in this run'}. Nothing of the clone was begun.{hint}"
        )
    return facts.source_restore_point


# -- where it goes, and what is there


def refuse_nodes_of_source(facts: Facts, manifest: Mapping[str, Any]) -> None:
    """Refuse a node that runs the source.

    Raises:
        OctopusError: There is one.
    """
    shared = [node for node in facts.nodes if node in {*(manifest.get("nodes") or {}), *facts.source_nodes}]
    if shared:
        raise OctopusError(
            f"Expected nodes for the clone {facts.instance} that do not run {facts.clone_of}, but found {', '.join(shared)}. On one host, a clone "
            "would share the programs of the live service and be taken for it. Give the clone another host."
        )


def refuse_stranger(facts: Facts) -> None:
    """Refuse to replace or remove an instance that is not a clone of ours.

    Raises:
        OctopusError: It is not, or its database was not asked.
    """
    record = (facts.quarantine or {}).get("record") or {}
    if not facts.old_database or (record and not record.get("lifted")):
        return
    if record:
        raise OctopusError(
            f"Expected on {facts.host} a clone that can be replaced or removed, but the quarantine of the database {facts.old_database} was lifted at "
            f"{record['lifted']['at']}, so {facts.instance_name} is an instance in service. Nothing of it was changed. Take the host out of the group "
            "octopus_clones."
        )
    if "record" not in (facts.quarantine or {}):
        raise OctopusError(f"quarantine must be what octopus_quarantine_info returned for the database {facts.old_database}.")
    raise OctopusError(
        f"Expected on {facts.host} no instance {facts.instance_name}, or one whose database was put under quarantine as a clone, but found one on "
        f"the database {facts.old_database}, which never was. Nothing of it was changed. Remove that instance, or give the clone another name "
        "with octopus_clone_instance_name."
    )


def sql(facts: Facts, database: Mapping[str, Any]) -> dict[str, Any]:
    """The clone's SQL Server.

    Args:
        facts: What is known.
        database: Where another database is, on whose server the clone's is too unless another one is set: ``host`` and ``port``.

    Returns:
        ``host`` and ``port`` for the control node, and ``server`` for the clone's connection string. A named instance is found by its name.
    """
    host = facts.sql_host or str(database.get("host") or "")
    port = int(facts.sql_port or database.get("port") or DEFAULT_PORT)
    by_name = "\\" in host or port == DEFAULT_PORT
    return {"host": host, "port": port, "server": facts.sql_server or (host if by_name else f"{host},{port}")}


def found(facts: Facts) -> dict[str, Any]:
    """The clone that exists now."""
    exists = bool(facts.old_database)
    record = (facts.quarantine or {}).get("record") or {}
    folders = dict(facts.here.get("folders") or {})
    own = next((path for path in folders.values() if path), "")
    host = facts.hosts.get(facts.host) or {}
    every = [one for each in facts.hosts.values() for one in each.get("instances") or []]
    return {
        "exists": exists,
        "database": facts.old_database,
        "folder": _LAST_FOLDER.sub("", own),
        "folders": folders,
        "restore_point": record.get("restore_point") or "",
        "version": ((host.get("program") or {}).get("version") or "") if exists else "",
        "nodes": [one["node_name"] for one in every if one.get("node_name")],
        "running": (facts.here.get("service") or {}).get("state") == "running",
    }


def stale(facts: Facts, current: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What earlier runs have left of clones that nobody uses: databases with their folders.

    An unfinished run has recorded what it made or was about to remove, and what it had found of earlier ones.

    Args:
        facts: What is known.
        current: The clone that exists now.
    """
    recorded = facts.run.facts
    earlier = list(recorded.get("clone_stale") or [])
    if resumes(facts):
        return earlier
    known = [recorded.get("clone_new"), recorded.get("clone_old"), *earlier, *facts.run.left_over]
    unused: dict[str, dict[str, Any]] = {}
    for one in known:
        if one and one["database"] and one["database"] != current["database"]:
            unused.setdefault(one["database"], dict(one))
    return list(unused.values())


# -- what is to be done


@dataclass(frozen=True)
class Refresh:
    """The plan of making the clone, or of replacing the one that exists."""

    resumes: bool
    restore_point: str
    sql: dict[str, Any]
    manifest: dict[str, Any]
    new: dict[str, Any]
    old: dict[str, Any]
    stale: list[dict[str, Any]]
    unchanged: bool
    work: bool
    backup_paths: list[str]
    checks: list[Check]
    lines: list[str]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def refresh(facts: Facts) -> Refresh:
    """Plan the refresh of a clone.

    Raises:
        OctopusError: A node is one of the source's, or the instance on the host is not a clone, or the clone could not be set up.
    """
    verified = facts.verified or {}
    if "manifest" not in verified:
        raise OctopusError("verified must be what octopus_restore_point_verify returned for a restore point that is intact.")
    manifest = dict(verified["manifest"])
    refuse_nodes_of_source(facts, manifest)
    refuse_stranger(facts)
    again = resumes(facts)
    where = sql(facts, manifest["database"])
    current = found(facts)
    old = dict(facts.run.facts["clone_old"]) if again else current
    new = dict(facts.run.facts["clone_new"]) if again else _new(facts, verified)
    left = stale(facts, current)
    unchanged = (
        not facts.force
        and not facts.run.unfinished
        and old["restore_point"] == new["restore_point"]
        and old["version"] == new["version"]
        and bool(old["running"])
    )
    asked = clone_checks.checks(facts.instance, manifest, where["server"], hosts=facts.hosts, nodes=facts.nodes, waivers=facts.waivers)
    checks = [] if unchanged else list(asked)
    clone_checks.refuse(facts.instance, checks)
    return Refresh(
        again,
        new["restore_point"],
        where,
        manifest,
        new,
        old,
        left,
        unchanged,
        not unchanged or bool(left),
        _backup_paths(facts, manifest, new["restore_point"]),
        checks,
        _refresh_lines(facts, where, new, old, unchanged),
    )


def _new(facts: Facts, verified: Mapping[str, Any]) -> dict[str, Any]:
    manifest = verified["manifest"]
    name = facts.database or f"{manifest['database']['name']} {facts.instance}"
    folder = f"{facts.folder_root}\\{facts.run_id}"
    # Also those that no source names: the copy of the database says where the source has them, whether this version reports it or not.
    names = dict.fromkeys([*(manifest.get("folders") or {}), *MADE_WHEN_NEEDED])
    return {
        "restore_point": verified["restore_point"],
        "path": verified["path"],
        "version": manifest["version"],
        "database": f"{name} {facts.run_id}",
        "folder": folder,
        "folders": {one: f"{folder}\\{one}" for one in names},
    }


def _backup_paths(facts: Facts, manifest: Mapping[str, Any], point: str) -> list[str]:
    """The files of the database's backup, as SQL Server sees them."""
    return [facts.sql_separator.join([facts.sql_backup_folder, point, file["name"]]) for file in manifest["database"]["backup"]["files"]]


def _refresh_lines(facts: Facts, where: Mapping[str, Any], new: Mapping[str, Any], old: Mapping[str, Any], unchanged: bool) -> list[str]:
    at = f" at {old['version']}" if old["version"] else ""
    return [
        f"{facts.instance}, a clone of {facts.clone_of} at {new['version']}: restore point {new['restore_point']}",
        f"now: {old['restore_point'] or 'no clone'}{at}",
        "nothing to do: it is that already" if unchanged else f"database {new['database']} on {where['server']}",
    ]


@dataclass(frozen=True)
class Removal:
    """The plan of removing the clone: the hosts that have it, what it is, what earlier runs have left, what must never be touched."""

    having: list[str]
    sql: dict[str, Any]
    old: dict[str, Any]
    stale: list[dict[str, Any]]
    remains: list[str]
    never: list[dict[str, Any]]
    lines: list[str]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def removal_sql(facts: Facts) -> dict[str, Any]:
    """The SQL Server of a clone that is to be removed: its instance says so, or else what an unfinished removal has recorded."""
    recorded = facts.run.facts.get("clone_sql") or {}
    return sql(facts, facts.here.get("database") or recorded)


def removal(facts: Facts) -> Removal:
    """Plan the removal of a clone.

    Raises:
        OctopusError: The instance on the hosts is not a clone.
    """
    refuse_stranger(facts)
    current = found(facts)
    left = stale(facts, current)
    having = facts.having
    source = ((facts.quarantine or {}).get("record") or {}).get("source") or {}
    remains = [
        *([f"the instance {facts.instance_name} on {', '.join(having)}"] if having else []),
        *(f"the database {one['database']}" for one in [current, *left] if one["database"]),
        *(f"the folder {one['folder']}" for one in [current, *left] if one.get("folder")),
        *([f"the outbound rule of Windows Firewall on {', '.join(facts.outbound)}"] if facts.outbound else []),
        *([f"the unfinished run {facts.run.run_id}"] if facts.run.unfinished else []),
    ]
    return Removal(
        having,
        removal_sql(facts),
        current,
        left,
        remains,
        [{"server": source.get("server_name") or source["host"], "database": source["database"]}] if source else [],
        [f"{facts.instance}: {'to be removed' if remains else 'nothing to remove'}", *remains],
    )
