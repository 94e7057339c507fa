# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is under the name that is restored, and what a restore does with it: nothing, keep it under another name, or overwrite it."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup import devices
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup.media import BackupSet
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.server_info import may
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier

from .options import RestoreOptions

ONLINE, RESTORING, OFFLINE = "ONLINE", "RESTORING", "OFFLINE"


@dataclass(frozen=True)
class DatabaseState:
    """A database as sys.databases and sys.database_mirroring have it.

    Attributes:
        owner: None: the login that owns it is gone.
    """

    name: str
    database_id: int
    state: str
    user_access: str
    owner: str | None
    compatibility_level: int
    in_availability_group: bool
    mirrored: bool


@dataclass(frozen=True)
class Target:
    """What a restore does with what is there.

    Attributes:
        there: The database of that name.
        kept: What an earlier attempt has renamed already.
        rename: Whether what is there is renamed first.
        over: Whether what is there is overwritten.
    """

    there: DatabaseState | None
    kept: DatabaseState | None
    rename: bool
    over: bool

    @property
    def before(self) -> DatabaseState | None:
        """The database as it was before any attempt: whose folders and owner the restored one gets."""
        return self.kept or self.there


def look(connection: SqlConnection, name: str) -> DatabaseState | None:
    """The database of that name; None where there is none that the login may see."""
    rows = connection.query(
        "SELECT d.name, d.database_id, d.state_desc, d.user_access_desc, SUSER_SNAME(d.owner_sid) AS owner, d.compatibility_level, "
        "CAST(d.replica_id AS nvarchar(36)) AS replica_id, CAST(m.mirroring_guid AS nvarchar(36)) AS mirroring_guid "
        "FROM sys.databases AS d LEFT JOIN sys.database_mirroring AS m ON m.database_id = d.database_id WHERE d.name = ?",
        name,
    )
    if not rows:
        return None
    row = rows[0]
    return DatabaseState(
        row["name"],
        int(row["database_id"]),
        row["state_desc"],
        row["user_access_desc"],
        row["owner"],
        int(row["compatibility_level"]),
        row["replica_id"] is not None,
        row["mirroring_guid"] is not None,
    )


def restored_sets(connection: SqlConnection, database: str, after: int = 0) -> list[str | None]:
    """The identities of the full backups that msdb says were restored as that database, the newest first."""
    rows = connection.query(
        "SELECT CAST(b.backup_set_uuid AS nvarchar(36)) AS backup_set_uuid FROM msdb.dbo.restorehistory AS h "
        "LEFT JOIN msdb.dbo.backupset AS b ON b.backup_set_id = h.backup_set_id "
        "WHERE h.restore_history_id > ? AND h.destination_database_name = ? AND h.restore_type = 'D' ORDER BY h.restore_history_id DESC",
        after,
        database,
    )
    return [row["backup_set_uuid"] and str(row["backup_set_uuid"]).upper() for row in rows]


def last_restore(connection: SqlConnection) -> int:
    """The number of the newest restore that msdb knows. Numbers only grow, whatever clocks do.

    Raises:
        MssqlError: The login may not read it, and could not prove a restore.
    """
    try:
        return int(connection.scalar("SELECT MAX(restore_history_id) AS newest FROM msdb.dbo.restorehistory") or 0)
    except MssqlError as error:
        if error.number not in devices.NO_PERMISSION:
            raise
        raise MssqlError(
            f"Wanted: msdb.dbo.restorehistory of SQL Server {connection.options.where}, to prove the restore. Found: the login "
            f"{connection.options.who} cannot read it. Give it a user in msdb with the role db_datareader",
            error.number,
        ) from error


def decide(connection: SqlConnection, options: RestoreOptions, chosen: BackupSet) -> Target:
    """What the restore does with what is there.

    Raises:
        MssqlError: It would destroy something that nobody allowed it to, or cannot be done.
    """
    there = look(connection, options.database)
    kept = look(connection, options.keep_as) if options.keep_as else None
    where = f"SQL Server {connection.options.where}"
    for one in (there, kept):
        if one is not None:
            _refuse_replicas(one, where)
    if options.keep_as:
        return _keep(connection, options, chosen, there, kept)
    if there is None:
        return Target(None, None, rename=False, over=False)
    if not options.replace:
        raise MssqlError(
            f"Wanted: {options.database} restored as a new database. Found: {there.name} is there already, {there.state}, on {where}. "
            "Set keep_as to rename it first and keep it, or replace: true to destroy what is in it"
        )
    _refuse_snapshots(connection, there, where)
    return Target(there, None, rename=False, over=True)


def check_permissions(connection: SqlConnection, target: Target, name: str) -> None:
    """
    Raises:
        MssqlError: The login may not do what the restore will do.
    """
    who, where = connection.options.who, f"SQL Server {connection.options.where}"
    lacking = f"Found: the login {who} may not. Give it the server role dbcreator"
    if not may(connection, "master", "CREATE DATABASE"):
        raise MssqlError(f"Wanted: to read backups and create databases on {where}. {lacking}")
    if target.over and target.there is not None:
        roles = connection.query(
            "SELECT IS_SRVROLEMEMBER('sysadmin') AS boss, IS_SRVROLEMEMBER('dbcreator') AS maker, SUSER_SNAME() AS me"
        )[0]
        if not (roles["boss"] or roles["maker"] or (target.there.owner or "").lower() == roles["me"].lower()):
            raise MssqlError(f"Wanted: to restore over {name} on {where} (db_owner in it is not enough). {lacking}, or make it the owner")
    if target.rename and not (may_on_server(connection, "ALTER ANY DATABASE") or may(connection, name, "ALTER")):
        raise MssqlError(f"Wanted: to rename {name} on {where}. {lacking}")


def may_on_server(connection: SqlConnection, permission: str) -> bool:
    """Whether the login has a server permission."""
    return bool(connection.scalar("SELECT HAS_PERMS_BY_NAME(NULL, NULL, ?) AS may", permission))


def _refuse_replicas(one: DatabaseState, where: str) -> None:
    name = quote_identifier(one.name)
    if one.in_availability_group:
        raise MssqlError(
            f"Wanted: a database {one.name} of {where} alone. Found: it is in an availability group, over which RESTORE does not work, and its "
            f"other replicas would not follow. On the primary, ALTER AVAILABILITY GROUP ... REMOVE DATABASE {name}; restore it there; then ADD "
            "DATABASE it again and seed the secondaries anew"
        )
    if one.mirrored:
        raise MssqlError(
            f"Wanted: a database {one.name} of {where} alone. Found: it is mirrored, over which RESTORE does not work. "
            f"ALTER DATABASE {name} SET PARTNER OFF; restore it; then set the mirroring up again"
        )


def _refuse_snapshots(connection: SqlConnection, there: DatabaseState, where: str) -> None:
    """https://learn.microsoft.com/sql/relational-databases/databases/database-snapshots-sql-server: the source cannot be restored."""
    rows = connection.query("SELECT name FROM sys.databases WHERE source_database_id = ? ORDER BY name", there.database_id)
    if rows:
        raise MssqlError(
            f"Wanted: {there.name} without database snapshots, which forbid to restore over it. Found: {', '.join(row['name'] for row in rows)} "
            f"on {where}. Revert to one of them instead, or drop them"
        )


def _keep(
    connection: SqlConnection, options: RestoreOptions, chosen: BackupSet, there: DatabaseState | None, kept: DatabaseState | None
) -> Target:
    """Where the kept database is there, an earlier attempt has renamed it: what is under the name now is that attempt's restore."""
    where = f"SQL Server {connection.options.where}"
    if kept is None and there is None:
        raise MssqlError(
            f"Wanted: the database {options.database} on {where}, to be kept as {options.keep_as}. Found: neither. "
            "To restore it as a new database, leave keep_as out"
        )
    if kept is None and there is not None:
        if there.state != ONLINE:
            raise MssqlError(
                f"Wanted: {there.name} online, to be kept as {options.keep_as}. Found: {there.state} on {where}, in which it cannot be renamed. "
                "Bring it online first, or set replace: true instead of keep_as to destroy what is in it"
            )
        return Target(there, None, rename=True, over=False)
    if there is not None and there.state != RESTORING:
        last = next(iter(restored_sets(connection, there.name)), None)
        if last != chosen.backup_set_uuid:
            raise MssqlError(
                f"Wanted: {options.keep_as} free, to keep {there.name} as it, or from an earlier attempt at the same restore. "
                f"Found: {options.keep_as} is there, and {there.name} on {where} ({there.state}) was "
                + (f"restored last from the backup set {last}" if last else "not restored by what msdb knows")
                + f", not from {chosen.backup_set_uuid}. Name another keep_as"
            )
        _refuse_snapshots(connection, there, where)
    return Target(there, kept, rename=False, over=there is not None)
