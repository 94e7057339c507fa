#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take a snapshot of a SQL Server database, revert the database to it, or drop it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mssql_snapshot
short_description: Take a snapshot of a SQL Server database, revert the database to it, or drop it
version_added: 1.0.0
description:
  - A database snapshot keeps the pages of a database as they are now. It is taken in seconds, takes room only as pages change, and
    the database can be reverted to it much faster than a backup is restored.
  - It is no backup. It lives and dies with the disks and the server of its database, and a damaged database cannot be reverted.
  - Needs SQL Server 2016 SP1 (any edition), or an Enterprise edition before that.
  - Needs nothing of Octopus Server. The module runs on the control node and reaches SQL Server from there.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.mssql
  - octopus.upgrade.mssql
attributes:
  check_mode:
    support: full
    details:
      - Looks at server, database, permission and what stands in the way, refuses what the server would refuse, and shows the statements.
  diff_mode:
    support: none
options:
  database:
    description: The database that the snapshot is of.
    type: str
    required: true
  name:
    description: Name of the snapshot. It shares the namespace of databases. Needed unless O(state=listed).
    type: str
  state:
    description:
      - V(present) takes the snapshot. Nothing is done where O(database) has one of that name.
      - V(reverted) brings O(database) back to the snapshot, and loses what was written since. The snapshot remains. It is always a change.
      - V(absent) drops the snapshot, and never anything but a snapshot of O(database).
      - V(listed) changes nothing.
    type: str
    choices: [present, reverted, absent, listed]
    default: present
  directory:
    description:
      - Folder for the files of the snapshot, as SQL Server sees it, with NTFS. It has to exist.
      - Without it, each is beside the data file that it belongs to.
    type: str
  timeout:
    description:
      - Seconds for the snapshot to be taken or dropped, or until O(database) is had for this alone. Without it there is no limit.
      - A revert that has begun is never cancelled, since a database that is reverted in part is of no use.
    type: float
notes:
  - The login needs the permission C(CREATE DATABASE), as members of C(dbcreator) have it. To revert, it has to be a member of C(sysadmin)
    or C(dbcreator), or the owner of the database, and a user in it.
  - To revert, everybody else is thrown out of the database (C(SINGLE_USER WITH ROLLBACK IMMEDIATE)). It is opened again whatever happens.
    C(MULTI_USER) is also what a database gets that was found in C(SINGLE_USER).
  - A database can be reverted only while it has one snapshot, is online and in no availability group or mirroring session, and has neither
    FILESTREAM or memory-optimized tables nor read-only filegroups. RV(obstacles) tells. Files that NTFS compresses are not seen from
    here; SQL Server refuses to revert them.
  - Reverting breaks the chain of log backups, so take a full backup next, and a log backup before where you need its last minutes.
    Owner, permissions and settings of the database are then those of the time of the snapshot, and full-text catalogs are gone.
  - While a snapshot exists its database can be neither restored nor dropped, and writes cost more.
seealso:
  - module: octopus.upgrade.mssql_backup
  - name: Database snapshots
    description: What Microsoft says about them.
    link: https://learn.microsoft.com/sql/relational-databases/databases/database-snapshots-sql-server
  - name: Revert a database to a database snapshot
    description: What Microsoft says about going back.
    link: https://learn.microsoft.com/sql/relational-databases/databases/revert-a-database-to-a-database-snapshot
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Take a snapshot before something risky
  octopus.upgrade.mssql_snapshot:
    login_host: sql.example.com
    login_user: maintenance
    login_password: "{{ vault_sql_password }}"
    database: OctopusDeploy
    name: OctopusDeploy_before_upgrade
  delegate_to: localhost

- name: Go back to it
  octopus.upgrade.mssql_snapshot:
    login_host: sql.example.com
    database: OctopusDeploy
    name: OctopusDeploy_before_upgrade
    state: reverted
    timeout: 120

- name: Drop it
  octopus.upgrade.mssql_snapshot:
    login_host: sql.example.com
    database: OctopusDeploy
    name: OctopusDeploy_before_upgrade
    state: absent
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
sql:
  description: The statements. In check mode, those that would run. Empty where there is nothing to do.
  returned: success
  type: list
  elements: str
  sample: ["CREATE DATABASE [before] ON (NAME = [Octopus], FILENAME = N'D:\\Data\\Octopus.before.ss') AS SNAPSHOT OF [OctopusDeploy]"]
snapshots:
  description: The snapshots that the database has, oldest first. In check mode, those that it has now.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the snapshot.
      type: str
    created:
      description: When it was taken, on the server's own clock and in its time zone.
      type: str
    state:
      description: V(ONLINE), or C(SUSPECT) where it has run out of room and is of no use any more.
      type: str
    paths:
      description: Its files.
      type: list
      elements: str
  sample:
    - name: OctopusDeploy_before_upgrade
      created: '2026-11-23T21:04:05.123000'
      state: ONLINE
      paths: ['D:\Data\Octopus.OctopusDeploy_before_upgrade.ss']
obstacles:
  description: What stands in the way of reverting the database to O(name), or to any snapshot without it. Empty where nothing is known to.
  returned: success
  type: list
  elements: str
  sample: []
maximum_bytes:
  description: Bytes that the snapshot takes at most, once every page has changed.
  returned: with O(state=present), where there is no such snapshot yet
  type: int
  sample: 109051904
free_bytes:
  description: Free bytes on the drive of its files. Not there where that is not known.
  returned: with O(state=present), where there is no such snapshot yet, when known
  type: int
  sample: 107374182400
recovery_model:
  description: The recovery model of the database. Unless it is C(SIMPLE), take a full backup after the revert.
  returned: with O(state=reverted)
  type: str
  sample: FULL
tables:
  description: Number of tables whose columns and rows were compared with the snapshot's after the revert, and found alike.
  returned: with O(state=reverted) and not in check mode
  type: int
  sample: 112
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import PYODBC_IMPORT_ERROR, connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.snapshot import snapshot
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.snapshot.files import STATES, SnapshotOptions


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **MSSQL_SPEC,
            "database": {"type": "str", "required": True},
            "name": {"type": "str"},
            "state": {"type": "str", "choices": list(STATES), "default": "present"},
            "directory": {"type": "str"},
            "timeout": {"type": "float"},
        },
        required_together=MSSQL_TOGETHER,
        supports_check_mode=True,
    )
    if PYODBC_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("pyodbc"), exception=PYODBC_IMPORT_ERROR)
    try:
        options = SqlOptions.from_params(module.params)
        with connect(options) as connection:
            prepared = snapshot.prepare(connection, SnapshotOptions.from_params(module.params))
            result = snapshot.outlook(prepared)
            if not module.check_mode:
                result |= snapshot.run(connection, prepared, lambda: connect(options))
    except (MssqlError, ValueError) as error:
        module.fail_json(msg=str(error))
    if prepared.breaks_log_chain:
        module.warn(f"A revert breaks the chain of log backups: take a full backup of {prepared.options.database} next")
    module.exit_json(changed=prepared.changes, **result)


if __name__ == "__main__":
    main()
