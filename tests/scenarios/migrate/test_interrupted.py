# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cut-over whose control node is killed at a step, on either side: never are both sides alive, and in the end exactly one is in service.

The steps come from the journals of an undisturbed cut-over and of the way back. ``OCTOPUS_MIGRATE_STEPS=all`` takes every step, a number n every n-th.
Without it, test_life.py kills one cut-over at a few of them in turn. What was killed is resumed; every other one is given up, and goes back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.estate import SINGLE, CloneSpec
from patience import patient
from scenarios.chaos.controller import Controller
from scenarios.clone.scene import CloneScene, MakeCloneScene
from scenarios.migrate.scene import WANTED, both_alive, in_service, migrate, outcome, own_database, rows, steps

pytestmark = pytest.mark.timeout(6000)

CLONE = CloneSpec("copy", "single", ("octo-clone",))
ASKED = os.environ.get("OCTOPUS_MIGRATE_STEPS", "").replace("all", "1")
EVERY = int(ASKED or 1)
DEADLINE = patient(600.0)  # real seconds


@pytest.fixture(scope="module")
def scene(make_scene: MakeCloneScene) -> Iterator[CloneScene]:
    scene = make_scene(SINGLE, CLONE)
    scene.be_quiet()
    yield scene


def refresh(scene: CloneScene) -> None:
    run = scene.refresh(octopus_clone_certificate="keep")
    assert run.code == 0, run.output[-5000:]


def die_at(scene: CloneScene, step: str, log: Path, playbook: str = "migrate") -> None:
    """Run a playbook, and kill its control node when a journal names the step once more."""
    before = steps(scene).count(step)
    with Controller(scene.operator, playbook, log, **WANTED, octopus_confirm_loss=True) as controller:
        controller.kill_when(lambda: steps(scene).count(step) > before, step, DEADLINE)


@pytest.mark.skipif(not ASKED, reason="a few of them are killed in test_life.py")
def test_each_step(scene: CloneScene, tmp_path: Path) -> None:
    """One test, since the steps are known only after a cut-over; it names each step after which something is wrong."""
    refresh(scene)
    for playbook in ("migrate", "migrate_return"):
        run = migrate(scene, playbook=playbook, octopus_confirm_loss=True)
        assert run.code == 0, run.output[-5000:]
    forward, back = found(scene)
    wrong = kill_at(scene, tmp_path, [[one] for one in forward[::EVERY]], back)
    assert not wrong, "\n\n".join(wrong)


def found(scene: CloneScene) -> tuple[list[str], list[str]]:
    """The steps of a cut-over and of the way back, by the journals of those that have been."""
    names = list(dict.fromkeys(steps(scene)))
    forward = [one for one in names if one.startswith(("stage.contents", "quiesce.", "migrate."))]
    back = [one for one in names if one.startswith(("return.", "restore_service."))]
    assert {"quiesce.stop", "migrate.lift", "migrate.publish"} <= set(forward)
    assert {"return.quarantine", "restore_service.start"} <= set(back)
    return forward, back


def kill_at(scene: CloneScene, tmp_path: Path, groups: list[list[str]], back: list[str]) -> list[str]:
    """Kill a cut-over at the steps of each group in turn, and the first way back at its steps; what is wrong after each."""
    with scene.instance.handle.store() as store:
        before = rows(store)
    wrong: list[str] = []
    for number, group in enumerate(groups):
        refresh(scene)
        mark = scene.lab.ledger.mark()
        for one in group:
            die_at(scene, one, tmp_path / f"{one}.txt")
        goes_back = number % 2 == 1
        run = migrate(scene, playbook="migrate_return" if goes_back else "migrate", octopus_confirm_loss=True)
        wrong += [f"{', '.join(group)}: {one}" for one in _wrong(scene, mark, run.code, run.output, goes_back)]
        if not goes_back and not wrong:
            with scene.clone.store(own_database(scene)) as store:
                wrong += _unlike(before, rows(store), ", ".join(group))
            for one in back if number == 0 else []:
                die_at(scene, one, tmp_path / f"{one}.txt", "migrate_return")
            run = migrate(scene, playbook="migrate_return", octopus_confirm_loss=True)
            wrong += [f"back from {', '.join(group)}: {one}" for one in _wrong(scene, mark, run.code, run.output, True)]
    with scene.instance.handle.store() as store:
        wrong += _unlike(before, rows(store), "in the end")
    return wrong


def _wrong(scene: CloneScene, mark: int, code: int, output: str, back: bool) -> list[str]:
    expected = scene.spec.name if back else CLONE.name
    wrong = [] if code == 0 else [f"the next run ended with {code}: {output[-3000:]}"]
    wrong += [f"in service: {sides}" for sides in [in_service(scene)] if sides != [expected]]
    wrong += [f"both alive: {one}" for one in both_alive(scene, mark)[:1]]
    status = outcome(scene)["status"]
    return wrong + ([] if status in (("returned", "unchanged") if back else ("migrated",)) else [f"it says {status}"])


def _unlike(before: dict[str, dict[str, object]], after: dict[str, dict[str, object]], where: str) -> list[str]:
    return [
        f"{where}: {table} {key} is {after[table].get(key)}, and was {row}"
        for table, known in before.items()
        for key, row in known.items()
        if after[table].get(key) != row
    ]
