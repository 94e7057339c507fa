#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List the snapshots of a SQL Server database."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mssql_snapshot_info
short_description: List the snapshots of a SQL Server database
version_added: 1.0.0
description:
  - Returns the snapshots of a database, and what prevents reverting the database to one. A missing database has none.
  - Does not need Octopus Server. The module runs on the control node and reaches SQL Server from there.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.mssql
  - octopus.upgrade.step
  - octopus.upgrade.mssql
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  database:
    description: The database.
    type: str
    required: true
  name:
    description: The snapshot to which RV(obstacles) applies. Without it, any snapshot.
    type: str
notes:
  - The files of snapshots are shown only to logins with the server role C(dbcreator) or more.
seealso:
  - module: octopus.upgrade.mssql_snapshot
  - module: octopus.upgrade.mssql_snapshot_revert
  - name: Database snapshots
    description: Microsoft's documentation.
    link: https://learn.microsoft.com/sql/relational-databases/databases/database-snapshots-sql-server
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: List the snapshots of a database
  octopus.upgrade.mssql_snapshot_info:
    login_host: sql.example.com
    login_user: maintenance
    login_password: "{{ vault_sql_password }}"
    database: OctopusDeploy
  delegate_to: localhost
  register: found
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
state:
  description: The state of the database. Null where there is none of that name that the login may see.
  returned: success
  type: str
  sample: ONLINE
obstacles:
  description: What prevents reverting the database to O(name), or to any snapshot without it. Empty where nothing is known to.
  returned: success
  type: list
  elements: str
  sample: []
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.snapshot.files import SnapshotOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.snapshot.source import survey

SPEC: dict[str, Any] = {
    "argument_spec": {**MSSQL_SPEC, "database": {"type": "str", "required": True}, "name": {"type": "str"}},
    "required_together": MSSQL_TOGETHER,
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Look up the snapshots, which changes nothing; the module's result."""
    with connect(SqlOptions.from_params(params)) as connection:
        found = survey(connection, SnapshotOptions.from_params(params), may_be_missing=True)
    return {**found.seen(), "state": found.source.state if found.source else None}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
