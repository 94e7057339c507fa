#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""End a run, and report how it ended."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_run_report
short_description: End a run, and report how it ended
version_added: 1.0.0
description:
  - Writes the last event of a run to its journal and its record as one JSON document, and returns the final words - how the instance is, where
    everything is, and what to do.
  - The record names the backup of the run, where its steps C(backup.database) and C(backup.folders) are done.
  - The run stays unfinished, for the next run to resume, where something is left to do.
  - A record that cannot be finished does not make the task fail, so that it does not hide the final words. RV(message) then says why.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.windows
  - octopus.upgrade.run
attributes:
  check_mode:
    support: full
    details: Nothing is written. The record is the one that the copy on the control node amounts to so far.
  diff_mode:
    support: none
options:
  journal:
    description: The journal of the run, as M(octopus.upgrade.octopus_run_record) has it.
    type: dict
    required: true
    suboptions:
      path:
        description: The journal on the disk of the host of the task.
        type: str
        required: true
      copy:
        description: Its copy on the control node.
        type: path
        required: true
  instance:
    description: Name of the instance.
    type: str
    required: true
  verdict:
    description: How the run ended.
    type: str
    choices:
      - upgraded
      - rolled_back
      - backed_up
      - failed_lock_lost
      - failed_before_outage
      - failed_service_restored
      - failed_rolled_back
      - failed_after_upgrade
      - failed_unasked
      - failed_stopped
      - rollback_failed
    required: true
  error:
    description: The first error; empty where there was none.
    type: str
    default: ""
  second_error:
    description: Why restoring service, or the rollback, has failed too.
    type: str
    default: ""
  not_removed:
    description: What could not be cleaned up.
    type: str
    default: ""
  nodes:
    description: The nodes of the instance.
    type: list
    elements: str
    default: []
  installed:
    description: The version that was installed before, and that the restore point is of.
    type: str
    default: the old version
  before:
    description: How the instance was before the run.
    type: dict
    default: {}
    suboptions:
      maintenance:
        description: Whether maintenance mode was on.
        type: bool
        default: false
      drained:
        description: The nodes that were drained.
        type: list
        elements: str
        default: []
      watched:
        description: The nodes whose service watchdog was on.
        type: list
        elements: str
        default: []
      start_types:
        description: The start type of the service by node.
        type: dict
        default: {}
      task_caps:
        description: The task cap by node, of those that were not drained.
        type: dict
        default: {}
      availability_group:
        description: The availability group of the database.
        type: dict
        default: {}
  looked:
    description:
      - What M(octopus.upgrade.octopus_info) has returned for each node of an instance that is out of service, as the C(results) of a loop over
        the nodes.
    type: list
    elements: dict
    default: []
  instance_name:
    description: The name of the instance on the nodes, to find its service in O(looked).
    type: str
    default: OctopusServer
  restore_point_path:
    description: The restore point, as the nodes see it.
    type: str
    default: ""
  database:
    description: Name of the database.
    type: str
    default: the database
  changed:
    description: Whether programs, database or folders may differ from the restore point.
    type: bool
    default: false
  steps:
    description: The steps begun.
    type: list
    elements: str
    default: []
  resume_with:
    description: The playbook to run again where something is left to do.
    type: str
    default: the same playbook
  evidence:
    description: What was verified by reading, for the record.
    type: dict
    default: {}
  retained:
    description: What a rollback has retained of the failed state.
    type: dict
    default: {}
    suboptions:
      database:
        description: Name of the failed database.
        type: str
      folders:
        description: Path of the failed folders.
        type: str
      moved:
        description: Folders beside the server folders, to which what the restore point does not have was moved.
        type: list
        elements: str
      files:
        description: Files of a failed database that could not be renamed, on the SQL Server host.
        type: str
      bytes:
        description: How much room database and folders take.
        type: int
  keep_days:
    description: For how many days C(rollback_cleanup.yml) leaves alone what is in O(retained).
    type: int
    default: 0
  lost:
    description: What was done since the restore point and is lost by the rollback, and of what that cannot be told.
    type: list
    elements: str
    default: []
  to_do:
    description: What somebody has to do although the instance is in service, such as adding the database to its availability group.
    type: list
    elements: str
    default: []
seealso:
  - module: octopus.upgrade.octopus_run_record
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: End the run
  octopus.upgrade.octopus_run_report:
    journal:
      path: C:\ProgramData\octopus.upgrade\runs\prod\20261123T210000Z.jsonl
      copy: octopus-runs/prod/20261123T210000Z.jsonl
    instance: prod
    verdict: failed_service_restored
    error: "Back up the database: the disk is full"
    nodes: [octo-a, octo-b]
    installed: 2025.3.14357
  register: report

- name: Fail with the first error, and say how the instance is
  ansible.builtin.fail:
    msg: "{{ report.message }}"
  when: report.message | length > 0
"""

RETURN = r"""
message:
  description: The first error, how the instance is, where everything is, and what to do; empty where nothing has failed.
  returned: always
  type: str
  sample: |-
    Back up the database: the disk is full
    Instance prod was not touched. Its service runs as before.
    Run record: octopus-runs/prod/20261123T210000Z.json
exit_status:
  description: How the instance is, as a number for schedulers, with which the callback P(octopus.upgrade.exit_status#callback) ends.
  returned: always
  type: int
  sample: 0
summary:
  description: The lines with which the run ends; none where its record could not be finished or is another control node's now.
  returned: always
  type: list
  elements: str
  sample: ["prod: upgraded", "2025.3.14357 -> 2026.2.9853", "outage: 412.7 s", "record: octopus-runs/prod/20261123T210000Z.json"]
record:
  description: The record, as M(octopus.upgrade.octopus_run_record) returns it.
  returned: unless the lock is lost, or nothing of the run can be read
  type: dict
  sample:
    instance: prod
    verdict: failed_service_restored
path:
  description: The record as one JSON document.
  returned: when it was written
  type: str
  sample: octopus-runs/prod/20261123T210000Z.json
unrecorded:
  description: The record could not be finished; RV(message) says why.
  returned: where that is so
  type: bool
  sample: true
lock_lost:
  description: Another control node has broken the lock, and has resumed or ended the run.
  returned: where the last event was refused for that reason
  type: bool
  sample: true
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import JOURNAL_SPEC, run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._run import ending, outcome
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import HOLDER_SPEC
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CONNECTION_SPEC

NAMES = {"type": "list", "elements": "str", "default": []}
BEFORE = {
    "maintenance": {"type": "bool", "default": False},
    "drained": NAMES,
    "watched": NAMES,
    "start_types": {"type": "dict", "default": {}},
    "task_caps": {"type": "dict", "default": {}},
    "availability_group": {"type": "dict", "default": {}},
}

_RETAINED = {
    "database": {"type": "str"},
    "folders": {"type": "str"},
    "moved": {"type": "list", "elements": "str"},
    "files": {"type": "str"},
    "bytes": {"type": "int"},
}
SPEC = {
    "argument_spec": {
        **CONNECTION_SPEC,
        "journal": {**JOURNAL_SPEC, "required": True},
        "instance": {"type": "str", "required": True},
        "verdict": {"type": "str", "choices": list(outcome.VERDICTS), "required": True},
        "error": {"type": "str", "default": ""},
        "second_error": {"type": "str", "default": ""},
        "not_removed": {"type": "str", "default": ""},
        "nodes": NAMES,
        "installed": {"type": "str", "default": "the old version"},
        "before": {"type": "dict", "default": {}, "options": BEFORE},
        "looked": {"type": "list", "elements": "dict", "default": []},
        "instance_name": {"type": "str", "default": "OctopusServer"},
        "restore_point_path": {"type": "str", "default": ""},
        "database": {"type": "str", "default": "the database"},
        "changed": {"type": "bool", "default": False},
        "steps": NAMES,
        "resume_with": {"type": "str", "default": "the same playbook"},
        "evidence": {"type": "dict", "default": {}},
        "retained": {"type": "dict", "default": {}, "options": _RETAINED},
        "keep_days": {"type": "int", "default": 0},
        "lost": {"type": "list", "elements": "str", "default": []},
        "to_do": {"type": "list", "elements": "str", "default": []},
        "holder": {"type": "dict", "required": True, "options": HOLDER_SPEC},
    },
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """End the run; the module's result."""
    return ending.end(params, check_mode)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
