# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors as both drivers give them, in several languages."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, from_pyodbc, strip_prefix

MICROSOFT = "[Microsoft][ODBC Driver 18 for SQL Server]"


@pytest.mark.parametrize(
    ("args", "number", "message"),
    [
        (
            ("28000", f"[28000] {MICROSOFT}[SQL Server]Login failed for user 'sa'. (18456) (SQLDriverConnect)"),
            18456,
            "Login failed for user 'sa'",
        ),
        (
            ("42000", "[42000] [FreeTDS][SQL Server]Login failed for user 'sa'. (18456) (SQLDriverConnect)"),
            18456,
            "Login failed for user 'sa'",
        ),
        (("08001", f"[08001] {MICROSOFT}SSL Provider: [error:0A000086] (-1) (SQLDriverConnect)"), None, "SSL Provider: [error:0A000086]"),
        (
            ("08001", "[08001] [FreeTDS][SQL Server]Unable to connect to data source (0) (SQLDriverConnect)"),
            None,
            "Unable to connect to data source",
        ),
        (("HYT00", f"[HYT00] {MICROSOFT}Login timeout expired (0) (SQLDriverConnect)"), None, "Login timeout expired"),
        (
            ("42000", f"[42000] {MICROSOFT}[SQL Server]Datenbank 'a (911) (b' fehlt. (911) (SQLExecDirectW)"),
            911,
            "Datenbank 'a (911) (b' fehlt",
        ),
        (("No results.  Previous SQL was not a query.",), None, "No results.  Previous SQL was not a query"),
        ((), None, ""),
    ],
)
def test_numbers_and_texts(args: tuple[str, ...], number: int | None, message: str) -> None:
    error = from_pyodbc(Exception(*args))
    assert (error.number, error.message) == (number, message)


@pytest.mark.parametrize(
    ("message", "number", "os_error"),
    [
        ("Cannot open backup device 'D:\\a.bak'. Operating system error 5(Access is denied.).", 3201, 5),
        (
            "Das Sicherungsmedium 'D:\\a.bak' kann nicht geöffnet werden. Betriebssystemfehler 3(Das System kann den Pfad nicht finden.).",
            3201,
            3,
        ),
        ('Write on "D:\\a.bak" failed: 112(There is not enough space on the disk.)', 3202, 112),
        ("Cannot open backup device 'D:\\7(x).bak'. Operating system error 5(Access is denied.).", 3201, 5),
        ("Login failed 5(x)", 18456, None),
        ("Cannot open backup device.", 3201, None),
    ],
)
def test_the_operating_systems_number(message: str, number: int, os_error: int | None) -> None:
    assert MssqlError(message, number).os_error == os_error


def test_text_for_people_has_number_and_advice() -> None:
    assert str(MssqlError("Login failed", 18456)).startswith("Login failed (SQL Server error 18456). Check login_user")
    assert str(MssqlError("Unheard of", 99999)) == "Unheard of (SQL Server error 99999)"
    assert str(MssqlError("No server there")) == "No server there"


def test_prefixes_go_and_brackets_of_the_text_stay() -> None:
    assert strip_prefix(f"{MICROSOFT}[SQL Server]10 percent processed.") == "10 percent processed."
    assert strip_prefix("[FreeTDS][SQL Server]Processed [x].") == "Processed [x]."
