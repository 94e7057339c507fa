# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Draining and deadlines over a cursor that behaves as pyodbc's do with both drivers; the real ones are met in the scenarios."""

from __future__ import annotations

import socket
import threading

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import connection as tested
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.drivers import Driver
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, MssqlTimeout

pyodbc = pytest.importorskip("pyodbc")
OPTIONS = SqlOptions("127.0.0.1", 1433, "me", "secret", login_timeout=2)
PREFIX = "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]"


class Cursor:
    """Answers a statement with sets: each a list of messages, or an exception; "wait" stays until it is cancelled."""

    def __init__(self, *sets: object, quiet_cancel: bool = False) -> None:
        self.sets = list(sets)
        self.messages: list[tuple[str, str]] | None = None
        self.description = None
        self.cancelled = threading.Event()
        self.closed_with_sets_left: bool | None = None
        self.quiet_cancel = quiet_cancel

    def _next(self) -> None:
        one = self.sets.pop(0)
        if one == "wait":
            assert self.cancelled.wait(10)
            if self.quiet_cancel:
                self.sets.clear()
                self.messages = []
                return
            one = pyodbc.OperationalError("HY008", "[HY008] Operation canceled (0) (SQLMoreResults)")
        if isinstance(one, Exception):
            self.sets.clear()
            raise one
        self.messages = [(f"[01000] ({number})", PREFIX + text) for number, text in one]

    def execute(self, _sql: str, *_params: object) -> None:
        self._next()

    def nextset(self) -> bool:
        if not self.sets:
            return False
        self._next()
        return True

    def cancel(self) -> None:
        self.cancelled.set()

    def close(self) -> None:
        self.closed_with_sets_left = bool(self.sets)


class Raw:
    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self.timeout = 0
        self.given: list[int] = []  # the timeout that each cursor was made under

    def cursor(self) -> Cursor:
        self.given.append(self.timeout)
        return self._cursor


def connection_of(raw: Raw) -> tested.SqlConnection:
    return tested.SqlConnection(raw, OPTIONS, Driver("x", "msodbcsql"))


def over(cursor: Cursor) -> tested.SqlConnection:
    return connection_of(Raw(cursor))


def test_every_set_is_read_and_its_messages_are_heard_at_once() -> None:
    cursor = Cursor([(3211, "10 percent processed.")], [], [(3211, "100 percent processed."), (3014, "done")])
    heard: list[tuple[int, int]] = []
    messages = over(cursor).execute_drained("BACKUP", lambda message: heard.append((message.number, len(cursor.sets))))
    assert [(one.number, one.text) for one in messages] == [
        (3211, "10 percent processed."),
        (3211, "100 percent processed."),
        (3014, "done"),
    ]
    assert heard == [(3211, 2), (3211, 0), (3014, 0)]
    assert cursor.closed_with_sets_left is False


def test_an_error_of_a_later_set_is_raised() -> None:
    cursor = Cursor([(3211, "x")], pyodbc.ProgrammingError("42000", f"[42000] {PREFIX}Write failed: 112(full) (3202) (SQLMoreResults)"))
    with pytest.raises(MssqlError) as caught:
        over(cursor).execute_drained("BACKUP")
    assert (caught.value.number, caught.value.os_error) == (3202, 112)
    assert cursor.closed_with_sets_left is False


@pytest.mark.parametrize("quiet_cancel", [False, True])
def test_a_deadline_cancels_and_tells_what_was_said_until_then(quiet_cancel: bool) -> None:
    cursor = Cursor([(3211, "10 percent processed.")], "wait", quiet_cancel=quiet_cancel)
    with pytest.raises(MssqlTimeout, match="cancelled") as caught:
        over(cursor).execute_drained("BACKUP", deadline=0.05)
    assert [one.number for one in caught.value.messages] == [3211]
    assert cursor.cancelled.is_set()
    assert cursor.closed_with_sets_left is False


def test_no_cancel_where_the_statement_ends_in_time() -> None:
    cursor = Cursor([(3014, "done")])
    before = threading.active_count()
    over(cursor).execute_drained("BACKUP", deadline=60)
    assert not cursor.cancelled.is_set()
    assert threading.active_count() == before


def test_the_driver_gives_up_after_a_cancel_should_have_ended_it() -> None:
    raw = Raw(Cursor([(3014, "done")], [], []))
    connection = connection_of(raw)
    connection.execute_drained("BACKUP", deadline=59.2)
    assert (raw.given, raw.timeout) == ([60 + tested.LAST_RESORT], 0)
    raw.given.clear()
    raw._cursor = Cursor([])
    connection.execute_drained("BACKUP")
    assert raw.given == [0], "one without a deadline may take as long as it likes"


def test_an_unreachable_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        options = SqlOptions("127.0.0.1", port, "me", "secret", driver="FreeTDS", login_timeout=2)
        with pytest.raises(MssqlError, match=rf"127\.0\.0\.1, TCP port {port}.*firewall"):
            tested._reachable(options)


@pytest.mark.parametrize(
    ("text", "family", "wanted"),
    [
        ("SSL Provider: certificate verify failed:self-signed certificate", "msodbcsql", "certificate was not accepted"),
        ("Unable to connect to data source", "freetds", "FreeTDS reports only"),
        ("Login timeout expired", "msodbcsql", "it failed: Login timeout expired"),
    ],
)
def test_what_a_failed_login_means(text: str, family: str, wanted: str) -> None:
    error = tested._no_login(MssqlError(text), OPTIONS, Driver("x", family), "master")
    assert wanted in str(error)
    assert "127.0.0.1,1433 as me" in str(error)
    assert "secret" not in str(error)
