#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verify everything in a restore point of an Octopus Server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_restore_point_verify
short_description: Verify everything in a restore point of an Octopus Server
version_added: 1.0.0
description:
  - Verifies signature and manifest, the sizes of the backup's files, the package's hash, that each secret can be decrypted and is the one that
    was signed, and the number of files and bytes in each folder. With O(login_host), SQL Server verifies the database backup.
  - Runs all checks, and fails naming each one that failed.
  - Without O(restore_point), it verifies the newest signed one.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.vault_database
  - octopus.upgrade.step
  - octopus.upgrade.restore_point
  - octopus.upgrade.vault
  - octopus.upgrade.mssql
  - octopus.upgrade.windows
  - octopus.upgrade.windows.job
attributes:
  check_mode:
    support: partial
    details:
      - Reads by a job in check mode too; the job leaves nothing on the host. O(test_restore) is not done.
  diff_mode:
    support: none
options:
  sql_root:
    description: Folder of all restore points as SQL Server sees it. By default, the paths that the backup was written to.
    type: str
  test_restore:
    description:
      - Whether to restore the database under another name too, run C(DBCC CHECKDB), and drop it. That finds damage that
        C(RESTORE VERIFYONLY) does not find, and needs as much room on SQL Server as the database.
    type: bool
    default: false
  timeout:
    description: Seconds for each long step, such as counting the folders and verifying the backup.
    type: float
    default: 14400
  login_host:
    description:
      - SQL Server, as the control node reaches it. May be written as connection strings do, C(tcp:host,port), or C(host\instance).
      - Without it, only the sizes of the database backup are compared, and the check C(database) says so.
    type: str
    required: false
seealso:
  - module: octopus.upgrade.octopus_restore_point
  - module: octopus.upgrade.octopus_restore_point_info
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Verify the newest one, and that its database can be restored
  octopus.upgrade.octopus_restore_point_verify:
    root: \\nas\octopus-backups\prod
    vault_password_file: ~/.octopus-vault-password
    login_host: sql.example.com
    test_restore: true
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
  description: Its manifest; null where it cannot be read.
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
checks:
  description: Every check, also on failure.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: What was checked.
      type: str
    ok:
      description: Whether it is as it should be.
      type: bool
    detail:
      description: What was found, and where.
      type: str
    seconds:
      description: How long it took. Checks that one job answers share its time.
      type: float
  sample:
    - {name: signature, ok: true, detail: it is that of the manifest., seconds: 0.0}
    - {name: package, ok: false, detail: '\\nas\octopus-backups\prod\1\packages\Octopus.1-x64.msi is missing', seconds: 2.104}
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import TaskFailed
from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.share import POINT_SPEC, Share
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.verify import VerifyRequest, verify
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
        **MSSQL_SPEC,
        **vault_spec(),
        **POINT_SPEC,
        "login_host": {"type": "str"},
        "sql_root": {"type": "str"},
        "test_restore": {"type": "bool", "default": False},
        "timeout": {"type": "float", "default": 14400},
    },
    "required_together": MSSQL_TOGETHER,
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Run all checks; the module's result."""
    request = VerifyRequest.from_params(params, check_mode)
    sql = SqlOptions.from_params(params) if params["login_host"] else None
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        verified = verify(request, Share.from_params(params, host), (lambda: connect(sql)) if sql else None)
        if verified.failed:
            raise TaskFailed(verified.message(host.where), verified.as_result())
    return verified.as_result()


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
