# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scenes for the tests of rollbacks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from lab.estate import InstanceSpec, Lab
from scenarios.rollback.scene import MakeScene, Scene

SCALE = 40.0


@pytest.fixture(scope="module")
def make_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeScene]:
    """Starts labs of one instance each, and stops them after the module."""
    with ExitStack() as labs:

        def make(spec: InstanceSpec, scale: float = SCALE) -> Scene:
            folder: Path = tmp_path_factory.mktemp("scene")
            lab = labs.enter_context(Lab(folder / "lab", spec, scale=scale))
            return Scene(lab, spec, folder)

        yield make
