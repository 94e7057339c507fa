# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a Windows account is db_owner of an instance's database, as far as the catalogue views show it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import server_info
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection

# How SYSTEM of SQL Server's own machine logs in. Windows translates its name, so it is found by its SID, S-1-5-18
# (https://learn.microsoft.com/windows-server/identity/ad-ds/manage/understand-security-identifiers).
SYSTEM = "SYSTEM"
_SYSTEM_SID = bytes.fromhex("010100000000000512000000")
_DB_OWNER = 16384  # https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-database-principals-transact-sql
_WINDOWS_LOGIN, _WINDOWS_GROUP = "U", "G"


@dataclass(frozen=True)
class Principal:
    """A Windows account or group that SQL Server knows, and whether it may do everything in the database."""

    account: str
    kind: str
    sid: bytes
    is_owner: bool


def query(connection: SqlConnection, database: str, account: str) -> dict[str, Any]:
    r"""Return what SQL Server knows of an account.

    Args:
        connection: To the database.
        database: Its name.
        account: ``DOMAIN\name``; a name alone is of whatever domain; :data:`SYSTEM` is that of SQL Server's own machine.
    """
    users = connection.query(
        "SELECT COALESCE(SUSER_SNAME(u.sid), u.name) AS account, u.type AS kind, u.sid AS sid, "
        "CASE WHEN u.principal_id = 1 OR m.member_principal_id IS NOT NULL THEN 1 ELSE 0 END AS is_owner "
        "FROM sys.database_principals AS u "
        "LEFT JOIN sys.database_role_members AS m ON m.member_principal_id = u.principal_id AND m.role_principal_id = ? "
        "WHERE u.type IN ('U', 'G') OR u.principal_id = 1",
        _DB_OWNER,
    )
    logins = connection.query(
        "SELECT s.name AS account, s.type AS kind, s.sid AS sid, IS_SRVROLEMEMBER('sysadmin', s.name) AS is_owner "
        "FROM sys.server_principals AS s WHERE s.type IN ('U', 'G')"
    )
    known = [
        Principal(str(row["account"]), str(row["kind"]).strip(), bytes(row["sid"] or b""), row["is_owner"] == 1) for row in users + logins
    ]
    sees_all = bool(connection.scalar("SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW ANY DEFINITION') AS may")) and server_info.may(
        connection, database, "VIEW DEFINITION"
    )
    is_owner, found = judge(account, known, sees_all)
    return {"name": account, "db_owner": is_owner, "found": found}


def judge(account: str, known: Iterable[Principal], sees_all: bool) -> tuple[bool | None, str]:
    """Return whether the account is db_owner, or None where that cannot be told; and what was found.

    Args:
        account: As for :func:`query`.
        known: The accounts and groups that SQL Server shows.
        sees_all: Whether it shows all of them.
    """
    known = list(known)
    own = [one for one in known if _is(account, one)]
    owners = [one.account for one in own if one.is_owner]
    if owners:
        return True, f"that {owners[0]} is"
    groups = sorted({one.account for one in known if one.kind == _WINDOWS_GROUP and one.is_owner})
    if groups:
        return None, f"that it cannot be told: it may be a member of {', '.join(groups)}"
    if not sees_all:
        return None, "that it cannot be told: the SQL login does not see all logins and users (VIEW ANY DEFINITION)"
    if own:
        return False, f"that {own[0].account} may log in, but is not db_owner"
    return False, f"no login for {account}"


def _is(account: str, principal: Principal) -> bool:
    if account.upper() == SYSTEM:
        return principal.sid == _SYSTEM_SID
    name = principal.account.lower()
    return name == account.lower() or ("\\" not in account and name.endswith(f"\\{account.lower()}"))
