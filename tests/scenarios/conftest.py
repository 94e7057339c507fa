# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Labs in this process, and operators for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab.estate import InstanceSpec, Lab
from scenarios.operator import Operator


@pytest.fixture
def make_lab(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    """Starts labs of given specifications, and stops them after the test."""
    labs: list[Lab] = []

    def make(*specs: InstanceSpec, scale: float = 20.0) -> Lab:
        lab = Lab(tmp_path / f"lab{len(labs)}", *specs, scale=scale)
        labs.append(lab)
        return lab.start()

    yield make
    for lab in labs:
        lab.stop()


@pytest.fixture
def operator_of(tmp_path: Path) -> Callable[[Lab], Operator]:
    """An operator for a lab."""
    return lambda lab: Operator(lab, tmp_path / "operator")
