#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_rehearsal
short_description: Keep the record of an upgrade that was rehearsed on a clone, and look it up
version_added: 1.0.0
description:
  - A rehearsal is the same upgrade, run on a clone, timed. Its record lies in the folder C(rehearsals) beside the restore points of the
    instance that the clone is one of, where that instance's own upgrade reads it.
  - The folder is usually on a share, which a WinRM log-on cannot reach, so all access is by jobs on the host of the task.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.windows
  - octopus.upgrade.windows.job
attributes:
  check_mode:
    support: full
    details:
      - Reads by a job in check mode too; it leaves nothing on the host.
  diff_mode:
    support: none
options:
  state:
    description:
      - V(recorded) writes O(rehearsal), once.
      - V(queried) reads all records, and tells what the newest one of this very jump says.
    type: str
    choices: [recorded, queried]
    required: true
  root:
    description: Folder of the restore points of the instance that was rehearsed, as the host sees it.
    type: str
    required: true
  rehearsal:
    description:
      - The record. There have to be C(clone), C(clone_of), C(run_id), C(restore_point), C(from_version), C(to_version), C(ladder),
        C(finished), C(verdict), C(outage_seconds) and C(steps), as M(octopus.upgrade.octopus_run_record) returns them. C(growth) may be there.
    type: dict
  from_version:
    description: With O(state=queried), the version that is installed.
    type: str
  ladder:
    description: With O(state=queried), the versions that are to be climbed through.
    type: list
    elements: str
seealso:
  - module: octopus.upgrade.octopus_run_record
  - module: octopus.upgrade.octopus_quarantine
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Ask how the rehearsal of this upgrade went
  octopus.upgrade.octopus_rehearsal:
    state: queried
    root: \\nas\octopus-backups\prod
    from_version: 2020.5.7
    ladder: [2025.3.14357, 2026.2.9853]
  register: rehearsed

- name: Refuse to go on without one
  ansible.builtin.assert:
    that: rehearsed.outlook.succeeded | default(false)
"""

RETURN = r"""
path:
  description: The record's file.
  returned: O(state=recorded)
  type: str
  sample: \\nas\octopus-backups\prod\rehearsals\20261124T010000Z.json
rehearsal:
  description: The record.
  returned: O(state=recorded)
  type: dict
  sample: {"run_id": "20261124T010000Z", "verdict": "upgraded", "outage_seconds": 412.7}
rehearsals:
  description: All records, the newest first.
  returned: O(state=queried)
  type: list
  elements: dict
  sample: [{"run_id": "20261124T010000Z", "verdict": "upgraded", "outage_seconds": 412.7}]
outlook:
  description: What the newest rehearsal of this very jump says; null where there is none, or O(from_version) and O(ladder) are not given.
  returned: O(state=queried)
  type: dict
  contains:
    run_id:
      description: Its run.
      type: str
    clone:
      description: The clone it was run on.
      type: str
    restore_point:
      description: What the clone was made from.
      type: str
    finished:
      description: When it ended.
      type: str
    age_days:
      description: How long ago that is, by the clock of the control node.
      type: float
    verdict:
      description: How it ended.
      type: str
    succeeded:
      description: Whether it ended well.
      type: bool
    outage_seconds:
      description: How long the clone was out of service, which is what the instance's own upgrade can expect.
      type: float
    growth:
      description: How much data and log grew, in bytes.
      type: dict
  sample:
    run_id: 20261124T010000Z
    clone: prod-clone
    restore_point: 20261123T210000Z-2020.5.7
    finished: "2026-11-24T01:31:12.004+00:00"
    age_days: 1.4
    verdict: upgraded
    succeeded: true
    outage_seconds: 412.7
    growth: {data_bytes: 1048576, log_bytes: 8388608}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point import rehearsals
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.share import Share, root_of
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import (
    CONNECTION_SPEC,
    JOB_SPEC,
    WINRM_IMPORT_ERROR,
    ConnectionOptions,
    WindowsHost,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import RunAs


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do what the state asks for."""
    root = root_of(params["root"])
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        share = Share(host, RunAs(params["job_user"], params["job_password"]), params["work_root"])
        if params["state"] == "recorded":
            return rehearsals.write(share, root, params["rehearsal"], check_mode=check_mode)
        found = rehearsals.read(share, root)
    jump = rehearsals.Jump(params["from_version"], params["ladder"]) if params["ladder"] else None
    return {"changed": False, "rehearsals": found, "outlook": rehearsals.outlook(found, jump) if jump else None}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **CONNECTION_SPEC,
            **JOB_SPEC,
            "state": {"type": "str", "choices": ["recorded", "queried"], "required": True},
            "root": {"type": "str", "required": True},
            "rehearsal": {"type": "dict"},
            "from_version": {"type": "str"},
            "ladder": {"type": "list", "elements": "str"},
        },
        required_if=[("state", "recorded", ["rehearsal"])],
        required_together=[("from_version", "ladder")],
        supports_check_mode=True,
    )
    if WINRM_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("pywinrm"), exception=WINRM_IMPORT_ERROR)
    try:
        result = run(module.params, module.check_mode)
    except (OctopusError, HostError, ValueError) as error:  # ValueError: what cannot be said to Windows safely
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
