# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A refresh whose control node is killed at a step: the source is in service and as it was, and the next run ends well.

The steps come from the journals of an undisturbed refresh, so that new ones are included. ``OCTOPUS_CLONE_STEPS=all`` takes every step
(`make clone-rounds`), a number n every n-th. Without it, a few are taken, and all but the last in one refresh: each run resumes the one that
was killed, and is killed further on. Every other refresh is completed by another control node, which has nothing but the inventory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.estate import SINGLE, CloneSpec
from patience import patient
from scenarios import leftovers
from scenarios.chaos.controller import Controller
from scenarios.chaos.journal import Entry, read
from scenarios.clone.scene import JOURNALS, CloneScene, MakeCloneScene
from scenarios.operator import Operator
from scenarios.world import World

pytestmark = pytest.mark.timeout(3000)

CLONE = CloneSpec("copy", "single", ("octo-clone",))
ASKED = os.environ.get("OCTOPUS_CLONE_STEPS", "").replace("all", "1")
EVERY = int(ASKED or 9)
DEADLINE = patient(600.0)  # real seconds
PATIENT: dict[str, Any] = {"octopus_stop_timeout": 60}


@pytest.fixture(scope="module")
def scene(make_scene: MakeCloneScene) -> Iterator[CloneScene]:
    """A source with a clone, which each interrupted refresh is to replace."""
    scene = make_scene(SINGLE, CLONE)
    run = scene.refresh()
    assert run.code == 0, run.output[-5000:]
    yield scene


def journals(scene: CloneScene) -> list[Entry]:
    """Return every event of every run of source and clone, oldest first."""
    places = [(scene.instance.hosts[0], scene.spec.name), (scene.host, CLONE.name)]
    files = [path for host, name in places for path in host.root.joinpath(*JOURNALS, name).glob("*.jsonl")]
    entries = [entry for path in files for entry in read(path)]
    return sorted(entries, key=lambda one: str(one.get("at", "")))


def steps(scene: CloneScene) -> list[str]:
    return [str(one["step"]) for one in journals(scene) if one["event"] == "step"]


def die_at(scene: CloneScene, step: str, log: Path, **variables: Any) -> None:
    """Run a refresh, and kill its control node when the journal names the step once more."""
    before = steps(scene).count(step)
    with Controller(scene.operator, "refresh_clone", log, **PATIENT, **variables) as controller:
        controller.kill_when(lambda: steps(scene).count(step) > before, step, DEADLINE)


def test_each_step(scene: CloneScene, tmp_path: Path) -> None:
    """One test, since the steps are known only after a refresh; it names each step after which the next run fails."""
    known = list(dict.fromkeys(steps(scene)))
    assert {"clone.quarantine", "clone.instance", "freeze.maintenance"} <= set(known)
    # While the clone has the certificate of its source.
    chosen = [one for number, one in enumerate(known) if number % EVERY == 0 or one == "clone.certificate"]
    assert len(chosen) > 2
    before, wrong = scene.look(), []
    for number, killed in enumerate([[one] for one in chosen] if ASKED else [chosen[:-1], chosen[-1:]]):
        step = ", ".join(killed)
        scene.release(f"{100 + number}.0.0")
        for one in killed:
            # The first run begins a refresh, although one has just been made; the others resume it.
            die_at(scene, one, tmp_path / f"{one}.txt", octopus_clone_force=one == killed[0])
        shells = leftovers.shells(scene.instance)  # their owner is dead; Windows closes them after hours
        operator = scene.another_operator(f"second-{number}") if number % 2 else scene.operator
        run = scene.refresh(operator, **PATIENT)
        if run.code and "octopus_break_lock: " in run.output:  # another control node cannot know that the first one is dead
            owner = run.output.split("octopus_break_lock: ", 1)[1].split()[0].strip('.,;"\\')
            run = scene.refresh(operator, octopus_break_lock=owner, **PATIENT)
        if run.code:
            wrong.append(f"{step}: the next run ended with {run.code}: {run.output[-3000:]}")
            continue
        wrong += [f"{step}: {one}" for one in _wrong(scene, operator, before, shells)]
        with scene.clone.store(scene.result(operator)["database"]) as copy:
            if f"{100 + number}.0.0" not in {row["Version"] for row in copy.documents("Release")}:
                wrong.append(f"{step}: the clone has not what is new in its source")
    assert not wrong, "\n\n".join(wrong)


def _wrong(scene: CloneScene, operator: Operator, before: World, shells: set[str]) -> list[str]:
    after = scene.look()
    wrong = [] if (after.maintenance, after.drained) == (before.maintenance, before.drained) else ["the source is not as it was"]
    wrong += [f"source: {one}" for one in scene.left(shells)]
    if not scene.serves():
        wrong.append("the clone's service does not run")
    if scene.databases() != [scene.result(operator)["database"]] or len(scene.folders()) != 1:
        wrong.append(f"databases {scene.databases()}, folders {scene.folders()}")
    return wrong + [f"clone: {one}" for one in scene.left_over()]
