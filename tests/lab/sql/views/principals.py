# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logins, users, roles, certificates and credentials."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from ..database import Database
from ..principals import DATABASE_ROLES, SERVER_ROLES
from .registry import Rows, view

if TYPE_CHECKING:
    from ..session import Session

_ROLE_IDS = {role: place for place, role in enumerate(SERVER_ROLES, 3)}
_DATABASE_ROLE_IDS = {role: place for place, role in enumerate(DATABASE_ROLES, 16384)}


def _user_id(name: str) -> int:
    return {"dbo": 1, "guest": 2}.get(name.lower(), 5 + zlib.crc32(name.lower().encode()) % 10000)


@view(
    "sys.server_principals",
    "name sysname, principal_id int, sid varbinary(85), type char(1), type_desc nvarchar(60), is_disabled bit, create_date datetime,"
    " modify_date datetime, default_database_name sysname, is_fixed_role bit",
)
def server_principals(session: Session, _database: Database) -> Rows:
    me = session.client.login
    for login in session.server.logins.values():
        if login is me or me.may("ALTER ANY LOGIN") or login.name == "sa":
            kind = ("U", "WINDOWS_LOGIN") if login.is_windows else ("S", "SQL_LOGIN")
            yield (
                login.name,
                login.principal_id,
                login.sid,
                *kind,
                login.disabled,
                login.created,
                login.created,
                login.default_database,
                0,
            )
    yield "public", 2, b"\x02", "R", "SERVER_ROLE", 0, session.server.databases["master"].created, None, None, 0
    for role, number in _ROLE_IDS.items():
        yield role, number, bytes((number,)), "R", "SERVER_ROLE", 0, session.server.databases["master"].created, None, None, 1


@view("sys.server_role_members", "role_principal_id int, member_principal_id int")
def server_role_members(session: Session, _database: Database) -> Rows:
    for login in session.server.logins.values():
        for role in sorted(login.roles):
            yield _ROLE_IDS[role], login.principal_id


@view("sys.sql_logins", "name sysname, principal_id int, sid varbinary(85), type char(1), is_disabled bit, default_database_name sysname")
def sql_logins(session: Session, _database: Database) -> Rows:
    me = session.client.login
    for login in session.server.logins.values():
        if not login.is_windows and (login is me or me.may("ALTER ANY LOGIN") or login.name == "sa"):
            yield login.name, login.principal_id, login.sid, "S", login.disabled, login.default_database


@view(
    "sys.database_principals",
    "name sysname, principal_id int, type char(1), type_desc nvarchar(60), default_schema_name sysname, create_date datetime, sid varbinary(85),"
    " is_fixed_role bit, authentication_type int, authentication_type_desc nvarchar(60)",
)
def database_principals(session: Session, database: Database) -> Rows:
    owner = session.server.find_login(database.owner)
    yield "public", 0, "R", "DATABASE_ROLE", None, database.created, b"\0", 0, 0, "NONE"
    yield "dbo", 1, "S", "SQL_USER", "dbo", database.created, owner.sid if owner else b"\x01", 0, 1, "INSTANCE"
    yield "guest", 2, "S", "SQL_USER", "guest", database.created, b"\0", 0, 0, "NONE"
    for user in database.users.values():
        windows = "\\" in (user.login or user.name)
        kind = ("U", "WINDOWS_USER") if windows else ("S", "SQL_USER")
        yield (
            user.name,
            _user_id(user.name),
            *kind,
            "dbo",
            database.created,
            user.sid,
            0,
            3 if windows else 1,
            "WINDOWS" if windows else "INSTANCE",
        )
    for role, number in _DATABASE_ROLE_IDS.items():
        yield role, number, "R", "DATABASE_ROLE", None, database.created, b"\x01" + number.to_bytes(4, "big"), 1, 0, "NONE"


@view("sys.database_role_members", "role_principal_id int, member_principal_id int")
def database_role_members(_session: Session, database: Database) -> Rows:
    yield _DATABASE_ROLE_IDS["db_owner"], 1
    for user in database.users.values():
        for role in sorted(user.roles):
            if role in _DATABASE_ROLE_IDS:
                yield _DATABASE_ROLE_IDS[role], _user_id(user.name)


@view(
    "sys.certificates",
    "name sysname, certificate_id int, principal_id int, pvt_key_encryption_type char(2), pvt_key_encryption_type_desc nvarchar(60), subject nvarchar(4000),"
    " thumbprint varbinary(32), pvt_key_last_backup_date datetime",
)
def certificates(session: Session, database: Database) -> Rows:
    if database.name.lower() != "master":
        return
    for place, certificate in enumerate(session.server.certificates.values(), 256):
        yield certificate.name, place, 1, "MK", "ENCRYPTED_BY_MASTER_KEY", certificate.name, bytes.fromhex(certificate.thumbprint), None


@view("sys.credentials", "credential_id int, name sysname, credential_identity nvarchar(4000), create_date datetime, modify_date datetime")
def credentials(session: Session, _database: Database) -> Rows:
    for place, (name, identity) in enumerate(session.server.credentials.items(), 65536):
        yield place, name, identity, None, None


@view("sys.symmetric_keys", "name sysname, symmetric_key_id int, algorithm_desc nvarchar(60)")
def symmetric_keys(session: Session, database: Database) -> Rows:
    if database.name.lower() == "master" and session.server.certificates:
        yield "##MS_DatabaseMasterKey##", 101, "AES_256"
