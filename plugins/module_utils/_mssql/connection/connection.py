# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A connection to SQL Server through pyodbc that drains what it runs: an undrained BACKUP is cancelled and vanishes.

pyodbc reports a statement's messages set by set, errors may come with any of them, and closing a cursor with sets left sends
ATTENTION, which aborts the statement without an exception (https://github.com/mkleehammer/pyodbc/issues/471, 762, 1431).
"""

from __future__ import annotations

import contextlib
import math
import re
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core import stopping
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import MissingLibrary
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, MssqlTimeout, from_pyodbc, strip_prefix

from . import drivers, session_setup
from .options import SqlOptions

try:
    import pyodbc

    PYODBC_IMPORT_ERROR: str | None = None
except ImportError:  # also where the wheel is there and unixODBC (libodbc.so.2) is not
    PYODBC_IMPORT_ERROR = traceback.format_exc()

LAST_RESORT = 60  # seconds after a deadline, for the driver's own timeout
MESSAGE_NUMBER = re.compile(r"\((\d+)\)")


@dataclass(frozen=True)
class Message:
    """What the server said beside its results: its number (0 for PRINT) and text."""

    number: int
    text: str


class SqlConnection:
    """One open connection, for one thread."""

    def __init__(self, raw: Any, options: SqlOptions, driver: drivers.Driver) -> None:
        self._raw = raw
        self.options = options
        self.driver = driver

    def __enter__(self) -> SqlConnection:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(pyodbc.Error):  # the server may have closed the connection already
            self._raw.close()

    def query(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        """The rows of the first result set that has columns; every set is drained.

        Args:
            sql: The statement.
            *params: Its parameters.

        Raises:
            MssqlError: The server refused.
        """
        stopping.check()
        try:
            cursor = self._raw.cursor()
            try:
                cursor.execute(sql, *params)
                rows: list[dict[str, Any]] | None = None
                while True:
                    if rows is None and cursor.description:
                        names = [column[0] for column in cursor.description]
                        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
                    if not cursor.nextset():
                        break
                return rows or []
            finally:
                cursor.close()
        except pyodbc.Error as error:
            raise from_pyodbc(error) from error

    def stream(self, sql: str, *params: Any, batch: int = 500) -> Iterator[dict[str, Any]]:
        """Yield the rows of one result set as they arrive, so that a table of any size needs the memory of one batch.

        Nothing else can run on the connection until the last row was taken, or the generator is closed.

        Args:
            sql: The statement.
            *params: Its parameters.
            batch: How many rows are fetched at a time.

        Raises:
            MssqlError: The server refused, at the start or later.
        """
        stopping.check()
        try:
            cursor = self._raw.cursor()
            try:
                cursor.execute(sql, *params)
                names = [column[0] for column in cursor.description]
                while rows := cursor.fetchmany(batch):
                    stopping.check()
                    yield from (dict(zip(names, row, strict=True)) for row in rows)
            finally:
                cursor.close()
        except pyodbc.Error as error:
            raise from_pyodbc(error) from error

    def scalar(self, sql: str, *params: Any) -> Any:
        """The first column of the first row, or None where there is no row."""
        rows = self.query(sql, *params)
        return next(iter(rows[0].values())) if rows else None

    def execute_drained(
        self, sql: str, on_message: Callable[[Message], None] | None = None, deadline: float | None = None
    ) -> list[Message]:
        """Run a statement to its very end.

        Args:
            sql: The statement.
            on_message: Called with each message as it arrives.
            deadline: Seconds after which it is cancelled. The driver's query timeout is no deadline: FreeTDS counts it per network wait. It
                is for what a cancel does not end: a server that no longer answers, or FreeTDS 1.3.17, which loses a cancel between two
                waits. Then the driver gives up some time after :data:`LAST_RESORT`, and after the deadline once more at the latest; the
                server may still be working, which only another connection can tell.

        Returns:
            All its messages.

        Raises:
            MssqlTimeout: The deadline has passed and the statement was cancelled. Its ``messages`` are those until then: a cancel may arrive
                after the statement has ended successfully.
            MssqlError: The server refused, at the start or with a later set.
        """
        stopping.check()
        messages: list[Message] = []
        try:
            cursor = self._cursor(deadline)
        except pyodbc.Error as error:
            raise from_pyodbc(error) from error
        try:
            with _cancel_after(cursor, deadline) as expired:
                try:
                    cursor.execute(sql)
                    self._collect(cursor, messages, on_message)
                    while cursor.nextset():
                        self._collect(cursor, messages, on_message)
                except pyodbc.Error as error:
                    if not expired.is_set():
                        raise from_pyodbc(error) from error
                if expired.is_set():  # with or without an error: a cancel between two sets only ends them
                    raise MssqlTimeout(f"The statement was cancelled after {deadline:g} s", messages)
        finally:
            with contextlib.suppress(pyodbc.Error):  # the first error is the one to report
                cursor.close()
        return messages

    def _cursor(self, deadline: float | None) -> Any:
        """A cursor that gives up by itself where nothing else ends it. pyodbc passes a connection's timeout on to its new cursors."""
        if deadline is None:
            return self._raw.cursor()
        self._raw.timeout = math.ceil(deadline) + LAST_RESORT
        try:
            return self._raw.cursor()
        finally:
            self._raw.timeout = 0

    @staticmethod
    def _collect(cursor: Any, messages: list[Message], on_message: Callable[[Message], None] | None) -> None:
        for state, text in cursor.messages or []:
            found = MESSAGE_NUMBER.search(state)
            message = Message(int(found[1]) if found else 0, strip_prefix(text))
            messages.append(message)
            if on_message:
                on_message(message)


@contextlib.contextmanager
def _cancel_after(cursor: Any, seconds: float | None) -> Iterator[threading.Event]:
    """Cancel the cursor's statement after some seconds. The thread is joined before anything is closed: drivers were seen to crash when
    they are closed during a cancel."""
    expired, over = threading.Event(), threading.Event()

    def watch() -> None:
        if not over.wait(seconds):
            expired.set()
            with contextlib.suppress(pyodbc.Error):  # the statement has ended just now
                cursor.cancel()

    thread = threading.Thread(target=watch, daemon=True) if seconds is not None else None
    if thread:
        thread.start()
    try:
        yield expired
    finally:
        over.set()
        if thread:
            thread.join()


def connect(options: SqlOptions, database: str = "master") -> SqlConnection:
    """Log in, once: a refused login is never tried again.

    Args:
        options: The server and the login.
        database: The database to enter.

    Raises:
        MissingLibrary: pyodbc cannot be imported.
        MssqlError: There is no driver, nothing listens, the certificate is not trusted, or the login was refused.
    """
    if PYODBC_IMPORT_ERROR:
        raise MissingLibrary("pyodbc", PYODBC_IMPORT_ERROR)
    stopping.check()
    driver = drivers.find(options.driver, pyodbc.drivers())
    session_setup.check(options, driver)
    try:
        words = session_setup.connection_string(options, driver, database)
    except ValueError as error:
        raise MssqlError(f"{error}. Use Microsoft's ODBC driver for this password, login or database") from None
    _reachable(options)
    pyodbc.pooling = False
    try:
        with session_setup.surroundings(options, driver):
            raw = pyodbc.connect(words, autocommit=True, timeout=options.login_timeout)
    except pyodbc.Error as error:
        raise _no_login(
            from_pyodbc(error), options, driver, database
        ) from None  # the traceback of the original leads to the connection string
    return SqlConnection(raw, options, driver)


def _no_login(found: MssqlError, options: SqlOptions, driver: drivers.Driver, database: str) -> MssqlError:
    """What it means that a driver could not log in although the port answers."""
    expected = f"Expected to log in to database {database} of SQL Server {options.where} as {options.who}, but"
    if found.number:
        return MssqlError(f"{expected} it failed: {found.message}", found.number, found.sqlstate)
    if options.validate_certs and options.encrypt != "optional":
        trusted = options.ca_path or "the control node's own authorities"
        advice = (
            f"Name the authority that signed it with ca_path (trusted now: {trusted}), use the name in it as login_host or "
            "certificate_host, or set validate_certs: false to trust any server that answers"
        )
        if "certificate" in found.message.lower():
            return MssqlError(f"{expected} its certificate was not accepted ({found.message}). {advice}", None, found.sqlstate)
        if driver.family == "freetds":
            # Neither its message nor anything else gives the reason.
            return MssqlError(
                f"{expected} FreeTDS reports only {found.message!r}, although the port answers. "
                f"Most often the certificate was not accepted. {advice}",
                None,
                found.sqlstate,
            )
    return MssqlError(f"{expected} it failed: {found.message}", None, found.sqlstate)


def _reachable(options: SqlOptions) -> None:
    """Check that something listens: drivers wait for their whole login timeout and then report only that.

    Raises:
        MssqlError: Nothing does.
    """
    if options.named_instance:
        return  # the driver asks the SQL Server Browser for its port
    try:
        socket.create_connection((options.host, options.port), timeout=options.login_timeout).close()
    except OSError as error:
        raise MssqlError(
            f"Expected SQL Server at {options.host}, TCP port {options.port}, but the control node cannot connect "
            f"({error.strerror or error}). "
            "Check the name, the port, the firewall, and that TCP/IP is enabled there"
        ) from error
