# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The node that is started next, drained in the database: only its row, only where it is not, and what cannot be told is said."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.hold import drain


class Database:
    """The table of the nodes."""

    def __init__(self, *rows: dict[str, Any], columns: tuple[str, ...] = ("Id", "Name", "IsInMaintenanceMode")) -> None:
        self.rows, self.columns = list(rows), columns
        self.changed: list[str] = []
        self.refuses = self.forgets = False

    def query(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        if "INFORMATION_SCHEMA" in sql:
            return [{"table_name": "OctopusServerNode", "column_name": column} for column in self.columns]
        if sql.startswith("SELECT"):
            return [dict(row) for row in self.rows]
        assert sql == "UPDATE dbo.OctopusServerNode SET IsInMaintenanceMode = 1 WHERE Id = ?"
        if self.refuses:
            raise MssqlError("The UPDATE permission was denied")
        self.changed += params
        for row in self.rows:
            row["IsInMaintenanceMode"] = row["IsInMaintenanceMode"] or (row["Id"] in params and not self.forgets)
        return []


def node(name: str, drained: bool) -> dict[str, Any]:
    return {"Id": f"OctopusServerNodes-{name}", "Name": name, "IsInMaintenanceMode": drained}


def test_the_node_alone_is_drained() -> None:
    database = Database(node("OCTO01", False), node("OCTO02", False))
    assert drain(database, "octo01") == {"was_drained": False, "drained": True, "problem": ""}  # type: ignore[arg-type]  # a stand-in
    assert database.changed == ["OctopusServerNodes-OCTO01"]


def test_one_that_is_drained_is_not_written() -> None:
    database = Database(node("OCTO01", True))
    assert drain(database, "OCTO01") == {"was_drained": True, "drained": True, "problem": ""}  # type: ignore[arg-type]  # a stand-in
    assert database.changed == []


@pytest.mark.parametrize(
    ("database", "problem"),
    [
        (Database(node("OCTO02", False)), "has no row of OCTO01"),
        (Database(node("OCTO01", False), columns=("Id", "Name", "JSON")), "no column IsInMaintenanceMode"),
        (Database(columns=()), "no column IsInMaintenanceMode"),
    ],
)
def test_what_cannot_be_told_is_said_and_nothing_is_written(database: Database, problem: str) -> None:
    found = drain(database, "OCTO01")  # type: ignore[arg-type]  # a stand-in
    assert (found["was_drained"], found["drained"]) == (None, None) and problem in found["problem"]
    assert database.changed == []


def test_a_login_that_may_not_write_is_said_and_one_that_writes_in_vain_too() -> None:
    database = Database(node("OCTO01", False))
    database.refuses = True
    found = drain(database, "OCTO01")  # type: ignore[arg-type]  # a stand-in
    assert found["drained"] is False and "permission was denied" in found["problem"]
    database.refuses, database.forgets = False, True
    found = drain(database, "OCTO01")  # type: ignore[arg-type]  # a stand-in
    assert found["drained"] is False and "was set" in found["problem"]
