#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore the server folders of an Octopus Server from a restore point."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_folders_restore
short_description: Restore the server folders of an Octopus Server from a restore point
version_added: 1.0.0
description:
  - Makes each folder exactly what its copy in the restore point is, with C(robocopy), all folders at once; newer files are deleted. The
    folder itself stays, with its rights.
  - Before the first file is changed, the copies are counted, and the present content of the folders is copied to O(retain_in) and compared.
    Folders that the restore point does not have, and links, are moved aside on the same volume instead, which takes no time.
  - Then rights (the access control lists) and owners are put back as they were saved with the copies, and compared. What cannot be put
    back causes a warning.
  - It can be run again after any interruption. A complete copy in O(retain_in) is never overwritten.
  - The copies run as scheduled tasks on the host of the task, one node of the instance. They continue when the connection is lost, and
    they reach shares, which a WinRM logon cannot.
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
        from or to a share is always reported as a change, without numbers.
  diff_mode:
    support: full
    details:
      - Shows how many files are copied and deleted per folder.
options:
  folders:
    description:
      - The live folders of the server, by the names of their copies. The server has to be stopped on every node, see
        M(octopus.upgrade.octopus_node); a file in use is an error.
    type: dict
    required: true
  source:
    description: Folder of the restore point as the host sees it. Its marker has to name O(restore_point).
    type: str
    required: true
  restore_point:
    description: Id of the restore point.
    type: str
    required: true
  expected:
    description:
      - What the restore point's manifest says of each folder in O(folders), as M(octopus.upgrade.octopus_folders_backup) returned it in
        C(folders); C(exists), C(files) and C(bytes) are read. A copy with other counts is refused before anything is changed.
      - A folder that did not exist is emptied. Without this option, only C(imports), C(event_exports) and C(telemetry) are emptied where
        they have no copy.
    type: dict
  retain_in:
    description:
      - Folder, as the host sees it, for a retained copy of the present content. Each folder is copied to a subfolder with its name, unless it
        equals its copy in the restore point already. Each restore needs a folder of its own.
      - Without it, everything newer than the restore point is lost.
      - If it is on a drive, the free space is checked first.
      - What is moved instead of copied goes to the folder of the same name with the suffix C(-moved) beside the live folders.
    type: str
notes:
  - Owners are put back where everything in a folder had the same one, whose name has at most 22 characters. The job has to be allowed to set
    owners (SYSTEM and administrators are).
  - A folder is not moved aside where its volume has too little room for what is then copied back, or does not say; it is copied then.
  - Two files with the same name, size and time are considered equal. A file that C(robocopy) has copied has all three of its source.
  - The upgrade across 2019.1 moves the packages into a subfolder. This module moves them back, which restoring the database alone does not.
  - O(timeout) applies to each of the steps survey, retain and restore.
seealso:
  - module: octopus.upgrade.octopus_folders_backup
  - module: octopus.upgrade.octopus_retained_folders
  - module: octopus.upgrade.octopus_node
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Restore the folders, and retain their present content
  octopus.upgrade.octopus_folders_restore:
    folders: "{{ octopus.server.folders }}"
    source: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\folders
    restore_point: 20261123T210000Z-2025.3.14357
    expected: "{{ copies.folders }}"
    retain_in: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\folders-of-the-failed-upgrade
    job_user: EXAMPLE\octopus-backup
    job_password: "{{ vault_octopus_job_password }}"
"""

RETURN = r"""
folders:
  description: The outcome for each folder.
  returned: success
  type: dict
  contains:
    source:
      description: The copy in the restore point.
      type: str
    dest:
      description: The live folder.
      type: str
    exists:
      description: Whether the folder existed when the restore point was created.
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
      description: Files that were or would be deleted from RV(folders.dest), because they do not exist in RV(folders.source). This includes
        those that were moved to RV(folders.moved_to).
      type: int
    complete:
      description: Whether the live folder equals its copy.
      type: bool
    retained:
      description: The complete copy of the former content, or where it would be. Null where nothing was retained.
      type: str
    retained_files:
      description: Files that were retained. Null where an earlier run retained them.
      type: int
    retained_bytes:
      description: Bytes that were retained. Null where an earlier run retained them.
      type: int
    moved_to:
      description: Where links, and folders that the restore point does not have, were moved, on the same volume. Null where there are none.
      type: str
    moved:
      description: What this run has moved to RV(folders.moved_to), as paths below RV(folders.dest).
      type: list
      elements: str
    moved_files:
      description: Files in RV(folders.moved_to).
      type: int
    moved_bytes:
      description: Bytes in RV(folders.moved_to).
      type: int
    coarse_times:
      description: Whether RV(folders.dest) keeps the times of files to two seconds only. They were then compared to two seconds.
      type: bool
    seconds:
      description: Duration in seconds.
      type: float
  sample:
    packages:
      source: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\folders\packages
      dest: C:\Octopus\Packages
      exists: true
      files: 612
      bytes: 21474836480
      copied_files: 3
      copied_bytes: 104857600
      deleted_files: 2
      complete: true
      coarse_times: false
      seconds: 12.482
      retained: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\folders-of-the-failed-upgrade\packages
      retained_files: 611
      retained_bytes: 21390950400
      moved_to: null
      moved: []
      moved_files: 0
      moved_bytes: 0
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.copies import COPY_SPEC
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.restore import restore
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.restore_request import RestoreRequest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost

SPEC = {
    "argument_spec": {
        **COPY_SPEC,
        "folders": {"type": "dict", "required": True},
        "source": {"type": "str", "required": True},
        "restore_point": {"type": "str", "required": True},
        "expected": {"type": "dict"},
        "retain_in": {"type": "str"},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Restore the folders; the module's result."""
    request = RestoreRequest.from_params(params, check_mode)
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        return restore(request, host).as_result(diff)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
