# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wherever a run is interrupted, the resumed run ends with the same results and the same record as an unbroken one."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._run import outcome, record, steps
from ansible_collections.octopus.upgrade.plugins.module_utils._run.journal import Journal, Step
from hypothesis import given, settings
from hypothesis import strategies as st


@dataclass(frozen=True)
class Task:
    """A task of a run.

    Attributes:
        name: Its step.
        result: What its module returns. The same whenever it acts: a module that is done returns what there is.
        outage: As the option.
        repeat_until: As the option: the index of a later task.
    """

    name: str
    result: dict[str, Any]
    outage: str | None
    repeat_until: int | None


class Memory:
    """A journal on a host that is never lost."""

    def __init__(self) -> None:
        self.events: list[record.Event] = []

    def read(self) -> list[record.Event]:
        return list(self.events)

    def append(self, events: list[record.Event], uncertain: bool) -> None:
        self.events += events

    def check_not_resumed(self, known: Sequence[record.Event]) -> None:
        assert known == self.events


RESULTS = st.dictionaries(
    st.sampled_from(["changed", "nodes", "paths"]), st.none() | st.booleans() | st.integers() | st.lists(st.text(max_size=3))
)


@st.composite
def runs(draw: st.DrawFn) -> list[Task]:
    count = draw(st.integers(1, 7))
    tasks = []
    for number in range(count):
        later = draw(st.none() | st.integers(number + 1, count - 1)) if number + 1 < count else None
        outage = draw(st.sampled_from([None, None, "begins", "ends"]))
        tasks.append(Task(f"phase.{number}", draw(RESULTS), outage, later))
    return tasks


def play(tasks: list[Task], host: Memory, folder: Path, verdict: str = "upgraded") -> tuple[dict[str, Any], list[str]]:
    """Run or resume, on a control node that has nothing but what the host has: what each task has registered, and who acted."""
    journal = Journal.__new__(Journal)
    journal._there, journal._path, journal._copy = host, "C:\\j\\R1.jsonl", folder / "R1.jsonl"  # type: ignore[assignment]
    journal.add("resumed" if host.events else "begun", **({} if host.events else {"operation": "upgrade", "instance": "prod"}))
    registered: dict[str, Any] = {}
    acted: list[str] = []
    for task in tasks:
        until = None if task.repeat_until is None else tasks[task.repeat_until].name
        step = Step(journal, {"step": task.name, "outage": task.outage, "repeat_until": until, "journal_required": True})
        found = step.replayed()
        if found is None:
            step.begin()
            acted.append(task.name)
            found = task.result
            step.end(found)
        registered[task.name] = found
    journal.add("finished", verdict=verdict)
    return registered, acted


def essence(events: list[record.Event]) -> dict[str, Any]:
    """What a record says apart from when, and from the steps that were interrupted or done again."""
    found = record.summary(events)
    ended = {step["name"]: step["result"] for step in found["steps"] if step["result"] != "interrupted"}
    return {
        "steps": list(ended.items()),
        "names": steps.begun(events),
        "outage": found["outage_seconds"] is not None,
        **{name: found[name] for name in ("instance", "operation", "verdict", "error")},
    }


@settings(deadline=None, max_examples=60)  # it writes files
@given(runs(), st.data())
def test_a_resumed_run_ends_as_an_unbroken_one(tasks: list[Task], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        unbroken = Memory()
        registered, acted = play(tasks, unbroken, Path(folder) / "0")
        assert acted == [task.name for task in tasks]
        broken = Memory()
        # Interrupted after some event, and once more after some event of a resumed one.
        broken.events = unbroken.events[: data.draw(st.integers(1, len(unbroken.events) - 1))]
        for again in range(1, data.draw(st.integers(1, 3)) + 1):
            kept = list(broken.events)
            done = steps.results(kept)
            registered_again, acted_again = play(tasks, broken, Path(folder) / str(again))
            assert registered_again == registered
            assert steps.results(broken.events) == steps.results(unbroken.events)
            assert essence(broken.events) == essence(unbroken.events)
            repeated = {task.name for task in tasks if task.repeat_until is not None and tasks[task.repeat_until].name not in done}
            assert set(acted_again) == {task.name for task in tasks} - (set(done) - repeated), "what is done does not act again"
            if again < 3:  # and interrupted once more
                broken.events = broken.events[: data.draw(st.integers(len(kept), len(broken.events) - 1))]


@settings(deadline=None, max_examples=40)
@given(runs(), st.data())
def test_wherever_a_run_is_interrupted_the_next_one_knows_what_has_begun(tasks: list[Task], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        host = Memory()
        play(tasks, host, Path(folder))
        events = host.events[: data.draw(st.integers(1, len(host.events) - 1))]
        assert record.is_unfinished(events)
        begun, done = steps.begun(events), steps.done(events)
        assert begun == [task.name for task in tasks][: len(begun)], "in their order"
        assert done == begun[: len(done)] and len(begun) - len(done) <= 1, "only the last one may be open"
        assert not outcome.must_roll_back_first(begun, record.summary(events)), "an interruption is no failure"
