#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Report the status of an instance, and what to do next."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_status
short_description: Report the status of an instance, and what to do next
version_added: 1.0.0
description:
  - Says from what other modules have read how an instance is now, which run works on it or has stopped, what the last one has done, which restore
    points there are, and what to do next.
  - Connects to nothing and changes nothing. A result of a task that has failed is fine; what it could not read is unknown.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  instance:
    description: Name of the instance.
    type: str
    required: true
  nodes:
    description: Inventory names of its nodes, the coordinator first.
    type: list
    elements: str
    required: true
  instance_name:
    description: Name of the instance on its hosts, where they have several.
    type: str
    default: ""
  run:
    description: What M(octopus.upgrade.octopus_run_info) returned.
    type: dict
    default: {}
  windows:
    description: What M(octopus.upgrade.octopus_info) returned with V(services) in its O(octopus.upgrade.octopus_info#module:gather).
    type: dict
    default: {}
  api:
    description: What M(octopus.upgrade.octopus_info) returned with V(server) in its O(octopus.upgrade.octopus_info#module:gather).
    type: dict
    default: {}
  restore_points:
    description: What M(octopus.upgrade.octopus_restore_point_info) returned.
    type: dict
    default: {}
seealso:
  - module: octopus.upgrade.octopus_run_info
  - module: octopus.upgrade.octopus_info
  - module: octopus.upgrade.octopus_restore_point_info
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Look for runs
  octopus.upgrade.octopus_run_info:
    instance: prod
  register: runs
  failed_when: false

- name: Report the status of the instance, as far as its runs tell
  octopus.upgrade.octopus_status:
    instance: prod
    nodes: [octo-a]
    run: "{{ runs }}"
  register: status
"""

RETURN = r"""
state:
  description:
    - How the instance is. V(in service), V(degraded) where a part of it is down or closed to its users, V(out of service), V(migrated)
      where it was migrated to a clone and is stopped, V(unknown).
    - V(run in progress) where a process that may be alive holds the lock, V(run unfinished) where none does.
  returned: success
  type: str
  sample: in service
next:
  description: What to do next, the most important first. Empty where there is nothing to do.
  returned: success
  type: list
  elements: str
  sample: []
lines:
  description: All of it as a person reads it.
  returned: success
  type: list
  elements: str
  sample:
    - 'prod: in service, at 2026.2.9853'
    - '  nodes: octo-a running (watchdog on)'
    - '  run: none'
    - '  maintenance mode: off'
    - '  last run: upgraded 2025.3.14357 -> 2026.2.9853, 2026-11-25 13:24:00Z (5 days ago), outage 00:12:31'
    - '  restore points: 1 signed; newest 2025.3.14357 of 2026-11-25 13:05:10Z (5 days ago), 21.0 GiB, verified 2026-11-25 13:14:09Z (5 days ago),
      \\nas\octopus-backups\prod\20261125T130000Z-2025.3.14357'
    - '  next: nothing'
"""

from datetime import datetime, timezone
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import status

_READ = {name: {"type": "dict", "default": {}} for name in ("run", "windows", "api", "restore_points")}
SPEC: dict[str, Any] = {
    "argument_spec": {
        "instance": {"type": "str", "required": True},
        "nodes": {"type": "list", "elements": "str", "required": True},
        "instance_name": {"type": "str", "default": ""},
        **_READ,
    },
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Judge what was read; the module's result."""
    read = status.Read(
        params["instance"],
        params["nodes"],
        datetime.now(timezone.utc),
        params["instance_name"],
        run=params["run"],
        windows=params["windows"],
        api=params["api"],
        points=params["restore_points"],
    )
    return {"changed": False, "state": status.state(read), "next": status.next_steps(read), "lines": status.lines(read)}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
