# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the in-lab product uses a database: SQLite's SQL, but sessions, states and errors of SQL Server."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ..tds.engine_api import SqlError
from .clients import Client
from .sqlite_errors import translate

if TYPE_CHECKING:
    from .server import SqlServer


class Result:
    """The rows of a statement, already read: a session may be killed between two of them."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self.description = cursor.description
        self._rows = cursor.fetchall() if cursor.description else []
        self._next = 0
        self.rowcount = cursor.rowcount
        self.lastrowid = cursor.lastrowid

    def fetchone(self) -> Any:
        if self._next >= len(self._rows):
            return None
        self._next += 1
        return self._rows[self._next - 1]

    def fetchall(self) -> list[Any]:
        rest, self._next = self._rows[self._next :], len(self._rows)
        return rest

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())


class Connection:
    """One session of a program to one database. Every method may be called from any thread, one at a time.

    After KILL, or ALTER DATABASE with ROLLBACK IMMEDIATE, each call raises SqlError 596, and nothing uncommitted is left.
    """

    def __init__(self, server: SqlServer, client: Client) -> None:
        self._server = server
        self.client = client
        client.abort = self._abort
        self._lock = threading.RLock()
        self._inner = client.database.connect()

    @property
    def spid(self) -> int:
        return self.client.spid

    def execute(self, sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> Result:
        """Run one statement of SQLite's SQL.

        Raises:
            SqlError: 596 the session was killed; what SQL Server would say of the failure otherwise.
        """
        with self._lock:
            self._check()
            self.client.last_request = self._server.clock.now()
            try:
                return Result(self._inner.execute(sql, params))
            except sqlite3.Error as error:
                self.client.check()
                raise translate(error) from error

    def executemany(self, sql: str, params: Iterable[Sequence[Any]]) -> Result:
        """Run one statement for each tuple, in a transaction of its own unless one is open.

        Raises:
            SqlError: As :meth:`execute`.
        """
        with self._lock:
            self._check()
            if self._inner.in_transaction:
                return self._many(sql, params)
            with self.transaction():
                return self._many(sql, params)

    def _many(self, sql: str, params: Iterable[Sequence[Any]]) -> Result:
        try:
            return Result(self._inner.executemany(sql, params))
        except sqlite3.Error as error:
            self.client.check()
            raise translate(error) from error

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All or nothing. A transaction within another is part of it."""
        with self._lock:
            nested = self.client.transactions > 0 and not self.client.killed.is_set()
            if not nested:
                self.execute("BEGIN IMMEDIATE")
            self.client.transactions += 1
        try:
            yield self
        except BaseException:
            with self._lock:
                self.client.transactions -= 1
                if not nested and not self.client.killed.is_set() and self._inner.in_transaction:
                    self._inner.execute("ROLLBACK")
            raise
        with self._lock:
            self.client.transactions -= 1
            if not nested:
                self.execute("COMMIT")

    def close(self) -> None:
        """End the session; what is not committed is rolled back. More than once does no harm."""
        with self._lock:
            if not self.client.closed.is_set():
                self._inner.close()
                self._server.forget(self.client)

    def _check(self) -> None:
        self.client.check()
        if self.client.closed.is_set():
            raise SqlError(0, "The connection is closed.")

    def _abort(self) -> None:
        """The session was killed: end what runs and roll back, from another thread."""
        with suppress(sqlite3.ProgrammingError):  # it has closed itself just now
            self._inner.interrupt()
        with self._lock:
            self._inner.close()
            self._server.forget(self.client)
