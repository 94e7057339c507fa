# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Long statements: progress as it happens, cancelling, clients that go away, results that do not fit in memory."""

from __future__ import annotations

import gc
import platform
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab.tds.engine_api import Attention, Column, Output, Parameters
from lab.tds.types import SqlType
from lab_tests.tds.conftest import WAIT, World, dsn, run_python
from lab_tests.tds.echo_engine import PASSWORD, EchoSession
from patience import patient


class Backup:
    """A statement that takes as long as the test likes, and remembers how it ended."""

    def __init__(self, world: World, steps: int = 3) -> None:
        self.running = threading.Event()
        self.go_on = threading.Event()
        self.over = threading.Event()
        self.ended = ""
        self.steps = steps
        world.engine.statements["backup"] = self

    def __call__(self, _session: EchoSession, _params: Parameters, out: Output) -> None:
        try:
            for step in range(self.steps):
                out.progress(3211, f"{10 * (step + 1)} percent processed.")
            self.running.set()
            while not self.go_on.wait(0.002):
                out.poll()
            out.info(3014, "BACKUP DATABASE successfully processed 1 pages.")
            out.done()
            self.ended = "finished"
        except Attention:
            self.ended = "cancelled"
            raise
        except ConnectionError:
            self.ended = "cut off"
            raise
        finally:
            self.over.set()

    def end(self) -> str:
        assert self.over.wait(WAIT)
        return self.ended


def texts(cursor) -> list[str]:
    return [text.rpartition("]")[2] for _state, text in cursor.messages or []]


PROGRESS = ["10 percent processed.", "20 percent processed.", "30 percent processed."]
END = "BACKUP DATABASE successfully processed 1 pages."


def test_progress_arrives_while_the_statement_runs(world: World, connect, driver: str) -> None:
    backup = Backup(world)
    cursor = connect(world).cursor()
    cursor.execute("backup")  # returns with the first message
    assert backup.running.wait(WAIT)
    assert not backup.over.is_set()
    seen = texts(cursor)
    assert seen == PROGRESS[:1]
    # Microsoft's driver shows a message when the next token is there, FreeTDS at once.
    for _step in range(1 if driver == "microsoft" else 2):
        assert cursor.nextset()
        seen += texts(cursor)
    assert not backup.over.is_set()
    backup.go_on.set()
    while cursor.nextset():
        seen += texts(cursor)
    assert seen == [*PROGRESS, END]
    assert backup.end() == "finished"


def test_plain_progress_is_one_result(make_world: Callable[..., World], connect, driver: str) -> None:
    world = make_world(progress_done=False)
    Backup(world).go_on.set()
    cursor = connect(world).cursor()
    cursor.execute("backup")
    assert texts(cursor) == [*PROGRESS, END]
    assert not cursor.nextset()


FUTEX = {"x86_64": "202", "aarch64": "98"}


def wait_in_the_kernel(thread: threading.Thread) -> None:
    """Wait until a thread sleeps in a system call that is no lock: see proc(5), /proc/pid/syscall."""
    end = time.monotonic() + WAIT
    while True:
        call = Path(f"/proc/self/task/{thread.native_id}/syscall").read_text(encoding="ascii").split()[0]
        if call.isdigit() and call != FUTEX[platform.machine()]:
            return
        assert time.monotonic() < end
        time.sleep(0.002)


def test_cancel_while_another_thread_waits(world: World, connect, driver: str, pyodbc) -> None:
    backup = Backup(world, steps=0)
    connection = connect(world)
    cursor = connection.cursor()
    failed: list[str] = []

    def execute() -> None:
        try:
            cursor.execute("backup")
        except pyodbc.Error as error:
            failed.append(error.args[0])

    thread = threading.Thread(target=execute)
    thread.start()
    assert backup.running.wait(WAIT)
    # FreeTDS loses a cancel that meets its own thread between sending and waiting, and then waits for ever (1.3.17).
    wait_in_the_kernel(thread)
    cursor.cancel()
    thread.join(WAIT)
    assert backup.end() == "cancelled"
    assert failed == ["HY008"]
    assert connection.execute("select ?", "still here").fetchval() == "still here"
    assert world.wait("error")["message"] == "cancelled by the client"


def test_cancel_between_two_calls(world: World, connect, driver: str) -> None:
    backup = Backup(world)
    connection = connect(world)
    cursor = connection.cursor()
    cursor.execute("backup")  # returns with the first message
    assert backup.running.wait(WAIT)
    thread = threading.Thread(target=cursor.cancel)
    thread.start()
    thread.join(WAIT)
    seen = texts(cursor)
    while cursor.nextset():  # Whoever cancels must remember it, and not look for an error: the sets just end.
        seen += texts(cursor)
    assert END not in seen
    assert backup.end() == "cancelled"
    assert connection.execute("select ?", "still here").fetchval() == "still here"
    assert world.wait("error")["message"] == "cancelled by the client"


def test_a_cancel_that_is_not_answered_is_ended_by_the_drivers_timeout(world: World, connect, driver: str, pyodbc) -> None:
    running, go_on = threading.Event(), threading.Event()

    def deaf(_session: EchoSession, _params: Parameters, out: Output) -> None:
        running.set()
        go_on.wait(WAIT)
        out.done()

    world.engine.statements["deaf"] = deaf
    connection = connect(world)
    connection.timeout = 1
    cursor = connection.cursor()
    failed: list[str] = []

    def execute() -> None:
        try:
            cursor.execute("deaf")
        except pyodbc.Error as error:
            failed.append(error.args[0])

    thread = threading.Thread(target=execute)
    thread.start()
    assert running.wait(WAIT)
    wait_in_the_kernel(thread)
    cursor.cancel()
    thread.join(WAIT / 2)
    over = not thread.is_alive()
    go_on.set()
    thread.join(WAIT)
    assert over and failed == ["HYT00" if driver == "microsoft" else "HY000"]


@pytest.mark.parametrize("how", ["close", "execute", "forget"])
def test_results_that_were_not_drained_are_cancelled(world: World, connect, driver: str, how: str) -> None:
    backup = Backup(world)
    connection = connect(world)
    cursor = connection.cursor()
    cursor.execute("backup")
    assert backup.running.wait(WAIT)
    if how == "close":
        cursor.close()
    elif how == "execute":
        assert cursor.execute("select ?", 1).fetchval() == 1
        cursor.close()
    else:
        del cursor
        gc.collect()
    assert backup.end() == "cancelled"
    assert connection.execute("select ?", "still here").fetchval() == "still here"


def test_closing_the_connection_ends_the_statement(world: World, connect, driver: str) -> None:
    backup = Backup(world)
    connection = connect(world)
    connection.execute("backup")
    assert backup.running.wait(WAIT)
    connection.close()
    assert backup.end() in ("cancelled", "cut off")
    assert world.engine.sessions[0].closed.wait(WAIT)


KILLED = """
import os, sys, threading, pyodbc
cursor = pyodbc.connect(sys.argv[1], autocommit=True, timeout=10).cursor()
cursor.execute("backup")
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("name", ["microsoft", "freetds"])
def test_a_killed_client_ends_the_statement(world: World, pyodbc, name: str) -> None:
    backup = Backup(world)
    assert run_python(KILLED, dsn(name, world.port)).returncode == -9
    assert backup.end() == "cut off"
    assert world.engine.sessions[0].closed.wait(WAIT)
    assert world.wait("logout")["spid"] == world.engine.sessions[0].spid
    assert world.wait("error")["message"] == "the connection ended"


def test_the_server_cuts_a_session_that_waits(world: World, connect, driver: str, pyodbc) -> None:
    connection = connect(world)
    world.engine.sessions[0].request.disconnect()
    assert world.engine.sessions[0].closed.wait(WAIT)
    with pytest.raises(pyodbc.Error):
        connection.execute("select ?", 1)


def test_the_server_cuts_a_session_that_works(world: World, connect, driver: str, pyodbc) -> None:
    """Where a message waits, Microsoft's driver puts the link failure beside it and raises nothing before the next statement.

    FreeTDS has a message of its own (20017) and then raises "Unknown error".
    """
    backup = Backup(world)
    connection = connect(world)
    cursor = connection.execute("backup")
    assert backup.running.wait(WAIT)
    world.engine.sessions[0].request.disconnect()
    assert backup.end() == "cut off"
    states = []
    try:
        while cursor.nextset():
            states += [state for state, _text in cursor.messages]
    except pyodbc.Error as error:
        states.append(error.args[0])
    assert any(("08S01" if driver == "microsoft" else "20017") in state for state in states)
    assert ("HY000" in states) == (driver == "freetds")
    with pytest.raises(pyodbc.Error):
        connection.execute("select ?", 1)


# ------------------------------------------------------------------------------------------------ large results

COLUMNS = [("n", "int"), ("text", "nvarchar(200)"), ("price", "decimal(10,2)"), ("no", "varbinary(10)")]


@pytest.mark.parametrize("options", [{}, {"PacketSize": "512"}, {"PacketSize": "16000"}])
def test_a_large_result(shared: World, connect, driver: str, options: dict[str, str]) -> None:
    count = 50_000
    shared.engine.answers("large", COLUMNS, ((n, f"row {n} é😀", n, None) for n in range(count)))
    cursor = connect(shared, **options).execute("large")
    total = 0
    for n, text, price, nothing in cursor:
        assert (text, price, nothing) == (f"row {n} é😀", n, None)
        total += n
    assert total == count * (count - 1) // 2


@pytest.mark.parametrize("client", ["microsoft", "freetds", "pytds"])
def test_a_result_without_end_is_streamed_and_can_be_left(world: World, client: str, pyodbc) -> None:
    ended = threading.Event()

    def endless() -> Iterator[tuple[int, str]]:
        n = 0
        try:
            while True:
                yield n, "x" * 100
                n += 1
        finally:
            ended.set()

    def run(_session: EchoSession, _params: Parameters, out: Output) -> None:
        out.rowset([Column("n", SqlType("int")), Column("x", SqlType.parse("nvarchar(100)"))], endless())

    world.engine.statements["endless"] = run
    if client == "pytds":
        connection = pytest.importorskip("pytds").connect("127.0.0.1", port=world.port, user="sa", password=PASSWORD, autocommit=True)
    else:
        connection = pyodbc.connect(dsn(client, world.port), autocommit=True, timeout=patient(10))
    cursor = connection.cursor()
    cursor.execute("endless")
    assert [cursor.fetchone()[0] for _n in range(5000)] == list(range(5000))
    (cursor.cancel if client == "pytds" else cursor.close)()
    assert ended.wait(WAIT)
    connection.close()


def test_one_value_of_many_megabytes(shared: World, connect, driver: str) -> None:
    text = "é😀" * 2_000_000
    shared.engine.answers("huge", [("v", "nvarchar(max)")], [[text]])
    assert connect(shared).execute("huge").fetchval() == text


def test_many_sessions_at_once(world: World, pyodbc) -> None:
    """Each gets its own answers."""
    wrong: list[object] = []

    def work(number: int) -> None:
        name = ["microsoft", "freetds"][number % 2]
        connection = pyodbc.connect(dsn(name, world.port), autocommit=True, timeout=patient(20))
        for step in range(20):
            value = f"{number}-{step}"
            found = connection.execute("select ?", value).fetchval()
            if found != value:
                wrong.append((value, found))
        connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patient(60))
        assert not thread.is_alive()
    assert not wrong
    assert len({session.spid for session in world.engine.sessions}) == 12
