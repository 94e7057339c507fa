# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A generation without JSON: tables whose documents have become rows, as the product's move to Entity Framework may have left them.

That it moved is public, table by table (OctopusDeploy/Issues 8634 to 9017, 2024-02 to 2024-09); only of one (8847) it is said that its JSON became
relational, and of Configuration that it did not (9251). *Assumed*: that every table of those issues has lost its JSON, and that columns are named
as Entity Framework does by default: an owned object's as ``Owner_Property`` (learn.microsoft.com/ef/core/modeling/owned-entities), lists as JSON
text in one column (learn.microsoft.com/ef/core/what-is-new/ef-core-8.0/whatsnew, primitive collections).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .database import Connection, column_names, rows

SINCE = "2024.4"
TABLES = (
    *("Team", "UserRole", "OctopusServerNode", "MachinePolicy", "Space", "Subscription", "GitCredential", "ExtensionConfiguration"),
    *("Lifecycle", "ProjectTrigger", "Account", "ServerTask", "Project", "DeploymentFreeze", "DeploymentEnvironment", "Runbook"),
    *("Worker", "Machine", "VariableSet"),
)


def make_relational(connection: Connection, tables: tuple[str, ...] = TABLES) -> None:
    """Turn the JSON of these tables into columns, row by row, and drop it. A table that this version has not is passed over."""
    for table in tables:
        names = column_names(connection, table)
        if "JSON" not in names:
            continue
        found = [(row["Id"], dict(_flat("", json.loads(row["JSON"] or "{}")))) for row in rows(connection, f'SELECT * FROM "{table}"')]
        there = {name.lower() for name in names}
        for name in sorted({name for _key, values in found for name in values}):
            if name.lower() not in there:
                kind = next((_kind(values[name]) for _key, values in found if values.get(name) is not None), "[nvarchar(max)]")
                connection.execute(f'ALTER TABLE "{table}" ADD COLUMN "{name}" {kind}')
        for key, values in found:
            for name, value in values.items():
                connection.execute(f'UPDATE "{table}" SET "{name}" = ? WHERE "Id" = ?', (value, key))
        connection.execute(f'ALTER TABLE "{table}" DROP COLUMN "JSON"')


def _flat(prefix: str, document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        at = f"{prefix}_{name}" if prefix else name
        if isinstance(value, dict):
            yield from _flat(at, value)
        else:
            yield at, json.dumps(value) if isinstance(value, list) else int(value) if isinstance(value, bool) else value


def _kind(value: Any) -> str:
    return "int" if isinstance(value, int) else "float" if isinstance(value, float) else "[nvarchar(max)]"
