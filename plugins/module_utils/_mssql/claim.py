# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The claim of a run on a database, where SQL Server keeps it: two inventories that know the same database under different nodes meet there.

A claim must outlive the control node and a RESTORE of the database, and must not need rights that a rollback does not need anyway:

* a row or an extended property in the database itself is as old as the backup once that is restored;
* ``sp_getapplock`` and a global temporary table end with their session, and no process of a control node lives as long as a run;
* a table or an extended property in ``master`` or ``msdb`` needs rights in a system database that no DBA should have to grant;
* a small database of its own needs CREATE ANY DATABASE, without which no backup can be verified and no database restored.

So the claim is a database with one table of one row. It exists from the beginning of a run to its end. The row is the claim: of two that insert
it, the second violates the key. A database without the row was left by a process that was interrupted, and belongs to nobody.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .connection.connection import SqlConnection
from .errors import MssqlError
from .quoting import quote_identifier

# Without file names in the statement, a name has at most 123 characters: SQL Server derives the files' names from it.
# https://learn.microsoft.com/sql/t-sql/statements/create-database-transact-sql
LONGEST = 123
EXISTS, MODEL_IN_USE = 1801, 1807
TABLE_EXISTS, DUPLICATES = 2714, (2601, 2627)
GONE = (208, 911, 924, 927, 952)  # the database or its table, or it is just being created or dropped
NOT_OURS = (916, 229, 230)  # another login has created it
DROP_IN_USE = 3702
NO_RIGHT = 262
ATTEMPTS, PAUSE = 20, 0.25

_COLUMNS = ("run_id", "instance", "coordinator", "owner", "operation", "holder")
_TABLE = (
    "CREATE TABLE dbo.claim (only_one tinyint NOT NULL PRIMARY KEY, run_id nvarchar(128) NOT NULL, instance nvarchar(128) NOT NULL, "
    "coordinator nvarchar(128) NOT NULL, owner nvarchar(256) NOT NULL, operation nvarchar(64) NOT NULL, holder nvarchar(64) NOT NULL, "
    "epoch int NOT NULL, since datetime2 NOT NULL)"
)


@dataclass(frozen=True)
class Claim:
    """Who works on the database.

    Attributes:
        run_id: The run.
        instance: The instance as its inventory calls it.
        coordinator: The computer that has the journal of the run.
        owner: user@control node.
        operation: What the run does.
        holder: The token of the process that works for the run.
        epoch: How many processes have worked for a run under this claim, or have taken it over.
        since: When it was claimed or taken over, by SQL Server's clock (UTC).
    """

    run_id: str
    instance: str
    coordinator: str
    owner: str
    operation: str
    holder: str
    epoch: int = 1
    since: str = ""


class ClaimUnreadable(MssqlError):
    """There is a claim, but another login has made it, and this one may not read it."""


Allowed = Callable[[Claim], None]


def name_for(database: str) -> str:
    """Return the name of the database that is the claim on a database."""
    name = f"octopus.upgrade {database}"
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 9]} {hashlib.sha256(database.lower().encode()).hexdigest()[:8]}"


def read(connection: SqlConnection, database: str) -> Claim | None:
    """Return the claim on a database, or None where there is none.

    Raises:
        ClaimUnreadable: The login may not read it.
        MssqlError: SQL Server refused.
    """
    name = name_for(database)
    if connection.scalar("SELECT DB_ID(?) AS id", name) is None:
        return None
    try:
        rows = connection.query(
            f"SELECT {', '.join(_COLUMNS)}, epoch, CONVERT(nvarchar(30), since, 126) AS since "  # noqa: S608 - constants
            f"FROM {quote_identifier(name)}.dbo.claim"
        )
    except MssqlError as error:
        if error.number in GONE:
            return None
        if error.number in NOT_OURS:
            raise ClaimUnreadable(
                f"Expected the database {database} on SQL Server {connection.options.where} to be free, but another login has claimed it for a run: "
                f"the database {name} says for which, but {connection.options.who} may not read it",
                error.number,
            ) from error
        raise
    if not rows:
        return None
    run_id, instance, coordinator, owner, operation, holder = (str(rows[0][column]) for column in _COLUMNS)
    return Claim(run_id, instance, coordinator, owner, operation, holder, int(rows[0]["epoch"]), str(rows[0]["since"]))


def take(
    connection: SqlConnection, database: str, wanted: Claim, allowed: Allowed, *, break_unreadable: bool = False
) -> tuple[bool, Claim | None]:
    """Claim a database.

    Args:
        connection: A connection to ``master``.
        database: The database.
        wanted: The claim.
        allowed: Called with the claim of another process or run; raises where that must not be taken over.
        break_unreadable: Whether a claim that cannot be read is dropped.

    Returns:
        Whether it was claimed now, and the claim that was taken over for that.

    Raises:
        ClaimUnreadable: Another login has claimed it.
        MssqlError: SQL Server refused, or the claim keeps changing.
    """
    taken_over: Claim | None = None
    changed = False
    for _attempt in range(ATTEMPTS):
        try:
            found = read(connection, database)
        except ClaimUnreadable:
            if not break_unreadable:
                raise
            _drop(connection, name_for(database))
            continue
        if found is not None and (found.run_id, found.holder) == (wanted.run_id, wanted.holder):
            return changed, taken_over
        if found is None:
            if not _insert(connection, database, wanted):
                time.sleep(PAUSE)
                continue
        else:
            allowed(found)
            taken_over = found
            _replace(connection, database, found, wanted)
        changed = True  # where the row says so, when it is read again
    raise MssqlError(f"Expected to claim the database {database} on SQL Server {connection.options.where}, but its claim keeps changing")


def release(connection: SqlConnection, database: str, holder: str) -> bool:
    """Drop the claim where that process holds it, and return whether it did.

    Raises:
        MssqlError: SQL Server refused.
    """
    try:
        found = read(connection, database)
    except ClaimUnreadable:
        return False
    if found is None or found.holder != holder:
        return False
    _drop(connection, name_for(database))
    return True


def _insert(connection: SqlConnection, database: str, wanted: Claim) -> bool:
    """Try to be the first, and return whether that may have succeeded: the row says who was."""
    name = name_for(database)
    try:
        _tolerant(connection, f"CREATE DATABASE {quote_identifier(name)}", EXISTS)
        connection.execute_drained(f"USE {quote_identifier(name)}")
        try:
            _tolerant(connection, _TABLE, TABLE_EXISTS)
            marks = ", ".join("?" for _column in _COLUMNS)
            connection.query(
                f"INSERT INTO dbo.claim (only_one, {', '.join(_COLUMNS)}, epoch, since) VALUES (1, {marks}, 1, SYSUTCDATETIME())",  # noqa: S608 - constants
                *_values(wanted),
            )
        finally:
            connection.execute_drained("USE master")
    except MssqlError as error:
        if error.number not in (MODEL_IN_USE, *DUPLICATES, *GONE):
            raise
        return False
    return True


def _replace(connection: SqlConnection, database: str, found: Claim, wanted: Claim) -> None:
    """Put another claim in the place of one that was read, unless a third process has done so meanwhile."""
    sets = ", ".join(f"{column} = ?" for column in _COLUMNS)
    connection.query(
        f"UPDATE {quote_identifier(name_for(database))}.dbo.claim SET {sets}, "  # noqa: S608 - the name is quoted
        f"epoch = {found.epoch + 1:d}, since = SYSUTCDATETIME() "
        f"WHERE run_id = ? AND holder = ? AND epoch = {found.epoch:d}",
        *_values(wanted),
        found.run_id,
        found.holder,
    )


def _drop(connection: SqlConnection, name: str) -> None:
    """Drop the claim's database; whoever reads it just now is waited for."""
    for left in reversed(range(ATTEMPTS)):
        try:
            connection.execute_drained(f"DROP DATABASE {quote_identifier(name)}")
            return
        except MssqlError as error:
            if error.number == 3701:  # it does not exist
                return
            if error.number != DROP_IN_USE or not left:
                raise
        time.sleep(PAUSE)


def _tolerant(connection: SqlConnection, sql: str, tolerated: int) -> None:
    try:
        connection.execute_drained(sql)
    except MssqlError as error:
        if error.number != tolerated:
            raise


def _values(claim: Claim) -> tuple[Any, ...]:
    return tuple(getattr(claim, column) for column in _COLUMNS)
