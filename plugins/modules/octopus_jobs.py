#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settle the jobs that a run which broke off has left on nodes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_jobs
short_description: Settle the jobs that a run which broke off has left on nodes
version_added: 1.0.0
description:
  - Long steps of this collection, such as a schema upgrade, an installation or a copy of folders, run on the nodes as jobs, each a
    scheduled task in C(\octopus.upgrade) with a folder below O(work_root). When the control node goes away, they go on.
  - With O(state=settled), waits on all nodes at once until none of them works any more, and removes what they have left. Nothing is then
    at work on the instance that another run has started, so that it can be rolled back or upgraded again.
  - What can be ended instead of waited for is named in O(cancel). A job is ended with all that it has started, and that is looked for again
    until it is gone.
  - The output of a job that ended badly, or was ended, is kept in the folder C(logs) of O(work_root).
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.windows.nodes
attributes:
  check_mode:
    support: full
    details:
      - With O(state=settled), lists what there is to settle, as O(state=listed) does, and changes nothing.
  diff_mode:
    support: full
options:
  nodes:
    description: Inventory names of the nodes to act on. Without it, the host of the task.
    type: list
    elements: str
  state:
    description:
      - V(listed) tells which jobs there are, and changes nothing.
      - V(settled) waits for those that run, or ends them, and removes all of them.
    type: str
    choices: [listed, settled]
    default: listed
  cancel:
    description:
      - Purposes of jobs that are ended rather than waited for, which are the beginnings of their ids, such as V(schema), V(folders) or
        V(folders-packages).
      - A schema upgrade that is ended leaves the database altered in part, so end one only where the database is restored.
      - An installation is never ended, since Windows would be left with a program that is neither there nor gone. V(install) and
        V(uninstall) are refused.
    type: list
    elements: str
    default: []
  timeout:
    description:
      - Seconds that the jobs which are waited for have to end. One that takes longer is left as it is, and the module fails. The others are
        settled all the same.
    type: int
    default: 3600
  work_root:
    description: Folder on the nodes for jobs and logs, the one that the other modules were given.
    type: str
    default: C:\ProgramData\octopus.upgrade
notes:
  - A task that was made and has never run may just be about to begin. It is watched for a minute before it is removed.
  - Not only jobs of this instance are settled, but all that there are on the nodes, since an installation or a copy is for none in
    particular. See that no other run is under way.
seealso:
  - module: octopus.upgrade.octopus_database
  - module: octopus.upgrade.octopus_folders
  - module: octopus.upgrade.octopus_install
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: See what an earlier run has left
  octopus.upgrade.octopus_jobs:
    nodes: "{{ groups['octopus_prod'] }}"
  run_once: true
  register: jobs

- name: Have nothing at work on the instance before it is rolled back
  octopus.upgrade.octopus_jobs:
    nodes: "{{ groups['octopus_prod'] }}"
    state: settled
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
      description: Each job that was there.
      type: list
      elements: dict
      contains:
        id:
          description: Its id, the name of its task and of its folder.
          type: str
        purpose:
          description: What it is for, the first word of its id.
          type: str
        status:
          description:
            - How it stood when it was last looked at. V(running), V(finished) with an exit code, V(lost) when it ended without one, V(created)
              when its task has never run, V(absent) when there is a folder that no task belongs to and that has not begun.
            - One whose task has ended while something that it has started still runs is V(running).
          type: str
        exit_code:
          description: The first exit code other than 0 of its commands, else 0; null while there is none.
          type: int
        action:
          description:
            - V(none) when nothing was done about it. Otherwise it is removed, which is V(waited) where it ran and was waited for, V(ended)
              where it ran and was ended, V(removed) where it did not run.
          type: str
        log_path:
          description: File on the node with its output, if that was kept.
          type: str
    unsettled:
      description: How many jobs are left; null where the node could not be asked.
      type: int
    seconds:
      description: How long it took on this node.
      type: float
  sample:
    octo-a:
      jobs:
        - id: schema-1f0e3dad99
          purpose: schema
          status: lost
          exit_code: null
          action: ended
          log_path: C:\ProgramData\octopus.upgrade\logs\schema-1f0e3dad99-20261125T134405123456Z.txt
        - id: install-2025.4.10423-5d41402abc
          purpose: install
          status: finished
          exit_code: 0
          action: waited
          log_path: null
      unsettled: 0
      seconds: 41.318
unsettled:
  description: How many jobs are left on all nodes together, not counting nodes that could not be asked.
  returned: always
  type: int
  sample: 0
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import (
    JOB_SPEC,
    NODES_SPEC,
    WINRM_IMPORT_ERROR,
    ConnectionOptions,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_sweep import JobsUnsettled, SweepRequest, sweep


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **NODES_SPEC,
            "nodes": {"type": "list", "elements": "str"},
            "state": {"type": "str", "choices": ["listed", "settled"], "default": "listed"},
            "cancel": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 3600},
            "work_root": JOB_SPEC["work_root"],
        },
        supports_check_mode=True,
    )
    if WINRM_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("pywinrm"), exception=WINRM_IMPORT_ERROR)
    try:
        request = SweepRequest.from_params(module.params, module.check_mode)
        swept = sweep(request, [ConnectionOptions.from_params(params) for params in module.params["connections"] or []])
    except JobsUnsettled as error:
        module.fail_json(msg=error.message, **error.swept.as_result(module._diff))
    except (HostError, ValueError) as error:  # ValueError: what cannot be said to Windows safely, or may not be ended
        module.fail_json(msg=str(error))
    module.exit_json(**swept.as_result(module._diff))


if __name__ == "__main__":
    main()
