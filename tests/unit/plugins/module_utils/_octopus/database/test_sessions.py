# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for the sessions on a database to end, with a clock of its own."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import TaskFailed
from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import sessions

ROW = {"session_id": 54, "login_name": "octopus", "host_name": "", "program_name": None}


class Server:
    """A SQL Server with a session that ends at a time."""

    options = SqlOptions("sql01")

    def __init__(self, until: float) -> None:
        self.until = until
        self.now = 0.0
        self.looks = 0

    def scalar(self, _sql: str) -> int:
        return 1

    def query(self, _sql: str, *_params: Any) -> list[dict[str, Any]]:
        self.looks += 1
        return [ROW] if self.now < self.until else []

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def wait(self, seconds: float) -> dict[str, Any]:
        return sessions.wait_until_none(self, "Octopus", Deadline(seconds, 0.2, 2.0, lambda: self.now, self.sleep))


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
