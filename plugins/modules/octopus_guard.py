#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arm and disarm the guards on the nodes that act when the control node of a run is gone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_guard
short_description: Arm guards on the nodes that act when the control node is gone
version_added: 1.0.0
description:
  - A guard is a scheduled task, run as SYSTEM, on each node. Each event of the run's journal tells that of the O(coordinator) that the run is
    alive; a heartbeat tells it during a long step, and the guards of the other nodes in every step.
  - When nothing was heard for at least about two thirds of O(minutes), and at the latest after O(minutes), a guard acts once.
  - Where nothing was changed yet, it takes the lock of the instance from the run on its node, sets the start type of O(start_types), enables
    the watchdog for O(watched), and starts the service until it runs. The next run of the same playbook ends maintenance mode and undrains the
    nodes, which needs the REST API and so a key that is never kept on a host. That run needs no O(octopus.upgrade.octopus_run_lock#module:break_lock).
  - Where something may have been changed, it touches nothing. The guard of the coordinator reads that from the journal. Another node cannot
    read it, so its guard is to be disarmed, as a step, before the first step that changes programs or database.
  - It writes an error to the application event log (source C(octopus.upgrade), event 701 where the service was started, 702 where nothing was
    touched, 703 where the service could not be started) and calls O(webhook).
  - It acts beside no living run. A run whose lock it has taken ends at its next step or heartbeat, and the hosts stop no service for it any more.
  - Times are counted by ticks of the task scheduler while the host is up, and before it acts it waits for a minute that no clock can shorten.
    After a restart of the host it goes on.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.windows.nodes
  - octopus.upgrade.run
  - octopus.upgrade.run.instance
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  nodes:
    description: Inventory names of the nodes. By default, the host of the task.
    type: list
    elements: str
  state:
    description:
      - V(armed) also replaces guards that are armed, which then start to count anew.
      - Both need the lock of the instance (M(octopus.upgrade.octopus_run_lock)). V(disarmed) fails where a guard has acted.
    type: str
    choices: [armed, disarmed]
    default: armed
  run_id:
    description: The run, whose journal is C(ROOT\INSTANCE\RUN_ID.jsonl). Required for V(armed).
    type: str
  minutes:
    description: The time after which they act at the latest, 4 or more.
    type: int
    default: 30
  coordinator:
    description: Inventory name of the node that has the journal. By default, each node has one.
    type: str
  instance_name:
    description: Name of the instance on the nodes. Required where a host has more than one.
    type: str
  start_types:
    description:
      - The start type that the service gets before it is started, C(auto), C(delayed-auto), C(manual) or C(disabled), by inventory name of the
        node. By default, it is left alone.
    type: dict
    default: {}
  watched:
    description: Inventory names of the nodes whose service watchdog is enabled again.
    type: list
    elements: str
    default: []
  webhook:
    description:
      - An address that a guard posts a JSON document to, with C(text), C(instance), C(run_id) and C(event) (C(restored), C(changed) or
        C(failed)).
      - It is kept on the hosts until the guards are disarmed, in files that only SYSTEM and administrators may read.
    type: str
seealso:
  - module: octopus.upgrade.octopus_run_lock
  - module: octopus.upgrade.octopus_run_info
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Arm the guards before the instance is taken out of service
  octopus.upgrade.octopus_guard:
    instance: prod
    nodes: [octo-a, octo-b]
    coordinator: octo-a
    run_id: 20261123T210000Z
    minutes: 30
    start_types: {octo-a: auto, octo-b: delayed-auto}
    watched: [octo-a]

- name: Disarm them
  octopus.upgrade.octopus_guard:
    instance: prod
    nodes: [octo-a, octo-b]
    state: disarmed
"""

RETURN = r"""
task:
  description: The scheduled task; null where the guards are disarmed.
  returned: success
  type: str
  sample: \octopus.upgrade guard\prod
nodes:
  description: By inventory name of the node, C(service), which its guard would start; null where it is disarmed.
  returned: success
  type: dict
  sample:
    octo-a: {service: OctopusDeploy}
guarded:
  description: The nodes whose guards have to be told that the run is alive. The steps that follow in the journal do that.
  returned: success
  type: list
  elements: str
  sample: [octo-a]
lock_lost:
  description: Another process holds the lock of the instance on each of the nodes, so the guards are none of this run's.
  returned: on failure, where that is so
  type: bool
  sample: true
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.guard import bring_to_state
from ansible_collections.octopus.upgrade.plugins.module_utils._run.guard import LEAST_MINUTES
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import HOLDER_SPEC
from ansible_collections.octopus.upgrade.plugins.module_utils._run.instance_runs import INSTANCE_SPEC
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import NODES_SPEC, ConnectionOptions

SPEC: dict[str, Any] = {
    "argument_spec": {
        **NODES_SPEC,
        **INSTANCE_SPEC,
        "nodes": {"type": "list", "elements": "str"},
        "state": {"type": "str", "choices": ["armed", "disarmed"], "default": "armed"},
        "run_id": {"type": "str"},
        "minutes": {"type": "int", "default": 30},
        "coordinator": {"type": "str"},
        "instance_name": {"type": "str"},
        "start_types": {"type": "dict", "default": {}},
        "watched": {"type": "list", "elements": "str", "default": []},
        "webhook": {"type": "str", "no_log": True},
        "holder": {"type": "dict", "required": True, "options": HOLDER_SPEC},
    },
    "required_if": [("state", "armed", ("run_id",))],
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Arm or disarm the guards; the module's result."""
    if params["state"] == "armed" and params["minutes"] < LEAST_MINUTES:
        raise InvalidValue(f"Expected minutes of {LEAST_MINUTES} or more, but found {params['minutes']}. To have no guard, do not arm it.")
    return bring_to_state([ConnectionOptions.from_params(one) for one in params["connections"] or []], params, check_mode)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
