# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Transactions that SQL Server is undoing: of a session that was killed, or whose client has gone. Nothing ends that sooner.

https://learn.microsoft.com/sql/t-sql/language-elements/kill-transact-sql
https://learn.microsoft.com/sql/relational-databases/system-dynamic-management-views/sys-dm-exec-requests-transact-sql
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError

from .connection import SqlConnection

PATIENCE = 600.0  # seconds without any progress
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0

OnProgress = Callable[[str, "float | None"], object]
NewDeadline = Callable[[], Deadline]


@dataclass(frozen=True)
class Undo:
    """A transaction that is being undone.

    Attributes:
        percent: How much of it is done, as SQL Server reports it. It may stay at 0 for long.
        seconds_left: How long it still takes, by SQL Server's estimate.
        work: Counters of the request, which grow as long as it makes progress.
    """

    session_id: int
    command: str
    percent: float
    seconds_left: float
    work: tuple[int, ...]

    def describe(self) -> str:
        """As a person reads it."""
        left = f", about {self.seconds_left:.0f} s left" if self.seconds_left > 0 else ""
        return f"session {self.session_id} ({self.command}), {self.percent:.1f} percent{left}"

    def facts(self) -> dict[str, Any]:
        """For a module's result."""
        return {"session_id": self.session_id, "percent": round(self.percent, 1), "seconds_left": round(self.seconds_left)}


def undone(connection: SqlConnection, database: str) -> list[Undo]:
    """The transactions of a database that are being undone now, and its recovery. Empty where the login may not see the requests of others."""
    rows = connection.query(
        "SELECT session_id, command, percent_complete, estimated_completion_time, cpu_time, reads, writes, logical_reads "
        "FROM sys.dm_exec_requests WHERE session_id <> @@SPID AND database_id = DB_ID(?) "
        "AND (command LIKE '%ROLLBACK%' OR command = 'DB STARTUP') ORDER BY session_id",
        database,
    )
    return [
        Undo(
            int(row["session_id"]),
            row["command"].strip(),
            float(row["percent_complete"] or 0),
            float(row["estimated_completion_time"] or 0) / 1000,
            tuple(int(row[name] or 0) for name in ("cpu_time", "reads", "writes", "logical_reads")),
        )
        for row in rows
    ]


def new_deadline() -> Deadline:
    """For how long to wait without any progress."""
    return Deadline(PATIENCE, first=FIRST_PAUSE, most=LONGEST_PAUSE)


def wait(
    connection: SqlConnection,
    database: str,
    on_progress: OnProgress | None = None,
    *,
    deadline: NewDeadline = new_deadline,
) -> None:
    """Wait until SQL Server has undone what it is undoing, for as long as it makes progress.

    Args:
        connection: To another database of the server.
        database: The database.
        on_progress: Called with what is waited for and its percentage.
        deadline: Makes the deadline, which begins anew with each progress.

    Raises:
        MssqlError: There was no progress until the deadline. Nothing was ended or changed.
    """
    ends, before = deadline(), None
    while True:
        now = undone(connection, database)
        if not now:
            return
        if now != before:
            ends, before = deadline(), now
            if on_progress:
                on_progress(f"Waiting for SQL Server to undo a transaction in {database}: {now[0].describe()}", None)
        if not ends.pause():
            raise MssqlError(
                f"Expected SQL Server {connection.options.where} to undo the open transaction in {database}, but it has made no progress for "
                f"{ends.seconds:g} s: {'; '.join(one.describe() for one in now)}. It cannot be ended sooner; restarting SQL Server begins it "
                "again. Look at what it waits for in sys.dm_exec_requests, and run this again when it has ended"
            )
