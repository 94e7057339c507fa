#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore a SQL Server database and verify the outcome."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mssql_restore
short_description: Restore a SQL Server database and verify the outcome
version_added: 1.0.0
description:
  - Restores a full backup with C(RESTORE DATABASE), as a new database or over an existing one, which can be kept under another name.
  - Nothing is changed before the whole backup is read and found valid, with C(RESTORE VERIFYONLY). Server version, permissions, stripes,
    damage, space and files are checked before that.
  - The backup set to restore is determined from the file. SQL Server's own default is the first one, not the newest.
  - The absence of an error is not taken for success. The module requires SQL Server's message 3014, the restore of that backup set in
    C(msdb), and the database online.
  - Can be run again after an interruption at any point.
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
      - Checks server, backup, databases, permissions, files and space, and returns the statements that would run. Reads only the headers of
        the backup.
  diff_mode:
    support: none
options:
  database:
    description: The database to restore.
    type: str
    required: true
  replace:
    description: Whether an existing database of that name is overwritten. Its content is lost.
    type: bool
    default: false
  keep_as:
    description:
      - The existing database is first renamed to this, and kept. The restored one is new, with files of its own beside those of the kept one.
      - A database that is V(OFFLINE), V(SUSPECT), V(RECOVERY_PENDING) or V(EMERGENCY) cannot be renamed. It is taken offline and removed from
        the server instead, which leaves its files on the disk; RV(kept_files) names them. Where there is no database, one is restored.
      - A database that is V(RESTORING) is restored again where an interrupted restore has left it. It is refused where C(msdb) says that it
        holds the content of another backup set, or that its log was backed up.
      - Where a database of this name exists already, an earlier attempt has renamed it. The database named O(database) is then that
        attempt's restore, and is restored again. If it is online, C(msdb) must show that it was restored from the same backup set.
      - So use a new name for each restore, such as one with the time in it.
    type: str
  verify:
    description: Whether the whole backup is read with C(RESTORE VERIFYONLY) before anything is changed.
    type: bool
    default: true
  data_directory:
    description:
      - Folder for the data files, on the SQL Server host.
      - By default each file goes beside the file of the same logical name, otherwise the same number, of the existing or kept database.
        Without one, it goes to the folder in which it was when this server backed it up, if the database has the same name and the folder
        exists, otherwise to that of the server for new files.
      - Names are made unique. No file of another database, and no other existing file, is overwritten.
    type: str
  log_directory:
    description: The same for the log.
    type: str
  owner:
    description: The login to own the database. Default is the owner of the existing database; without one, the login that restores it.
    type: str
  repair_users:
    description: Whether users whose SQL login has another identity on this server are mapped to the login of the same name.
    type: bool
    default: true
  compatibility_level:
    description: The compatibility level to set afterwards, such as V(140). Default is the backup's.
    type: int
  checkdb:
    description: Whether C(DBCC CHECKDB) is run afterwards. Its findings fail the task; the database stays restored.
    type: bool
    default: false
  leaves_group:
    description:
      - In check mode, whether M(octopus.upgrade.mssql_availability_group) will have taken the database out of its availability group before the
        restore. Without check mode it makes no difference, and a database that is in one is refused.
    type: bool
    default: false
  timeout:
    description:
      - Seconds for verification, restore and check. After that, the statement is cancelled, and the message says what exists now.
      - A restore that is cancelled leaves the database V(RESTORING), which nobody can use. Run the task again with more time.
      - Without it there is no limit.
    type: float
notes:
  - Every run restores, so it always reports a change.
  - Other sessions on the database are ended. Afterwards it is available to everybody again (C(MULTI_USER)) whatever happens, and so is the
    kept one.
  - A database that is in an availability group or mirrored is refused. Remove it from there first, from an availability group with
    M(octopus.upgrade.mssql_availability_group).
  - The login needs the server role C(dbcreator), and read access to C(msdb.dbo.restorehistory) and C(msdb.dbo.backupset).
    To set another owner, it needs C(sysadmin), or C(IMPERSONATE) on that login.
seealso:
  - module: octopus.upgrade.mssql_backup
  - module: octopus.upgrade.mssql_backup_verify
  - module: octopus.upgrade.mssql_restore_test
  - name: RESTORE
    description: Microsoft's documentation of the statement.
    link: https://learn.microsoft.com/sql/t-sql/statements/restore-statements-transact-sql
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Return to a backup, and keep the database as it is now
  octopus.upgrade.mssql_restore:
    login_host: sql.example.com
    login_user: restore
    login_password: "{{ vault_sql_password }}"
    database: OctopusDeploy
    path: \\nas\backups\OctopusDeploy-20261123T210405Z.bak
    backup_set_uuid: 0B52B6D8-6E0C-4B3E-9E43-6B0F6B0E7C11
    keep_as: OctopusDeploy-failed-20261123T2230Z
  delegate_to: localhost

- name: Restore the newest backup in four stripes as a copy for tests, and check it, within two hours
  octopus.upgrade.mssql_restore:
    login_host: sql.example.com,1434
    database: Big data test
    path:
      - E:\Backup\big-1.bak
      - E:\Backup\big-2.bak
      - F:\Backup\big-3.bak
      - F:\Backup\big-4.bak
    replace: true
    data_directory: T:\Data
    log_directory: T:\Log
    checkdb: true
    timeout: 7200
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
  description: Name of the database that was restored.
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
  description: Whether the whole backup was read and found valid before the restore.
  returned: success and not in check mode
  type: bool
  sample: true
files:
  description: Where the files of the database are.
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
kept_as:
  description: The name under which the database that existed before is kept. Null where there was none, or none that could be renamed.
  returned: success
  type: str
  sample: OctopusDeploy-failed-20261123T2230Z
kept_files:
  description: The files of a database that could not be renamed, which are kept on the disk of the SQL Server host.
  returned: success
  type: list
  elements: str
  sample: []
kept_bytes:
  description: The size of the files of the database that is kept, under another name or as files.
  returned: success
  type: int
  sample: 22548578304
found:
  description: The state of the database before the restore. Null where there was none.
  returned: success
  type: str
  sample: ONLINE
replaced:
  description: Whether a database was overwritten, including one that an earlier attempt had begun to restore.
  returned: success
  type: bool
  sample: false
keeps_access:
  description:
    - Whether the login of the task certainly can open the restored database, as V(sysadmin), as its owner, or because it was the one that backed it
      up. Otherwise the users in the backup decide, which cannot be read before.
  returned: success
  type: bool
  sample: true
owner:
  description: The login that owns the database.
  returned: success and not in check mode
  type: str
  sample: sa
users_repaired:
  description:
    - Users that were mapped to the login of the same name. Null where the restored database has no user for the login of the task (error 916).
  returned: success and not in check mode
  type: list
  elements: str
  sample: [octopus]
users_orphaned:
  description: Users without a login. Null like RV(users_repaired).
  returned: success and not in check mode
  type: list
  elements: str
  sample: []
compatibility_level:
  description: Its compatibility level.
  returned: success and not in check mode
  type: int
  sample: 140
checkdb:
  description: The outcome of C(DBCC CHECKDB), where it ran.
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
  sample: ["RESTORE DATABASE [OctopusDeploy] FROM DISK = N'D:\\Backup\\OctopusDeploy.bak' WITH FILE = 1, RECOVERY, CHECKSUM, STATS = 5"]
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
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore import restore
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore.options import (
    RESTORE_SPEC,
    SOURCE_EXCLUSIVE,
    SOURCE_REQUIRED,
    SOURCE_SPEC,
    RestoreOptions,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore.warning import with_warnings

SPEC: dict[str, Any] = {
    "argument_spec": {**MSSQL_SPEC, **SOURCE_SPEC, **RESTORE_SPEC},
    "mutually_exclusive": SOURCE_EXCLUSIVE,
    "required_one_of": SOURCE_REQUIRED,
    "required_together": MSSQL_TOGETHER,
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Restore the database; the module's result."""
    login = SqlOptions.from_params(params)
    with connect(login) as connection:
        prepared = restore.prepare(
            connection, RestoreOptions.from_params({**params, "leaves_group": params["leaves_group"] and check_mode})
        )
        result = restore.outlook(prepared) if check_mode else restore.run(connection, prepared, lambda: connect(login), Progress())
    return with_warnings({"changed": True, **result})


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
