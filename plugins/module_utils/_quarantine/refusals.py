# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is never put under quarantine: the source's own database, and one that is in use."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import server_info
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import schema
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance import same_database

from .request import Source

Connect = Callable[..., SqlConnection]
_NAMES = (
    "SELECT CAST(SERVERPROPERTY('ServerName') AS nvarchar(256)) AS server_name, CAST(@@SERVERNAME AS nvarchar(256)) AS local_name, "
    "DB_NAME() AS database_name"
)


def refuse_source(connection: SqlConnection, source: Source, connect: Connect) -> None:
    """Refuse the source's own database, under whatever name its server is reached.

    Where both databases have the same name, their servers must differ: both are asked what they call themselves.

    Args:
        connection: To the clone's database.
        source: The live instance's.
        connect: Logs in to the source's server.

    Raises:
        OctopusError: It is the source's, or that is uncertain.
        MssqlError: SQL Server refused.
    """
    here = connection.query(_NAMES)[0]
    database = here["database_name"]
    # SQL Server itself says whether two names mean one database; in doubt they do.
    known = connection.scalar("SELECT CASE WHEN DB_ID(?) = DB_ID() THEN 1 ELSE 0 END AS known", source.database)
    if not known and database.lower() != source.database.lower():
        return
    where = f"{database} on SQL Server {here['server_name']}"
    own_database = (
        f"Expected a clone's database, but {where} is the source's own. Nothing was changed. Give the clone's database and server."
    )
    if _one_address(connection.options, source.options):
        raise OctopusError(own_database)
    own = {_server(here[name]) for name in ("server_name", "local_name") if here[name]}
    if source.server_name and _server(source.server_name) in own:
        raise OctopusError(own_database)
    try:
        with connect(source.options) as other:
            there = other.query(_NAMES)[0]
    except MssqlError as error:
        if source.server_name:
            return
        raise OctopusError(
            f"Expected to verify that {where} is not the source's own database, which has the same name, but the source's server "
            f"{source.options.where} cannot be asked what it calls itself ({error}). Nothing was changed. Give source.server_name "
            "(octopus_database_info returns it as server), or source.login_user and login_password."
        ) from error
    if own & {_server(there[name]) for name in ("server_name", "local_name") if there[name]}:
        raise OctopusError(own_database)


def _one_address(one: SqlOptions, other: SqlOptions) -> bool:
    """Whether two servers are reached at one address, as far as the control node can resolve their names."""
    if one.where.lower() == other.where.lower():
        return True
    (host, _backslash, instance), (host_2, _backslash_2, instance_2) = one.host.lower().partition("\\"), other.host.lower().partition("\\")
    if instance != instance_2 or (not instance and one.port != other.port):
        return False
    return host == host_2 or bool(same_database.addresses(host) & same_database.addresses(host_2))


def _server(name: str) -> str:
    r"""A server's name without its domain: ``sql01\inst`` of ``SQL01.example.com\INST``."""
    host, _backslash, instance = name.strip().lower().partition("\\")
    return f"{host.partition('.')[0]}\\{instance if instance != 'mssqlserver' else ''}"


def refuse_connected(connection: SqlConnection, database: str) -> None:
    """Refuse a database that anybody else is connected to, as far as the login may see it.

    Raises:
        OctopusError: Somebody is connected.
    """
    others = server_info.sessions(connection, database)
    if others:
        raise OctopusError(
            f"Expected a clone's database that nobody uses yet, but {database} on SQL Server {connection.options.where} is used: "
            f"{server_info.listed(others)}. "
            "A live database is never put under quarantine. If it is the clone's, stop its nodes first."
        )


def refuse_running_source(source: Source, connect: Connect, stale_after: float) -> None:
    """Refuse to let a clone loose beside its source.

    Args:
        source: The instance that it is a clone of.
        connect: Logs in to its server, in its database.
        stale_after: As for :func:`refuse_live`.

    Raises:
        OctopusError: The source runs, or cannot be asked.
    """
    wanted = f"Expected {source.where}, the source, to be stopped before the quarantine of its clone is lifted"
    try:
        with connect(source.options, source.database) as connection:
            schema.read(connection)  # where there are no nodes because it is another product's database, nothing is known of the source
            refuse_live(connection, source.database, stale_after)
    except MssqlError as error:
        raise OctopusError(
            f"{wanted}, but its database cannot be asked ({error}). Nothing was changed. Where it is stopped for good, set source_retired: true."
        ) from error
    except OctopusError as error:
        raise OctopusError(f"{wanted}, since both would deploy to the same targets. {error.message} Nothing was changed.") from error


def refuse_live(connection: SqlConnection, database: str, stale_after: float, deadline: Deadline | None = None) -> None:
    """Refuse a database whose nodes run.

    A copy has the heartbeats from the time of its backup, which may be recent. So a recent one is watched until it is old, or for as long as
    that takes; a node that runs writes a new one meanwhile.

    Args:
        connection: To the database.
        database: Its name.
        stale_after: Age of a heartbeat, in seconds by SQL Server's clock, from which on its node does not run.
        deadline: For how long to watch.

    Raises:
        OctopusError: There was a new heartbeat, or somebody is connected.
        MssqlError: SQL Server refused.
    """
    refuse_connected(connection, database)
    if not server_info.may_see_sessions(connection) and not schema.heartbeats_readable(connection):
        raise OctopusError(
            f"Expected to see that nobody uses {database} on SQL Server {connection.options.where}, but the login may not see sessions, and the "
            "heartbeats of its nodes are in a column that is not known. Nothing was changed. Grant the login VIEW SERVER STATE."
        )
    watch = deadline or Deadline(stale_after * 1.25, first=0.2, most=2.0)
    first: dict[str, str | None] = {}
    began: datetime | None = None
    while True:
        rows = schema.heartbeats(connection)
        now = schema.server_now(connection)
        began = began or now
        beating = [row for row in rows if first and row.last_seen != first.get(row.name)]
        if beating:
            raise OctopusError(
                f"Expected a clone's database that no node uses, but there are new heartbeats of {', '.join(row.name for row in beating)} in "
                f"{database} on SQL Server {connection.options.where}. A live database is never put under quarantine. If it is the clone's, "
                "stop its nodes first."
            )
        first = {row.name: row.last_seen for row in rows}
        recent = [row for row in rows if row.last_seen_age_seconds is not None and row.last_seen_age_seconds < stale_after]
        if not recent or (now - began).total_seconds() > stale_after or not watch.pause():
            return
