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
    description: V(present) writes O(rehearsal), once. A record is never replaced or removed.
    type: str
    choices: [present]
    default: present
  root:
    description: Folder of the restore points of the instance that was rehearsed, as the host sees it.
    type: str
    required: true
  rehearsal:
    description:
      - The record. Required are C(clone), C(clone_of), C(run_id), C(restore_point), C(from_version), C(to_version), C(ladder),
        C(finished), C(verdict), C(outage_seconds) and C(steps), as M(octopus.upgrade.octopus_run_record) returns them. C(growth) is optional.
    type: dict
    required: true
notes:
  - The folder is usually on a share, which a WinRM log-on cannot reach (the double hop), so all access is by jobs on the host of the task.
seealso:
  - module: octopus.upgrade.octopus_rehearsal_info
  - module: octopus.upgrade.octopus_run_record
  - module: octopus.upgrade.octopus_quarantine
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Record the rehearsal
  octopus.upgrade.octopus_rehearsal:
    root: \\nas\octopus-backups\prod
    rehearsal: "{{ record }}"
"""

RETURN = r"""
path:
  description: The record's file.
  returned: success
  type: str
  sample: \\nas\octopus-backups\prod\rehearsals\20261124T010000Z.json
rehearsal:
  description: The record.
  returned: success
  type: dict
  sample: {"run_id": "20261124T010000Z", "verdict": "upgraded", "outage_seconds": 412.7}
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point import rehearsals
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.share import Share, root_of
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
        "rehearsal": {"type": "dict", "required": True},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Write the record; the module's result."""
    root = root_of(params["root"])
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        return rehearsals.write(Share.from_params(params, host), root, params["rehearsal"], check_mode=check_mode)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
