# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is switched off after an import by Octopus.Migrator.exe, and what keeps the instance from being started."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import imported

NEW: dict[str, tuple[str, ...]] = {
    "Project": ("Id", "Name", "AutoCreateRelease", "IsDisabled", "JSON"),
    "Machine": ("Id", "Name", "JSON"),
    "Worker": ("Id", "Name", "JSON"),
    "ProjectTrigger": ("Id", "Name", "IsDisabled", "JSON"),
    "Space": ("Id", "Name", "TaskQueueStopped", "JSON"),
}
OLD = {name: columns for name, columns in NEW.items() if name not in ("Worker", "Space")} | {"ProjectTrigger": ("Id", "Name", "JSON")}


class Database:
    """Tables in memory, with as much SQL as is spoken here. A transaction that is rolled back leaves them as they were."""

    options = SqlOptions("sql01")

    def __init__(self, columns: dict[str, tuple[str, ...]], **tables: list[dict[str, Any]]) -> None:
        self.columns = columns
        self.tables = {name: [{"JSON": "{}", **row} for row in tables.get(name, [])] for name in columns}
        self.deaf = False  # whether it accepts changes and keeps none

    def execute_drained(self, sql: str) -> None:
        if sql.startswith("BEGIN"):
            self._kept = json.dumps(self.tables)
        elif "ROLLBACK" in sql:
            self.tables = json.loads(self._kept)

    def query(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        if "INFORMATION_SCHEMA" in sql:
            return [
                {"table_name": table, "column_name": column, "data_type": "nvarchar"}
                for table, columns in self.columns.items()
                for column in columns
            ]
        table = str(re.search(r"dbo\.\[(\w+)\]", sql)[1])  # type: ignore[index]  # every statement has one
        if sql.startswith("SELECT"):
            return [{"row_key": row["Id"], **{name: row[name] for name in row if f"[{name}]" in sql}} for row in self.tables[table]]
        rows = [row for row in self.tables[table] if row["Id"] == params[-1]]
        if not self.deaf:
            if sql.startswith("DELETE"):
                self.tables[table].remove(rows[0])
            else:
                names = re.findall(r"\[(\w+)\] = \?", sql.partition(" WHERE ")[0])
                rows[0].update(dict(zip(names, params[:-1], strict=True)))
        return []


def projects(*names: str, **more: Any) -> list[dict[str, Any]]:
    return [
        {"Id": f"Projects-{at}", "Name": name, "AutoCreateRelease": True, "IsDisabled": False, **more} for at, name in enumerate(names, 1)
    ]


TRIGGERS = [{"Id": "T-1", "Name": "Nightly", "IsDisabled": False}, {"Id": "T-2", "Name": "Old", "IsDisabled": True}]
SPACES = [{"Id": "Spaces-1", "Name": "Default", "TaskQueueStopped": False}]


def new(**tables: list[dict[str, Any]]) -> Database:
    return Database(NEW, **{"Project": projects("Web Shop"), "ProjectTrigger": [dict(one) for one in TRIGGERS], "Space": SPACES, **tables})


def silence(database: Database, *wanted: str, stop: bool = True) -> imported.Silenced:
    return imported.silence(database, wanted or ("Web Shop",), stop)  # type: ignore[arg-type]  # a stand-in


def test_triggers_automatic_releases_and_queues_are_off() -> None:
    database = new()
    assert imported.projects(database, ["web shop", "Billing"]) == ["Web Shop"]  # type: ignore[arg-type]  # a stand-in
    done = silence(database)
    assert done == imported.Silenced(["Nightly"], [], ["Web Shop"], ["Default"])
    assert [row["IsDisabled"] for row in database.tables["ProjectTrigger"]] == [True, True]
    assert database.tables["Project"][0]["AutoCreateRelease"] is False and database.tables["Project"][0]["IsDisabled"] is False
    assert database.tables["Space"][0]["TaskQueueStopped"] is True
    assert not silence(database).any, "a second time there is nothing to do"
    assert silence(new(), stop=False).stopped == []


def test_where_there_are_no_spaces_projects_are_disabled_and_triggers_without_a_switch_removed() -> None:
    database = Database(OLD, Project=projects("Web Shop"), ProjectTrigger=[{"Id": "T-1", "Name": "Nightly"}])
    done = silence(database)
    assert (done.triggers, done.removed, done.stopped) == ([], ["Nightly"], ["Web Shop"])
    assert database.tables["ProjectTrigger"] == [] and database.tables["Project"][0]["IsDisabled"] is True


@pytest.mark.parametrize(
    ("tables", "wanted", "said"),
    [
        ({"Machine": [{"Id": "M-1", "Name": "prod-web"}]}, (), "no rows in the table Machine.*prod-web"),
        ({"Worker": [{"Id": "W-1", "Name": "worker"}]}, (), "no rows in the table Worker"),
        ({}, ("Web Shop", "Billing"), "Billing are missing"),
        ({"Project": projects("Web Shop", "Secret")}, (), "Secret are there too"),
    ],
)
def test_what_must_not_be_there_is_refused_and_nothing_changed(tables: dict[str, Any], wanted: tuple[str, ...], said: str) -> None:
    database = new(**tables)
    before = json.dumps(database.tables)
    with pytest.raises(OctopusError, match=said):
        silence(database, *wanted)
    if not wanted:
        with pytest.raises(OctopusError, match="Nothing was"):
            imported.projects(database, ["Web Shop"])  # type: ignore[arg-type]  # a stand-in
    assert json.dumps(database.tables) == before


@pytest.mark.parametrize("missing", ["Project", "Machine"])
def test_a_database_of_an_unknown_form_is_refused(missing: str) -> None:
    database = Database({name: columns for name, columns in NEW.items() if name != missing}, Project=projects("Web Shop"))
    with pytest.raises(OctopusError, match=f"a table {missing}.*unknown form"):
        silence(database)


def test_projects_that_do_not_say_whether_they_make_releases_are_refused() -> None:
    database = Database(NEW | {"Project": ("Id", "Name", "JSON")}, Project=[{"Id": "Projects-1", "Name": "Web Shop"}], Space=SPACES)
    with pytest.raises(OctopusError, match="to say AutoCreateRelease"):
        silence(database)


def test_a_change_that_is_not_kept_is_found() -> None:
    database = new()
    database.deaf = True
    with pytest.raises(OctopusError, match=r"ProjectTrigger Nightly.*is still on"):
        silence(database)
