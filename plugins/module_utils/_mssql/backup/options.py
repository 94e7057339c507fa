# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backup options and the T-SQL built from them. No I/O.

https://learn.microsoft.com/sql/t-sql/statements/backup-transact-sql
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier, quote_string

from . import devices

STATS = 5  # percent between two progress messages
MAX_DEVICES = 64
MAX_PATH = 259
ALGORITHMS = ("AES_128", "AES_192", "AES_256", "TRIPLE_DES_3KEY")
BLOCK_SIZES = (512, 1024, 2048, 4096, 8192, 16384, 32768, 65536)
TRANSFER_UNIT, MAX_TRANSFER, MAX_TRANSFER_S3 = 65536, 4 * 1024 * 1024, 20 * 1024 * 1024
NAME_LENGTH, DESCRIPTION_LENGTH = 128, 255
# The options of the module mssql_backup besides those of the connection.
BACKUP_SPEC: dict[str, Any] = {
    "database": {"type": "str", "required": True},
    "path": {"type": "list", "elements": "str"},
    "url": {"type": "list", "elements": "str"},
    "overwrite": {"type": "str", "choices": ["never", "replace", "append"], "default": "never"},
    "create_folder": {"type": "bool", "default": False},
    "copy_only": {"type": "bool", "default": True},
    "checksum": {"type": "bool", "default": True},
    "compression": {"type": "str", "choices": ["auto", "on", "off"], "default": "auto"},
    "encryption": {
        "type": "dict",
        "options": {
            "algorithm": {"type": "str", "choices": list(ALGORITHMS), "default": "AES_256"},
            "certificate": {"type": "str", "required": True},
        },
    },
    "credential": {"type": "str"},
    "name": {"type": "str"},
    "description": {"type": "str"},
    "max_transfer_size": {"type": "int"},
    "buffer_count": {"type": "int"},
    "block_size": {"type": "int"},
    "verify": {"type": "bool", "default": True},
    "timeout": {"type": "float"},
}
_ABSOLUTE = re.compile(r"(?:[A-Za-z]:[\\/]|[\\/]).*[^\\/]", re.DOTALL)


@dataclass(frozen=True)
class BackupOptions:
    """What to back up, where, and how.

    Attributes:
        timeout: Seconds for the backup and its verification together; None for no limit.
    """

    database: str
    paths: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    overwrite: str = "never"
    copy_only: bool = True
    checksum: bool = True
    compression: str = "auto"
    max_transfer_size: int | None = None
    buffer_count: int | None = None
    block_size: int | None = None
    encryption: dict[str, str] | None = None
    credential: str | None = None
    name: str | None = None
    description: str | None = None
    verify: bool = True
    timeout: float | None = None
    create_folder: bool = False

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> BackupOptions:
        """From the parameters of the module mssql_backup."""
        return cls(
            paths=list(params["path"] or []),
            urls=list(params["url"] or []),
            **{name: params[name] for name in cls.__dataclass_fields__ if name not in ("paths", "urls")},
        )

    @property
    def devices(self) -> list[str]:
        """Where the backup goes, in the order of its stripes."""
        return self.paths or self.urls

    def of(self, database: str) -> BackupOptions:
        """The same options, with the database's name as the server spells it."""
        return replace(self, database=database)

    def problems(self) -> list[str]:
        """What SQL Server would refuse, found before anything is sent."""
        found = device_problems(self.paths, self.urls)
        if self.urls and self.overwrite == "append":
            found.append("SQL Server cannot append to a url; set overwrite: never or replace")
        largest = MAX_TRANSFER_S3 if self.urls else MAX_TRANSFER
        if self.max_transfer_size is not None and (
            self.max_transfer_size % TRANSFER_UNIT or not TRANSFER_UNIT <= self.max_transfer_size <= largest
        ):
            found.append(f"max_transfer_size must be a multiple of {TRANSFER_UNIT} up to {largest}")
        if self.block_size is not None and self.block_size not in BLOCK_SIZES:
            found.append("block_size must be a power of two from 512 to 65536")
        if self.buffer_count is not None and self.buffer_count < 1:
            found.append("buffer_count must be at least 1")
        if self.timeout is not None and self.timeout <= 0:
            found.append("timeout must be more than 0 seconds")
        for option, text, length in (("name", self.name, NAME_LENGTH), ("description", self.description, DESCRIPTION_LENGTH)):
            if len(text or "") > length:
                found.append(f"{option} may have at most {length} characters")
        if self.database.lower() == "tempdb":
            found.append("tempdb cannot be backed up")
        return found


def device_problems(paths: Sequence[str], urls: Sequence[str]) -> list[str]:
    """What is wrong with the devices of a backup, to write or to read."""
    found = []
    devices_ = [*paths, *urls]
    if bool(paths) == bool(urls):
        found.append("give one of path and url, not both")
    if len(devices_) > MAX_DEVICES:
        found.append(f"a backup may have at most {MAX_DEVICES} stripes")
    if len({device.lower() for device in devices_}) != len(devices_):
        found.append("each stripe needs its own path or url")
    for path in paths:
        if len(path) > MAX_PATH:
            found.append(f"a path may have at most {MAX_PATH} characters, unlike {path}")
        if not is_absolute(path):
            found.append(f"path must be the full path of a file on the SQL Server host or on a share, unlike {path!r}")
    return found + [
        f"url must begin with https:// or s3://, unlike {url}" for url in urls if not url.lower().startswith(("https://", "s3://"))
    ]


def is_absolute(path: str) -> bool:
    """Whether it is the full path of a file: on Windows with its drive, on a share, or on Linux."""
    return bool(_ABSOLUTE.fullmatch(path)) and not any(ord(one) < 32 for one in path)


def statement(options: BackupOptions, compresses: bool) -> str:
    """The BACKUP statement.

    ``overwrite: never`` has NOINIT like ``append``: should a file appear after the check, it is appended to and not destroyed. URLs take
    neither word; without FORMAT the server itself refuses a URL that exists.

    Args:
        options: What to back up.
        compresses: Whether this edition can create compressed backups.

    Raises:
        InvalidValue: The encryption algorithm is unknown.
    """
    words = []
    if options.copy_only:
        words.append("COPY_ONLY")
    words.append("CHECKSUM" if options.checksum else "NO_CHECKSUM")
    if options.compression == "on" or (options.compression == "auto" and compresses):
        words.append("COMPRESSION")
    elif options.compression == "off":
        words.append("NO_COMPRESSION")
    if options.overwrite == "replace":
        words.append("FORMAT")
        if options.paths:
            words.append("INIT")
    elif options.paths:
        words += ["NOFORMAT", "NOINIT"]
    for keyword, text in (("NAME", options.name), ("DESCRIPTION", options.description)):
        if text:
            words.append(f"{keyword} = {quote_string(text)}")
    for keyword, number in (
        ("MAXTRANSFERSIZE", options.max_transfer_size),
        ("BUFFERCOUNT", options.buffer_count),
        ("BLOCKSIZE", options.block_size),
    ):
        if number is not None:
            words.append(f"{keyword} = {number:d}")
    if options.encryption:
        algorithm = options.encryption["algorithm"]
        if algorithm not in ALGORITHMS:  # a keyword, which cannot be quoted
            raise InvalidValue(f"algorithm must be one of {', '.join(ALGORITHMS)}, unlike {algorithm!r}")
        words.append(f"ENCRYPTION (ALGORITHM = {algorithm}, SERVER CERTIFICATE = {quote_identifier(options.encryption['certificate'])})")
    if options.credential:
        words.append(f"CREDENTIAL = {quote_string(options.credential)}")
    words.append(f"STATS = {STATS}")
    return f"BACKUP DATABASE {quote_identifier(options.database)} TO {devices.clause(options.paths, options.urls)} WITH {', '.join(words)}"


def verify_statement(options: BackupOptions, position: int) -> str:
    """RESTORE VERIFYONLY of the backup set at that position of its media (the default is the first, not the newest)."""
    words = [f"FILE = {position:d}"] if options.paths else []
    if options.checksum:
        words.append("CHECKSUM")
    if options.credential:
        words.append(f"CREDENTIAL = {quote_string(options.credential)}")
    words.append(f"STATS = {STATS}")
    return f"RESTORE VERIFYONLY FROM {devices.clause(options.paths, options.urls)} WITH {', '.join(words)}"
