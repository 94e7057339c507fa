#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Test a SQL Server backup by restoring it under another name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mssql_restore_test
short_description: Test a SQL Server backup by restoring it under another name
version_added: 1.0.0
description:
  - Restores a full backup under another name, runs C(DBCC CHECKDB) there, and drops the database again, also after a failure.
  - Only this shows that a backup can be restored and that its data is sound. M(octopus.upgrade.mssql_backup_verify) is quicker and shows less.
  - The database always has the same name for the same backup set, so that the next test drops what a killed one has left.
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
      - Checks server, backup, permissions, files and space, and returns the statements that would run. Reads only the headers of the backup.
  diff_mode:
    support: none
options:
  database:
    description:
      - The database that was backed up. It selects the backup where a file holds those of several databases, and the files of the test go
        beside its own by default. It is not touched.
    type: str
    required: true
  verify:
    description: Whether the whole backup is read with C(RESTORE VERIFYONLY) before it is restored.
    type: bool
    default: true
  data_directory:
    description:
      - Folder for the data files, on the SQL Server host. Default is the folder of O(database), otherwise that of the server for new files.
      - Names are made unique. No file of another database, and no other existing file, is overwritten.
    type: str
  log_directory:
    description: The same for the log.
    type: str
  timeout:
    description: Seconds for verification, restore and check. After that, the statement is cancelled. Without it there is no limit.
    type: float
notes:
  - Nothing remains on the server but entries in the history of C(msdb), so the module never reports a change.
  - Only members of C(sysadmin), C(dbcreator) and C(db_owner) may use the database during the test (C(RESTRICTED_USER)).
  - The login needs the server role C(dbcreator), and read access to C(msdb.dbo.restorehistory) and C(msdb.dbo.backupset).
seealso:
  - module: octopus.upgrade.mssql_backup
  - module: octopus.upgrade.mssql_backup_verify
  - module: octopus.upgrade.mssql_restore
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Test that last night's backup can be restored
  octopus.upgrade.mssql_restore_test:
    login_host: sql.example.com
    login_user: restore
    login_password: "{{ vault_sql_password }}"
    database: OctopusDeploy
    path: \\nas\backups\OctopusDeploy.bak
    timeout: 7200
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
  description: The name that the database had for the test.
  returned: success
  type: str
  sample: restore_test_0b52b6d86e0c4b3e9e436b0f6b0e7c11
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
files:
  description: Where the files of the database were.
  returned: success
  type: list
  elements: dict
  contains:
    logical_name:
      description: Logical name.
      type: str
    type:
      description: V(D) for data, V(L) for the log, V(S) for FILESTREAM and memory-optimized data.
      type: str
    path:
      description: Its path on the SQL Server host.
      type: str
needed_bytes:
  description: By volume, the bytes that must be free for them. Volumes of unknown size are omitted.
  returned: success
  type: dict
  sample: {'D:\': 8388608}
verified:
  description: Whether the whole backup was read and found valid before the restore.
  returned: success and not in check mode
  type: bool
  sample: true
checkdb:
  description: The outcome of C(DBCC CHECKDB).
  returned: success and not in check mode
  type: dict
  contains:
    clean:
      description: Whether nothing was found, which is always so where the task did not fail.
      type: bool
    message:
      description: Its own message.
      type: str
    seconds:
      description: How long it took.
      type: float
sql:
  description: The statements. They contain no secret. In check mode, those that would run.
  returned: success
  type: list
  elements: str
  sample: ["DBCC CHECKDB (N'restore_test_0b52b6d86e0c4b3e9e436b0f6b0e7c11') WITH ALL_ERRORMSGS"]
seconds:
  description: How long all of it took.
  returned: success and not in check mode
  type: float
  sample: 95.5
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore import trial
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore.options import (
    PLACEMENT_SPEC,
    SOURCE_EXCLUSIVE,
    SOURCE_REQUIRED,
    SOURCE_SPEC,
    RestoreOptions,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore.warning import with_warnings

SPEC: dict[str, Any] = {
    "argument_spec": {**MSSQL_SPEC, **SOURCE_SPEC, **PLACEMENT_SPEC},
    "mutually_exclusive": SOURCE_EXCLUSIVE,
    "required_one_of": SOURCE_REQUIRED,
    "required_together": MSSQL_TOGETHER,
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Restore the backup under another name, check it and drop it; the module's result."""
    login = SqlOptions.from_params(params)
    with connect(login) as connection:
        prepared = trial.prepare(connection, RestoreOptions.from_params(params))
        if check_mode:
            return with_warnings(trial.outlook(prepared))
        return with_warnings(trial.run(connection, prepared, lambda: connect(login), Progress()))


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
