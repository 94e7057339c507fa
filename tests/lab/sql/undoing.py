# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions whose client has gone, or that were killed, and whose transaction SQL Server is still undoing.

* Undoing a long transaction takes its time, and nothing ends the session sooner:
  https://learn.microsoft.com/sql/t-sql/language-elements/kill-transact-sql, with the text that 6120 has of its progress.
* The request's command is KILLED/ROLLBACK, its percent_complete and estimated_completion_time are filled for a ROLLBACK:
  https://learn.microsoft.com/sql/relational-databases/system-dynamic-management-views/sys-dm-exec-requests-transact-sql
* ALTER DATABASE ... WITH ROLLBACK IMMEDIATE waits for it, and so does everything that needs the database for itself:
  https://learn.microsoft.com/sql/t-sql/statements/alter-database-transact-sql-set-options
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.clock import Clock
from .clients import Client, Request

if TYPE_CHECKING:
    from .database import Database
    from .server import SqlServer

COMMAND = "KILLED/ROLLBACK"


class Undoing(Request):
    """The undoing of a transaction.

    Args:
        clock: The lab's.
        seconds: How long it takes.
        stuck: The percentage at which it stays for ever; None for none.
    """

    def __init__(self, clock: Clock, seconds: float, stuck: float | None = None) -> None:
        self._clock, self._from, self._seconds, self._stuck = clock, clock.seconds(), seconds, stuck
        super().__init__(COMMAND, clock.now())

    @property
    def percent(self) -> float:
        done = min(100.0, 100.0 * (self._clock.seconds() - self._from) / self._seconds)
        return done if self._stuck is None else min(done, self._stuck)

    @percent.setter
    def percent(self, value: float) -> None:
        """It is what time makes of it."""

    @property
    def remaining(self) -> float:
        return self._seconds * (100.0 - self.percent) / 100.0

    @remaining.setter
    def remaining(self, value: float) -> None:
        """As above."""

    @property
    def ended(self) -> bool:
        return self.percent >= 100.0


def undo(server: SqlServer, database: Database, like: Client, seconds: float, stuck: float | None = None) -> Client:
    """Leave a session behind that undoes its transaction for so many lab seconds.

    Args:
        server: The server.
        database: The database that it is in.
        like: The session that has ended: its login, host and program.
        seconds: How long it takes.
        stuck: The percentage at which it stays for ever.
    """
    client = Client(like.spid, like.login, like.host, like.program, database, like.connected, address=like.address)
    client.killed.set()
    client.request = Undoing(server.clock, seconds, stuck)
    with server.lock:
        server.clients[client.spid] = client
    server.machine.ledger.record("sql", server.machine.name, action="undoing", database=database.name, spid=client.spid, seconds=seconds)
    return client


def is_undoing(client: Client) -> bool:
    return isinstance(client.request, Undoing)


def prune(server: SqlServer) -> None:
    """Forget the sessions that have undone what they had open."""
    with server.lock:
        for client in list(server.clients.values()):
            if isinstance(client.request, Undoing) and client.request.ended:
                del server.clients[client.spid]
                client.closed.set()


def status(client: Client) -> str:
    """What KILL says of a session that is undoing already."""
    request = client.request
    percent, left = (int(request.percent), int(request.remaining)) if request else (100, 0)
    return f"SPID {client.spid}: transaction rollback in progress. Estimated rollback completion: {percent}%. Estimated time remaining: {left} seconds."
