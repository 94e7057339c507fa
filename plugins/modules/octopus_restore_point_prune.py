#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remove old restore points of an Octopus Server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_restore_point_prune
short_description: Remove old restore points of an Octopus Server
version_added: 1.0.0
description:
  - Removes the signed restore points that neither O(keep) nor O(keep_days) retains, and completes removals that were interrupted.
  - The newest signed one always remains, and so does every unsigned one; M(octopus.upgrade.octopus_restore_point) removes those by name.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.vault_jobs
  - octopus.upgrade.step
  - octopus.upgrade.vault
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
  root:
    description: Folder of all restore points of the instance, as the host sees it.
    type: str
    required: true
  keep:
    description: How many of the newest signed restore points remain, at least 1.
    type: int
  keep_days:
    description: Signed restore points younger than this many days remain. With O(keep), one that either rule retains remains.
    type: int
  protect:
    description: Ids of restore points that are never removed, such as those of unfinished runs.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds for the removal.
    type: float
    default: 14400
notes:
  - The folder is usually on a share, which a WinRM log-on cannot reach (the double hop), so the work is done by jobs on the host of the task.
  - A restore point that was signed with another vault password than the given one does not count as signed.
  - A folder that names itself as a restore point neither in its manifest nor in the marker of its folders is not removed.
seealso:
  - module: octopus.upgrade.octopus_restore_point
  - module: octopus.upgrade.octopus_restore_point_info
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Keep three, and all of the last four weeks
  octopus.upgrade.octopus_restore_point_prune:
    root: \\nas\octopus-backups\prod
    keep: 3
    keep_days: 28
    vault_password_file: ~/.octopus-vault-password
"""

RETURN = r"""
removed:
  description: Ids of the restore points that were removed, or would be.
  returned: success
  type: list
  elements: str
  sample: [20261001T210000Z-2025.2.11000]
remaining:
  description: Ids of those that remain, newest first.
  returned: success
  type: list
  elements: str
  sample: [20261123T210000Z-2025.3.14357]
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.prune import RemoveRequest, remove
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.share import Share
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import vault_spec
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
        **vault_spec(),
        "root": {"type": "str", "required": True},
        "keep": {"type": "int"},
        "keep_days": {"type": "int"},
        "protect": {"type": "list", "elements": "str", "default": []},
        "timeout": {"type": "float", "default": 14400},
    },
    "required_one_of": [("keep", "keep_days")],
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Remove what no rule retains; the module's result."""
    request = RemoveRequest.from_params(params, check_mode)
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        return remove(request, Share.from_params(params, host))


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
