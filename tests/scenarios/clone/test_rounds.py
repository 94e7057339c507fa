# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scheduled refresh: again and again, with changes in between and a fault in every second one.

``OCTOPUS_CLONE_ROUNDS`` says how often; ``make clone-rounds`` runs ten. Without it there are none: one round of each kind is a part of other
stories (test_refresh.py, test_interrupted.py, test_life.py). The tests run in this order.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from lab.estate import SINGLE, CloneSpec
from scenarios.clone.scene import CloneScene, MakeCloneScene

ROUNDS = int(os.environ.get("OCTOPUS_CLONE_ROUNDS", "0"))
pytestmark = [pytest.mark.timeout(3000), pytest.mark.skipif(not ROUNDS, reason="no rounds: OCTOPUS_CLONE_ROUNDS is not set")]
CLONE = CloneSpec("copy", "single", ("octo-clone",))
# The fault, the machine, and how the refresh may end: with nothing begun, with the old clone in service, or well.
FAULTS: list[tuple[str, str | None, dict[str, Any], set[int]]] = [
    ("service.fail_start", "octo-clone", {}, {21}),
    ("sql.kill_restore", None, {}, {20, 21}),
    ("winrm.drop", "octo-clone", {"after": 25}, {0, 20, 21}),
    ("job.vanish", "octo-clone", {}, {0, 20, 21}),
    ("sql.kill_backup", None, {}, {20}),
]


@pytest.fixture(scope="module")
def scene(make_scene: MakeCloneScene) -> CloneScene:
    return make_scene(SINGLE, CLONE)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_round(scene: CloneScene, number: int) -> None:
    scene.release(f"1{number}.0.0")
    maintenance = scene.look().maintenance
    if number % 2:
        fault, machine, more, codes = FAULTS[number // 2 % len(FAULTS)]
        old = scene.result()["database"]
        scene.lab.faults.arm(fault, machine, **more)
        run = scene.refresh()
        scene.lab.faults.disarm()
        assert run.code in codes, f"{fault}: {run.code}\n{run.output[-5000:]}"
        if run.code:
            assert scene.result()["exit_status"] == run.code
            assert scene.serves() and old in scene.databases(), "the old clone is in service"
        assert scene.look().maintenance == maintenance, "the source is as it was"
    run = scene.refresh()
    assert run.code == 0, run.output[-5000:]
    assert scene.unhealthy() == []
    with scene.clone.store(scene.result()["database"]) as copy:
        assert f"1{number}.0.0" in {row["Version"] for row in copy.documents("Release")}


def test_a_refresh_after_nothing_has_happened_changes_nothing(scene: CloneScene) -> None:
    scene.be_quiet()
    run = scene.refresh()
    assert run.code == 0, run.output[-3000:]
    mark, before = scene.lab.ledger.mark(), scene.result()
    run = scene.refresh()
    assert run.code == 0, run.output[-3000:]
    result = scene.result()
    assert (result["status"], result["database"]) == ("unchanged", before["database"]), result
    for kind in ("sql.backup", "sql.restore", "msi", "service.state"):
        assert scene.lab.ledger.events(kind, since=mark) == []
    assert scene.unhealthy() == []
