# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``octopus_database_info`` returns: what the product wrote into an instance's database, and what SQL Server says of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict
from datetime import datetime, timezone
from functools import partial
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue, TaskFailed
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import server_info
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection, connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore import requirements
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import is_at

from . import account, conditions, loss, names, readiness, schema


def _version(connection: SqlConnection, _name: str) -> dict[str, Any]:
    return schema.read(connection).as_dict()


def _nodes(connection: SqlConnection, _name: str) -> dict[str, Any]:
    columns = schema.node_columns(connection)
    rows = schema.heartbeats(connection, columns)
    return {"node_rows": [asdict(row) for row in rows], "heartbeats_readable": schema.heartbeats_readable(connection, columns)}


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


def _rollback(connection: SqlConnection, name: str, replicas: bool = False) -> dict[str, Any]:
    return {"rollback": requirements.read(connection, name, connect if replicas else None)}


def _conditions(connection: SqlConnection, _name: str) -> dict[str, Any]:
    return {"conditions": conditions.read(connection)}


def _names(connection: SqlConnection, _name: str) -> dict[str, Any]:
    return {"names": names.read(connection)}


def _readiness(connection: SqlConnection, name: str, server_login: str | None = None) -> dict[str, Any]:
    return {"readiness": readiness.read(connection, name, server_login)}


_PARTS: dict[str, Callable[[SqlConnection, str], dict[str, Any]]] = {
    "version": _version,
    "nodes": _nodes,
    "sessions": _sessions,
    "operations": _operations,
    "space": _space,
    "rollback": _rollback,
    "conditions": _conditions,
    "names": _names,
    "readiness": _readiness,
}
GATHER = tuple(_PARTS)
# What nobody needs who does not ask for it.
USUAL = tuple(part for part in GATHER if part != "names")


def query(
    connection: SqlConnection,
    name: str,
    gather: Collection[str] = USUAL,
    since: datetime | None = None,
    *,
    expected_version: str | None = None,
    windows_account: str | None = None,
    server_login: str | None = None,
    replicas: bool = False,
) -> dict[str, Any]:
    """Read facts of the database that the connection is in.

    Args:
        connection: To the instance's database.
        name: Its name.
        gather: Which parts to read, of :data:`GATHER`.
        since: Also read what is newer than that.
        expected_version: The version that the database has to be at.
        windows_account: Also look whether that account is db_owner.
        server_login: The SQL login of the server's connection string, of which readiness tells whether it is db_owner.
        replicas: Whether the secondaries of the database's availability group are asked what they have of it.

    Raises:
        InvalidValue: A version is expected, but not read.
        TaskFailed: The database is at another version.
        OctopusError: It is not a database of Octopus Server, or that moment is still to come.
        MssqlError: SQL Server refused.
    """
    if expected_version is not None and "version" not in gather:
        raise InvalidValue("expected_version is compared with what gather: [version] reads, but gather does not have it. Add it.")
    server = server_info.server_info(connection)
    # Before anything else: what is written while the rest is read is newer than this.
    now = schema.server_now(connection)
    facts: dict[str, Any] = {
        "server": server.name,
        "server_version": server.version,
        "database": connection.scalar("SELECT DB_NAME() AS name"),
        "now": now.isoformat(),
        "clock_offset_seconds": round((now - datetime.now(timezone.utc)).total_seconds()),
    }
    own = {"rollback": partial(_rollback, replicas=replicas), "readiness": partial(_readiness, server_login=server_login)}
    for part, read in (_PARTS | own).items():
        if part in gather:
            facts |= read(connection, name)
    if expected_version is not None and not is_at(facts["version"], expected_version):
        raise TaskFailed(
            f"Expected the database {name} on SQL Server {connection.options.where} at version {expected_version}, but found "
            f"{facts['version'] or 'no version'}. If it is newer, something else has upgraded it: find out what before you go on. If it is "
            "older, it has not been upgraded.",
            facts,
        )
    if windows_account:
        facts["account"] = account.query(connection, name, windows_account)
    return facts if since is None else {**facts, "newer": loss.newer(connection, since, now)}
