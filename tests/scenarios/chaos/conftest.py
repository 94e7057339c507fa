# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which cases are run: OCTOPUS_CHAOS=full, quarter, off, or names of cases separated by commas.

Collecting them costs a survey of about a minute where build/ has none for this state of the sources.
"""

from __future__ import annotations

import os

import pytest
from scenarios.chaos import matrix, survey

# Where nobody asks for them, nobody waits for them: whoever runs one scenario by hand wants no survey.
chosen = os.environ.get("OCTOPUS_CHAOS", "off")
collect_ignore = ["test_matrix.py"] if chosen == "off" else []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" not in metafunc.fixturenames:
        return
    try:
        cases = matrix.chosen(matrix.cases(survey.stories()), chosen)
    except Exception as error:  # told as a test that fails, not as a collection that breaks off everything else
        metafunc.parametrize("case", [f"{type(error).__name__}: {error}"], ids=["no-matrix"])
        return
    metafunc.parametrize("case", cases, ids=[case.name for case in cases])
