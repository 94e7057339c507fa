# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The WITH clause of BACKUP and RESTORE.

https://learn.microsoft.com/sql/t-sql/statements/backup-transact-sql and restore-statements-arguments-transact-sql
"""

from __future__ import annotations

from dataclasses import dataclass, field

from . import errors
from .cursor import Cursor
from .lexer import STRING, VARIABLE

_FLAGS = {
    "BACKUP": {
        "COPY_ONLY",
        "DIFFERENTIAL",
        "CHECKSUM",
        "NO_CHECKSUM",
        "COMPRESSION",
        "NO_COMPRESSION",
        "INIT",
        "NOINIT",
        "FORMAT",
        "NOFORMAT",
        "SKIP",
        "NOSKIP",
        "REWIND",
        "NOREWIND",
        "UNLOAD",
        "NOUNLOAD",
        "STOP_ON_ERROR",
        "CONTINUE_AFTER_ERROR",
        "NORECOVERY",
        "NO_TRUNCATE",
        "RESTART",
    },
    "RESTORE": {
        "CHECKSUM",
        "NO_CHECKSUM",
        "STOP_ON_ERROR",
        "CONTINUE_AFTER_ERROR",
        "RECOVERY",
        "NORECOVERY",
        "REPLACE",
        "RESTRICTED_USER",
        "UNLOAD",
        "NOUNLOAD",
        "REWIND",
        "NOREWIND",
        "KEEP_REPLICATION",
        "KEEP_CDC",
        "ENABLE_BROKER",
        "NEW_BROKER",
        "ERROR_BROKER_CONVERSATIONS",
        "RESTART",
        "LOADHISTORY",
    },
}
_TEXTS = {"NAME": 128, "DESCRIPTION": 255, "MEDIANAME": 128, "MEDIADESCRIPTION": 255, "CREDENTIAL": 128, "EXPIREDATE": 50}
_NUMBERS = {"RETAINDAYS", "BLOCKSIZE", "BUFFERCOUNT", "MAXTRANSFERSIZE", "FILE"}
_CONFLICTS = [
    ("INIT", "NOINIT"),
    ("FORMAT", "NOFORMAT"),
    ("SKIP", "NOSKIP"),
    ("CHECKSUM", "NO_CHECKSUM"),
    ("COMPRESSION", "NO_COMPRESSION"),
    ("STOP_ON_ERROR", "CONTINUE_AFTER_ERROR"),
    ("RECOVERY", "NORECOVERY"),
    ("FORMAT", "NOINIT"),
    ("EXPIREDATE", "RETAINDAYS"),
    ("ENABLE_BROKER", "NEW_BROKER"),
]
BLOCK_SIZES = {512, 1024, 2048, 4096, 8192, 16384, 32768, 65536}


@dataclass
class Options:
    """What a WITH clause says. ``values`` has texts and numbers by keyword; ``stats`` is None without STATS."""

    flags: set[str] = field(default_factory=set)
    values: dict[str, str | int] = field(default_factory=dict)
    moves: list[tuple[str, str]] = field(default_factory=list)
    stats: int | None = None
    algorithm: str = ""
    certificate: str = ""
    standby: str = ""

    def text(self, name: str) -> str | None:
        value = self.values.get(name)
        return None if value is None else str(value)

    def number(self, name: str) -> int | None:
        value = self.values.get(name)
        return None if value is None else int(value)

    def __contains__(self, flag: str) -> bool:
        return flag in self.flags


def read_options(cursor: Cursor, what: str) -> Options:
    """``WITH ...`` at the cursor, if it is there, to the end of the statement.

    Args:
        what: BACKUP or RESTORE.

    Raises:
        SqlError: 102; 155 an unknown option; 3031 a conflict; 3217 a value that will not do.
    """
    options = Options()
    if not cursor.accept("WITH"):
        cursor.end()
        return options
    while True:
        _one(cursor, what, options)
        if not cursor.accept(","):
            break
    cursor.end()
    given = options.flags | set(options.values)
    for one, other in _CONFLICTS:
        if one in given and other in given:
            text = f"Option '{other}' conflicts with option(s) '{one}'. Remove the conflicting option and reissue the statement."
            raise errors.SqlError(3031, text, 16, 2)
    _check_sizes(options)
    return options


def _one(cursor: Cursor, what: str, options: Options) -> None:
    word = cursor.word()
    if word in _FLAGS[what]:
        options.flags.add(word)
        if word == "COMPRESSION" and cursor.accept("("):
            cursor.expect("ALGORITHM", "=")
            options.values["COMPRESSION ALGORITHM"] = cursor.word()
            cursor.expect(")")
    elif word == "STATS":
        options.stats = 10
        if cursor.accept("="):
            options.stats = cursor.number()
            if not 1 <= options.stats <= 100:
                raise errors.SqlError(3217, "Invalid value specified for STATS parameter.", 16)
    elif word in _TEXTS:
        cursor.expect("=")
        value = cursor.string() if cursor.kind() in (STRING, VARIABLE) else cursor.name()
        options.values[word] = value[: _TEXTS[word]]
    elif word in _NUMBERS:
        cursor.expect("=")
        options.values[word] = cursor.number()
    elif word == "MOVE" and what == "RESTORE":
        logical = cursor.string()
        cursor.expect("TO")
        options.moves.append((logical, cursor.string()))
    elif word == "ENCRYPTION" and what == "BACKUP":
        _encryption(cursor, options)
    elif word == "STANDBY" and what == "RESTORE":
        cursor.expect("=")
        options.standby = cursor.string()
    elif word in ("PASSWORD", "MEDIAPASSWORD", "STOPAT", "STOPATMARK", "STOPBEFOREMARK", "PARTIAL", "FILE_SNAPSHOT", "METADATA_ONLY"):
        raise errors.gap(f"{what} WITH {word}")
    else:
        raise errors.SqlError(155, f"'{word}' is not a recognized {what} option.", 15)


def _encryption(cursor: Cursor, options: Options) -> None:
    cursor.expect("(", "ALGORITHM", "=")
    options.algorithm = cursor.one_of("AES_128", "AES_192", "AES_256", "TRIPLE_DES_3KEY")
    cursor.expect(",")
    if cursor.one_of("SERVER", "ASYMMETRIC") == "ASYMMETRIC":
        raise errors.gap("ENCRYPTION with an asymmetric key")
    cursor.expect("CERTIFICATE", "=")
    options.certificate = cursor.name()
    cursor.expect(")")


def _check_sizes(options: Options) -> None:
    block, transfer, count = options.number("BLOCKSIZE"), options.number("MAXTRANSFERSIZE"), options.number("BUFFERCOUNT")
    wrong = ""
    if block is not None and block not in BLOCK_SIZES:
        wrong = "BLOCKSIZE"
    elif transfer is not None and (transfer % 65536 or not 65536 <= transfer <= 20 * 1024**2):
        wrong = "MAXTRANSFERSIZE"
    elif count is not None and count < 1:
        wrong = "BUFFERCOUNT"
    elif options.number("RETAINDAYS") is not None and not 0 <= (options.number("RETAINDAYS") or 0) <= 99999:
        wrong = "RETAINDAYS"
    if wrong:
        raise errors.SqlError(3217, f"Invalid value specified for {wrong} parameter.", 16)
