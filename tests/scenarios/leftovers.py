# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run, or several, left behind that nobody needs any more: jobs, locks, snapshots, databases, shells, processes, temporary files."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from lab.core.filesystem import WinError
from lab.estate import Lab, LabInstance
from lab.octopus import register
from lab.sql.server import SqlServer
from lab.windows.host import WindowsHost
from patience import patient

TASK_FOLDER = "\\octopus.upgrade"  # of the jobs, and of the guard
OURS = ("C", "ProgramData", "octopus.upgrade")
LOGIN = "octopus_upgrade"
# What stays on purpose: the journal of every run, logs of jobs, the packages of both versions.
KEPT_FOLDERS = {"runs", "logs", "packages", "jobs"}
TEMPORARY = (".part", ".tmp", ".partial", ".new")
PATIENCE = patient(20.0)  # real seconds that a process or a session that is about to end may take


def leftovers(lab: Lab, instance: LabInstance, told: str = "", old_shells: Collection[str] = ()) -> list[str]:
    """Everything that is left over, each with its place.

    Args:
        told: The text of the run records and journals: a database that is named there was kept on purpose.
        old_shells: WinRM shells of controllers that are dead, or whose connection broke. Nobody can close those; Windows does, when
            they have been idle for long enough. The processes in them are looked for all the same.
    """
    out = [line for host in instance.hosts for line in (*_of_host(host, instance), *_files(host.root, host.name))]
    out += _of_sql(instance.sql, instance.spec.database, told)
    out += _files(lab.backup_share.volume.root, "the backup share")
    out += _files(instance.sql.machine.root, instance.sql.machine.name)
    out += _still(lambda: _running(instance, old_shells))
    return sorted(set(out))


def shells(instance: LabInstance) -> set[str]:
    """The WinRM shells that are open now, by their ids."""
    return {shell.id for server in instance.winrm for shell in server.shells.all()}


def _of_host(host: WindowsHost, instance: LabInstance) -> Iterator[str]:
    yield from (f"{host.name}: the scheduled task {task.name}" for task in host.tasks.all() if task.name.lower().startswith(TASK_FOLDER))
    yield from (f"{host.name}: the firewall rule {rule.name}" for rule in host.firewall.rules)
    ours = host.root.joinpath(*OURS)
    for one in (*ours.glob("*"), *ours.glob("jobs/*"), *ours.glob("runs/*/*")):
        kept = one.parent == ours and one.name in KEPT_FOLDERS
        if not kept and not (one.is_file() and one.parent.parent.name == "runs"):
            yield f"{host.name}: {one.relative_to(host.root)}"
    temp = host.root.joinpath("C", "Windows", "Temp")
    yield from (f"{host.name}: {one.relative_to(host.root)}" for one in sorted(temp.rglob("*")))
    # A folder that was set aside, or a program folder under another name, beside the ones that belong there.
    known = {"octopus", "octopus deploy"}
    for parent in (host.root / "C", host.root.joinpath("C", "Program Files")):
        beside = [one for one in sorted(parent.iterdir()) if one.name.lower().startswith("octopus") and one.name.lower() not in known]
        yield from (f"{host.name}: {one.relative_to(host.root)}" for one in beside)
    program = register.PROGRAM_FOLDER.rpartition("\\")[2].lower()
    products = host.root.joinpath("C", "Program Files", "Octopus Deploy")
    if products.is_dir():
        yield from (f"{host.name}: {one.relative_to(host.root)}" for one in sorted(products.iterdir()) if one.name.lower() != program)
    dependent = [name for name in host.services.names() if name.lower().startswith("octopus") and name != instance.handle.service]
    yield from (f"{host.name}: the service {name}" for name in dependent)


def _files(root: Path, where: str) -> Iterator[str]:
    """Files that were to get another name when they were whole."""
    for path in sorted(root.rglob("*")):
        if path.name.lower().endswith(TEMPORARY) and path.is_file():
            yield f"{where}: the unfinished file {path.relative_to(root)}"


def _of_sql(sql: SqlServer, own: str, told: str) -> Iterator[str]:
    databases = list(sql.databases.values())
    for database in databases:
        if database.snapshot_of:
            yield f"{sql.name}: the snapshot {database.name} of {database.snapshot_of}"
        elif not database.is_system and database.name.lower() != own.lower() and database.name not in told:
            yield f"{sql.name}: the database {database.name}, which no run record names"
    in_use = {file.path.lower() for database in databases for file in database.files}
    for folder in dict.fromkeys((sql.data_folder, sql.log_folder)):
        for name in sql.machine.fs.listdir(folder, sql.logon):
            if f"{folder}\\{name}".lower() not in in_use and name not in told:
                yield f"{sql.name}: the file {folder}\\{name}, which no database has"


def _running(instance: LabInstance, old_shells: Collection[str]) -> list[str]:
    """Processes that are not the service's or the watchdog's, sessions of ours, shells."""
    out = []
    for host in instance.hosts:
        service = instance.handle.service.lower()
        for process in host.processes():
            root = process
            while root.parent is not None:
                root = root.parent
            watchdog = any(root in task.runs for task in host.tasks.all() if "watchdog" in task.name.lower())
            if str(root.service_name or "").lower() != service and not watchdog:
                out.append(f"{host.name}: the process {process.command_line}")
    for client in list(instance.sql.clients.values()):
        if client.login.name.lower() == LOGIN:
            out.append(f"{instance.sql.name}: a session of {client.program} in {client.database.name}")
    for host, server in zip(instance.hosts, instance.winrm, strict=True):
        for shell in server.shells.all():
            if shell.id not in old_shells:
                ran = [event for event in host.ledger.events("winrm.command") if event["shell"] == shell.id]
                last = f"{ran[-1]['command']} {ran[-1]['arguments']}" if ran else "nothing"
                out.append(f"{host.name}: the WinRM shell {shell.id}, in which {last[:200]} was run last")
    return out


def _still(look: Callable[[], list[str]]) -> list[str]:
    """What is there at the end of a while in which it could have gone."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            found = look()
        except WinError:  # something was gone while it was looked at
            found = ["unknown"]
        if not found or time.monotonic() >= deadline:
            return found
        time.sleep(0.05)
