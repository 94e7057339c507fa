# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All that ``octopus_database`` tells of an instance's database: what the product wrote there, and what SQL Server knows of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import server_info
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection

from . import loss, schema


def query(connection: SqlConnection, name: str, since: datetime | None = None) -> dict[str, Any]:
    """Read everything; the connection is in the database.

    Args:
        connection: To the instance's database.
        name: Its name.
        since: Also read what is newer than that.

    Raises:
        OctopusError: It is no database of Octopus Server, or that moment is still to come.
        MssqlError: SQL Server refused.
    """
    server = server_info.server_info(connection)
    database = server_info.database_info(connection, name)
    visible = server_info.may_see_sessions(connection)
    # First of all: what is written while the rest is read is newer than this.
    now = schema.server_now(connection)
    data_bytes, log_bytes = server_info.file_bytes(connection)
    facts = {
        "server": server.name,
        "server_version": server.version,
        "database": database.name,
        "now": now.isoformat(),
        **schema.read(connection).as_dict(),
        "sessions": server_info.sessions(connection, name),
        "sessions_visible": visible,
        "operations": server_info.operations(connection, name),
        "volumes": server_info.volumes(connection, name),
        "used_bytes": server_info.used_bytes(connection, database),
        "data_bytes": data_bytes,
        "log_bytes": log_bytes,
    }
    return facts if since is None else {**facts, "newer": loss.newer(connection, since, now)}
