#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Back up a SQL Server database, and prove it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mssql_backup
short_description: Back up a SQL Server database, and prove the backup
version_added: 1.0.0
description:
  - Takes a full backup with C(BACKUP DATABASE). By default it is copy-only, so that it does not disturb the backups that somebody else
    takes regularly; it has checksums, and is compressed where the edition can do that.
  - Success is what SQL Server says, not the absence of an error. Wanted are its message 3014, the backup's row in
    C(msdb), and, with O(verify=true), that C(RESTORE VERIFYONLY) has read all of it.
  - Needs nothing of Octopus Server. The module runs on the control node and reaches SQL Server from there.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.mssql
  - octopus.upgrade.mssql
attributes:
  check_mode:
    support: full
    details:
      - Looks at server, database, permission and places, and tells how much room the backup needs and has. Whether the service account may
        write in a folder that it can read shows only when it writes.
  diff_mode:
    support: none
options:
  database:
    description: The database to back up.
    type: str
    required: true
  path:
    description:
      - The file to write, as SQL Server sees it. Its service account opens it, on its host; drive letters are those of that host, and
        of a share this account needs the rights.
      - Several make one backup in stripes; all of them are needed to restore it.
    type: list
    elements: str
  url:
    description: Instead of O(path), the address of a blob or object, or of several for stripes. Needs SQL Server 2016, for C(s3://) 2022.
    type: list
    elements: str
  overwrite:
    description:
      - What to do where a file exists already. V(never) refuses, V(replace) destroys what is in it,
        V(append) adds another backup set to it.
      - A file that appears between the look and the backup is appended to, not destroyed.
    type: str
    choices: [never, replace, append]
    default: never
  create_folder:
    description: Create the folder of a path where it is missing (with C(xp_create_subdir), which wants a member of C(sysadmin)).
    type: bool
    default: false
  copy_only:
    description: Whether the backup stays apart from the regular ones. Otherwise it becomes the base of the next differential backups.
    type: bool
    default: true
  checksum:
    description: Whether pages are checked while they are read, and the backup gets a checksum.
    type: bool
    default: true
  compression:
    description: Whether the backup is compressed. V(auto) does it where the edition can (not Express and Web).
    type: str
    choices: [auto, 'on', 'off']
    default: auto
  encryption:
    description: Encrypt the backup. Without certificate and private key it cannot be restored, so keep a copy of both.
    type: dict
    suboptions:
      algorithm:
        description: The cipher.
        type: str
        choices: [AES_128, AES_192, AES_256, TRIPLE_DES_3KEY]
        default: AES_256
      certificate:
        description: Name of a certificate in the database C(master).
        type: str
        required: true
  credential:
    description: Name of a credential of the server for O(url), where it is not named as the container is.
    type: str
  name:
    description: Name of the backup set.
    type: str
  description:
    description: Description of the backup set.
    type: str
  max_transfer_size:
    description: Bytes of one write, a multiple of 65536.
    type: int
  buffer_count:
    description: Number of buffers. The server needs this many times O(max_transfer_size) of memory.
    type: int
  block_size:
    description: Bytes of a block, a power of two from 512 to 65536.
    type: int
  verify:
    description: Whether all of the backup is read again with C(RESTORE VERIFYONLY).
    type: bool
    default: true
  timeout:
    description:
      - Seconds for the backup and its verification. Then it is cancelled, and the message tells what is left of it.
      - Without it there is no limit.
    type: float
notes:
  - Every run that is not refused takes a backup, so it is always a change.
  - The login needs the permission C(BACKUP DATABASE), as members of C(db_backupoperator) have it, and to read C(msdb.dbo.backupset).
seealso:
  - module: octopus.upgrade.octopus_database
  - name: BACKUP
    description: What Microsoft says about the statement.
    link: https://learn.microsoft.com/sql/t-sql/statements/backup-transact-sql
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Back up a database to a share
  octopus.upgrade.mssql_backup:
    login_host: sql.example.com
    login_user: backup
    login_password: "{{ vault_sql_password }}"
    database: OctopusDeploy
    path: \\nas\backups\OctopusDeploy-{{ now(utc=true).strftime('%Y%m%dT%H%M%SZ') }}.bak
  delegate_to: localhost
  register: backup

- name: Back up in four stripes, encrypted, for at most two hours
  octopus.upgrade.mssql_backup:
    login_host: sql.example.com,1434
    database: Big data
    path:
      - E:\Backup\big-1.bak
      - E:\Backup\big-2.bak
      - F:\Backup\big-3.bak
      - F:\Backup\big-4.bak
    encryption:
      algorithm: AES_256
      certificate: BackupCertificate
    max_transfer_size: 4194304
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
  description: Name of the database, as the server spells it.
  returned: success
  type: str
  sample: OctopusDeploy
paths:
  description: The files or addresses of the backup, in the order of its stripes.
  returned: success
  type: list
  elements: str
  sample: ['D:\Backup\OctopusDeploy.bak']
sql:
  description: The statements. They hold no secret. In check mode, those that would run.
  returned: success
  type: list
  elements: str
  sample: ["BACKUP DATABASE [OctopusDeploy] TO DISK = N'D:\\Backup\\OctopusDeploy.bak' WITH COPY_ONLY, CHECKSUM, COMPRESSION"]
created_folders:
  description: Folders that were missing.
  returned: success
  type: list
  elements: str
  sample: []
estimated_bytes:
  description: Bytes in use in the database's files, about what an uncompressed backup takes.
  returned: success
  type: int
  sample: 104857600
free_bytes:
  description: Free bytes on the drive of the paths before the backup. Not there where that is not known, as for shares.
  returned: when known
  type: int
  sample: 107374182400
size:
  description: Bytes of the backup before compression.
  returned: success and not in check mode
  type: int
  sample: 104923136
compressed_size:
  description: Bytes of the backup as it is.
  returned: success and not in check mode
  type: int
  sample: 20984627
first_lsn:
  description: First log sequence number in the backup.
  returned: success and not in check mode
  type: str
  sample: '37000000012800001'
last_lsn:
  description: The log sequence number after the last one in it.
  returned: success and not in check mode
  type: str
  sample: '37000000015200001'
checkpoint_lsn:
  description: Where recovery begins.
  returned: success and not in check mode
  type: str
  sample: '37000000012800001'
backup_set_uuid:
  description: Identity of the backup set, in C(msdb) and in the file.
  returned: success and not in check mode
  type: str
  sample: 0B52B6D8-6E0C-4B3E-9E43-6B0F6B0E7C11
media_set_id:
  description: Number of the media set in this server's C(msdb).
  returned: success and not in check mode
  type: int
  sample: 12
position:
  description: Position of the backup set in the file, for C(RESTORE ... WITH FILE).
  returned: success and not in check mode
  type: int
  sample: 1
copy_only:
  description: Whether the backup is copy-only, as C(msdb) has it.
  returned: success and not in check mode
  type: bool
  sample: true
checksum:
  description: Whether the backup has checksums, as C(msdb) has it.
  returned: success and not in check mode
  type: bool
  sample: true
verified:
  description: Whether it was read again and found valid.
  returned: success and not in check mode
  type: bool
  sample: true
started_at:
  description: When it began, on the server's own clock and in its time zone.
  returned: success and not in check mode
  type: str
  sample: '2026-11-23T21:04:05'
finished_at:
  description: When it ended.
  returned: success and not in check mode
  type: str
  sample: '2026-11-23T21:05:10'
duration:
  description: Seconds between these two.
  returned: success and not in check mode
  type: float
  sample: 65.0
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup import backup
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup.options import ALGORITHMS, BackupOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import PYODBC_IMPORT_ERROR, connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError

BACKUP_SPEC = {
    "database": {"type": "str", "required": True},
    "path": {"type": "list", "elements": "str"},
    "url": {"type": "list", "elements": "str"},
    "overwrite": {"type": "str", "choices": ["never", "replace", "append"], "default": "never"},
    "create_folder": {"type": "bool", "default": False},
    "copy_only": {"type": "bool", "default": True},
    "checksum": {"type": "bool", "default": True},
    "compression": {"type": "str", "choices": ["auto", "on", "off"], "default": "auto"},
    "encryption": {
        "type": "dict",
        "options": {
            "algorithm": {"type": "str", "choices": list(ALGORITHMS), "default": "AES_256"},
            "certificate": {"type": "str", "required": True},
        },
    },
    "credential": {"type": "str"},
    "name": {"type": "str"},
    "description": {"type": "str"},
    "max_transfer_size": {"type": "int"},
    "buffer_count": {"type": "int"},
    "block_size": {"type": "int"},
    "verify": {"type": "bool", "default": True},
    "timeout": {"type": "float"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={**MSSQL_SPEC, **BACKUP_SPEC},
        mutually_exclusive=[("path", "url")],
        required_one_of=[("path", "url")],
        required_together=MSSQL_TOGETHER,
        supports_check_mode=True,
    )
    if PYODBC_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("pyodbc"), exception=PYODBC_IMPORT_ERROR)
    try:
        options = SqlOptions.from_params(module.params)
        with connect(options) as connection:
            prepared = backup.prepare(connection, BackupOptions.from_params(module.params))
            result = backup.outlook(prepared)
            if not module.check_mode:
                result |= backup.run(connection, prepared, lambda: connect(options), Progress())
    except (MssqlError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=True, **result)


if __name__ == "__main__":
    main()
