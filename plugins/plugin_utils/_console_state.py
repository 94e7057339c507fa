# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the console knows of an instance while its run goes on. No I/O, no Ansible. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Message
from ansible_collections.octopus.upgrade.plugins.plugin_utils import _console_steps as steps


@dataclass(frozen=True)
class Task:
    """What the console knows of a task before it has run.

    Attributes:
        name: As the operator reads it.
        action: Its action, with the collection.
        role: Its role, without the collection; empty outside of a role.
        step: The name of its step as the task has it, expressions and all; empty where it is none.
    """

    name: str
    action: str
    role: str = ""
    step: str = ""


@dataclass
class Running:
    """The task that an instance is at.

    Attributes:
        task: The task.
        since: When it began.
        phase: The phase that it belongs to; empty where it belongs to that before.
        number: As in ``step  3 of 24``; empty where it is no step, or an unknown one.
        step: The name of its step, where that is known.
        said: What its module said last.
        items: The failures of its items.
        announced: Whether a line said that it runs.
        line_at: When the last line about it was printed.
        quarter: How many quarters of it were done by then.
    """

    task: Task
    since: float
    phase: str = ""
    number: str = ""
    step: str = ""
    said: Message | None = None
    items: list[str] = field(default_factory=list)
    announced: bool = False
    line_at: float = 0.0
    quarter: int = 0

    def titled(self, took: str = "") -> str:
        """Return the task, with its number where it is a step, and how long it took where that is given."""
        return "  ".join(part for part in (self.number, took, self.task.name) if part)


@dataclass
class Instance:
    """What is known of an instance.

    Attributes:
        label: What it is called on the screen.
        course: Where it is in its steps.
        phase: The phase of which there is a headline.
        running: What it is doing now.
        seconds: How long each step took in a rehearsal.
        scripts: How many scripts each step executed there.
        told: The failures that were told, in full.
        reports: The results of the modules that report how a run ended: one, or that of a clone's refresh and that of the rehearsal on it.
        run_id: The run whose steps it is at.
        worked: Whether anything was done on it beyond finding the instances.
    """

    label: str
    course: steps.Course = field(default_factory=steps.Course)
    phase: str = ""
    running: Running | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    scripts: dict[str, int] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    reports: list[Mapping[str, Any]] = field(default_factory=list)
    run_id: str | None = None
    worked: bool = False

    def begin(self, task: Task, now: float) -> Running:
        """Be at a task, and return what is known of it. It may be skipped yet."""
        pattern = steps.pattern_of(task.step)
        self.worked = self.worked or bool(task.role)
        running = self.running = Running(task, now, phase=steps.phase_of(pattern), line_at=now)
        if pattern:
            running.step = self._advance(pattern) or ""
            running.number = f"step {self.course.number:2} of {self.course.total}" if running.step else ""
        elif task.role == "preflight" and not self.phase:
            running.phase = "preflight"
        return running

    def _advance(self, pattern: str) -> str | None:
        found = self.course.advance(pattern)
        phase = steps.phase_of(pattern)
        if found is None and phase in ("restore_service", "rollback", "clone"):  # what follows a failure has steps of its own
            course = steps.Course(steps.of_operation(phase, ()))
            found = course.advance(pattern)
            if found is not None:
                self.course = course
        return found

    def percent(self) -> float | None:
        """Return how much of the task is done, from what its module says and, for scripts, from the rehearsal."""
        said = self.running.said if self.running else None
        if self.running is None or said is None:
            return None
        scripts = self.scripts.get(self.running.step)
        if said.percent is None and said.part and scripts:
            return min(99.0, 100 * (said.part - 1) / scripts)  # the one that has begun is not done
        return said.percent

    def left(self, now: float) -> float | None:
        """Return about how many seconds the rest of the run will take, from the rehearsal; None where there was none."""
        if self.running is None or self.running.step not in self.seconds:
            return None
        return self.course.left(self.seconds) + max(0.0, self.seconds[self.running.step] - (now - self.running.since))

    def was_told(self, message: str) -> bool:
        """Return whether a failure was told: a role that reports it fails with the same words, of which the final block has the rest."""
        return message in self.told or any(message == report.get("message") for report in self.reports)
