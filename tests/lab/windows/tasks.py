# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The task scheduler: tasks in folders, triggers on lab time.

A task runs as long as the process that it started. What that process has started is none of the scheduler's: it runs on when the process
ends or is ended, by TerminateProcess (https://learn.microsoft.com/windows/win32/taskschd/tasksettings-allowhardterminate, and as seen in
https://github.com/syncthing/docs/pull/582).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from lab.core.filesystem import Logon, WinError

from .process import Job, Process

if TYPE_CHECKING:
    from .host import WindowsHost

# https://learn.microsoft.com/windows/win32/taskschd/task-scheduler-error-and-success-constants
RUNNING, NEVER_RUN, TERMINATED = 0x41301, 0x41303, 0x41306
TASK_DISABLED = 0x80041326
ALREADY_RUNNING = 0x8004131F
# What a process ends with when the computer goes down: DBG_TERMINATE_PROCESS.
ENDED_BY_SHUTDOWN = 0x40010004


@dataclass
class Task:
    """A task's definition, and what became of its last run. ``name`` starts with a backslash; ``interval`` is in lab seconds."""

    name: str
    command: str
    arguments: str = ""
    account: str = "SYSTEM"
    folder: str = ""
    interval: float | None = None
    at_boot: bool = False
    enabled: bool = True
    xml: str = ""
    author: str = ""
    parallel: bool = False  # MultipleInstancesPolicy Parallel
    time_limit: float | None = None
    last_result: int = NEVER_RUN
    last_run: datetime | None = None
    runs: list[Process] = field(default_factory=list)
    next_run: float | None = None  # lab seconds


class TaskScheduler:
    """Names are case-insensitive; a leading backslash may be left out."""

    def __init__(self, host: WindowsHost) -> None:
        self._host = host
        self._tasks: dict[str, Task] = {}
        self.changed = threading.Condition(threading.RLock())
        self._stopped = True

    @staticmethod
    def full_name(name: str) -> str:
        return "\\" + name.strip("\\")

    def create(self, task: Task, replace: bool = False) -> Task:
        """
        Raises:
            WinError: 183 there is one of that name.
        """
        task.name = self.full_name(task.name)
        with self.changed:
            old = self._tasks.get(task.name.lower())
            if old and not replace:
                raise WinError(183, task.name)
            if old:
                # Its definition changes, a run that is under way goes on.
                task.runs, task.last_result, task.last_run = old.runs, old.last_result, old.last_run
            self._plan(task)
            self._tasks[task.name.lower()] = task
            self.changed.notify_all()
        return task

    def get(self, name: str) -> Task:
        """
        Raises:
            WinError: 2 no such task.
        """
        with self.changed:
            task = self._tasks.get(self.full_name(name).lower())
        if task is None:
            raise WinError(2, name)
        return task

    def all(self) -> list[Task]:
        with self.changed:
            return sorted(self._tasks.values(), key=lambda task: task.name.lower())

    def delete(self, name: str) -> None:
        """A run that is under way goes on.

        Raises:
            WinError: 2.
        """
        with self.changed:
            self.get(name)
            del self._tasks[self.full_name(name).lower()]
            self.changed.notify_all()

    def enable(self, name: str, enabled: bool) -> None:
        """A run that is under way goes on.

        Raises:
            WinError: 2.
        """
        with self.changed:
            task = self.get(name)
            task.enabled = enabled
            self._plan(task)
            self.changed.notify_all()

    def is_running(self, name: str) -> bool:
        return any(not process.ended for process in self.get(name).runs)

    def run(self, name: str, by: str = "user") -> Process | None:
        """Start the task's program; None where it runs and its policy is to ignore a new instance (the default of task XML).

        Raises:
            WinError: 2 no such task or its program is missing, 0x80041326 disabled.
        """
        task = self.get(name)
        if not task.enabled:
            raise WinError(TASK_DISABLED, name)
        with self.changed:
            task.runs = [process for process in task.runs if not process.ended]
            if task.runs and not task.parallel:
                return None
            job = Job()
            line = f'"{task.command}" {task.arguments}'.strip() if " " in task.command else f"{task.command} {task.arguments}".strip()
            self._host.ledger.record("task.run", self._host.name, name=task.name, account=task.account, by=by)
            task.last_run = self._host.clock.now()
            try:
                process = self._host.spawn(None, line, Logon.batch(task.account), cwd=task.folder or None, job=job)
            except WinError as error:
                task.last_result = 0x80070000 | error.code  # HRESULT_FROM_WIN32
                raise
            task.runs.append(process)
            task.last_result = RUNNING
        process.on_end(lambda ended: self._ended(task, ended))
        vanish = self._host.faults.hit("job.vanish", self._host.name, task=task.name)
        if vanish is not None:
            threading.Thread(target=self._vanish, args=(job, process, float(vanish.get("after", 0.5))), daemon=True).start()
        if task.time_limit:
            threading.Thread(target=self._limit, args=(process, task.time_limit), daemon=True).start()
        return process

    def end(self, name: str) -> None:
        """Kill the process it started, and not what that has started.

        Raises:
            WinError: 2.
        """
        task = self.get(name)
        for process in list(task.runs):
            process.kill(TERMINATED)

    # -- time

    def boot(self) -> None:
        """Start the tasks with a boot trigger and keep the intervals."""
        self._stopped = False
        threading.Thread(target=self._loop, name=f"{self._host.name}:tasks", daemon=True).start()
        for task in self.all():
            with self.changed:
                self._plan(task)
            if task.at_boot and task.enabled:
                self._trigger(task, "boot")

    def look(self) -> None:
        """Look at the clock, which has skipped some time."""
        with self.changed:
            self.changed.notify_all()

    def shutdown(self) -> None:
        with self.changed:
            self._stopped = True
            self.changed.notify_all()

    def _plan(self, task: Task) -> None:
        due = task.interval is not None and task.enabled
        task.next_run = self._host.clock.seconds() + task.interval if due and task.interval is not None else None

    def _loop(self) -> None:
        clock = self._host.clock
        while True:
            with self.changed:
                if self._stopped:
                    return
                now = clock.seconds()
                due = [task for task in self._tasks.values() if task.next_run is not None and task.next_run <= now]
                for task in due:
                    self._plan(task)
                if not due:
                    times = [task.next_run for task in self._tasks.values() if task.next_run is not None]
                    self.changed.wait(clock.real(min(times) - now) if times else None)
                    continue
            for task in due:
                self._trigger(task, "trigger")

    def _trigger(self, task: Task, by: str) -> None:
        try:
            self.run(task.name, by)
        except WinError as error:
            # As the real one: nobody is told, the result column says it.
            if error.code != TASK_DISABLED:
                task.last_result = 0x80070000 | error.code

    def _ended(self, task: Task, process: Process) -> None:
        with self.changed:
            if not any(one is not process and not one.ended for one in task.runs):
                task.last_result = process.exit_code or 0
            self.changed.notify_all()

    def _vanish(self, job: Job, process: Process, lab_seconds: float) -> None:
        self._host.clock.sleep(lab_seconds)
        if process.wait(0) is None:
            job.kill(ENDED_BY_SHUTDOWN)

    def _limit(self, process: Process, lab_seconds: float) -> None:
        if process.wait(self._host.clock.real(lab_seconds)) is None:
            process.kill(TERMINATED)
