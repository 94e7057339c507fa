# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection string of an Octopus database: parsed, and shown without its password.

Grammar and synonyms: https://learn.microsoft.com/dotnet/api/system.data.sqlclient.sqlconnection.connectionstring
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

MASK = "********"
_DEFAULT_PORT = 1433

SERVER = ("data source", "server", "address", "addr", "network address")
DATABASE = ("initial catalog", "database")
USER = ("user id", "uid", "user")
INTEGRATED = ("integrated security", "trusted_connection")
_TRUST = ("trustservercertificate", "trust server certificate")
SECRET = ("password", "pwd", "new password", "access token", "accesstoken")
TRUE = ("true", "yes", "sspi")
# Names of the machine itself, and the protocols that can precede a server's name; tcp: is removed when it is parsed.
_THIS_MACHINE = ("(local)", ".", "localhost", "127.0.0.1", "::1", "[::1]")
_PROTOCOLS = ("lpc:", "np:", "admin:")
_NETBIOS_LENGTH = 15


@dataclass(frozen=True)
class Pair:
    """One ``key=value``; ``start`` and ``end`` are the position of the value in the string, including quotes."""

    key: str
    value: str
    start: int
    end: int


@dataclass(frozen=True)
class Database:
    """Where the database is. Contains no password, so it can be shown."""

    server: str
    port: int | None
    database: str
    integrated: bool
    user: str | None
    encrypt: str | None
    trust_server_certificate: bool

    def as_dict(self) -> dict[str, Any]:
        """Return what a module returns of it. The port is the default one where none is given, and null where a named instance decides."""
        return {
            "server": self.server,
            "port": self.port or (None if "\\" in self.server else _DEFAULT_PORT),
            "database": self.database,
            "integrated": self.integrated,
            "user": self.user,
            "encrypt": self.encrypt,
            "trust_server_certificate": self.trust_server_certificate,
        }

    def host_for(self, address: str, computer_name: Callable[[], str]) -> str:
        r"""Return the server as another machine reaches it: a name that means the Octopus host itself is replaced by the host's address.

        A named instance stays (``address\INSTANCE``) unless there is a port, because drivers then ignore the instance.

        Args:
            address: The address at which the other machine reaches the Octopus host.
            computer_name: Gives the Octopus host's own name; called only where the server's name could be that.
        """
        server = self.server.strip()
        protocol = next((one for one in _PROTOCOLS if server.lower().startswith(one)), "")
        if server[len(protocol) :].startswith("\\\\"):
            return server  # the path of a pipe
        name, backslash, instance = server[len(protocol) :].strip().partition("\\")
        if name.lower() in _THIS_MACHINE or _is_own(name, computer_name):
            name = address
        return name if self.port else f"{name}{backslash}{instance}"


def parse(text: str) -> Database:
    """Parse a connection string.

    Raises:
        OctopusError: It is not a connection string, or names no server or database. The message does not repeat its secrets.
    """
    values: dict[str, str] = {}
    for pair in pairs(text):
        values[pair.key] = pair.value  # the last one wins, as in ADO.NET

    def value(keys: tuple[str, ...]) -> str | None:
        return next((values[key] for key in reversed(list(values)) if key in keys and values[key]), None)

    server, database = value(SERVER), value(DATABASE)
    if not server or not database:
        raise OctopusError(f"Expected a {'server' if not server else 'database'} in the connection string but found none: {mask(text)}")
    name, port = _server_and_port(server)
    return Database(
        server=name,
        port=port,
        database=database,
        integrated=(value(INTEGRATED) or "").lower() in TRUE,
        user=value(USER),
        encrypt=(value(("encrypt",)) or "").lower() or None,
        trust_server_certificate=(value(_TRUST) or "").lower() in TRUE,
    )


def is_local(server: str, computer: str) -> bool:
    """Whether a server's name means the machine of that name, or whatever machine reads it. No port, no instance and no protocol is looked at."""
    name = server.strip().removeprefix("tcp:").partition("\\")[0].partition(",")[0].strip()
    return name.lower() in _THIS_MACHINE or name.partition(".")[0].lower() == computer.partition(".")[0].lower()


def mask(text: str) -> str:
    """Return the connection string with its secrets masked; entirely masked if it cannot be parsed."""
    try:
        found = list(pairs(text))
    except OctopusError:
        return MASK
    shown, done = "", 0
    for pair in found:
        if pair.key in SECRET:
            shown += text[done : pair.start] + MASK
            done = pair.end
    return shown + text[done:]


def secrets_of(text: str) -> list[str]:
    """Return the secrets in a connection string, so that they can be removed from other texts."""
    try:
        return [pair.value for pair in pairs(text) if pair.key in SECRET and pair.value]
    except OctopusError:
        return [text]


def _is_own(name: str, computer_name: Callable[[], str]) -> bool:
    """Whether it is the machine's own name, complete or shortened for NetBIOS. A name with a domain is valid anywhere, so it stays."""
    if not name or any(character in name for character in ".:("):
        return False
    own = computer_name().lower()
    return name.lower() in (own, own[:_NETBIOS_LENGTH])


def _server_and_port(text: str) -> tuple[str, int | None]:
    """Split ``tcp:db.example.com,1433``; a named instance (``db\\INSTANCE``) stays in the name and has no port of its own."""
    name = text.strip()
    if name.lower().startswith("tcp:"):
        name = name[4:]
    name, comma, port = name.rpartition(",")
    if not comma:
        return port, None
    if not port.strip().isascii() or not port.strip().isdigit():
        raise OctopusError(f"Expected a number as the port of the server {text!r} in a connection string.")
    return name.strip(), int(port)


def pairs(text: str) -> Iterator[Pair]:
    """Yield the pairs of a connection string in their order: keys end at a single ``=``, values at ``;`` unless quoted."""
    at = 0
    while at < len(text):
        if text[at] in "; \t\r\n":
            at += 1
            continue
        key, at = _key(text, at)
        while at < len(text) and text[at] in " \t\r\n":
            at += 1
        start = at
        if at < len(text) and text[at] in "\"'":
            value, at = _quoted(text, at)
        else:
            end = text.find(";", at)
            end = len(text) if end < 0 else end
            value, at = text[at:end].rstrip(), start + len(text[at:end].rstrip())
        yield Pair(key, value, start, at)
        while at < len(text) and text[at] in " \t\r\n\0":
            at += 1
        if at < len(text) and text[at] != ";":
            raise OctopusError(f"Expected a semicolon after the quoted value of {key!r} in a connection string.")


def _key(text: str, at: int) -> tuple[str, int]:
    """Return a key and where its value begins; ``==`` in a key stands for one equals sign."""
    key = ""
    while at < len(text):
        if text[at] == "=":
            if text[at + 1 : at + 2] != "=":
                break
            at += 1
        elif text[at] == ";":
            raise OctopusError("Expected key=value in each part of a connection string, but one part has no equals sign.")
        key += text[at]
        at += 1
    else:
        raise OctopusError("Expected an equals sign after the last key of a connection string.")
    return " ".join(key.split()).lower(), at + 1


def _quoted(text: str, at: int) -> tuple[str, int]:
    """Return a quoted value and where it ends; the quote doubled stands for itself."""
    quote, value = text[at], ""
    at += 1
    while at < len(text):
        if text[at] == quote:
            if text[at + 1 : at + 2] != quote:
                return value, at + 1
            at += 1
        value += text[at]
        at += 1
    raise OctopusError("Expected a closing quote at the end of a connection string.")
