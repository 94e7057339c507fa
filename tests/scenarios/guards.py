# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guards of a run on the hosts of the lab, whose time is skipped from tick to tick."""

from __future__ import annotations

from collections.abc import Sequence

from lab.estate import Lab
from lab.windows.host import WindowsHost
from lab.windows.tasks import Task
from patience import patient

FOLDER = "\\octopus.upgrade guard\\"
# So many that no living run is silent for long enough: heartbeats come in real time, the guard counts the lab's.
MINUTES = 601
TICKS = 4  # one more than a guard needs
LAST_LOOK = 60  # seconds that it waits before it acts
PATIENCE = patient(60.0)


def task_of(host: WindowsHost) -> Task | None:
    """The guard's task."""
    return next((task for task in host.tasks.all() if task.name.startswith(FOLDER)), None)


def let_time_pass(lab: Lab, hosts: Sequence[WindowsHost]) -> float:
    """Let the ticks of the guards come one after the other until all have ended.

    Returns:
        The seconds of the hosts that this has taken; 0 where no guard was armed.

    Raises:
        AssertionError: A tick does not end.
    """
    waited = 0.0
    for _tick in range(TICKS):
        intervals = {host.name: task.interval for host in hosts if (task := task_of(host)) and task.interval}
        if not intervals:
            break
        mark = lab.ledger.mark()
        lab.clock.skip(max(intervals.values()))
        waited += max(intervals.values())
        for host in hosts:
            host.tasks.look()
        for host in hosts:
            if host.name in intervals:
                _wait_for_tick(lab, host, mark)
    return waited + (LAST_LOOK if waited else 0)


def _wait_for_tick(lab: Lab, host: WindowsHost, mark: int) -> None:
    lab.ledger.wait_for(
        lambda event: event.kind == "task.run" and event.machine == host.name and event["name"].startswith(FOLDER), PATIENCE, mark
    )

    def ended() -> bool:
        task = task_of(host)
        return task is None or not host.tasks.is_running(task.name)

    with host.tasks.changed:
        assert host.tasks.changed.wait_for(ended, PATIENCE), f"the guard of {host.name} does not end"
