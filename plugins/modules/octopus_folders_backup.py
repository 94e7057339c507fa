#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copy the server folders of an Octopus Server into a restore point."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_folders_backup
short_description: Copy the server folders of an Octopus Server into a restore point
version_added: 1.0.0
description:
  - Copies task logs, artifacts, packages and the like with C(robocopy), all folders at once, into one folder per restore point. Compares
    the copies with their sources file by file (name, size, time).
  - The copies run as scheduled tasks on the host of the task, one node of the instance. They continue when the connection is lost, and
    they reach shares, which a WinRM logon cannot.
  - A second run copies only what has changed, and deletes from the copy what no longer exists in the source. To protect older copies, the
    destination is marked with its restore point. Nothing is copied into a folder that is marked with another restore point, that holds files
    but no mark, or that belongs to a signed restore point.
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
      - Only a job reaches a share, and a job would write files to the host. So a copy from or to a share is always reported as a change,
        to a share as one of all files, and from a share without numbers.
  diff_mode:
    support: full
    details:
      - Shows how many files are copied and deleted per folder.
options:
  folders:
    description:
      - The folders of the server, by the names that their copies have, as M(octopus.upgrade.octopus_info) returns them in
        C(server.folders).
      - The folders C(imports), C(event_exports) and C(telemetry) may be missing, because a server creates them when it first needs them.
    type: dict
    required: true
  dest:
    description: Folder of the restore point as the host sees it. Each folder is copied to a subfolder with its name.
    type: str
    required: true
  restore_point:
    description: Id of the restore point, which O(dest) is marked with. By default, the last part of O(dest).
    type: str
  live:
    description:
      - Whether the server is running while its folders are copied. Files that change or are locked meanwhile then cause a warning instead of
        a failure. A later run without this option completes the copy.
    type: bool
    default: false
  coarse_times:
    description:
      - Whether O(dest) keeps the times of files to two seconds only, as many NAS devices, FAT and exFAT do. Times are then the same within
        two seconds (C(/fft)), so that an unchanged file is not copied again.
      - This is found out by a run without this option, which returns RV(folders.coarse_times).
    type: bool
    default: false
  last_run:
    description: The record of the last run of the instance, for RV(outlook).
    type: dict
    default: {}
  planned:
    description: RV(folders) of a run in check mode, with which the progress says how far the copies are and how long they will take.
    type: dict
    default: {}
  needs_room:
    description:
      - Fail where the drive or share of O(dest), as a job sees it, has after the copy no room for the backup of the database (O(backup_bytes)) and for
        the folders once more, which a rollback retains there; or where that cannot be told.
      - In check mode, nothing is measured.
    type: bool
    default: false
  backup_bytes:
    description: How large the backup of the database beside O(dest) will be. Without it that is not known, which O(needs_room) takes for no room.
    type: int
notes:
  - The rights of all files are saved beside each copy with C(icacls /save), in a file with the suffix C(.acls.txt), and their owners as
    C(dir /q) shows them, in a file with the suffix C(.owners.txt). M(octopus.upgrade.octopus_folders_restore) puts them back.
  - Each restore point has a full copy. C(robocopy) cannot create hard links, which a share may not have anyway, and one file that is damaged
    would be damaged in all of them. On one ReFS volume, recent versions of Windows copy by reference of themselves.
  - A folder that contains junctions or symbolic links is refused before anything is copied. What is behind a link would be missing in the
    copy.
  - Two files with the same name, size and time are considered equal. A file that C(robocopy) has copied has all three of its source.
seealso:
  - module: octopus.upgrade.octopus_folders_restore
  - module: octopus.upgrade.octopus_folders_clone
  - module: octopus.upgrade.octopus_info
  - module: octopus.upgrade.mssql_backup
  - name: robocopy
    description: The program that copies.
    link: https://learn.microsoft.com/windows-server/administration/windows-commands/robocopy
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Look up the folders
  octopus.upgrade.octopus_info:
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
    gather: [server]
  register: octopus

- name: Copy most files while the server is running
  octopus.upgrade.octopus_folders_backup:
    folders: "{{ octopus.server.folders }}"
    dest: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\folders
    restore_point: 20261123T210000Z-2025.3.14357
    live: true
    job_user: EXAMPLE\octopus-backup
    job_password: "{{ vault_octopus_job_password }}"

- name: Complete the copy during the outage
  octopus.upgrade.octopus_folders_backup:
    folders: "{{ octopus.server.folders }}"
    dest: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\folders
    restore_point: 20261123T210000Z-2025.3.14357
    threads: 32
    job_user: EXAMPLE\octopus-backup
    job_password: "{{ vault_octopus_job_password }}"
"""

RETURN = r"""
outlook:
  description: How much is copied to where, and how long that took the last time, as a person reads it.
  returned: in check mode
  type: list
  elements: str
  sample:
    - "folders: 612 files, 20.0 GiB to copy to D:\\Backups\\prod\\20261123T210000Z-2025.3.14357\\folders; the last run took 210 s while the server ran"
folders:
  description: The outcome for each folder.
  returned: success
  type: dict
  contains:
    source:
      description: The folder of the server.
      type: str
    dest:
      description: Its copy.
      type: str
    exists:
      description: Whether the folder of the server exists.
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
      description: Whether the copy equals its source.
      type: bool
    coarse_times:
      description: Whether RV(folders.dest) keeps the times of files to two seconds only. They were then compared to two seconds.
      type: bool
    listing_sha256:
      description:
        - SHA-256 of the list of all copied files with their sizes and times, which lies beside RV(folders.dest) with the suffix C(.files.txt).
          M(octopus.upgrade.octopus_restore_point_verify) compares the copy with it. Null where there are no files.
      type: str
    seconds:
      description: Duration in seconds.
      type: float
  sample:
    packages:
      source: C:\Octopus\Packages
      dest: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\folders\packages
      exists: true
      files: 612
      bytes: 21474836480
      copied_files: 3
      copied_bytes: 104857600
      deleted_files: 2
      complete: true
      coarse_times: false
      listing_sha256: 3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855e
      seconds: 12.482
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders import outlook
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.backup import BackupRequest, back_up
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.copies import COPY_SPEC
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost

SPEC = {
    "argument_spec": {
        **COPY_SPEC,
        "folders": {"type": "dict", "required": True},
        "dest": {"type": "str", "required": True},
        "restore_point": {"type": "str"},
        "live": {"type": "bool", "default": False},
        "coarse_times": {"type": "bool", "default": False},
        "needs_room": {"type": "bool", "default": False},
        "backup_bytes": {"type": "int"},
        "last_run": {"type": "dict", "default": {}},
        "planned": {"type": "dict", "default": {}},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Copy the folders; the module's result."""
    request = BackupRequest.from_params(params, check_mode)
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        result = back_up(request, host).as_result(diff)
    return {**result, "outlook": outlook.lines(request.dest, result["folders"], params["last_run"])} if check_mode else result


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
