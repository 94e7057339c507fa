#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remove the jobs that an interrupted run has left on nodes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_jobs
short_description: Remove the jobs that an interrupted run has left on nodes
version_added: 1.0.0
description:
  - Long steps of this collection, such as a schema upgrade, an installation or a copy of folders, run on the nodes as jobs. Each is a
    scheduled task in C(\octopus.upgrade) with a folder below O(work_root). When the control node goes away, they continue.
  - Waits on all nodes at once until none of these jobs is running, and removes their tasks and folders. Then nothing that another run has
    started is working on the instance, so that it can be rolled back or upgraded again.
  - Jobs named in O(cancel) are cancelled instead of waited for. A job is ended with every process that it has started, and these are looked
    for until they are gone.
  - The output of a job that failed or was cancelled is retained in the folder C(logs) of O(work_root). A package that was fetched, or partly so, and
    not verified yet is deleted from its folder C(packages).
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.windows.nodes
attributes:
  check_mode:
    support: full
    details:
      - Lists the jobs that would be removed.
  diff_mode:
    support: full
options:
  nodes:
    description: Inventory names of the nodes to act on. By default, the host of the task.
    type: list
    elements: str
  state:
    description: V(absent) waits for running jobs or cancels them, and removes all jobs.
    type: str
    choices: [absent]
    default: absent
  cancel:
    description:
      - The jobs to cancel instead of waiting for them, as beginnings of their ids, such as V(schema), V(folders) or V(folders-packages).
      - A cancelled schema upgrade leaves the database partly altered, so cancel one only if the database is restored afterwards.
      - An installation is never cancelled, because that would leave a half-installed program. V(install), V(uninstall) and V(msiexec) are
        refused.
    type: list
    elements: str
    default: []
  timeout:
    description:
      - Seconds that jobs which are waited for may take. A job that takes longer is left running, and the module fails. The other jobs are
        removed nevertheless.
    type: int
    default: 3600
  work_root:
    description: Folder on the nodes for jobs and logs, as in the other modules.
    type: str
    default: C:\ProgramData\octopus.upgrade
notes:
  - A task that has never run may be about to begin. It is watched for a minute before it is removed.
  - All jobs on the nodes are removed, not only those of this instance, because an installation or a copy may serve several instances. Make
    sure that no other run is in progress.
seealso:
  - module: octopus.upgrade.octopus_jobs_info
  - module: octopus.upgrade.octopus_database_upgrade
  - module: octopus.upgrade.octopus_install
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Wait until no job of an earlier run is left before the instance is rolled back
  octopus.upgrade.octopus_jobs:
    nodes: "{{ groups['octopus_prod'] }}"
    state: absent
    cancel: [schema]
    timeout: 7200
  run_once: true
"""

RETURN = r"""
nodes:
  description: What was found and done, by the nodes' inventory names. After a failure, as far as it came.
  returned: always
  type: dict
  contains:
    jobs:
      description: The jobs that were found.
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
            - Its latest status. V(running), V(finished) with an exit code, V(lost) if it ended without one, V(created) if its task has never
              run, or V(absent) for a folder that belongs to no task and in which nothing has begun.
            - A job whose task has ended while a process that it started is still running is V(running).
          type: str
        exit_code:
          description: The first exit code other than 0 of its commands, else 0; null while there is none.
          type: int
        action:
          description:
            - V(none) if it is still there. Otherwise it is removed, after it was V(waited) for or V(cancelled) if it was running, else
              V(removed).
          type: str
        log_path:
          description: File on the node with its output, if that was retained.
          type: str
    remaining:
      description: Number of jobs that are left; null where the node could not be asked.
      type: int
    seconds:
      description: Duration on this node in seconds.
      type: float
  sample:
    octo-a:
      jobs:
        - id: schema-1f0e3dad99
          kind: schema
          status: lost
          exit_code: null
          action: cancelled
          log_path: C:\ProgramData\octopus.upgrade\logs\schema-1f0e3dad99-20261125T134405123456Z.txt
        - id: msiexec-5d41402abc
          kind: msiexec
          status: finished
          exit_code: 0
          action: waited
          log_path: null
      remaining: 0
      seconds: 41.318
remaining:
  description: Number of jobs that are left on all nodes together, without nodes that could not be asked.
  returned: always
  type: int
  sample: 0
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import JOB_SPEC, NODES_SPEC, ConnectionOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_sweep import SweepRequest, sweep

SPEC = {
    "argument_spec": {
        **NODES_SPEC,
        "nodes": {"type": "list", "elements": "str"},
        "state": {"type": "str", "choices": ["absent"], "default": "absent"},
        "cancel": {"type": "list", "elements": "str", "default": []},
        "timeout": {"type": "int", "default": 3600},
        "work_root": JOB_SPEC["work_root"],
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Remove the jobs; the module's result."""
    request = SweepRequest.from_params(params, check_mode)
    return sweep(request, [ConnectionOptions.from_params(one) for one in params["connections"] or []]).as_result(diff)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
