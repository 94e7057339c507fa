# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts of a SQL Server and its databases: edition, version, state, space, and sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier

from .connection import SqlConnection

# SERVERPROPERTY('EngineEdition'): https://learn.microsoft.com/sql/t-sql/functions/serverproperty-transact-sql
STANDARD, ENTERPRISE, EXPRESS, AZURE_SQL_DATABASE, MANAGED_INSTANCE = 2, 3, 4, 5, 8
SQL_SERVER_2014 = 12
SP1_OF_2016 = (13, 0, 4001)
PAGE = 8192
NO_USER = 916  # the login cannot access the database


@dataclass(frozen=True)
class ServerInfo:
    """The server's own properties."""

    name: str
    version: str
    edition: str
    engine_edition: int

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    @property
    def compresses_backups(self) -> bool:
        """Express and Web cannot create compressed backups (error 1844); EngineEdition does not distinguish Web from Standard."""
        return self.engine_edition in (STANDARD, ENTERPRISE, MANAGED_INSTANCE) and not self.edition.startswith("Web")

    @property
    def has_database_snapshots(self) -> bool:
        """Every edition has them since SQL Server 2016 SP1, before that only Enterprise and its equivalents; Azure has none.

        https://blogs.msdn.microsoft.com/sql_server_team/sql-server-2016-sp1-things-you-should-know/
        """
        numbers = tuple(int(part) for part in self.version.split(".")[:3])
        return self.engine_edition == ENTERPRISE or (self.engine_edition in (STANDARD, EXPRESS) and numbers >= SP1_OF_2016)


@dataclass(frozen=True)
class DatabaseInfo:
    """A row of sys.databases. ``encrypted``: by TDE."""

    name: str
    state: str
    recovery_model: str
    in_availability_group: bool
    allocated_bytes: int
    encrypted: bool


def server_info(connection: SqlConnection) -> ServerInfo:
    row = connection.query(
        "SELECT CAST(SERVERPROPERTY('ServerName') AS nvarchar(256)) AS name, "
        "CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS version, "
        "CAST(SERVERPROPERTY('Edition') AS nvarchar(128)) AS edition, CAST(SERVERPROPERTY('EngineEdition') AS int) AS engine_edition"
    )[0]
    return ServerInfo(row["name"], row["version"], row["edition"], row["engine_edition"])


def database_info(connection: SqlConnection, name: str) -> DatabaseInfo:
    """
    Raises:
        MssqlError: There is no such database, or the login may not see it.
    """
    rows = connection.query(
        "SELECT name, state_desc, recovery_model_desc, CAST(replica_id AS nvarchar(36)) AS replica_id, is_encrypted FROM sys.databases "
        "WHERE name = ?",
        name,
    )
    if not rows:
        raise MssqlError(
            f"Expected the database {name}, but SQL Server {connection.options.where} has none of that name that the login may see", 911
        )
    size = connection.scalar(
        "SELECT SUM(CAST(size AS bigint)) AS pages FROM sys.master_files WHERE database_id = DB_ID(?) AND type = 0", name
    )
    row = rows[0]
    return DatabaseInfo(
        row["name"],
        row["state_desc"],
        row["recovery_model_desc"],
        row["replica_id"] is not None,
        int(size or 0) * PAGE,
        bool(row["is_encrypted"]),
    )


def delayed_durability(connection: SqlConnection, server: ServerInfo, name: str) -> str:
    """DISABLED, ALLOWED or FORCED; before SQL Server 2014, which does not have it, DISABLED.

    https://learn.microsoft.com/sql/relational-databases/logs/control-transaction-durability
    """
    if server.major < SQL_SERVER_2014:
        return "DISABLED"
    return str(connection.scalar("SELECT delayed_durability_desc FROM sys.databases WHERE name = ?", name))


def used_bytes(connection: SqlConnection, database: DatabaseInfo) -> int:
    """The bytes in use in the data files: about the size of an uncompressed backup.

    Where the login has no user in the database, the size of the files instead.
    """
    before = connection.scalar("SELECT DB_NAME() AS name")
    try:
        connection.execute_drained(f"USE {quote_identifier(database.name)}")
    except MssqlError as error:
        if error.number != NO_USER:
            raise
        return database.allocated_bytes
    pages = connection.scalar("SELECT SUM(CAST(FILEPROPERTY(name, 'SpaceUsed') AS bigint)) AS pages FROM sys.database_files WHERE type = 0")
    connection.execute_drained(f"USE {quote_identifier(before)}")
    return int(pages or 0) * PAGE or database.allocated_bytes


def file_bytes(connection: SqlConnection) -> tuple[int, int]:
    """The sizes of the data files and of the log files of the database that the connection is in.

    https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-database-files-transact-sql
    """
    rows = connection.query("SELECT type, SUM(CAST(size AS bigint)) AS pages FROM sys.database_files WHERE type IN (0, 1) GROUP BY type")
    pages = {int(row["type"]): int(row["pages"]) for row in rows}
    return pages.get(0, 0) * PAGE, pages.get(1, 0) * PAGE


def may_on_server(connection: SqlConnection, permission: str) -> bool:
    """Whether the login has a server permission."""
    return bool(connection.scalar("SELECT HAS_PERMS_BY_NAME(NULL, NULL, ?) AS may", permission))


def may(connection: SqlConnection, database: str, permission: str) -> bool:
    """Whether the login has a database permission, such as BACKUP DATABASE."""
    return bool(connection.scalar("SELECT HAS_PERMS_BY_NAME(?, 'DATABASE', ?) AS may", quote_identifier(database), permission))


def may_see_sessions(connection: SqlConnection) -> bool:
    """Whether the login may see the sessions of others; without the permission it sees only its own."""
    return bool(connection.scalar("SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE') AS may"))


def sessions(connection: SqlConnection, database: str) -> list[dict[str, Any]]:
    """The other sessions on the database."""
    rows = connection.query(
        "SELECT session_id, login_name, host_name, program_name FROM sys.dm_exec_sessions "
        "WHERE is_user_process = 1 AND session_id <> @@SPID AND database_id = DB_ID(?) ORDER BY session_id",
        database,
    )
    return [
        {"session_id": row["session_id"], "login": row["login_name"], "host": row["host_name"], "program": row["program_name"]}
        for row in rows
    ]


def listed(found: list[dict[str, Any]]) -> str:
    """What :func:`sessions` returned, for a message."""
    return "; ".join(
        f"session {one['session_id']}, {one['login']} from {one['host'] or 'unknown'} ({one['program'] or 'unknown'})" for one in found
    )


def ending(others: list[dict[str, Any]], sql: str) -> str:
    """A batch that ends sessions and runs a statement at once: whoever reconnects by itself does so faster than a second request arrives.

    Args:
        others: What :func:`sessions` returned. One that has ended by itself, or that the login may not end, does not keep the statement from running.
        sql: The statement.
    """
    return "; ".join([*(f"BEGIN TRY KILL {one['session_id']:d} END TRY BEGIN CATCH END CATCH" for one in others), sql])


def operations(connection: SqlConnection, database: str) -> list[str]:
    """Backups, restores and integrity checks that are running on the database."""
    rows = connection.query(
        "SELECT command, session_id, percent_complete FROM sys.dm_exec_requests WHERE database_id = DB_ID(?) AND session_id <> @@SPID "
        "AND (command LIKE 'BACKUP%' OR command LIKE 'RESTORE%' OR command LIKE 'DBCC%')",
        database,
    )
    return [f"{row['command'].strip()} in session {row['session_id']}, {row['percent_complete']:.0f} percent" for row in rows]


def volumes(connection: SqlConnection, database: str) -> list[dict[str, Any]]:
    """The disks of the database's files, with their free bytes; empty where the login may not ask."""
    try:
        rows = connection.query(
            "SELECT DISTINCT v.volume_mount_point AS name, v.available_bytes AS free FROM sys.master_files AS f "
            "CROSS APPLY sys.dm_os_volume_stats(f.database_id, f.file_id) AS v WHERE f.database_id = DB_ID(?)",
            database,
        )
    except MssqlError as error:
        if error.number in (297, 300, 371):  # no VIEW SERVER STATE
            return []
        raise
    return [{"name": row["name"], "free": int(row["free"])} for row in rows]
