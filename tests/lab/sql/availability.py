# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Availability groups over several servers of the lab, and ALTER AVAILABILITY GROUP.

* REMOVE and ADD DATABASE work on the primary replica alone, and need ALTER AVAILABILITY GROUP on the group or ALTER ANY AVAILABILITY GROUP,
  and ALTER ANY DATABASE:
  https://learn.microsoft.com/sql/t-sql/statements/alter-availability-group-transact-sql
* After REMOVE the former primary database remains online, and every secondary database is placed in the RESTORING state:
  https://learn.microsoft.com/sql/database-engine/availability-groups/windows/remove-a-primary-database-from-an-availability-group-sql-server
* With SEEDING_MODE = AUTOMATIC, ADD creates the database on the secondary; with MANUAL somebody restores it there and joins it:
  https://learn.microsoft.com/sql/database-engine/availability-groups/windows/automatic-seeding-secondary-replicas. That seeding fails where a
  database of that name exists is *assumed* (it creates the database with a restore).
* A full backup has to start the log chain before ADD: https://learn.microsoft.com/sql/linux/sql-server-linux-kubernetes-deploy. That its lack
  is 1475 is *assumed*; 1465 (not in full recovery mode):
  https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors-1000-to-1999
* 41190: https://github.com/microsoft/mssql-server-ha names it for ADD and REMOVE on a replica that cannot process them. That a secondary says it
  is *assumed*; so is 15151, with which every other class of securables answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..tds.engine_api import Output, SqlError
from . import errors
from .cursor import Cursor

if TYPE_CHECKING:
    from .database import Database
    from .server import SqlServer
    from .session import Session

AUTOMATIC, MANUAL = "AUTOMATIC", "MANUAL"
PERMISSION = "ALTER ANY AVAILABILITY GROUP"


@dataclass(eq=False)
class Group:
    """An availability group.

    Attributes:
        replicas: The seeding mode of each server.
    """

    name: str
    primary: SqlServer
    replicas: dict[SqlServer, str]

    @property
    def secondaries(self) -> list[SqlServer]:
        return [server for server in self.replicas if server is not self.primary]


def create(name: str, primary: SqlServer, secondaries: Mapping[SqlServer, str], databases: Iterable[str]) -> Group:
    """An availability group with these databases, synchronized everywhere.

    Args:
        name: Its name.
        primary: The server of the primary replica, which has the databases.
        secondaries: The other servers, with their seeding modes.
        databases: Names of databases of the primary.
    """
    group = Group(name, primary, {primary: AUTOMATIC, **secondaries})
    for server in group.replicas:
        server.availability[name] = group
    _roles(group)
    for each in databases:
        database = primary.databases[each.lower()]
        database.group, database.group_role = name, "PRIMARY"
        for server in secondaries:
            _copy(group, server, database)
    return group


def fail_over(group: Group, to: SqlServer) -> None:
    """Another replica becomes the primary."""
    group.primary = to
    _roles(group)
    for server in group.replicas:
        for database in server.databases.values():
            if database.group == group.name:
                database.group_role = server.groups[group.name]


def joined(group: Group, name: str) -> list[SqlServer]:
    """The servers on which that database is in the group."""
    return [server for server in group.replicas if (found := server.database(name)) is not None and found.group == group.name]


def _roles(group: Group) -> None:
    for server in group.replicas:
        server.groups[group.name] = "PRIMARY" if server is group.primary else "SECONDARY"


def _copy(group: Group, server: SqlServer, database: Database) -> None:
    copy = server.create_database(database.name, recovery="FULL")
    copy.family_guid = database.family_guid
    copy.group, copy.group_role = group.name, "SECONDARY"


# -- ALTER AVAILABILITY GROUP


def alter(session: Session, cursor: Cursor, out: Output) -> None:
    """ALTER AVAILABILITY GROUP g ADD or REMOVE DATABASE d.

    Raises:
        SqlError: It failed, or the lab lacks it.
    """
    cursor.expect("GROUP")
    name = cursor.name()
    server = session.server
    group = next((one for one in server.availability.values() if one.name.lower() == name.lower()), None)
    if group is None or not (session.client.login.may(PERMISSION) and session.client.login.may("ALTER ANY DATABASE")):
        text = f"Cannot alter the availability group '{name}', because it does not exist or you do not have permission."
        raise SqlError(15151, text, 16)
    if cursor.upper() not in ("ADD", "REMOVE") or cursor.upper(1) != "DATABASE":
        raise errors.gap(f"ALTER AVAILABILITY GROUP ... {cursor.rest()[:40]}")
    word = cursor.word()
    cursor.expect("DATABASE")
    wanted = cursor.name()
    cursor.end()
    if server is not group.primary:
        text = (
            f"Availability group '{group.name}' failed to process {word.lower()}-database command. The local availability replica is not in a "
            "state that could process the command."
        )
        raise SqlError(41190, text, 16)
    database = server.database(wanted)
    if database is None:
        raise errors.no_database(wanted)
    (_add if word == "ADD" else _remove)(group, database)
    server.machine.ledger.record("sql", server.machine.name, action=f"group {word.lower()}", group=group.name, database=database.name)
    out.done()


def _remove(group: Group, database: Database) -> None:
    if database.group != group.name:
        raise errors.gap("REMOVE DATABASE of one that is not in the group")
    for server in joined(group, database.name):
        one = server.databases[database.name.lower()]
        one.group, one.group_role = None, "PRIMARY"
        if server is not group.primary:
            server.kill_all(server.sessions_in(one))
            one.state = "RESTORING"


def _add(group: Group, database: Database) -> None:
    if database.group is not None:
        raise errors.gap("ADD DATABASE of one that is in a group")
    if database.state != "ONLINE" or database.user_access != "MULTI_USER" or database.read_only:
        raise errors.gap("ADD DATABASE of one that is not online, read-write and open to all")
    if database.recovery != "FULL":
        text = f'Database mirroring cannot be enabled because the "{database.name}" database is not in full recovery mode on both partners.'
        raise SqlError(1465, text, 16)
    if database.log_lsn is None:
        text = (
            f'Database mirroring cannot be enabled because the "{database.name}" database may have bulk logged changes that have not been backed '
            "up. The last log backup on the principal must be restored on the mirror."
        )
        raise SqlError(1475, text, 16)
    database.group, database.group_role = group.name, "PRIMARY"
    for server, seeding in group.replicas.items():
        if server is not group.primary and seeding == AUTOMATIC and server.database(database.name) is None:
            _copy(group, server, database)
