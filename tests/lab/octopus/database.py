# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pool of sessions to one database, as SqlClient keeps one: a broken session is dropped, the next use opens another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from ..tds.engine_api import SqlError

Row = dict[str, Any]
Result = TypeVar("Result")
DEADLOCK = 1205


class Connection(Protocol):
    """What ``SqlServer.open`` gives."""

    def execute(self, sql: str, params: Any = ()) -> Any: ...

    def executemany(self, sql: str, params: Iterable[Any]) -> Any: ...

    def transaction(self) -> AbstractContextManager[Any]:
        raise NotImplementedError

    def close(self) -> None: ...


def rows(connection: Connection, sql: str, params: Any = ()) -> list[Row]:
    """What a query gives, each row by its columns' names."""
    cursor = connection.execute(sql, params)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def has_table(connection: Connection, table: str) -> bool:
    return bool(rows(connection, "SELECT name FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE", (table,)))


def column_names(connection: Connection, table: str) -> list[str]:
    """The table's columns as they are now; empty where there is no such table."""
    return [row["name"] for row in rows(connection, f'PRAGMA table_info("{table}")')]


class Pool:
    """Sessions of one process to one database. Every method may be called from any thread.

    Args:
        connect: Opens a session; raises SqlError.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._closed = False

    def run(self, work: Callable[[Connection], Result]) -> Result:
        """Do some work in a session. A session that broke while it was idle is replaced once.

        Raises:
            SqlError: What the database says.
        """
        with self._lock:
            if self._closed:
                raise SqlError(0, "The connection pool was closed.")
            connection = self._idle.pop() if self._idle else None
        if connection is not None:
            try:
                result = work(connection)
            except SqlError:
                # It may have been killed while it lay idle; what it did is rolled back. A fresh session tells whether the error is real.
                connection.close()
            else:
                self._back(connection)
                return result
        fresh = self._connect()
        try:
            result = work(fresh)
        except BaseException:
            fresh.close()
            raise
        self._back(fresh)
        return result

    def _back(self, connection: Connection) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < 4:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """End every idle session; one at work ends with its work."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
