# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a case ended, on disk, and all of them as a table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

UPGRADED, AS_BEFORE, REFUSED, NEITHER = "upgraded", "as before", "refused", "NEITHER"
# Where nobody starts it again: the guard has restored service, has raised the alarm and touched nothing, or had nothing to do.
RESTORED, ALARM, LEFT_ALONE = "service restored", "alarm", "left alone"


@dataclass
class Outcome:
    """``how`` says how it came to its end; ``problems`` is empty where that is legitimate."""

    story: str
    step: str
    kind: str
    armed: str
    outcome: str = NEITHER
    how: str = ""
    seconds: float = 0.0
    runs: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def legitimate(self) -> bool:
        return self.outcome != NEITHER and not self.problems

    def write(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name.replace('/', '--')}.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self), indent=1))
        part.replace(path)


def read(folder: Path, names: Iterable[str]) -> list[Outcome]:
    """The outcomes of these cases, in their order; a case that left none is told as such."""
    found = []
    for name in names:
        path = folder / f"{name.replace('/', '--')}.json"
        if path.exists():
            found.append(Outcome(**json.loads(path.read_text())))
        else:
            story, step, kind = name.split("/")
            found.append(Outcome(story, step, kind.replace("-", " "), "", problems=["the case was not run to its end"]))
    return found


def read_all(folder: Path) -> list[Outcome]:
    """All outcomes in a folder, in the order of their names."""
    return [Outcome(**json.loads(path.read_text())) for path in sorted(folder.glob("*.json"))]


HEAD = ("step", "fault", "armed", "outcome", "how", "seconds")


def table(outcomes: Sequence[Outcome]) -> str:
    """One line a case; below those that ended illegitimately, what is wrong."""
    lines: list[tuple[str, ...]] = [HEAD]
    for one in outcomes:
        step = one.step if one.story == "upgrade" else f"{one.story}: {one.step}"
        end = one.outcome if one.legitimate else f"{one.outcome} !"
        lines.append((step, one.kind, one.armed, end, one.how, f"{one.seconds:.0f}"))
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    out = []
    for number, line in enumerate(lines):
        out.append("  ".join(cell.ljust(width) for cell, width in zip(line[:-1], widths, strict=False)) + f"  {line[-1]:>{widths[-1]}}")
        if number == 0:
            out.append("  ".join("-" * width for width in widths))
        elif not outcomes[number - 1].legitimate:
            out += [f"    ! {problem}" for problem in outcomes[number - 1].problems]
    return "\n".join([*out, "", summary(outcomes)])


def summary(outcomes: Sequence[Outcome]) -> str:
    """The counts: ends and ways, rows and files that are gone, leftovers."""
    good = [one for one in outcomes if one.legitimate]
    ends = Counter(f"{one.outcome} ({one.how})" for one in good)
    problems = [problem for one in outcomes for problem in one.problems]
    lost = sum(problem.startswith("lost: ") or problem.endswith(" is gone") for problem in problems)
    left = sum(problem.startswith("left over: ") for problem in problems)
    share = 100 * len(good) / len(outcomes) if outcomes else 0
    parts = [f"{len(good)} of {len(outcomes)} legitimate ends ({share:.0f} %)"]
    parts += [f"{count} {end}" for end, count in sorted(ends.items())]
    seconds = [one.seconds for one in outcomes]
    times = (
        f"{sum(seconds):.0f} s in all, {sum(seconds) / len(seconds):.0f} s a case, at most {max(seconds):.0f} s"
        if seconds
        else "nothing ran"
    )
    return f"{'; '.join(parts)}\n{lost} lost rows and files, {left} leftovers\n{times}"
