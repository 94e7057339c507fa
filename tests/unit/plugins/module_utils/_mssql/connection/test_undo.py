# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for what SQL Server is undoing, with a clock of its own."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import undo
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError

WORK = {"cpu_time": 0, "reads": 0, "writes": 0, "logical_reads": 0}


class Server:
    """Undoes something until a time; what its row says is the test's."""

    options = SqlOptions("sql01")

    def __init__(self, until: float, **row: Any) -> None:
        self.until, self.row, self.now = until, row, 0.0

    def query(self, _sql: str, *_params: Any) -> list[dict[str, Any]]:
        if self.now >= self.until:
            return []
        known = {"session_id": 60, "command": "KILLED/ROLLBACK", "percent_complete": 0.0, "estimated_completion_time": None, **WORK}
        return [known | {name: value(self.now) if callable(value) else value for name, value in self.row.items()}]

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def wait(self) -> list[str]:
        shown: list[str] = []
        undo.wait(
            self,
            "Octopus",
            lambda text, _percent: shown.append(text),
            deadline=lambda: Deadline(10, 0.2, 2.0, lambda: self.now, self.sleep),
        )
        return shown


def test_nothing_is_waited_for_where_nothing_is_undone() -> None:
    assert Server(until=0).wait() == []


@pytest.mark.parametrize("field", ["percent_complete", "estimated_completion_time", "cpu_time", "reads", "writes", "logical_reads"])
def test_any_progress_is_progress(field: str) -> None:
    """The percentage may stay at 0 while pages are read and written."""
    server = Server(until=500, **{field: int})
    assert server.wait()
    assert server.now >= 500


def test_percentage_and_time_are_shown() -> None:
    shown = Server(until=5, percent_complete=lambda now: now, estimated_completion_time=90000).wait()
    assert shown[0] == "Waiting for SQL Server to undo a transaction in Octopus: session 60 (KILLED/ROLLBACK), 0.0 percent, about 90 s left"


def test_no_progress_is_an_error_that_says_what_to_do() -> None:
    server = Server(until=500, percent_complete=7.5, writes=None)
    with pytest.raises(MssqlError, match=r"no progress for 10 s: session 60 \(KILLED/ROLLBACK\), 7.5 percent\. .*sys.dm_exec_requests"):
        server.wait()
    assert 10 <= server.now < 13
