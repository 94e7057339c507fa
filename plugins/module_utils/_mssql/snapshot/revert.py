# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database that goes back to its snapshot, is compared with it, and is given back to everybody, whatever happens."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.server_info import sessions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, MssqlTimeout
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier, quote_string

from .compare import compare
from .source import Prepared, Source, named, only_a_snapshot, people, source_of

# The database is somebody's: exclusive access was not to be had, or the one place of SINGLE_USER is taken.
IN_USE = (924, 3101, 5061, 5064, 5070)
PATIENCE = 30.0  # seconds for somebody who is always faster
AT_ONCE = 5  # tries before a pause


def prepare(connection: SqlConnection, prepared: Prepared, source: Source) -> None:
    """Word the statements that go back.

    Raises:
        MssqlError: There is no such snapshot, something stands in the way, or the login may not.
    """
    options, where = prepared.options, connection.options.where
    row = named(connection, options.snapshot)
    if row is None:
        known = ", ".join(one["name"] for one in prepared.snapshots) or "none"
        raise MssqlError(
            f"Wanted: the snapshot {options.snapshot} of {source.name}. Found: SQL Server {where} has no such snapshot; those of {source.name}: {known}"
        )
    only_a_snapshot(row, options, where)
    if prepared.obstacles:
        raise MssqlError(f"Wanted: {source.name} reverted to its snapshot {row['name']}. Found: {'; '.join(prepared.obstacles)}")
    on_it = sessions(connection, row["name"])
    if on_it:
        raise MssqlError(
            f"Wanted: the snapshot {row['name']} for this alone. Found: it is being read by {people(on_it)} on SQL Server {where}. Close these first"
        )
    may = connection.query(
        "SELECT IS_SRVROLEMEMBER('sysadmin') AS is_sysadmin, IS_SRVROLEMEMBER('dbcreator') AS is_dbcreator, HAS_DBACCESS(d.name) AS may_enter, "
        "HAS_DBACCESS(?) AS may_enter_snapshot, CASE WHEN d.owner_sid = SUSER_SID() THEN 1 ELSE 0 END AS is_owner "
        "FROM sys.databases AS d WHERE d.database_id = ?",
        row["name"],
        source.id,
    )[0]
    if not (may["is_sysadmin"] or may["is_dbcreator"] or may["is_owner"]):
        raise MssqlError(
            f"Wanted: the permission to restore {source.name} on SQL Server {where}. Found: the login {connection.options.who} does not have it; being "
            "in its role db_owner is not enough. Give the login the server role dbcreator, or make it the database's owner",
            3110,
        )
    closed = [
        name
        for name, enters in ((source.name, may["may_enter"] or source.access == "SINGLE_USER"), (row["name"], may["may_enter_snapshot"]))
        if not enters
    ]
    if closed:
        raise MssqlError(
            f"Wanted: {source.name} and its snapshot {row['name']} on SQL Server {where}, to compare them. Found: the login {connection.options.who} has no "
            f"user in {' and '.join(closed)}. A snapshot has the users that there were when it was taken. Use a member of sysadmin, or the owner"
        )
    name = quote_identifier(source.name)
    # SINGLE_USER may be what an earlier run has left that ended here: nobody works with a database that stays so.
    back = "MULTI_USER" if source.access == "SINGLE_USER" else source.access
    prepared.statements += [
        f"ALTER DATABASE {name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE",
        f"USE [master]; RESTORE DATABASE {name} FROM DATABASE_SNAPSHOT = {quote_string(row['name'])}; USE {name}",
        f"ALTER DATABASE {name} SET {back}",
    ]
    prepared.facts["recovery_model"] = source.recovery_model


def revert(connection: SqlConnection, prepared: Prepared, source: Source, reconnect: Callable[[], SqlConnection]) -> dict[str, Any]:
    """Go back, compare, and give the database back to everybody, whatever happens. Gives the number of tables compared.

    Args:
        reconnect: Opens another connection, to give the database back when this one was lost.

    Raises:
        MssqlError: The server refused, the database is not as in the snapshot, or could not be given back.
    """
    options = prepared.options
    failed: MssqlError | None = None
    tables = 0
    try:
        _restore(connection, prepared, source)
        tables = compare(connection, source.name, options.snapshot)
    except MssqlError as error:
        failed = error
    finally:
        left = _give_back(connection, prepared, source, reconnect)
    if failed is not None:
        raise MssqlError(
            f"Wanted: {source.name} reverted to its snapshot {options.snapshot}. Found: {failed.message}. {left or _open_again(source)}",
            failed.number,
            failed.sqlstate,
        ) from failed
    if left:
        raise MssqlError(f"{source.name} is reverted to its snapshot {options.snapshot} and compared with it, but: {left}")
    return {"tables": tables, "sql": prepared.statements}


def _restore(connection: SqlConnection, prepared: Prepared, source: Source) -> None:
    """Take the one place of SINGLE_USER ourselves, and leave it for the restore alone: a program that connects again by itself must not get it.

    The restore has no deadline: a database that is reverted in part is of no use, and the server would go on with it anyway.

    Raises:
        MssqlError: The server refused, or somebody was faster each time.
    """
    single, restore = prepared.statements[:2]
    timeout = prepared.options.timeout
    try:
        _insist(connection, source.name, [(f"USE {quote_identifier(source.name)}", None), (single, timeout), (restore, None)])
    except MssqlTimeout as error:
        raise MssqlTimeout(f"the database could not be had for this alone within {timeout:g} s; nothing was reverted") from error


def _insist(connection: SqlConnection, name: str, statements: Sequence[tuple[str, float | None]]) -> None:
    """Run statements that need the database for this alone, and end who is in the way.

    Args:
        statements: Each with its deadline; all of them again after one of them was in somebody's way.

    Raises:
        MssqlError: The server refused for another reason, or somebody was faster each time.
    """
    ends = time.monotonic() + PATIENCE
    for attempt in itertools.count(1):
        try:
            for statement, deadline in statements:
                connection.execute_drained(statement, None, deadline)
            return
        except MssqlTimeout:
            raise
        except MssqlError as error:
            if error.number not in IN_USE or time.monotonic() > ends:
                raise
        _end_sessions(connection, name, pause=attempt > AT_ONCE)


def _end_sessions(connection: SqlConnection, name: str, pause: bool) -> None:
    """End who is on the database. Where that is nobody, or takes long, wait a moment on the server.

    Raises:
        MssqlError: The login may not (6102), and who it is.
    """
    found = sessions(connection, name)
    for one in found:
        try:
            connection.execute_drained(f"KILL {one['session_id']:d}")
        except MssqlError as error:
            if error.number == 6106:  # it has ended by itself
                continue
            raise MssqlError(f"{people([one])} is on {name} and cannot be ended ({error.message})", error.number) from error
    if pause or not found:
        connection.execute_drained("WAITFOR DELAY '00:00:00.200'")


def _give_back(connection: SqlConnection, prepared: Prepared, source: Source, reconnect: Callable[[], SqlConnection]) -> str:
    """Open the database to everybody again. Gives what is wrong with it; empty: nothing."""
    by_hand = f"run by hand: {prepared.statements[2]}"
    try:
        try:
            return _opened(connection, prepared, source)
        except MssqlError:  # a session that is gone, most often
            with reconnect() as another:
                return _opened(another, prepared, source)
    except MssqlError as error:
        return f"{source.name} could not be opened to everybody again ({error.message}); {by_hand}"


def _opened(connection: SqlConnection, prepared: Prepared, source: Source) -> str:
    """
    Raises:
        MssqlError: The server did not let us.
    """
    found = source_of(connection, source.name)
    if found is None or found.state != "ONLINE":
        return (
            f"{source.name} is {found.state if found else 'not there any more'} on SQL Server {connection.options.where}. SQL Server goes on with a "
            "revert that was interrupted when it starts the database again; restore the newest backup where it does not"
        )
    _insist(connection, source.name, [(prepared.statements[2], None)])
    return ""


def _open_again(source: Source) -> str:
    return f"{source.name} is online and open again" + (" to everybody" if source.access != "RESTRICTED_USER" else "")
