# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a database is as it was at its backup: what is unknown is a difference."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.unchanged import differences

SEEN = "2026-11-23T20:00:00+00:00"


def read(**changes: Any) -> dict[str, Any]:
    rows = [{"name": "octo-a", "last_seen": SEEN, "last_seen_age_seconds": 7.0}]
    return {"version": "2025.3.14357", "schema_scripts": 812, "node_rows": rows, **changes}


def rows(*pairs: tuple[str, str | None]) -> list[dict[str, Any]]:
    return [{"name": name, "last_seen": seen} for name, seen in pairs]


def test_a_database_that_nothing_has_worked_with_does_not_differ() -> None:
    assert differences(read(), read(node_rows=rows(("octo-a", SEEN)))) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"version": "2026.2.9853"}, "version: expected 2025.3.14357, found 2026.2.9853"),
        ({"schema_scripts": 813}, "number of schema scripts: expected 812, found 813"),
        (
            {"node_rows": rows(("octo-a", SEEN[:17] + "09+00:00"))},
            f"last heartbeat of octo-a: expected {SEEN}, found 2026-11-23T20:00:09+00:00",
        ),
        ({"node_rows": rows(("octo-a", SEEN), ("octo-b", SEEN))}, f"last heartbeat of octo-b: expected none, found {SEEN}"),
        ({"node_rows": rows(("octo-a", None))}, "last heartbeat of octo-a: unknown"),
        ({"node_rows": []}, "heartbeats: unknown"),
        ({"version": None}, "version: unknown"),
        ({"schema_scripts": None}, "number of schema scripts: unknown"),
    ],
)
def test_what_differs_is_told(changes: dict[str, Any], told: str) -> None:
    assert differences(read(), read(**changes)) == [told]


def test_a_restore_point_that_tells_nothing_differs() -> None:
    assert differences({}, read()) == ["version: unknown", "number of schema scripts: unknown", "heartbeats: unknown"]
