#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copy the server folders of an Octopus Server into a restore point, and put them back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_folders
short_description: Copy the server folders of an Octopus Server into a restore point, put them back, or give them to a clone
version_added: 1.0.0
description:
  - Copies task logs, artifacts, packages and the like with C(robocopy), all folders at once, into one folder per restore point, and
    compares the copies with their sources file by file (name, size, time). Puts them back the same way.
  - The copies run as scheduled tasks on the host of the task, one node of the instance. They go on when the connection is lost, and
    reach shares, which a WinRM log-on cannot.
  - With O(state=backup), a second run copies only what changed, and deletes from the copy what is gone from the source. To keep that
    from ever happening to an older copy, the folder is marked with its restore point, and nothing is copied into one that has another
    mark, or has files and no mark, or lies beside the seal of a restore point.
  - With O(state=restored), each folder becomes exactly what its copy is; what is newer is deleted. The folder itself stays, with its
    rights. Before the first file is changed, the copies are counted, and what the folders hold is copied to O(keep) and compared. It
    can be run again after any break; a complete copy in O(keep) is never overwritten.
  - With O(state=cloned), the copies of a restore point are copied to a clone's own folder, which is marked as such.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.windows_jobs
  - octopus.upgrade.windows
  - octopus.upgrade.windows.job
attributes:
  check_mode:
    support: partial
    details:
      - Tells what would be copied between folders on the host itself. Shares are reached by jobs alone, and a job would leave files on
        the host, so of folders on shares it only says that they would be copied, or removed.
  diff_mode:
    support: partial
    details:
      - Shows how many files are copied and deleted per folder. Nothing where something is removed.
options:
  state:
    description:
      - V(backup) copies O(folders) to O(dest).
      - V(restored) makes O(folders) what the copies in O(source) are. The server has to be stopped on every node, see
        M(octopus.upgrade.octopus_node); a file in use is an error.
      - V(kept_removed) removes O(keep), once what it holds is not needed any more. Only what a restore of O(restore_point) put there is
        removed, by its marker.
      - V(cloned) copies O(folders), which are those in a restore point, to O(dest), where a clone will have them.
      - V(clone_removed) removes O(dest) with all that is in it. Only what V(cloned) put there for O(restore_point) is removed, by its
        marker; the clone's service has to be stopped or work elsewhere.
    type: str
    choices: [backup, restored, kept_removed, cloned, clone_removed]
    default: backup
  folders:
    description:
      - The folders of the server, by the names that their copies have; as M(octopus.upgrade.octopus_info) returns them in
        C(server.folders). Required unless something is removed.
      - The folders C(imports), C(event_exports) and C(telemetry) may be missing, since a server makes them when it first needs them.
    type: dict
  dest:
    description:
      - Folder of the restore point, or of the clone, as the host sees it. Each folder is copied to one below, of its name.
      - Required for O(state=backup), O(state=cloned), and O(state=clone_removed).
    type: str
  source:
    description:
      - The same folder, to put back from. Its marker has to say O(restore_point). Required for O(state=restored).
    type: str
  restore_point:
    description:
      - Id of the restore point, which the folder is marked with. For O(state=backup), the last part of O(dest) by default; required
        otherwise.
    type: str
  expected:
    description:
      - What the restore point's manifest says of each folder in O(folders), for O(state=restored), as O(state=backup) returned it in
        RV(folders); C(exists), C(files) and C(bytes) are read. A copy that holds anything else is refused before anything is changed.
      - A folder that did not exist is emptied. Without this, only C(imports), C(event_exports) and C(telemetry) are, where they have no
        copy.
    type: dict
  keep:
    description:
      - Folder, as the host sees it, to which what the live folders hold is copied before they are changed, each to one below, of its
        name. Folders that are as their copies already are not. It has to be new for each restore.
      - Without it, what is newer than the restore point is lost.
      - On a drive, the room there is looked at first. Required for O(state=kept_removed).
    type: str
  live:
    description:
      - Whether the server runs while its folders are copied, for O(state=backup). Files that change or are locked meanwhile then are a
        warning, no failure; a later run without it completes the copy.
    type: bool
    default: false
  newer_than_days:
    description:
      - With O(state=cloned), only copies the files that were last written in so many days, which is a sample and no whole copy.
    type: int
  threads:
    description: Files that are copied at once per folder, 1 to 128.
    type: int
    default: 8
  timeout:
    description:
      - Seconds that all copies together may take; for O(state=restored), each of looking, keeping and putting back. What takes longer
        is not ended.
    type: int
    default: 14400
notes:
  - Two files with the same name, size and time count as the same. What C(robocopy) copied has all three.
  - The upgrade across 2019.1 moves the packages into a subfolder. O(state=restored) brings them back to where they were, which restoring
    the database alone does not.
seealso:
  - module: octopus.upgrade.octopus_info
  - module: octopus.upgrade.octopus_node
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
    dest: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\folders
    restore_point: 20261123T210000Z-2025.3.14357
    live: true
    job_user: EXAMPLE\octopus-backup
    job_password: "{{ vault_octopus_job_password }}"

- name: Complete the copy in the outage
  octopus.upgrade.octopus_folders:
    folders: "{{ octopus.server.folders }}"
    dest: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\folders
    restore_point: 20261123T210000Z-2025.3.14357
    threads: 32
    job_user: EXAMPLE\octopus-backup
    job_password: "{{ vault_octopus_job_password }}"
  register: copies

- name: Put them back, and keep what they hold now
  octopus.upgrade.octopus_folders:
    state: restored
    folders: "{{ octopus.server.folders }}"
    source: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\folders
    restore_point: 20261123T210000Z-2025.3.14357
    expected: "{{ copies.folders }}"
    keep: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\folders-of-the-failed-upgrade
    job_user: EXAMPLE\octopus-backup
    job_password: "{{ vault_octopus_job_password }}"

- name: Give them to a clone
  octopus.upgrade.octopus_folders:
    state: cloned
    folders:
      packages: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\folders\packages
      logs: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\folders\logs
    dest: D:\OctopusClones\prod-clone\20261124T010000Z
    restore_point: 20261123T210000Z-2025.3.14357

- name: Remove what was kept, once the server is proven
  octopus.upgrade.octopus_folders:
    state: kept_removed
    restore_point: 20261123T210000Z-2025.3.14357
    keep: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\folders-of-the-failed-upgrade
    job_user: EXAMPLE\octopus-backup
    job_password: "{{ vault_octopus_job_password }}"
"""

RETURN = r"""
folders:
  description: What came of each folder.
  returned: success, unless something was removed
  type: dict
  contains:
    source:
      description: The folder that was copied from. For O(state=restored), the copy in the restore point.
      type: str
    dest:
      description: The folder that was copied to. For O(state=restored), the live one.
      type: str
    exists:
      description: Whether there is such a folder; for O(state=restored), whether there was when the restore point was made.
      type: bool
    files:
      description: Files in RV(folders.dest) now. Null in check mode for folders on shares, as the other numbers.
      type: int
    bytes:
      description: Bytes in it.
      type: int
    copied_files:
      description: Files that were copied, or would be.
      type: int
    copied_bytes:
      description: Bytes that were copied, or would be.
      type: int
    deleted_files:
      description: Files that were deleted from RV(folders.dest) since RV(folders.source) has none such, or would be.
      type: int
    complete:
      description: Whether the one holds exactly what the other holds.
      type: bool
    kept:
      description: Where the live folder's former content lies whole, or would. Null where nothing was kept.
      returned: O(state=restored)
      type: str
    kept_files:
      description: Files that were kept. Null where an earlier run kept them.
      returned: O(state=restored)
      type: int
    kept_bytes:
      description: Bytes that were kept. Null where an earlier run kept them.
      returned: O(state=restored)
      type: int
    seconds:
      description: How long it took.
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
      seconds: 12.482
      kept: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\folders-of-the-failed-upgrade\packages
      kept_files: 611
      kept_bytes: 21390950400
keep:
  description: The folder with what was removed.
  returned: O(state=kept_removed) and O(state=clone_removed)
  type: str
  sample: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\folders-of-the-failed-upgrade
removed:
  description: The folders that were removed from it, or would be. Null in check mode where it is on a share.
  returned: O(state=kept_removed) and O(state=clone_removed)
  type: list
  elements: str
  sample: [artifacts, packages]
"""

from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.backup import BackupRequest, back_up
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.removal import RemovalRequest, remove_kept
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.restore import restore
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.restore_request import RestoreRequest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import (
    CONNECTION_SPEC,
    JOB_SPEC,
    WINRM_IMPORT_ERROR,
    ConnectionOptions,
    WindowsHost,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **CONNECTION_SPEC,
            **JOB_SPEC,
            "state": {"type": "str", "choices": ["backup", "restored", "kept_removed", "cloned", "clone_removed"], "default": "backup"},
            "folders": {"type": "dict"},
            "dest": {"type": "str"},
            "source": {"type": "str"},
            "restore_point": {"type": "str"},
            "expected": {"type": "dict"},
            "keep": {"type": "str"},
            "live": {"type": "bool", "default": False},
            "newer_than_days": {"type": "int"},
            "threads": {"type": "int", "default": 8},
            "timeout": {"type": "int", "default": 14400},
        },
        required_if=[
            ("state", "backup", ("folders", "dest")),
            ("state", "restored", ("folders", "source", "restore_point")),
            ("state", "kept_removed", ("keep", "restore_point")),
            ("state", "cloned", ("folders", "dest", "restore_point")),
            ("state", "clone_removed", ("dest", "restore_point")),
        ],
        supports_check_mode=True,
    )
    if WINRM_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("pywinrm"), exception=WINRM_IMPORT_ERROR)
    try:
        do = _prepared(module)
        with WindowsHost(ConnectionOptions.from_params(module.params["connection"])) as host:
            result = do(host)
    except (OctopusError, HostError) as error:
        module.fail_json(msg=error.message)
    except ValueError as error:  # a path that cannot be passed to a Windows command safely
        module.fail_json(msg=str(error))
    module.exit_json(**result)


def _prepared(module: AnsibleModule) -> Callable[[WindowsHost], dict[str, Any]]:
    """Return what the state stands for, its options checked before a host is asked."""
    params, check_mode = module.params, module.check_mode
    if params["state"] in ("kept_removed", "clone_removed"):
        removal = RemovalRequest.from_params(params, check_mode)
        return lambda host: remove_kept(removal, host)
    if params["state"] == "restored":
        request = RestoreRequest.from_params(params, check_mode)
        return lambda host: restore(request, host).as_result(module._diff)
    backup = BackupRequest.from_params(params, check_mode)

    def back_up_and_warn(host: WindowsHost) -> dict[str, Any]:
        copies = back_up(backup, host)
        for warning in copies.warnings:
            module.warn(warning)
        return copies.as_result(module._diff)

    return back_up_and_warn


if __name__ == "__main__":
    main()
