# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore shall be, and its wording in T-SQL. Pure: nothing here asks anybody.

https://learn.microsoft.com/sql/t-sql/statements/restore-statements-transact-sql
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup import devices
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup.options import STATS, device_problems, is_absolute
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import MAX_NAME, quote_identifier, quote_string

RESTORED, VERIFIED, TESTED = "restored", "verified", "tested"
SYSTEM = ("master", "model", "msdb", "tempdb", "mssqlsystemresource", "distribution")
OLDEST_LEVEL = 80


@dataclass(frozen=True)
class RestoreOptions:
    """What to restore, from what, and over what.

    Attributes:
        keep_as: What is under the name of the database is renamed to this, and kept.
        verify: Whether all of the backup is read before anything is changed.
        timeout: Seconds for the verification, the restore and the check together; None for no limit.
        restricted: Only members of db_owner, dbcreator and sysadmin may use the database then (RESTRICTED_USER).
    """

    database: str
    paths: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    credential: str | None = None
    backup_set_uuid: str | None = None
    position: int | None = None
    state: str = RESTORED
    replace: bool = False
    keep_as: str | None = None
    verify: bool = True
    data_directory: str | None = None
    log_directory: str | None = None
    owner: str | None = None
    repair_users: bool = True
    compatibility_level: int | None = None
    checkdb: bool = False
    timeout: float | None = None
    restricted: bool = False

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> RestoreOptions:
        """From the parameters of the module mssql_restore."""
        return cls(
            paths=list(params["path"] or []),
            urls=list(params["url"] or []),
            **{name: params[name] for name in cls.__dataclass_fields__ if name not in ("paths", "urls", "restricted")},
        )

    @property
    def devices(self) -> list[str]:
        """Where the backup is: all its stripes."""
        return self.paths or self.urls

    @property
    def wanted(self) -> str | int | None:
        """Which backup set; None for the newest full one."""
        return self.backup_set_uuid or self.position

    def problems(self) -> list[str]:
        """What SQL Server would refuse, or what would do something else than meant, found before anything is sent."""
        found = device_problems(self.paths, self.urls)
        for option, name in (("database", self.database), ("keep_as", self.keep_as)):
            if name is None:
                continue
            if not name or len(name) > MAX_NAME or "\0" in name:
                found.append(f"{option} has 1 to {MAX_NAME} characters")
            if name.lower() in SYSTEM and self.state == RESTORED:
                found.append(f"{option} names a system database: {name}")
        if self.keep_as is not None and self.keep_as.lower() == self.database.lower():
            found.append("keep_as is another name than the database's own")
        if self.keep_as is not None and self.replace:
            found.append("keep_as keeps what replace destroys; only one of them can be wanted")
        if self.backup_set_uuid is not None and self.position is not None:
            found.append("one of backup_set_uuid and position is wanted, and not both")
        if self.position is not None and self.position < 1:
            found.append("position counts from 1")
        for option, folder in (("data_directory", self.data_directory), ("log_directory", self.log_directory)):
            if folder is not None and not (folder and is_absolute(folder.rstrip("\\/") + "/x")):
                found.append(f"{option} is the whole path of a folder on the SQL Server host: {folder!r} is none")
        level = self.compatibility_level
        if level is not None and (level % 10 or level < OLDEST_LEVEL):
            found.append(f"compatibility_level is ten times the major version of a SQL Server, as 140, unlike {level}")
        if self.timeout is not None and self.timeout <= 0:
            found.append("timeout is more than 0 seconds")
        return found


@dataclass(frozen=True)
class RestoredFile:
    """A file of the restored database: its names, its type as FILELISTONLY has it, and its size in bytes."""

    logical_name: str
    type: str
    path: str
    size: int

    @property
    def move(self) -> str:
        return f"MOVE {quote_string(self.logical_name)} TO {quote_string(self.path)}"

    def facts(self) -> dict[str, str]:
        return {"logical_name": self.logical_name, "type": self.type, "path": self.path}


def statement(options: RestoreOptions, position: int, files: Sequence[RestoredFile], *, over: bool, checksum: bool) -> str:
    """The RESTORE statement. Every file is named: where it came from may be another server's, or another database's now.

    Args:
        over: Whether a database is there that it overwrites; without the word it refuses that, and files that exist.
        checksum: Whether the set has checksums, which then must be right.
    """
    words = [f"FILE = {position:d}"] if options.paths else []
    words += [file.move for file in files]
    words.append("RECOVERY")
    if over:
        words.append("REPLACE")
    if checksum:
        words.append("CHECKSUM")
    if options.restricted:
        words.append("RESTRICTED_USER")
    if options.credential:
        words.append(f"CREDENTIAL = {quote_string(options.credential)}")
    words.append(f"STATS = {STATS}")
    source = devices.clause(options.paths, options.urls)
    return f"RESTORE DATABASE {quote_identifier(options.database)} FROM {source} WITH {', '.join(words)}"


def alter(database: str, what: str) -> str:
    """ALTER DATABASE; ``what`` is worded already."""
    return f"ALTER DATABASE {quote_identifier(database)} {what}"


def single_user(database: str) -> str:
    return alter(database, "SET SINGLE_USER WITH ROLLBACK IMMEDIATE")


def offline(database: str) -> str:
    return alter(database, "SET OFFLINE WITH ROLLBACK IMMEDIATE")


def online(database: str) -> str:
    return alter(database, "SET ONLINE")


def multi_user(database: str) -> str:
    return alter(database, "SET MULTI_USER")


def rename(database: str, new: str) -> str:
    return alter(database, f"MODIFY NAME = {quote_identifier(new)}")


def set_level(database: str, level: int) -> str:
    return alter(database, f"SET COMPATIBILITY_LEVEL = {level:d}")


def set_owner(database: str, login: str) -> str:
    return f"ALTER AUTHORIZATION ON DATABASE::{quote_identifier(database)} TO {quote_identifier(login)}"


def map_user(user: str) -> str:
    """Give a user, in its database, to the login of the same name."""
    return f"ALTER USER {quote_identifier(user)} WITH LOGIN = {quote_identifier(user)}"


def check_statement(database: str) -> str:
    """DBCC CHECKDB with its informational messages: the last one is its word that nothing was found."""
    return f"DBCC CHECKDB ({quote_string(database)}) WITH ALL_ERRORMSGS"


def drop(database: str) -> str:
    return f"DROP DATABASE {quote_identifier(database)}"
