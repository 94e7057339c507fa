#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List the restore points of an Octopus Server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_restore_point_info
short_description: List the restore points of an Octopus Server
version_added: 1.0.0
description:
  - Reads the restore points below a folder, and verifies the signature of each.
  - Only the signature and the manifest are verified; M(octopus.upgrade.octopus_restore_point_verify) verifies everything in one.
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
  newest:
    description:
      - Whether to return only the newest signed restore point, or none where there is none.
      - That decrypts as few signatures as possible.
    type: bool
    default: false
  baseline:
    description: Whether to return the baseline of the newest signed restore point that has one, for M(octopus.upgrade.octopus_verify).
    type: bool
    default: false
  restore_point:
    description: With O(baseline), the id of the restore point that is meant instead.
    type: str
  apart:
    description:
      - Whether the job is one that no run sees, waits for or removes, and that waits for none of theirs. For looking at an instance at any time.
    type: bool
    default: false
notes:
  - The folder is usually on a share, which a WinRM log-on cannot reach (the double hop), so it is read by a job on the host of the task.
  - A restore point that was signed with another vault password than the given one does not count as signed.
seealso:
  - module: octopus.upgrade.octopus_restore_point
  - module: octopus.upgrade.octopus_restore_point_verify
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: List the restore points
  octopus.upgrade.octopus_restore_point_info:
    root: \\nas\octopus-backups\prod
    vault_password_file: ~/.octopus-vault-password
  register: there

- name: Look for the newest one only
  octopus.upgrade.octopus_restore_point_info:
    root: \\nas\octopus-backups\prod
    newest: true
    vault_password_file: ~/.octopus-vault-password
"""

RETURN = r"""
restore_points:
  description: The restore points, newest first. With O(newest), at most one.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Its id.
      type: str
    path:
      description: Its folder.
      type: str
    signed:
      description: Whether its signature can be decrypted with this vault password and matches its manifest.
      type: bool
    signed_at:
      description: When it was signed.
      type: str
    version:
      description: The version of Octopus Server.
      type: str
    operation:
      description: The operation that created it, V(upgrade) or V(backup).
      type: str
    run_id:
      description: The run that created it.
      type: str
    instance:
      description: The instance.
      type: str
    service_stopped:
      description: Whether the service was stopped while it was created, so that database and folders are of the same time.
      type: bool
    as_of:
      description: The time up to which its database backup has data, by the clock of SQL Server.
      type: str
    bytes:
      description: How many bytes its backup, folders and package take. Null where it does not count as signed.
      type: int
    verified_at:
      description: When SQL Server verified its backup. Null where it did not, or where the restore point does not count as signed.
      type: str
    reason:
      description: Why it does not count as signed; null where it does.
      type: str
  sample:
    - id: 20261123T210000Z-2025.3.14357
      path: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357
      signed: true
      signed_at: "2026-11-23T21:14:09Z"
      version: 2025.3.14357
      operation: upgrade
      run_id: 20261123T210000Z
      instance: prod
      service_stopped: true
      as_of: "2026-11-23T21:05:10+01:00"
      bytes: 22548578304
      verified_at: "2026-11-23T21:14:09Z"
      reason: null
baseline:
  description: The baseline, packed; empty where there is none.
  returned: where it is asked for
  type: dict
  sample: {version: 2025.3.14357, packed: [eNrtPWtz4ziO3+dXqPzl]}
baseline_of:
  description: Id of the restore point that has it; null where there is none.
  returned: where it is asked for
  type: str
  sample: 20261123T210000Z-2025.3.14357
free_bytes:
  description: Free bytes where O(root) is; null where that is not known.
  returned: success
  type: int
  sample: 107374182400
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.listing import list_points
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.share import Share, root_of
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import Holder
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey, vault_spec
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
        "newest": {"type": "bool", "default": False},
        "baseline": {"type": "bool", "default": False},
        "restore_point": {"type": "str"},
        "apart": {"type": "bool", "default": False},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Read and judge the restore points; the module's result."""
    root, vault_key = root_of(params["root"]), VaultKey.from_params(params)
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        # A job of this control node's user alone: one that a killed controller has left is found again, and nobody else's is removed.
        share = Share.from_params(params, host, Holder.owner_here() if params["apart"] else "")
        asked = {name: params[name] for name in ("newest", "baseline", "restore_point")}
        return list_points(share, root, vault_key, **asked)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
