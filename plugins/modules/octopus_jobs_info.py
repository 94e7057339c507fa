#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List the jobs of this collection on nodes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_jobs_info
short_description: List the jobs of this collection on nodes
version_added: 1.0.0
description:
  - Long steps of this collection, such as a schema upgrade, an installation or a copy of folders, run on the nodes as jobs. Each is a
    scheduled task in C(\octopus.upgrade) with a folder below O(work_root). When the control node goes away, they continue.
  - Lists the jobs on all nodes at once, whichever run has started them.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.windows.nodes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  nodes:
    description: Inventory names of the nodes to ask. By default, the host of the task.
    type: list
    elements: str
  work_root:
    description: Folder on the nodes for jobs and logs, as in the other modules.
    type: str
    default: C:\ProgramData\octopus.upgrade
seealso:
  - module: octopus.upgrade.octopus_jobs
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: List the jobs that an earlier run has left
  octopus.upgrade.octopus_jobs_info:
    nodes: "{{ groups['octopus_prod'] }}"
  run_once: true
  register: jobs
"""

RETURN = r"""
nodes:
  description: The jobs, by the nodes' inventory names.
  returned: success
  type: dict
  contains:
    jobs:
      description: The jobs on the node.
      type: list
      elements: dict
      contains:
        id:
          description: Its id, the name of its task and of its folder.
          type: str
        kind:
          description: Its kind, the first word of its id.
          type: str
        status:
          description:
            - V(running), V(finished) with an exit code, V(lost) if it ended without one, V(created) if its task has never run, or
              V(absent) for a folder that belongs to no task and in which nothing has begun.
            - A job whose task has ended while a process that it started is still running is V(running).
          type: str
        exit_code:
          description: The first exit code other than 0 of its commands, else 0; null while there is none.
          type: int
  sample:
    octo-a:
      jobs:
        - id: schema-1f0e3dad99
          kind: schema
          status: running
          exit_code: null
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import JOB_SPEC, NODES_SPEC, ConnectionOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_survey import list_jobs

SPEC = {"argument_spec": {**NODES_SPEC, "nodes": {"type": "list", "elements": "str"}, "work_root": JOB_SPEC["work_root"]}}


def run(params: dict[str, Any], _check_mode: bool, _diff: bool) -> dict[str, Any]:
    """List the jobs; the module's result."""
    return list_jobs([ConnectionOptions.from_params(one) for one in params["connections"] or []], params["work_root"])


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
