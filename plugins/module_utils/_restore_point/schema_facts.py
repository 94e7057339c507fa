# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of the database that a restore point is created of."""

from __future__ import annotations

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.info import query
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError


def schema_facts(sql: SqlOptions, manifest: dict[str, Any]) -> dict[str, Any]:
    """The versions in the database, and the clock of SQL Server.

    Args:
        sql: Where the database is.
        manifest: Names it.

    Raises:
        OctopusError: The manifest does not name the database.
        MssqlError: SQL Server refused.
    """
    name = (manifest.get("database") or {}).get("name")
    if not name:
        raise OctopusError("Expected database.name in manifest, to check the version of the database, but found none.")
    with connect(sql, name) as connection:
        return {**query(connection, name), "now": connection.scalar("SELECT CAST(SYSDATETIMEOFFSET() AS nvarchar(40)) AS now")}
