# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The chaos matrix: an upgrade broken at every step of its journal, in every way that the step allows, and how that ends.

``make chaos`` runs all of them, ``make test`` seven that change with the commit. The cases come from runs that nobody disturbs (survey.py).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from scenarios.chaos.case import CaseRun
from scenarios.chaos.guarded import GuardedRun
from scenarios.chaos.matrix import GUARDED, RESTORE_SERVICE, ROLL_BACK, UPGRADE, Case
from scenarios.chaos.outcome import table
from scenarios.chaos.survey import OUT, stories


@pytest.mark.timeout(1800)
def test_what_follows_a_failure_has_steps() -> None:
    """A rollback that does not happen, or leaves no journal, would be missing from the matrix without a word."""
    assert {story.name for story in stories() if story.steps} == {UPGRADE, RESTORE_SERVICE, ROLL_BACK}


@pytest.mark.timeout(1800)  # at most three runs, each with survey.DEADLINE
def test_case(case: Case | str, tmp_path: Path) -> None:
    assert isinstance(case, Case), case
    outcome = (GuardedRun if case.kind in GUARDED else CaseRun)(case, tmp_path).run()
    outcome.write(OUT / "outcomes", case.name)
    assert outcome.legitimate, f"\n{table([outcome])}\n" + "\n".join(outcome.runs)
