#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the records of upgrades that were rehearsed on clones."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_rehearsal_info
short_description: Read the records of upgrades that were rehearsed on clones
version_added: 1.0.0
description:
  - Reads the records of M(octopus.upgrade.octopus_rehearsal), and returns what the newest rehearsal of the same upgrade path says.
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
      - Starts no job in check mode. RV(looked) is then false where O(root) is on a share to which the connection does not pass its credentials on.
  diff_mode:
    support: none
options:
  root:
    description: Folder of the restore points of the instance, as the host sees it.
    type: str
    required: true
  from_version:
    description: The installed version.
    type: str
  ladder:
    description: The versions of the upgrade path, the last of them the wanted one.
    type: list
    elements: str
  copies:
    description:
      - Folder on the control node with copies of records (O(octopus.upgrade.octopus_rehearsal#module:copies)), which are read in check mode where
        only a job could read O(root).
    type: path
notes:
  - The folder is usually on a share, which a WinRM log-on cannot reach (the double hop), so it is read by a job on the host of the task.
seealso:
  - module: octopus.upgrade.octopus_rehearsal
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Read how the rehearsal of this upgrade went
  octopus.upgrade.octopus_rehearsal_info:
    root: \\nas\octopus-backups\prod
    from_version: 2020.5.7
    ladder: [2025.3.14357, 2026.2.9853]
  register: rehearsed

- name: Refuse to continue without one
  ansible.builtin.assert:
    that: rehearsed.outlook.succeeded | default(false)
"""

RETURN = r"""
looked:
  description: Whether O(root) could be read. False in check mode where only a job could; what is known then comes from O(copies).
  returned: success
  type: bool
  sample: true
rehearsals:
  description: All records, the newest first.
  returned: success
  type: list
  elements: dict
  sample: [{"run_id": "20261124T010000Z", "verdict": "upgraded", "outage_seconds": 412.7}]
free_bytes:
  description: Free bytes of the drive or share of O(root), as a job sees it; null where that is not known.
  returned: success
  type: int
  sample: 5368709120
tested:
  description:
    - How the newest upgrade of a test instance ended, C(same_path) saying whether it was this very upgrade path; null where there was none, or
      O(from_version) and O(ladder) are not given. It is no rehearsal.
  returned: success
  type: dict
  sample:
    run_id: 20261120T010000Z
    test_instance: prod-test
    from_version: 2020.5.7
    to_version: 2026.2.9853
    finished: "2026-11-20T01:31:12.004+00:00"
    age_days: 5.4
    verdict: upgraded
    succeeded: true
    same_path: true
outlook:
  description: What the newest rehearsal of this very upgrade path says; null where there is none, or O(from_version) and O(ladder) are not given.
  returned: success
  type: dict
  contains:
    run_id:
      description: The run.
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
    steps:
      description: The steps that were done, how many seconds each took, and how many schema scripts it executed, for the callback
        P(octopus.upgrade.progress#callback).
      type: list
      elements: dict
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
        "root": {"type": "str", "required": True},
        "from_version": {"type": "str"},
        "ladder": {"type": "list", "elements": "str"},
        "copies": {"type": "path"},
    },
    "required_together": [("from_version", "ladder")],
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Read the records; the module's result."""
    root = root_of(params["root"])
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        looked = rehearsals.look(host, root) if check_mode else rehearsals.survey(Share.from_params(params, host), root)
    found, free = looked or (rehearsals.kept(params["copies"]) if params["copies"] else [], None)
    jump = rehearsals.Jump(params["from_version"], params["ladder"]) if params["ladder"] else None
    return {
        "changed": False,
        "looked": looked is not None,
        "rehearsals": found,
        "free_bytes": free,
        "outlook": rehearsals.outlook(found, jump) if jump else None,
        "tested": rehearsals.last_test(found, jump) if jump else None,
    }


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
