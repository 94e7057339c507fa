# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cells of the table that go into the outage, and whether the table is whole.

``make table`` runs all of them.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import path_checks, plan
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.verification import verdicts
from scenarios.table import cell as cells
from scenarios.table import situations
from scenarios.table.situations import BORNE, ELSEWHERE, MOMENTS, REFUSED, Cell, Run


def test_each_situation_has_a_cell_for_each_moment() -> None:
    assert {row.name: list(row.cells) for row in BORNE if list(row.cells) != list(MOMENTS)} == {}
    names = [row.name for row in REFUSED] + [row.name for row in BORNE]
    assert len(names) == len(set(names))


def test_each_cell_is_run_or_the_same_as_one_that_is_run() -> None:
    assert [(row.name, moment) for row in BORNE for moment in MOMENTS if not isinstance(situations.resolved(row.name, moment), Cell)] == []


def test_each_check_has_a_situation_that_it_refuses() -> None:
    """A check that is added to the gate has to be added here; one of the rollback alone fails in test_rollback_gate.py of the units."""
    met = {row.check for row in REFUSED if row.check}
    # Each row of the catalogue of jumps has its own test where it applies and where it does not (units, _octopus/path), and those of the
    # verification are told after an upgrade (octopus/test_verification.py).
    assert met | ELSEWHERE == set(plan.NAMES) - set(path_checks.NAMES) - set(verdicts.NAMES)
    assert met & ELSEWHERE == set()


@pytest.mark.timeout(1800)
def test_cell(cell: Run, tmp_path: Path) -> None:
    assert "\n".join(cells.play(cell, tmp_path)) == ""
