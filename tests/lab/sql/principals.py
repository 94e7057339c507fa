# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logins, their server roles, and what they may do.

https://learn.microsoft.com/sql/relational-databases/security/authentication-access/server-level-roles and database-level-roles
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime

from .database import Database

SERVER_ROLES = ("sysadmin", "securityadmin", "serveradmin", "setupadmin", "processadmin", "diskadmin", "dbcreator", "bulkadmin")
DATABASE_ROLES = (
    "db_owner",
    "db_accessadmin",
    "db_securityadmin",
    "db_ddladmin",
    "db_backupoperator",
    "db_datareader",
    "db_datawriter",
    "db_denydatareader",
    "db_denydatawriter",
)
OPEN_TO_ALL = ("master", "tempdb", "msdb")  # the guest user is enabled in these

# Server permissions by fixed server role; sysadmin has all. What CONTROL SERVER covers is not modelled apart.
_SERVER_PERMISSIONS = {
    "dbcreator": {"CREATE ANY DATABASE", "CREATE DATABASE", "ALTER ANY DATABASE"},
    "securityadmin": {"ALTER ANY LOGIN"},
    "serveradmin": {"VIEW SERVER STATE", "VIEW SERVER PERFORMANCE STATE", "ALTER SERVER STATE", "ALTER SETTINGS", "SHUTDOWN"},
    "processadmin": {"ALTER ANY CONNECTION", "VIEW SERVER STATE", "VIEW SERVER PERFORMANCE STATE"},
}
_PUBLIC = {"CONNECT SQL", "VIEW ANY DATABASE"}
_DATABASE_PERMISSIONS = {
    "db_backupoperator": {"BACKUP DATABASE", "BACKUP LOG", "CHECKPOINT"},
    "db_datareader": {"SELECT"},
    "db_datawriter": {"INSERT", "UPDATE", "DELETE"},
    "db_ddladmin": {"ALTER ANY SCHEMA", "CREATE TABLE", "CREATE VIEW", "CREATE PROCEDURE", "ALTER"},
}


@dataclass(eq=False)
class Login:
    """A login: of SQL Server with its password, or of Windows (``password`` is None)."""

    name: str
    password: str | None = field(default=None, repr=False)
    roles: set[str] = field(default_factory=set)
    permissions: set[str] = field(default_factory=set)  # granted one by one, as VIEW SERVER STATE
    default_database: str = "master"
    disabled: bool = False
    locked: bool = False
    must_change: bool = False
    created: datetime | None = None
    principal_id: int = 0
    sid: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    @property
    def is_sysadmin(self) -> bool:
        return "sysadmin" in self.roles

    @property
    def is_windows(self) -> bool:
        return self.password is None and "\\" in self.name

    def may(self, permission: str) -> bool:
        """Whether it has a server permission."""
        wanted = permission.upper()
        if self.is_sysadmin or wanted in _PUBLIC or wanted in {one.upper() for one in self.permissions}:
            return True
        return any(wanted in _SERVER_PERMISSIONS.get(role, ()) for role in self.roles)

    def is_dbo(self, database: Database) -> bool:
        """Whether it is the user dbo there: a sysadmin, or the owner."""
        return self.is_sysadmin or database.owner.lower() == self.name.lower()

    def user_name(self, database: Database) -> str | None:
        """Its user in a database; None: it has no access."""
        if self.is_dbo(database):
            return "dbo"
        user = database.user_of(self.name)
        if user is not None:
            return user.name
        return "guest" if database.name.lower() in OPEN_TO_ALL else None

    def database_roles(self, database: Database) -> set[str]:
        if self.is_dbo(database):
            return {"db_owner"}
        user = database.user_of(self.name)
        return user.roles if user is not None else set()

    def may_in(self, database: Database, permission: str) -> bool:
        """Whether it has a database permission."""
        wanted = permission.upper()
        roles = self.database_roles(database)
        if "db_owner" in roles:
            return True
        if wanted in ("CONNECT", "ANY"):
            return self.user_name(database) is not None
        return any(wanted in _DATABASE_PERMISSIONS.get(role, ()) for role in roles)
