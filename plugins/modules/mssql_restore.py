#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore a SQL Server database, and prove it; or prove that a backup could be restored."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mssql_restore
short_description: Restore a SQL Server database, or prove that its backup can be restored
version_added: 1.0.0
description:
  - Restores a full backup with C(RESTORE DATABASE), as a new database or over one that is there. What is there can be kept under another name.
  - Nothing is changed before all of the backup was read and found valid, with C(RESTORE VERIFYONLY). Server version, permission, stripes,
    damage, room and files are looked at before that.
  - Which backup set of a file is restored is found out from the file. The default of SQL Server itself is the first, not the newest.
  - Success is what SQL Server says, not the absence of an error. Wanted are its message 3014, the restore of that backup set in C(msdb), and the
    database online.
  - Can be run again after it was broken off anywhere.
  - Needs nothing of Octopus Server. The module runs on the control node and reaches SQL Server from there.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.mssql
  - octopus.upgrade.mssql
attributes:
  check_mode:
    support: full
    details:
      - Looks at server, backup, databases, permission, files and room, and tells the statements that would run. Reads headers of the backup only,
        but with O(state=verified) all of it, which changes nothing.
  diff_mode:
    support: none
options:
  database:
    description:
      - The database to restore.
      - With O(state=verified) and O(state=tested) it is not touched. It tells which backup is meant where a file holds those of several databases,
        and beside which files the test is done.
    type: str
    required: true
  path:
    description:
      - The file of the backup, as SQL Server sees it. Its service account opens it, on its host; drive letters are those of that host.
      - Of a backup in stripes, all files, in any order.
    type: list
    elements: str
  url:
    description: Instead of O(path), the address of a blob or object, or of all stripes.
    type: list
    elements: str
  credential:
    description: Name of a credential of the server for O(url), where it is not named as the container is.
    type: str
  backup_set_uuid:
    description:
      - The identity of the backup set to restore, as M(octopus.upgrade.mssql_backup) returns it.
      - Without it and O(position), the full backup that was written last. If that one is damaged or cut off it is refused, and no older one taken.
    type: str
  position:
    description: The position of the backup set in the file, from 1.
    type: int
  state:
    description:
      - V(restored) restores the database.
      - V(verified) reads all of the backup and compares its checksums (C(RESTORE VERIFYONLY WITH CHECKSUM)), and changes nothing. It does not prove
        that what was backed up was sound.
      - V(tested) restores it under another name, runs C(DBCC CHECKDB) there, and drops it again, also where that fails.
    type: str
    choices: [restored, verified, tested]
    default: restored
  replace:
    description: Whether a database of that name is overwritten. What is in it is lost.
    type: bool
    default: false
  keep_as:
    description:
      - The database that is there is first renamed to this, and kept. The restored one is new, with files of its own beside those of the kept one.
      - Where a database of this name is there already, an earlier attempt has renamed it. What is under the name of O(database) is then that
        attempt's restore, and is restored anew. If it is online, C(msdb) must say that it was restored from the same backup set.
      - So name one that is new for each restore, such as one with the time in it.
    type: str
  verify:
    description: Whether all of the backup is read with C(RESTORE VERIFYONLY) before anything is changed.
    type: bool
    default: true
  data_directory:
    description:
      - Folder for the data files, on the SQL Server host. Default is where those of the database lie that is there or kept, else where the server
        puts new ones.
      - Names are made unique. No file of another database, and no other file that is there, is overwritten.
    type: str
  log_directory:
    description: The same for the log.
    type: str
  owner:
    description: The login to own the database. Default is the owner of the database that was there; without one, who restores it.
    type: str
  repair_users:
    description: Whether users whose SQL login has another identity on this server are given to the login of the same name.
    type: bool
    default: true
  compatibility_level:
    description: The compatibility level to set afterwards, such as V(140). Without it, the backup's.
    type: int
  checkdb:
    description: Whether C(DBCC CHECKDB) is run afterwards. Its findings fail the task; the database stays restored.
    type: bool
    default: false
  timeout:
    description:
      - Seconds for verification, restore and check. Then what runs is cancelled, and the message tells what is where.
      - A restore that is cancelled leaves the database V(RESTORING), which nobody can use. Run the task again with more time.
      - Without it there is no limit.
    type: float
notes:
  - Every run with O(state=restored) that is not refused restores, so it is always a change.
  - The sessions of others on the database are ended. It is given back to them (C(MULTI_USER)) whatever happens, and so is the kept one.
  - A database in an availability group, or one that is mirrored, is refused. Remove it from there first.
  - The login needs the server role C(dbcreator), and to read C(msdb.dbo.restorehistory) and C(msdb.dbo.backupset).
    To give the database to another owner, it needs C(sysadmin), or C(IMPERSONATE) on that login.
seealso:
  - module: octopus.upgrade.mssql_backup
  - name: RESTORE
    description: What Microsoft says about the statement.
    link: https://learn.microsoft.com/sql/t-sql/statements/restore-statements-transact-sql
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Go back to a backup, and keep the database as it is now
  octopus.upgrade.mssql_restore:
    login_host: sql.example.com
    login_user: restore
    login_password: "{{ vault_sql_password }}"
    database: OctopusDeploy
    path: \\nas\backups\OctopusDeploy-20261123T210405Z.bak
    backup_set_uuid: 0B52B6D8-6E0C-4B3E-9E43-6B0F6B0E7C11
    keep_as: OctopusDeploy-failed-20261123T2230Z
  delegate_to: localhost

- name: A copy for tests from the newest backup in four stripes, checked, for at most two hours
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

- name: Prove that last night's backup can be restored
  octopus.upgrade.mssql_restore:
    login_host: sql.example.com
    database: OctopusDeploy
    path: \\nas\backups\OctopusDeploy.bak
    state: tested
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
  description: Name of the database that was restored. With O(state=tested) the name that it had for the test.
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
  description: What its header says.
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
verified:
  description: Whether all of it was read and found valid.
  returned: success and not in check mode, except with O(state=verified)
  type: bool
  sample: true
files:
  description: Where the files of the database are.
  returned: success, with O(state=restored) and O(state=tested)
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
  description: By volume, the bytes that have to be free for them. Not there for volumes of which that is not known.
  returned: success, with O(state=restored) and O(state=tested)
  type: dict
  sample: {'D:\': 8388608}
kept_as:
  description: The name under which the database is kept that was there.
  returned: success, with O(state=restored) and O(state=tested)
  type: str
  sample: OctopusDeploy-failed-20261123T2230Z
replaced:
  description: Whether a database was overwritten, also one that an earlier attempt had begun to restore.
  returned: success, with O(state=restored) and O(state=tested)
  type: bool
  sample: false
owner:
  description: The login that owns the database.
  returned: success, with O(state=restored) and O(state=tested), and not in check mode
  type: str
  sample: sa
users_repaired:
  description: Users that were given to the login of their name.
  returned: success, with O(state=restored) and O(state=tested), and not in check mode
  type: list
  elements: str
  sample: [octopus]
users_orphaned:
  description: Users for whom there is no login.
  returned: success, with O(state=restored) and O(state=tested), and not in check mode
  type: list
  elements: str
  sample: []
compatibility_level:
  description: Its compatibility level.
  returned: success, with O(state=restored) and O(state=tested), and not in check mode
  type: int
  sample: 140
checkdb:
  description: What C(DBCC CHECKDB) said, where it ran.
  returned: success, with O(state=restored) and O(state=tested), and not in check mode
  type: dict
  contains:
    clean:
      description: Whether nothing was found, which is always so where the task did not fail.
      type: bool
    message:
      description: Its own words.
      type: str
    seconds:
      description: How long it took.
      type: float
sql:
  description: The statements. They hold no secret. In check mode, those that would run.
  returned: success
  type: list
  elements: str
  sample: ["RESTORE DATABASE [OctopusDeploy] FROM DISK = N'D:\\Backup\\OctopusDeploy.bak' WITH FILE = 1, RECOVERY, CHECKSUM, STATS = 5"]
seconds:
  description: How long all of it took.
  returned: success and not in check mode, except with O(state=verified)
  type: float
  sample: 95.5
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import PYODBC_IMPORT_ERROR, connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore import restore, trial
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore.options import RESTORED, TESTED, VERIFIED, RestoreOptions

RESTORE_SPEC = {
    "database": {"type": "str", "required": True},
    "path": {"type": "list", "elements": "str"},
    "url": {"type": "list", "elements": "str"},
    "credential": {"type": "str"},
    "backup_set_uuid": {"type": "str"},
    "position": {"type": "int"},
    "state": {"type": "str", "choices": [RESTORED, VERIFIED, TESTED], "default": RESTORED},
    "replace": {"type": "bool", "default": False},
    "keep_as": {"type": "str"},
    "verify": {"type": "bool", "default": True},
    "data_directory": {"type": "str"},
    "log_directory": {"type": "str"},
    "owner": {"type": "str"},
    "repair_users": {"type": "bool", "default": True},
    "compatibility_level": {"type": "int"},
    "checkdb": {"type": "bool", "default": False},
    "timeout": {"type": "float"},
}


def act(module: AnsibleModule, login: SqlOptions, options: RestoreOptions) -> dict[str, Any]:
    """What the wanted state takes; in check mode, what it would take."""
    progress = Progress()
    way = trial if options.state == TESTED else restore
    with connect(login) as connection:
        if options.state == VERIFIED:
            return restore.verified(connection, options, progress)
        prepared = way.prepare(connection, options)
        if module.check_mode:
            return restore.outlook(prepared)
        return way.run(connection, prepared, lambda: connect(login), progress)


def main() -> None:
    module = AnsibleModule(
        argument_spec={**MSSQL_SPEC, **RESTORE_SPEC},
        mutually_exclusive=[("path", "url"), ("backup_set_uuid", "position")],
        required_one_of=[("path", "url")],
        required_together=MSSQL_TOGETHER,
        supports_check_mode=True,
    )
    if PYODBC_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("pyodbc"), exception=PYODBC_IMPORT_ERROR)
    try:
        options = RestoreOptions.from_params(module.params)
        result = act(module, SqlOptions.from_params(module.params), options)
    except (MssqlError, ValueError) as error:
        module.fail_json(msg=str(error))
    if not result["backup"]["has_checksums"]:
        module.warn(
            "The backup has no checksums: that it could be read does not mean that its pages are right. state: tested looks at all of them"
        )
    module.exit_json(changed=options.state == RESTORED, **result)


if __name__ == "__main__":
    main()
