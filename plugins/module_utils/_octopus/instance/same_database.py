# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether two descriptions mean the same database. In doubt they do, because the answer protects the database of the source."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.connection_string import Database, parse

from .connection_string_edit import build

_DEFAULT_PORT = 1433
_OWN = ("(local)", ".", "localhost", "127.0.0.1", "::1", "[::1]")


@dataclass(frozen=True)
class Forbidden:
    """A database that an instance must not use."""

    server: str
    port: int | None
    database: str

    @classmethod
    def from_params(cls, rows: Iterable[dict[str, Any]]) -> list[Forbidden]:
        """Read the option ``never``.

        Raises:
            OctopusError: The name of a server means a different machine on each host.
        """
        found = []
        for row in rows:
            one = parse(build({"server": row["server"], "database": row["database"]}))
            if _machine(one.server) in _OWN:
                raise OctopusError(
                    f"never: the server {row['server']!r} means a different machine on each host. Use a name or address that is valid everywhere."
                )
            found.append(cls(one.server, one.port, one.database))
        return found

    def __str__(self) -> str:
        return f"{self.database} on {self.server}{f',{self.port}' if self.port else ''}"


def find(
    database: Database,
    address: str,
    computer_name: Callable[[], str],
    never: Iterable[Forbidden],
    resolve: Callable[[str], set[str]] | None = None,
) -> Forbidden | None:
    """Return the forbidden database that a database is or may be; None where there is none.

    Args:
        database: The database, from a connection string on a host.
        address: Address of that host, which ``(local)`` means there.
        computer_name: Gives that host's own name.
        never: The forbidden databases.
        resolve: Gives the addresses of a name, as the control node resolves it.
    """
    for one in never:
        if one.database.lower() != database.database.lower():
            continue
        server = database.host_for(address, computer_name)
        if not _same_machine(_machine(server), _machine(one.server), resolve or addresses):
            continue
        if _same_service(server, database.port, one.server, one.port):
            return one
    return None


def addresses(name: str) -> set[str]:
    """Return the addresses of a name; none where the control node cannot resolve it."""
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(name, None)}
    except (OSError, UnicodeError):
        return set()


def _machine(server: str) -> str:
    """Return the machine in ``np:name\\INSTANCE``, in lower case."""
    name = server.strip().lower()
    for protocol in ("tcp:", "np:", "lpc:", "admin:"):
        name = name.removeprefix(protocol)
    return name.lstrip("\\").split("\\")[0].strip()


def _same_machine(one: str, other: str, resolve: Callable[[str], set[str]]) -> bool:
    if one == other:
        return True
    # A name without a domain may be any machine with the same first label.
    is_address = one[:1].isdigit() or other[:1].isdigit()
    if not is_address and ("." not in one or "." not in other) and one.partition(".")[0] == other.partition(".")[0]:
        return True
    return bool(resolve(one) & resolve(other))


def _same_service(one: str, one_port: int | None, other: str, other_port: int | None) -> bool:
    """Whether both may be the same SQL Server instance of one machine."""
    first, second = (_instance(server) if port is None else None for server, port in ((one, one_port), (other, other_port)))
    if first and second:
        return first == second
    if first or second:
        # A named instance may have any port except the default one, which belongs to the default instance.
        port = other_port if first else one_port
        return port is not None and port != _DEFAULT_PORT
    return (one_port or _DEFAULT_PORT) == (other_port or _DEFAULT_PORT)


def _instance(server: str) -> str:
    r"""Return the named instance in ``name\INSTANCE``, or in the path of its pipe, ``np:\\name\pipe\MSSQL$INSTANCE\sql\query``."""
    _protocol, _pipe, path = server.lower().partition("\\pipe\\")
    if path:
        return path.partition("mssql$")[2].partition("\\")[0]
    return server.strip().partition("\\")[2].lower()
