# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``octopus_database_info`` returns: what the product wrote into an instance's database, and what SQL Server says of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict
from datetime import datetime
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import server_info
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore import requirements

from . import loss, schema


def _version(connection: SqlConnection, _name: str) -> dict[str, Any]:
    return schema.read(connection).as_dict()


def _nodes(connection: SqlConnection, _name: str) -> dict[str, Any]:
    return {"node_rows": [asdict(row) for row in schema.heartbeats(connection)]}


def _sessions(connection: SqlConnection, name: str) -> dict[str, Any]:
    visible = server_info.may_see_sessions(connection)
    return {"sessions": server_info.sessions(connection, name), "sessions_visible": visible}


def _operations(connection: SqlConnection, name: str) -> dict[str, Any]:
    return {"operations": server_info.operations(connection, name)}


def _space(connection: SqlConnection, name: str) -> dict[str, Any]:
    data_bytes, log_bytes = server_info.file_bytes(connection)
    return {
        "volumes": server_info.volumes(connection, name),
        "used_bytes": server_info.used_bytes(connection, server_info.database_info(connection, name)),
        "data_bytes": data_bytes,
        "log_bytes": log_bytes,
    }


def _rollback(connection: SqlConnection, name: str) -> dict[str, Any]:
    return {"rollback": requirements.read(connection, name)}


_PARTS: dict[str, Callable[[SqlConnection, str], dict[str, Any]]] = {
    "version": _version,
    "nodes": _nodes,
    "sessions": _sessions,
    "operations": _operations,
    "space": _space,
    "rollback": _rollback,
}
GATHER = tuple(_PARTS)


def query(connection: SqlConnection, name: str, gather: Collection[str] = GATHER, since: datetime | None = None) -> dict[str, Any]:
    """Read facts of the database that the connection is in.

    Args:
        connection: To the instance's database.
        name: Its name.
        gather: Which parts to read, of :data:`GATHER`.
        since: Also read what is newer than that.

    Raises:
        OctopusError: It is not a database of Octopus Server, or that moment is still to come.
        MssqlError: SQL Server refused.
    """
    server = server_info.server_info(connection)
    # Before anything else: what is written while the rest is read is newer than this.
    now = schema.server_now(connection)
    facts: dict[str, Any] = {
        "server": server.name,
        "server_version": server.version,
        "database": connection.scalar("SELECT DB_NAME() AS name"),
        "now": now.isoformat(),
    }
    for part, read in _PARTS.items():
        if part in gather:
            facts |= read(connection, name)
    return facts if since is None else {**facts, "newer": loss.newer(connection, since, now)}
