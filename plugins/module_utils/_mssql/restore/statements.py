# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The T-SQL of a restore. No I/O.

https://learn.microsoft.com/sql/t-sql/statements/restore-statements-transact-sql
"""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup import devices
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup.options import STATS
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier, quote_string

from .options import RestoredFile, RestoreOptions


def restore(options: RestoreOptions, position: int, files: Sequence[RestoredFile], *, overwrite: bool, checksum: bool) -> str:
    """The RESTORE statement. It names every file: the path in the backup may belong to another server, or to another database by now.

    Args:
        options: What to restore.
        position: The position of the backup set.
        files: Where the files go.
        overwrite: Whether an existing database is overwritten; without REPLACE, RESTORE refuses that, and files that exist.
        checksum: Whether the set has checksums, which then are compared.
    """
    words = [f"FILE = {position:d}"] if options.paths else []
    words += [file.move for file in files]
    words.append("RECOVERY")
    if overwrite:
        words.append("REPLACE")
    if checksum:
        words.append("CHECKSUM")
    if options.for_test:
        words.append("RESTRICTED_USER")
    if options.credential:
        words.append(f"CREDENTIAL = {quote_string(options.credential)}")
    words.append(f"STATS = {STATS}")
    source = devices.clause(options.paths, options.urls)
    return f"RESTORE DATABASE {quote_identifier(options.database)} FROM {source} WITH {', '.join(words)}"


def alter(database: str, change: str) -> str:
    """ALTER DATABASE; ``change`` is T-SQL already."""
    return f"ALTER DATABASE {quote_identifier(database)} {change}"


def single_user(database: str) -> str:
    return alter(database, "SET SINGLE_USER WITH ROLLBACK IMMEDIATE")


def offline(database: str) -> str:
    return alter(database, "SET OFFLINE WITH ROLLBACK IMMEDIATE")


def online(database: str) -> str:
    return alter(database, "SET ONLINE")


def multi_user(database: str) -> str:
    return alter(database, "SET MULTI_USER")


def remove(database: str, *, is_offline: bool) -> list[str]:
    """Remove a database whose files stay on the disk: DROP DATABASE leaves the files of one that is offline.

    https://learn.microsoft.com/sql/t-sql/statements/drop-database-transact-sql
    """
    return [*([] if is_offline else [offline(database)]), drop(database)]


def rename(database: str, new: str) -> str:
    return alter(database, f"MODIFY NAME = {quote_identifier(new)}")


def set_compatibility_level(database: str, level: int) -> str:
    return alter(database, f"SET COMPATIBILITY_LEVEL = {level:d}")


def set_owner(database: str, login: str) -> str:
    return f"ALTER AUTHORIZATION ON DATABASE::{quote_identifier(database)} TO {quote_identifier(login)}"


def map_user(user: str) -> str:
    """Map a user, in its database, to the login of the same name."""
    return f"ALTER USER {quote_identifier(user)} WITH LOGIN = {quote_identifier(user)}"


def check(database: str) -> str:
    """DBCC CHECKDB with its informational messages: the last one says that nothing was found."""
    return f"DBCC CHECKDB ({quote_string(database)}) WITH ALL_ERRORMSGS"


def drop(database: str) -> str:
    return f"DROP DATABASE {quote_identifier(database)}"
