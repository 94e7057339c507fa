#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Create or remove a restore point of an Octopus Server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_restore_point
short_description: Create or remove a restore point of an Octopus Server
version_added: 1.0.0
description:
  - A restore point is one folder with everything that a rollback needs - the database backup, the copies of the server folders, the package of
    the installed version, the master key, the licence, each node's configuration - and a manifest that describes them.
  - The last file to be written is C(restore-point.signature). It holds the manifest's hash and is encrypted with Ansible Vault. Without a
    signature that can be decrypted and matches, a folder does not count as a restore point, and nothing is rolled back with it.
  - No secret is written to a restore point in plain text, and no secret is in a result.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.vault_database
  - octopus.upgrade.step
  - octopus.upgrade.restore_point
  - octopus.upgrade.restore_point.content
  - octopus.upgrade.vault
  - octopus.upgrade.mssql
  - octopus.upgrade.windows.nodes
  - octopus.upgrade.windows.job
attributes:
  check_mode:
    support: partial
    details:
      - With O(state=present) it returns what the restore point would contain and how much room that needs. It runs no job, so for a share it
        does not know the free space, nor whether there is a signed restore point already.
      - With O(state=absent) it reads by a job, which leaves nothing on the host.
  diff_mode:
    support: none
options:
  state:
    description:
      - V(present) stages package, secrets and configurations as far as they are missing, checks that the database backup and the copies of the
        folders are there, and writes manifest and signature. The same restore point signed already is no change; one that is signed with
        another manifest is an error.
      - V(absent) removes O(restore_point). The newest signed one is never removed.
    type: str
    choices: [present, absent]
    default: present
  nodes:
    description: Inventory names of all nodes of the instance. By default, the host of the task. Jobs run on the first one.
    type: list
    elements: str
  manifest:
    description:
      - With O(state=present), what the caller knows of the restore point. Required are C(instance), C(run_id), C(operation) (V(upgrade) or
        V(backup)), C(version), C(coordinator), C(service_stopped), C(before), C(database) with C(name) and C(backup.paths), and C(folders)
        as M(octopus.upgrade.octopus_folders_backup) returns them.
      - The module adds C(format), C(id), C(signed_at), C(signed_by), C(package), C(master_key), C(license), the sizes of the backup's files,
        and for each node its instance, its name in the cluster and its configuration. Where C(nodes) has a node's C(instance_name) and
        C(config_path) already, the program on it is not asked, which saves seconds.
      - With O(login_host), it also adds C(database.as_of), the time up to which the backup has data, from C(database.backup.finished_at).
      - Where it has C(database.schema_scripts), and O(login_host) is given, exactly as many schema scripts must have run.
    type: dict
  journal_copy:
    description:
      - With O(state=present), a file, on a drive or a share, to copy O(journal) to. The job that signs the restore point copies it, after the
        manifest and before the signature is written. Missing folders are created, and what was there before is replaced only by a complete copy.
      - So a signed restore point is never without the journal of its run, even if the coordinator is lost. The first of O(nodes) has to be the
        host of the task, since the journal is on its disk.
    type: str
  protect:
    description: With O(state=absent), ids of restore points that are never removed, such as those of unfinished runs.
    type: list
    elements: str
    default: []
  abandoned:
    description:
      - With O(state=absent), says that nobody is creating this restore point any more, so that it may be removed although it is not signed and
        no newer one is. For the run that was creating it and holds the instance's lock.
    type: bool
    default: false
  login_host:
    description:
      - SQL Server, as the control node reaches it. May be written as connection strings do, C(tcp:host,port), or C(host\instance).
      - With O(state=present), the database has to be at the version of the restore point. Without it, that is not checked.
    type: str
    required: false
notes:
  - With O(state=absent), an unsigned restore point is only removed when a newer one is signed, or with O(abandoned).
  - A folder that names itself as this restore point neither in its manifest nor in the marker of its folders is not removed.
seealso:
  - module: octopus.upgrade.octopus_restore_point_stage
  - module: octopus.upgrade.octopus_restore_point_info
  - module: octopus.upgrade.octopus_restore_point_verify
  - module: octopus.upgrade.octopus_restore_point_prune
  - module: octopus.upgrade.octopus_folders_backup
  - module: octopus.upgrade.octopus_license_backup
  - module: octopus.upgrade.octopus_masterkey_backup
  - module: octopus.upgrade.mssql_backup
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Create and sign a restore point of what other modules have backed up
  octopus.upgrade.octopus_restore_point:
    nodes: [octo-a, octo-b]
    path: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357
    manifest:
      instance: prod
      run_id: 20261123T210000Z
      operation: upgrade
      version: 2025.3.14357
      coordinator: octo-a
      service_stopped: true
      before: {maintenance: false, drained: [], watched: [octo-a, octo-b]}
      database: {server: SQL01, name: OctopusDeploy, backup: "{{ backup }}"}
      folders: "{{ copied.folders }}"
    package:
      path: "{{ staged.nodes['octo-a'].path }}"
      sha256: "{{ staged.nodes['octo-a'].sha256 }}"
      version: 2025.3.14357
    files:
      master-key.vault: /var/backups/octopus/prod/master-key.vault
      license.vault: /var/backups/octopus/prod/license.vault
    vault_password_file: ~/.octopus-vault-password
    login_host: sql.example.com

- name: Remove an old one
  octopus.upgrade.octopus_restore_point:
    state: absent
    root: \\nas\octopus-backups\prod
    restore_point: 20261001T210000Z-2025.2.11000
    vault_password_file: ~/.octopus-vault-password
"""

RETURN = r"""
restore_point:
  description: Id of the restore point.
  returned: with O(state=present)
  type: str
  sample: 20261123T210000Z-2025.3.14357
path:
  description: Its folder.
  returned: with O(state=present)
  type: str
  sample: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357
manifest:
  description: Its manifest. In check mode, as far as it is known.
  returned: with O(state=present)
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
  returned: in check mode with O(state=present)
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
  returned: in check mode with O(state=present)
  type: list
  elements: str
  sample: [database.bak, 'folders\packages', license.vault, master-key.vault, 'nodes\octo-a.config.vault']
removed:
  description: Ids of the restore points that were removed, or would be.
  returned: with O(state=absent)
  type: list
  elements: str
  sample: [20261001T210000Z-2025.2.11000]
remaining:
  description: Ids of those that remain, newest first.
  returned: with O(state=absent)
  type: list
  elements: str
  sample: [20261123T210000Z-2025.3.14357]
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.create import create
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.prune import RemoveRequest, remove
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.request import CONTENT_SPEC, CreateRequest
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.schema_facts import schema_facts
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.share import POINT_SPEC, Share
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import vault_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import (
    JOB_SPEC,
    NODES_SPEC,
    ConnectionOptions,
    WindowsHost,
)

SPEC: dict[str, Any] = {
    "argument_spec": {
        **NODES_SPEC,
        **JOB_SPEC,
        **MSSQL_SPEC,
        **vault_spec(),
        **POINT_SPEC,
        **CONTENT_SPEC,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "journal_copy": {"type": "str"},
        "protect": {"type": "list", "elements": "str", "default": []},
        "abandoned": {"type": "bool", "default": False},
        "login_host": {"type": "str"},
    },
    "required_if": [("state", "present", ["manifest", "package", "files"]), ("state", "absent", ["path", "restore_point"], True)],
    "required_together": MSSQL_TOGETHER,
    "required_by": {"journal_copy": ["journal"]},
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Create or remove the restore point; the module's result."""
    connections = [ConnectionOptions.from_params(one) for one in params["connections"] or [None]]
    if params["state"] == "absent":
        going = RemoveRequest.from_params(params, check_mode)
        with WindowsHost(connections[0]) as host:
            return remove(going, Share.from_params(params, host))
    request = CreateRequest.from_params(params, check_mode, finish=True)
    sql = SqlOptions.from_params(params) if params["login_host"] else None
    return create(request, connections, (lambda: schema_facts(sql, request.manifest)) if sql else None)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
