# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The database of an Octopus Server as different versions leave it."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import schema
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

NOW = "2026-11-23 20:00:30.0000000 +00:00"


class Database:
    """Answers the statements of schema.py from tables in memory, and refuses a column that is not there, as SQL Server does."""

    options = SqlOptions("sql01")

    def __init__(self, **tables: list[dict[str, Any]]) -> None:
        self.tables = tables
        self.asked: list[str] = []

    def query(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        assert not params
        self.asked.append(sql)
        if "INFORMATION_SCHEMA.COLUMNS" in sql:
            return [{"table_name": table, "column_name": column} for table, rows in self.tables.items() for column in rows[0]]
        if "SYSDATETIMEOFFSET" in sql:
            return [{"now": NOW}]
        if "DB_NAME" in sql:
            return [{"name": "Octopus"}]
        table = re.search(r"FROM dbo\.\[(\w+)\]$", sql)
        assert table, sql
        rows = self.tables[table[1]]
        if "COUNT(*)" in sql:
            return [{"number": len(rows)}]
        columns = re.findall(r"\[(\w+)\](?=,| FROM| AS nvarchar)", sql)
        return [{column: row[column] for column in columns} for row in rows]

    def scalar(self, sql: str, *params: Any) -> Any:
        return next(iter(self.query(sql, *params)[0].values()))


SCRIPTS = [{"Id": 1, "ScriptName": "a", "Applied": "x"}, {"Id": 2, "ScriptName": "b", "Applied": "y"}]


def installed(version: str | None, when: str, node: str = "OCTO01") -> dict[str, Any]:
    return {"Id": "x", "Node": node, "Version": version, "Installed": when, "JSON": "{}"}


HISTORY = [
    installed("2018.10.7", "2026-11-23 10:00:00.1234567 +02:00"),
    installed(None, "2026-11-23 11:00:00.0000000 +00:00"),
    installed("3.17.14", "2018-01-01 00:00:00.0000000 +00:00"),
    installed("2018.9.1", "2026-11-23 07:59:00.0000000 +00:00"),
]


def test_the_newest_version_is_the_last_that_is_named() -> None:
    found = schema.read(Database(OctopusServerInstallationHistory=HISTORY, SchemaVersions=SCRIPTS))
    assert (found.version, found.schema_scripts) == ("2018.10.7", 2)
    assert [row.version for row in found.history] == ["3.17.14", "2018.9.1", "2018.10.7", None]
    assert found.is_at("2018.10.7.0") and not found.is_at("2018.10.8")


def test_no_version_at_all() -> None:
    found = schema.read(Database(OctopusServerInstallationHistory=[installed(None, NOW)], SchemaVersions=SCRIPTS))
    assert found.version is None
    assert not found.is_at("2018.10.7")


def test_heartbeats_in_the_node_table_before_2019_7() -> None:
    nodes = [
        {"Id": "n1", "Name": "OCTO-B", "LastSeen": "2026-11-23 21:00:00.0000000 +01:00"},
        {"Id": "n2", "Name": "OCTO-A", "LastSeen": None},
    ]
    found = schema.heartbeats(Database(OctopusServerNode=nodes))
    assert [(row.name, row.last_seen_age_seconds) for row in found] == [("OCTO-A", None), ("OCTO-B", 30.0)]


def test_heartbeats_in_a_table_of_their_own_since() -> None:
    nodes = [{"Id": "n1", "Name": "OCTO-A"}, {"Id": "n2", "Name": None}]
    status = [{"Id": "s1", "OctopusServerNodeId": "n1", "LastSeen": "2026-11-23 20:00:00.5 +00:00"}]
    found = schema.heartbeats(Database(OctopusServerNode=nodes, OctopusServerNodeStatus=status))
    assert [(row.name, row.last_seen_age_seconds) for row in found] == [("OCTO-A", 29.5), ("n2", None)]
    assert found[0].last_seen == "2026-11-23T20:00:00.500000+00:00"


NODES = [{"Id": "n1", "Name": "A"}]


@pytest.mark.parametrize(
    ("tables", "readable"),
    [
        ({"OctopusServerNode": [{**NODES[0], "LastSeen": None}]}, True),
        ({"OctopusServerNode": NODES}, False),
        ({"OctopusServerNode": NODES, "OctopusServerNodeStatus": [{"Id": "n1", "LastSeen": None}]}, True),
        ({"OctopusServerNode": NODES, "OctopusServerNodeStatus": [{"Id": "n1", "SeenAt": None}]}, False),
        ({"OctopusServerNode": [{**NODES[0], "LastSeen": None}], "OctopusServerNodeStatus": [{"Id": "n1", "SeenAt": None}]}, False),
        ({"OctopusServerNode": NODES, "OctopusServerNodeStatus": [{"NodeId": "n1", "LastSeen": None}]}, False),
        ({"SchemaVersions": SCRIPTS}, True),
    ],
)
def test_whether_a_heartbeat_would_be_found(tables: dict[str, Any], readable: bool) -> None:
    assert schema.heartbeats_readable(Database(**tables)) is readable


def test_a_status_without_a_known_key_is_not_read() -> None:
    found = schema.heartbeats(Database(OctopusServerNode=NODES, OctopusServerNodeStatus=[{"NodeId": "n1", "LastSeen": None}]))
    assert [row.last_seen for row in found] == [None]


def test_no_table_of_nodes() -> None:
    assert schema.heartbeats(Database(SchemaVersions=SCRIPTS)) == ()


def test_no_database_of_octopus() -> None:
    with pytest.raises(
        OctopusError, match=r"Octopus on SQL Server sql01,1433 to be .*has no table OctopusServerInstallationHistory and SchemaVersions"
    ):
        schema.read(Database(Products=[{"Id": 1}]))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-23 20:00:30.1234567 +02:00", datetime(2026, 11, 23, 18, 0, 30, 123456, timezone.utc)),
        ("2026-11-23T20:00:30Z", datetime(2026, 11, 23, 20, 0, 30, 0, timezone.utc)),
        ("2026-11-23 20:00:30.5", datetime(2026, 11, 23, 20, 0, 30, 500000, timezone.utc)),
        ("yesterday", None),
        (None, None),
    ],
)
def test_moments(text: str | None, wanted: datetime | None) -> None:
    assert schema.moment_of(text) == wanted
