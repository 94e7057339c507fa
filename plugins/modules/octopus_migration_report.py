#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""End one side of a cut-over to a clone, and report how it ended."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_migration_report
short_description: End one side of a cut-over to a clone, and report how it ended
version_added: 1.0.0
description:
  - Writes the last event of the side's run to its journal, and the result for other programs as a JSON document on the control node, and returns the
    final words.
  - The run stays unfinished where something is left to do, so that the next one resumes it.
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
  old:
    description: Name of the instance that is left.
    type: str
    required: true
  new:
    description: Name of the clone that takes its place.
    type: str
    required: true
  path:
    description: The file on the control node that the result is written to. Missing folders are created. Without it, none is written.
    type: path
  status:
    description:
      - How it ended, where a run has begun.
      - Without it, the status is V(not_started) with O(error), else V(unchanged) or V(planned), depending on O(action).
    type: str
    choices:
      - migrated
      - returned
      - unchanged
      - planned
      - not_started
      - failed_returned
      - failed_after_publish
      - failed_lock_lost
      - failed_stopped
  action:
    description: What was to be done, RV(octopus.upgrade.octopus_migration_plan#module:action).
    type: str
    default: ""
  begun:
    description: Whether a run has begun whose end must be written to O(journal).
    type: bool
    default: false
  error:
    description: The first error; empty where there was none.
    type: str
    default: ""
  second_error:
    description: Why what followed the error has failed too.
    type: str
    default: ""
  left:
    description: What of the quarantine is not lifted and has to be set by hand.
    type: list
    elements: str
    default: []
  unhealthy:
    description: Targets and workers that are not healthy on the new side.
    type: list
    elements: str
    default: []
  lines:
    description: RV(octopus.upgrade.octopus_migration_plan#module:lines), for the result.
    type: list
    elements: str
    default: []
seealso:
  - module: octopus.upgrade.octopus_migration_plan
  - module: octopus.upgrade.octopus_run_record
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: End the run
  octopus.upgrade.octopus_migration_report:
    old: prod
    new: prod-new
    path: octopus-runs/prod.migrate.json
    journal:
      path: C:\ProgramData\octopus.upgrade\runs\prod\20261123T210000Z.jsonl
      copy: octopus-runs/prod/20261123T210000Z.jsonl
    begun: true
    status: migrated
  register: report
"""

RETURN = r"""
status:
  description: How it ended.
  returned: always
  type: str
  sample: migrated
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
    instance: prod
    new_instance: prod-new
    status: migrated
    exit_status: 0
    error: ""
    second_error: ""
    left: []
    unhealthy: []
    lines: []
    run_record: octopus-runs/prod/20261123T210000Z.json
path:
  description: The file that the result was written to; empty where none was.
  returned: always
  type: str
  sample: octopus-runs/prod.migrate.json
run_record:
  description: The run record as one JSON document; empty where none was written.
  returned: always
  type: str
  sample: octopus-runs/prod/20261123T210000Z.json
summary:
  description: The lines with which the run ends.
  returned: always
  type: list
  elements: str
  sample: ["prod -> prod-new: migrated"]
message:
  description: The first error, how both sides are, and what to do; empty where nothing has failed.
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
from ansible_collections.octopus.upgrade.plugins.module_utils._run import migration_report
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import HOLDER_SPEC
from ansible_collections.octopus.upgrade.plugins.module_utils._run.migration_outcome import EXIT_STATUS
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CONNECTION_SPEC

SPEC = {
    "argument_spec": {
        **CONNECTION_SPEC,
        "old": {"type": "str", "required": True},
        "new": {"type": "str", "required": True},
        "path": {"type": "path"},
        "status": {"type": "str", "choices": list(EXIT_STATUS)},
        "action": {"type": "str", "default": ""},
        "begun": {"type": "bool", "default": False},
        "error": {"type": "str", "default": ""},
        "second_error": {"type": "str", "default": ""},
        "left": {"type": "list", "elements": "str", "default": []},
        "unhealthy": {"type": "list", "elements": "str", "default": []},
        "lines": {"type": "list", "elements": "str", "default": []},
        "holder": {"type": "dict", "required": True, "options": HOLDER_SPEC},
    },
    "required_if": [("begun", True, ("journal",))],
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """End the run of a side; the module's result."""
    return migration_report.end(params, check_mode)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
