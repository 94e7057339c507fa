# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The matrix: every step of every story, times every way to break it. Both come from what runs of the stories left in journal and ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from scenarios.chaos.effects import Break, Moment

UPGRADE, GIVE_BACK, ROLL_BACK = "upgrade", "give back", "roll back"

KILL, WITHIN, BREAK, FAIL = "kill", "kill within", "break", "fail"
SAME, SECOND = "same", "second"
# So many seconds are generous in the lab, and short enough that a service that hangs (effects.HANG) is given up first.
VARIABLES: dict[str, Any] = {"octopus_stop_timeout": 12, "octopus_start_timeout": 60, "octopus_drain_timeout": 60}


@dataclass(frozen=True)
class Step:
    """One step of a story: its name in the journal, and what it can meet."""

    name: str
    breaks: list[Break] = field(default_factory=list)
    failures: list[Break] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)


@dataclass(frozen=True)
class Story:
    """A run as the matrix knows it. One that goes back has the failure that makes it, and the step at which that is armed."""

    name: str
    steps: list[Step]
    at: str = ""
    late: Break | None = None


@dataclass(frozen=True)
class Case:
    """One step, one way to break it; and which control node goes on after it."""

    story: str
    step: str
    kind: str
    strike: Break | None = None
    moment: Moment | None = None
    controller: str = SAME
    at: str = ""
    late: Break | None = None

    @property
    def name(self) -> str:
        return f"{self.story}/{self.step}/{self.kind}".replace(" ", "-")

    @property
    def phase(self) -> str:
        return f"{self.story}: {self.step.partition('.')[0]}"

    @property
    def armed(self) -> str:
        """What was done, for the table."""
        return str(self.strike or self.moment or "SIGKILL")


def cases(stories: Iterable[Story]) -> list[Case]:
    """The whole matrix, in the order of the steps. The kinds take turns, so that every so-manieth case is another kind."""
    out: list[Case] = []
    for story in stories:
        for number, step in enumerate(story.steps):
            own = [Case(story.name, step.name, KILL)]
            own += [Case(story.name, step.name, BREAK, strike=one) for one in step.breaks[:1]]
            own += [Case(story.name, step.name, WITHIN, moment=one) for one in step.moments[:1]]
            own += [Case(story.name, step.name, FAIL, strike=one) for one in step.failures[:1]]
            place = number % len(own)
            for case in own[place:] + own[:place]:
                controller = SECOND if (number + own.index(case)) % 2 else SAME
                values = {name: getattr(case, name) for name in ("story", "step", "kind", "strike", "moment")}
                out.append(Case(**values, controller=controller, at=story.at, late=story.late))
    return out


def full(matrix: Sequence[Case]) -> list[Case]:
    """Each step killed once and broken once; how, takes turns: as it begins or within it, the connection or the remote step."""
    found: list[Case] = []
    steps = list(dict.fromkeys((case.story, case.step) for case in matrix))
    for number, step in enumerate(steps):
        own = {case.kind: case for case in matrix if (case.story, case.step) == step}
        pair = [[kind for kind in kinds if kind in own] for kinds in ((KILL, WITHIN), (FAIL, BREAK))]
        # In turns of two, so that every fourth case is now the one, now the other.
        for have in pair if number // 2 % 2 == 0 else pair[::-1]:
            if have:
                found.append(own[have[number % len(have)]])
    return found


def quarter(matrix: Sequence[Case]) -> list[Case]:
    """Every fourth case, and beyond that the first of each phase, each kind and each controller that this leaves out."""
    chosen = set(range(0, len(matrix), 4))
    for attribute in ("phase", "kind", "controller"):
        have = {getattr(matrix[number], attribute) for number in chosen}
        for number, case in enumerate(matrix):
            if getattr(case, attribute) not in have:
                have.add(getattr(case, attribute))
                chosen.add(number)
    return [matrix[number] for number in sorted(chosen)]


def chosen(matrix: Sequence[Case], which: str) -> list[Case]:
    """``all``; ``full``, two of each step; ``quarter`` of that; or cases by their names, or by what their names begin with.

    Raises:
        ValueError: There is no case of that name.
    """
    if which in ("all", "full", "quarter"):
        return list(matrix) if which == "all" else full(matrix) if which == "full" else quarter(full(matrix))
    wanted = [name.strip() for name in which.split(",") if name.strip()]
    strange = [name for name in wanted if not any(case.name.startswith(name) for case in matrix)]
    if strange or not wanted:
        raise ValueError(f"no such case: {', '.join(strange)}; known: {', '.join(case.name for case in matrix)}")
    return [case for case in matrix if any(case.name.startswith(name) for name in wanted)]


# -- failures that make a run go back


def giving_back(steps: Sequence[Step]) -> tuple[str, Break] | None:
    """The first step after the service was stopped that can fail: nothing is changed by then, so the service is given back."""
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
    return [Story(one["name"], [_step(step) for step in one["steps"]], one["at"], _break(one["late"])) for one in data]


def _step(data: dict[str, Any]) -> Step:
    moments = [Moment(**{**one, "begins": tuple(one["begins"]) if one["begins"] else None}) for one in data["moments"]]
    return Step(data["name"], [Break(**one) for one in data["breaks"]], [Break(**one) for one in data["failures"]], moments)


def _break(data: dict[str, Any] | None) -> Break | None:
    return None if data is None else Break(**data)
