# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The preparation of a restore: everything is checked and every statement is built, and nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup import media as backup_media
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup.media import BackupSet
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.server_info import (
    AZURE_SQL_DATABASE,
    MANAGED_INSTANCE,
    ServerInfo,
    server_info,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier

from . import files as restore_files
from . import history, statements
from . import target as restore_target
from .files import ExistingFile
from .options import BackupSource, RestoredFile, RestoreOptions
from .target import OFFLINE, Target


@dataclass
class Prepared:
    """A restore that is ready to run.

    Attributes:
        needed: Bytes that each volume must have free.
        owner: The login to own the database; None leaves it as it is.
        by_offline: Whether everybody else is disconnected by taking the database offline.
        left: The files of the database that is removed, which stay on the disk.
        kept_bytes: The size of the files of the database that is kept under another name, or as files.
        keeps_access: As :func:`keeps_access` has it.
    """

    options: RestoreOptions
    server: ServerInfo
    chosen: BackupSet
    target: Target
    files: list[RestoredFile]
    needed: dict[str, int]
    owner: str | None
    statement: str
    by_offline: bool
    left: list[ExistingFile]
    kept_bytes: int
    keeps_access: bool

    @property
    def verify_statement(self) -> str:
        options = self.options
        return backup_media.verify_statement(
            options.paths,
            self.chosen.position,
            urls=options.urls,
            credential=options.credential,
            checksum=self.chosen.has_checksums,
            moves=[file.move for file in self.files],
        )


def select(connection: SqlConnection, options: BackupSource) -> tuple[ServerInfo, BackupSet]:
    """Select the backup set, and check that this server can restore it.

    Raises:
        MssqlError: The options or the files are unusable, or the server cannot restore the set.
    """
    problems = options.problems()
    if problems:
        raise MssqlError("; ".join(problems))
    server = server_info(connection)
    if server.engine_edition in (AZURE_SQL_DATABASE, MANAGED_INSTANCE):
        raise MssqlError(
            f"Expected a SQL Server at {connection.options.where}, but found {server.edition}, where the platform itself does restores"
        )
    found = backup_media.sets(connection, options.paths, options.urls, credential=options.credential)
    chosen = backup_media.choose(found, options.selected, options.database)
    internal = int(connection.scalar("SELECT CAST(DATABASEPROPERTYEX('master', 'Version') AS int) AS version") or 0)
    if chosen.software_major > server.major or (internal and chosen.database_version > internal):
        raise MssqlError(
            f"Expected a backup of SQL Server {server.version} or older, but {chosen} was taken by {chosen.software_version} (internal version "
            f"{chosen.database_version}, here {internal}). SQL Server restores no backups of newer versions: restore it on a newer server"
        )
    return server, chosen


def prepare(connection: SqlConnection, options: RestoreOptions, beside: str | None = None) -> Prepared:
    """Check everything that can be checked without a change.

    Args:
        connection: The connection to ask.
        options: What to restore.
        beside: The database in whose folders the files go by default; the original database where this is omitted.

    Raises:
        MssqlError: The restore cannot be done; the message says why.
    """
    server, chosen = select(connection, options)
    rows = backup_media.files(connection, options.paths, chosen.position, options.urls, credential=options.credential)
    history.last_restore(connection)  # a login that cannot read msdb could not verify the restore
    target = restore_target.decide(connection, options, chosen)
    if target.existing is not None:
        options = replace(options, database=target.existing.name)  # as the server spells it
    restore_target.check_permissions(connection, target, options.database)
    if options.compatibility_level is not None and options.compatibility_level > server.major * 10:
        raise MssqlError(
            f"Expected a compatibility level up to {server.major * 10}, the highest that SQL Server {server.version} supports, but "
            f"compatibility_level is {options.compatibility_level}"
        )
    owner = future_owner(connection, options, target)
    model = beside or (target.original.name if target.original else None)
    overwritten = restore_files.existing(connection, options.database) if target.overwrite else None
    present = restore_files.existing(connection, model) if model else []
    files = restore_files.plan(connection, options, chosen, rows, beside=present, overwritten=overwritten)
    needed = restore_files.check_space(connection, files, overwritten)
    return Prepared(
        options,
        server,
        chosen,
        target,
        files,
        needed,
        owner,
        statements.restore(options, chosen.position, files, overwrite=target.overwrite, checksum=chosen.has_checksums),
        restore_target.may_on_server(connection, "ALTER ANY DATABASE"),
        present if target.remove else [],
        sum(one.size for one in present) if target.rename or target.renamed or target.remove else 0,
        keeps_access(connection, target, chosen, owner),
    )


def outlook(prepared: Prepared) -> dict[str, Any]:
    """What is known before the restore, for the module's result."""
    options, target = prepared.options, prepared.target
    sql = [prepared.verify_statement] if options.verify else []
    if target.rename and options.keep_as:
        sql += [
            statements.single_user(options.database),
            statements.rename(options.database, options.keep_as),
            statements.multi_user(options.keep_as),
        ]
    if target.remove and target.existing:
        sql += statements.remove(options.database, is_offline=target.existing.state == OFFLINE)
    if target.overwrites_online:
        sql.append(statements.offline(options.database) if prepared.by_offline else statements.single_user(options.database))
    sql.append(prepared.statement)
    if options.compatibility_level is not None:
        sql.append(statements.set_compatibility_level(options.database, options.compatibility_level))
    if options.checkdb:
        sql.append(statements.check(options.database))
    if prepared.owner:
        sql.append(statements.set_owner(options.database, prepared.owner))
    return {
        **facts(prepared.server, prepared.options, prepared.chosen),
        "files": [file.facts() for file in prepared.files],
        "needed_bytes": prepared.needed,
        "kept_as": options.keep_as if target.rename or target.renamed else None,
        "kept_files": [one.path for one in prepared.left],
        "kept_bytes": prepared.kept_bytes,
        "found": target.existing.state if target.existing else None,
        "replaced": target.overwrite,
        "keeps_access": prepared.keeps_access,
        "sql": sql,
    }


def facts(server: ServerInfo, options: BackupSource, chosen: BackupSet) -> dict[str, Any]:
    """The server and the backup set, for a module's result."""
    return {
        "server": server.name,
        "server_version": server.version,
        "database": options.database,
        "paths": options.devices,
        "backup_set_uuid": chosen.backup_set_uuid,
        "position": chosen.position,
        "backup": chosen.facts(),
    }


def keeps_access(connection: SqlConnection, target: Target, chosen: BackupSet, owner: str | None) -> bool:
    """Whether the login certainly can open the restored database: as sysadmin, as its owner, or because it was the one that backed it up.

    With the database, its users are those of the backup: a login that was given a user later has none again (error 916), and no server role
    lets it create one. What users a backup has can be read only once it is restored; who took it, which needs a user in it, is in its header
    (UserName): https://learn.microsoft.com/sql/t-sql/statements/restore-statements-headeronly-transact-sql

    Args:
        connection: The connection to ask.
        target: What becomes of the existing database. One that is overwritten stays with its owner; a new one is the login's.
        chosen: The backup set.
        owner: The login that is made the owner afterwards; None leaves it as it is.
    """
    row = connection.query("SELECT SUSER_SNAME() AS me, IS_SRVROLEMEMBER('sysadmin') AS boss")[0]
    me = str(row["me"]).lower()
    present = target.existing.owner if target.overwrite and target.existing else me
    return bool(row["boss"]) or (owner or present or "").lower() == me or (chosen.user or "").lower() == me


def future_owner(connection: SqlConnection, options: RestoreOptions, target: Target) -> str | None:
    """The login to own the database: the requested one, or that of the original database where our login may assign it.

    Raises:
        MssqlError: The requested login does not exist, or our login may not assign the database to it.
    """
    before = target.original.owner if target.original and not options.for_test else None
    owner = options.owner or before
    if owner is None:
        return None
    row = connection.query(
        "SELECT CASE WHEN SUSER_SID(?) IS NULL THEN 0 ELSE 1 END AS there, SUSER_SNAME() AS me, IS_SRVROLEMEMBER('sysadmin') AS boss, "
        "HAS_PERMS_BY_NAME(?, 'LOGIN', 'IMPERSONATE') AS may",
        owner,
        quote_identifier(owner),
    )[0]
    if not row["there"]:
        if options.owner is None:
            return None
        raise MssqlError(
            f"Expected the login {owner}, to own {options.database}, but SQL Server {connection.options.where} has no such login"
        )
    if row["boss"] or row["may"] or owner.lower() == row["me"].lower():
        return owner
    if options.owner is None:
        return None
    raise MssqlError(
        f"Expected to make {owner} the owner of {options.database}, but the login {connection.options.who} lacks that permission. "
        f"Give it the permission IMPERSONATE on {owner}, or restore as a member of sysadmin"
    )
