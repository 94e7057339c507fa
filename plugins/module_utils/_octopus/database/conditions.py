# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What this very database says of the conditions that upgrade paths depend on. Only reads.

Each probe looks first whether the tables and columns exist: a table that a version does not have yet holds no bad row, while one without the column
that is to be read says nothing, and the answer is None. The rows that ask are in path/rows, with their sources.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier

from .schema import HISTORY, columns_of

# What counts as large: from about here on, the reports behind the rows speak of hours, time-outs and full disks.
MANY_EVENTS, MANY_ROWS = 1_000_000, 10_000
_TABLES = (
    "Account",
    "Configuration",
    "Event",
    "EventRelatedDocument",
    "HalibutMessageQueueItem",
    "LibraryVariableSet",
    "Machine",
    "MachinePolicy",
    "PackageMetadata",
    "ProjectTrigger",
    "ScopedUserRoleProjectGroup",
    "VariableSet",
    HISTORY,
)
_AZURE = 5  # https://learn.microsoft.com/sql/t-sql/functions/serverproperty-transact-sql: EngineEdition of Azure SQL Database
_PACKAGE_INDEXES = 3  # that #5913 names


def read(connection: SqlConnection) -> dict[str, bool | None]:
    """Return what the database that the connection is in says of each condition; None where it does not say.

    Raises:
        MssqlError: SQL Server refused.
    """
    probes = _Probes(connection)
    return {name: probe(probes) for name, probe in _PROBES.items()}


class _Probes:
    def __init__(self, connection: SqlConnection) -> None:
        self._connection = connection
        self._columns = columns_of(connection, *_TABLES)
        self.server = connection.query(
            "SELECT CAST(SERVERPROPERTY('EngineEdition') AS int) AS edition, CAST(SERVERPROPERTY('Collation') AS nvarchar(128)) AS server_collation, "
            "CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS version, d.collation_name AS collation, "
            "d.compatibility_level AS level, d.is_read_committed_snapshot_on AS rcsi FROM sys.databases AS d WHERE d.name = DB_NAME()"
        )[0]

    def counted(self, table: str, condition: str = "", *needs: str) -> bool | None:
        """Whether a table has a row for which the condition holds; None without the columns that it needs."""
        columns = self._columns[table]
        if not columns:
            return False
        if not {need.lower() for need in needs} <= columns:
            return None
        where = f" WHERE {condition}" if condition else ""
        sql = f"SELECT COUNT(*) AS number FROM dbo.{quote_identifier(table)}{where}"  # noqa: S608 - the name is quoted, conditions are constant
        return bool(self._connection.scalar(sql))

    def rows(self, table: str) -> int:
        """About how many rows a table has, without reading them; 0 where it does not exist."""
        found = self._connection.scalar(
            "SELECT SUM(p.rows) AS number FROM sys.partitions AS p INNER JOIN sys.tables AS t ON t.object_id = p.object_id "
            "WHERE t.name = ? AND p.index_id < 2",
            table,
        )
        return int(found or 0)

    def indexes(self, table: str) -> list[str] | None:
        """The names of a table's indexes, its primary key left out; None where the table does not exist."""
        if not self._columns[table]:
            return None
        rows = self._connection.query(
            "SELECT i.name AS name FROM sys.indexes AS i INNER JOIN sys.tables AS t ON t.object_id = i.object_id "
            "WHERE t.name = ? AND i.is_primary_key = 0 AND i.name IS NOT NULL",
            table,
        )
        return [str(row["name"]) for row in rows]

    def document(self, key: str) -> str | None:
        """The JSON of a row of Configuration; None where there is no such row."""
        rows = self._connection.query("SELECT JSON AS document FROM dbo.Configuration WHERE Id = ?", key)
        return str(rows[0]["document"] or "") if rows else None

    def has(self, table: str, column: str) -> bool:
        return column.lower() in self._columns[table]

    def differing_columns(self) -> int:
        return int(
            self._connection.scalar(
                "SELECT COUNT(*) AS number FROM sys.columns AS c INNER JOIN sys.tables AS t ON t.object_id = c.object_id "
                "WHERE c.collation_name IS NOT NULL AND c.collation_name <> ?",
                self.server["collation"],
            )
            or 0
        )

    def newest_version_null(self) -> bool | None:
        if not {"version", "installed"} <= self._columns[HISTORY]:
            return None
        rows = self._connection.query("SELECT TOP (1) Version AS version FROM dbo.OctopusServerInstallationHistory ORDER BY Installed DESC")
        return bool(rows) and rows[0]["version"] is None


def case_sensitive(collation: str | None) -> bool | None:
    """Whether a collation tells upper from lower case
    (https://learn.microsoft.com/sql/relational-databases/collations/collation-and-unicode-support); None where it is not known."""
    if not collation:
        return None
    words = collation.upper().split("_")
    return "CS" in words or "BIN" in words or "BIN2" in words


def has_nulls(document: str) -> bool:
    """Whether a document of settings is empty, cannot be read, or has a setting that is null."""
    try:
        settings = json.loads(document)
    except ValueError:
        return True
    return not isinstance(settings, dict) or not settings or any(value is None for value in settings.values())


def _older(probes: _Probes, major: int) -> bool | None:
    if probes.server["edition"] == _AZURE:
        return False
    text = str(probes.server["version"] or "").partition(".")[0]
    return int(text) < major if text.isdecimal() else None


def _dynamic_extensions(probes: _Probes) -> bool | None:
    if not probes.has("Configuration", "JSON"):
        return None
    document = probes.document("dynamic-extensions-scripts")
    return document is not None and has_nulls(document)


def _halibut(probes: _Probes) -> bool:
    found = probes.indexes("HalibutMessageQueueItem")
    return found is not None and "IX_HalibutMessageQueueItem_SequenceNumber".lower() not in map(str.lower, found)


def _events(probes: _Probes) -> bool:
    return probes.indexes("EventRelatedDocument") == []


def _packages(probes: _Probes) -> bool:
    found = probes.indexes("PackageMetadata")
    return found is not None and len(found) < _PACKAGE_INDEXES


_PROBES: dict[str, Callable[[_Probes], bool | None]] = {
    "account_ids_like_type": lambda p: p.counted("Account", "Id LIKE 'Accounts-[0-9]%'", "Id"),
    "azure_sql": lambda p: p.server["edition"] == _AZURE,
    "column_collation_differs": lambda p: p.differing_columns() > 0,
    "compatibility_below_140": lambda p: None if p.server["level"] is None else p.server["level"] < 140,
    "database_case_sensitive": lambda p: case_sensitive(p.server["collation"]),
    "dynamic_extensions_null": _dynamic_extensions,
    "ecs_targets": lambda p: p.counted("Machine", "JSON LIKE '%aws-ecs-%'", "JSON"),
    "event_indexes_missing": _events,
    "events_many": lambda p: p.rows("Event") > MANY_EVENTS,
    "events_without_documents": lambda p: p.counted("Event", "RelatedDocumentIds IS NULL OR RelatedDocumentIds = ''", "RelatedDocumentIds"),
    "halibut_index_missing": _halibut,
    "history_version_null": _Probes.newest_version_null,
    "legacy_variable_set": lambda p: p.counted("LibraryVariableSet", "Name = 'Legacy Variable Mappings'", "Name"),
    "machine_policies_many": lambda p: not p.server["rcsi"] and p.rows("MachinePolicy") > 1,
    "package_index_missing": _packages,
    "role_scope_empty": lambda p: p.counted(
        "ScopedUserRoleProjectGroup", "ProjectGroupId IS NULL OR ProjectGroupId = ''", "ProjectGroupId"
    ),
    "server_case_sensitive": lambda p: case_sensitive(p.server["server_collation"]),
    "sql_below_2016": lambda p: _older(p, 13),
    "sql_below_2017": lambda p: _older(p, 14),
    # 2017 ends in October 2027 (https://learn.microsoft.com/lifecycle/products/sql-server-2017).
    "sql_support_ending": lambda p: _older(p, 15),
    "tables_large": lambda p: p.rows("Event") > MANY_EVENTS or max(p.rows("VariableSet"), p.rows("Deployment")) > MANY_ROWS,
    "triggers": lambda p: p.counted("ProjectTrigger"),
    "variable_sets_large": lambda p: p.rows("VariableSet") > MANY_ROWS,
}
