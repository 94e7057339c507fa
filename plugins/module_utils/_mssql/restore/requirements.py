# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore of an existing database would need, read while there is no backup yet, by the restore's own code. Changes nothing."""

from __future__ import annotations

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql import availability
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup import devices
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.server_info import (
    NO_USER,
    delayed_durability,
    may,
    may_see_sessions,
    server_info,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError

from . import files as restore_files
from . import target as restore_target
from .options import RestoreOptions
from .prepare import future_owner
from .target import DatabaseState, Target

# SERVERPROPERTY('EngineEdition'): https://learn.microsoft.com/sql/t-sql/functions/serverproperty-transact-sql
_PLATFORMS = {
    5: "Azure SQL Database",
    6: "Azure Synapse Analytics",
    8: "Azure SQL Managed Instance",
    11: "Azure Synapse serverless SQL pool",
    12: "SQL database in Microsoft Fabric",
}
_HISTORY = (
    "SELECT MAX(backup_set_id) AS newest FROM msdb.dbo.backupset",
    "SELECT MAX(media_set_id) AS newest FROM msdb.dbo.backupmediafamily",
    "SELECT MAX(restore_history_id) AS newest FROM msdb.dbo.restorehistory",
)
# https://learn.microsoft.com/sql/relational-databases/system-tables/log-shipping-primary-databases-transact-sql (-secondary-)
_LOG_SHIPPING = {
    "primary": "SELECT primary_database AS name FROM msdb.dbo.log_shipping_primary_databases WHERE primary_database = ?",
    "secondary": "SELECT secondary_database AS name FROM msdb.dbo.log_shipping_secondary_databases WHERE secondary_database = ?",
}
DATA, LOG = 0, 1  # sys.database_files.type; all others are FILESTREAM, memory-optimized or full-text


def read(connection: SqlConnection, name: str, connect: availability.Connect | None = None) -> dict[str, Any]:
    """Read rights, surroundings and room.

    Args:
        connection: The connection to ask, which is in the database.
        name: The database.
        connect: Opens a connection to another server, to ask the secondaries of its availability group; None asks none.

    Returns:
        ``platform``, empty for a SQL Server that restores databases itself, else its name, and nothing more is read. ``rights``,
        ``surroundings`` and ``room``, in which None is what cannot be told.

    Raises:
        MssqlError: SQL Server refused for another reason than a missing permission.
    """
    platform = _platform(connection)
    if platform:
        return {"platform": platform, "rights": None, "surroundings": None, "room": None}
    existing = restore_target.find_database(connection, name)
    if existing is None:
        raise MssqlError(
            f"Expected the database {name} in sys.databases of SQL Server {connection.options.where}, but it is not there", 911
        )
    return {
        "platform": "",
        "rights": _rights(connection, existing),
        "surroundings": _surroundings(connection, existing, connect),
        "room": _room(connection, existing.name),
    }


def _platform(connection: SqlConnection) -> str:
    """Where the platform itself does restores, its name. Amazon RDS alone has a database rdsadmin.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/SQLServer.Procedural.Importing.html
    """
    found = _PLATFORMS.get(server_info(connection).engine_edition, "")
    return found or ("Amazon RDS" if connection.scalar("SELECT DB_ID('rdsadmin') AS id") is not None else "")


def _rights(connection: SqlConnection, existing: DatabaseState) -> dict[str, Any]:
    has = restore_target.permissions(connection, existing)
    stays = existing.owner is None or bool(connection.scalar("SELECT IS_SRVROLEMEMBER('sysadmin', ?) AS boss", existing.owner))
    kept = future_owner(connection, RestoreOptions(existing.name), Target(existing, None, rename=True, overwrite=False)) is not None
    return {
        "login": connection.scalar("SELECT SUSER_SNAME() AS me"),
        "owner": existing.owner,
        "back_up": may(connection, existing.name, "BACKUP DATABASE"),
        "create_databases": has.create,
        "rename": has.rename,
        "overwrite": has.overwrite,
        "remove": restore_target.may_on_server(connection, "ALTER ANY DATABASE"),
        "read_history": _may_read_history(connection),
        "see_sessions": may_see_sessions(connection),
        "return_owner": kept or stays,
    }


def _may_read_history(connection: SqlConnection) -> bool:
    """Whether msdb shows backups and restores, without which neither is verified."""
    return all(_readable(connection, sql) is not None for sql in _HISTORY)


def _surroundings(connection: SqlConnection, existing: DatabaseState, connect: availability.Connect | None) -> dict[str, Any]:
    """https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-databases-transact-sql"""
    row = connection.query(
        "SELECT state_desc, user_access_desc, is_read_only, is_in_standby, recovery_model_desc, collation_name, containment_desc, is_encrypted, "
        "is_cdc_enabled, is_published, is_merge_published, is_subscribed, is_distributor FROM sys.databases WHERE database_id = ?",
        existing.database_id,
    )[0]
    # Without one of these, sys.databases and sys.database_mirroring hide other rows: no row then says nothing.
    sees_all = any(restore_target.may_on_server(connection, one) for one in ("VIEW ANY DATABASE", "ALTER ANY DATABASE"))
    special = connection.query("SELECT physical_name FROM sys.database_files WHERE type NOT IN (?, ?) ORDER BY file_id", DATA, LOG)
    return {
        "state": row["state_desc"],
        "user_access": row["user_access_desc"],
        "read_only": bool(row["is_read_only"]),
        "in_standby": bool(row["is_in_standby"]),
        "recovery_model": row["recovery_model_desc"],
        "collation": row["collation_name"],
        "containment": row["containment_desc"],
        "delayed_durability": delayed_durability(connection, server_info(connection), existing.name),
        "encrypted": bool(row["is_encrypted"]),
        "cdc": bool(row["is_cdc_enabled"]),
        "replication": [
            word
            for word, flags in (
                ("publisher", row["is_published"] or row["is_merge_published"]),
                ("subscriber", row["is_subscribed"]),
                ("distributor", row["is_distributor"]),
            )
            if flags
        ],
        "availability_group": existing.in_availability_group,
        "group": _group(connection, existing.name, connect) if existing.in_availability_group else {},
        "mirrored": existing.mirrored if sees_all or existing.mirrored else None,
        "snapshots": restore_target.snapshots_of(connection, existing.database_id) if sees_all else None,
        "special_files": [one["physical_name"] for one in special],
        "log_shipping": _log_shipping(connection, existing.name),
    }


def _group(connection: SqlConnection, name: str, connect: availability.Connect | None) -> dict[str, Any] | None:
    """The availability group of the database; None where the login may not read it."""
    try:
        group = availability.group_of(connection, name)
        found = availability.read(connection, group, name, connect) if group else None
    except MssqlError as error:
        if error.number in (*devices.NO_PERMISSION, *devices.NO_STATE, *devices.NO_SUCH_OBJECT):
            return None
        raise
    return None if found is None else found.as_dict()


def _log_shipping(connection: SqlConnection, name: str) -> list[str] | None:
    """What the database is in log shipping: ``primary``, ``secondary``, or nothing; None where the login may not read it."""
    rows = {role: _readable(connection, sql, name) for role, sql in _LOG_SHIPPING.items()}
    return None if None in rows.values() else [role for role, found in rows.items() if found]


def _room(connection: SqlConnection, name: str) -> dict[str, Any]:
    """Where the files of a restore beside the database would go, and what they need there: the files' whole sizes, not what is used of them."""
    there = restore_files.existing(connection, name)
    rows = [
        {"LogicalName": one.path, "Type": "L" if one.is_log else "D", "PhysicalName": one.path, "Size": one.size, "FileId": one.file_id}
        for one in there
    ]
    files = [{"path": one.path, "log": one.is_log, "size": one.size} for one in there]
    options = RestoreOptions(name)
    try:
        planned = restore_files.plan(connection, options, options, rows, beside=there, overwritten=None)
    except MssqlError as error:
        return {"files": files, "needed": {}, "free": {}, "unknown": [one.path for one in there], "problem": str(error)}
    space = restore_files.space(connection, planned, None)
    return {"files": files, "needed": space.needed, "free": space.free, "unknown": space.unknown, "problem": ""}


def _readable(connection: SqlConnection, sql: str, *values: str) -> list[dict[str, Any]] | None:
    """The rows of a query; None where the login may not read the table, or where this server does not have it."""
    try:
        return connection.query(sql, *values)
    except MssqlError as error:
        if error.number in (*devices.NO_PERMISSION, *devices.NO_SUCH_OBJECT, NO_USER):
            return None
        raise
