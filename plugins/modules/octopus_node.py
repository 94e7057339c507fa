#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drain, stop and start the nodes of an Octopus Server, and prove it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_node
short_description: Drain, stop and start the nodes of an Octopus Server
version_added: 1.0.0
description:
  - Works on all nodes at once, and proves the state that it claims.
  - V(drained) is when the server says that a node takes no new tasks, and it runs none.
  - V(stopped) is when the service's state is the number 1, its process is gone, and no other process of the program is left that
    belongs to no service.
  - V(started) is when the service runs and the node's own API answers, with O(expected_version) if given, and does not call itself
    offline.
  - Also switches the service watchdog off and on, a scheduled task that otherwise starts what was stopped on purpose.
extends_documentation_fragment:
  - octopus.upgrade.attributes
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
    description: Inventory names of the nodes to act on. Without it, the host of the task.
    type: list
    elements: str
  instance_name:
    description: Name of the instance on the nodes. Needed where a host has more than one.
    type: str
  state:
    description:
      - The state to have. Draining and undraining go over the REST API and need O(url) and O(api_key); stopping and starting go over
        WinRM and do not.
      - V(unchanged) leaves it, and is for the watchdog alone.
    type: str
    choices: [drained, undrained, stopped, started, unchanged]
    default: unchanged
  watchdog:
    description:
      - Whether the watchdog's scheduled task is to be enabled. It is switched off before, and on after, what O(state) asks for.
      - A host without a watchdog gets none.
    type: str
    choices: [enabled, disabled]
  timeout:
    description: Seconds that running tasks have to end, the service has to stop, or the node has to come up.
    type: int
    default: 600
  on_timeout:
    description:
      - What to do about tasks that still run after O(timeout).
      - V(fail) names them and leaves the nodes drained. V(cancel) cancels them and waits for two minutes more. V(ignore) goes on.
    type: str
    choices: [fail, cancel, ignore]
    default: fail
  expected_version:
    description: The version that started nodes have to answer with.
    type: str
  health:
    description: Whether V(started) includes that the node's own API answers.
    type: bool
    default: true
notes:
  - The address of each node is its host's variable C(octopus_node_url), or made from the listen prefixes of its configuration and the
    address that Ansible reaches the host at. A load balancer's address would not tell which node answers.
  - Draining is a flag in the database. It survives a restart and an upgrade, and a restored backup has it as it was.
seealso:
  - module: octopus.upgrade.octopus_maintenance
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Let no node take new tasks, and wait up to half an hour for those that run
  octopus.upgrade.octopus_node:
    url: https://octo-a.example.com
    api_key: "{{ vault_octopus_api_key }}"
    nodes: [octo-a, octo-b]
    state: drained
    timeout: 1800
    on_timeout: fail

- name: Stop them, with nothing that starts them again
  octopus.upgrade.octopus_node:
    nodes: [octo-a, octo-b]
    state: stopped
    watchdog: disabled
  register: stopped

- name: Start one of them, and wait until it is well
  octopus.upgrade.octopus_node:
    nodes: [octo-a]
    state: started
    expected_version: 2026.2.9853
    timeout: 1800

- name: Give the watchdog back where it was on
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
      description: The service's state now; null where it was not looked at.
      type: str
      sample: stopped
    was_service_state:
      description: Its state before.
      type: str
      sample: running
    drained:
      description: Whether the node is drained now; null where it was not looked at.
      type: bool
      sample: null
    was_drained:
      description: Whether it was drained before.
      type: bool
      sample: null
    watchdog:
      description: The watchdog's task, and whether it was and is enabled; null where it was not looked at.
      type: dict
      sample: {exists: true, task_name: Octopus Watchdog Server, before: true, after: false}
    version:
      description: The version that the node's own API answered with.
      type: str
      sample: null
    seconds:
      description: How long it took.
      type: float
      sample: 12.4
cancelled_tasks:
  description: Tasks that were cancelled.
  returned: with state V(drained)
  type: list
  elements: dict
  sample: []
left_running:
  description: Tasks that still run because O(on_timeout=ignore).
  returned: with state V(drained)
  type: list
  elements: dict
  sample: []
"""

from functools import partial

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.http import REQUESTS_IMPORT_ERROR
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.states import NodeRequest, bring_about
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import (
    NODES_SPEC,
    WINRM_IMPORT_ERROR,
    ConnectionOptions,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **api_spec(required=False),
            **NODES_SPEC,
            "nodes": {"type": "list", "elements": "str"},
            "instance_name": {"type": "str"},
            "state": {"type": "str", "choices": ["drained", "undrained", "stopped", "started", "unchanged"], "default": "unchanged"},
            "watchdog": {"type": "str", "choices": ["enabled", "disabled"]},
            "timeout": {"type": "int", "default": 600},
            "on_timeout": {"type": "str", "choices": ["fail", "cancel", "ignore"], "default": "fail"},
            "expected_version": {"type": "str"},
            "health": {"type": "bool", "default": True},
        },
        required_if=[("state", "drained", ["url", "api_key"]), ("state", "undrained", ["url", "api_key"])],
        supports_check_mode=True,
    )
    if REQUESTS_IMPORT_ERROR or WINRM_IMPORT_ERROR:
        library = "requests" if REQUESTS_IMPORT_ERROR else "pywinrm"
        module.fail_json(msg=missing_required_lib(library), exception=REQUESTS_IMPORT_ERROR or WINRM_IMPORT_ERROR)
    try:
        done = bring_about(
            NodeRequest.from_params(module.params, check_mode=module.check_mode),
            [ConnectionOptions.from_params(connection) for connection in module.params["connections"] or []],
            partial(ApiOptions.for_url, module.params),
            ApiOptions.from_params(module.params),
        )
    except (OctopusError, HostError, ValueError) as error:  # ValueError: what cannot be said to Windows safely
        module.fail_json(msg=str(error), **getattr(error, "result", {}))
    module.exit_json(**done.as_result(diff=module._diff))


if __name__ == "__main__":
    main()
