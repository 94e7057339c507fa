# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How each situation of the table comes about in the lab. What only the real world can do (a DBA, a disk, a bought certificate) is done here."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from typing import Any

from lab.estate import WEB_PORT, LabInstance
from lab.octopus import bindings, interruptions
from lab.sql import msdb, states
from lab.sql.database import Database
from lab.sql.views import objects
from lab.windows import installer, services
from patience import patient
from scenarios.portal import Proxy
from scenarios.rollback.scene import Scene

LOGIN = "octopus_upgrade"
CLOCK_TOLERANCE = 10**7  # seconds
Variables = dict[str, Any]


def database(instance: LabInstance) -> Database:
    return instance.sql.databases[instance.spec.database.lower()]


# -- before the run: what makes a restore impossible or incomplete


def surrounded(instance: LabInstance) -> None:
    """All that others do with a database and that RESTORE cannot live with, at once: each has a finding of its own."""
    found = database(instance)
    found.group, found.mirrored = "AG1", True
    found.catalog |= {"is_published": 1, "is_cdc_enabled": 1}
    found.special_files = ["D:\\Octopus\\FileStream"]
    found.user_access = "RESTRICTED_USER"
    shipping = {"secondary_database": found.name}, {"primary_database": found.name}
    for row, table in zip(shipping, ("log_shipping_secondary_databases", "log_shipping_primary_databases"), strict=True):
        msdb.add(instance.sql.databases["msdb"], table, dict(row))


def without_rights(instance: LabInstance) -> None:
    """The login may open the database and read in it, and nothing else."""
    login = instance.sql.logins[LOGIN]
    login.roles.clear()
    database(instance).add_user(LOGIN, {"db_datareader"}, sid=login.sid)


def least_rights(instance: LabInstance) -> None:
    """The permissions of the guide on requirements, and no more."""
    login = instance.sql.logins[LOGIN]
    login.roles.clear()
    login.roles.add("dbcreator")
    login.permissions.add("VIEW SERVER STATE")
    database(instance).add_user(LOGIN, {"db_backupoperator", "db_datareader"}, sid=login.sid)
    instance.sql.databases["msdb"].add_user(LOGIN, {"db_datareader"}, sid=login.sid)


def read_only(instance: LabInstance) -> None:
    database(instance).read_only = True


def encrypted(scene: Scene) -> Variables:
    """TDE, with the certificate on this server."""
    sql = scene.instance.sql
    sql.add_certificate("OctopusTDE")
    database(scene.instance).encrypted_by = "OctopusTDE"
    return {}


def in_place(scene: Scene) -> Variables:
    """A login with the least rights, and a disk without room for a second copy: the rollback restores over the failed database."""
    least_rights(scene.instance)
    return {"octopus_rollback_keeps": False}


def snapshot(_scene: Scene) -> Variables:
    return {"octopus_database_snapshot": True}


def coarse_times(scene: Scene) -> Variables:
    """A NAS that keeps file times to two seconds, as FAT does: https://learn.microsoft.com/windows/win32/sysinfo/file-times"""
    scene.lab.backup_share.volume.time_step = 2 * 10**9
    return {}


def waiting(scene: Scene) -> Variables:
    """A deployment that waits for a person's answer, which is to go on waiting."""
    with scene.instance.handle.store() as store:
        interruptions.ask(store, scene.lab.clock.now())
    return {"octopus_interventions": "leave"}


def public_name_only(scene: Scene) -> Variables:
    """A certificate for the public name alone: https://github.com/OctopusDeploy/Issues/issues/2913"""
    handle = scene.instance.handle
    host = handle.hosts[0]
    proxy = Proxy("portal", scene.lab.network, [(host.name, host.address, WEB_PORT)], port=WEB_PORT).start()
    scene.at_end.append(proxy.stop)
    bindings.bind_only(host, WEB_PORT, proxy.address)
    host.services.stop(handle.service)
    assert host.services.wait(handle.service, services.STOPPED, patient(30))
    restarted = scene.lab.ledger.mark()
    handle.start().wait_until_healthy(since=restarted)
    return {"octopus_url": proxy.url}


# -- before the run: hosts and places


def lost_package(instance: LabInstance) -> None:
    """Windows Installer's copy of the MSI is gone: https://github.com/OctopusDeploy/Issues/issues/4104"""
    host = instance.hosts[0]
    for name in host.fs.listdir(installer.CACHE, host.system):
        host.fs.remove(f"{installer.CACHE}\\{name}", host.system)


def fast_clock(instance: LabInstance) -> None:
    """By more than the lab's own time, which is scaled, can be apart from the control node's."""
    instance.hosts[0].clock_ahead = 2.0 * CLOCK_TOLERANCE


def asked(instance: LabInstance) -> None:
    with instance.handle.store() as store:
        interruptions.ask(store, instance.hosts[0].clock.now())


def integrated(instance: LabInstance) -> None:
    """The service logs in with its own Windows account, and so would the jobs, whose account has no login."""
    host = instance.hosts[0]
    path = "C:\\Octopus\\OctopusServer.config"
    config = host.fs.read(path, host.system).decode()
    changed = re.sub(r"User ID=.*?;Password=.*?(?=;|<)", "Integrated Security=True", config)
    assert changed != config
    host.fs.write(path, changed.encode(), host.system)


def linked(instance: LabInstance) -> None:
    """Old packages moved to another folder behind a junction: https://github.com/restic/restic/issues/1078"""
    host = instance.hosts[0]
    with instance.handle.store() as store:
        folder = store.folder("LogsDirectory")
    host.fs.mkdir("C:\\Elsewhere", host.system)
    host.fs.link(f"{folder}\\moved", "JUNCTION", "C:\\Elsewhere", host.system)


def unlike(instance: LabInstance) -> None:
    """The database has another name than the one by which a rollback would tell what it loses."""
    connection = database(instance).connect()
    try:
        connection.execute('ALTER TABLE "Release" RENAME COLUMN "Assembled" TO "AssembledAt"')
    finally:
        connection.close()


def full_node(instance: LabInstance) -> None:
    drive = instance.hosts[0].fs.drives["C"]
    drive.capacity = drive.used() + 700 * 1024


def one_copy_only(instance: LabInstance) -> None:
    """Room for what the migration writes, and none for a second copy of the files."""
    found, sql = database(instance), instance.sql
    found.preallocated = {file.file_id: 512 * 1024**2 for file in found.files}
    volume = sql.machine.fs.drives[found.files[0].path[0].upper()]
    volume.capacity = volume.used() + sum(sql.file_size(found, file) for file in found.files) - 1024**2


def checked(instance: LabInstance, state: str = "Success") -> None:
    """The System Integrity Check that the server runs once a day has ended."""
    now = instance.hosts[0].clock.now()
    with instance.handle.store() as store:
        task = {"Name": "SystemIntegrityCheck", "Description": "Check system integrity", "State": state}
        store.add("ServerTask", {**task, "QueueTime": now, "StartTime": now, "CompletedTime": now})


def worn(instance: LabInstance) -> None:
    """What time, other people and other tools leave behind: each has a finding of its own, and most of them only warn."""
    host = instance.hosts[0]
    version = "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion"
    host.registry.create(f"{version}\\Component Based Servicing\\RebootPending")
    host.registry.create(f"{version}\\Installer\\InProgress")
    host.services.config(instance.handle.service, Start=services.DISABLED)
    for task in host.tasks.all():
        if "watchdog" in task.name.lower():
            host.tasks.enable(task.name, False)
    checked(instance, "Failed")
    with instance.handle.store() as store:
        store.set_maintenance(True)
        [node] = store.nodes()
        store.save_node({**node, "IsInMaintenanceMode": True})
        # A node that is drained takes none of them.
        waiting = {"Name": "Deploy", "Description": "Deploy at night", "State": "Queued"}
        store.add("ServerTask", {**waiting, "QueueTime": host.clock.now() - timedelta(hours=1)})
        machine = store.documents("Machine")[0]
        store.save("Machine", {**machine, "TentacleVersion": "3.20.0"})
    connection = database(instance).connect()
    try:
        connection.execute(f"CREATE TABLE IF NOT EXISTS {objects.SCHEMAS} (name TEXT COLLATE NOCASE PRIMARY KEY)")
        connection.execute(f"INSERT INTO {objects.SCHEMAS} VALUES ('reports')")
        connection.execute('CREATE TABLE "reports.Sales" (Id INTEGER)')
    finally:
        connection.close()


# -- what becomes of the database in the middle of it


def breaks(scene: Scene, state: str) -> None:
    states.break_down(scene.instance.sql, scene.spec.database, state)


def set_to(scene: Scene, state: str) -> None:
    """Somebody sets it to that state, or (RESTORING) a restore of theirs has broken off; its sessions end."""
    sql, found = scene.instance.sql, database(scene.instance)
    with sql.lock:
        found.state = state
        clients = sql.sessions_in(found)
    sql.kill_all(clients)


def dropped(scene: Scene) -> None:
    sql, found = scene.instance.sql, database(scene.instance)
    sql.kill_all(sql.sessions_in(found))
    sql.drop_database(found)


def rebuilt(scene: Scene) -> None:
    """SQL Server was installed anew: no database, no history, and the logins made anew, with other identities."""
    dropped(scene)
    sql = scene.instance.sql
    history = sql.databases["msdb"].connect()
    for table in ("backupset", "backupmediafamily", "backupmediaset", "restorehistory"):
        history.execute(f'DELETE FROM "{table}"')
    history.close()
    sql.logins["octopus"].sid = secrets.token_bytes(16)


def held(scene: Scene) -> None:
    """Somebody at SSMS has set it to SINGLE_USER and has the one connection that this allows."""
    sql, found = scene.instance.sql, database(scene.instance)
    sql.kill_all(sql.sessions_in(found))
    holder = sql.open(found.name, login="octopus", host="ADMIN-PC", program="Microsoft SQL Server Management Studio")
    found.user_access = "SINGLE_USER"
    scene.at_end.append(holder.close)


def undone(scene: Scene) -> None:
    """The next session that ends leaves a transaction that is undone for ten minutes."""
    scene.lab.faults.arm("sql.undo", scene.spec.sql, times=1, database=scene.spec.database, seconds=600)


def mended(scene: Scene) -> None:
    """Its administrator makes the database usable again, and whoever has held it goes."""
    for close in scene.at_end:
        close()
    scene.at_end.clear()
    states.mend(scene.instance.sql, scene.spec.database)
    database(scene.instance).state = "ONLINE"
