# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two control nodes at once, with inventories that differ: one works, the other is refused, at every step.

``make chaos`` runs these too, ``make chaos CASES=rivals`` these alone.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from scenarios.chaos import conftest, rivals
from scenarios.chaos.controller import elsewhere
from scenarios.chaos.outcome import Outcome, table
from scenarios.chaos.survey import OUT

pytestmark = [
    pytest.mark.timeout(7200),
    pytest.mark.skipif(not elsewhere(), reason="this computer gives no process a namespace of its own, so all are of one control node"),
]


def _keep(outcomes: list[Outcome]) -> None:
    for number, outcome in enumerate(outcomes):
        outcome.write(OUT / conftest.RIVALS, f"{number:03}-{outcome.kind}".replace(" ", "-").replace(",", ""))


def test_whoever_comes_second_is_refused(tmp_path: Path) -> None:
    outcomes = rivals.Held(tmp_path).run()
    _keep(outcomes)
    assert len(outcomes) > len(rivals.RIVALS), table(outcomes)
    assert all(one.legitimate for one in outcomes), f"\n{table(outcomes)}"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_of_two_that_start_at_once_one_works(tmp_path: Path, seed: int) -> None:
    outcome = rivals.race(tmp_path, seed)
    outcome.write(OUT / conftest.RIVALS, f"race-{seed}")
    assert outcome.legitimate, f"\n{table([outcome])}\n" + "\n".join(outcome.runs)
