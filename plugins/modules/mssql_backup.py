#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Back up a SQL Server database and verify the backup."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mssql_backup
short_description: Back up a SQL Server database and verify the backup
version_added: 1.0.0
description:
  - Takes a full backup with C(BACKUP DATABASE). By default it is copy-only, so that it does not affect regular backups; it has checksums,
    and is compressed where the edition supports that.
  - The absence of an error is not taken for success. The module requires SQL Server's message 3014, the backup's row in
    C(msdb) and, with O(verify=true), that C(RESTORE VERIFYONLY) has read all of it.
  - Does not need Octopus Server. The module runs on the control node and reaches SQL Server from there.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.mssql
  - octopus.upgrade.step
  - octopus.upgrade.mssql
attributes:
  check_mode:
    support: full
    details:
      - Checks server, database, permissions and paths, and returns how much space the backup needs and has. Whether the service account may
        write to a folder that it can read shows only when it writes.
  diff_mode:
    support: none
options:
  database:
    description: The database to back up.
    type: str
    required: true
  path:
    description:
      - The file to write, as SQL Server sees it. Its service account opens it on its host, so drive letters are those of that host, and
        on a share this account needs access.
      - Several files make one striped backup; all of them are needed to restore it.
    type: list
    elements: str
  url:
    description: Instead of O(path), the address of a blob or object, or of several for stripes. Needs SQL Server 2016, for C(s3://) 2022.
    type: list
    elements: str
  overwrite:
    description:
      - What to do where a file exists already. V(never) refuses, V(replace) destroys its content,
        V(append) adds another backup set to it.
      - A file that appears between the check and the backup is appended to, not destroyed.
    type: str
    choices: [never, replace, append]
    default: never
  create_folder:
    description: Create the folder of a path where it is missing (with C(xp_create_subdir), which only members of C(sysadmin) may run).
    type: bool
    default: false
  copy_only:
    description: Whether the backup is independent of the regular ones. Otherwise it becomes the base of the next differential backups.
    type: bool
    default: true
  checksum:
    description: Whether page checksums are verified during the backup, and the backup itself gets a checksum.
    type: bool
    default: true
  compression:
    description: Whether the backup is compressed. V(auto) compresses where the edition supports it (not Express and Web).
    type: str
    choices: [auto, 'on', 'off']
    default: auto
  encryption:
    description: Encrypt the backup. It cannot be restored without the certificate and its private key, so keep a copy of both.
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
    description: Bytes per write, a multiple of 65536.
    type: int
  buffer_count:
    description: Number of buffers. The server needs this number times O(max_transfer_size) of memory.
    type: int
  block_size:
    description: Bytes per block, a power of two from 512 to 65536.
    type: int
  verify:
    description: Whether the whole backup is read again with C(RESTORE VERIFYONLY).
    type: bool
    default: true
  timeout:
    description:
      - Seconds for the backup and its verification. After that it is cancelled, and the message says what is left of it.
      - Without it there is no limit.
    type: float
notes:
  - Every run takes a backup, so it always reports a change.
  - The login needs the permission C(BACKUP DATABASE), which members of C(db_backupoperator) have, and read access to C(msdb.dbo.backupset).
seealso:
  - module: octopus.upgrade.mssql_backup_verify
  - module: octopus.upgrade.mssql_restore_test
  - module: octopus.upgrade.mssql_restore
  - name: BACKUP
    description: Microsoft's documentation of the statement.
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
  description: Folders that were missing and have been created.
  returned: success
  type: list
  elements: str
  sample: []
estimated_bytes:
  description: Bytes in use in the database's files, about the size of an uncompressed backup.
  returned: success
  type: int
  sample: 104857600
encrypted:
  description:
    - Whether the database is encrypted (TDE), and so the backup. A SQL Server without the certificate and its private key cannot restore it.
  returned: success
  type: bool
  sample: false
free_bytes:
  description: Free bytes on the drive of the paths before the backup. Not returned where that is not known, as for shares.
  returned: when known
  type: int
  sample: 107374182400
size:
  description: Bytes of the backup before compression.
  returned: success and not in check mode
  type: int
  sample: 104923136
compressed_size:
  description: Bytes of the backup after compression.
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
  description: Whether the backup is copy-only, according to C(msdb).
  returned: success and not in check mode
  type: bool
  sample: true
checksum:
  description: Whether the backup has checksums, according to C(msdb).
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

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup import backup
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup.options import BACKUP_SPEC, BackupOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions

SPEC: dict[str, Any] = {
    "argument_spec": {**MSSQL_SPEC, **BACKUP_SPEC},
    "mutually_exclusive": [("path", "url")],
    "required_one_of": [("path", "url")],
    "required_together": MSSQL_TOGETHER,
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Back up the database; the module's result."""
    login = SqlOptions.from_params(params)
    with connect(login) as connection:
        prepared = backup.prepare(connection, BackupOptions.from_params(params))
        result = backup.outlook(prepared)
        if not check_mode:
            result |= backup.run(connection, prepared, lambda: connect(login), Progress())
    return {"changed": True, **result}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
