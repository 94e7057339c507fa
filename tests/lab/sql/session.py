# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One login of the wire: its variables, transactions and current database (:class:`lab.tds.engine_api.EngineSession`)."""

from __future__ import annotations

import re
import sqlite3
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..tds.engine_api import Output, Parameters, SqlError
from ..tds.types import SqlType
from . import errors, states
from .clients import Client
from .database import Database
from .scope import Sql
from .values import to_sqlite

if TYPE_CHECKING:
    from .server import SqlServer

_ATTACHED = 8  # SQLite's own limit is 10
_LOCK_SECONDS = 30.0


@dataclass
class Variable:
    """A variable or parameter: its type, and its value as Python or SQLite has it."""

    type: SqlType | None
    value: object = None


class Session:
    """Runs batches for one client. Methods are called by the session's own thread, but for what KILL calls."""

    def __init__(self, server: SqlServer, client: Client) -> None:
        self.server = server
        self.client = client
        client.abort = self._abort
        self.variables: dict[str, Variable] = {}
        self.row_count = 0
        self.last_error = 0
        self.caught: SqlError | None = None  # the error of the CATCH block that runs
        self.counted = True  # SET NOCOUNT OFF
        self.abort_on_error = False  # SET XACT_ABORT ON
        self.implicit = False  # SET IMPLICIT_TRANSACTIONS ON
        self.pending: SqlError | None = None  # raised by a function that SQLite called
        self._at_login = client.database
        self._attached: dict[str, Database] = {}
        self._busy = threading.Lock()
        self._closed = False
        self.connection = self._open()

    def _open(self) -> sqlite3.Connection:
        from .server_functions import register  # it needs this module's type

        connection = sqlite3.connect(":memory:", timeout=_LOCK_SECONDS, isolation_level=None, check_same_thread=False)
        self._attached.clear()
        register(connection, self)
        return connection

    # -- EngineSession

    @property
    def spid(self) -> int:
        return self.client.spid

    @property
    def database(self) -> str:
        return self.client.database.name

    def batch(self, sql: str, params: Parameters, out: Output) -> None:
        """Run a batch.

        Raises:
            SqlError: The error that ended it; earlier ones that did not are in ``out``.
            Attention, ConnectionError: As Output.poll.
        """
        from .execution import run  # it needs this module's type

        with self._busy:
            self.client.check()
            self.variables = {name.lower(): Variable(params.types.get(name), value) for name, value in params.items()}
            self.client.last_request = self.server.clock.now()
            try:
                run(self, sql, out)
            except sqlite3.ProgrammingError as error:
                if self.client.killed.is_set():
                    raise ConnectionError("the session was killed") from error
                raise
            finally:
                self.client.request = None
                for name in params:
                    params[name] = self.variables[name.lower()].value

    def begin(self, out: Output) -> None:
        """BEGIN TRANSACTION."""
        if not self.client.transactions:
            self.connection.execute("BEGIN")
            out.transaction_began()
        self.client.transactions += 1

    def commit(self, out: Output) -> None:
        """
        Raises:
            SqlError: 3902.
        """
        if not self.client.transactions:
            raise SqlError(3902, "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.", 16)
        self.client.transactions -= 1
        if not self.client.transactions:
            self.connection.execute("COMMIT")
            out.transaction_ended(True)

    def rollback(self, out: Output) -> None:
        """Every level of it.

        Raises:
            SqlError: 3903.
        """
        if not self.client.transactions:
            raise SqlError(3903, "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.", 16)
        self._end_transaction()
        out.transaction_ended(False)

    def _end_transaction(self) -> None:
        self.client.transactions = 0
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def reset(self) -> None:
        """sp_reset_connection."""
        with self._busy:
            self._end_transaction()
            self.connection.close()
            self.connection = self._open()
            self.counted, self.abort_on_error, self.implicit = True, False, False
            self.row_count = self.last_error = 0
            self.client.database = self._at_login

    def close(self) -> None:
        """The client has gone."""
        if not self._closed:
            self._closed = True
            self.connection.close()
            self.server.forget(self.client)

    def _abort(self) -> None:
        """KILL: what runs ends by itself at its next poll; an idle session ends here."""
        if self._busy.acquire(blocking=False):
            try:
                self.close()
            finally:
                self._busy.release()
        else:
            with suppress(sqlite3.ProgrammingError):  # it has closed itself just now
                self.connection.interrupt()

    # -- variables

    def bind(self, name: str) -> str:
        """SQLite's name of a variable.

        Raises:
            SqlError: 137 there is none.
        """
        self.variable(name)
        return bound_name(name)

    def variable(self, name: str) -> Variable:
        found = self.variables.get(name.lower())
        if found is None:
            raise SqlError(137, f'Must declare the scalar variable "@{name}".', 15, 2)
        return found

    def variable_type(self, name: str) -> SqlType | None:
        return self.variable(name).type

    def variable_value(self, name: str) -> object:
        return self.variable(name).value

    @property
    def bound(self) -> dict[str, object]:
        """Every variable's value by SQLite's name."""
        return {bound_name(name): to_sqlite(variable.value) for name, variable in self.variables.items()}

    def scalar_of(self, expression: Sql) -> object:
        """The value of an expression that names no column."""
        found: tuple[object, ...] = self.execute(f"SELECT {expression.text}").fetchone()
        return found[0]

    # -- databases

    def other_database(self, name: str) -> Database:
        """A database by its name.

        Raises:
            SqlError: 911 there is none; or why this session cannot use it now.
        """
        database = self.server.database(name)
        if database is None:
            raise errors.no_database(name)
        if database is not self.client.database:
            problem = self.server.usable(database, self.client.login, self.client)
            if problem is not None:
                raise problem
        return database

    def use(self, name: str, out: Output) -> None:
        """USE."""
        database = self.other_database(name)
        old, self.client.database = self.client.database, database
        out.env_database(database.name, old.name)
        out.info(5701, f"Changed database context to '{database.name}'.", state=2)

    def attach(self, database: Database) -> str:
        """SQLite's schema name for a database, quoted as needed; attached now if it was not."""
        closed = states.problem(database)
        if closed is not None:
            raise closed
        prefix = f"db_{database.store.stem}"
        if prefix not in self._attached:
            if not self.client.transactions:
                for stale in [name for name, one in self._attached.items() if name != f"db_{one.store.stem}"]:
                    self._detach(stale)
                while len(self._attached) >= _ATTACHED:
                    self._detach(next(iter(self._attached)))
            self.connection.execute(f"ATTACH ? AS {prefix}", (str(database.store),))
            self._attached[prefix] = database
        return prefix

    def _detach(self, prefix: str) -> None:
        self.connection.execute(f"DETACH {prefix}")
        del self._attached[prefix]

    def must(self, database: Database, permission: str, name: str) -> None:
        """
        Raises:
            SqlError: 229, the login lacks the permission on that table; 3906, the database cannot be changed.
        """
        if permission != "SELECT" and database.read_only:
            raise SqlError(3906, f'Failed to update database "{database.name}" because the database is read-only.', 16, 2)
        if database.name.lower() in ("tempdb", "master") or self.client.login.may_in(database, permission):
            return
        raise SqlError(
            229, f"The {permission} permission was denied on the object '{name}', database '{database.name}', schema 'dbo'.", 14, 5
        )

    # -- running

    def execute(self, sql: str) -> sqlite3.Cursor:
        """Run SQLite's SQL with the variables bound.

        Raises:
            SqlError: What SQL Server would say.
        """
        from .sqlite_errors import translate

        self.pending = None
        try:
            return self.connection.execute(sql, self.bound)
        except sqlite3.ProgrammingError:
            raise
        except sqlite3.Error as error:
            if self.pending is not None:
                raise self.pending from error
            if self.client.killed.is_set():
                raise ConnectionError("the session was killed") from error
            raise translate(error, sql) from error


def bound_name(name: str) -> str:
    return "v_" + re.sub(r"\W", lambda found: f"_{ord(found[0]):x}_", name.lower())
