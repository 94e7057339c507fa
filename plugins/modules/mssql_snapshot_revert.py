#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Revert a SQL Server database to a snapshot."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mssql_snapshot_revert
short_description: Revert a SQL Server database to a snapshot
version_added: 1.0.0
description:
  - Reverts a database to one of its snapshots, and loses everything written since. The snapshot remains.
  - Afterwards, the tables, their columns and their row counts are compared with those of the snapshot.
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
      - Checks server, database, permissions and obstacles, refuses what the server would refuse, and returns the statements.
  diff_mode:
    support: none
options:
  database:
    description: The database to revert.
    type: str
    required: true
  name:
    description: The snapshot.
    type: str
    required: true
  timeout:
    description:
      - Seconds to obtain exclusive use of O(database). Without it there is no limit.
      - A revert that has begun is never cancelled, since a database that is reverted in part is useless.
    type: float
notes:
  - Every run reverts, so it always reports a change.
  - The login must be a member of C(sysadmin) or C(dbcreator), or the owner of the database, and a user in it.
  - Everybody else is disconnected from the database (C(SINGLE_USER WITH ROLLBACK IMMEDIATE)). It is made available again whatever happens.
    A database that was in C(SINGLE_USER) before is in C(MULTI_USER) afterwards.
  - A database can be reverted only while it has one snapshot, is online, in no availability group or mirroring session, and has neither
    FILESTREAM or memory-optimized tables nor read-only filegroups. RV(octopus.upgrade.mssql_snapshot_info#module:obstacles) lists what is
    in the way. Files that NTFS compresses cannot be seen in advance; SQL Server refuses to revert them.
  - Reverting breaks the chain of log backups, so take a full backup next, and before it a log backup if you need its last minutes.
    Owner, permissions and settings of the database are those of the time of the snapshot, and full-text catalogs are lost.
seealso:
  - module: octopus.upgrade.mssql_snapshot
  - module: octopus.upgrade.mssql_snapshot_info
  - module: octopus.upgrade.mssql_restore
  - name: Revert a database to a database snapshot
    description: Microsoft's documentation.
    link: https://learn.microsoft.com/sql/relational-databases/databases/revert-a-database-to-a-database-snapshot
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Revert to the snapshot from before the upgrade
  octopus.upgrade.mssql_snapshot_revert:
    login_host: sql.example.com
    login_user: maintenance
    login_password: "{{ vault_sql_password }}"
    database: OctopusDeploy
    name: OctopusDeploy_before_upgrade
    timeout: 120
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
  description: Name of the database, as the server spells it.
  returned: success
  type: str
  sample: OctopusDeploy
sql:
  description: The statements. In check mode, those that would run.
  returned: success
  type: list
  elements: str
  sample: ["ALTER DATABASE [OctopusDeploy] SET SINGLE_USER WITH ROLLBACK IMMEDIATE"]
snapshots:
  description: The snapshots of the database, oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the snapshot.
      type: str
    created:
      description: When it was created, on the server's own clock and in its time zone.
      type: str
    state:
      description: V(ONLINE), or C(SUSPECT) where it has run out of space and is no longer usable.
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
  description: What prevents reverting the database to O(name). Empty where nothing is known to.
  returned: success
  type: list
  elements: str
  sample: []
recovery_model:
  description: The recovery model of the database. Unless it is C(SIMPLE), take a full backup after the revert.
  returned: success
  type: str
  sample: FULL
tables:
  description: Number of tables that were compared with the snapshot's after the revert, and found equal.
  returned: success and not in check mode
  type: int
  sample: 112
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.snapshot import revert
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.snapshot.files import SnapshotOptions

SPEC: dict[str, Any] = {
    "argument_spec": {
        **MSSQL_SPEC,
        "database": {"type": "str", "required": True},
        "name": {"type": "str", "required": True},
        "timeout": {"type": "float"},
    },
    "required_together": MSSQL_TOGETHER,
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Revert the database; the module's result."""
    login = SqlOptions.from_params(params)
    with connect(login) as connection:
        prepared = revert.prepare(connection, SnapshotOptions.from_params(params))
        result = prepared.outlook()
        if not check_mode:
            result |= revert.revert(connection, prepared, lambda: connect(login))
    return {"changed": True, "warnings": revert.warnings(prepared), **result}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
