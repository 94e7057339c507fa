# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the console says about a run, and when. No I/O, no Ansible, no clock of its own. Private to this collection.

A play host is one instance, so that each instance has its lines. Times are seconds of a clock that only grows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Message, clock, duration
from ansible_collections.octopus.upgrade.plugins.plugin_utils import _console_steps as steps
from ansible_collections.octopus.upgrade.plugins.plugin_utils import _console_text as text
from ansible_collections.octopus.upgrade.plugins.plugin_utils._console_state import Instance, Running, Task
from ansible_collections.octopus.upgrade.plugins.plugin_utils._console_text import BAD, GOOD, PLAIN, TITLE, WARN, Line

# What became of a task.
OK, SKIPPED, FAILED, IGNORED, UNREACHABLE = "ok", "skipped", "failed", "ignored", "unreachable"

_COLLECTION = "octopus.upgrade."
_REPORTS = tuple(f"{_COLLECTION}octopus_{name}_report" for name in ("run", "clone", "test_instance"))
_DEBUG = ("debug", "ansible.builtin.debug")
# They change what Ansible knows, not the world.
_SILENT = ("set_fact", "set_stats", "group_by", "add_host", "include_vars", "assert")
EVERY = 1.0  # seconds between two looks at the clock
QUIET_SECONDS = 30.0  # without a terminal: for how long nothing is said of a task that goes on
_QUARTER_SECONDS = 10.0  # the least time between two lines about quarters of a step
_LONG = 10.0  # seconds from which on it is worth a line how long a step took


class Console:
    """What is printed for each event of a play, line by line, and the lines that show what is running now.

    Args:
        now: The time of the clock at which the playbook began.
        live: Whether there is a terminal, which shows what is running now. Without one, lines about it are printed from time to time.
    """

    def __init__(self, now: float, live: bool) -> None:
        self._start = now
        self._live = live
        self._instances: dict[str, Instance] = {}

    # -- what happens

    def named(self, host: str, label: str) -> None:
        """Call a host by the name of its instance."""
        self._of(host).label = label

    def knows(self, host: str) -> bool:
        """Whether there was something about this host."""
        return host in self._instances

    def begin(self, playbook: str, check_mode: bool) -> list[Line]:
        """A playbook begins."""
        return [Line(f"{playbook}{' (check mode: nothing is changed)' if check_mode else ''}", TITLE)]

    def task_begins(self, host: str, task: Task, now: float) -> list[Line]:
        """A task begins on a host. Nothing is said of it yet, since it may be skipped."""
        self._of(host).begin(task, now)
        return []

    def task_ends(self, host: str, task: Task, result: Mapping[str, Any], ended: str, now: float) -> list[Line]:
        """A task has ended on a host.

        Args:
            host: The host.
            task: The task.
            result: Its result, without what no_log hides.
            ended: What became of it.
            now: The time.
        """
        instance = self._of(host)
        running, instance.running = instance.running or Running(task, now), None
        if ended == SKIPPED:
            if running.step:
                instance.course.back()
            return []
        self._learn(instance, task, result)
        if ended in (FAILED, UNREACHABLE):
            lines = self._failure(instance, running, result, ended, now)
        elif ended == IGNORED:
            lines = [
                self._line(
                    instance, now, f"{task.name}: {'; '.join(running.items) or text.message(result)} (this does not stop the run)", WARN
                )
            ]
        elif task.action in _DEBUG:
            lines = self._debug(instance, result, now)
        else:
            lines = self._done(instance, running, result, now)
        return self._headline(instance, running, now) + lines if lines else []

    def item_fails(self, host: str, result: Mapping[str, Any]) -> list[Line]:
        """An item of a task's loop has failed. Whether that matters, the task itself says after its last item."""
        running = self._of(host).running
        if running is not None:
            running.items += text.messages(result)
        return []

    def retries(self, host: str, task: Task, result: Mapping[str, Any], now: float) -> list[Line]:
        """A task is tried again."""
        return [self._line(self._of(host), now, f"{task.name}: {text.message(result)}; it is tried again", WARN)]

    def progress(self, message: Message, now: float) -> list[Line]:
        """A module has said how far it is."""
        instance = self._of(message.host)
        running = instance.running
        if running is None:
            return []
        if "\n" in message.what:  # a text to be read, as a plan is
            return [*self._headline(instance, running, now), *(Line(text.clean(line)) for line in message.what.splitlines())]
        running.said = message
        lines = self._announce(instance, running, now)
        quarter = int(instance.percent() or 0) // 25
        if not self._live and quarter > running.quarter and now - running.line_at >= _QUARTER_SECONDS:
            lines += self._still(instance, running, now)
        return lines

    def tick(self, now: float) -> list[Line]:
        """Time has passed. Without a terminal, a task that has said nothing for long is shown to be alive."""
        lines = []
        for instance in self._instances.values():
            running = instance.running
            if running is None or not instance.worked or now - running.since < EVERY:
                continue
            lines += self._announce(instance, running, now)
            if not self._live and now - running.line_at >= QUIET_SECONDS:
                lines += self._still(instance, running, now)
        return lines

    def status(self, now: float, width: int) -> list[str]:
        """What each instance is doing now: a line for each, none longer than the terminal is wide."""
        lines = []
        for instance in self._instances.values():
            running = instance.running
            if running is None or not instance.worked:
                continue
            percent, left = instance.percent(), instance.left(now)
            parts = [
                running.number,
                f"{percent:.0f} %" if percent is not None else "",
                f"about {duration(left)} left of the run" if left else "",
                f"{running.task.name} {clock(now - running.since)}",
                running.said.what if running.said else "",
            ]
            lines.append(self._line(instance, now, " | ".join(part for part in parts if part)).text[: max(width - 1, 0)])
        return lines

    def end(self, now: float, changed: Mapping[str, int], failed: Collection[str] = ()) -> list[Line]:
        """The playbook has ended: how each instance is.

        Args:
            now: The time.
            changed: How many tasks have changed something, by host.
            failed: The hosts that a failure has ended, without a rescue.
        """
        lines = []
        for host, instance in self._instances.items():
            instance.running = None
            for report in instance.reports:
                lines += [Line(""), *text.final(instance.label, report, instance.told)]
            if instance.reports:
                continue
            if host in failed:
                lines += [Line(""), Line(f"{instance.label}: failed, as told above", BAD)]
            elif instance.worked:
                lines += [Line(""), Line(f"{instance.label}: done{'' if changed.get(host) else ', nothing was changed'}", GOOD)]
        return [*lines, Line(""), Line(f"{clock(now - self._start)} in all")]

    # -- parts

    def _of(self, host: str) -> Instance:
        return self._instances.setdefault(host, Instance(host))

    def _line(self, instance: Instance, now: float, words: str, tone: str = PLAIN) -> Line:
        wide = max(len(one.label) for one in self._instances.values() if one.worked or one is instance)
        head = f"{clock(now - self._start)}  {instance.label:<{wide}}  "
        first, *more = words.splitlines() or [""]
        return Line(text.clean("\n".join([head + first, *(" " * len(head) + line for line in more)])), tone)

    def _headline(self, instance: Instance, running: Running, now: float) -> list[Line]:
        if not running.phase or running.phase == instance.phase:
            return []
        instance.phase = running.phase
        return [self._line(instance, now, f"== {steps.PHASES[running.phase]}", TITLE)]

    def _announce(self, instance: Instance, running: Running, now: float) -> list[Line]:
        """Say, once, that a step is running: it is not skipped. In a terminal the status says which."""
        lines = self._headline(instance, running, now)
        if running.task.step and not self._live and not running.announced:
            lines.append(self._line(instance, now, running.titled()))
        running.announced = True
        return lines

    def _learn(self, instance: Instance, task: Task, result: Mapping[str, Any]) -> None:
        """Keep what a result tells about the steps that come, or about the end."""
        record = result.get("record")
        if task.action == f"{_COLLECTION}octopus_run_record" and isinstance(record, Mapping) and record.get("run_id") != instance.run_id:
            instance.run_id = record.get("run_id")
            instance.course = steps.Course(steps.of_operation(str(record.get("operation")), record.get("ladder") or ()))
        if task.action == f"{_COLLECTION}octopus_rehearsal_info":
            instance.seconds, instance.scripts = steps.rehearsed(result.get("outlook"))
        if task.action in _REPORTS and "summary" in result:
            instance.reports.append(result)

    def _still(self, instance: Instance, running: Running, now: float) -> list[Line]:
        percent, left = instance.percent(), instance.left(now)
        running.line_at, running.quarter = now, int(percent or 0) // 25
        parts = [
            f"{percent:.0f} %" if percent is not None else "",
            running.said.what if running.said else "",
            f"{clock(now - running.since)} so far",
            f"about {duration(left)} left of the run" if left else "",
        ]
        return [self._line(instance, now, f"  {running.task.name}: {', '.join(part for part in parts if part)}")]

    def _done(self, instance: Instance, running: Running, result: Mapping[str, Any], now: float) -> list[Line]:
        took = now - running.since
        if running.task.step:
            if result.get("replayed"):
                return [self._line(instance, now, f"{running.titled()}: done by an earlier part of the run")]
            if self._live or not running.announced:
                return [self._line(instance, now, running.titled(clock(took)), GOOD)]
            return [self._line(instance, now, f"  done after {clock(took)}", GOOD)] if took >= _LONG else []
        if result.get("changed") and running.task.action.rpartition(".")[2] not in _SILENT:
            return [self._line(instance, now, running.task.name)]
        return []

    def _failure(self, instance: Instance, running: Running, result: Mapping[str, Any], ended: str, now: float) -> list[Line]:
        messages = [one for one in dict.fromkeys(running.items or text.messages(result)) if not instance.was_told(one)]
        if not messages:
            return []
        instance.told += messages
        what = "UNREACHABLE" if ended == UNREACHABLE else "FAILED"
        first = self._line(instance, now, f"{what}  {running.titled()}  after {clock(now - running.since)}", BAD)
        return [first, *(self._line(instance, now, f"  {one}", BAD) for one in messages)]

    def _debug(self, instance: Instance, result: Mapping[str, Any], now: float) -> list[Line]:
        said = text.shown(result)
        if any(said == [str(one) for one in report["summary"]] for report in instance.reports):
            return []  # the final block has it
        return [self._line(instance, now, line) for line in said]
