# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which names a database has: columns of tables, ids of settings and their properties. Only reads, and no value is kept.

What the collection assumes of them is in ``_octopus/compatibility``, and where that is known from.
"""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from . import schema

CONFIGURATION = "Configuration"
TABLES = (
    schema.HISTORY,
    schema.SCRIPTS,
    schema.NODE,
    schema.STATUS,
    "ServerTask",
    "Release",
    "Deployment",
    "Event",
    CONFIGURATION,
    "Machine",
    "Worker",
    "ProjectTrigger",
    "Subscription",
    "Project",
    "Feed",
    "ApiKey",
    "Lifecycle",
    "MachinePolicy",
    "ExtensionConfiguration",
    "Space",
)
# Settings of which the names of the properties are read.
ROWS = ("maintenance", "upgradeavailability", "upgrades", "smtp")


def read(connection: SqlConnection) -> dict[str, Any]:
    """Return the version, the columns of each table, the ids of the settings, and the properties of some of them.

    What cannot be told is None. A table without columns does not exist, unless no table has any: then the login may see none.

    Raises:
        MssqlError: SQL Server refused.
    """
    columns = _columns(connection)
    try:
        version = schema.read(connection).version
    except OctopusError:  # another database, or a login that sees nothing
        version = None
    found: dict[str, Any] = {"version": version, "tables": columns}
    if not {"id", "json"} <= {name.lower() for name in columns[CONFIGURATION]}:
        return {**found, "configuration": None, "rows": dict.fromkeys(ROWS)}
    ids = [str(row["Id"]) for row in connection.query("SELECT Id FROM dbo.Configuration")]
    rows = {name: _properties(connection.scalar("SELECT JSON FROM dbo.Configuration WHERE Id = ?", name)) for name in ROWS}
    return {**found, "configuration": sorted(ids), "rows": rows}


def _columns(connection: SqlConnection) -> dict[str, list[str]]:
    """Return the columns of each table, as they are written; none of a table that does not exist."""
    rows = connection.query(
        "SELECT TABLE_NAME AS table_name, COLUMN_NAME AS column_name FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = 'dbo'"
    )
    written = {table.lower(): table for table in TABLES}
    found: dict[str, list[str]] = {table: [] for table in TABLES}
    for row in rows:
        if table := written.get(row["table_name"].lower()):
            found[table].append(row["column_name"])
    return {table: sorted(names) for table, names in found.items()}


def _properties(text: Any) -> list[str] | None:
    """Return the names of a document's properties; None where there is no document."""
    try:
        document = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return sorted(document) if isinstance(document, dict) else None
