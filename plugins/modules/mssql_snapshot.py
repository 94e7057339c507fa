#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Create or drop a snapshot of a SQL Server database."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mssql_snapshot
short_description: Create or drop a snapshot of a SQL Server database
version_added: 1.0.0
description:
  - A database snapshot keeps the pages of a database as they are now. It is created in seconds and takes space only as pages change, and
    M(octopus.upgrade.mssql_snapshot_revert) is much faster than the restore of a backup.
  - It is no backup. It depends on the disks and the server of its database, and a damaged database cannot be reverted.
  - Needs SQL Server 2016 SP1 (any edition), or an Enterprise edition before that.
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
    description: The database of the snapshot.
    type: str
    required: true
  name:
    description: Name of the snapshot. Snapshots and databases share one namespace.
    type: str
    required: true
  state:
    description:
      - V(present) creates the snapshot. Nothing is done where O(database) has one of that name.
      - V(absent) drops the snapshot, and never anything but a snapshot of O(database).
    type: str
    choices: [present, absent]
    default: present
  directory:
    description:
      - Folder for the files of the snapshot, as SQL Server sees it, on NTFS. It must exist.
      - Without it, each file is beside the data file that it belongs to.
    type: str
  timeout:
    description: Seconds to create or drop the snapshot. Without it there is no limit.
    type: float
notes:
  - The login needs the permission C(CREATE DATABASE), which members of C(dbcreator) have.
  - While a snapshot exists, its database can be neither restored nor dropped, and writes cost more.
seealso:
  - module: octopus.upgrade.mssql_snapshot_info
  - module: octopus.upgrade.mssql_snapshot_revert
  - module: octopus.upgrade.mssql_backup
  - name: Database snapshots
    description: Microsoft's documentation.
    link: https://learn.microsoft.com/sql/relational-databases/databases/database-snapshots-sql-server
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Create a snapshot before something risky
  octopus.upgrade.mssql_snapshot:
    login_host: sql.example.com
    login_user: maintenance
    login_password: "{{ vault_sql_password }}"
    database: OctopusDeploy
    name: OctopusDeploy_before_upgrade
  delegate_to: localhost

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
  description: The snapshots of the database, oldest first. In check mode, those of now.
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
maximum_bytes:
  description: Bytes that the snapshot takes at most, once every page has changed.
  returned: with O(state=present), where there was no such snapshot
  type: int
  sample: 109051904
free_bytes:
  description: Free bytes on the drive of its files. Not returned where that is not known.
  returned: with O(state=present), where there was no such snapshot, when known
  type: int
  sample: 107374182400
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.snapshot import snapshot
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.snapshot.files import SnapshotOptions

SPEC: dict[str, Any] = {
    "argument_spec": {
        **MSSQL_SPEC,
        "database": {"type": "str", "required": True},
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": [snapshot.PRESENT, snapshot.ABSENT], "default": snapshot.PRESENT},
        "directory": {"type": "str"},
        "timeout": {"type": "float"},
    },
    "required_together": MSSQL_TOGETHER,
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Create or drop the snapshot; the module's result."""
    login, state = SqlOptions.from_params(params), params["state"]
    with connect(login) as connection:
        prepared = snapshot.prepare(connection, SnapshotOptions.from_params(params), state)
        result = prepared.outlook()
        if not check_mode:
            result |= snapshot.run(connection, prepared, state, lambda: connect(login))
    return {"changed": prepared.changes, **result}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
