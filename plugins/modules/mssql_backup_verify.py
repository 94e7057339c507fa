#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verify that a SQL Server backup is complete and its checksums are right."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mssql_backup_verify
short_description: Verify that a SQL Server backup is complete and its checksums are right
version_added: 1.0.0
description:
  - Reads a whole backup and compares its checksums, with C(RESTORE VERIFYONLY WITH CHECKSUM), and changes nothing.
  - It does not show that the data was sound when it was backed up. M(octopus.upgrade.mssql_restore_test) does.
  - Refuses a backup without checksums, and one that this server is too old to restore.
  - Does not need Octopus Server. The module runs on the control node and reaches SQL Server from there.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.mssql
  - octopus.upgrade.step
  - octopus.upgrade.mssql
  - octopus.upgrade.mssql.backup
attributes:
  check_mode:
    support: full
    details:
      - Verifies the backup in check mode too, since that changes nothing.
  diff_mode:
    support: none
options:
  database:
    description: The database that was backed up. It selects the backup where a file holds those of several databases, and is not touched.
    type: str
    required: true
  timeout:
    description: Seconds for the verification, which is cancelled after that. Without it there is no limit.
    type: float
notes:
  - The login needs the server role C(dbcreator).
seealso:
  - module: octopus.upgrade.mssql_backup
  - module: octopus.upgrade.mssql_restore_test
  - name: RESTORE VERIFYONLY
    description: Microsoft's documentation of the statement.
    link: https://learn.microsoft.com/sql/t-sql/statements/restore-statements-verifyonly-transact-sql
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Verify last night's backup
  octopus.upgrade.mssql_backup_verify:
    login_host: sql.example.com
    login_user: restore
    login_password: "{{ vault_sql_password }}"
    database: OctopusDeploy
    path: \\nas\backups\OctopusDeploy.bak
  delegate_to: localhost
"""

RETURN = r"""
server:
  description: Name of the server, as it calls itself.
  returned: success
  type: str
  sample: SQL01
server_version:
  description: Its version.
  returned: success
  type: str
  sample: 14.0.3456.2
database:
  description: The database that was backed up, as given.
  returned: success
  type: str
  sample: OctopusDeploy
paths:
  description: The files or addresses of the backup.
  returned: success
  type: list
  elements: str
  sample: ['D:\Backup\OctopusDeploy.bak']
backup_set_uuid:
  description: Identity of the backup set.
  returned: success
  type: str
  sample: 0B52B6D8-6E0C-4B3E-9E43-6B0F6B0E7C11
position:
  description: Its position in the file.
  returned: success
  type: int
  sample: 1
backup:
  description: Facts from its header.
  returned: success
  type: dict
  contains:
    database:
      description: The database that was backed up.
      type: str
    server:
      description: Its server.
      type: str
    finished:
      description: When the backup ended, on that server's own clock and in its time zone.
      type: str
    size:
      description: Bytes before compression.
      type: int
    has_checksums:
      description: Whether it has checksums.
      type: bool
    is_copy_only:
      description: Whether it is copy-only.
      type: bool
    software_version:
      description: Version of the server that took it.
      type: str
    family_count:
      description: How many stripes it has.
      type: int
    user:
      description: The login that took it.
      type: str
verified:
  description: Whether the whole backup was read and found valid, which is always so where the task did not fail.
  returned: success
  type: bool
  sample: true
sql:
  description: The statement. It contains no secret.
  returned: success
  type: list
  elements: str
  sample: ["RESTORE VERIFYONLY FROM DISK = N'D:\\Backup\\OctopusDeploy.bak' WITH FILE = 1, CHECKSUM, STATS = 5"]
seconds:
  description: How long it took.
  returned: success
  type: float
  sample: 42.5
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore.options import (
    SOURCE_EXCLUSIVE,
    SOURCE_REQUIRED,
    SOURCE_SPEC,
    BackupSource,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore.verify import verify

SPEC: dict[str, Any] = {
    "argument_spec": {**MSSQL_SPEC, **SOURCE_SPEC},
    "mutually_exclusive": SOURCE_EXCLUSIVE,
    "required_one_of": SOURCE_REQUIRED,
    "required_together": MSSQL_TOGETHER,
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Verify the backup, which changes nothing; the module's result."""
    with connect(SqlOptions.from_params(params)) as connection:
        return verify(connection, BackupSource.from_params(params), Progress())


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
