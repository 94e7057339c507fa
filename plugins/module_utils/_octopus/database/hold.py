# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node that is about to be started is drained in the database, so that it takes no task when it starts.

Maintenance mode stops neither the queue nor the server's own tasks (https://octopus.com/docs/administration/managing-infrastructure/maintenance-mode).
A drained node takes no task (octopus.com/docs/administration/high-availability/maintain/maintain-high-availability-nodes), and all that a server starts
by itself is one: retention, scheduled triggers, subscriptions (octopus.com/docs/administration/high-availability/how-high-availability-works). Before
2020.3 what was none ran on the leader, which a drained node is not (octopus.com/docs/administration/high-availability/managing-high-availability-nodes);
since then every node's scheduler only cleans up and fills the queue (https://github.com/OctopusDeploy/Issues/issues/6374).

The nodes were drained before they were stopped, and the flag is in the database. But a schema upgrade changes that table (Issues#5348, #8805).
"""

from __future__ import annotations

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError

from . import schema

_FLAG = "IsInMaintenanceMode"  # of a node: that it is drained


def drain(connection: SqlConnection, name: str) -> dict[str, Any]:
    """Set a node to be drained where it is not.

    Args:
        connection: To the instance's database, in which no node runs.
        name: The name of the node, in any letter case.

    Returns:
        ``was_drained``, ``drained`` and ``problem``. What cannot be told is None: another version may keep the flag elsewhere, and a node that
        is not registered yet makes its own row. Whoever starts the node then has to look.

    Raises:
        MssqlError: The database cannot be read.
    """
    columns = schema.columns_of(connection, schema.NODE)[schema.NODE]
    if not {"id", "name", _FLAG.lower()} <= columns:
        return _result(None, None, f"no column {_FLAG} of {schema.NODE} is known")
    found = _own(connection, name)
    if found is None:
        return _result(None, None, f"{schema.NODE} has no row of {name}")
    if found[_FLAG]:
        return _result(True, True)
    try:
        connection.query(f"UPDATE dbo.{schema.NODE} SET {_FLAG} = 1 WHERE Id = ?", found["Id"])  # noqa: S608 - constants of this file
    except MssqlError as error:  # such as a login that may only read
        return _result(False, False, str(error))
    now = bool((_own(connection, name) or {}).get(_FLAG))
    return _result(False, now, "" if now else f"{_FLAG} was set, and is not so when it is read")


def _own(connection: SqlConnection, name: str) -> dict[str, Any] | None:
    rows = connection.query(f"SELECT Id, Name, {_FLAG} FROM dbo.{schema.NODE}")  # noqa: S608 - constants of this file
    return next((dict(row) for row in rows if str(row["Name"] or row["Id"]).casefold() == name.casefold()), None)


def _result(was: bool | None, now: bool | None, problem: str = "") -> dict[str, Any]:
    return {"was_drained": was, "drained": now, "problem": problem}
