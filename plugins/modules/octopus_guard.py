#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arm and disarm the guard on the coordinator that acts when the control node of a run is gone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_guard
short_description: Arm a guard on the host that acts when the control node is gone
version_added: 1.0.0
description:
  - The guard is a scheduled task on the coordinator, run as SYSTEM. Each event of the run's journal tells it that the run is alive; during a
    long step, a heartbeat does.
  - When nothing was heard for at least two thirds of O(minutes), and at the latest after O(minutes), it acts once.
  - Where the journal has no step that changes programs or database, it takes the lock of the instance from the run, sets O(start_type),
    starts the service, and enables the watchdog where O(watchdog) is set. The next run of the same playbook ends maintenance mode and undrains
    the nodes, which needs the REST API and so a key that is never kept on the host. Other nodes of a cluster are not started by the guard,
    because the computer account of one node has no rights on another one; that run starts them too.
  - Where something may have been changed, it touches nothing.
  - In both cases it writes an error to the application event log (source C(octopus.upgrade), event 701 where the service was started and 702
    where nothing was touched) and calls O(webhook).
  - It acts beside no living run. A run whose lock it has taken gets no further than its next step.
  - Times are counted by the task scheduler while the host is up, so that no clock matters.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.windows
  - octopus.upgrade.run
  - octopus.upgrade.run.instance
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  state:
    description:
      - V(armed) also replaces a guard that is armed, which then starts to count anew.
      - Both need the lock of the instance (M(octopus.upgrade.octopus_run_lock)).
    type: str
    choices: [armed, disarmed]
    default: armed
  run_id:
    description: The run, whose journal is C(ROOT\INSTANCE\RUN_ID.jsonl). Required for V(armed).
    type: str
  minutes:
    description: The time after which it acts at the latest, 3 or more. Not a multiple of 3 counts as the next lower one.
    type: int
    default: 30
  instance_name:
    description: Name of the instance on the host. Required where the host has more than one.
    type: str
  start_type:
    description: The start type that the service gets before it is started. By default, it is left alone.
    type: str
    choices: [auto, delayed-auto, manual, disabled]
  watchdog:
    description: Whether the service watchdog is enabled again, where there is one.
    type: bool
    default: false
  webhook:
    description:
      - An address that the guard posts a JSON document to, with C(text), C(instance), C(run_id) and C(event) (C(restored) or C(changed)).
      - It is kept on the host until the guard is disarmed, in a file that only SYSTEM and administrators may read.
    type: str
seealso:
  - module: octopus.upgrade.octopus_run_lock
  - module: octopus.upgrade.octopus_run_info
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Arm the guard before the instance is taken out of service
  octopus.upgrade.octopus_guard:
    instance: prod
    run_id: 20261123T210000Z
    minutes: 30
    start_type: auto
    watchdog: true

- name: Disarm it
  octopus.upgrade.octopus_guard:
    instance: prod
    state: disarmed
"""

RETURN = r"""
task:
  description: The scheduled task; null where the guard is disarmed.
  returned: success
  type: str
  sample: \octopus.upgrade guard\prod
service:
  description: The service that it would start; null where the guard is disarmed.
  returned: success
  type: str
  sample: OctopusDeploy
lock_lost:
  description: Another process holds the lock of the instance, so the guard is none of this run's.
  returned: on failure, where that is so
  type: bool
  sample: true
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.guard import bring_to_state
from ansible_collections.octopus.upgrade.plugins.module_utils._run.guard import SHARES
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import HOLDER_SPEC
from ansible_collections.octopus.upgrade.plugins.module_utils._run.instance_runs import INSTANCE_SPEC
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CONNECTION_SPEC, ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.services import SETTABLE

SPEC: dict[str, Any] = {
    "argument_spec": {
        **CONNECTION_SPEC,
        **INSTANCE_SPEC,
        "state": {"type": "str", "choices": ["armed", "disarmed"], "default": "armed"},
        "run_id": {"type": "str"},
        "minutes": {"type": "int", "default": 30},
        "instance_name": {"type": "str"},
        "start_type": {"type": "str", "choices": list(SETTABLE)},
        "watchdog": {"type": "bool", "default": False},
        "webhook": {"type": "str", "no_log": True},
        "holder": {"type": "dict", "required": True, "options": HOLDER_SPEC},
    },
    "required_if": [("state", "armed", ("run_id",))],
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Arm or disarm the guard; the module's result."""
    if params["state"] == "armed" and params["minutes"] < SHARES:
        raise InvalidValue(f"Expected minutes of {SHARES} or more, but found {params['minutes']}. To have no guard, do not arm it.")
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        return bring_to_state(host, params, check_mode)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
