# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module reports while it works, and how far something is."""

from __future__ import annotations

import pickle

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core import progress

MB, GB = 1024**2, 1024**3


def test_a_message_keeps_what_it_is_made_of_on_its_way_through_a_queue() -> None:
    sent = progress.Message("Backing up Octopus", 45.4, 3, "octo-a")
    arrived = pickle.loads(pickle.dumps(sent))
    assert (arrived, type(arrived)) == ("[octo-a] Backing up Octopus (45 %)", progress.Message)
    assert (arrived.what, arrived.percent, arrived.part, arrived.host) == ("Backing up Octopus", 45.4, 3, "octo-a")
    assert progress.Message("done") == "done"


@pytest.mark.parametrize(
    ("done", "total", "seconds", "told"),
    [
        (0, None, 30, ""),
        (0, 8 * GB, 30, ""),
        (5 * MB, None, 10, "5.0 MB, 0.5 MB/s"),
        (5 * MB, 0, 10, "5.0 MB, 0.5 MB/s"),
        (2 * GB, 8 * GB, 600, "2.0 GB of 8.0 GB, 3.4 MB/s, about 30 min left"),
        (1 * GB, 300 * GB, 60, "1.0 GB of 300.0 GB, 17.1 MB/s, about 4 h 59 min left"),
        (7 * GB, 8 * GB, 70, "7.0 GB of 8.0 GB, 102.4 MB/s, about 10 s left"),
        (9 * GB, 8 * GB, 600, "8.0 GB of 8.0 GB, 15.4 MB/s"),
        (2 * GB, 8 * GB, 0.5, "2.0 GB of 8.0 GB"),
    ],
)
def test_how_far_something_is(done: int, total: int | None, seconds: float, told: str) -> None:
    assert progress.how_far(done, total, seconds) == told


def test_exact_durations() -> None:
    assert [progress.clock(seconds) for seconds in (0, 59.6, 3599.4, 90061)] == ["00:00:00", "00:01:00", "00:59:59", "25:01:01"]
