#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copy the server folders in a restore point to a clone, or remove them from it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_folders_clone
short_description: Copy the server folders in a restore point to a clone, or remove them
version_added: 1.0.0
description:
  - Copies the folders in a restore point to a clone's own folder with C(robocopy), all at once, and compares the copies with their sources
    file by file (name, size, time).
  - The clone's folder is marked with the restore point. Nothing is copied into a folder that is marked with another restore point, or that
    holds files but no mark; only a folder with the mark is removed.
  - The copies run as scheduled tasks on the host of the task. They continue when the connection is lost, and they reach shares, which a
    WinRM logon cannot.
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
      - Predicts copies between folders on the host itself. Only a job reaches a share, and a job would write files to the host, so a copy
        from or to a share, or the removal of a folder on a share, is always reported as a change, without details.
  diff_mode:
    support: partial
    details:
      - Shows how many files are copied and deleted per folder; shows nothing for O(state=absent).
options:
  state:
    description:
      - V(present) copies O(folders) to O(dest).
      - V(absent) removes O(dest) with everything in it. The clone's service has to be stopped, or use other folders.
    type: str
    choices: [present, absent]
    default: present
  folders:
    description: The folders in the restore point, by the names that the clone's folders have. Required for O(state=present).
    type: dict
  dest:
    description: Folder of the clone as the host sees it. Each folder is copied to a subfolder with its name.
    type: str
    required: true
  restore_point:
    description: Id of the restore point, which O(dest) is marked with.
    type: str
    required: true
  newer_than_days:
    description: Copy only files that were last written in this number of days. The clone then has a sample instead of all files.
    type: int
seealso:
  - module: octopus.upgrade.octopus_folders_backup
  - module: octopus.upgrade.octopus_instance
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Copy the folders to a clone
  octopus.upgrade.octopus_folders_clone:
    folders:
      packages: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\folders\packages
      logs: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\folders\logs
    dest: D:\OctopusClones\prod-clone\20261124T010000Z
    restore_point: 20261123T210000Z-2025.3.14357

- name: Remove the folders of a clone
  octopus.upgrade.octopus_folders_clone:
    dest: D:\OctopusClones\prod-clone\20261124T010000Z
    restore_point: 20261123T210000Z-2025.3.14357
    state: absent
"""

RETURN = r"""
folders:
  description: The outcome for each folder.
  returned: O(state=present)
  type: dict
  contains:
    source:
      description: The folder in the restore point.
      type: str
    dest:
      description: The folder of the clone.
      type: str
    exists:
      description: Whether the folder in the restore point exists.
      type: bool
    files:
      description: Files in RV(folders.dest) now. In check mode, this and the other numbers are null for folders on shares.
      type: int
    bytes:
      description: Bytes in RV(folders.dest) now.
      type: int
    copied_files:
      description: Files that were or would be copied.
      type: int
    copied_bytes:
      description: Bytes that were or would be copied.
      type: int
    deleted_files:
      description: Files that were or would be deleted from RV(folders.dest), because they do not exist in RV(folders.source).
      type: int
    complete:
      description: Whether the copy holds everything it has to hold.
      type: bool
    coarse_times:
      description: Whether RV(folders.dest) keeps the times of files to two seconds only. They were then compared to two seconds.
      type: bool
    seconds:
      description: Duration in seconds.
      type: float
  sample:
    packages:
      source: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\folders\packages
      dest: D:\OctopusClones\prod-clone\20261124T010000Z\packages
      exists: true
      files: 612
      bytes: 21474836480
      copied_files: 612
      copied_bytes: 21474836480
      deleted_files: 0
      complete: true
      coarse_times: false
      seconds: 312.1
path:
  description: The folder of the clone.
  returned: O(state=absent)
  type: str
  sample: D:\OctopusClones\prod-clone\20261124T010000Z
removed:
  description: The subfolders that were or would be removed. Null in check mode where the folder is on a share.
  returned: O(state=absent)
  type: list
  elements: str
  sample: [artifacts, packages]
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.backup import back_up
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.clone import copy_request, removal_request
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.copies import COPY_SPEC
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.removal import remove
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost

SPEC = {
    "argument_spec": {
        **COPY_SPEC,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "folders": {"type": "dict"},
        "dest": {"type": "str", "required": True},
        "restore_point": {"type": "str", "required": True},
        "newer_than_days": {"type": "int"},
    },
    "required_if": [("state", "present", ("folders",))],
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Copy the folders to the clone, or remove them; the module's result."""
    if params["state"] == "absent":
        removal = removal_request(params, check_mode)
        with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
            return remove(removal, host)
    request = copy_request(params, check_mode)
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        return back_up(request, host).as_result(diff)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
