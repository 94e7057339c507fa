#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copy the server folders of an Octopus Server into a restore point."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_folders
short_description: Copy the server folders of an Octopus Server into a restore point
version_added: 1.0.0
description:
  - Copies task logs, artifacts, packages and the like with C(robocopy), all folders at once, into one folder per restore point, and
    compares the copies with their sources file by file (name, size, time).
  - The copies run as scheduled tasks on the host of the task, one node of the instance. They go on when the connection is lost, and
    reach shares, which a WinRM log-on cannot.
  - A second run copies only what changed, and deletes from the copy what is gone from the source. To keep that from ever happening
    to an older copy, the folder is marked with its restore point, and nothing is copied into one that has another mark, or has
    files and no mark.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.windows_jobs
  - octopus.upgrade.windows
  - octopus.upgrade.windows.job
  - octopus.upgrade.windows.progress
attributes:
  check_mode:
    support: partial
    details:
      - Tells what would be copied between folders on the host itself. Shares are reached by jobs alone, and a job would leave files on
        the host, so of folders on shares it only says that they would be copied.
  diff_mode:
    support: full
    details:
      - Shows how many files are copied and deleted per folder.
options:
  state:
    description: What to do. There is only V(backup) so far.
    type: str
    choices: [backup]
    default: backup
  folders:
    description:
      - The folders to copy, by the name that their copies get; as M(octopus.upgrade.octopus_info) returns them in C(server.folders).
      - The folders C(imports), C(event_exports) and C(telemetry) may be missing, since a server makes them when it first needs them.
    type: dict
    required: true
  dest:
    description: Folder of the restore point, as the host sees it. Each folder is copied to one below, of its name.
    type: str
    required: true
  restore_point:
    description: Id of the restore point, which the folder is marked with. By default, the last part of O(dest).
    type: str
  live:
    description:
      - Whether the server runs while its folders are copied. Files that change or are locked meanwhile then are a warning, no
        failure; a later run without it completes the copy.
    type: bool
    default: false
  threads:
    description: Files that are copied at once per folder, 1 to 128.
    type: int
    default: 8
  timeout:
    description: Seconds that all copies together may take. What takes longer is not ended.
    type: int
    default: 14400
seealso:
  - module: octopus.upgrade.octopus_info
  - module: octopus.upgrade.mssql_backup
  - name: robocopy
    description: What copies.
    link: https://learn.microsoft.com/windows-server/administration/windows-commands/robocopy
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Find the folders out
  octopus.upgrade.octopus_info:
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
    gather: [server]
  register: octopus

- name: Copy most of it while the server runs
  octopus.upgrade.octopus_folders:
    folders: "{{ octopus.server.folders }}"
    dest: \\nas\octopus-backups\prod\2026-11-23T21-00\folders
    restore_point: 2026-11-23T21-00
    live: true
    job_user: EXAMPLE\octopus-backup
    job_password: "{{ vault_octopus_job_password }}"

- name: Complete the copy in the outage
  octopus.upgrade.octopus_folders:
    folders: "{{ octopus.server.folders }}"
    dest: \\nas\octopus-backups\prod\2026-11-23T21-00\folders
    restore_point: 2026-11-23T21-00
    threads: 32
    job_user: EXAMPLE\octopus-backup
    job_password: "{{ vault_octopus_job_password }}"
"""

RETURN = r"""
folders:
  description: What came of each folder.
  returned: success
  type: dict
  contains:
    source:
      description: The folder.
      type: str
    dest:
      description: Its copy.
      type: str
    exists:
      description: Whether there is such a folder.
      type: bool
    files:
      description: Files in the copy. Null in check mode for folders on shares, as the other numbers.
      type: int
    bytes:
      description: Bytes in the copy.
      type: int
    copied_files:
      description: Files that were copied, or would be.
      type: int
    copied_bytes:
      description: Bytes that were copied, or would be.
      type: int
    deleted_files:
      description: Files that were deleted from the copy since they are gone from the source, or would be.
      type: int
    complete:
      description: Whether the copy holds exactly what the source holds.
      type: bool
    seconds:
      description: How long it took.
      type: float
  sample:
    packages:
      source: C:\Octopus\Packages
      dest: \\nas\octopus-backups\prod\2026-11-23T21-00\folders\packages
      exists: true
      files: 612
      bytes: 21474836480
      copied_files: 3
      copied_bytes: 104857600
      deleted_files: 0
      complete: true
      seconds: 12.482
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.server_folders import BackupRequest, back_up
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import (
    CONNECTION_SPEC,
    JOB_SPEC,
    PROGRESS_SPEC,
    WINRM_IMPORT_ERROR,
    ConnectionOptions,
    WindowsHost,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import WindowsError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **CONNECTION_SPEC,
            **JOB_SPEC,
            **PROGRESS_SPEC,
            "state": {"type": "str", "choices": ["backup"], "default": "backup"},
            "folders": {"type": "dict", "required": True},
            "dest": {"type": "str", "required": True},
            "restore_point": {"type": "str"},
            "live": {"type": "bool", "default": False},
            "threads": {"type": "int", "default": 8},
            "timeout": {"type": "int", "default": 14400},
        },
        supports_check_mode=True,
    )
    if WINRM_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("pywinrm"), exception=WINRM_IMPORT_ERROR)
    try:
        request = BackupRequest.from_params(module.params, module.check_mode)
        with WindowsHost(ConnectionOptions.from_params(module.params["connection"])) as host:
            backup = back_up(request, host)
    except (OctopusError, WindowsError) as error:
        module.fail_json(msg=error.message)
    except ValueError as error:  # a path that cannot be passed to a Windows command safely
        module.fail_json(msg=str(error))
    for warning in backup.warnings:
        module.warn(warning)
    module.exit_json(**backup.as_result(module._diff))


if __name__ == "__main__":
    main()
