# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scenes with a live instance and the place of a clone of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from lab.estate import CloneSpec, InstanceSpec, Lab
from scenarios.clone.scene import CloneScene, MakeCloneScene

SCALE = 40.0


@pytest.fixture(scope="module")
def make_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeCloneScene]:
    """Starts labs of one instance and one clone each, and stops them after the module."""
    with ExitStack() as labs:

        def make(source: InstanceSpec, clone: CloneSpec, scale: float = SCALE, only_documented: bool = False) -> CloneScene:
            folder: Path = tmp_path_factory.mktemp("clone")
            lab = labs.enter_context(Lab(folder / "lab", source, clone, scale=scale, only_documented=only_documented))
            return CloneScene(lab, source, clone, folder)

        yield make
