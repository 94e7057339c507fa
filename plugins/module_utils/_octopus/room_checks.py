# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether there is room for an upgrade and for its rollback. A number that is missing is unknown, never zero. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .check import SPACE_FOR_FOLDERS, Check, size, unknown
from .rehearsal_checks import LATER, NOT_LOOKED

NAMES = ("space_on_node", "space_on_sql_server", "space_for_backup", "space_for_rollback", SPACE_FOR_FOLDERS)
# An installation unpacks to about three times its MSI, and both lie on the drive at once (assumed; 2026.2's MSI is 1.4 GB).
INSTALL_FACTOR = 4


def on_nodes(nodes: list[str], hosts: Mapping[str, Any], packages: Mapping[str, Any], path: list[str]) -> Iterator[Check]:
    """Whether the system drive of each node holds the packages and the installation.

    Args:
        nodes: The nodes.
        hosts: What was read of each.
        packages: For each version, what is known of its MSI on each node; empty where that was not asked yet.
        path: The versions to go through.
    """
    if not packages or not path:
        return
    sizes = {
        version: next((package["size"] for package in there.values() if package.get("size")), None) for version, there in packages.items()
    }
    unsaid = [version for version, value in sizes.items() if not value]
    known = {version: int(value or 0) for version, value in sizes.items()}
    needed = sum(known.values()) + max((known.get(version, 0) for version in path), default=0) * (INSTALL_FACTOR - 1)
    for node in nodes:
        drive = str(hosts.get(node, {}).get("system_drive") or "C:")
        drives = hosts.get(node, {}).get("free_bytes") or {}
        free = next((int(value) for name, value in drives.items() if drive.lower().startswith(name.lower()) and value is not None), None)
        found = size(free) if free is not None else unknown(f"{node} does not say how much is free there")
        if unsaid:
            found = unknown(f"the origin does not say how large the package of {', '.join(unsaid)} is; {found} free")
        # Too little for what is known is too little, whatever the rest.
        fits = None if free is None else False if free < needed else None if unsaid else True
        yield Check(
            "space_on_node",
            fits,
            f"{size(needed)} free on drive {drive} for {len(sizes)} packages and the installation",
            size(free) if fits is False and free is not None else found,
            node,
            "Free some space there." if fits is False else "Check it yourself, then waive this check by name.",
        )


def on_sql_server(database: Mapping[str, Any], path: list[str]) -> Iterator[Check]:
    """Whether each volume of the database has room for the migration."""
    if not path:
        return
    where, used, volumes = database.get("server") or "SQL Server", database.get("used_bytes"), database.get("volumes") or []
    if not volumes or used is None:
        yield Check(
            "space_on_sql_server",
            None,
            "on each volume of the database as much free as it uses, for the migration scripts",
            unknown("the login may not see the volumes" if not volumes else "the size of the database is not known"),
            where,
            "Run GRANT VIEW SERVER STATE TO the login, or look yourself and waive this check by name.",
        )
        return
    for volume in volumes:
        yield Check(
            "space_on_sql_server",
            int(volume["free"]) >= int(used),
            f"{size(int(used))} free (as much as the database uses) on {volume['name']} for the migration scripts",
            size(int(volume["free"])),
            where,
            "Free some space there; some migrations need as much again as the data they change.",
        )


def for_backup(backup: Mapping[str, Any], rehearsal: Mapping[str, Any] | None) -> Iterator[Check]:
    """Whether there is room where the backup goes. Of a share, only a job of a node can tell.

    Args:
        backup: What mssql_backup returned in check mode; empty where that was not asked yet.
        rehearsal: What octopus_rehearsal_info returned, whose job has seen the share; None where that was not asked yet.
    """
    if not backup:
        return
    wanted, room = backup.get("estimated_bytes"), backup.get("free_bytes")
    if room is None and rehearsal is not None:
        room = rehearsal.get("free_bytes")
    if room is None and (rehearsal is None or "rehearsals" not in rehearsal):
        return  # a later call knows more
    if room is None and rehearsal is not None and not rehearsal.get("looked", True):
        yield Check(
            "space_for_backup",
            None,
            f"{size(int(wanted))} free where the backup goes" if wanted is not None else "enough free where the backup goes",
            unknown(NOT_LOOKED),
            ", ".join(backup.get("paths") or []),
            LATER,
            blocking=False,
        )
        return
    known = room is not None and wanted is not None
    yield Check(
        "space_for_backup",
        int(room or 0) >= int(wanted or 0) if known else None,
        f"{size(int(wanted))} free where the backup goes" if wanted is not None else "enough free where the backup goes",
        size(int(room)) if room is not None else unknown("neither SQL Server nor a job of the coordinator says how much is free there"),
        ", ".join(backup.get("paths") or []),
        "Free some space there, or set another octopus_backup_root." if known else "Check it yourself, then waive this check by name.",
    )


def for_rollback(database: Mapping[str, Any], rehearsal: Mapping[str, Any] | None, *, keeps: bool, path: list[str]) -> Iterator[Check]:
    """Whether the rollback has room for the restored files, beside those of the failed database once the migration has grown them.

    Args:
        database: What octopus_database_info returned.
        rehearsal: What octopus_rehearsal_info returned, which says by how much the files grow; None where that was not asked yet.
        keeps: Whether the failed database is kept; otherwise its files are overwritten, which needs no room for them.
        path: The versions to go through.
    """
    room = (database.get("rollback") or {}).get("room")
    if not path or not keeps or rehearsal is None or (database.get("rollback") or {}).get("platform"):
        return
    where = database.get("server") or "SQL Server"
    in_place = "or set octopus_rollback_keeps: false, so that a rollback restores over the failed database instead of beside it"
    outlook = rehearsal.get("outlook") or {}
    measured = (outlook.get("growth") or {}) if outlook.get("succeeded") else {}
    growth = measured if None not in (measured.get("data_bytes"), measured.get("log_bytes")) else {}
    used, data = database.get("used_bytes"), database.get("data_bytes")
    missing = _missing(room, growth, used, data)
    if missing or room is None:
        yield Check(
            "space_for_rollback",
            None,
            "room for the files of the restored database beside those of the failed one",
            unknown(missing),
            where,
            f"Check it yourself and waive this check by name, {in_place}.",
        )
        return
    if growth:
        more, source = int(growth["data_bytes"]) + int(growth["log_bytes"]), "as in the rehearsal"
    else:
        # A migration may write as much again as there is (the assumption of space_on_sql_server); first into what is free in the files.
        more, source = max(0, 2 * int(used or 0) - int(data or 0)), "assuming that it writes as much again as the database holds"
    for volume, needed in sorted(room["needed"].items()):
        yield Check(
            "space_for_rollback",
            int(room["free"][volume]) >= int(needed) + more,
            f"{size(int(needed) + more)} free on {volume}: {size(int(needed))} for the files of the restored database beside the failed one, "
            f"and {size(more)} for what the migration adds, {source}",
            size(int(room["free"][volume])),
            where,
            f"Free some space there, {in_place}.",
        )


def _missing(room: Mapping[str, Any] | None, growth: Mapping[str, Any], used: Any, data: Any) -> str:
    """What is not known; empty where everything is."""
    if not room or not room.get("files"):
        return "the login does not see the files of the database"
    if room.get("problem"):
        return str(room["problem"])
    if room.get("unknown"):
        return f"how much is free for {', '.join(room['unknown'])} is not known"
    if not growth and (used is None or data is None):
        return "the size of the database is not known"
    return ""
