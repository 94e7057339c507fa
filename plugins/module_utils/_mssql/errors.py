# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of SQL Server, classified by their native number; sentences are translated, numbers are not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import UpgradeError

# pyodbc ends each diagnostic with the native number and the ODBC function: "... (18456) (SQLDriverConnect)".
# The driver's own errors have 0 or a negative number there.
_NUMBER = re.compile(r"\((-?\d{1,10})\)\s*\(SQL\w+\)")
_PREFIX = re.compile(r"^(?:\[[^\]]*\]\s*)+")
# "Operating system error 5(Access is denied.)": the number stands before the parenthesis in every language.
_OS_ERROR = re.compile(r"(?<!\d)(\d{1,5})\((?!\d)")

# Advice for messages, by number. https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors
ADVICE = {
    229: "The login lacks a permission on that object.",
    262: "For BACKUP, give the login the database role db_backupoperator; for CREATE DATABASE, the server role dbcreator.",
    911: "Check the name of the database.",
    916: "Give the login a user in that database.",
    924: "Somebody else has the only connection that SINGLE_USER allows.",
    1468: "The database is mirrored or in an availability group; remove it from there first, and add it again afterwards.",
    1834: "Name other folders with data_directory and log_directory.",
    1844: "Set compression: off; this edition cannot create compressed backups.",
    3013: "This ODBC driver does not show the error before it, most often a missing permission; Microsoft's driver does.",
    3021: "A backup cannot run inside a transaction.",
    3023: "Another backup or file operation is running on the database; wait until it has ended.",
    3059: "The database is a secondary of an availability group; connect to the primary, or take a copy-only backup.",
    3101: "Somebody connected to the database at that moment; stop its clients and run it again.",
    3104: "Remove the database from its availability group or its mirroring first, and add it again afterwards.",
    3110: "Give the login the server role dbcreator.",
    3132: "Give the paths of all stripes.",
    3169: "SQL Server restores only backups of its own version and of older ones.",
    3183: "The backup is damaged; take another one.",
    3187: "The backup was taken without checksums.",
    3189: "The backup is damaged; take another one.",
    3227: "Give only the stripes of one backup.",
    3241: "The file is no backup, is damaged, or comes from a newer SQL Server.",
    3257: "Free some space there, or name another place with data_directory and log_directory.",
    4038: "Give a position or a backup_set_uuid that is in the file.",
    4060: "Check the name of the database, and that the login has a user in it.",
    5133: "Create the folder on the SQL Server host, or name another one with data_directory and log_directory.",
    5170: "Name other folders with data_directory and log_directory.",
    7983: "Give the login the database role db_owner, or the server role sysadmin.",
    15110: "Drop that user from the database first, or name another owner.",
    15247: "The login lacks a permission.",
    18452: "The login is from an untrusted domain; give login_user and login_password, or get a Kerberos ticket first.",
    18456: "Check login_user and login_password. The login was tried only once, so as not to lock it.",
    18486: "The login is locked out.",
    18487: "The login's password has expired.",
    18488: "The login's password must be changed first.",
    33111: "Restore that certificate and its private key into master first.",
}


class MssqlError(UpgradeError):
    """An error of SQL Server or of the connection to it.

    Args:
        message: What was expected, what was found, where, and what to do.
        number: SQL Server's native error number, where it gave one.
        sqlstate: ODBC's state, for display only: drivers disagree about it.
    """

    def __init__(self, message: str, number: int | None = None, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.number = number
        self.sqlstate = sqlstate

    @property
    def os_error(self) -> int | None:
        """The Windows or Linux error number in a message about a backup device."""
        found = _OS_ERROR.findall(self.message) if self.number in (3201, 3202, 3203, 3271) else []
        return int(found[-1]) if found else None  # the last: the device name before it may look similar

    @property
    def advice(self) -> str:
        return ADVICE.get(self.number or 0, "")

    def __str__(self) -> str:
        number = f" (SQL Server error {self.number})" if self.number else ""
        return f"{self.message}{number}{'. ' + self.advice if self.advice else ''}"


class MssqlTimeout(MssqlError):
    """Our deadline has passed, and the statement was cancelled.

    Args:
        message: As for :class:`MssqlError`.
        messages: The server's messages until then (:class:`.connection.Message`).
    """

    def __init__(self, message: str, messages: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.messages = list(messages)


def from_pyodbc(error: BaseException) -> MssqlError:
    """The error of pyodbc, without the driver's prefixes."""
    args: tuple[Any, ...] = error.args
    sqlstate = str(args[0]) if args else None
    text = str(args[1]) if len(args) > 1 else str(error)
    found = _NUMBER.search(text)
    number = int(found[1]) if found else 0
    first = text[: found.start()] if found else text
    return MssqlError(_PREFIX.sub("", first).strip().rstrip("."), number if number > 0 else None, sqlstate)


def strip_prefix(text: str) -> str:
    """A message without "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]" before it."""
    return _PREFIX.sub("", text).strip()
