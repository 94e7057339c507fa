# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long what a rollback has replaced is retained."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._run.retention import term

FINISHED = "2026-11-25T13:24:00.123+00:00"


@pytest.mark.parametrize(
    ("finished", "days", "now", "until", "due"),
    [
        (FINISHED, 14, "2026-12-09T13:24:01+00:00", "2026-12-09T13:24:00+00:00", True),
        (FINISHED, 14, "2026-12-09T13:23:59+00:00", "2026-12-09T13:24:00+00:00", False),
        (FINISHED, 0, "2026-11-25T13:24:01+00:00", None, True),
        (None, 14, "2036-11-25T13:24:01+00:00", None, False),
        (None, 0, "2026-11-25T13:24:01+00:00", None, True),
    ],
)
def test_what_is_retained_may_be_removed_when_its_time_is_over(
    finished: str | None, days: int, now: str, until: str | None, due: bool
) -> None:
    assert term(finished, days, datetime.fromisoformat(now).astimezone(timezone.utc)) == {"until": until, "due": due}
