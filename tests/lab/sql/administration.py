# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logins, users, owners, credentials, certificates, KILL and GRANT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..tds.engine_api import Output, SqlError
from . import availability, errors, undoing
from .batch import Statement
from .cursor import Cursor
from .database import Database
from .lexer import STRING
from .principals import DATABASE_ROLES, SERVER_ROLES, Login
from .views import objects

if TYPE_CHECKING:
    from .session import Session

_KINDS = ("LOGIN", "USER", "ROLE", "AUTHORIZATION", "SERVER", "CREDENTIAL", "CERTIFICATE", "MASTER", "SCHEMA", "AVAILABILITY")


def takes(statement: Statement) -> bool:
    return len(statement.tokens) > 1 and statement.tokens[1].upper in _KINDS


def run(session: Session, cursor: Cursor, out: Output) -> None:
    """CREATE, ALTER and DROP of what is in _KINDS.

    Raises:
        SqlError: It failed, or the lab lacks it.
    """
    head, kind = cursor.word(), cursor.word()
    handlers = {
        ("CREATE", "LOGIN"): _create_login,
        ("ALTER", "LOGIN"): _alter_login,
        ("DROP", "LOGIN"): _drop_login,
        ("CREATE", "USER"): _create_user,
        ("ALTER", "USER"): _alter_user,
        ("DROP", "USER"): _drop_user,
        ("ALTER", "ROLE"): _alter_role,
        ("ALTER", "AUTHORIZATION"): _authorization,
        ("ALTER", "SERVER"): _server_role,
        ("CREATE", "CREDENTIAL"): _create_credential,
        ("DROP", "CREDENTIAL"): _drop_credential,
        ("CREATE", "CERTIFICATE"): _create_certificate,
        ("CREATE", "MASTER"): _master_key,
        ("CREATE", "SCHEMA"): _create_schema,
    }
    if (head, kind) == ("ALTER", "AVAILABILITY"):
        availability.alter(session, cursor, out)
        return
    handler = handlers.get((head, kind))
    if handler is None:
        raise errors.gap(f"{head} {kind}")
    handler(session, cursor)
    out.done()


def _need(session: Session, permission: str) -> None:
    if not session.client.login.may(permission):
        raise errors.not_allowed()


def _login(session: Session, name: str) -> Login:
    login = session.server.find_login(name)
    if login is None:
        raise SqlError(15151, f"Cannot find the login '{name}', because it does not exist or you do not have permission.", 16)
    return login


# -- logins


def _create_login(session: Session, cursor: Cursor) -> None:
    name = cursor.name()
    _need(session, "ALTER ANY LOGIN")
    if session.server.find_login(name) is not None:
        raise SqlError(15025, f"The server principal '{name}' already exists.", 16, 2)
    if cursor.accept("FROM", "WINDOWS"):
        session.server.add_login(name)
        return
    cursor.expect("WITH", "PASSWORD", "=")
    password = cursor.string()
    login = session.server.add_login(name, password)
    while cursor.accept(","):
        word = cursor.word()
        cursor.expect("=")
        if word == "SID":
            value = cursor.literal()
            login.sid = value if isinstance(value, bytes) else login.sid
        elif word == "DEFAULT_DATABASE":
            login.default_database = cursor.name()
        else:
            cursor.name()
    cursor.end()


def _alter_login(session: Session, cursor: Cursor) -> None:
    name = cursor.name()
    _need(session, "ALTER ANY LOGIN")
    login = _login(session, name)
    word = cursor.one_of("ENABLE", "DISABLE", "WITH")
    if word != "WITH":
        login.disabled = word == "DISABLE"
    else:
        cursor.expect("PASSWORD", "=")
        login.password = cursor.string()
        login.locked = not cursor.accept("UNLOCK") and login.locked
    cursor.end()


def _drop_login(session: Session, cursor: Cursor) -> None:
    name = cursor.name()
    cursor.end()
    _need(session, "ALTER ANY LOGIN")
    login = _login(session, name)
    owned = next((one for one in session.server.databases.values() if one.owner.lower() == login.name.lower()), None)
    if owned is not None:
        text = f"Login '{login.name}' owns one or more database(s). Change the owner of the database(s) before dropping the login."
        raise SqlError(15174, text, 16)
    del session.server.logins[login.name.lower()]
    for database in session.server.databases.values():
        user = database.user_of(login.name)
        if user is not None:
            user.login = None  # orphaned


def _server_role(session: Session, cursor: Cursor) -> None:
    """ALTER SERVER ROLE r ADD MEMBER l."""
    cursor.expect("ROLE")
    role = cursor.name().lower()
    word = cursor.one_of("ADD", "DROP")
    cursor.expect("MEMBER")
    login = _login(session, cursor.name())
    cursor.end()
    if role not in SERVER_ROLES:
        raise SqlError(15151, f"Cannot alter the server role '{role}', because it does not exist or you do not have permission.", 16)
    if not session.client.login.is_sysadmin and role not in session.client.login.roles:
        raise errors.not_allowed()
    (login.roles.add if word == "ADD" else login.roles.discard)(role)


# -- users


def _owner(session: Session) -> Database:
    """The current database, which the login must own."""
    database = session.client.database
    if "db_owner" not in session.client.login.database_roles(database):
        raise errors.not_allowed()
    return database


def _create_user(session: Session, cursor: Cursor) -> None:
    name = cursor.name()
    database = _owner(session)
    login_name = name
    if cursor.accept("FOR", "LOGIN") or cursor.accept("FROM", "LOGIN"):
        login_name = cursor.name()
    if not cursor.ended:
        raise errors.gap(f"CREATE USER ... {cursor.rest()}")
    if name.lower() in database.users or name.lower() in ("dbo", "guest"):
        raise SqlError(15023, f"User, group, or role '{name}' already exists in the current database.", 16)
    login = session.server.find_login(login_name)
    if login is None:
        raise SqlError(15007, f"'{login_name}' is not a valid login or you do not have permission.", 16)
    database.add_user(login.name, name=name, sid=login.sid)


def _user(database: Database, name: str) -> str:
    if name.lower() not in database.users:
        raise SqlError(15151, f"Cannot find the user '{name}', because it does not exist or you do not have permission.", 16)
    return name.lower()


def _alter_user(session: Session, cursor: Cursor) -> None:
    """ALTER USER u WITH LOGIN = l, NAME = n."""
    database = _owner(session)
    key = _user(database, cursor.name())
    cursor.expect("WITH")
    while True:
        word = cursor.word()
        cursor.expect("=")
        value = cursor.name()
        if word == "LOGIN":
            login = session.server.find_login(value)
            if login is None:
                raise SqlError(15007, f"'{value}' is not a valid login or you do not have permission.", 16)
            other = database.user_of(login.name)
            if other is not None and other is not database.users[key]:
                raise SqlError(15063, "The login already has an account under a different user name.", 16)
            database.users[key].login, database.users[key].sid = login.name, login.sid
        elif word == "NAME":
            user = database.users.pop(key)
            user.name, key = value, value.lower()
            database.users[key] = user
        elif word != "DEFAULT_SCHEMA":
            raise errors.gap(f"ALTER USER WITH {word}")
        if not cursor.accept(","):
            break
    cursor.end()


def _drop_user(session: Session, cursor: Cursor) -> None:
    quiet = cursor.accept("IF", "EXISTS")
    name = cursor.name()
    cursor.end()
    database = _owner(session)
    if quiet and name.lower() not in database.users:
        return
    del database.users[_user(database, name)]


def _alter_role(session: Session, cursor: Cursor) -> None:
    database = _owner(session)
    role = cursor.name().lower()
    word = cursor.one_of("ADD", "DROP")
    cursor.expect("MEMBER")
    name = cursor.name()
    cursor.end()
    if role not in DATABASE_ROLES:
        raise SqlError(15151, f"Cannot alter the role '{role}', because it does not exist or you do not have permission.", 16)
    roles = database.users[_user(database, name)].roles
    (roles.add if word == "ADD" else roles.discard)(role)


def _authorization(session: Session, cursor: Cursor) -> None:
    """ALTER AUTHORIZATION ON DATABASE::x TO l."""
    cursor.expect("ON", "DATABASE", "::")
    name = cursor.name()
    cursor.expect("TO")
    owner = cursor.name()
    cursor.end()
    database = session.server.database(name)
    if database is None or not (session.client.login.is_dbo(database) or session.client.login.may("ALTER ANY DATABASE")):
        raise SqlError(15151, f"Cannot find the database '{name}', because it does not exist or you do not have permission.", 16)
    login = _login(session, owner)
    me = session.client.login
    if login is not me and not (me.is_sysadmin or me.may("IMPERSONATE ANY LOGIN")):
        # https://learn.microsoft.com/sql/t-sql/statements/alter-authorization-transact-sql: IMPERSONATE on the new owner
        raise SqlError(15151, f"Cannot find the principal '{owner}', because it does not exist or you do not have permission.", 16)
    if database.user_of(login.name) is not None:
        raise SqlError(15110, "The proposed new database owner is already a user or aliased in the database.", 16)
    database.owner = login.name


# -- schemas


def _create_schema(session: Session, cursor: Cursor) -> None:
    """CREATE SCHEMA s AUTHORIZATION dbo. https://learn.microsoft.com/sql/t-sql/statements/create-schema-transact-sql

    Who owns a schema makes no difference in the lab, so only dbo is taken. It must stand alone in its batch (111): batch.py.
    """
    name = cursor.name()
    if cursor.accept("AUTHORIZATION") and cursor.name().lower() != "dbo":
        raise errors.gap("CREATE SCHEMA with another owner than dbo")
    if not cursor.ended:
        raise errors.gap(f"CREATE SCHEMA ... {cursor.rest()}")
    database = session.client.database
    if not session.client.login.may_in(database, "CREATE SCHEMA"):
        raise errors.denied("CREATE SCHEMA", database.name)
    if objects.has_schema(session, database, name):
        follow_up = SqlError(2759, "CREATE SCHEMA failed due to previous errors.", 16)
        raise SqlError(2714, f"There is already an object named '{name}' in the database.", 16, 6, more=[follow_up])
    prefix = session.attach(database)
    session.execute(f"CREATE TABLE IF NOT EXISTS {prefix}.{objects.SCHEMAS} (name TEXT COLLATE NOCASE PRIMARY KEY)")
    session.connection.execute(f"INSERT INTO {prefix}.{objects.SCHEMAS} VALUES (?)", (name,))


# -- credentials and certificates


def _create_credential(session: Session, cursor: Cursor) -> None:
    name = cursor.name()
    cursor.expect("WITH", "IDENTITY", "=")
    identity = cursor.string()
    if cursor.accept(","):
        cursor.expect("SECRET", "=")
        cursor.string()
    cursor.end()
    _need(session, "ALTER ANY CREDENTIAL")
    session.server.credentials[name] = identity


def _drop_credential(session: Session, cursor: Cursor) -> None:
    name = cursor.name()
    cursor.end()
    _need(session, "ALTER ANY CREDENTIAL")
    if session.server.credentials.pop(name, None) is None:
        raise SqlError(15151, f"Cannot drop the credential '{name}', because it does not exist or you do not have permission.", 16)


def _create_certificate(session: Session, cursor: Cursor) -> None:
    name = cursor.name()
    cursor.expect("WITH", "SUBJECT", "=")
    if cursor.kind() != STRING:
        raise cursor.wrong()
    cursor.rest()
    _need(session, "CREATE CERTIFICATE")
    session.server.add_certificate(name)


def _master_key(session: Session, cursor: Cursor) -> None:
    cursor.expect("KEY", "ENCRYPTION", "BY", "PASSWORD", "=")
    cursor.string()
    cursor.end()
    _need(session, "CONTROL SERVER")


# -- sessions and permissions


def kill(session: Session, cursor: Cursor, out: Output) -> None:
    cursor.expect("KILL")
    spid = cursor.number()
    cursor.end()
    if not session.client.login.may("ALTER ANY CONNECTION"):
        raise SqlError(6102, "User does not have permission to use the KILL statement.", 14)
    if spid == session.spid:
        raise SqlError(6104, "Cannot use KILL to kill your own process.", 16)
    client = session.server.clients.get(spid)
    if client is None:
        raise SqlError(6106, f"Process ID {spid} is not an active process ID.", 16, 2)
    if undoing.is_undoing(client):
        out.info(6120, undoing.status(client))
    else:
        session.server.kill(client)
    out.done()


def grant(session: Session, cursor: Cursor, out: Output) -> None:
    """GRANT of a server permission to a login."""
    cursor.expect("GRANT")
    words = []
    while cursor.upper() not in ("TO", "ON", ""):
        words.append(cursor.word())
    if cursor.upper() != "TO":
        raise errors.gap("GRANT on an object")
    cursor.expect("TO")
    login = _login(session, cursor.name())
    cursor.end()
    _need(session, "CONTROL SERVER")
    login.permissions.add(" ".join(words))
    out.done()


def refuse(_session: Session, cursor: Cursor, _out: Output) -> None:
    raise errors.gap(cursor.word())
