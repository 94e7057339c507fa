# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Availability groups, as the server that is asked sees them.

Columns and permissions: https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-availability-groups-transact-sql,
sys-availability-replicas-transact-sql (VIEW ANY DEFINITION; metadata that a login may not see are rows that are not there) and
system-dynamic-management-views/sys-dm-hadr-availability-replica-states-transact-sql, sys-dm-hadr-database-replica-states-transact-sql
(VIEW SERVER STATE). The primary sees every replica, a secondary only its own state. A group that only a name in ``SqlServer.groups`` tells of
has the one replica.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from ..database import Database
from .registry import Rows, need_state, view

if TYPE_CHECKING:
    from ..server import SqlServer
    from ..session import Session


def _id(*words: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, ".".join(words))).upper()


@view("sys.database_mirroring", "database_id int, mirroring_guid uniqueidentifier, mirroring_state tinyint, mirroring_role tinyint")
def mirroring(session: Session, _database: Database) -> Rows:
    """A row for each database; NULL but for one that is mirrored and online.

    https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-database-mirroring-transact-sql
    """
    for one in session.server.databases.values():
        yield (one.database_id, _id(one.guid), 4, 1) if one.mirrored and one.state == "ONLINE" else (one.database_id, None, None, None)


def _replicas(session: Session, name: str) -> list[tuple[SqlServer, str]]:
    """The servers of a group and their seeding modes."""
    group = session.server.availability.get(name)
    return [(session.server, "MANUAL")] if group is None else list(group.replicas.items())


def _visible(session: Session) -> list[str]:
    return list(session.server.groups) if session.client.login.may("VIEW ANY DEFINITION") else []


@view(
    "sys.availability_groups",
    "group_id uniqueidentifier, name sysname, automated_backup_preference_desc nvarchar(60), is_distributed bit,"
    " required_synchronized_secondaries_to_commit int",
    since=11,
)
def groups(session: Session, _database: Database) -> Rows:
    return [(_id(name), name, "secondary", 0, 0) for name in _visible(session)]


@view(
    "sys.availability_replicas",
    "replica_id uniqueidentifier, group_id uniqueidentifier, replica_server_name nvarchar(256), endpoint_url nvarchar(256),"
    " availability_mode_desc nvarchar(60), failover_mode_desc nvarchar(60), seeding_mode_desc nvarchar(60)",
    since=11,
)
def replicas(session: Session, _database: Database) -> Rows:
    for name in _visible(session):
        for server, seeding in _replicas(session, name):
            url = f"TCP://{server.machine.address}:5022"
            yield _id(name, server.name), _id(name), server.name, url, "SYNCHRONOUS_COMMIT", "AUTOMATIC", seeding


@view(
    "sys.dm_hadr_availability_replica_states",
    "replica_id uniqueidentifier, group_id uniqueidentifier, is_local bit, role tinyint, role_desc nvarchar(60), operational_state_desc nvarchar(60),"
    " connected_state_desc nvarchar(60), synchronization_health_desc nvarchar(60)",
    since=11,
)
def replica_states(session: Session, _database: Database) -> Rows:
    need_state(session)
    for name, role in session.server.groups.items():
        for server, _seeding in _replicas(session, name):
            local = server is session.server
            if local or role == "PRIMARY":
                word = server.groups[name]
                state = "ONLINE" if local else None
                yield _id(name, server.name), _id(name), local, 1 if word == "PRIMARY" else 2, word, state, "CONNECTED", "HEALTHY"


@view(
    "sys.dm_hadr_database_replica_states",
    "database_id int, group_id uniqueidentifier, replica_id uniqueidentifier, group_database_id uniqueidentifier, is_local bit,"
    " is_primary_replica bit, synchronization_state_desc nvarchar(60), synchronization_health_desc nvarchar(60), database_state_desc nvarchar(60)",
    since=11,
)
def database_replica_states(session: Session, _database: Database) -> Rows:
    need_state(session)
    for one in session.server.databases.values():
        for server, _seeding in _replicas(session, one.group) if one.group else ():
            local = server is session.server
            there = server.database(one.name)
            if there is not None and there.group == one.group and (local or one.group_role == "PRIMARY"):
                yield (
                    one.database_id,
                    _id(str(one.group)),
                    _id(str(one.group), server.name),
                    one.guid,
                    local,
                    there.group_role == "PRIMARY",
                    "SYNCHRONIZED",
                    "HEALTHY",
                    "ONLINE" if local else None,
                )


@view(
    "sys.availability_databases_cluster", "group_id uniqueidentifier, group_database_id uniqueidentifier, database_name sysname", since=11
)
def databases_cluster(session: Session, _database: Database) -> Rows:
    return [(_id(one.group), one.guid, one.name) for one in session.server.databases.values() if one.group]
