# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything there is of an instance, taken past its interfaces: rows, files, programs, services, tasks, configuration."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.core.filesystem import Logon
from lab.estate import LabInstance

Row = dict[str, Any]

# Tables that a running server writes to by itself: compared by what must not be lost, not by what is there now.
LIVELY = {"OctopusServerNode", "OctopusServerNodeStatus", "OctopusServerInstallationHistory", "SchemaVersions", "ServerTask", "Event", "EventRelatedDocument", "KeyAllocation"}


@dataclass
class World:
    """One moment of an instance."""

    tables: dict[str, dict[str, Row]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)  # path below the server folders -> SHA-256
    programs: dict[str, str] = field(default_factory=dict)  # node -> version
    services: dict[str, tuple[int, int]] = field(default_factory=dict)  # node -> state, start type
    watchdogs: dict[str, bool] = field(default_factory=dict)  # node -> enabled
    configuration: dict[str, str] = field(default_factory=dict)  # node -> SHA-256 of the configuration file
    maintenance: bool = False
    drained: set[str] = field(default_factory=set)

    def hashes(self, word: str) -> dict[str, int]:
        """How often each content occurs among the files whose path has that word: what a move of files leaves as it was."""
        counts: dict[str, int] = {}
        for path, digest in self.files.items():
            if word.lower() in path.lower():
                counts[digest] = counts.get(digest, 0) + 1
        return counts


def rows(instance: LabInstance, name: str | None = None) -> dict[str, dict[str, Row]]:
    """Every row of every table of the instance's database (or of another one of its server), by its Id (or its place)."""
    database = instance.sql.database(name or instance.spec.database)
    assert database is not None
    connection = database.connect()
    try:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
        found: dict[str, dict[str, Row]] = {}
        for table_name in names:
            cursor = connection.execute(f'SELECT * FROM "{table_name}"')
            columns = [column[0] for column in cursor.description]
            table = [dict(zip(columns, row)) for row in cursor.fetchall()]
            found[table_name] = {str(row.get("Id", number)): row for number, row in enumerate(table)}
        return found
    finally:
        connection.close()


def look(instance: LabInstance) -> World:
    """The world as it is now."""
    world = World(tables=rows(instance))
    first = instance.hosts[0]
    system = Logon.service("SYSTEM")
    for root in _folder_roots(instance):
        if first.fs.exists(root, system):
            for relative, real in first.fs.walk(root, system):
                if not relative.lower().startswith(("logs\\", "octopusserver.config")):
                    world.files[relative] = hashlib.sha256(Path(real).read_bytes()).hexdigest()
    for host in instance.hosts:
        service = host.services.query(instance.handle.service)
        world.services[host.name] = (service.state, service.start_type)
        world.programs[host.name] = host.program_info("C:\\Program Files\\Octopus Deploy\\Octopus\\Octopus.Server.exe")["version"]
        world.configuration[host.name] = hashlib.sha256(host.fs.read("C:\\Octopus\\OctopusServer.config", system)).hexdigest()
        world.watchdogs[host.name] = any(task.enabled for task in host.tasks.all() if "watchdog" in task.name.lower())
    maintenance = world.tables["Configuration"].get("maintenance")
    world.maintenance = bool(maintenance and json.loads(str(maintenance["JSON"])).get("IsInMaintenanceMode"))
    for row in world.tables["OctopusServerNode"].values():
        if row.get("IsInMaintenanceMode"):
            world.drained.add(str(row["Name"]))
    return world


def _folder_roots(instance: LabInstance) -> list[str]:
    return ["C:\\Octopus"] if len(instance.hosts) == 1 else [f"\\\\nas\\octopus-{instance.spec.name}"]


def lost_rows(before: World, after: World) -> list[str]:
    """Rows that are gone, or whose values of before are no longer there; new tables, columns and rows are no loss."""
    lost = []
    for table, old in before.tables.items():
        new = after.tables.get(table)
        if new is None:
            lost.append(f"table {table}")
            continue
        for key, row in old.items():
            if key not in new:
                lost.append(f"{table} {key}")
            elif table not in LIVELY:
                changed = [column for column, value in row.items() if column in new[key] and new[key][column] != value]
                lost += [f"{table} {key}.{column}: {row[column]!r} -> {new[key][column]!r}" for column in changed]
    return lost
