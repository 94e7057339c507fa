#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copy the encrypted secrets of a restore point to the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_restore_point_fetch
short_description: Copy the encrypted secrets of a restore point to the control node
version_added: 1.0.0
description:
  - Copies the encrypted master key and node configurations to the control node, for setting up an instance from the restore point elsewhere.
    Each one is verified before it is copied; nothing is stored in plain text.
  - Without O(restore_point), it takes the newest signed one.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.vault_jobs
  - octopus.upgrade.step
  - octopus.upgrade.restore_point
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
  dest:
    description: Folder on the control node. Each restore point has a folder of its own in it, named after its id.
    type: path
    required: true
seealso:
  - module: octopus.upgrade.octopus_restore_point
  - module: octopus.upgrade.octopus_instance
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Fetch the secrets of the newest restore point, for a clone
  octopus.upgrade.octopus_restore_point_fetch:
    root: \\nas\octopus-backups\prod
    dest: octopus-runs/prod-clone
    vault_password_file: ~/.octopus-vault-password
"""

RETURN = r"""
restore_point:
  description: Id of the restore point.
  returned: success
  type: str
  sample: 20261123T210000Z-2025.3.14357
path:
  description: Its folder.
  returned: success
  type: str
  sample: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357
manifest:
  description: Its manifest.
  returned: success
  type: dict
  sample:
    format: 1
    id: 20261123T210000Z-2025.3.14357
    instance: prod
    run_id: 20261123T210000Z
    operation: upgrade
    signed_at: "2026-11-23T21:14:09Z"
    signed_by: operator@control
    version: 2025.3.14357
    coordinator: octo-a
    service_stopped: true
    before: {maintenance: false, drained: [], watched: [octo-a]}
    nodes:
      octo-a:
        instance_name: OctopusServer
        config_path: C:\Octopus\OctopusServer.config
        server_node_name: OCTO-A
        config: {file: nodes\octo-a.config.vault, fingerprint: 5f0c1e6a0f4b7d21}
    database:
      server: SQL01
      name: OctopusDeploy
      as_of: "2026-11-23T21:05:10+01:00"
      backup:
        paths: ['\\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\database.bak']
        backup_set_uuid: 0B52B6D8-6E0C-4B3E-9E43-6B0F6B0E7C11
        files: [{name: database.bak, bytes: 20984832}]
    folders:
      packages: {exists: true, files: 612, bytes: 21474836480}
    package:
      file: packages\Octopus.2025.3.14357-x64.msi
      version: 2025.3.14357
      sha256: 4d4ddf8bc61e0de1ee2a6c5b5f0ff1a4b0a7a7dd1e4be3b0b6d1ff9f41b2f0a3
      size: 482203136
    master_key: {file: master-key.vault, fingerprint: 6b0f6b0e7c110b52}
    license: {file: license.vault, fingerprint: 9e436b0f6b0e7c11}
fetched:
  description: The copies on the control node.
  returned: success
  type: dict
  contains:
    master_key:
      description: The encrypted master key.
      type: str
    configurations:
      description: Each node's encrypted configuration, by its inventory name.
      type: dict
  sample:
    master_key: octopus-runs/prod-clone/20261123T210000Z-2025.3.14357/master-key.vault
    configurations:
      octo-a: octopus-runs/prod-clone/20261123T210000Z-2025.3.14357/nodes/octo-a.config.vault
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.fetch import FetchRequest, fetch
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.share import POINT_SPEC, Share
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
        **POINT_SPEC,
        "dest": {"type": "path", "required": True},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Copy what differs; the module's result."""
    request = FetchRequest.from_params(params, check_mode)
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        return fetch(request, Share.from_params(params, host))


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
