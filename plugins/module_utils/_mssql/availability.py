# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database and its availability group: what is known of both, what stands in the way, and the T-SQL. No change is made here.

* https://learn.microsoft.com/sql/t-sql/statements/alter-availability-group-transact-sql: ADD and REMOVE DATABASE on the primary replica alone
* https://learn.microsoft.com/sql/database-engine/availability-groups/windows/remove-a-primary-database-from-an-availability-group-sql-server: the
  former primary database stays online, its secondaries are left RESTORING
* https://learn.microsoft.com/sql/database-engine/availability-groups/windows/automatic-seeding-secondary-replicas: since SQL Server 2016
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from .connection.connection import SqlConnection
from .connection.options import SqlOptions
from .connection.server_info import may_on_server, server_info
from .errors import MssqlError
from .quoting import quote_identifier, quote_string

PRIMARY, AUTOMATIC, MANUAL, RESTORING = "PRIMARY", "AUTOMATIC", "MANUAL", "RESTORING"
_SQL_SERVER_2016, _SQL_SERVER_2017 = 13, 14
_ENDPOINT = re.compile(r"TCP://(\[[^\]]+\]|[^:/]+):\d+/?", re.IGNORECASE)

_REPLICAS = (
    "SELECT r.replica_server_name, r.endpoint_url, r.seeding_mode_desc AS seeding, s.role_desc FROM sys.availability_replicas AS r "
    "JOIN sys.availability_groups AS g ON g.group_id = r.group_id "
    "LEFT JOIN sys.dm_hadr_availability_replica_states AS s ON s.replica_id = r.replica_id WHERE g.name = ? "
    "AND r.availability_mode_desc <> 'CONFIGURATION_ONLY' ORDER BY r.replica_server_name"
)
_COMMITS_NEED = "SELECT required_synchronized_secondaries_to_commit FROM sys.availability_groups WHERE name = ?"
_DISTRIBUTED = (
    "SELECT d.name FROM sys.availability_groups AS d JOIN sys.availability_replicas AS r ON r.group_id = d.group_id "
    "WHERE d.is_distributed = 1 AND r.replica_server_name = ?"
)

Connect = Callable[[SqlOptions], SqlConnection]


@dataclass(frozen=True)
class Secondary:
    """The server of a secondary replica, and the copy of the database that it has.

    Attributes:
        seeding: AUTOMATIC or MANUAL.
        endpoint: ``TCP://host:port`` of its mirroring endpoint, whose port is not that of clients.
        problem: Why nothing could be read there; empty where it was read.
        state: The state of the database of that name there; None where there is none.
        created: When that database was created there, by which it is recognized; None where there is none.
        grouped: Whether that database is in an availability group.
        may_drop: Whether the login may drop it.
    """

    server: str
    seeding: str
    endpoint: str = ""
    problem: str = ""
    state: str | None = None
    created: str | None = None
    grouped: bool = False
    may_drop: bool = True


@dataclass(frozen=True)
class Group:
    """An availability group, as the server that is asked sees it.

    Attributes:
        role: The role of that server's own replica; RESOLVING is one too.
        primary: The server of the primary replica, where that is known.
        may_alter: Whether the login may alter the group, which needs ALTER ANY DATABASE too; None where SQL Server does not say.
        distributed: The distributed availability group that it is part of; empty for none.
        secondaries: Its other replicas that have databases.
        commits_need: How many secondaries have to be synchronized for a commit on the primary (SQL Server 2017 and later).
    """

    name: str
    role: str
    primary: str
    may_alter: bool | None
    distributed: str
    secondaries: tuple[Secondary, ...]
    commits_need: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For results, the journal and the manifest of a restore point."""
        return {**asdict(self), "secondaries": [asdict(one) for one in self.secondaries]}


def remove(group: str, database: str) -> str:
    return f"ALTER AVAILABILITY GROUP {quote_identifier(group)} REMOVE DATABASE {quote_identifier(database)}"


def add(group: str, database: str) -> str:
    return f"ALTER AVAILABILITY GROUP {quote_identifier(group)} ADD DATABASE {quote_identifier(database)}"


def drop(database: str) -> str:
    return f"DROP DATABASE {quote_identifier(database)}"


# -- what stands in the way


def not_removable(group: Group) -> str:
    """Why the database cannot be taken out of the group over this connection, and what to do; empty where it can."""
    if group.role != PRIMARY:
        where = f", which is {group.primary}" if group.primary else ""
        return (
            f"the connection leads to the {group.role} replica of the availability group {group.name}. Connect to its primary replica{where}, or to "
            "its listener"
        )
    if group.may_alter is not True:
        found = "may not" if group.may_alter is False else "does not see whether it may"
        grant = f"GRANT ALTER ON AVAILABILITY GROUP::{quote_identifier(group.name)} and GRANT ALTER ANY DATABASE (which dbcreator has)"
        return f"the login {found} alter the availability group {group.name}. Run {grant}"
    if group.distributed:
        return f"the availability group {group.name} is part of the distributed one {group.distributed}. Remove the database, and add it again, by hand"
    return ""


def not_joinable(group: Group) -> str:
    """Why the database is not added to the group while users work, and what to do; empty where it is."""
    if group.commits_need < 1:
        return ""
    return (
        f"the availability group {group.name} has REQUIRED_SYNCHRONIZED_SECONDARIES_TO_COMMIT = {group.commits_need}, so that nothing could be "
        "written from then until a secondary has its copy. Add the database when users can wait"
    )


def not_seedable(one: Secondary, database: str, known: Mapping[str, str | None] | None = None) -> str:
    """Why a secondary cannot get its copy again by itself, once the database was taken out of the group and restored; empty where it can.

    Args:
        one: The secondary.
        database: The database.
        known: When the copy on each server was created, as it was read while the database was in the group. Only such a copy is dropped,
            and only where SQL Server has left it RESTORING. None: the database is in the group still.
    """
    if one.seeding != AUTOMATIC:
        return f"{one.server} has manual seeding, so that somebody has to restore the database there"
    if one.problem:
        return f"{one.server} could not be asked: {one.problem}"
    if one.state is None:
        return ""
    if not one.may_drop:
        return f"the login may not drop the old copy on {one.server}. Run ALTER SERVER ROLE dbcreator ADD MEMBER there"
    if known is None:
        return ""
    if one.grouped or one.state != RESTORING or known.get(one.server) is None or known[one.server] != one.created:
        return f"the database {database} on {one.server} ({one.state}) is not the copy that was left there by the removal"
    return ""


def by_hand(group: str, database: str, secondaries: Sequence[Secondary], backup: str) -> list[str]:
    """The T-SQL that adds the database to the group, each statement with the server that it is run on.

    Args:
        group: The group.
        database: The database, which is in no group.
        secondaries: Those of the group, as its primary replica sees them, and what they have.
        backup: A path of a full backup without its extension, which every server can reach.
    """
    name, full, log = quote_identifier(database), quote_string(f"{backup}.bak"), quote_string(f"{backup}.trn")
    manual = [one for one in secondaries if one.seeding != AUTOMATIC]
    lines = [
        f"on {one.server}, once it is certain that this is only the old copy: {drop(database)}"
        for one in secondaries
        if one.state is not None or one.problem
    ]
    lines.append(f"on the primary: BACKUP DATABASE {name} TO DISK = {full}")
    if manual:
        lines.append(f"on the primary: BACKUP LOG {name} TO DISK = {log}")
    for one in manual:
        lines.append(f"on {one.server}: RESTORE DATABASE {name} FROM DISK = {full} WITH NORECOVERY")
        lines.append(f"on {one.server}: RESTORE LOG {name} FROM DISK = {log} WITH NORECOVERY")
    lines.append(f"on the primary: {add(group, database)}")
    lines += [f"on {one.server}: ALTER DATABASE {name} SET HADR AVAILABILITY GROUP = {quote_identifier(group)}" for one in manual]
    return lines


# -- reading


def group_of(connection: SqlConnection, database: str) -> str | None:
    """The group that the database is in; empty where it is in none, None where its group cannot be told."""
    rows = connection.query("SELECT CAST(replica_id AS nvarchar(36)) AS replica_id FROM sys.databases WHERE name = ?", database)
    # A database that is not started shows no replica; the cluster knows it all the same.
    names = connection.query(
        "SELECT g.name FROM sys.availability_databases_cluster AS c LEFT JOIN sys.availability_groups AS g ON g.group_id = c.group_id "
        "WHERE c.database_name = ?",
        database,
    )
    if names:
        return names[0]["name"]
    return None if rows and rows[0]["replica_id"] is not None else ""


def read(connection: SqlConnection, name: str, database: str, connect: Connect | None) -> Group | None:
    """Read a group, and what its secondaries have of the database.

    Args:
        connection: The connection to ask.
        name: The group.
        database: The database.
        connect: Opens a connection to another server; None where the secondaries are not asked.

    Returns:
        None where there is no such group that the login may see.

    Raises:
        MssqlError: SQL Server refused, such as for want of VIEW SERVER STATE.
    """
    own = connection.query(
        "SELECT s.role_desc FROM sys.availability_groups AS g JOIN sys.dm_hadr_availability_replica_states AS s ON s.group_id = g.group_id "
        "WHERE g.name = ? AND s.is_local = 1",
        name,
    )
    if not own:
        return None
    major = server_info(connection).major
    since_2016 = major >= _SQL_SERVER_2016
    rows = connection.query(_REPLICAS if since_2016 else _REPLICAS.replace("r.seeding_mode_desc", f"N'{MANUAL}'"), name)
    distributed = connection.scalar(_DISTRIBUTED, name) if since_2016 else None
    need = connection.scalar(_COMMITS_NEED, name) if major >= _SQL_SERVER_2017 else 0
    may_alter = connection.scalar("SELECT HAS_PERMS_BY_NAME(?, 'AVAILABILITY GROUP', 'ALTER') AS may", quote_identifier(name))
    if may_on_server(connection, "ALTER ANY AVAILABILITY GROUP"):
        may_alter = True
    may_alter = may_alter if may_on_server(connection, "ALTER ANY DATABASE") else False
    primary = next((row["replica_server_name"] for row in rows if row["role_desc"] == PRIMARY), "")
    others = [Secondary(row["replica_server_name"], str(row["seeding"]), row["endpoint_url"] or "") for row in rows]
    seen = [_asked(one, connection.options, database, connect) for one in others if one.server != primary]
    return Group(
        name,
        str(own[0]["role_desc"]),
        primary,
        None if may_alter is None else bool(may_alter),
        distributed or "",
        tuple(seen),
        int(need or 0),
    )


def address(options: SqlOptions, one: Secondary) -> SqlOptions:
    """How the server of a replica is reached: by the host name of its endpoint, which is a full one, and the same port and login.

    Args:
        options: The connection to the primary.
        one: The secondary.
    """
    found = _ENDPOINT.fullmatch(one.endpoint.strip())
    machine, backslash, instance = one.server.partition("\\")
    host = found[1].strip("[]") if found else machine
    return replace(options, host=f"{host}{backslash}{instance}", certificate_host=None)


def _asked(one: Secondary, options: SqlOptions, database: str, connect: Connect | None) -> Secondary:
    """What a secondary has of the database. Whoever does not answer, or is another one, is a finding and no error."""
    if one.seeding != AUTOMATIC:
        return one  # somebody has to work there anyway
    if connect is None:
        return replace(one, problem="it was not asked")
    try:
        with connect(address(options, one)) as connection:
            return look(connection, one, database)
    except MssqlError as error:
        return replace(one, problem=str(error))


def look(connection: SqlConnection, one: Secondary, database: str) -> Secondary:
    """Read what a server has of the database, after checking that it is that server.

    Raises:
        MssqlError: It is another one, or has refused.
    """
    found = server_info(connection).name
    if found.lower() != one.server.lower():
        raise MssqlError(f"Expected the server {one.server} at {connection.options.where}, but {found} answers there")
    rows = connection.query(
        "SELECT state_desc, CONVERT(nvarchar(30), create_date, 126) AS created, CAST(replica_id AS nvarchar(36)) AS replica_id "
        "FROM sys.databases WHERE name = ?",
        database,
    )
    if not rows:
        return replace(one, problem="", state=None, created=None, grouped=False)
    row = rows[0]
    return replace(
        one,
        problem="",
        state=row["state_desc"],
        created=row["created"],
        grouped=row["replica_id"] is not None,
        may_drop=may_on_server(connection, "ALTER ANY DATABASE"),
    )
