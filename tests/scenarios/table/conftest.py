# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which cells are run: OCTOPUS_TABLE=all, gate (one, another with each commit or OCTOPUS_CHAOS_SEED), off (the default), or the beginnings of names."""

from __future__ import annotations

import hashlib
import os

import pytest
from scenarios.chaos.conftest import seed
from scenarios.table import situations


def chosen(which: str, by: str) -> list[situations.Run]:
    """Choose cells.

    Args:
        which: As above.
        by: What the choice of ``gate`` depends on.

    Raises:
        ValueError: No cell's name begins so.
    """
    runs = situations.runs()
    if which in ("all", "off"):
        return runs if which == "all" else []
    if which == "gate":
        return sorted(runs, key=lambda run: hashlib.sha256(f"{by} {run.name}".encode()).digest())[:1]
    wanted = [name.strip() for name in which.split(",")]
    strange = [name for name in wanted if not any(run.name.startswith(name) for run in runs)]
    if strange:
        raise ValueError(f"no such cell: {', '.join(strange)}; known: {', '.join(run.name for run in runs)}")
    return [run for run in runs if run.name.startswith(tuple(wanted))]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell" in metafunc.fixturenames:
        runs = chosen(os.environ.get("OCTOPUS_TABLE", "off"), seed())
        metafunc.parametrize("cell", runs, ids=[run.name for run in runs])
