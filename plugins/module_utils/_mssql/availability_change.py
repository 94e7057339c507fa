# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Taking a database out of its availability group, and adding it again. Each can be done again from its beginning, wherever it was interrupted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import availability
from .availability import Connect, Group, Secondary
from .backup import backup
from .backup.options import BackupOptions
from .connection.connection import SqlConnection
from .connection.server_info import DatabaseInfo, database_info
from .errors import MssqlError
from .quoting import quote_identifier


def leave(connection: SqlConnection, database: str, expected: str | None, connect: Connect, *, check_mode: bool) -> dict[str, Any]:
    """Take the database out of its group, where it is in one.

    Args:
        connection: The connection to work on, to the primary replica.
        database: The database.
        expected: The group that it is or was in; None for any.
        connect: Opens a connection to another server.
        check_mode: Whether nothing is changed.

    Returns:
        ``group``, ``sql``, and ``copies`` as :class:`Rejoin` has them, of the secondaries that have answered.

    Raises:
        MssqlError: It cannot be taken out, or is in another group than expected.
    """
    where = f"SQL Server {connection.options.where}"
    name = availability.group_of(connection, database)
    if name == "":
        # Taken out already; after a failover since then, what this server has of it may be a secondary's old copy.
        former = availability.read(connection, expected, database, None) if expected else None
        if former is not None and former.role != availability.PRIMARY:
            raise MssqlError(f"Expected to work on the primary replica, but {availability.not_removable(former)}")
        return {"group": expected or "", "sql": [], "copies": {}}
    group = None if name is None else availability.read(connection, name, database, None if check_mode else connect)
    if group is None:
        raise MssqlError(
            f"Expected to see the availability group of {database} on {where}, but the login {connection.options.who} sees none. Grant it VIEW ANY "
            "DEFINITION"
        )
    if expected is not None and group.name.lower() != expected.lower():
        raise MssqlError(f"Expected {database} on {where} in the availability group {expected}, but it is in {group.name}")
    problem = availability.not_removable(group)
    if problem:
        raise MssqlError(f"Expected to take {database} on {where} out of its availability group, but {problem}")
    sql = availability.remove(group.name, database)
    if not check_mode:
        connection.execute_drained(sql)
        if availability.group_of(connection, database) != "":
            raise MssqlError(f"Expected {database} in no availability group, but {where} reported success and still has it in {group.name}")
    return {"group": group.name, "sql": [sql], "copies": {one.server: one.created for one in group.secondaries if one.created}}


@dataclass(frozen=True)
class Rejoin:
    """A database, and the group that it is added to.

    Attributes:
        copies: When the copy on each secondary was created, as it was read while the database was in the group.
        backup_path: Where the full backup goes that begins the log chain, without its extension.
    """

    database: str
    group: str
    copies: Mapping[str, str | None]
    backup_path: str


def join(
    connection: SqlConnection, wanted: Rejoin, connect: Connect, progress: Callable[[str, float | None], None], *, check_mode: bool
) -> dict[str, Any]:
    """Add the database to the group, where every secondary can then get its copy by itself; else leave all as it is, and say what to do.

    A database in a group that lacks it on a secondary would end automatic failover for every other database of the group, so that a part of the
    work is worse than none.

    Args:
        connection: The connection to work on, to the primary replica.
        wanted: What is added where.
        connect: Opens a connection to another server.
        progress: Called with messages and percentages of the full backup.
        check_mode: Whether nothing is changed.

    Returns:
        ``joined``, ``sql``, ``backup_path`` (None where none was needed), ``problems`` and ``by_hand``.

    Raises:
        MssqlError: The connection does not lead to the primary replica, group or database cannot be read, or SQL Server refused.
    """
    database, where = wanted.database, f"SQL Server {connection.options.where}"
    found = availability.group_of(connection, database)
    if found is not None and found.lower() == wanted.group.lower():
        return _result(joined=True)
    if found != "":
        raise MssqlError(
            f"Expected {database} on {where} in no availability group, to add it to {wanted.group}, but it is in "
            f"{found or 'one that the login does not see. Grant it VIEW ANY DEFINITION'}"
        )
    group = availability.read(connection, wanted.group, database, connect)
    if group is None:
        raise MssqlError(f"Expected the availability group {wanted.group} on {where}, but the login {connection.options.who} sees none")
    if group.role != availability.PRIMARY:
        raise MssqlError(f"Expected to work on the primary replica, but {availability.not_removable(group)}")
    problems = _problems(group, wanted, database_info(connection, database))
    if problems:
        steps = availability.by_hand(group.name, database, group.secondaries, wanted.backup_path)
        return _result(joined=False, problems=problems, by_hand=steps)
    chain = connection.scalar(
        "SELECT CAST(last_log_backup_lsn AS nvarchar(30)) AS lsn FROM sys.database_recovery_status WHERE database_id = DB_ID(?)", database
    )
    # NULL: "either the database is in SIMPLE recovery or there is no current database backup", and no log could be sent.
    # https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-database-recovery-status-transact-sql
    prepared = None if chain is not None else _prepare(connection, wanted)
    stale = [one for one in group.secondaries if one.state is not None]
    sql = [
        *([prepared.statement] if prepared else []),
        *(availability.drop(database) for _one in stale),
        availability.add(group.name, database),
    ]
    taken = prepared.options.devices[0] if prepared else None
    if check_mode:
        return _result(joined=False, sql=sql, backup_path=taken)
    if prepared is not None:
        backup.run(connection, prepared, lambda: connect(connection.options), progress)
    for one in stale:
        _drop(connection, one, wanted, connect)
    connection.execute_drained(sql[-1])
    if availability.group_of(connection, database) != group.name:
        raise MssqlError(
            f"Expected {database} in the availability group {group.name}, but {where} reported success and does not have it there"
        )
    return _result(joined=True, sql=sql, backup_path=taken)


def _problems(group: Group, wanted: Rejoin, info: DatabaseInfo) -> list[str]:
    """Why the database is not added by itself."""
    problems = [availability.not_removable(group), availability.not_joinable(group)]  # adding asks for what removing does
    if info.state != "ONLINE":
        problems.append(f"{info.name} is {info.state}")
    if info.recovery_model != "FULL":
        change = f"ALTER DATABASE {quote_identifier(info.name)} SET RECOVERY FULL"
        problems.append(f"{info.name} has the recovery model {info.recovery_model}. Run {change}")
    problems += [availability.not_seedable(one, wanted.database, wanted.copies) for one in group.secondaries]
    return [problem for problem in problems if problem]


def _prepare(connection: SqlConnection, wanted: Rejoin) -> backup.Prepared:
    """The full backup that begins the log chain. A copy-only one would not, and an earlier attempt may have written the file."""
    return backup.prepare(connection, BackupOptions(wanted.database, [f"{wanted.backup_path}.bak"], overwrite="replace", copy_only=False))


def _drop(connection: SqlConnection, one: Secondary, wanted: Rejoin, connect: Connect) -> None:
    """Drop the copy that a secondary was left with. It is looked at again over the connection that drops it."""
    with connect(availability.address(connection.options, one)) as there:
        now = availability.look(there, one, wanted.database)
        if now.state is None:
            return  # somebody has dropped it
        problem = availability.not_seedable(now, wanted.database, wanted.copies)
        if problem:
            raise MssqlError(f"Expected to drop the old copy of {wanted.database}, but {problem}")
        there.execute_drained(availability.drop(wanted.database))


def _result(*, joined: bool, **more: Any) -> dict[str, Any]:
    return {"joined": joined, "sql": [], "backup_path": None, "problems": [], "by_hand": [], **more}
