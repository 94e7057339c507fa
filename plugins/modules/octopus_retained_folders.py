#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remove the copies of server folders that a restore has retained."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_retained_folders
short_description: Remove the server folders that a restore has retained
version_added: 1.0.0
description:
  - Before M(octopus.upgrade.octopus_folders_restore) changes a folder, it retains a copy of the present content. This module removes these
    copies once nobody needs them any more.
  - Only what a restore of O(restore_point) has retained is removed, as its marker says. A folder that also holds something else is refused.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.windows_jobs
  - octopus.upgrade.step
  - octopus.upgrade.windows
  - octopus.upgrade.windows.job
  - octopus.upgrade.folders
attributes:
  check_mode:
    support: partial
    details:
      - Only a job reaches a share, and a job would write files to the host, so the removal of a folder on a share is always reported as a
        change, without the names in it.
  diff_mode:
    support: none
options:
  state:
    description: V(absent) removes O(path) with everything in it.
    type: str
    choices: [absent]
    default: absent
  path:
    description:
      - The folder with the retained copies, as the host sees it; O(octopus.upgrade.octopus_folders_restore#module:retain_in) of the restore.
      - Or the folder above RV(octopus.upgrade.octopus_folders_restore#module:folders.moved_to), with what was moved aside.
    type: str
    required: true
  restore_point:
    description: Id of the restore point that was restored.
    type: str
    required: true
seealso:
  - module: octopus.upgrade.octopus_folders_restore
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Remove the retained copies once the server is verified
  octopus.upgrade.octopus_retained_folders:
    path: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\folders-of-the-failed-upgrade
    restore_point: 20261123T210000Z-2025.3.14357
    state: absent
    job_user: EXAMPLE\octopus-backup
    job_password: "{{ vault_octopus_job_password }}"
"""

RETURN = r"""
path:
  description: The folder with the retained copies.
  returned: success
  type: str
  sample: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\folders-of-the-failed-upgrade
removed:
  description: The copies that were or would be removed. Null in check mode where they are on a share.
  returned: success
  type: list
  elements: str
  sample: [artifacts, packages]
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.copies import COPY_SPEC
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.removal import RemovalRequest, remove
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost

SPEC = {
    "argument_spec": {
        **COPY_SPEC,
        "state": {"type": "str", "choices": ["absent"], "default": "absent"},
        "path": {"type": "str", "required": True},
        "restore_point": {"type": "str", "required": True},
    }
}


def run(params: dict[str, Any], check_mode: bool, _diff: bool) -> dict[str, Any]:
    """Remove the retained copies; the module's result."""
    request = RemovalRequest.from_params(params, check_mode)
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        return remove(request, host)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
