# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the steps of one restore share."""

from __future__ import annotations

import time
from collections.abc import Callable

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection

from .options import RestoreOptions
from .prepare import Prepared

Reconnect = Callable[[], SqlConnection]
OnProgress = Callable[..., None]  # takes a message, and the percentage or None


class RestoreSession:
    """One restore in progress.

    Args:
        connection: The connection that does the work.
        prepared: What to do.
        reconnect: Opens another connection, to inspect and repair what a cancelled restore or a lost session has left.
        on_progress: Called with a message and the percentage.

    Attributes:
        sql: The statements so far.
        session_id: SQL Server's number of the session that does the work.
    """

    def __init__(self, connection: SqlConnection, prepared: Prepared, reconnect: Reconnect, on_progress: OnProgress) -> None:
        self.connection = connection
        self.prepared = prepared
        self.reconnect = reconnect
        self.on_progress = on_progress
        self.sql: list[str] = []
        self._started = time.monotonic()
        self.session_id = int(connection.scalar("SELECT @@SPID AS session_id"))

    @property
    def options(self) -> RestoreOptions:
        return self.prepared.options

    @property
    def database(self) -> str:
        return self.prepared.options.database

    @property
    def server(self) -> str:
        """The server for messages."""
        return f"SQL Server {self.connection.options.where}"

    def remaining(self) -> float | None:
        """Seconds until the deadline; a statement gets at least one. None for no deadline."""
        return None if self.options.timeout is None else max(1.0, self.options.timeout - (time.monotonic() - self._started))

    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return since(self._started)


def since(started: float) -> float:
    """Seconds since a time of ``time.monotonic()``, for results."""
    return round(time.monotonic() - started, 3)
