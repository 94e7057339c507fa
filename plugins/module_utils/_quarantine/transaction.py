# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One transaction in the clone's database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError


@contextlib.contextmanager
def transaction(connection: SqlConnection) -> Iterator[None]:
    """All or nothing. SQL Server rolls back where the connection breaks."""
    connection.execute_drained("SET XACT_ABORT ON")
    connection.execute_drained("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
    connection.execute_drained("BEGIN TRANSACTION")
    try:
        yield
        connection.execute_drained("COMMIT TRANSACTION")
    except BaseException:
        with contextlib.suppress(MssqlError):  # the first error is the one that matters; closing the connection rolls back as well
            connection.execute_drained("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")
        raise
