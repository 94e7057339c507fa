#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drain, stop and start the nodes of an Octopus Server, and verify their state."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_node
short_description: Drain, stop and start the nodes of an Octopus Server
version_added: 1.0.0
description:
  - Works on all nodes at once, and verifies the state that it reports.
  - A node is V(drained) when the server says that it takes no new tasks, and it is running none.
  - A node is V(stopped) when the state of its service is the number 1, the process of the service is gone, and no process of the program is
    left that belongs to no service.
  - A node is V(started) when its service is running and its own API answers, with O(expected_version) if that is set, and does not report
    itself as offline.
  - Also disables and enables the service watchdog, a scheduled task that otherwise starts services that were stopped on purpose.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.octopus_api
  - octopus.upgrade.octopus_api.optional_server
  - octopus.upgrade.windows.nodes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  nodes:
    description: Inventory names of the nodes to act on. By default, the host of the task.
    type: list
    elements: str
  instance_name:
    description: Name of the instance on the nodes. Required where a host has more than one.
    type: str
  state:
    description:
      - The state of the nodes. Draining and undraining use the REST API and need O(url) and O(api_key); stopping and starting use WinRM
        and do not.
      - V(unchanged) is for switching the watchdog only.
    type: str
    choices: [drained, undrained, stopped, started, unchanged]
    default: unchanged
  watchdog:
    description:
      - The state of the watchdog's scheduled task. It is disabled before and enabled after the change of O(state).
      - On a host without a watchdog, none is created.
    type: str
    choices: [enabled, disabled]
  portal:
    description:
      - V(closed) closes the ports of the web portal to everybody but the control node, by a rule of Windows Firewall on each node, and asks each
        node whether the control node still reaches it; where it does not, the rule is removed again and the task fails. So the service has to run.
      - V(open) removes that rule. Where a node has none, nothing changes.
      - The node itself and O(portal_allowed) are let in too. A rule has no effect where Windows Firewall is off, which is warned of, or where a
        policy ignores local rules, which is not noticed.
    type: str
    choices: [open, closed]
  portal_allowed:
    description: Further addresses and networks that V(closed) lets in, such as that of a proxy between control node and nodes.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds that running tasks may take to end, the service to stop, or the node to become healthy.
    type: int
    default: 600
  on_timeout:
    description:
      - What to do about tasks that are still running after O(timeout).
      - V(fail) names them and leaves the nodes drained. V(cancel) cancels them and waits for two more minutes. V(ignore) continues.
    type: str
    choices: [fail, cancel, ignore]
    default: fail
  interruptions:
    description:
      - What to do about tasks that wait for a person's answer (a manual intervention, a guided failure).
      - V(refuse) waits for them as for any other task. V(leave) leaves them waiting, V(cancel) cancels them.
    type: str
    choices: [refuse, leave, cancel]
    default: refuse
  start_types:
    description:
      - The start type of the service by inventory name of the node, C(auto), C(delayed-auto), C(manual) or C(disabled). It is set before the
        service is stopped or started, so it needs O(state=stopped) or O(state=started). By default, it is left alone.
      - With O(state=stopped), C(disabled) keeps a restart of the host, a monitoring tool or a cluster manager from starting a service that
        was stopped on purpose. RV(nodes.was_start_type) tells what it was.
      - With O(state=started), a service that is to be C(disabled) is so once it is running.
    type: dict
    default: {}
  task_caps:
    description:
      - By inventory name, the task cap that a node gets back with O(state=undrained) where it is 0.
      - Before February 2018 a server does not drain its last node. O(state=drained) then sets the task cap of that node to 0, which keeps it from
        taking tasks too.
    type: dict
    default: {}
  keep_drained:
    description:
      - Whether nodes that are started have to be drained, as they are in an upgrade until it is published. One that is not, whatever has undone it, is
        drained at once, and the task warns. Needs O(url) and O(api_key).
      - Where the server cannot be asked, the task warns. Where it refuses to drain the node, the task fails.
    type: bool
    default: false
  expected_version:
    description: The version that started nodes have to report.
    type: str
  health:
    description: Whether V(started) requires that the node's own API answers.
    type: bool
    default: true
notes:
  - The address of each node is its host's variable C(octopus_node_url), or else made from the listen prefixes in its configuration and the
    address at which Ansible reaches the host. The address of a load balancer would not tell which node answers.
  - Where the control node cannot ask, because of its trust, name resolution or proxy, the node is asked from itself, with its C(curl.exe). Where it
    has none, a service that keeps running counts as started. Both are warned of.
  - Draining is a flag in the database. It survives a restart and an upgrade, and a restored backup contains its former value.
seealso:
  - module: octopus.upgrade.octopus_maintenance
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Drain the nodes, and wait up to half an hour for running tasks
  octopus.upgrade.octopus_node:
    url: https://octo-a.example.com
    api_key: "{{ vault_octopus_api_key }}"
    nodes: [octo-a, octo-b]
    state: drained
    timeout: 1800
    on_timeout: fail

- name: Stop the nodes, and disable the service and the watchdog that would start it again
  octopus.upgrade.octopus_node:
    nodes: [octo-a, octo-b]
    state: stopped
    start_types: {octo-a: disabled, octo-b: disabled}
    watchdog: disabled
  register: stopped

- name: Start one of them with the start type that it had, and wait until it is healthy
  octopus.upgrade.octopus_node:
    nodes: [octo-a]
    state: started
    start_types: {octo-a: "{{ stopped.nodes['octo-a'].was_start_type }}"}
    expected_version: 2026.2.9853
    timeout: 1800

- name: Enable the watchdog where it was enabled before
  octopus.upgrade.octopus_node:
    nodes: "{{ stopped.nodes | dict2items | selectattr('value.watchdog.before', 'equalto', true) | map(attribute='key') }}"
    watchdog: enabled
"""

RETURN = r"""
nodes:
  description: What was done on each node, by its inventory name.
  returned: success
  type: dict
  contains:
    service_state:
      description: The service's state now; null where it was not queried.
      type: str
      sample: stopped
    was_service_state:
      description: Its state before.
      type: str
      sample: running
    start_type:
      description: The service's start type now; null where it was left alone.
      type: str
      sample: disabled
    was_start_type:
      description: Its start type before.
      type: str
      sample: delayed-auto
    drained:
      description: Whether the node is drained now; null where that was not queried.
      type: bool
      sample: null
    was_drained:
      description: Whether it was drained before.
      type: bool
      sample: null
    watchdog:
      description: The watchdog's task, and whether it was and is enabled; null where it was not queried.
      type: dict
      sample: {exists: true, task_name: Octopus Watchdog OctopusServer, before: true, after: false}
    portal:
      description: Whether the portal is V(open) to all or V(closed) now; null where it was left alone.
      type: str
      sample: null
    was_portal:
      description: What it was before.
      type: str
      sample: null
    version:
      description: The version that the node's own API reported; null where it was not asked.
      type: str
      sample: null
    seconds:
      description: Duration in seconds.
      type: float
      sample: 12.4
cancelled_tasks:
  description: Tasks that were cancelled.
  returned: with state V(drained)
  type: list
  elements: dict
  sample: []
left_running:
  description: Tasks that are still running because of O(on_timeout=ignore).
  returned: with state V(drained)
  type: list
  elements: dict
  sample: []
left_waiting:
  description: Tasks that still wait for a person because of O(interruptions=leave).
  returned: with state V(drained)
  type: list
  elements: dict
  sample: []
"""

from functools import partial
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.results import NodeRequest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.states import bring_to_state
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import NODES_SPEC, ConnectionOptions

SPEC = {
    "argument_spec": {
        **api_spec(required=False),
        **NODES_SPEC,
        "nodes": {"type": "list", "elements": "str"},
        "instance_name": {"type": "str"},
        "state": {"type": "str", "choices": ["drained", "undrained", "stopped", "started", "unchanged"], "default": "unchanged"},
        "watchdog": {"type": "str", "choices": ["enabled", "disabled"]},
        "portal": {"type": "str", "choices": ["open", "closed"]},
        "portal_allowed": {"type": "list", "elements": "str", "default": []},
        "timeout": {"type": "int", "default": 600},
        "on_timeout": {"type": "str", "choices": ["fail", "cancel", "ignore"], "default": "fail"},
        "interruptions": {"type": "str", "choices": ["refuse", "leave", "cancel"], "default": "refuse"},
        "start_types": {"type": "dict", "default": {}},
        "expected_version": {"type": "str"},
        "health": {"type": "bool", "default": True},
        "keep_drained": {"type": "bool", "default": False},
        "task_caps": {"type": "dict", "default": {}},
    },
    "required_if": [("state", "drained", ["url", "api_key"]), ("state", "undrained", ["url", "api_key"])],
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Bring the nodes to the wanted state; the module's result."""
    done = bring_to_state(
        NodeRequest.from_params(params, check_mode),
        [ConnectionOptions.from_params(one) for one in params["connections"] or []],
        partial(ApiOptions.for_url, params),
        ApiOptions.from_params(params),
    )
    return done.as_result(diff)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
