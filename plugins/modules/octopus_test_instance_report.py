#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""End the creation or the removal of a test instance, and report how it ended."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_test_instance_report
short_description: End the creation or the removal of a test instance, and report how it ended
version_added: 1.0.0
description:
  - Writes the last event of the run to its journal, and the result for other programs as a JSON document on the control node, and returns the
    final words.
  - A run that has failed stays unfinished, so that the next one resumes it.
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
    description: Name of the test instance.
    type: str
    required: true
  test_of:
    description: Name of its source.
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
    choices: [created, unchanged, removed, planned, not_started, failed, failed_removal]
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
  lock_lost:
    description: Whether another control node has broken the lock, so that nothing may be written to the journal.
    type: bool
    default: false
  made:
    description: What was made; C(version), C(database), C(projects), C(thumbprint).
    type: dict
    default: {}
  contents:
    description: What M(octopus.upgrade.octopus_test_instance_verify) has found in it.
    type: dict
    default: {}
  git_projects:
    description: The projects of it that are version-controlled, and write to the repository of the original.
    type: list
    elements: str
    default: []
  not_carried:
    description: What did not arrive.
    type: list
    elements: str
    default: []
  packages:
    description: What M(octopus.upgrade.octopus_packages_copy) has copied; empty where packages were not wanted.
    type: dict
    default: {}
seealso:
  - module: octopus.upgrade.octopus_run_record
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: End the run
  octopus.upgrade.octopus_test_instance_report:
    instance: prod-test
    test_of: prod
    path: octopus-runs/prod-test.test.json
    journal:
      path: C:\ProgramData\octopus.upgrade\runs\prod-test\20261123T210000Z.jsonl
      copy: octopus-runs/prod-test/20261123T210000Z.jsonl
    begun: true
    status: created
    made: {version: 2025.3.14357, database: Octopus prod-test, projects: [Web Shop]}
  register: report
"""

RETURN = r"""
status:
  description: How the run ended.
  returned: always
  type: str
  sample: created
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
    instance: prod-test
    test_of: prod
    status: created
    exit_status: 0
    error: ""
    version: 2025.3.14357
    database: Octopus prod-test
    projects: [Web Shop]
    git_projects: []
    not_carried: [packages]
    packages: {}
    run_record: octopus-runs/prod-test/20261123T210000Z.json
path:
  description: The file that the result was written to.
  returned: always
  type: str
  sample: octopus-runs/prod-test.test.json
run_record:
  description: The run record as one JSON document; empty where none was written.
  returned: always
  type: str
  sample: octopus-runs/prod-test/20261123T210000Z.json
summary:
  description: The lines with which the run ends.
  returned: always
  type: list
  elements: str
  sample: ['prod-test: created at 2025.3.14357 with Web Shop']
message:
  description: The first error, how the test instance is, and what to do; empty where nothing has failed.
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
from ansible_collections.octopus.upgrade.plugins.module_utils._run import test_instance_report as report
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import HOLDER_SPEC
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CONNECTION_SPEC

SPEC: dict[str, Any] = {
    "argument_spec": {
        **CONNECTION_SPEC,
        "instance": {"type": "str", "required": True},
        "test_of": {"type": "str", "required": True},
        "path": {"type": "path", "required": True},
        "status": {"type": "str", "choices": list(report.EXIT_STATUS)},
        "unchanged": {"type": "bool", "default": False},
        "begun": {"type": "bool", "default": False},
        "error": {"type": "str", "default": ""},
        "lock_lost": {"type": "bool", "default": False},
        "made": {"type": "dict", "default": {}},
        "contents": {"type": "dict", "default": {}},
        "git_projects": {"type": "list", "elements": "str", "default": []},
        "not_carried": {"type": "list", "elements": "str", "default": []},
        "packages": {"type": "dict", "default": {}},
        "holder": {"type": "dict", "required": True, "options": HOLDER_SPEC},
    },
    "required_if": [("begun", True, ("journal",))],
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """End the run of a test instance; the module's result."""
    return report.end(params, check_mode)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
