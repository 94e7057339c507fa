# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The matrix: every step of every story, times every way to break it. Both come from what runs of the stories left in journal and ledger."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from scenarios.chaos.effects import Break, Moment
from scenarios.guards import MINUTES

UPGRADE, RESTORE_SERVICE, ROLL_BACK = "upgrade", "restore service", "roll back"

# A step is killed at four moments: it has begun and nothing of it may be done; in the middle of what goes on without the controller; all of
# it is done, but not recorded; and it is recorded, but the next step has not begun.
KILL, WITHIN, BREAK, FAIL, UNRECORDED, AFTER = KINDS = "kill", "kill within", "break", "fail", "kill unrecorded", "kill after"
KILLS = (KILL, WITHIN, UNRECORDED, AFTER)
# And it is killed, as it begins or within it, and nobody starts it again: what the guard does then (guarded.py).
ALONE, ALONE_WITHIN = GUARDED = "never again", "never again within"
KILLED_WHEN_DONE = {UNRECORDED: "SIGKILL before it is recorded", AFTER: "SIGKILL once it is recorded"}
SAME, SECOND = "same", "second"
# So many seconds are generous in the lab, and short enough that a service that hangs (effects.HANG) is given up first.
VARIABLES: dict[str, Any] = {
    "octopus_stop_timeout": 12,
    "octopus_start_timeout": 60,
    "octopus_drain_timeout": 60,
    "octopus_isolate_until_published": True,
    "octopus_guard_minutes": MINUTES,
}


@dataclass(frozen=True)
class Step:
    """One step of a story: its name in the journal, and what it can meet."""

    name: str
    breaks: list[Break] = field(default_factory=list)
    failures: list[Break] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)


@dataclass(frozen=True)
class Story:
    """A run as the matrix knows it. One that fails has the failure, and the step at which that is armed.

    Attributes:
        ending: How the run ended that nobody disturbed (likeness.ending).
    """

    name: str
    steps: list[Step]
    at: str = ""
    late: Break | None = None
    ending: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One step, one way to break it; and which control node resumes the run after it."""

    story: str
    step: str
    kind: str
    strike: Break | None = None
    moment: Moment | None = None
    controller: str = SAME
    at: str = ""
    late: Break | None = None
    ending: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        return f"{self.story}/{self.step}/{self.kind}".replace(" ", "-")

    @property
    def phase(self) -> str:
        return f"{self.story}: {self.step.partition('.')[0]}"

    @property
    def armed(self) -> str:
        """What was done, for the table."""
        return str(self.strike or self.moment or KILLED_WHEN_DONE.get(self.kind, "SIGKILL"))


def cases(stories: Iterable[Story]) -> list[Case]:
    """The whole matrix, in the order of the steps."""
    out: list[Case] = []
    for story in stories:
        for number, step in enumerate(story.steps):
            own = [Case(story.name, step.name, KILL)]
            own += [Case(story.name, step.name, BREAK, strike=one) for one in step.breaks[:1]]
            own += [Case(story.name, step.name, WITHIN, moment=one) for one in step.moments[:1]]
            own += [Case(story.name, step.name, FAIL, strike=one) for one in step.failures[:1]]
            own += [Case(story.name, step.name, kind) for kind in KILLED_WHEN_DONE]
            place = number % len(own)
            for case in own[place:] + own[:place]:
                # The control node that did the work knows of it, whether the coordinator does or not.
                controller = SECOND if case.kind == UNRECORDED or (number + own.index(case)) % 2 else SAME
                values = {name: getattr(case, name) for name in ("story", "step", "kind", "strike", "moment")}
                out.append(Case(**values, controller=controller, at=story.at, late=story.late, ending=story.ending))
            if story.name == UPGRADE:
                out.append(Case(story.name, step.name, ALONE))
                out += [Case(story.name, step.name, ALONE_WITHIN, moment=one) for one in step.moments[:1]]
    return out


def full(matrix: Sequence[Case]) -> list[Case]:
    """Each step killed once and broken once; how, takes turns: as it begins, within it or after it, the connection or the remote step."""
    found: list[Case] = []
    steps = list(dict.fromkeys((case.story, case.step) for case in matrix))
    for number, step in enumerate(steps):
        own = {case.kind: case for case in matrix if (case.story, case.step) == step}
        pair = [[kind for kind in kinds if kind in own] for kinds in (KILLS, (FAIL, BREAK))]
        for have in pair:
            if have:
                found.append(own[have[number % len(have)]])
    return found


def gate(matrix: Sequence[Case], seed: str) -> list[Case]:
    """What a commit has to pass: two of the moments at which a control node dies, a case of each other kind, and one with the guard.

    Which ones depend on the seed, so that everybody's turn comes; `make chaos` runs all of them, as does each night.

    Nothing here knows a phase or a step by its name. No two cases are of one phase where that can be, and the kind that the fewest steps
    allow chooses first.

    Args:
        matrix: All cases, in the order of the steps.
        seed: What all of them depend on, such as the commit.
    """
    common = Counter(case.kind for case in matrix)
    phases: Counter[str] = Counter()
    found: list[Case] = []
    dead = sorted(KILLS, key=lambda kind: hashlib.sha256(f"{seed} {kind}".encode()).digest())[2:]
    for kind in sorted((kind for kind in KINDS if kind in common and kind not in dead), key=lambda one: (common[one], KINDS.index(one))):
        own = _shuffled([case for case in matrix if case.kind == kind], seed)
        case = min(own, key=lambda one: phases[one.phase])  # the first of them, so that the seed decides
        phases[case.phase] += 1
        found.append(case)
    guarded = [case for case in matrix if case.kind in GUARDED]
    return [case for case in matrix if case in found] + _shuffled(guarded, seed)[:1]


def _shuffled(matrix: Sequence[Case], seed: str) -> list[Case]:
    return sorted(matrix, key=lambda case: hashlib.sha256(f"{seed} {case.name}".encode()).digest())


def chosen(matrix: Sequence[Case], which: str, seed: str = "") -> list[Case]:
    """Choose cases.

    Args:
        matrix: All cases.
        which: ``all``; ``full``, two of each step; ``gate``, one of each kind; or cases by their names, or by what their names begin
            with, separated by commas.
        seed: For ``gate``.

    Raises:
        ValueError: There is no case of that name.
    """
    if which in ("all", "full", "gate"):
        return list(matrix) if which == "all" else full(matrix) if which == "full" else gate(matrix, seed)
    wanted = [name.strip() for name in which.split(",") if name.strip()]
    strange = [name for name in wanted if not any(case.name.startswith(name) for case in matrix)]
    if strange or not wanted:
        raise ValueError(f"no such case: {', '.join(strange)}; known: {', '.join(case.name for case in matrix)}")
    return [case for case in matrix if any(case.name.startswith(name) for name in wanted)]


# -- failures after which a run restores service or rolls back


def restoring_service(steps: Sequence[Step]) -> tuple[str, Break] | None:
    """The first step after the service was stopped that can fail: nothing is changed by then, so the service is restored."""
    stopped = False
    for step in steps:
        own = [one for one in step.failures if one.fault != "service.hang_stop"]
        if stopped and own:
            return step.name, own[0]
        stopped = stopped or any(one.fault == "service.hang_stop" for one in step.failures)
    return None


def rolling_back(steps: Sequence[Step]) -> tuple[str, Break] | None:
    """The last step that starts the new version's service (or else that changes the schema): as late as a failure can be."""
    for fault in ("service.fail_start", "schema.fail"):
        for step in reversed(steps):
            for one in step.failures:
                if one.fault == fault:
                    return step.name, one
    return None


# -- to and from a file


def dump(stories: Iterable[Story]) -> list[dict[str, Any]]:
    return [asdict(story) for story in stories]


def load(data: Iterable[dict[str, Any]]) -> list[Story]:
    return [Story(one["name"], [_step(step) for step in one["steps"]], one["at"], _break(one["late"]), one["ending"]) for one in data]


def _step(data: dict[str, Any]) -> Step:
    moments = [Moment(**{**one, "begins": tuple(one["begins"]) if one["begins"] else None}) for one in data["moments"]]
    return Step(data["name"], [Break(**one) for one in data["breaks"]], [Break(**one) for one in data["failures"]], moments)


def _break(data: dict[str, Any] | None) -> Break | None:
    return None if data is None else Break(**data)
