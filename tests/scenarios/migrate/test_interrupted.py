# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cut-over whose control node is killed at a step, on either side: never are both sides alive, and in the end exactly one is in service.

The steps come from the journals of an undisturbed cut-over and of the way back. ``OCTOPUS_MIGRATE_STEPS=all`` takes every step, a number n every n-th.
Without it, a few are taken, others each day, and one cut-over is killed at all of them in turn. What was killed is resumed; every other one is given
up, and goes back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
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
EVERY = int(ASKED or 9)
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


def test_each_step(scene: CloneScene, tmp_path: Path) -> None:
    """One test, since the steps are known only after a cut-over; it names each step after which something is wrong."""
    refresh(scene)
    with scene.instance.handle.store() as store:
        before = rows(store)
    known = len(steps(scene))
    for playbook in ("migrate", "migrate_return"):
        run = migrate(scene, playbook=playbook, octopus_confirm_loss=True)
        assert run.code == 0, run.output[-5000:]
    found = list(dict.fromkeys(one for one in steps(scene)[known:]))
    forward = [one for one in found if not one.startswith(("return.", "restore_service."))]
    back = [one for one in found if one not in forward]
    assert {"quiesce.stop", "migrate.lift", "migrate.publish"} <= set(forward) and {"return.quarantine", "restore_service.start"} <= set(
        back
    )
    first = 0 if ASKED else date.today().toordinal() % EVERY
    chosen = forward[first::EVERY]
    wrong: list[str] = []
    for number, group in enumerate([[one] for one in chosen] if ASKED else [chosen]):
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
            for one in (back if ASKED else back[first % len(back) :: EVERY]) if number == 0 else []:
                die_at(scene, one, tmp_path / f"{one}.txt", "migrate_return")
            run = migrate(scene, playbook="migrate_return", octopus_confirm_loss=True)
            wrong += [f"back from {', '.join(group)}: {one}" for one in _wrong(scene, mark, run.code, run.output, True)]
    with scene.instance.handle.store() as store:
        wrong += _unlike(before, rows(store), "in the end")
    assert not wrong, "\n\n".join(wrong)


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
