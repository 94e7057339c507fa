# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a schema upgrade brings into a clone that no list knows: twelve dangers after each version of a rehearsal's path, made up a moment ago."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.tests.unit.unlisted_dangers import Danger, invented
from lab.octopus import migrations
from scenarios.mssql.test_octopus_database import Estate, make_estate, one_driver
from scenarios.mssql.test_quarantine_unlisted import seed

FIXTURES = (make_estate, seed)  # found by their names in this module
SOURCE = {"host": "sql-prod.lab.example", "database": "Octopus", "server_name": "SQL-PROD"}


@pytest.fixture
def bring(monkeypatch: pytest.MonkeyPatch) -> list[Danger]:
    """What the next schema upgrade brings, with its last script and in its transaction."""
    brought: list[Danger] = []
    whole = migrations.Upgrade._one

    def one(self: migrations.Upgrade, context: Any, script: Any, before: str | None) -> None:
        whole(self, context, script, before)
        if not migrations.scripts.pending(self.connection, self.binary):
            for danger in brought:
                for sql, params in danger.statements:
                    self.connection.execute(sql, params)
            brought.clear()

    monkeypatch.setattr(migrations.Upgrade, "_one", one)
    return brought


@one_driver
def test_each_version_of_the_path_brings_twelve(make_estate: Callable[..., Estate], bring: list[Danger], seed: int) -> None:
    estate, rng = make_estate(), random.Random(seed)
    estate.stop()
    waived: list[str] = []
    applied = estate.quarantine("", name="copy", source=SOURCE)
    assert not applied.get("failed"), applied["msg"]
    for version in ("2019.13.7", "2021.1.8045", "2025.3.14357"):
        estate.install(version)
        dangers = invented(rng)
        bring[:] = dangers
        result = estate.upgrade(version, waivers=waived)
        assert result["failed"] is True and not bring, (version, result)
        found = {check["name"] for check in estate.quarantine("_verify", waivers=waived)["checks"] if not check["ok"]}
        assert [danger.what for danger in dangers if not any(danger.names(name) for name in found)] == [], version
        # Named where the upgrade stops, and the schema is not upgraded a second time, nor is it started, until each is judged.
        assert (
            "unlisted:" in result["msg"]
            and [danger.what for danger in dangers if any(value in str(result) for value in danger.values)] == []
        )
        assert estate.quarantine("", renew=True, waivers=waived)["failed"] is True
        waived += sorted(name for name in found if name.startswith("unlisted:"))
        result = estate.upgrade(version, waivers=waived)
        assert not result.get("failed"), result["msg"]
        assert not estate.quarantine("_verify", waivers=waived).get("failed")
