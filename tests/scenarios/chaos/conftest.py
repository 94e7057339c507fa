# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which cases are run: OCTOPUS_CHAOS=all, full, gate, rivals, off, or names of cases separated by commas (matrix.chosen).

The cases of ``gate`` are others with each commit, or with OCTOPUS_CHAOS_SEED where that is set.
Collecting them costs a survey of about two minutes where build/ has none for this state of the sources.
"""

from __future__ import annotations

import os
import subprocess

import pytest
from scenarios.chaos import matrix, survey
from scenarios.operator import ROOT

# Where nobody asks for them, nobody waits for them: whoever runs one scenario by hand wants no survey.
chosen = os.environ.get("OCTOPUS_CHAOS", "off")
RIVALS = "rivals"  # test_rivals.py alone
collect_ignore = ["test_matrix.py"] if chosen in ("off", RIVALS) else []
if chosen not in ("all", "full", RIVALS):
    collect_ignore.append("test_rivals.py")


def seed() -> str:
    """What the rotating cases depend on: OCTOPUS_CHAOS_SEED, else the commit, else (an unpacked archive) nothing that changes."""
    given = os.environ.get("OCTOPUS_CHAOS_SEED")
    if given:
        return given
    git = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return git.stdout.strip() if git.returncode == 0 else "no commit"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" not in metafunc.fixturenames:
        return
    try:
        cases = matrix.chosen(matrix.cases(survey.stories()), chosen, seed())
    except Exception as error:  # told as a test that fails, not as a collection that breaks off everything else
        metafunc.parametrize("case", [f"{type(error).__name__}: {error}"], ids=["no-matrix"])
        return
    metafunc.parametrize("case", cases, ids=[case.name for case in cases])
