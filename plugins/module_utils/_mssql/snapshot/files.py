# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a snapshot, the paths of its files, and the T-SQL built from them. No I/O.

https://learn.microsoft.com/sql/t-sql/statements/create-database-transact-sql (database snapshots)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup import devices
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import MAX_NAME, quote_identifier, quote_string

MAX_PATH = 259
_ABSOLUTE = re.compile(r"(?:[A-Za-z]:[\\/]|[\\/]).*", re.DOTALL)
# Characters that a file name on Windows cannot contain.
_NO_FILE_NAME = re.compile(r'[<>:"/\\|?*\x00-\x1f]')


@dataclass(frozen=True)
class DataFile:
    """A file of a database: type 0 rows, 1 log, 2 FILESTREAM and memory-optimized; ``size`` in bytes."""

    file_id: int
    type: int
    name: str
    path: str
    state: str = "ONLINE"
    read_only: bool = False
    size: int = 0


@dataclass(frozen=True)
class SnapshotOptions:
    """Which snapshot, of which database.

    Attributes:
        directory: Where its files go; None for beside each data file.
        timeout: Seconds; None for no limit.
    """

    database: str
    name: str | None = None
    directory: str | None = None
    timeout: float | None = None

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> SnapshotOptions:
        """From the parameters of a module; options that the module does not have keep their default."""
        return cls(**{name: params[name] for name in cls.__dataclass_fields__ if name in params})

    @property
    def snapshot(self) -> str:
        """The name, in modules that require it."""
        return self.name or ""

    def problems(self) -> list[str]:
        """What SQL Server would refuse, found before anything is sent."""
        found = []
        for option, text in (("database", self.database), ("name", self.name)):
            if text is not None and (not 1 <= len(text) <= MAX_NAME or "\0" in text):
                found.append(f"{option} must have 1 to {MAX_NAME} characters")
        if self.directory is not None and (not _ABSOLUTE.fullmatch(self.directory) or any(ord(one) < 32 for one in self.directory)):
            found.append(f"directory must be the full path of a folder on the SQL Server host, unlike {self.directory!r}")
        if self.timeout is not None and self.timeout <= 0:
            found.append("timeout must be more than 0 seconds")
        return found


def sparse_paths(files: Sequence[DataFile], snapshot: str, directory: str | None) -> list[str]:
    """A path for the snapshot's part of each data file: in the directory, or beside the data file; all different.

    Raises:
        MssqlError: A path is longer than SQL Server accepts.
    """
    paths: list[str] = []
    for file in files:
        folder = devices.folder_of(file.path) if directory is None else directory.rstrip("\\/")
        separator = "/" if (directory or file.path).startswith("/") else "\\"
        stem = f"{_safe(file.name)}.{_safe(snapshot)}"
        path = f"{folder}{separator}{stem}.ss"
        while path.lower() in [one.lower() for one in paths]:
            stem += f".{file.file_id}"
            path = f"{folder}{separator}{stem}.ss"
        if len(path) > MAX_PATH:
            raise MssqlError(
                f"Expected paths of at most {MAX_PATH} characters, but found {path}. Name a shorter directory, or a shorter snapshot"
            )
        paths.append(path)
    return paths


def _safe(name: str) -> str:
    return _NO_FILE_NAME.sub("_", name)


def create_statement(snapshot: str, database: str, files: Sequence[tuple[DataFile, str]]) -> str:
    """CREATE DATABASE ... AS SNAPSHOT OF with the path of each file."""
    listed = ", ".join(f"(NAME = {quote_identifier(file.name)}, FILENAME = {quote_string(path)})" for file, path in files)
    return f"CREATE DATABASE {quote_identifier(snapshot)} ON {listed} AS SNAPSHOT OF {quote_identifier(database)}"
