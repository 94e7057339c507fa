# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HAS_PERMS_BY_NAME.

https://learn.microsoft.com/sql/t-sql/functions/has-perms-by-name-transact-sql
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .session import Session


def _implied(login: Any, database: str, permission: str) -> bool:
    """Database permissions that a server permission implies.

    https://learn.microsoft.com/sql/t-sql/statements/grant-database-permissions-transact-sql
    """
    if permission == "CREATE DATABASE":  # granted in master only
        return bool(database.lower() == "master" and login.may("CREATE ANY DATABASE"))
    return bool(permission == "ALTER" and login.may("ALTER ANY DATABASE"))


def has_permission(session: Session, securable: Any, kind: Any, permission: str) -> int | None:
    """1 or 0; None (NULL): there is no such securable."""
    login = session.client.login
    what = str(kind or "SERVER").upper()
    if what == "LOGIN" and securable:
        from .server_functions import parts_of

        other = session.server.find_login(parts_of(str(securable))[2])
        return None if other is None else int(other is login or login.may(f"{permission} ANY LOGIN"))
    if what == "AVAILABILITY GROUP" and securable:
        # What GRANT ALTER ON AVAILABILITY GROUP gives is not modelled apart from the permission on all of them.
        from .server_functions import parts_of

        name = parts_of(str(securable))[2].lower()
        return int(login.may(f"{permission} ANY AVAILABILITY GROUP")) if name in map(str.lower, session.server.groups) else None
    if what in ("SERVER", "LOGIN"):
        return int(login.may(permission))
    if what == "DATABASE":
        from .server_functions import parts_of

        name = parts_of(str(securable))[2] if securable else session.client.database.name
        database = session.server.database(name)
        if database is None:
            return None
        return int(login.may_in(database, permission) or _implied(login, database.name, permission.upper()))
    if what == "OBJECT":
        return int(login.may_in(session.client.database, permission))
    return None
