#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Back up the master key of an Octopus Server, encrypted."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_masterkey_backup
short_description: Back up the master key of an Octopus Server, encrypted
version_added: 1.0.0
description:
  - Without the master key, a backup of the database has none of its secrets - passwords, certificates' private keys, sensitive
    variables.
  - Reads the key with C(Octopus.Server.exe show-master-key) on the host of the task, encrypts it with Ansible Vault and writes it to a
    file on the control node, to a file that the host can reach, or both. Then reads and decrypts each file, and compares.
  - The same key stored already is no change. A different key stored already is an error, unless O(force), and then the old file is
    renamed.
  - The key is in no argument, log or result, and on the Windows host only ever encrypted.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.vault_jobs
  - octopus.upgrade.step
  - octopus.upgrade.vault
  - octopus.upgrade.windows
  - octopus.upgrade.windows.job
attributes:
  check_mode:
    support: partial
    details: A O(remote_dest) on a share is not looked at, because that takes a job on the host; a change is predicted for it.
  diff_mode:
    support: none
options:
  instance_name:
    description: Name of the instance. Needed where the host has more than one.
    type: str
  dest:
    description: File on the control node. Missing folders are created, for their owner only.
    type: path
  remote_dest:
    description:
      - File as the Windows host sees it, on a drive or a share. Only ever the encrypted key; not possible with O(plaintext).
      - A share is reached by a job that runs as O(job_user), since a WinRM log-on cannot reach it.
    type: str
  force:
    description: Replace a different secret that is stored already. The old file is renamed, with the time added to its name.
    type: bool
    default: false
seealso:
  - module: octopus.upgrade.octopus_license_backup
  - module: octopus.upgrade.octopus_restore_point
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Back up the master key on the control node and beside the backups
  octopus.upgrade.octopus_masterkey_backup:
    instance_name: OctopusServer
    dest: /var/backups/octopus/prod/master-key.vault
    remote_dest: \\nas\octopus-backups\prod\master-key.vault
    vault_id: prod@~/.octopus-vault-password

# ansible-vault view --vault-id prod@~/.octopus-vault-password /var/backups/octopus/prod/master-key.vault
"""

RETURN = r"""
instance_name:
  description: The instance.
  returned: success
  type: str
  sample: OctopusServer
dest:
  description: The file on the control node.
  returned: with O(dest)
  type: str
  sample: /var/backups/octopus/prod/master-key.vault
remote_dest:
  description: The file as the Windows host sees it.
  returned: with O(remote_dest)
  type: str
  sample: \\nas\octopus-backups\prod\master-key.vault
encrypted:
  description: Whether it is encrypted with Ansible Vault.
  returned: success
  type: bool
  sample: true
verified:
  description: Whether each stored file was decrypted and compared with the instance's key; false in check mode where nothing is stored yet.
  returned: success
  type: bool
  sample: true
backup_files:
  description: The new names of files with a different key that were replaced.
  returned: success
  type: list
  elements: str
  sample: []
fingerprint:
  description: 16 hex digits to tell two keys apart without showing them.
  returned: success
  type: str
  sample: 5f0c1e6a0f4b7d21
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.master_key import MasterKeyRequest, back_up
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
        "instance_name": {"type": "str"},
        "dest": {"type": "path"},
        "remote_dest": {"type": "str"},
        "force": {"type": "bool", "default": False},
    },
    "required_one_of": [("dest", "remote_dest")],
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Back up the master key; the module's result."""
    request = MasterKeyRequest.from_params(params, check_mode=check_mode)
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        return back_up(request, host)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
