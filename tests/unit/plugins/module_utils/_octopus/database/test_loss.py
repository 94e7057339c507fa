# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is newer than a moment, as versions with more and fewer columns tell it. Real statements run in tests/scenarios."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import loss
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

SINCE = datetime(2026, 11, 23, 20, 0, 0, tzinfo=timezone.utc)
NOW = SINCE + timedelta(hours=1)
COLUMNS = {
    "ServerTask": ["Id", "Name", "Description", "State", "QueueTime", "StartTime", "ProjectId"],
    "Release": ["Id", "Version", "ProjectId", "Assembled"],
    "Deployment": ["Id", "Name", "Created", "ProjectId", "TaskId"],
    "Event": ["Id", "Category", "Message", "Occurred", "Username"],
    "Project": ["Id", "Name"],
}
WHEN = "2026-11-23 20:30:00.1234567 +00:00"


class Database:
    """Has these columns, and the same few rows in each table; every statement and its values are remembered."""

    options = SqlOptions("sql01")

    def __init__(self, columns: dict[str, list[str]], count: int = 2) -> None:
        self.columns = columns
        self.count = count
        self.asked: list[tuple[str, tuple[Any, ...]]] = []

    def query(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        assert sql.count("?") == len(params), sql
        if "INFORMATION_SCHEMA.COLUMNS" in sql:
            return [{"table_name": table, "column_name": name} for table, names in self.columns.items() for name in names]
        self.asked.append((sql, params))
        if "AS first_moment" in sql:
            moment = WHEN if self.count else None
            return [{"number": self.count, "first_moment": moment, "last_moment": moment}]
        if "GROUP BY" in sql:
            return [{"name": "Deploy", "number": self.count}, {"name": "Backup", "number": 1}]
        row = {"id": "X-1", "name0": "", "name1": "second", "project": "Web Shop", "state": "Success", "moment": WHEN, "username": "anna"}
        return [{key: value for key, value in row.items() if f"AS {key}" in sql}]

    def of(self, table: str) -> list[tuple[str, tuple[Any, ...]]]:
        return [one for one in self.asked if f"FROM dbo.[{table}]" in one[0]]


def test_each_kind_is_counted_and_shown() -> None:
    database = Database(COLUMNS)
    found = loss.newer(database, SINCE, NOW)
    assert list(found) == ["tasks", "releases", "deployments", "events"]
    when = "2026-11-23T20:30:00.123456+00:00"
    assert found["tasks"] == {
        "count": 2,
        "first": when,
        "last": when,
        "names": {"Backup": 1, "Deploy": 2},
        "examples": [{"id": "X-1", "name": "second", "project": "Web Shop", "when": when, "state": "Success", "user": "anna"}],
        "users": {},
    }
    assert found["events"]["users"] == {"Backup": 1, "Deploy": 2}
    ordered = [sql for sql, _params in database.of("Event") if "ORDER BY" in sql]
    assert ["CASE WHEN t.[Username] = 'system' THEN 1 ELSE 0 END" in sql for sql in ordered] == [True]
    assert found["releases"]["names"] == {}
    assert all(len(entry["examples"]) == 1 for entry in found.values())
    given = "2026-11-23T20:00:00.000000+00:00"
    for table in ("Release", "Deployment", "Event"):
        assert {params for _sql, params in database.of(table)} == {(given,)}
    assert {params for _sql, params in database.of("ServerTask")} == {(given, given, "2026-11-23T21:05:00.000000+00:00")}


def test_values_are_parameters_and_names_are_of_this_file() -> None:
    database = Database(COLUMNS)
    loss.newer(database, SINCE, NOW)
    assert not any("2026" in sql for sql, _params in database.asked)


def test_nothing_newer_asks_no_more() -> None:
    database = Database(COLUMNS, count=0)
    found = loss.newer(database, SINCE, NOW)
    assert found["events"] == {"count": 0, "first": None, "last": None, "names": {}, "users": {}, "examples": []}
    assert len(database.asked) == 4


def test_a_table_or_time_that_this_version_lacks_is_null() -> None:
    columns = {table: names for table, names in COLUMNS.items() if table != "Release"} | {"Event": ["Id", "Message"]}
    found = loss.newer(Database(columns), SINCE, NOW)
    assert (found["releases"], found["events"]) == (None, None)
    assert found["tasks"]["count"] == 2


def test_columns_that_this_version_lacks_are_not_asked_for() -> None:
    columns = {
        "ServerTask": ["Id", "QueueTime"],
        "Release": ["Id", "Assembled"],
        "Deployment": ["Id", "Created", "TaskId"],
        "Event": ["Id", "Occurred", "Category"],
    }
    database = Database(columns)
    found = loss.newer(database, SINCE, NOW)
    text = " ".join(sql for sql, _params in database.asked)
    known = {name for names in columns.values() for name in names}
    assert not any(f"[{name}]" in text for names in COLUMNS.values() for name in names if name not in known)
    assert found["tasks"]["names"] == {} and found["events"]["names"] == {"Backup": 1, "Deploy": 2}
    assert {params for _sql, params in database.of("ServerTask")} == {("2026-11-23T20:00:00.000000+00:00",)}


def test_a_moment_that_is_still_to_come_is_refused() -> None:
    with pytest.raises(OctopusError, match=r"it is 2026-11-23T21:00:00\+00:00 at SQL Server sql01,1433.*as now"):
        loss.newer(Database(COLUMNS), NOW + timedelta(seconds=1), NOW)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-23T20:00:00+00:00", SINCE),
        ("2026-11-23T20:00:00Z", SINCE),
        ("2026-11-23 22:00:00.0000000 +02:00", SINCE),
        (" 2026-11-23T15:00:00.000-05:00 ", SINCE),
    ],
)
def test_moments_with_an_offset(text: str, wanted: datetime) -> None:
    assert loss.parse_since(text) == wanted


@pytest.mark.parametrize(
    "text", ["2026-11-23T20:00:00", "2026-11-23", "yesterday", "", "2026-02-31T00:00:00Z", "2026-11-23T20:00:00 Europe/Berlin"]
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(OctopusError, match="ISO 8601 with its offset"):
        loss.parse_since(text)
