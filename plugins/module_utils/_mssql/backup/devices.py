# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backup devices: files and URLs as the SQL Server service account sees them. The server itself is asked about them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_string

ABSENT, PRESENT, UNKNOWN = "absent", "present", "unknown"
FILE_NOT_FOUND, PATH_NOT_FOUND, ACCESS_DENIED, DISK_FULL = 2, 3, 5, 112
NETWORK = (53, 64, 67, 1219, 1326)
DEVICE_ERRORS = (3201, 3202, 3203, 3271)
MEBIBYTE = 1024 * 1024
OS_ERRORS = {
    2: "no such file",
    3: "no such folder",
    5: "access denied",
    32: "the file is in use",
    38: "the file ends early",
    53: "the network path was not found",
    64: "the share is no longer there",
    67: "the share was not found",
    112: "the disk is full",
    1326: "the share refused the account",
}
NO_PERMISSION = (229, 262, 3110, 15247)
NO_STATE = (297, 300, 371)  # no VIEW SERVER STATE
NO_SUCH_PROCEDURE = 2812
NO_SUCH_OBJECT = (208, NO_SUCH_PROCEDURE)
# Follows the cause of every failed RESTORE. FreeTDS shows it alone where the cause is less severe, such as a missing permission (1.3.17).
FOLLOW_UP = 3013


@dataclass(frozen=True)
class Place:
    """Whether a path exists, as a file or a folder, and whether the folder that contains it exists."""

    exists: bool
    in_folder: bool


def clause(paths: Sequence[str], urls: Sequence[str] = ()) -> str:
    """The devices for a statement: ``DISK = N'...', DISK = N'...'``."""
    return ", ".join([*(f"DISK = {quote_string(path)}" for path in paths), *(f"URL = {quote_string(url)}" for url in urls)])


def probe(connection: SqlConnection, path: str) -> str:
    """Whether a file exists, as the service account sees it. RESTORE LABELONLY opens it and changes nothing.

    Raises:
        MssqlError: 3201 with an operating system error other than "no such file": no folder, no access, no network.
    """
    try:
        connection.query(f"RESTORE LABELONLY FROM {clause([path])}")
    except MssqlError as error:
        if error.number in (*NO_PERMISSION, FOLLOW_UP):
            return UNKNOWN
        if error.number == 3201 and error.os_error == FILE_NOT_FOUND:
            return ABSENT
        if error.number == 3201:
            raise
        return PRESENT  # 3241 and the like: a file that is no backup or is damaged; still not to be overwritten
    return PRESENT


def folder_of(path: str) -> str:
    """The folder of a path on Windows or Linux, as the server writes it."""
    return re.sub(r"[\\/]+[^\\/]*$", "", path) or path


def create_folder(connection: SqlConnection, folder: str) -> None:
    """Create a folder and those above it through the server; does nothing where it exists.

    Raises:
        MssqlError: The login or the service account lacks the permission.
    """
    try:
        connection.execute_drained(f"EXEC master.dbo.xp_create_subdir {quote_string(folder)}")
    except MssqlError as error:
        raise MssqlError(
            f"Expected to create the folder {folder} on the host of SQL Server {connection.options.where}, but it failed: {error.message}. "
            f"Create it there by hand, or let the service account {service_account(connection) or ''} create it".rstrip(),
            error.number,
        ) from error


def state(connection: SqlConnection, path: str) -> str:
    """As :func:`probe`, but a file that cannot be examined is unknown."""
    try:
        return probe(connection, path)
    except MssqlError as error:
        return ABSENT if error.os_error == PATH_NOT_FOUND else UNKNOWN


def explained(error: MssqlError, places: Sequence[str], connection: SqlConnection, to: str = "write") -> MssqlError:
    """The error with what it means, where, and what to do; the same error where it is not about a device.

    Args:
        error: An error of a backup or restore.
        places: The devices.
        connection: The connection to ask for the service account.
        to: What SQL Server was to do there: "write" or "read".
    """
    if error.number not in DEVICE_ERRORS:
        return error
    code = error.os_error
    account = service_account(connection) or "the SQL Server service account"
    why = OS_ERRORS.get(code or 0, error.message) + (f" (operating system error {code})" if code in OS_ERRORS else "")
    what = f"Expected SQL Server {connection.options.where} to {to} {', '.join(places)}, but it failed: {why}"
    return MssqlError(f"{what}. {_advice(code, account, to)}", error.number, error.sqlstate)


def _advice(code: int | None, account: str, to: str) -> str:
    """What to do about an operating system error. The service account opens the path on the SQL Server host."""
    if code in (FILE_NOT_FOUND, PATH_NOT_FOUND) and to == "read":
        return f"Give the path as the SQL Server host sees it: its service account {account} opens it there, and drive letters are those of that host"
    if code == PATH_NOT_FOUND:
        return "Create the folder on the SQL Server host, or set create_folder: true"
    if code == ACCESS_DENIED:
        return f"On the SQL Server host, give its service account {account} the right to {to} there (on a share: share and folder)"
    if code == DISK_FULL:
        return "Free some space there, or name another place"
    if code in NETWORK:
        return f"The SQL Server host must reach the share by that name, and its service account {account} must have access"
    return f"The service account {account} opens it on the SQL Server host"


def free_bytes(connection: SqlConnection, paths: Sequence[str]) -> int | None:
    """Free bytes on the drive of all paths; None where that is not known: shares, Linux, several drives, or no permission."""
    drives = {path[0].upper() for path in paths if re.match(r"[A-Za-z]:", path)}
    if len(drives) != 1 or not all(re.match(r"[A-Za-z]:", path) for path in paths):
        return None
    drive = drives.pop()
    try:
        rows = connection.query("EXEC master.dbo.xp_fixeddrives")  # undocumented, and the only procedure that all versions have
    except MssqlError as error:
        if error.number in (*NO_PERMISSION, NO_SUCH_PROCEDURE):
            return None
        raise
    # Two columns, drive and "MB free"; a login that is not sysadmin gets no rows from newer servers.
    found = [list(row.values()) for row in rows]
    return next((int(free) * MEBIBYTE for letter, free in found if letter.strip().upper() == drive), None)


def look(connection: SqlConnection, path: str) -> Place | None:
    """What is at a path, as the service account sees it; None where the login may not ask.

    sys.dm_os_file_exists needs SQL Server 2017 and VIEW SERVER STATE; xp_fileexist is undocumented, older, and reliable only for members
    of sysadmin.
    """
    try:
        rows = connection.query("SELECT file_exists, file_is_a_directory, parent_directory_exists FROM sys.dm_os_file_exists(?)", path)
    except MssqlError as error:
        if error.number not in (*NO_PERMISSION, *NO_STATE, *NO_SUCH_OBJECT):
            raise
        if not connection.scalar("SELECT IS_SRVROLEMEMBER('sysadmin') AS member"):
            return None
        rows = connection.query(f"EXEC master.dbo.xp_fileexist {quote_string(path)}")
    is_file, is_folder, in_folder = (bool(value) for value in rows[0].values())
    return Place(is_file or is_folder, in_folder)


def service_account(connection: SqlConnection) -> str | None:
    """The account of the Database Engine; None where the login may not ask."""
    try:
        return connection.scalar("SELECT service_account FROM sys.dm_server_services WHERE servicename LIKE 'SQL Server (%'")
    except MssqlError:
        return None  # it only improves a message
