# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether every table that a quarantine silences exists."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.rows import Table

from .look import Check, Look, check

# Tables that every version has, and those from a version on. Where one is missing, its rows are at an unknown place.
KNOWN_TABLES = (
    (None, ("Configuration", "Machine", "OctopusServerNode", "Project", "ServerTask")),
    ("3.5", ("ProjectTrigger", "Subscription")),
    ("2019.1", ("ExtensionConfiguration", "Space", "Worker")),
)


def refuse_unknown(tables: dict[str, Table], version: str | None, database: str, connection: SqlConnection) -> None:
    """Refuse a database that lacks a table of its version.

    Raises:
        OctopusError: It does.
    """
    lacking = missing(set(tables), version)
    if lacking:
        raise OctopusError(
            f"Expected the tables that a quarantine silences in {database} on SQL Server {connection.options.where}, but it has no "
            f"{', '.join(lacking)}. Nothing was changed: this version ({version or 'unknown'}) stores that in a place unknown to this module."
        )


def missing(tables: set[str], version: str | None) -> list[str]:
    """The tables that a version has, and that are not among these."""
    known = Version.parse(version) if version else None
    wanted = [
        name
        for since, names in KNOWN_TABLES
        if since is None or (known is not None and known >= Version.parse(since)) or "space" in tables
        for name in names
    ]
    return [name for name in wanted if name.lower() not in tables]


def tables(look: Look) -> Check:
    """Every table that its version has exists."""
    return check("tables", missing(set(look.columns), look.version), "missing tables", "every table that is silenced exists")
