# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine behind the wire, as real clients meet it: both ODBC drivers, pymssql and python-tds."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from lab.tds.server import TdsServer
from lab_tests.sql.conftest import PASSWORD, World
from lab_tests.tds import conftest as tds
from patience import patient

DRIVERS, driver, pyodbc = tds.DRIVERS, tds.driver, tds.pyodbc  # the fixtures of the wire's own tests
WAIT = patient(20.0)
BACKUP = "BACKUP DATABASE [a]]b' c] TO DISK = N'D:\\Backup\\o''x].bak' WITH COPY_ONLY, CHECKSUM, COMPRESSION, FORMAT, INIT, STATS = 5"


@dataclass
class Wire:
    world: World
    tds: TdsServer
    connect: Callable[..., Any]

    @property
    def file(self) -> bool:
        return self.world.real("D:\\Backup\\o'x].bak").exists()


def serve(world: World, **options: Any) -> TdsServer:
    server = world.server
    context = world.network.authority.server_context(world.root / "tls", server.machine.address, "sql01")
    return TdsServer(
        server, server.machine.address, 1433, context, ledger=world.ledger, machine="sql01", faults=world.faults, **options
    ).start()


@pytest.fixture(params=[True, False], ids=["progress as results", "progress as messages"])
def wire(request: pytest.FixtureRequest, make_world: Callable[..., World], pyodbc: Any, driver: str) -> Iterator[Wire]:
    world = make_world(scale=200.0, backup_rate=100_000.0)
    world.sample("a]b' c")
    tds = serve(world, progress_done=request.param)
    address = world.server.machine.address
    path = DRIVERS[driver]()
    if path is None:
        pytest.skip(f"the {driver} ODBC driver is not installed")
    where = f"SERVER={address},1433;TrustServerCertificate=yes" if driver == "microsoft" else f"SERVER={address};PORT=1433;TDS_VERSION=7.4"
    opened: list[Any] = []

    def connect(user: str = "boss", password: str = PASSWORD, autocommit: bool = True, **words: str) -> Any:
        more = "".join(f"{name}={value};" for name, value in words.items())  # not last: FreeTDS then keeps the closing brace
        text = f"DRIVER={path};{where};{more}UID={user};PWD={{{password}}};APP=test"
        opened.append(pyodbc.connect(text, autocommit=autocommit, timeout=patient(10)))
        return opened[-1]

    yield Wire(world, tds, connect)
    for connection in opened:
        connection.close()
    tds.stop()
    assert not world.server.clients


def drain(cursor: Any, sql: str) -> list[str]:
    cursor.execute(sql)
    messages = [text for _state, text in cursor.messages or []]
    while cursor.nextset():
        messages += [text for _state, text in cursor.messages or []]
    return messages


def test_a_drained_backup_is_there_and_an_undrained_one_is_not(wire: Wire) -> None:
    cursor = wire.connect().cursor()
    messages = drain(cursor, BACKUP)
    assert "BACKUP DATABASE successfully processed" in messages[-1] and wire.file
    wire.world.fs.remove("D:\\Backup\\o'x].bak", wire.world.server.logon)
    if wire.tds.progress_done:
        database = wire.world.server.database("a]b' c")
        assert database is not None
        database.weight = 10**8  # bytes; a thousand lab seconds, so that it cannot end before it is cancelled
        cursor.execute(BACKUP)
        cursor.close()
        wire.world.ledger.wait_for(lambda event: event.kind == "sql.backup" and event["action"] == "aborted", WAIT)
        assert not wire.file


def test_backup_verify_restore_and_the_rows(wire: Wire) -> None:
    connection = wire.connect()
    cursor = connection.cursor()
    drain(cursor, BACKUP)
    assert any(
        "is valid" in text for text in drain(cursor, "RESTORE VERIFYONLY FROM DISK = N'D:\\Backup\\o''x].bak' WITH FILE = 1, CHECKSUM")
    )
    files = cursor.execute("RESTORE FILELISTONLY FROM DISK = ?", "D:\\Backup\\o'x].bak").fetchall()
    assert [row.LogicalName for row in files] == ["a]b' c", "a]b' c_log"]
    header = cursor.execute("RESTORE HEADERONLY FROM DISK = N'D:\\Backup\\o''x].bak'").fetchone()
    row = cursor.execute(
        "SELECT TOP (1) backup_set_uuid, first_lsn, backup_start_date, is_copy_only FROM msdb.dbo.backupset WHERE database_name = ? AND "
        "backup_start_date >= ? ORDER BY backup_set_id DESC",
        "A]B' c",
        header.BackupStartDate - dt.timedelta(seconds=2),
    ).fetchone()
    assert (row.backup_set_uuid, row.first_lsn, row.is_copy_only) == (header.BackupSetGUID, header.FirstLSN, True)
    moves = "MOVE N'a]b'' c' TO N'D:\\c.mdf', MOVE N'a]b'' c_log' TO N'D:\\c.ldf'"
    drain(cursor, f"RESTORE DATABASE [copy] FROM DISK = N'D:\\Backup\\o''x].bak' WITH {moves}, STATS")
    query = "SELECT * FROM [{}].dbo.Item ORDER BY Id"
    copied = cursor.execute(query.format("copy")).fetchall()
    assert [tuple(one) for one in copied] == [tuple(one) for one in cursor.execute(query.format("a]]b' c")).fetchall()]
    assert len(copied) == 200


def test_values_and_their_python_types(wire: Wire) -> None:
    cursor = wire.connect(DATABASE="{a]b' c}").cursor()
    sent = ("é😀'", 2**40, decimal.Decimal("1.50"), b"\x00\x01", dt.datetime(2026, 11, 23, 1, 2, 3), None, True, 2.5)
    row = cursor.execute("SELECT ?, ?, ?, ?, ?, ?, ?, ?, DB_NAME(), @@SPID, CAST(1 AS bit), CAST('2026-11-23' AS date)", *sent).fetchone()
    assert tuple(row)[:8] == sent
    assert row[8] == "a]b' c" and row[10] is True and row[11] == dt.date(2026, 11, 23)


def test_a_transaction_of_the_driver(wire: Wire) -> None:
    connection = wire.connect(autocommit=False)
    cursor = connection.cursor()
    cursor.execute("UPDATE [a]]b' c].dbo.Item SET Name = ? WHERE Id = ?", "changed", 1)
    assert cursor.rowcount == 1
    connection.rollback()
    assert cursor.execute("SELECT Name FROM [a]]b' c].dbo.Item WHERE Id = 1").fetchone()[0] == "Item 1"
    cursor.execute("DELETE FROM [a]]b' c].dbo.Item WHERE Id = 1")
    connection.commit()
    with pytest.raises(Exception, match=r"3021"):
        drain(cursor, BACKUP)
    connection.rollback()
    assert cursor.execute("SELECT COUNT(*) FROM [a]]b' c].dbo.Item").fetchone()[0] == 199


@pytest.mark.parametrize(
    ("sql", "number"),
    [
        ("BACKUP DATABASE nope TO DISK = 'x'", 911),
        ("SELECT * FROM nope", 208),
        ("SELECT nope FROM sys.databases", 207),
        ("BACKUP DATABASE msdb TO DISK = 'D:\\no\\x'", 3201),
        ("SELEC 1", 102),
        ("SELEC", 2812),
    ],
)
def test_errors(wire: Wire, sql: str, number: int) -> None:
    cursor = wire.connect().cursor()
    with pytest.raises(Exception, match=rf"\({number}\)"):
        drain(cursor, sql)
    assert cursor.execute("SELECT 1").fetchone()[0] == 1


def test_refused_logins(wire: Wire) -> None:
    with pytest.raises(Exception, match="18456"):
        wire.connect(password="wrong")
    with pytest.raises(Exception, match=r"4060|18456"):
        wire.connect(DATABASE="nope")


def test_throwing_others_out(wire: Wire) -> None:
    victim = wire.connect(DATABASE="{a]b' c}", autocommit=False).cursor()
    victim.execute("DELETE FROM Item")
    boss = wire.connect().cursor()
    drain(boss, "ALTER DATABASE [a]]b' c] SET SINGLE_USER WITH ROLLBACK IMMEDIATE")
    with pytest.raises(Exception, match=r"08S01|08003|HY000|01000|20004|20006"):
        victim.execute("SELECT 1").fetchone()
    assert boss.execute("SELECT COUNT(*) FROM [a]]b' c].dbo.Item").fetchone()[0] == 200


@pytest.fixture
def plain(make_world: Callable[..., World]) -> Iterator[World]:
    world = make_world(scale=200.0)
    world.sample()
    tds = serve(world)
    yield world
    tds.stop()


def test_pymssql(plain: World) -> None:
    pymssql = pytest.importorskip("pymssql")
    with pymssql.connect(
        server=plain.server.machine.address, user="boss", password=PASSWORD, database="Shop", autocommit=True
    ) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT Id, Name FROM Item WHERE Id = %d AND Name = %s", (3, "item 3"))
        assert cursor.fetchall() == [(3, "Item 3")]
        cursor.execute("BACKUP DATABASE Shop TO DISK = 'D:\\Backup\\p.bak' WITH STATS")
        while cursor.nextset():
            pass
    assert plain.real("D:\\Backup\\p.bak").exists()


def test_python_tds(plain: World) -> None:
    pytds = pytest.importorskip("pytds")
    with pytds.connect(plain.server.machine.address, "Shop", "boss", PASSWORD, autocommit=True) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT name, state_desc FROM sys.databases WHERE name = %s", ("SHOP",))
        assert cursor.fetchall() == [("Shop", "ONLINE")]
        with pytest.raises(pytds.Error) as caught:
            cursor.execute("BACKUP DATABASE nope TO DISK = 'D:\\Backup\\p.bak'")
        assert "does not exist" in str(caught.value) and "terminating abnormally" in str(caught.value)  # it shows both
