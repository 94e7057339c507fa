# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A world in which only what is documented exists: its tables have no column that is only assumed, whichever way they came about."""

from __future__ import annotations

import sqlite3
from itertools import pairwise

import pytest
from lab.octopus import schema

OLD, NEW = "2018.10.7", "2026.2.9853"
# Columns that no public source names. What is in the JSON then has a property of the API for its name.
ASSUMED = {
    "OctopusServerNodeStatus": {"OctopusServerNodeId"},
    "Space": {"TaskQueueStopped"},
    "Runbook": {"Name", "ProjectId"},
    "GitCredential": {"Name"},
    "Interruption": {"TaskId", "IsPending", "Title", "Created"},
    "DeploymentFreeze": {"Name", "StartTime", "EndTime"},
}


def columns(only_documented: bool, *steps: str | None) -> dict[str, set[str]]:
    with sqlite3.connect(":memory:") as connection:
        for before, after in pairwise(steps):
            for _table, statement in schema.changes(before, str(after), only_documented):
                connection.execute(statement)
        return {name: {row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')} for name in ASSUMED}


@pytest.mark.parametrize("steps", [(None, NEW), (None, OLD, NEW)], ids=["new", "upgraded"])
def test_no_assumed_column(steps: tuple[str | None, ...]) -> None:
    usual, documented = columns(False, *steps), columns(True, *steps)
    for table, assumed in ASSUMED.items():
        assert usual[table] - documented[table] == assumed
        assert {"Id", "JSON"} <= documented[table]
    assert "LastSeen" in documented["OctopusServerNodeStatus"]
