#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Record an upgrade that was rehearsed on a clone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_rehearsal
short_description: Record an upgrade that was rehearsed on a clone
version_added: 1.0.0
description:
  - A rehearsal is the same upgrade, run on a clone and timed. Its record is written to the folder C(rehearsals) beside the restore points of the
    instance that was cloned, where that instance's own upgrade reads it.
  - The upgrade of a test instance is recorded there too, with O(kind=test_instance). It does not count as a rehearsal, and has no durations, since its
    database has a part of the data.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.windows_jobs
  - octopus.upgrade.step
  - octopus.upgrade.windows
  - octopus.upgrade.windows.job
attributes:
  check_mode:
    support: full
    details:
      - Reads by a job in check mode too; the job leaves nothing on the host.
  diff_mode:
    support: none
options:
  state:
    description: V(present) writes the record of the rehearsal, once. It is never replaced or removed.
    type: str
    choices: [present]
    default: present
  kind:
    description: What was upgraded, a clone or a test instance.
    type: str
    choices: [rehearsal, test_instance]
    default: rehearsal
  root:
    description: Folder of the restore points of the instance that was rehearsed, as the host sees it.
    type: str
    required: true
  record:
    description:
      - The run record of the clone's upgrade, as M(octopus.upgrade.octopus_run_report) returns it. The record of the rehearsal takes C(run_id),
        C(from_version), C(to_version), C(ladder), C(started), C(finished), C(verdict), C(outage_seconds), C(steps) and C(error) from it.
      - Without C(finished), the rehearsal counts as finished now.
    type: dict
    required: true
  clone:
    description: Name of the instance on which it was rehearsed; that of the test instance.
    type: str
    required: true
  clone_of:
    description: Name of the instance that it is a clone of, or whose projects it has.
    type: str
    required: true
  restore_point:
    description: Id of the restore point from which the clone was made. Needed with O(kind=rehearsal).
    type: str
  before:
    description: What M(octopus.upgrade.octopus_database_info) returned for the clone's database before the upgrade.
    type: dict
    default: {}
  after:
    description: The same after the upgrade. Leave it out where the upgrade has failed. Then it is not known by how much the database grows.
    type: dict
    default: {}
  copies:
    description: Folder on the control node for a copy of the record, where a plan finds it without a job.
    type: path
notes:
  - The folder is usually on a share, which a WinRM log-on cannot reach (the double hop), so all access is by jobs on the host of the task.
seealso:
  - module: octopus.upgrade.octopus_rehearsal_info
  - module: octopus.upgrade.octopus_run_report
  - module: octopus.upgrade.octopus_database_info
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Record the rehearsal
  octopus.upgrade.octopus_rehearsal:
    root: \\nas\octopus-backups\prod
    record: "{{ report.record }}"
    clone: prod-clone
    clone_of: prod
    restore_point: 20261123T210000Z-2020.5.7
    before: "{{ database_before }}"
    after: "{{ database_after }}"
"""

RETURN = r"""
path:
  description: The record's file.
  returned: success
  type: str
  sample: \\nas\octopus-backups\prod\rehearsals\20261124T010000Z.json
rehearsal:
  description: The record of the rehearsal, as it was written to RV(path).
  returned: success
  type: dict
  sample:
    clone: prod-clone
    clone_of: prod
    run_id: 20261124T010000Z
    restore_point: 20261123T210000Z-2020.5.7
    from_version: 2020.5.7
    to_version: 2026.2.9853
    ladder: [2025.3.14357, 2026.2.9853]
    finished: "2026-11-24T01:31:12.004+00:00"
    verdict: upgraded
    outage_seconds: 412.7
    error: ""
    growth: {data_bytes: 1048576, log_bytes: 8388608}
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point import rehearsals
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.share import Share, root_of
from ansible_collections.octopus.upgrade.plugins.module_utils._run import rehearsal
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import (
    CONNECTION_SPEC,
    JOB_SPEC,
    ConnectionOptions,
    WindowsHost,
)

SPEC: dict[str, Any] = {
    "argument_spec": {
        **CONNECTION_SPEC,
        **JOB_SPEC,
        "state": {"type": "str", "choices": ["present"], "default": "present"},
        "root": {"type": "str", "required": True},
        "record": {"type": "dict", "required": True},
        "clone": {"type": "str", "required": True},
        "clone_of": {"type": "str", "required": True},
        "restore_point": {"type": "str"},
        "kind": {"type": "str", "choices": [rehearsals.REHEARSAL, rehearsals.TEST_INSTANCE], "default": rehearsals.REHEARSAL},
        "before": {"type": "dict", "default": {}},
        "after": {"type": "dict", "default": {}},
        "copies": {"type": "path"},
    },
    "required_if": [("kind", rehearsals.REHEARSAL, ["restore_point"])],
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Write the record; the module's result."""
    root = root_of(params["root"])
    whose = {name: params[name] for name in ("clone", "clone_of")}
    if params["kind"] == rehearsals.TEST_INSTANCE:
        record = rehearsal.of_test_instance(params["record"], **whose)
    else:
        sizes = {name: params[name] for name in ("before", "after")}
        record = rehearsal.document(params["record"], **whose, restore_point=params["restore_point"], **sizes)
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        written = rehearsals.write(Share.from_params(params, host), root, record, check_mode=check_mode)
    if params["copies"] and not check_mode:
        rehearsals.keep(params["copies"], written["rehearsal"])
    return written


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
