# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a restore and of the backup that it reads. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup.options import device_problems, is_absolute
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import MAX_NAME, quote_string

SYSTEM = ("master", "model", "msdb", "tempdb", "mssqlsystemresource", "distribution")
OLDEST_LEVEL = 80

Source = TypeVar("Source", bound="BackupSource")

# What every module that reads a backup takes.
SOURCE_SPEC: dict[str, Any] = {
    "database": {"type": "str", "required": True},
    "path": {"type": "list", "elements": "str"},
    "url": {"type": "list", "elements": "str"},
    "credential": {"type": "str"},
    "backup_set_uuid": {"type": "str"},
    "position": {"type": "int"},
    "timeout": {"type": "float"},
}
# What a restore takes besides, first what a test restore takes too.
PLACEMENT_SPEC: dict[str, Any] = {
    "verify": {"type": "bool", "default": True},
    "data_directory": {"type": "str"},
    "log_directory": {"type": "str"},
}
RESTORE_SPEC: dict[str, Any] = {
    **PLACEMENT_SPEC,
    "replace": {"type": "bool", "default": False},
    "keep_as": {"type": "str"},
    "owner": {"type": "str"},
    "repair_users": {"type": "bool", "default": True},
    "compatibility_level": {"type": "int"},
    "checkdb": {"type": "bool", "default": False},
    "leaves_group": {"type": "bool", "default": False},
}
SOURCE_EXCLUSIVE = [("path", "url"), ("backup_set_uuid", "position")]
SOURCE_REQUIRED = [("path", "url")]


@dataclass(frozen=True)
class BackupSource:
    """A backup set to read.

    Attributes:
        database: The database to restore; also selects the backup set where the media hold backups of several databases.
        timeout: Seconds for everything that is done with it; None for no limit.
    """

    database: str
    paths: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    credential: str | None = None
    backup_set_uuid: str | None = None
    position: int | None = None
    timeout: float | None = None

    @classmethod
    def from_params(cls: type[Source], params: dict[str, Any]) -> Source:
        """From the parameters of a module; options that the module does not have keep their default."""
        names = [name for name in cls.__dataclass_fields__ if name in params]
        return cls(paths=list(params["path"] or []), urls=list(params["url"] or []), **{name: params[name] for name in names})

    @property
    def devices(self) -> list[str]:
        """Where the backup is: all its stripes."""
        return self.paths or self.urls

    @property
    def selected(self) -> str | int | None:
        """The identity or the position of the backup set; None for the newest full one."""
        return self.backup_set_uuid or self.position

    def problems(self) -> list[str]:
        """What SQL Server would refuse or misunderstand, found before anything is sent."""
        found = [*device_problems(self.paths, self.urls), *name_problems("database", self.database)]
        if self.backup_set_uuid is not None and self.position is not None:
            found.append("backup_set_uuid and position exclude each other; give only one of them")
        if self.position is not None and self.position < 1:
            found.append("position counts from 1")
        if self.timeout is not None and self.timeout <= 0:
            found.append("timeout must be more than 0 seconds")
        return found


@dataclass(frozen=True)
class RestoreOptions(BackupSource):
    """What to restore, from which backup, and over what.

    Attributes:
        keep_as: The existing database is renamed to this, and kept.
        verify: Whether the whole backup is read before anything is changed.
        leaves_group: The database is taken out of its availability group before the restore, which is only looked at now.
        for_test: The restored database only tests the backup and is dropped afterwards: members of db_owner, dbcreator and sysadmin alone
            may use it (RESTRICTED_USER).
    """

    replace: bool = False
    keep_as: str | None = None
    verify: bool = True
    data_directory: str | None = None
    log_directory: str | None = None
    owner: str | None = None
    repair_users: bool = True
    compatibility_level: int | None = None
    checkdb: bool = False
    leaves_group: bool = False
    for_test: bool = False

    def problems(self) -> list[str]:
        """As :meth:`BackupSource.problems`."""
        found = super().problems()
        if self.keep_as is not None:
            found += name_problems("keep_as", self.keep_as)
            if self.keep_as.lower() == self.database.lower():
                found.append("keep_as must differ from the name of the database")
            if self.replace:
                found.append("keep_as and replace exclude each other; give only one of them")
        for option, name in (("database", self.database), ("keep_as", self.keep_as)):
            if (name or "").lower() in SYSTEM and not self.for_test:
                found.append(f"{option} names a system database: {name}")
        for option, folder in (("data_directory", self.data_directory), ("log_directory", self.log_directory)):
            if folder is not None and not (folder and is_absolute(folder.rstrip("\\/") + "/x")):
                found.append(f"{option} must be the full path of a folder on the SQL Server host, unlike {folder!r}")
        level = self.compatibility_level
        if level is not None and (level % 10 or level < OLDEST_LEVEL):
            found.append(f"compatibility_level must be ten times the major version of a SQL Server, such as 140, unlike {level}")
        return found


@dataclass(frozen=True)
class RestoredFile:
    """A file of the restored database: its names, its type as in FILELISTONLY, and its size in bytes."""

    logical_name: str
    type: str
    path: str
    size: int

    @property
    def move(self) -> str:
        return f"MOVE {quote_string(self.logical_name)} TO {quote_string(self.path)}"

    def facts(self) -> dict[str, str]:
        return {"logical_name": self.logical_name, "type": self.type, "path": self.path}


def name_problems(option: str, name: str) -> list[str]:
    """What is wrong with the name of a database."""
    return [] if name and len(name) <= MAX_NAME and "\0" not in name else [f"{option} must have 1 to {MAX_NAME} characters"]
