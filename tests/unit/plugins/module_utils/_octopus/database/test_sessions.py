# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for the sessions on a database to end, with a clock of its own."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core import progress
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import TaskFailed
from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import sessions

ROW = {"session_id": 54, "login_name": "octopus", "host_name": "", "program_name": None}
# A session whose client has gone, and whose transaction SQL Server undoes.
UNDO = {
    "session_id": 60,
    "command": "KILLED/ROLLBACK ",
    "estimated_completion_time": 5000,
    "cpu_time": 1,
    "reads": 1,
    "writes": None,
    "logical_reads": 1,
}


class Server:
    """A SQL Server with a client that leaves at a time, and a transaction that is undone until another."""

    options = SqlOptions("sql01")

    def __init__(self, until: float, undoing_until: float = 0, stuck_at: float = 1e9) -> None:
        self.until = until
        self.undoing_until = undoing_until
        self.stuck_at = stuck_at
        self.now = 0.0
        self.looks = 0

    def scalar(self, _sql: str) -> int:
        return 1

    def query(self, sql: str, *_params: Any) -> list[dict[str, Any]]:
        if "dm_exec_requests" in sql:
            return [] if self.now >= self.undoing_until else [UNDO | {"percent_complete": min(self.now, self.stuck_at)}]
        self.looks += 1
        there = [ROW] if self.now < self.until else []
        return there + ([ROW | {"session_id": 60}] if self.now < self.undoing_until else [])

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def wait(self, seconds: float, leave: bool = False) -> dict[str, Any]:
        def deadline(length: float) -> Deadline:
            return Deadline(length, 0.2, 2.0, lambda: self.now, self.sleep)

        return sessions.wait_until_none(self, "Octopus", deadline(seconds), lambda: deadline(30), leave=leave)


def test_it_returns_as_soon_as_nobody_is_left() -> None:
    server = Server(until=10)
    result = server.wait(60)
    assert (result["sessions"], result["sessions_visible"]) == ([], True)
    assert 10 <= result["seconds"] <= 12


def test_at_the_deadline_it_looks_once_more_and_fails() -> None:
    server = Server(until=61)
    with pytest.raises(TaskFailed, match="within 60 s, but found octopus from an unknown host with an unknown program") as caught:
        server.wait(60)
    assert (server.now, caught.value.result["seconds"]) == (60.0, 60.0)
    assert Server(until=60).wait(60)["seconds"] == 60.0


def test_who_stays_is_left_where_a_restore_disconnects_them() -> None:
    result = Server(until=1000).wait(60, leave=True)
    assert [one["session_id"] for one in result["sessions"]] == [54]
    assert result["warnings"][0].endswith("but found octopus from an unknown host with an unknown program. A restore will disconnect them.")
    assert "warnings" not in Server(until=10).wait(60, leave=True)


def test_what_is_being_undone_is_waited_for_as_long_as_it_progresses() -> None:
    """Longer than clients get, and with the percentage shown."""
    shown: list[str] = []
    with progress.listening(shown.append):
        result = Server(until=0, undoing_until=5000).wait(60)
    assert 5000 <= result["seconds"] <= 5003
    assert (result["sessions"], result["undone"]) == ([], [{"session_id": 60, "percent": 0.0, "seconds_left": 5}])
    assert any("Waiting for SQL Server to undo a transaction in Octopus: session 60 (KILLED/ROLLBACK), 4" in line for line in shown)
    assert "about 5 s left" in shown[0]


def test_what_is_being_undone_without_progress_ends_the_wait() -> None:
    server = Server(until=0, undoing_until=5000, stuck_at=100)
    with pytest.raises(MssqlError, match=r"no progress for 30 s: session 60 \(KILLED/ROLLBACK\), 100.0 percent"):
        server.wait(60)
    assert 130 <= server.now <= 135


def test_a_client_is_still_an_error_beside_what_is_being_undone() -> None:
    server = Server(until=1000, undoing_until=2000)
    with pytest.raises(TaskFailed, match="within 60 s, but found octopus from an unknown host") as caught:
        server.wait(60)
    assert [one["session_id"] for one in caught.value.result["sessions"]] == [54]
