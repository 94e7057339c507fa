# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups that lie, for tests: each kind of damage, and who finds it.

======================  ===================  ====================  =============================
what                    BACKUP               RESTORE VERIFYONLY    a restore, and DBCC CHECKDB
======================  ===================  ====================  =============================
:func:`corrupt_backup`  (it comes after)     3189 WITH CHECKSUM    3183; without checksums 8939
:func:`cut_backup`      (it comes after)     3203                  3203
:func:`lose_stripe`     (it comes after)     3201; unnamed 3132    3201; unnamed 3132
:func:`damage_pages`    3043 WITH CHECKSUM   finds nothing         8939
:func:`damage_values`   finds nothing        finds nothing, also   2570, unless PHYSICAL_ONLY
                                             WITH CHECKSUM
======================  ===================  ====================  =============================

VERIFYONLY "does not attempt to verify the structure of the data contained in the backup volumes"
(https://learn.microsoft.com/sql/t-sql/statements/restore-statements-verifyonly-transact-sql), and BACKUP takes pages "as they exist in the
database" (https://learn.microsoft.com/sql/relational-databases/backup-restore/possible-media-errors-during-backup-and-restore-sql-server).
What was wrong in memory before its page was written has a right checksum, and so has all that is made of it
(https://www.sqlservercentral.com/articles/memory-corruptions-or-why-you-need-dbcc-checkdb).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from .database import Database
from .media import read_family

if TYPE_CHECKING:
    from .server import SqlServer


def corrupt_backup(server: SqlServer, path: str, position: int = 1) -> None:
    """Change one byte in the data of a backup set.

    Args:
        path: The file, as the server sees it; one of the stripes where there are several.
    """
    real = _real(server, path)
    blocks = read_family(real).parts[position - 1].blocks
    if not blocks:
        raise ValueError(f"{path} has no data of set {position}; another stripe may have")
    offset, length, _crc = blocks[len(blocks) // 2]
    with real.open("r+b") as stream:
        stream.seek(offset + length // 2)
        byte = stream.read(1)
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes((byte[0] ^ 1,)))


def cut_backup(server: SqlServer, path: str) -> None:
    """Cut the end of the file off, as a copy that broke off does."""
    real = _real(server, path)
    os.truncate(real, real.stat().st_size - 1)


def lose_stripe(server: SqlServer, path: str) -> None:
    """Delete a file of a backup."""
    _real(server, path).unlink()


def damage_pages(server: SqlServer, database: str, *pages: int) -> None:
    """Damage pages on the disk, so that their checksums are wrong."""
    _database(server, database).damaged.update(pages or (1,))


def damage_values(server: SqlServer, database: str, *pages: int) -> None:
    """Have a value in the database that its column's type does not allow, on pages whose checksums are right.

    Statements that do not touch the value work as ever: in the lab, all of them. Backups and snapshots of the database have it too.
    """
    _database(server, database).unsound.update(pages or (1,))


def repair(server: SqlServer, database: str) -> None:
    """Take back what :func:`damage_pages` and :func:`damage_values` have done; backups that exist keep it."""
    found = _database(server, database)
    found.damaged.clear()
    found.unsound.clear()


def _database(server: SqlServer, name: str) -> Database:
    found = server.database(name)
    if found is None:
        raise ValueError(f"no database {name}")
    return found


def _real(server: SqlServer, path: str) -> Path:
    real = server.machine.fs.real(path, server.logon)
    if not real.is_file():
        raise ValueError(f"no file {path}")
    return real
