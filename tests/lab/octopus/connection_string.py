# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connection strings, and the SQL Servers of a lab that they lead to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..core.filesystem import Logon
from ..core.network import Network
from ..tds.engine_api import SqlError
from .database import Connection

if TYPE_CHECKING:
    from ..sql.server import SqlServer

PROGRAM = "Octopus Server"
_SERVERS: WeakKeyDictionary[Network, list[Any]] = WeakKeyDictionary()

# Synonyms: https://learn.microsoft.com/dotnet/api/microsoft.data.sqlclient.sqlconnection.connectionstring
NAMES = {
    "data source": "server",
    "server": "server",
    "address": "server",
    "addr": "server",
    "network address": "server",
    "initial catalog": "database",
    "database": "database",
    "user id": "user",
    "uid": "user",
    "user": "user",
    "password": "password",
    "pwd": "password",
    "integrated security": "integrated",
    "trusted_connection": "integrated",
}


def register_sql(network: Network, server: SqlServer) -> None:
    """Make a SQL Server known by its machine's name and address. Once is enough; again does no harm."""
    known = _SERVERS.setdefault(network, [])
    if server not in known:
        known.append(server)


@dataclass(frozen=True)
class ConnectionString:
    """What a connection string says."""

    server: str
    database: str
    user: str = ""
    password: str = field(default="", repr=False)
    integrated: bool = False


def parse(text: str) -> ConnectionString:
    """
    Raises:
        ValueError: A part is missing, or has no value. The message does not repeat the text, which may hold a password.
    """
    values: dict[str, str] = {}
    for name, value in _parts(text):
        if known := NAMES.get(name.strip().lower()):
            values[known] = value
    if not values.get("server") or not values.get("database"):
        raise ValueError("The connection string names no server or no database.")
    integrated = values.get("integrated", "").lower() in ("true", "yes", "sspi")
    return ConnectionString(values["server"], values["database"], values.get("user", ""), values.get("password", ""), integrated)


def _parts(text: str) -> list[tuple[str, str]]:
    """Name and value of each part; a value may be quoted, and then holds semicolons."""
    out, at = [], 0
    while at < len(text):
        equals = text.find("=", at)
        if equals < 0:
            break
        name, at = text[at:equals].strip(" ;"), equals + 1
        while text[at : at + 1] == " ":
            at += 1
        quote = text[at : at + 1]
        if quote in ("'", '"') and quote:
            value, at = "", at + 1
            while at < len(text):
                if text[at] == quote:
                    if text[at + 1 : at + 2] != quote:
                        break
                    at += 1
                value, at = value + text[at], at + 1
            at = text.find(";", at)
            at = len(text) if at < 0 else at + 1
        else:
            end = text.find(";", at)
            end = len(text) if end < 0 else end
            value, at = text[at:end].strip(), end + 1
        out.append((name, value))
    return out


def quote(value: str) -> str:
    """A value as a connection string needs it."""
    return value if value and not set(value) & set(";'\"= ") else '"' + value.replace('"', '""') + '"'


def find(network: Network, server: str) -> Any:
    """The SQL Server at ``name``, ``address``, ``name,port`` or ``tcp:…``.

    Raises:
        SqlError: 53, there is none, in SqlClient's words.
    """
    name = server.lower().removeprefix("tcp:").partition(",")[0].partition("\\")[0]
    for one in _SERVERS.get(network, []):
        if name in (one.machine.name.lower(), one.machine.address, f"{one.machine.name.lower()}.lab"):
            return one
    raise SqlError(
        53,
        "A network-related or instance-specific error occurred while establishing a connection to SQL Server. The server was not found "
        f"or was not accessible. ({server})",
        20,
    )


def connect(network: Network, target: ConnectionString, machine: str, logon: Logon, program: str = PROGRAM) -> Connection:
    """A session as that process opens it.

    Raises:
        SqlError: 53 no server, 18456 the login fails, 4060 no such database or it is not open to this login.
    """
    server = find(network, target.server)
    if network.refuses(machine, server.machine.address):
        # WSAEACCES: https://learn.microsoft.com/windows/win32/winsock/windows-sockets-error-codes-2
        raise SqlError(
            10013,
            "A network-related or instance-specific error occurred while establishing a connection to SQL Server. (provider: TCP Provider, error: 0 - An "
            "attempt was made to access a socket in a way forbidden by its access permissions.)",
            20,
        )
    login = login_of(network, target, machine, logon)
    if not target.integrated and not server.check_login(target.user, target.password):
        raise SqlError(18456, f"Login failed for user '{target.user}'.", 14)
    connection: Connection = server.open(target.database, login=login, host=machine.upper(), program=program)
    return connection


def login_of(network: Network, target: ConnectionString, machine: str, logon: Logon) -> str:
    """The login that a process arrives as.

    Raises:
        SqlError: 18456, it has none to show.
    """
    return _windows_login(network, machine, logon) if target.integrated else target.user


def _windows_login(network: Network, machine: str, logon: Logon) -> str:
    """Who a process is at another computer: a network logon has no credentials to pass on (the double hop)."""
    if not logon.delegates:
        raise SqlError(18456, "Login failed for user 'NT AUTHORITY\\ANONYMOUS LOGON'.", 14)
    account = logon.account.upper()
    if account in ("SYSTEM", "NT AUTHORITY\\SYSTEM", "LOCALSYSTEM", "NT AUTHORITY\\NETWORK SERVICE") or account.startswith("NT SERVICE\\"):
        return network.machine_account(machine)
    return logon.account
