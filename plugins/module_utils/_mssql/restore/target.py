# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The database of the name that is restored, and what a restore does with it: nothing, rename it, remove it, or overwrite it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup.media import BackupSet
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.server_info import may, may_on_server
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier

from . import history
from .options import RestoreOptions

ONLINE, RESTORING, RECOVERING, OFFLINE = "ONLINE", "RESTORING", "RECOVERING", "OFFLINE"


@dataclass(frozen=True)
class DatabaseState:
    """A database as sys.databases and sys.database_mirroring show it.

    Attributes:
        owner: None where the login that owns it no longer exists.
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
    """What a restore does with the existing database.

    Attributes:
        existing: The database of that name.
        renamed: The database that an earlier attempt has renamed already.
        rename: Whether the existing database is renamed first.
        overwrite: Whether the existing database is overwritten.
        remove: Whether the existing database, which cannot be opened and so not be renamed, is removed first. Its files stay on the disk.
    """

    existing: DatabaseState | None
    renamed: DatabaseState | None
    rename: bool
    overwrite: bool
    remove: bool = False

    @property
    def original(self) -> DatabaseState | None:
        """The database as it was before any attempt. The restored one takes over its folders and its owner."""
        return self.renamed or self.existing

    @property
    def overwrites_online(self) -> bool:
        """Whether others may be using the database that is overwritten."""
        return self.overwrite and self.existing is not None and self.existing.state == ONLINE

    @property
    def overwrites_unusable(self) -> bool:
        """Whether the database that is overwritten was not online to begin with."""
        return self.overwrite and self.existing is not None and self.existing.state != ONLINE


def find_database(connection: SqlConnection, name: str) -> DatabaseState | None:
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


def decide(connection: SqlConnection, options: RestoreOptions, chosen: BackupSet) -> Target:
    """Decide what the restore does with the existing database.

    Args:
        connection: The connection to ask.
        options: What to restore.
        chosen: The backup set.

    Raises:
        MssqlError: The restore would destroy something without permission, or cannot be done.
    """
    existing = find_database(connection, options.database)
    renamed = find_database(connection, options.keep_as) if options.keep_as else None
    where = f"SQL Server {connection.options.where}"
    for one in (existing, renamed):
        if one is not None:
            _refuse_replicas(replace(one, in_availability_group=False) if options.leaves_group and one is existing else one, where)
    if options.keep_as:
        return _rename(connection, options, chosen, existing, renamed)
    if existing is None:
        return Target(None, None, rename=False, overwrite=False)
    if not options.replace:
        raise MssqlError(
            f"Expected to restore {options.database} as a new database, but {existing.name} exists already ({existing.state}) on {where}. "
            "Set keep_as to rename it first and keep it, or replace: true to destroy its content"
        )
    _refuse_snapshots(connection, existing, where)
    return Target(existing, None, rename=False, overwrite=True)


@dataclass(frozen=True)
class Permissions:
    """What the login may do: create databases (which reading a backup needs too), rename the existing one, and restore over it."""

    create: bool
    rename: bool
    overwrite: bool


def permissions(connection: SqlConnection, existing: DatabaseState | None) -> Permissions:
    """Read the permissions that restores need.

    https://learn.microsoft.com/sql/t-sql/statements/restore-statements-transact-sql#permissions and
    alter-database-transact-sql#permissions

    Args:
        connection: The connection to ask.
        existing: The database to rename or to restore over.
    """
    create = may(connection, "master", "CREATE DATABASE")
    if existing is None:
        return Permissions(create, create, create)
    roles = connection.query("SELECT IS_SRVROLEMEMBER('sysadmin') AS boss, IS_SRVROLEMEMBER('dbcreator') AS maker, SUSER_SNAME() AS me")[0]
    return Permissions(
        create,
        may_on_server(connection, "ALTER ANY DATABASE") or may(connection, existing.name, "ALTER"),
        bool(roles["boss"] or roles["maker"]) or (existing.owner or "").lower() == roles["me"].lower(),
    )


def check_permissions(connection: SqlConnection, target: Target, name: str) -> None:
    """Check the permissions that the restore needs.

    Raises:
        MssqlError: The login lacks one.
    """
    who, where = connection.options.who, f"SQL Server {connection.options.where}"
    lacking = f"but the login {who} lacks that permission. Give it the server role dbcreator"
    has = permissions(connection, target.existing)
    if not has.create:
        raise MssqlError(f"Expected to read backups and create databases on {where}, {lacking}")
    if target.overwrite and target.existing is not None and not has.overwrite:
        raise MssqlError(f"Expected to restore over {name} on {where}, {lacking}, or make it the owner; db_owner in it is not enough")
    if target.remove and not may_on_server(connection, "ALTER ANY DATABASE"):
        raise MssqlError(f"Expected to take {name} offline and remove it on {where}, {lacking}")
    if target.rename and not has.rename:
        raise MssqlError(f"Expected to rename {name} on {where}, {lacking}")


def _refuse_replicas(one: DatabaseState, where: str) -> None:
    name = quote_identifier(one.name)
    if one.in_availability_group:
        raise MssqlError(
            f"Expected a standalone database {one.name} on {where}, but it is in an availability group: RESTORE refuses it, and its other "
            f"replicas would not follow. On the primary, run ALTER AVAILABILITY GROUP ... REMOVE DATABASE {name}, restore it there, run ADD "
            "DATABASE and seed the secondaries again"
        )
    if one.mirrored:
        raise MssqlError(
            f"Expected a standalone database {one.name} on {where}, but it is mirrored, and RESTORE refuses that. "
            f"Run ALTER DATABASE {name} SET PARTNER OFF, restore it, and set up the mirroring again"
        )


def snapshots_of(connection: SqlConnection, database_id: int) -> list[str]:
    """The names of the database's snapshots that the login may see."""
    rows = connection.query("SELECT name FROM sys.databases WHERE source_database_id = ? ORDER BY name", database_id)
    return [row["name"] for row in rows]


def _refuse_snapshots(connection: SqlConnection, existing: DatabaseState, where: str) -> None:
    """https://learn.microsoft.com/sql/relational-databases/databases/database-snapshots-sql-server: the source cannot be restored."""
    names = snapshots_of(connection, existing.database_id)
    if names:
        raise MssqlError(
            f"Expected {existing.name} without database snapshots, which prevent a restore over it, but found "
            f"{', '.join(names)} on {where}. Revert to one of them instead, or drop them"
        )


def _rename(
    connection: SqlConnection, options: RestoreOptions, chosen: BackupSet, existing: DatabaseState | None, renamed: DatabaseState | None
) -> Target:
    """Where the renamed database exists already, an earlier attempt has renamed it, and the existing one is that attempt's restore."""
    where = f"SQL Server {connection.options.where}"
    if existing is not None and existing.state == RESTORING:
        history.refuse_content(connection, existing.name, existing.database_id, chosen.backup_set_uuid)
        return Target(existing, renamed, rename=False, overwrite=True)
    if renamed is None:
        return _first(connection, existing, where)
    if existing is not None:
        last = next(iter(history.restored_sets(connection, existing.name)), None)
        if last != chosen.backup_set_uuid:
            raise MssqlError(
                f"Expected {options.keep_as} to be unused, or to come from an earlier attempt at the same restore of {existing.name}, but "
                f"{options.keep_as} exists, and {existing.name} on {where} ({existing.state}) was "
                + (f"restored last from the backup set {last}" if last else "never restored according to msdb")
                + f", not from {chosen.backup_set_uuid}. Name another keep_as"
            )
        _refuse_snapshots(connection, existing, where)
    return Target(existing, renamed, rename=False, overwrite=existing is not None)


def _first(connection: SqlConnection, existing: DatabaseState | None, where: str) -> Target:
    """What the first attempt does with the existing database, in whichever state it is."""
    if existing is None or existing.state == ONLINE:
        return Target(existing, None, rename=existing is not None, overwrite=False)
    if existing.state == RECOVERING:
        raise MssqlError(
            f"Expected {existing.name} to be ONLINE or out of use, but SQL Server is still recovering it on {where}. Wait until that has ended: "
            "its error log tells how far it is"
        )
    _refuse_snapshots(connection, existing, where)
    return Target(existing, None, rename=False, overwrite=False, remove=True)
