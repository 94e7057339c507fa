# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore that is looked at from all sides, worded, and has changed nothing."""

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
from . import options as word
from . import target as restore_target
from .options import RESTORED, RestoredFile, RestoreOptions
from .target import ONLINE, Target


@dataclass
class Prepared:
    """A restore that is checked and worded, and has changed nothing.

    Attributes:
        needed: Bytes that each volume must have free.
        owner: The login to own the database; None: left as it is.
        by_offline: How everybody else is thrown out.
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


def select(connection: SqlConnection, options: RestoreOptions) -> tuple[ServerInfo, BackupSet]:
    """The backup set that is meant, and whether this server can restore it.

    Raises:
        MssqlError: The options, the files, or the set will not do.
    """
    problems = options.problems()
    if problems:
        raise MssqlError("; ".join(problems))
    server = server_info(connection)
    if server.engine_edition in (AZURE_SQL_DATABASE, MANAGED_INSTANCE):
        raise MssqlError(
            f"Wanted: a SQL Server. Found: {server.edition} at {connection.options.where}, whose restores are the platform's own"
        )
    found = backup_media.sets(connection, options.paths, options.urls, credential=options.credential)
    chosen = backup_media.choose(found, options.wanted, options.database)
    ours = int(connection.scalar("SELECT CAST(DATABASEPROPERTYEX('master', 'Version') AS int) AS version") or 0)
    if chosen.software_major > server.major or (ours and chosen.database_version > ours):
        raise MssqlError(
            f"Wanted: a backup of SQL Server {server.version} or older. Found: {chosen} was taken by {chosen.software_version} "
            f"(internal version {chosen.database_version}, here {ours}). No SQL Server restores backups of newer ones: restore it on a newer server"
        )
    return server, chosen


def prepare(connection: SqlConnection, options: RestoreOptions, beside: str | None = None) -> Prepared:
    """Check everything that can be checked without writing.

    Args:
        beside: The database in whose folders the files are put where none are named; the one of that name by default.

    Raises:
        MssqlError: Something will not do; the message says what.
    """
    server, chosen = select(connection, options)
    rows = backup_media.files(connection, options.paths, chosen.position, options.urls, credential=options.credential)
    restore_target.last_restore(connection)  # a login that cannot read msdb could not prove the restore
    target = restore_target.decide(connection, options, chosen)
    if target.there is not None:
        options = replace(options, database=target.there.name)  # as the server spells it
    restore_target.check_permissions(connection, target, options.database)
    if options.compatibility_level is not None and options.compatibility_level > server.major * 10:
        raise MssqlError(
            f"Wanted: compatibility level {options.compatibility_level}. Found: SQL Server {server.version} knows none above {server.major * 10}"
        )
    owner = _owner(connection, options, target)
    model = beside or (target.before.name if target.before else None)
    over = restore_files.existing(connection, options.database) if target.over else None
    files = restore_files.plan(
        connection, options, chosen, rows, beside=restore_files.existing(connection, model) if model else [], over=over
    )
    needed = restore_files.check_room(connection, files, over)
    return Prepared(
        options,
        server,
        chosen,
        target,
        files,
        needed,
        owner,
        word.statement(options, chosen.position, files, over=target.over, checksum=chosen.has_checksums),
        restore_target.may_on_server(connection, "ALTER ANY DATABASE"),
    )


def outlook(prepared: Prepared) -> dict[str, Any]:
    """What is known before the restore has run, as the module returns it."""
    options, target = prepared.options, prepared.target
    statements = [prepared.verify_statement] if options.verify else []
    if target.rename and options.keep_as:
        statements += [word.single_user(options.database), word.rename(options.database, options.keep_as), word.multi_user(options.keep_as)]
    if target.over and target.there and target.there.state == ONLINE:
        statements.append(word.offline(options.database) if prepared.by_offline else word.single_user(options.database))
    statements.append(prepared.statement)
    if options.compatibility_level is not None:
        statements.append(word.set_level(options.database, options.compatibility_level))
    if options.checkdb:
        statements.append(word.check_statement(options.database))
    if prepared.owner:
        statements.append(word.set_owner(options.database, prepared.owner))
    return {
        **facts(prepared.server, prepared.options, prepared.chosen),
        "files": [file.facts() for file in prepared.files],
        "needed_bytes": prepared.needed,
        "kept_as": options.keep_as,
        "replaced": target.over,
        "sql": statements,
    }


def facts(server: ServerInfo, options: RestoreOptions, chosen: BackupSet) -> dict[str, Any]:
    """What is known of the server and the backup set."""
    return {
        "server": server.name,
        "server_version": server.version,
        "database": options.database,
        "paths": options.devices,
        "backup_set_uuid": chosen.backup_set_uuid,
        "position": chosen.position,
        "backup": chosen.facts(),
    }


def _owner(connection: SqlConnection, options: RestoreOptions, target: Target) -> str | None:
    """The login to own the database: the wanted one, or that of the database that was there, where the login may give it away.

    Raises:
        MssqlError: There is no such login, or the login may not.
    """
    before = target.before.owner if target.before and options.state == RESTORED else None
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
        raise MssqlError(f"Wanted: {owner} as owner of {options.database}. Found: SQL Server {connection.options.where} has no such login")
    if row["boss"] or row["may"] or owner.lower() == row["me"].lower():
        return owner
    if options.owner is None:
        return None
    raise MssqlError(
        f"Wanted: {owner} as owner of {options.database}. Found: the login {connection.options.who} may not give databases to it. "
        f"Give it the permission IMPERSONATE on that login, or restore as a member of sysadmin"
    )
