#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put package, secrets and configurations into a restore point before an outage."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_restore_point_stage
short_description: Put package, secrets and configurations into a restore point before an outage
version_added: 1.0.0
description:
  - Copies the package of the installed version into the folder of a restore point, and puts the encrypted master key, licence and node
    configurations there, as far as they are missing.
  - What is staged before an outage need not be done during it. M(octopus.upgrade.octopus_restore_point) completes and signs the restore point.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.vault_jobs
  - octopus.upgrade.step
  - octopus.upgrade.restore_point
  - octopus.upgrade.restore_point.content
  - octopus.upgrade.vault
  - octopus.upgrade.windows.nodes
  - octopus.upgrade.windows.job
attributes:
  check_mode:
    support: partial
    details:
      - Returns what would be staged and how much room that needs. It runs no job, so for a share it does not know the free space, nor whether
        everything is staged already.
  diff_mode:
    support: none
options:
  nodes:
    description: Inventory names of all nodes of the instance. By default, the host of the task. Jobs run on the first one.
    type: list
    elements: str
  manifest:
    description:
      - What the caller knows of the restore point already, as M(octopus.upgrade.octopus_restore_point) takes it. Where C(nodes) has a node's
        C(instance_name) and C(config_path), the program on it is not asked. In check mode, C(folders) and C(database.backup) tell the room.
    type: dict
    default: {}
notes:
  - O(package) and O(files) are required.
seealso:
  - module: octopus.upgrade.octopus_restore_point
  - module: octopus.upgrade.octopus_install
  - module: octopus.upgrade.octopus_license_backup
  - module: octopus.upgrade.octopus_masterkey_backup
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Stage a restore point before the outage
  octopus.upgrade.octopus_restore_point_stage:
    nodes: [octo-a, octo-b]
    path: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357
    package:
      path: "{{ staged.nodes['octo-a'].path }}"
      sha256: "{{ staged.nodes['octo-a'].sha256 }}"
      version: 2025.3.14357
    files:
      master-key.vault: /var/backups/octopus/prod/master-key.vault
      license.vault: /var/backups/octopus/prod/license.vault
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
  description: Its manifest, as far as it is known.
  returned: in check mode, and where it is signed already
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
room:
  description: The room it needs, in bytes, and what is free; null where it is not known.
  returned: in check mode
  type: dict
  contains:
    folders_bytes:
      description: The server folders.
      type: int
    database_bytes:
      description: The database backup.
      type: int
    package_bytes:
      description: The package.
      type: int
    needed_bytes:
      description: All of it.
      type: int
    free_bytes:
      description: Free bytes where O(root) is. Null for a share, which only a job could ask.
      type: int
    enough:
      description: Whether it fits.
      type: bool
  sample:
    folders_bytes: 21474836480
    database_bytes: 104857600
    package_bytes: 482203136
    needed_bytes: 22061897216
    free_bytes: 107374182400
    enough: true
contains:
  description: What it would contain.
  returned: in check mode
  type: list
  elements: str
  sample: [database.bak, 'folders\packages', license.vault, master-key.vault, 'nodes\octo-a.config.vault']
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.create import create
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.request import CONTENT_SPEC, CreateRequest
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.share import POINT_SPEC
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import vault_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import JOB_SPEC, NODES_SPEC, ConnectionOptions

SPEC: dict[str, Any] = {
    "argument_spec": {
        **NODES_SPEC,
        **JOB_SPEC,
        **vault_spec(),
        **POINT_SPEC,
        **CONTENT_SPEC,
        "manifest": {"type": "dict", "default": {}},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Stage what is missing; the module's result."""
    request = CreateRequest.from_params(params, check_mode, finish=False)
    return create(request, [ConnectionOptions.from_params(one) for one in params["connections"] or [None]])


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
