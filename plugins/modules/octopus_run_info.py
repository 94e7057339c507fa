#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the lock of an instance and its newest runs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_run_info
short_description: Read the lock of an instance and its newest runs
version_added: 1.0.0
description:
  - Returns who holds the lock of an instance, which run of it is unfinished, and which has finished last, from the coordinator's own disk.
  - The unfinished run comes with everything that is needed to resume it, from this control node or another one, and with what it means for
    the next run.
  - Fails where an unfinished run has its journal on another of the nodes, which was the coordinator in another inventory.
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
    description:
      - Inventory names of the instance's nodes, its coordinator first. By default, the host of the task alone.
    type: list
    elements: str
  results:
    description: Names of steps of the unfinished run whose results are wanted.
    type: list
    elements: str
    default: []
  retained:
    description: Whether to look through all finished runs for what their rollbacks have retained.
    type: bool
    default: false
  keep_days:
    description: For how many days after its run that is retained, for RV(retained[].until) and RV(retained[].due).
    type: int
    default: 0
seealso:
  - module: octopus.upgrade.octopus_run_lock
  - module: octopus.upgrade.octopus_run_record
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Look for an unfinished run
  octopus.upgrade.octopus_run_info:
    instance: prod
  register: found

- name: Refuse to begin another one
  ansible.builtin.assert:
    that: found.unfinished is none or not found.unfinished.resumes
    fail_msg: "Run {{ found.unfinished.playbook }} again to finish the run {{ found.unfinished.run_id }} first."
"""

RETURN = r"""
lock:
  description:
    - The lock, as M(octopus.upgrade.octopus_run_lock) returns it; null where nobody holds it.
    - C(gone) tells that its process has ended, which only its own control node can tell. Elsewhere it is V(false).
  returned: success
  type: dict
  sample:
    path: C:\ProgramData\octopus.upgrade\runs\prod\lock
    owner: anna@ctrl1
    run_id: 20261125T132400Z
    operation: upgrade
    since: "2026-11-25T13:24:00+00:00"
    age_seconds: 2
    ours: false
    gone: false
unfinished:
  description:
    - The newest run of the instance if it is unfinished, with what M(octopus.upgrade.octopus_run_record) returns of it; else null.
    - A run that is older than a finished one is not returned. Its plan was made for an earlier state of the instance.
  returned: success
  type: dict
  contains:
    run_id:
      description: Its id.
      type: str
    path:
      description: Its journal on the host.
      type: str
    events:
      description: How many events the journal has.
      type: int
    operation:
      description: What it does; a rollback that has resumed an upgrade is a rollback.
      type: str
    playbook:
      description: The playbook to run again to finish it.
      type: str
    last_step:
      description: The step that has begun last; empty where none has.
      type: str
    resumes:
      description: Whether it has changed the instance, so that the next run must resume it.
      type: bool
    guarded:
      description: Whether the guard on the host (M(octopus.upgrade.octopus_guard)) has started the service since.
      type: bool
    roll_back_first:
      description: Whether it has failed, was interrupted while it restored service or rolled back, or is C(guarded). That must be completed first.
      type: bool
    schema_failed:
      description: Whether it was left stopped in a schema upgrade, which must not be tried again.
      type: bool
    only_stopped:
      description: Whether it has changed nothing that a restore point would be needed for.
      type: bool
    published:
      description: Whether users may have been let in already.
      type: bool
    results:
      description: The results of the steps in O(results) that are done.
      type: dict
    record:
      description: The run so far.
      type: dict
    steps:
      description: Names of the steps begun.
      type: list
      elements: str
    done:
      description: Names of the steps that are done.
      type: list
      elements: str
    facts:
      description: The facts of all events, the newest of each name.
      type: dict
  sample:
    run_id: 20261125T120000Z
    path: C:\ProgramData\octopus.upgrade\runs\prod\20261125T120000Z.jsonl
    events: 9
    operation: upgrade
    playbook: upgrade_inplace.yml
    last_step: quiesce.maintenance
    resumes: true
    roll_back_first: false
    schema_failed: false
    only_stopped: true
    published: false
    results: {}
    record:
      instance: prod
      from_version: 2025.3.14357
      to_version: 2026.2.9853
      verdict: unfinished
    steps: [stage.license, quiesce.watchdog, quiesce.maintenance]
    done: [stage.license, quiesce.watchdog]
    facts:
      restore_point: 20261125T120000Z-2025.3.14357
last:
  description: The record of the newest run that has finished; null where there is none.
  returned: success
  type: dict
  sample:
    instance: prod
    from_version: 2024.4.7100
    to_version: 2025.3.14357
    verdict: upgraded
last_facts:
  description: The facts of that run, the newest of each name; empty where there is none.
  returned: success
  type: dict
  sample:
    left_over: []
retained:
  description: What the rollbacks of the finished runs have retained, newest first. It may have been removed since.
  returned: with O(retained)
  type: list
  elements: dict
  contains:
    run_id:
      description: The run.
      type: str
    finished:
      description: When it ended.
      type: str
    restore_point:
      description: The restore point that it rolled back to.
      type: str
    database:
      description: Name of the database that was replaced. Omitted where there is none.
      type: str
    folders:
      description: The folder with the folders that were replaced. Omitted where there are none.
      type: str
    files:
      description: Files of a database that could not be renamed, on the SQL Server host. Omitted where there are none.
      type: str
    moved:
      description: Folders beside the server folders, to which what the restore point does not have was moved. Omitted where there are none.
      type: list
      elements: str
    bytes:
      description: How much room database and folders took.
      type: int
    until:
      description: Until when O(keep_days) retains it. Null where that is unknown or not wanted.
      type: str
    due:
      description: Whether that time is over.
      type: bool
  sample:
    - run_id: 20261125T120000Z
      finished: "2026-11-25T13:24:00+00:00"
      restore_point: 20261125T110000Z-2025.3.14357
      database: OctopusDeploy failed 20261125T120000Z
      folders: \\nas\octopus-backups\prod\failed-20261125T120000Z
      bytes: 22548578304
      until: "2026-12-09T13:24:00+00:00"
      due: false
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import HOLDER_SPEC
from ansible_collections.octopus.upgrade.plugins.module_utils._run.instance_runs import INSTANCE_SPEC, instance_runs
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import NODES_SPEC

SPEC = {
    "argument_spec": {
        **NODES_SPEC,
        **INSTANCE_SPEC,
        "nodes": {"type": "list", "elements": "str"},
        "results": {"type": "list", "elements": "str", "default": []},
        "retained": {"type": "bool", "default": False},
        "keep_days": {"type": "int", "default": 0},
        "holder": {"type": "dict", "required": True, "options": HOLDER_SPEC},
    },
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Read lock and runs; the module's result."""
    with instance_runs(params) as runs:
        found = {"changed": False, **runs.info(params["results"])}
        return {**found, "retained": runs.retained(params["keep_days"])} if params["retained"] else found


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
