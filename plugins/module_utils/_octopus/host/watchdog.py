# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The service watchdog: a scheduled task that starts stopped instances, even those that were stopped on purpose.

``Octopus.Server.exe watchdog --create`` creates it, and it runs ``checkservices``
(https://octopus.com/docs/octopus-rest-api/octopus.server.exe-command-line/watchdog). Disabling the task is better than
``watchdog --delete``, because interval and instances need not be remembered. It has started a server in the middle of an upgrade before
(https://github.com/OctopusDeploy/Issues/issues/3626).
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import scheduled_tasks
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.scheduled_tasks import ScheduledTask

# "Octopus Watchdog " and the name that the program registers itself by, as in two public configurations of real hosts and in
# https://github.com/OctopusDeploy/OctopusTentacle (Watchdog.cs), whose code the server shares.
USUAL_NAME = "Octopus Watchdog OctopusServer"
_COMMAND = "checkservices"
# The product quotes nothing, so a name with a blank goes on to the next switch.
_INSTANCES = re.compile(r"""--instances(?:=|\s+)(?:"([^"]*)"|([^"]+?)(?=\s+--|\s*$))""", re.IGNORECASE)


def find(host: WindowsHost) -> ScheduledTask | None:
    """Return the watchdog's task: the one with its usual name, else any task of Octopus that checks services."""
    task = scheduled_tasks.get(host, USUAL_NAME)
    if task:
        return task
    for name in scheduled_tasks.names(host):
        if "octopus" in name.lower():
            task = scheduled_tasks.get(host, name)
            if task and _COMMAND in task.arguments.lower() and "octopus.server" in task.command.lower():
                return task
    return None


def switch(host: WindowsHost, enabled: bool, check_mode: bool = False) -> dict[str, Any]:
    """Enable or disable the watchdog, where there is one, and verify its new state.

    Returns:
        Whether it exists, its name, and whether it was and is enabled, as ``before`` and ``after``.
    """
    task = find(host)
    if task is None:
        return {"exists": False, "task_name": None, "before": None, "after": None}
    if task.enabled is not enabled and not check_mode:
        scheduled_tasks.set_enabled(host, task.name, enabled)
        now = scheduled_tasks.get(host, task.name)
        if now is None or now.enabled is not enabled:
            raise OctopusError(
                f"{host.where}: the task {task.name} was {'enabled' if enabled else 'disabled'}, but its state has not changed. Who else changes it?"
            )
    return {"exists": True, "task_name": task.name, "before": task.enabled, "after": enabled}


def info(host: WindowsHost) -> dict[str, Any] | None:
    """Return what a module reports about the watchdog; None where there is none."""
    task = find(host)
    if task is None:
        return None
    minutes = task.interval_minutes
    return {
        "exists": True,
        "enabled": task.enabled,
        "task_name": task.name,
        "interval_minutes": int(minutes) if minutes is not None and minutes == int(minutes) else minutes,
    }


def covers(task: ScheduledTask, instance: str) -> bool:
    """Whether the watchdog starts an instance; it does where its arguments do not tell.

    The names are separated by ``;`` or ``,`` (CheckServicesCommand.cs of OctopusTentacle splits at both).
    """
    listed = _INSTANCES.search(task.arguments)
    names = [name.strip().lower() for name in re.split("[;,]", listed[1] or listed[2])] if listed else ["*"]
    return "*" in names or instance.lower() in names
