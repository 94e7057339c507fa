# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether SQL Server lets a schema upgrade of this database write what it writes. Only reads."""

from __future__ import annotations

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import server_info
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection

_DB_OWNER = 16384  # https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-database-principals-transact-sql
_PAGE = server_info.PAGE


def read(connection: SqlConnection, database: str, server_login: str | None = None) -> dict[str, Any]:
    """Return what is known; None for what the login does not see.

    Args:
        connection: To the database.
        database: Its name.
        server_login: The SQL login of the server's connection string; None with integrated security.

    Raises:
        MssqlError: SQL Server refused.
    """
    sees_all = server_info.may(connection, database, "VIEW DEFINITION")
    found: dict[str, Any] = {
        "engine_edition": server_info.server_info(connection).engine_edition,
        "own_objects": _own_objects(connection) or ([] if sees_all else None),
        "files": _files(connection),
    }
    if server_login:
        found["server_login"] = _owner(connection, server_login, bool(sees_all))
    return found


def _own_objects(connection: SqlConnection) -> list[str]:
    """Tables, views, procedures and functions outside of dbo, where the product has all of its own, and triggers on tables, of which it has none
    (https://octopus.com/docs/installation/sql-server-database; assumed of triggers: public dumps of the schema have none)."""
    objects = connection.query(
        "SELECT s.name AS owner, o.name AS name FROM sys.objects AS o INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id "
        "WHERE o.is_ms_shipped = 0 AND s.name <> 'dbo' AND o.type_desc IN ('USER_TABLE', 'VIEW', 'SQL_STORED_PROCEDURE', 'SQL_SCALAR_FUNCTION', "
        "'SQL_INLINE_TABLE_VALUED_FUNCTION', 'SQL_TABLE_VALUED_FUNCTION')"
    )
    triggers = connection.query("SELECT t.name AS name FROM sys.triggers AS t WHERE t.is_ms_shipped = 0")
    return [f"{row['owner']}.{row['name']}" for row in objects] + [f"trigger {row['name']}" for row in triggers]


def _files(connection: SqlConnection) -> list[dict[str, Any]]:
    """Each file, and whether it grows: in pages of 8 KiB, 0 means not at all, and a maximum of -1 none but the disk's."""
    rows = connection.query("SELECT name, size, max_size, growth FROM sys.database_files WHERE type IN (0, 1)")
    return [
        {"name": row["name"], "bytes": int(row["size"]) * _PAGE, "grows": bool(row["growth"]) and not 0 <= row["max_size"] <= row["size"]}
        for row in rows
    ]


def _owner(connection: SqlConnection, login: str, sees_all: bool) -> dict[str, Any]:
    """Whether a SQL login may do everything in the database: as its owner, as db_owner, or as sysadmin."""
    users = connection.query(
        "SELECT COALESCE(SUSER_SNAME(u.sid), u.name) AS account, "
        "CASE WHEN u.principal_id = 1 OR m.member_principal_id IS NOT NULL THEN 1 ELSE 0 END AS is_owner "
        "FROM sys.database_principals AS u "
        "LEFT JOIN sys.database_role_members AS m ON m.member_principal_id = u.principal_id AND m.role_principal_id = ? "
        "WHERE u.type = 'S'",
        _DB_OWNER,
    )
    own = [row for row in users if str(row["account"]).lower() == login.lower()]
    if any(row["is_owner"] == 1 for row in own):
        return {"name": login, "db_owner": True, "found": "that it is"}
    if connection.scalar("SELECT IS_SRVROLEMEMBER('sysadmin', ?) AS member", login) == 1:
        return {"name": login, "db_owner": True, "found": "that it is a member of sysadmin"}
    if not sees_all:
        return {"name": login, "db_owner": None, "found": None}
    return {"name": login, "db_owner": False, "found": "that it is a user without that role" if own else "no user for it"}
