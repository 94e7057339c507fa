# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that nobody disturbs: what their journals name as steps, and what the ledger saw between one step and the next."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.core.ledger import Event
from lab.estate import SINGLE, Lab
from patience import patient
from scenarios.chaos import effects, journal, likeness, matrix
from scenarios.chaos.controller import Controller
from scenarios.chaos.journal import Journals
from scenarios.chaos.matrix import RESTORE_SERVICE, ROLL_BACK, UPGRADE, VARIABLES, Break, Step, Story
from scenarios.chaos.strike import Strike
from scenarios.operator import ROOT, Operator
from scenarios.world import look

SCALE = 40.0
BACKUP_RATE = 40 * 1024.0  # bytes a lab second: a backup takes long enough to be in the middle of it
DEADLINE = patient(600.0)  # real seconds for one run, which takes 15 on a computer that has nothing else to do
PAUSE = 0.01
OUT = ROOT / "build" / "chaos"
# What the steps of a run, and what they do, can depend on.
SOURCES = ("plugins", "roles", "playbooks", "tests/lab", "tests/scenarios/chaos", "requirements-dev.txt")


def make_lab(folder: Path) -> Lab:
    """The lab that every run of the matrix has to itself."""
    lab = Lab(folder, SINGLE, scale=SCALE)
    lab.instances[SINGLE.name].sql.backup_rate = BACKUP_RATE
    return lab


def stories(workers: int = 1) -> list[Story]:
    """All of them, surveyed once for this state of the sources: the file in build/ is shared by processes that ask at the same time.

    Args:
        workers: How many runs may be under way at the same time.

    Raises:
        RuntimeError: A run that nobody disturbed did not end well.
    """
    OUT.mkdir(parents=True, exist_ok=True)
    # Whoever starts several processes says which survey they share, so that all of them have the same cases.
    path = Path(os.environ.get("OCTOPUS_CHAOS_STORIES") or stories_path())
    with (OUT / "stories.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            found = matrix.dump(_survey_all(OUT / "survey", workers))
            path.write_text(json.dumps(found, indent=1))
        return matrix.load(json.loads(path.read_text()))


def stories_path() -> Path:
    """Where the survey of this state of the sources is kept."""
    return OUT / f"stories-{_sources()}.json"


def _survey_all(folder: Path, workers: int) -> list[Story]:
    shutil.rmtree(folder, ignore_errors=True)
    upgrade = survey(UPGRADE, folder / "upgrade")
    failing = [(RESTORE_SERVICE, matrix.restoring_service(upgrade.steps)), (ROLL_BACK, matrix.rolling_back(upgrade.steps))]
    with ThreadPoolExecutor(workers) as pool:
        ended = [pool.submit(survey, name, folder / name.replace(" ", "-"), *late) for name, late in failing if late]
    return [upgrade, *(one.result() for one in ended)]


def survey(name: str, folder: Path, at: str = "", late: Break | None = None) -> Story:
    """Run a story, and see what each of its steps does, and how it ends.

    Raises:
        RuntimeError: It does not end as it should: an upgrade well, one with a failure in it badly.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with make_lab(folder / "lab") as lab:
        operator = Operator(lab, folder / "operator")
        instance = lab.instances[SINGLE.name]
        journals = Journals.of(instance, [operator.folder])
        before = look(instance)
        strike = Strike(lab, late) if late else None
        marks: dict[str, int] = {}
        with Controller(operator, "upgrade_inplace", folder / "output.txt", **VARIABLES) as controller:
            while not controller.ended and controller.seconds < DEADLINE:
                for step in journal.step_names(journals.entries()):
                    marks.setdefault(step, lab.ledger.mark())
                if strike and at in marks:
                    strike.go_on()
                time.sleep(PAUSE)
            code = controller.code
        entries = journals.entries()
        for step in journal.step_names(entries):
            marks.setdefault(step, lab.ledger.mark())
        events, end = lab.ledger.events(), lab.ledger.mark()
        ending = likeness.ending(entries, before, look(instance))
    if code is None or (code != 0) != (late is not None):
        said = "\n".join(controller.output.splitlines()[-40:])
        raise RuntimeError(f"The run {name!r} that shows the steps ended with {code} ({late or 'nothing was broken'}):\n{said}")
    wanted = journal.steps_after_failure(entries) if late else journal.step_names(entries)
    return Story(name, steps_of(marks, events, end, wanted), at, late, ending)


def steps_of(marks: dict[str, int], events: list[Event], end: int, wanted: list[str]) -> list[Step]:
    """Each wanted step with what happened from its mark to the next one's."""
    ordered = sorted(marks.items(), key=lambda one: one[1])
    ends = {name: following for (name, _mark), (_next, following) in zip(ordered, [*ordered[1:], ("", end)], strict=True)}
    steps = []
    for turn, name in enumerate(wanted):
        window = events[marks[name] : ends[name]]
        steps.append(Step(name, effects.breaks(window, turn), effects.failures(window), effects.moments(window)))
    return steps


def _sources() -> str:
    """A hash of all that the steps can depend on."""
    digest = hashlib.sha256()
    for source in SOURCES:
        top = ROOT / source
        for path in sorted([top] if top.is_file() else top.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
