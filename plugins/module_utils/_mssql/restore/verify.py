# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verification of a backup by reading all of it."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup import media as backup_media
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.progress import percents

from .options import BackupSource
from .prepare import facts, select
from .session import OnProgress, since


def verify(connection: SqlConnection, options: BackupSource, on_progress: OnProgress) -> dict[str, Any]:
    """Verify that a backup set is complete and its checksums are right (RESTORE VERIFYONLY).

    Args:
        connection: The connection to work on.
        options: The backup.
        on_progress: Called with a message and the percentage.

    Returns:
        The module's result.

    Raises:
        MssqlError: The backup set is unusable, or has no checksums.
    """
    started = time.monotonic()
    server, chosen = select(connection, options)
    if not chosen.has_checksums:
        raise MssqlError(
            f"Expected a backup with checksums to compare, but {chosen} was taken without any. "
            "Use mssql_restore_test, which restores it and checks all of its pages"
        )
    sql = backup_media.verify(
        connection,
        options.paths,
        chosen.position,
        options.timeout,
        urls=options.urls,
        credential=options.credential,
        on_message=percents(on_progress, f"Verifying the backup of {chosen.database}", chosen.compressed_size),
    )
    return {**facts(server, options, chosen), "verified": True, "sql": [sql], "seconds": since(started)}
