# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything there is of an instance, taken past its interfaces: rows, files, programs, services, tasks, configuration."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.core import security
from lab.core.filesystem import Logon
from lab.estate import LabInstance
from lab.octopus import register
from lab.octopus.media import UPGRADE_CODE
from lab.sql.database import Database
from lab.windows import installer
from lab.windows.host import WindowsHost

Row = dict[str, Any]

# Tables that a running server writes to by itself: compared by what must not be lost, not by what is there now.
LIVELY = {
    "OctopusServerNode",
    "OctopusServerNodeStatus",
    "OctopusServerInstallationHistory",
    "SchemaVersions",
    "ServerTask",
    "Event",
    "EventRelatedDocument",
    "KeyAllocation",
}

PROGRAM = f"{register.PROGRAM_FOLDER}\\{register.EXE}"
OWN_FILES = ("logs\\", "octopusserver.config")  # the server's own log; the configuration is compared by its hash


RETAINED = "retained-by-restore.txt"  # marks a folder with what a rollback has replaced


@dataclass
class World:
    """One moment of an instance."""

    tables: dict[str, dict[str, Row]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)  # path below the server folders -> content
    programs: dict[str, str] = field(default_factory=dict)  # node -> version
    services: dict[str, tuple[int, int]] = field(default_factory=dict)  # node -> state, start type
    watchdogs: dict[str, bool] = field(default_factory=dict)  # node -> enabled
    configuration: dict[str, str] = field(default_factory=dict)  # node -> SHA-256 of the configuration file
    settings: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # node -> the service's display name, account, command line
    products: dict[str, list[str]] = field(default_factory=dict)  # node -> the versions that Windows Installer knows
    program_files: dict[str, dict[str, str]] = field(default_factory=dict)  # node -> path below the program folder -> SHA-256
    registered: dict[str, list[str]] = field(default_factory=dict)  # node -> instances and where their configuration is
    folders: set[str] = field(default_factory=set)  # folders below the server folders
    times: dict[str, int] = field(default_factory=dict)  # path below the server folders -> when it was last written, in ns
    rights: dict[str, str] = field(default_factory=dict)  # path below the server folders, of files and folders -> its DACL in SDDL
    owners: dict[str, str] = field(default_factory=dict)  # the same -> its owner
    registry: dict[str, dict[str, str]] = field(default_factory=dict)  # node -> key and name of a value -> type and value
    database: dict[str, str] = field(default_factory=dict)  # what SQL Server knows of the database
    maintenance: bool = False
    drained: set[str] = field(default_factory=set)


def rows(instance: LabInstance, name: str | None = None) -> dict[str, dict[str, Row]]:
    """Every row of every table of the instance's database (or of another one of its server), by its Id (or its place)."""
    database = instance.sql.database(name or instance.spec.database)
    assert database is not None
    connection = database.connect()
    try:
        connection.execute("BEGIN")  # one moment: a server at work writes meanwhile
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
        found: dict[str, dict[str, Row]] = {}
        for table_name in names:
            cursor = connection.execute(f'SELECT * FROM "{table_name}"')
            columns = [column[0] for column in cursor.description]
            table = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
            found[table_name] = {str(row.get("Id", number)): row for number, row in enumerate(table)}
        return found
    finally:
        connection.close()


def look(instance: LabInstance) -> World:
    """The world as it is now."""
    world = World(tables=rows(instance))
    database = instance.sql.database(instance.spec.database)
    assert database is not None
    world.database = _of_database(database)
    first = instance.hosts[0]
    system = Logon.service("SYSTEM")
    for root in _folder_roots(instance):
        if first.fs.exists(root, system):
            below = first.fs.real(root, system)
            retained = [one.parent for one in below.glob(f"*/{RETAINED}")]
            for real in sorted(below.rglob("*")):
                relative = str(real.relative_to(below)).replace("/", "\\")
                # What a rollback has retained is no part of the instance; it says where that is.
                if relative.lower().startswith(OWN_FILES) or any(real.is_relative_to(one) for one in retained):
                    continue
                if real.is_dir():
                    world.folders.add(relative)
                else:
                    world.files[relative], world.times[relative] = real.read_bytes(), real.stat().st_mtime_ns
                world.rights[relative], world.owners[relative] = security.dacl(real), security.owner(real)
    for host in instance.hosts:
        service = host.services.query(instance.handle.service)
        world.services[host.name] = (service.state, service.start_type)
        world.settings[host.name] = (service.display, service.account, service.command_line)
        world.program_files[host.name] = _hashes(host, register.PROGRAM_FOLDER, system)
        there = host.is_program(PROGRAM, system)
        world.programs[host.name] = host.program_info(PROGRAM)["version"] if there else "none"
        world.products[host.name] = sorted(package.version for package in installer.related(host, UPGRADE_CODE))
        world.registry[host.name] = _registry(host)
        world.registered[host.name] = _registered(host, system)
        world.configuration[host.name] = hashlib.sha256(host.fs.read("C:\\Octopus\\OctopusServer.config", system)).hexdigest()
        world.watchdogs[host.name] = any(task.enabled for task in host.tasks.all() if "watchdog" in task.name.lower())
    maintenance = world.tables["Configuration"].get("maintenance")
    world.maintenance = bool(maintenance and json.loads(str(maintenance["JSON"])).get("IsInMaintenanceMode"))
    for row in world.tables["OctopusServerNode"].values():
        if row.get("IsInMaintenanceMode"):
            world.drained.add(str(row["Name"]))
    return world


def _hashes(host: WindowsHost, folder: str, system: Logon) -> dict[str, str]:
    """Every file below a folder of a host; none where there is no such folder."""
    if not host.fs.is_dir(folder, system):
        return {}
    return {path: hashlib.sha256(Path(real).read_bytes()).hexdigest() for path, real in host.fs.walk(folder, system)}


def _registered(host: WindowsHost, system: Logon) -> list[str]:
    """The instances that a host knows, in the registry and in files, without doing what a version of the product does with them."""
    known = [
        f"{name} {found[1]}"
        for name in host.registry.subkeys(register.KEY)
        if (found := host.registry.get(f"{register.KEY}\\{name}", "ConfigurationFilePath")) is not None
    ]
    return sorted(known) + [f"{path} {digest}" for path, digest in sorted(_hashes(host, register.FOLDER, system).items())]


def _registry(host: WindowsHost, key: str | None = None) -> dict[str, str]:
    """Every value of the product's key and of those below."""
    key = key or register.KEY.rpartition("\\")[0]
    found = {f"{key}\\{name}": f"{kind} {value}" for name, kind, value in host.registry.values(key)}
    for name in host.registry.subkeys(key):
        found |= _registry(host, f"{key}\\{name}")
    return found


def _of_database(database: Database) -> dict[str, str]:
    """What SQL Server keeps beside the rows: owner, users and their roles, compatibility level, recovery model, who may come in."""
    users = sorted(f"{user.name} of {user.login}: {', '.join(sorted(user.roles))}" for user in database.users.values())
    return {
        "state": f"{database.state} {database.user_access} {'read only' if database.read_only else 'read write'}",
        "owner": database.owner,
        "recovery": database.recovery,
        "level": str(database.level),
        "collation": database.collation,
        "users": "; ".join(users),
    }


def _folder_roots(instance: LabInstance) -> list[str]:
    return ["C:\\Octopus"] if len(instance.hosts) == 1 else [f"\\\\nas\\octopus-{instance.spec.name}"]


# What the scheduler keeps in a trigger's row moves on by itself; a migration fills DataVersion anew (the lab's Script0578).
OWN_STATE = {("ProjectTrigger", "NextRun")}
MIGRATED = {"DataVersion"}


def _plain(table: str, column: str, value: Any) -> Any:
    """A value without what changes by itself."""
    if column != "JSON" or not isinstance(value, str) or not value.startswith("{"):
        return value
    document = json.loads(value)
    return {name: part for name, part in document.items() if (table, name) not in OWN_STATE}


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
                columns = [column for column in row if column in new[key] and column not in MIGRATED]
                changed = [column for column in columns if _plain(table, column, row[column]) != _plain(table, column, new[key][column])]
                lost += [f"{table} {key}.{column}: {row[column]!r} -> {new[key][column]!r}" for column in changed]
    return lost


def lost_files(before: World, after: World) -> list[str]:
    """Files whose content is no longer there, at their place or, as the upgrade across 2019.1 moves packages, at another one.

    The log of a task that was running may have grown.
    """
    there = Counter(after.files.values())
    lost = []
    for path, content in before.files.items():
        if there[content] > 0:
            there[content] -= 1
        elif not after.files.get(path, b"").startswith(content):
            lost.append(path)
    return lost
