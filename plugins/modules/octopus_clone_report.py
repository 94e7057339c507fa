#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Report how the refresh or removal of a clone ended."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_clone_report
short_description: Report how the refresh or removal of a clone ended
version_added: 1.0.0
description:
  - Puts together the result for machines, and writes it to a file on the control node; returns what to show to people, and what to fail with.
  - The file tells of changes and is none, so it does not count as one.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
attributes:
  check_mode:
    support: full
    details:
      - The file is not written.
  diff_mode:
    support: none
options:
  instance:
    description: Name of the clone.
    type: str
    required: true
  clone_of:
    description: Name of its source.
    type: str
    default: ""
  status:
    description:
      - How it ended. Empty where nothing was begun, which is V(not_started) with O(error), V(unchanged) with O(unchanged), and else V(planned).
    type: str
    choices: ["", refreshed, unchanged, removed, planned, not_started, failed_old_clone_up, failed_clone_down]
    default: ""
  error:
    description: The first error. The run failed where there is one.
    type: str
    default: ""
  second_error:
    description: Why the old clone could not be restored.
    type: str
    default: ""
  lock_lost:
    description: Whether another control node has taken the run over.
    type: bool
    default: false
  not_removed:
    description: What could not be removed.
    type: str
    default: ""
  new:
    description: RV(octopus.upgrade.octopus_clone_plan#module:new).
    type: dict
    default: {}
  old:
    description: RV(octopus.upgrade.octopus_clone_plan#module:old).
    type: dict
    default: {}
  unchanged:
    description: RV(octopus.upgrade.octopus_clone_plan#module:unchanged).
    type: bool
    default: false
  quarantine:
    description: RV(octopus.upgrade.octopus_quarantine_verify#module:record).
    type: dict
    default: {}
  run_record:
    description: The run record.
    type: str
    default: ""
  path:
    description: File on the control node that gets the result.
    type: path
    required: true
seealso:
  - module: octopus.upgrade.octopus_clone_plan
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Report
  octopus.upgrade.octopus_clone_report:
    instance: test
    clone_of: prod
    status: refreshed
    new: "{{ plan.new }}"
    old: "{{ plan.old }}"
    quarantine: "{{ verified.record }}"
    path: octopus-runs/test.clone.json
  register: ended
"""

RETURN = r"""
report:
  description: The result for machines, as the file has it.
  returned: success
  type: dict
  sample:
    instance: test
    clone_of: prod
    status: refreshed
    exit_status: 0
    error: ""
    restore_point: 20261125T132400Z-2020.5.7
    version: 2020.5.7
    database: OctopusDeploy test 20261126T080000Z
    not_removed: ""
    quarantine: {}
    run_record: ""
lines:
  description: The result for people.
  returned: success
  type: list
  elements: str
  sample: ['test: refreshed (20261125T132400Z-2020.5.7)']
failure:
  description: The message to fail with. Empty where nothing failed.
  returned: success
  type: str
  sample: ""
"""

import json
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import TaskFailed
from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import clone_report

_ENDING: dict[str, Any] = {
    "instance": {"type": "str", "required": True},
    "clone_of": {"type": "str", "default": ""},
    "status": {"type": "str", "choices": ["", *clone_report.EXIT_STATUS], "default": ""},
    "error": {"type": "str", "default": ""},
    "second_error": {"type": "str", "default": ""},
    "lock_lost": {"type": "bool", "default": False},
    "not_removed": {"type": "str", "default": ""},
    "new": {"type": "dict", "default": {}},
    "old": {"type": "dict", "default": {}},
    "unchanged": {"type": "bool", "default": False},
    "quarantine": {"type": "dict", "default": {}},
    "run_record": {"type": "str", "default": ""},
}
SPEC: dict[str, Any] = {"argument_spec": {**_ENDING, "path": {"type": "path", "required": True}}}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Put the result together, and write it; the module's result."""
    ending = clone_report.Ending(**{name: params[name] for name in _ENDING})
    report, path = clone_report.report(ending), Path(params["path"])
    if not check_mode:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(report, indent=4, sort_keys=True) + "\n", encoding="utf-8")
            path.chmod(0o644)
        except OSError as error:
            first = clone_report.failure(ending, "")
            said = f"Expected to write the result to {path} on the control node, but: {error.strerror}."
            raise TaskFailed(f"{first}\n{said}" if first else said, {"report": report}) from error
    return {"report": report, "lines": clone_report.lines(ending), "failure": clone_report.failure(ending, "" if check_mode else str(path))}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
