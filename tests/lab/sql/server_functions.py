# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The functions that SQLite calls back: those of :mod:`.function_bodies`, and what a session can ask about its server."""

from __future__ import annotations

import re
import sqlite3
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..tds.engine_api import SqlError
from . import function_bodies
from .database import Database
from .declared import from_sqlite
from .lexer import tokens
from .permissions import has_permission
from .principals import SERVER_ROLES, Login
from .values import naive_text, offset_text
from .views import objects
from .views.databases import ACCESS

if TYPE_CHECKING:
    from .session import Session

BACKSLASH = "\\"


def register(connection: sqlite3.Connection, session: Session) -> None:
    """Give a connection every function."""
    bodies: dict[str, Callable[..., Any]] = {**function_bodies.PURE, **SessionFunctions(session).bodies()}
    for name, body in bodies.items():
        connection.create_function(f"lab_{name}", -1, _guarded(session, body))
    string_agg: Callable[[], Any] = function_bodies.StringAgg  # sqlite3's types know aggregates of one argument only
    connection.create_aggregate("lab_string_agg", -1, string_agg)


def _guarded(session: Session, body: Callable[..., Any]) -> Callable[..., Any]:
    """SQLite forgets what a function raised; the session remembers it."""

    def call(*arguments: Any) -> Any:
        try:
            return body(*arguments)
        except SqlError as error:
            session.pending = error
            raise

    return call


def parts_of(name: str) -> list[str]:
    """``[a b].dbo.t`` as its parts, right-aligned to database, schema, object."""
    found = [token.value for token in tokens(name) if token.text != "."]
    if ".." in name.replace(" ", "") and len(found) == 2:
        found.insert(1, "")
    return ["", "", "", *found][-3:]


class SessionFunctions:
    """What depends on the session and its server."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.server = session.server

    def bodies(self) -> dict[str, Callable[..., Any]]:
        simple: dict[str, Callable[..., Any]] = {
            "getdate": lambda: naive_text(self._now(3)),
            "current_timestamp": lambda: naive_text(self._now(3)),
            "getutcdate": lambda: naive_text(self._now(3)),
            "sysdatetime": lambda: naive_text(self._now()),
            "sysutcdatetime": lambda: naive_text(self._now()),
            "sysdatetimeoffset": lambda: offset_text(self.server.clock.now()),
            "newid": lambda: str(uuid.uuid4()).upper(),
            "newsequentialid": lambda: str(uuid.uuid1()).upper(),
            "suser_sname": self._suser_name,
            "suser_name": self._suser_name,
            "original_login": lambda: self._login.name,
            "system_user": lambda: self._login.name,
            "suser_sid": self._suser_sid,
            "suser_id": lambda *_name: self._login.principal_id,
            "current_user": self._user,
            "session_user": self._user,
            "user": self._user,
            "user_name": lambda *_id: self._user(),
            "host_name": lambda: self.session.client.host,
            "app_name": lambda: self.session.client.program,
            "xact_state": lambda: int(self.session.client.transactions > 0),
            "sys_fn_hadr_backup_is_preferred_replica": lambda name: int(not self._grouped(name) or self._grouped(name) == "SECONDARY"),
            "sys_fn_hadr_is_primary_replica": lambda name: int(self._grouped(name) == "PRIMARY") if self._grouped(name) else None,
            "error_number": lambda: self._error("number"),
            "error_message": lambda: self._error("message"),
            "error_severity": lambda: self._error("severity"),
            "error_state": lambda: self._error("state"),
            "error_line": lambda: self._error("line"),
            "error_procedure": lambda: self._error("procedure") or None,
            "schema_name": lambda *_id: "dbo",
            "schema_id": lambda *name: 1 if not name or str(name[0]).lower() == "dbo" else None,
            "object_schema_name": lambda *_id: "dbo",
            "type_name": lambda _id: None,
            "fileproperty": self._fileproperty,
            "formatmessage": lambda text, *values: format_message(str(text), values),
            "has_perms_by_name": self._has_perms_by_name,
        }
        named = (
            "global",
            "serverproperty",
            "databasepropertyex",
            "connectionproperty",
            "db_id",
            "db_name",
            "object_id",
            "object_name",
            "col_length",
            "col_name",
            "columnproperty",
            "objectproperty",
            "is_srvrolemember",
            "is_rolemember",
            "is_member",
            "has_dbaccess",
        )
        return {**simple, **{("lab_global" if name == "global" else name): getattr(self, f"_{name}") for name in named}}

    # -- the session

    @property
    def _login(self) -> Login:
        return self.session.client.login

    def _now(self, digits: int = 6) -> Any:
        now = self.server.local_now()
        return now if digits == 6 else now.replace(microsecond=now.microsecond // 1000 * 1000)

    def _user(self) -> str:
        return self._login.user_name(self.session.client.database) or "guest"

    def _suser_name(self, sid: Any = b"") -> Any:
        if sid in (b"", None):
            return self._login.name
        return next((login.name for login in self.server.logins.values() if sid in (login.sid, login.principal_id)), None)

    def _suser_sid(self, name: Any = "") -> Any:
        login = self.server.find_login(str(name)) if name else self._login
        return login.sid if login else None

    def _error(self, field: str) -> Any:
        caught = self.session.caught
        return None if caught is None else getattr(caught, field)

    def _global(self, name: str) -> Any:
        session, product = self.session, self.server.product
        known: dict[str, Any] = {
            "SPID": session.spid,
            "VERSION": product.banner,
            "SERVERNAME": self.server.name,
            "SERVICENAME": self.server.instance,
            "TRANCOUNT": session.client.transactions,
            "ROWCOUNT": session.row_count,
            "ERROR": session.last_error,
            "LANGUAGE": "us_english",
            "MAX_PRECISION": 38,
            "NESTLEVEL": 0,
            "OPTIONS": 5432,
            "DATEFIRST": 7,
            "LOCK_TIMEOUT": -1,
            "PROCID": 0,
            "TEXTSIZE": 2147483647,
            "MICROSOFTVERSION": (product.version[0] << 24) | (product.version[1] << 16) | product.version[2],
        }
        if name not in known:
            raise SqlError(137, f'Must declare the scalar variable "@@{name}" (or the lab does not know it).', 15, 2)
        return known[name]

    # -- the server

    def _serverproperty(self, name: Any) -> Any:
        server, product = self.server, self.server.product
        known: dict[str, Any] = {
            "servername": server.name,
            "machinename": server.machine.name.upper(),
            "computernamephysicalnetbios": server.machine.name.upper(),
            "instancename": None if server.instance == "MSSQLSERVER" else server.instance,
            "edition": product.edition,
            "engineedition": product.engine_edition,
            "productversion": product.text,
            "productmajorversion": str(product.version[0]),
            "productminorversion": str(product.version[1]),
            "productbuild": str(product.version[2]),
            "productlevel": "RTM",
            "productupdatelevel": None,
            "collation": server.collation_name,
            "isclustered": 0,
            "ishadrenabled": int(bool(server.groups)),
            "issingleuser": 0,
            "isintegratedsecurityonly": 0,
            "isfulltextinstalled": 0,
            "islocaldb": 0,
            "isxtpsupported": 1,
            "processid": 1748,
            "editionid": {2: -1534726760, 3: 1804890536, 4: -133711905}.get(product.engine_edition),
            "lcid": 1033,
            "sqlcharset": 1,
            "instancedefaultdatapath": server.data_folder + BACKSLASH,
            "instancedefaultlogpath": server.log_folder + BACKSLASH,
        }
        if product.major >= 15:
            known["instancedefaultbackuppath"] = server.backup_folder + BACKSLASH
        return known.get(str(name).lower())

    def _databasepropertyex(self, name: Any, prop: Any) -> Any:
        database = self.server.database(str(name))
        if database is None:
            return None
        known: dict[str, Any] = {
            "status": database.state,
            "updateability": "READ_ONLY" if database.read_only else "READ_WRITE",
            "useraccess": database.user_access,
            "recovery": database.recovery,
            "collation": database.collation if database.state == "ONLINE" else None,
            "version": self.server.product.database_version if database.state == "ONLINE" else None,
            "isautoclose": 0,
            "isautoshrink": 0,
            "isinstandby": 0,
            "isfulltextenabled": 0,
            "issubscribed": 0,
            "ispublished": 0,
            "lastgoodcheckdbtime": database.options.get("checked"),
        }
        return known.get(str(prop).lower())

    def _connectionproperty(self, name: Any) -> Any:
        client = self.session.client
        known: dict[str, Any] = {
            "net_transport": "TCP",
            "protocol_type": "TSQL",
            "auth_scheme": "SQL",
            "local_net_address": self.server.machine.address,
            "local_tcp_port": 1433,
            "client_net_address": client.address,
        }
        return known.get(str(name).lower())

    def _grouped(self, name: Any) -> str:
        database = self.server.database(str(name))
        return database.group_role if database is not None and database.group else ""

    # -- databases and objects

    def _db_id(self, *name: Any) -> Any:
        database = self.server.database(str(name[0])) if name else self.session.client.database
        return database.database_id if database is not None else None

    def _db_name(self, *number: Any) -> Any:
        if not number:
            return self.session.client.database.name
        return next((one.name for one in self.server.databases.values() if one.database_id == number[0]), None)

    def _table(self, name: Any) -> tuple[Database, str, str, str] | None:
        """Database, schema, name, and the name in SQLite, of a table or view."""
        if name is None:
            return None
        catalog, schema, table = parts_of(str(name))
        if table.startswith("#"):
            rows = self.session.connection.execute("SELECT name FROM temp.sqlite_master WHERE name = ? COLLATE NOCASE", (table,)).fetchall()
            return (self.server.databases["tempdb"], "dbo", table, table) if rows else None
        database = self.server.database(catalog) if catalog else self.session.client.database
        if database is None or database.state != "ONLINE":
            return None
        stored = objects.find(self.session, database, schema, table)
        return None if stored is None else (database, schema or "dbo", table, stored)

    def _object_id(self, name: Any, kind: Any = None) -> Any:
        found = self._table(name)
        if found is None or (kind is not None and str(kind).strip().upper() not in ("U", "V")):
            return None
        return objects.object_id(found[1], found[2])

    def _object_name(self, number: Any, database_id: Any = None) -> Any:
        database = next((one for one in self.server.databases.values() if one.database_id == database_id), self.session.client.database)
        for stored in [*objects.tables(self.session, database), *objects.tables(self.session, database, "view")]:
            if objects.object_id(*objects.split(stored)) == number:
                return objects.split(stored)[1]
        return None

    def _columns(self, table: Any) -> list[tuple[Any, ...]]:
        name = self._object_name(table) if isinstance(table, int) else table
        found = self._table(name)
        return objects.columns(self.session, found[0], found[3]) if found is not None else []

    def _col_length(self, table: Any, column: Any) -> Any:
        for row in self._columns(table):
            kind = from_sqlite(row[2])
            if str(row[1]).lower() == str(column).lower() and kind is not None:
                return objects.size(kind)
        return None

    def _col_name(self, table: Any, number: Any) -> Any:
        return next((row[1] for row in self._columns(table) if row[0] == number - 1), None)

    def _columnproperty(self, table: Any, column: Any, prop: Any) -> Any:
        for row in self._columns(table):
            if str(row[1]).lower() == str(column).lower():
                known = {
                    "columnid": row[0] + 1,
                    "allowsnull": int(not (row[3] or row[5])),
                    "isidentity": int(bool(row[5]) and row[2].upper() == "INTEGER"),
                }
                return known.get(str(prop).lower())
        return None

    def _objectproperty(self, number: Any, prop: Any) -> Any:
        known = {"istable": 1, "isusertable": 1, "isview": 0, "isprocedure": 0, "ismsshipped": 0}
        return known.get(str(prop).lower()) if self._object_name(number) else None

    def _fileproperty(self, name: Any, prop: Any) -> Any:
        database = self.session.client.database
        for file in database.files:
            if file.logical.lower() == str(name).lower() and str(prop).lower() == "spaceused":
                return (database.used_bytes() if not file.type else 1024 * 1024) // 8192
        return None

    # -- permissions

    def _is_srvrolemember(self, role: Any, name: Any = None) -> Any:
        login = self.server.find_login(str(name)) if name else self._login
        wanted = str(role).lower()
        if login is None or wanted not in (*SERVER_ROLES, "public"):
            return None
        return int(wanted == "public" or login.is_sysadmin or wanted in login.roles)

    def _is_member(self, role: Any) -> Any:
        return self._is_rolemember(role)

    def _is_rolemember(self, role: Any, _user: Any = None) -> Any:
        roles = self._login.database_roles(self.session.client.database)
        return int(str(role).lower() in roles or str(role).lower() == "public")

    def _has_dbaccess(self, name: Any) -> Any:
        database = self.server.database(str(name))
        return None if database is None else int(self.server.usable(database, self._login, self.session.client) is None)

    def _has_perms_by_name(self, securable: Any, kind: Any, permission: Any, *_sub: Any) -> Any:
        return has_permission(self.session, securable, kind, str(permission))


def format_message(text: str, values: Any) -> str:
    """The printf subset of RAISERROR: %s, %d, %i, %u, %x, %%."""
    left = list(values)

    def one(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        value = left.pop(0) if left else None
        if value is None:
            return "(null)"
        return format(int(value), "x") if found[1] == "x" else str(value)

    return re.sub(r"%%|%-?\d*([sdiux])", one, text)


__all__ = ["ACCESS", "format_message", "register"]
