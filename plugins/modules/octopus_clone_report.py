#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""End the refresh or removal of a clone, and report how it ended."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_clone_report
short_description: End the refresh or removal of a clone, and report how it ended
version_added: 1.0.0
description:
  - Writes the last event of the run to its journal, and the result for other programs as a JSON document on the control node, and returns the
    final words.
  - The run stays unfinished where the old clone is left out of service, so that the next run finds what the old clone had.
  - Neither a record that cannot be finished nor a result that cannot be written makes the task fail, so that they do not hide the final words.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.windows
  - octopus.upgrade.run
attributes:
  check_mode:
    support: full
    details: Nothing is written.
  diff_mode:
    support: none
options:
  instance:
    description: Name of the clone's instance.
    type: str
    required: true
  clone_of:
    description: Name of the instance that it is a clone of.
    type: str
    required: true
  path:
    description: The file on the control node that the result is written to. Missing folders are created.
    type: path
    required: true
  status:
    description:
      - How the run ended, where it has begun.
      - Without it, the status is V(not_started) with O(error), else V(unchanged) or V(planned), depending on O(unchanged).
    type: str
    choices: [refreshed, unchanged, removed, planned, not_started, failed_old_clone_up, failed_clone_down]
  unchanged:
    description: Whether there was nothing to do.
    type: bool
    default: false
  begun:
    description: Whether a run has begun whose end must be written to O(journal).
    type: bool
    default: false
  error:
    description: The first error; empty where there was none.
    type: str
    default: ""
  second_error:
    description: Why restoring the old clone has failed too.
    type: str
    default: ""
  not_removed:
    description: What could not be cleaned up.
    type: str
    default: ""
  lock_lost:
    description: Whether another control node has broken the lock, so that nothing may be written to the journal.
    type: bool
    default: false
  old:
    description: The old clone; C(exists), C(database), C(folder), C(restore_point) and whatever else the next run needs to know of it.
    type: dict
    default: {}
  new:
    description: The new clone; C(database), C(folder), C(restore_point), C(version).
    type: dict
    default: {}
  quarantine:
    description: The record of the clone's quarantine.
    type: dict
    default: {}
  outbound:
    description: RV(octopus.upgrade.octopus_outbound#module:nodes), where the clone's hosts are kept from reaching out.
    type: dict
    default: {}
  inherited:
    description: Names of variables in the environment of the clone's hosts that its server reads.
    type: list
    elements: str
    default: []
  accounts:
    description: Names of the accounts that have credentials, as M(octopus.upgrade.octopus_quarantine_verify) returns them.
    type: list
    elements: str
    default: []
  by_program:
    description:
      - What the program itself has changed in the clone, and what lifting its quarantine does not bring back; the C(source) and C(own) thumbprint of
        C(certificate), and the C(switches) that were turned off.
    type: dict
    default: {}
  left_over:
    description: What earlier runs and this one have left, for the next run to remove.
    type: list
    elements: dict
    default: []
seealso:
  - module: octopus.upgrade.octopus_run_record
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: End the refresh
  octopus.upgrade.octopus_clone_report:
    instance: prod-clone
    clone_of: prod
    path: octopus-runs/prod-clone.clone.json
    journal:
      path: C:\ProgramData\octopus.upgrade\runs\prod-clone\20261123T210000Z.jsonl
      copy: octopus-runs/prod-clone/20261123T210000Z.jsonl
    begun: true
    status: refreshed
    new:
      restore_point: 20261123T210000Z-2025.3.14357
      version: 2025.3.14357
      database: Octopus prod-clone 20261123T210000Z
  register: report
"""

RETURN = r"""
status:
  description: How the run ended.
  returned: always
  type: str
  sample: refreshed
exit_status:
  description: The same as a number, for schedulers.
  returned: always
  type: int
  sample: 0
result:
  description: The result, as it was written to O(path).
  returned: always
  type: dict
  sample:
    instance: prod-clone
    clone_of: prod
    status: refreshed
    exit_status: 0
    error: ""
    restore_point: 20261123T210000Z-2025.3.14357
    version: 2025.3.14357
    database: Octopus prod-clone 20261123T210000Z
    not_removed: ""
    quarantine: {}
    outbound: {}
    inherited_environment: []
    accounts: [AWS production]
    by_program:
      certificate: {source: 3D9E1C0B5A7F48E2D6C1B0A99887766554433221, own: 90F1C6A2B4D8E3F7051627384950617283940A1B}
      switches: [upgradeCheck, sendTelemetry]
    run_record: octopus-runs/prod-clone/20261123T210000Z.json
path:
  description: The file that the result was written to.
  returned: always
  type: str
  sample: octopus-runs/prod-clone.clone.json
run_record:
  description: The run record as one JSON document; empty where none was written.
  returned: always
  type: str
  sample: octopus-runs/prod-clone/20261123T210000Z.json
summary:
  description: The lines with which the run ends.
  returned: always
  type: list
  elements: str
  sample: ["prod-clone: refreshed (20261123T210000Z-2025.3.14357)"]
message:
  description: The first error, how the clone is, and what to do; empty where nothing has failed.
  returned: always
  type: str
  sample: ""
unrecorded:
  description: The last event could not be written.
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

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._run import clone_report
from ansible_collections.octopus.upgrade.plugins.module_utils._run.clone_outcome import EXIT_STATUS
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import HOLDER_SPEC
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CONNECTION_SPEC

SPEC = {
    "argument_spec": {
        **CONNECTION_SPEC,
        "instance": {"type": "str", "required": True},
        "clone_of": {"type": "str", "required": True},
        "path": {"type": "path", "required": True},
        "status": {"type": "str", "choices": list(EXIT_STATUS)},
        "unchanged": {"type": "bool", "default": False},
        "begun": {"type": "bool", "default": False},
        "error": {"type": "str", "default": ""},
        "second_error": {"type": "str", "default": ""},
        "not_removed": {"type": "str", "default": ""},
        "lock_lost": {"type": "bool", "default": False},
        "old": {"type": "dict", "default": {}},
        "new": {"type": "dict", "default": {}},
        "quarantine": {"type": "dict", "default": {}},
        "outbound": {"type": "dict", "default": {}},
        "inherited": {"type": "list", "elements": "str", "default": []},
        "accounts": {"type": "list", "elements": "str", "default": []},
        "by_program": {"type": "dict", "default": {}},
        "left_over": {"type": "list", "elements": "dict", "default": []},
        "holder": {"type": "dict", "required": True, "options": HOLDER_SPEC},
    },
    "required_if": [("begun", True, ("journal",))],
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """End the run of a clone; the module's result."""
    return clone_report.end(params, check_mode)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
