# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a database is free to be created, was created by an earlier run of ours, or belongs to somebody else.

``database --create`` does nothing where the database exists, or joins it, so an existing database must be recognized before. Before the program
is started, a mark beside the configuration file says at what time of SQL Server the name was free. A database that is older than that is not ours.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.server_info import may_on_server
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import schema
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost

from .found import default_home

# Tables that are empty in the database of a new server.
_EMPTY = ("Project", "Machine", "Worker", "ProjectTrigger", "Release", "Deployment")
_SECOND = 19  # characters of a time to the second


@dataclass(frozen=True)
class Mark:
    """What a run writes before it creates a database.

    Attributes:
        server: The SQL Server in the connection string.
        database: The database.
        free_at: A time at which no database had that name, by the clock of SQL Server.
        complete: Whether the instance was set up and verified.
    """

    server: str
    database: str
    free_at: str
    complete: bool = False

    def text(self) -> str:
        return json.dumps(asdict(self), indent=2)

    def done(self) -> Mark:
        return replace(self, complete=True)

    @classmethod
    def read(cls, text: str | None, where: str) -> Mark | None:
        """Read the file; None where there is none.

        Raises:
            OctopusError: It is none of ours.
        """
        if text is None:
            return None
        try:
            found: Any = json.loads(text)
            return cls(str(found["server"]), str(found["database"]), str(found["free_at"]), found["complete"] is True)
        except (ValueError, KeyError, TypeError) as error:
            raise OctopusError(f"{where} is not a file that octopus_instance_create has written. Nothing was changed.") from error


def mark_path(config_path: str) -> str:
    """Return where the mark of an instance is: beside its configuration file."""
    return f"{config_path}.new-database"


def mark_of(host: WindowsHost, name: str, config_path: str | None) -> Mark | None:
    """Read the mark of an instance; None where there is none.

    Args:
        host: Its host.
        name: Its name.
        config_path: Its configuration file; None where it is not registered.

    Raises:
        OctopusError: The file is none of ours.
        HostError: The host cannot be asked.
    """
    path = mark_path(config_path or f"{default_home(name)}\\OctopusServer.config")
    return Mark.read(files.read_text(host, path) if files.exists(host, path) else None, f"{host.where}: {path}")


@dataclass(frozen=True)
class Look:
    """What SQL Server says. ``created`` is None where there is no such database; both times are its local ones."""

    now: str
    created: str | None


def look(connection: SqlConnection, database: str) -> Look:
    """Ask SQL Server whether a database exists.

    Raises:
        OctopusError: The login may not see every database, so that one it does not see may exist.
        MssqlError: SQL Server refused.
    """
    if not may_on_server(connection, "VIEW ANY DATABASE"):
        raise OctopusError(
            f"Expected to see whether the database {database} exists on SQL Server {connection.options.where}, but the login "
            f"{connection.options.who} may not see every database. Grant it VIEW ANY DATABASE. Nothing was changed."
        )
    # The time first: a database that is created while this looks is newer.
    now = str(connection.scalar("SELECT CAST(SYSDATETIMEOFFSET() AS nvarchar(40)) AS now"))
    created = connection.scalar("SELECT CONVERT(nvarchar(30), create_date, 126) AS created FROM sys.databases WHERE name = ?", database)
    return Look(_to_the_second(now), None if created is None else _to_the_second(str(created)))


def is_ours(mark: Mark | None, found: Look, server: str, database: str) -> bool:
    """Whether a database exists that an earlier run has created; False where there is none.

    Args:
        mark: What the earlier run has written.
        found: What SQL Server says.
        server: The SQL Server in the wanted connection string.
        database: The wanted database.

    Raises:
        OctopusError: It belongs to somebody else.
    """
    if found.created is None:
        return False
    if mark is None:
        why = "and the instance has no mark of a database that this module has created"
    elif (mark.server.lower(), mark.database.lower()) != (server.lower(), database.lower()):
        why = f"and the instance was set up with the new database {mark.database} on {mark.server}"
    elif found.created < mark.free_at:
        why = f"and was created at {found.created}, before this module found its name free at {mark.free_at}"
    else:
        return True
    raise OctopusError(
        f"Expected no database {database} on {server}, so that a new one can be created, but it exists, {why}. Nothing was changed. Choose another "
        "name, or drop the database if nobody needs it."
    )


def check_empty(connection: SqlConnection) -> int:
    """Check that the database is one of Octopus Server and has nothing in it; return the number of its schema scripts.

    Raises:
        OctopusError: It is not, or it has.
        MssqlError: SQL Server refused.
    """
    scripts = schema.read(connection).schema_scripts
    columns = schema.columns_of(connection, *_EMPTY)
    if not columns["Project"] or not columns["Machine"]:
        raise OctopusError(
            f"Expected the tables Project and Machine in the new database on SQL Server {connection.options.where}, but found no such table."
        )
    for table in _EMPTY:
        if columns[table] and connection.scalar(f"SELECT COUNT(*) AS number FROM dbo.{quote_identifier(table)}"):  # noqa: S608 - a constant
            raise OctopusError(
                f"Expected a new database without {table} rows on SQL Server {connection.options.where}, but it has some. It was not created just "
                "now. The instance was not started; find out whose database this is."
            )
    if not scripts:
        raise OctopusError(f"Expected the schema in the new database on SQL Server {connection.options.where}, but no script has run.")
    return scripts


def _to_the_second(text: str) -> str:
    return text.strip().replace("T", " ")[:_SECOND]
