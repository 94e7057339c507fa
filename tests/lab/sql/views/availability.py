# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Availability groups: as much as a backup has to look at."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from ..database import Database
from .registry import Rows, view

if TYPE_CHECKING:
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


@view("sys.availability_groups", "group_id uniqueidentifier, name sysname, automated_backup_preference_desc nvarchar(60)", since=11)
def groups(session: Session, _database: Database) -> Rows:
    return [(_id(name), name, "secondary") for name in session.server.groups]


@view(
    "sys.availability_replicas",
    "replica_id uniqueidentifier, group_id uniqueidentifier, replica_server_name nvarchar(256), availability_mode_desc nvarchar(60),"
    " failover_mode_desc nvarchar(60)",
    since=11,
)
def replicas(session: Session, _database: Database) -> Rows:
    return [
        (_id(name, session.server.name), _id(name), session.server.name, "SYNCHRONOUS_COMMIT", "AUTOMATIC")
        for name in session.server.groups
    ]


@view(
    "sys.dm_hadr_availability_replica_states",
    "replica_id uniqueidentifier, group_id uniqueidentifier, is_local bit, role tinyint, role_desc nvarchar(60), operational_state_desc nvarchar(60),"
    " connected_state_desc nvarchar(60), synchronization_health_desc nvarchar(60)",
    since=11,
)
def replica_states(session: Session, _database: Database) -> Rows:
    return [
        (_id(name, session.server.name), _id(name), 1, 1 if role == "PRIMARY" else 2, role, "ONLINE", "CONNECTED", "HEALTHY")
        for name, role in session.server.groups.items()
    ]


@view(
    "sys.dm_hadr_database_replica_states",
    "database_id int, group_id uniqueidentifier, replica_id uniqueidentifier, group_database_id uniqueidentifier, is_local bit,"
    " is_primary_replica bit, synchronization_state_desc nvarchar(60), synchronization_health_desc nvarchar(60), database_state_desc nvarchar(60)",
    since=11,
)
def database_replica_states(session: Session, _database: Database) -> Rows:
    for one in session.server.databases.values():
        if one.group:
            yield (
                one.database_id,
                _id(one.group),
                _id(one.group, session.server.name),
                one.guid,
                1,
                one.group_role == "PRIMARY",
                "SYNCHRONIZED",
                "HEALTHY",
                "ONLINE",
            )


@view(
    "sys.availability_databases_cluster", "group_id uniqueidentifier, group_database_id uniqueidentifier, database_name sysname", since=11
)
def databases_cluster(session: Session, _database: Database) -> Rows:
    return [(_id(one.group), one.guid, one.name) for one in session.server.databases.values() if one.group]
